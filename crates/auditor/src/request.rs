//! A request as it was ordered, and the proof of it that is kept.

use bytes::Bytes;
use trustkeep_contract::ClientIdentityKey;
use trustkeep_crypto::hash;
use trustkeep_scalar_domain::asset::{Origin, contract_reference};
use trustkeep_scalar_domain::requests::{self, Execution};
use trustkeep_scalar_rpc::Result;
use trustkeep_scalar_rpc::argument::Argument;
use trustkeep_scalar_rpc::messages::ContractExecutionRequest;
use trustkeep_scalar_rpc::signing;
use trustkeep_store::{Key, Record, Row, Value, Version};

use crate::claims::{self, Claims};
use crate::failure;

/// What a client asked for and signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The transaction's id.
    pub(crate) nonce: String,
    /// The contract as the client named it.
    pub(crate) contract_id: String,
    /// The whole argument as it was signed.
    pub(crate) argument: String,
    /// Who asks.
    pub(crate) client: ClientIdentityKey,
    /// As it was signed: empty for `default`.
    pub(crate) signed_namespace: String,
    /// The client's signature.
    pub(crate) signature: Bytes,
}

impl Request {
    /// Reads a message and checks its fields; its signature is not checked here.
    ///
    /// # Errors
    /// As [`Execution::of`].
    pub(crate) fn of(message: &ContractExecutionRequest) -> Result<Self> {
        let execution = Execution::of(message)?;
        Ok(Self {
            nonce: execution.argument.nonce.into_owned(),
            contract_id: message.contract_id.clone(),
            argument: message.contract_argument.clone(),
            client: execution.client,
            signed_namespace: requests::signed_namespace(execution.context_namespace).to_owned(),
            signature: message.signature.clone(),
        })
    }

    /// The namespace it is in, spelt out.
    pub(crate) fn context_namespace(&self) -> &str {
        requests::context_namespace(&self.signed_namespace)
    }

    /// What the client signed.
    pub(crate) fn signing_bytes(&self) -> Vec<u8> {
        signing::execution(
            &self.contract_id,
            &self.argument,
            &self.signed_namespace,
            &self.client.entity_id,
            self.client.key_version,
        )
    }

    /// What its contract sees.
    ///
    /// # Errors
    /// 502 with DL-COMMON-414017 for an argument that has no form.
    pub(crate) fn contract_argument(&self) -> Result<&str> {
        Ok(Argument::parse(&self.argument)?.contract_argument)
    }

    /// What its rows record of it.
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            argument: self.argument.clone(),
            contract_id: contract_reference(&self.client, &self.contract_id),
            signature: self.signature.clone(),
        }
    }

    /// The row of its proof, with what it claims, at a time in milliseconds since 1970.
    pub(crate) fn row(&self, claims: &Claims, now: i64) -> Row {
        let namespace = &self.signed_namespace;
        Row::new(vec![
            Some(Value::from(self.contract_id.as_str())),
            Some(Value::from(self.argument.as_str())),
            Some(Value::from(self.client.entity_id.as_str())),
            Some(Value::Int(self.client.key_version.into())),
            Some(Value::Bytes(self.signature.clone())),
            Some(Value::from(claims::encode(claims))),
            Some(Value::Int(now)),
            (!namespace.is_empty()).then(|| Value::from(namespace.as_str())),
        ])
    }
}

/// A request proof as it stands in the store.
#[derive(Clone, Debug)]
pub(crate) struct RequestProof {
    /// What was ordered.
    pub(crate) request: Request,
    /// What was locked for it.
    pub(crate) claims: Claims,
    /// When, in milliseconds since 1970 of the clock of the process that ordered it.
    pub(crate) registered_at: i64,
    /// The row's version.
    pub(crate) version: Version,
}

impl RequestProof {
    /// Reads a row.
    ///
    /// # Errors
    /// 305001 for one that cannot be ours.
    pub(crate) fn of(record: &Record) -> Result<Self> {
        let odd = failure::request_differs;
        let text = |column| record.text(column).map(str::to_owned).ok_or_else(odd);
        let nonce = record.key.partition.as_text().ok_or_else(odd)?;
        let key_version = record.int(CERT_VERSION).and_then(|version| u32::try_from(version).ok());
        Ok(Self {
            request: Request {
                nonce: nonce.to_owned(),
                contract_id: text(CONTRACT_ID)?,
                argument: text(CONTRACT_ARGUMENT)?,
                client: ClientIdentityKey {
                    entity_id: text(CERT_HOLDER_ID)?,
                    key_version: key_version.ok_or_else(odd)?,
                },
                signed_namespace: record.text(CONTEXT_NAMESPACE).unwrap_or_default().to_owned(),
                signature: record.bytes(SIGNATURE).cloned().ok_or_else(odd)?,
            },
            claims: claims::parse(record.text(READ_WRITE_SET_KEYS).ok_or_else(odd)?)?,
            registered_at: record.int(REGISTERED_AT).ok_or_else(odd)?,
            version: record.version,
        })
    }
}

/// Where the fingerprint of a purged nonce stands: half of its SHA-256. Whoever finds two that share it
/// has spoilt two nonces of their own.
pub(crate) fn fingerprint(nonce: &str) -> Key {
    let digest = hash::sha256(nonce.as_bytes());
    let half = digest.get(..FINGERPRINT_BYTES).unwrap_or(&digest);
    Key::of(Bytes::copy_from_slice(half))
}

const FINGERPRINT_BYTES: usize = 16;
// Columns of `request_proof`.
const CONTRACT_ID: usize = 0;
const CONTRACT_ARGUMENT: usize = 1;
const CERT_HOLDER_ID: usize = 2;
const CERT_VERSION: usize = 3;
const SIGNATURE: usize = 4;
const READ_WRITE_SET_KEYS: usize = 5;
const REGISTERED_AT: usize = 6;
const CONTEXT_NAMESPACE: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;
    use trustkeep_scalar_domain::asset::AssetKey;

    #[test]
    fn a_request_proof_comes_back_as_it_went() -> Result<()> {
        let request = Request {
            nonce: "n".into(),
            contract_id: "c".into(),
            argument: "V2\u{1}n\u{3}\u{3}{}".into(),
            client: ClientIdentityKey { entity_id: "alice".into(), key_version: 2 },
            signed_namespace: String::new(),
            signature: Bytes::from_static(b"signature"),
        };
        let key = AssetKey { namespace: "default".into(), id: "a".into() };
        let claims = Claims::from_iter([(key, crate::claims::Claim { age: None, write: true })]);
        let record = Record { key: Key::of("n"), version: Version(3), row: request.row(&claims, 5) };
        let proof = RequestProof::of(&record)?;
        assert_eq!((proof.request, proof.claims, proof.registered_at), (request, claims, 5));
        let empty = Record { row: Row::new(vec![None; 8]), ..record };
        assert_eq!(RequestProof::of(&empty).unwrap_err().code.number(), 305);
        Ok(())
    }
}
