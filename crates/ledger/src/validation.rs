//! Validating an asset by the Ledger alone: every state is computed again and compared with what is stored.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use trustkeep_contract::{AssetFilter, budget};
use trustkeep_crypto::hash::sha256;
use trustkeep_scalar_domain::asset::{self, AssetKey, AssetRow};
use trustkeep_scalar_domain::brief::Wait;
use trustkeep_scalar_domain::execution::{self, AssetReader, Call, ContractSource};
use trustkeep_scalar_domain::identities::Identities;
use trustkeep_scalar_rpc::argument::Argument;
use trustkeep_scalar_rpc::signing::{self, DEFAULT_NAMESPACE};
use trustkeep_scalar_rpc::{Error, Result, StatusCode};
use trustkeep_store::Order;

use crate::assets::{Assets, PAGE};
use crate::failure::{inconsistent, ledger};
use crate::reader::{Room, scan};

/// How many states one validation looks at: more are to be validated by ranges of ages.
pub(crate) const STATES_MAX: usize = 1 << 20;

/// Computes states again.
pub(crate) struct Validator {
    pub(crate) assets: Assets,
    pub(crate) identities: Arc<Identities>,
    pub(crate) contracts: Arc<dyn ContractSource + Send + Sync>,
}

/// What is validated.
pub(crate) struct Span {
    pub(crate) key: AssetKey,
    /// The client's, spelt out: contracts and identities of the states are looked up in it.
    pub(crate) context_namespace: String,
    /// Inclusive.
    pub(crate) first: u32,
    /// Inclusive.
    pub(crate) last: u32,
}

/// What a validation came to.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// 200, 409 if there was no state, or what is wrong with `row`.
    pub(crate) code: StatusCode,
    /// The first state that is wrong, or else the last one.
    pub(crate) row: Option<AssetRow>,
}

impl Validator {
    /// Validates the states of a span in ascending order, a page at a time, on a thread that may block.
    ///
    /// # Errors
    /// 305 if a state that was read by another, or that the asset's metadata names, is missing; 400 for a stored signature
    /// without the form of one, where certificates are used; 414 for more than [`STATES_MAX`] states; what loading contracts and keys fails with.
    pub(crate) fn validate(&self, span: &Span, wait: &Wait) -> Result<Verdict> {
        let mut before: Option<AssetRow> = None;
        let mut nonces = HashSet::new();
        let mut first = span.first;
        let mut more = true;
        while more && first <= span.last {
            let ages = (first, span.last);
            let page = wait.on(self.assets.states(&span.key, ages, Order::Ascending, PAGE))?;
            more = page.more;
            for row in page.rows {
                first = row.age.saturating_add(1);
                if nonces.len() >= STATES_MAX {
                    return Err(Error::new(
                        StatusCode::InvalidArgument,
                        format!(
                            "One validation covers at most {STATES_MAX} ages: give start_age and end_age."
                        ),
                    ));
                }
                if let Err(stop) = self.check(span, &row, before.as_ref(), &mut nonces, wait) {
                    let fault = stop.fault()?;
                    tracing::error!(
                        asset = span.key.id, namespace = span.key.namespace, age = row.age, %fault,
                        "a state of an asset is not valid"
                    );
                    return Ok(Verdict { code: fault.code, row: Some(row) });
                }
                before = Some(row);
            }
        }
        // Asked for last: states that are appended meanwhile cannot look like ones that the metadata does not know.
        let (latest, _) = wait.on(self.assets.latest(&span.key))?;
        if before.as_ref().is_some_and(|row| latest.is_none_or(|latest| latest.age < row.age)) {
            return Err(inconsistent());
        }
        let code = if before.is_some() { StatusCode::Ok } else { StatusCode::AssetNotFound };
        Ok(Verdict { code, row: before })
    }

    /// Checks one state.
    fn check(
        &self,
        span: &Span,
        row: &AssetRow,
        before: Option<&AssetRow>,
        nonces: &mut HashSet<[u8; 16]>,
        wait: &Wait,
    ) -> std::result::Result<(), Stop> {
        let (client, contract_id) = asset::parse_contract_reference(&row.contract_id).map_err(Stop::Fault)?;
        let context = span.context_namespace.as_str();
        let signed = signing::execution(
            contract_id,
            &row.argument,
            if context == DEFAULT_NAMESPACE { "" } else { context },
            &client.entity_id,
            client.key_version,
        );
        let holder = wait.on(self.identities.verifier(context, &client.entity_id, client.key_version));
        let holds = match holder {
            Ok(verifier) if !verifier.is_formed(&row.signature) => {
                let text = "Validating signature failed. Details: the signature is not of the form of one.";
                let error = Error::numbered(StatusCode::InvalidSignature, "COMMON", 2, text);
                return Err(Stop::Failure(error));
            }
            Ok(verifier) => verifier.holds(&signed, &row.signature),
            // A row that names somebody whom nobody registered was not written by a request.
            Err(error) if is_missing_key(&error) => false,
            Err(error) => return Err(Stop::Failure(error)),
        };
        if !holds {
            return Err(Stop::Fault(fault(
                StatusCode::InvalidContract,
                "Validation failed for the contract.",
            )));
        }
        self.check_output(span, row, before, &client, contract_id, wait)?;
        if before.is_some_and(|before| row.prev_hash.as_ref() != Some(&before.hash)) {
            return Err(Stop::Fault(fault(
                StatusCode::InvalidPrevHash,
                "Validation failed for the previous hash.",
            )));
        }
        if row.computed_hash(&span.key.id) != row.hash {
            return Err(Stop::Fault(fault(StatusCode::InvalidHash, "Validation failed for the hash.")));
        }
        let nonce = row.nonce().map_err(Stop::Fault)?;
        if !nonces.insert(fingerprint(&nonce)) {
            let text = format!(
                "Validation failed for nonce. {} contains the nonce '{nonce}' more than once.",
                span.key.id
            );
            return Err(Stop::Fault(fault(StatusCode::InvalidNonce, &text)));
        }
        Ok(())
    }

