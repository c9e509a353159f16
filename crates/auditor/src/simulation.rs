//! Executing a request on our own rows, on a thread that may block unless it is brief.

use std::collections::BTreeMap;

use trustkeep_contract::budget;
use trustkeep_scalar_domain::asset::AssetKey;
use trustkeep_scalar_domain::brief::{self, BriefContracts, Wait, Way};
use trustkeep_scalar_domain::contracts::Contracts;
use trustkeep_scalar_domain::execution::{self, Call, Outcome};
use trustkeep_scalar_rpc::Result;

use crate::books::Books;
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
        let simulate = |books: &Books, contracts: &Contracts, request: &Request, way: Way<'_>| {
            let mut reader = Reader::standing(books, way);
            let outcome = budget::transaction(&request.client.entity_id, false, || {
                run(request, contracts, &mut reader, way)
            });
            let (seen, writer) = reader.into_seen();
            match outcome.and_then(|outcome| Case::of(request.clone(), outcome)) {
                Ok(case) => Ok(Simulated { case, seen }),
                Err(error) => Err(Box::new(Stopped { error, writer })),
            }
        };
        let brief = brief::attempt(&*self.books.store, &request.argument, |brief| {
            simulate(&self.books, &self.contracts, request, Way::Brief(brief))
        });
        if let Some(simulated) = brief {
            return simulated;
        }
        let (books, contracts) = (self.books.clone(), self.contracts.clone());
        let (request, wait) = (request.clone(), Wait::here());
        let run = move || Ok(simulate(&books, &contracts, &request, Way::Waiting(&wait)));
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
        let (request, claims, wait) = (request.clone(), claims.clone(), Wait::here());
        let run = move || {
            let way = Way::Waiting(&wait);
            let mut reader = Reader::claimed(&books, way, &claims);
            let payer = &request.client.entity_id;
            let outcome = budget::transaction(payer, true, || run(&request, &contracts, &mut reader, way))?;
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

fn run(request: &Request, contracts: &Contracts, reader: &mut Reader<'_>, way: Way<'_>) -> Result<Outcome> {
    let call = Call {
        client: request.client.clone(),
        context_namespace: request.context_namespace(),
        contract_id: &request.contract_id,
        argument: request.contract_argument()?,
    };
    match way {
        Way::Waiting(_) => execution::execute(&call, contracts, reader),
        Way::Brief(execution) => execution::execute(&call, &BriefContracts { contracts, execution }, reader),
    }
}
