//! Executing a request on our own rows, on a thread that may block.

use std::collections::BTreeMap;

use tokio::runtime::Handle;
use trustkeep_contract::budget;
use trustkeep_scalar_domain::asset::AssetKey;
use trustkeep_scalar_domain::execution::{self, Call, Outcome};
use trustkeep_scalar_rpc::Result;

use crate::case::Case;
use crate::claims::Claims;
use crate::failure;
use crate::locks::SeenLock;
use crate::reading::Reader;
use crate::request::Request;
use crate::service::Auditor;

/// A simulation that came to its end.
pub(crate) struct Simulated {
    pub(crate) case: Case,
    /// The locks as they were seen, one for each claim.
    pub(crate) seen: BTreeMap<AssetKey, SeenLock>,
}

/// Why there is no simulation.
pub(crate) struct Stopped {
    pub(crate) error: trustkeep_scalar_rpc::Error,
    /// Who writes an asset that would have been read.
    pub(crate) writer: Option<String>,
}

impl Auditor {
    /// Executes a request at the ages that the locks say now.
    pub(crate) async fn simulate(&self, request: &Request) -> std::result::Result<Simulated, Box<Stopped>> {
        let (books, contracts) = (self.books.clone(), self.contracts.clone());
        let (request, runtime) = (request.clone(), Handle::current());
        let run = move || {
            let mut reader = Reader::standing(&books, runtime);
            let payer = &request.client.entity_id;
            let outcome = budget::transaction(payer, false, || run(&request, &*contracts, &mut reader));
            let (seen, writer) = reader.into_seen();
            Ok(match outcome.and_then(|outcome| Case::of(request, outcome)) {
                Ok(case) => Ok(Simulated { case, seen }),
                Err(error) => Err(Box::new(Stopped { error, writer })),
            })
        };
        match self.blocking.run(run).await {
            Ok(simulated) => simulated,
            Err(error) => Err(Box::new(Stopped { error, writer: None })),
        }
    }

    /// Executes a request at the ages that it claimed.
    ///
    /// # Errors
    /// 305008 if it no longer reads and writes what it claimed; what the contract and the books fail with.
    pub(crate) async fn replay(&self, request: &Request, claims: &Claims) -> Result<Case> {
        let (books, contracts) = (self.books.clone(), self.contracts.clone());
        let (request, claims, runtime) = (request.clone(), claims.clone(), Handle::current());
        let run = move || {
            let mut reader = Reader::claimed(&books, runtime, &claims);
            let payer = &request.client.entity_id;
            let outcome = budget::transaction(payer, true, || run(&request, &*contracts, &mut reader))?;
            let case = Case::of(request, outcome)?;
            let differs = |(key, claim)| (case.claims.get(key) != Some(claim)).then_some(key);
            match claims.iter().find_map(differs) {
                Some(key) => Err(failure::lock_inconsistent(key)),
                None => Ok(case),
            }
        };
        self.blocking.run(run).await
    }
}

fn run(
    request: &Request,
    contracts: &dyn execution::ContractSource,
    reader: &mut Reader<'_>,
) -> Result<Outcome> {
    let call = Call {
        client: request.client.clone(),
        context_namespace: request.context_namespace(),
        contract_id: &request.contract_id,
        argument: request.contract_argument()?,
    };
    execution::execute(&call, contracts, reader)
}