    /// Executes the contract on what it had read and compares what it puts.
    fn check_output(
        &self,
        span: &Span,
        row: &AssetRow,
        before: Option<&AssetRow>,
        client: &trustkeep_contract::ClientIdentityKey,
        contract_id: &str,
        wait: &Wait,
    ) -> std::result::Result<(), Stop> {
        let argument = Argument::parse(&row.argument).map_err(Stop::Failure)?;
        let call = Call {
            client: client.clone(),
            context_namespace: &span.context_namespace,
            contract_id,
            argument: argument.contract_argument,
        };
        let mut tracer = Tracer::load(self, span, row, before, wait).map_err(Stop::Failure)?;
        let execute = || execution::execute(&call, &*self.contracts, &mut tracer);
        let recomputed = match budget::transaction(&client.entity_id, true, execute) {
            Ok(outcome) => outcome.written.get(&span.key).cloned().unwrap_or_default(),
            // What the contract makes of these inputs is not what it made of the ones it had.
            Err(error)
                if matches!(error.code, StatusCode::ContractContextualError | StatusCode::RuntimeError) =>
            {
                error.message
            }
            Err(error) => return Err(Stop::Failure(error)),
        };
        if recomputed == row.output {
            return Ok(());
        }
        let text =
            format!("Validation failed for the output. Recomputed: {recomputed}; Stored: {}", row.output);
        Err(Stop::Fault(fault(StatusCode::InvalidOutput, &text)))
    }
}

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Validator").field("assets", &self.assets).finish_non_exhaustive()
    }
}

/// Why a state was not found right.
enum Stop {
    /// The state is wrong: the validation's verdict.
    Fault(Error),
    /// Nobody can say: the validation's error.
    Failure(Error),
}

impl Stop {
    fn fault(self) -> Result<Error> {
        match self {
            Self::Fault(error) => Ok(error),
            Self::Failure(error) => Err(error),
        }
    }
}

/// The assets as they were when a state was written: each at the age that the state's input names.
struct Tracer<'a> {
    assets: &'a Assets,
    wait: &'a Wait,
    inputs: BTreeMap<AssetKey, AssetRow>,
    room: Room,
}

impl<'a> Tracer<'a> {
    fn load(
        validator: &'a Validator,
        span: &Span,
        row: &AssetRow,
        before: Option<&AssetRow>,
        wait: &'a Wait,
    ) -> Result<Self> {
        let reads = asset::parse_input(&row.input, &span.context_namespace)?;
        if reads.len() > execution::READS_MAX {
            return Err(missing_input());
        }
        let (mut inputs, mut room) = (BTreeMap::new(), Room::new());
        for (key, age) in reads {
            let known = before.filter(|before| key == span.key && before.age == age).cloned();
            let read = match known {
                Some(read) => read,
                None => wait.on(validator.assets.at(&key, age))?.ok_or_else(missing_input)?,
            };
            room.take(&read)?;
            inputs.insert(key, read);
        }
        Ok(Self { assets: &validator.assets, wait, inputs, room })
    }
}

impl AssetReader for Tracer<'_> {
    fn latest(&mut self, key: &AssetKey) -> Result<Option<AssetRow>> {
        Ok(self.inputs.get(key).cloned())
    }

    fn scan(&mut self, key: &AssetKey, filter: &AssetFilter) -> Result<Vec<AssetRow>> {
        let Some(latest) = self.inputs.get(key).map(|row| row.age) else { return Ok(Vec::new()) };
        let ages = (filter.start_age.unwrap_or(0), filter.end_age.map_or(latest, |end| end.min(latest)));
        self.wait.on(scan(self.assets, key, ages, filter, &mut self.room))
    }
}

fn missing_input() -> Error {
    ledger(StatusCode::InconsistentStates, 2, "The asset specified by input dependencies is not found.")
}

fn fault(code: StatusCode, text: &str) -> Error {
    ledger(code, 1, text)
}

fn is_missing_key(error: &Error) -> bool {
    matches!(
        error.code,
        StatusCode::CertificateNotFound | StatusCode::SecretNotFound | StatusCode::InvalidArgument
    )
}

fn fingerprint(nonce: &str) -> [u8; 16] {
    let digest = sha256(nonce.as_bytes());
    std::array::from_fn(|index| digest.get(index).copied().unwrap_or_default())
}
