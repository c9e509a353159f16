//! The bytes that are signed: fields one after another, texts in UTF-8, numbers as four bytes big-endian.
//!
//! A field that is absent or empty is no byte at all. That is ambiguous across field borders, and cannot be mended
//! without losing the clients there are.

use crate::messages::{
    AssetProof, AssetProofRetrievalRequest, ContractExecutionRequest, ContractRegistrationRequest,
    ContractsListingRequest, ExecutionAbortRequest, ExecutionFinishRequest, LedgerValidationRequest,
    SignedFunctionRegistrationRequest,
};

/// The namespace that a proof leaves out of what it signs.
pub const DEFAULT_NAMESPACE: &str = "default";

/// Something whose sender signs it.
pub trait Signed {
    /// What is signed.
    fn signing_bytes(&self) -> Vec<u8>;
}

impl Signed for ContractRegistrationRequest {
    fn signing_bytes(&self) -> Vec<u8> {
        Bytes::default()
            .text(&self.contract_id)
            .text(&self.contract_binary_name)
            .bytes(&self.contract_byte_code)
            .text(&self.contract_properties)
            .text(&self.context_namespace)
            .signer(&self.entity_id, self.key_version)
    }
}

impl Signed for ContractsListingRequest {
    fn signing_bytes(&self) -> Vec<u8> {
        Bytes::default()
            .text(&self.contract_id)
            .text(&self.context_namespace)
            .signer(&self.entity_id, self.key_version)
    }
}

impl Signed for ContractExecutionRequest {
    fn signing_bytes(&self) -> Vec<u8> {
        execution(
            &self.contract_id,
            &self.contract_argument,
            &self.context_namespace,
            &self.entity_id,
            self.key_version,
        )
    }
}

impl Signed for LedgerValidationRequest {
    fn signing_bytes(&self) -> Vec<u8> {
        Bytes::default()
            .text(&self.namespace)
            .text(&self.asset_id)
            .number(self.start_age)
            .number(self.end_age)
            .text(&self.context_namespace)
            .signer(&self.entity_id, self.key_version)
    }
}

impl Signed for AssetProofRetrievalRequest {
    fn signing_bytes(&self) -> Vec<u8> {
        Bytes::default()
            .text(&self.namespace)
            .text(&self.asset_id)
            .bytes(&self.age.to_be_bytes())
            .signer(&self.entity_id, self.key_version)
    }
}

impl Signed for ExecutionAbortRequest {
    fn signing_bytes(&self) -> Vec<u8> {
        Bytes::default().text(&self.nonce).signer(&self.entity_id, self.key_version)
    }
}

impl Signed for ExecutionFinishRequest {
    fn signing_bytes(&self) -> Vec<u8> {
        Bytes::default().text("finish").text(&self.nonce).signer(&self.entity_id, self.key_version)
    }
}

impl Signed for SignedFunctionRegistrationRequest {
    fn signing_bytes(&self) -> Vec<u8> {
        Bytes::default()
            .text(&self.function_id)
            .text(&self.function_binary_name)
            .bytes(&self.function_byte_code)
            .text(&self.context_namespace)
            .signer(&self.entity_id, self.key_version)
    }
}

impl Signed for AssetProof {
    fn signing_bytes(&self) -> Vec<u8> {
        let namespace = if self.namespace == DEFAULT_NAMESPACE { "" } else { &self.namespace };
        Bytes::default()
            .text(namespace)
            .text(&self.asset_id)
            .number(self.age)
            .text(&self.nonce)
            .text(&self.input)
            .bytes(&self.hash)
            .bytes(&self.prev_hash)
            .0
    }
}

/// What the client of an execution signs: also checked long after the request, from what an asset's row keeps.
#[must_use]
pub fn execution(
    contract_id: &str,
    contract_argument: &str,
    context_namespace: &str,
    entity_id: &str,
    key_version: u32,
) -> Vec<u8> {
    Bytes::default()
        .text(contract_id)
        .text(contract_argument)
        .text(context_namespace)
        .signer(entity_id, key_version)
}

#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    fn number(self, number: u32) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn signer(self, entity_id: &str, key_version: u32) -> Vec<u8> {
        self.text(entity_id).number(key_version).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{HmacKey, Signer as _};
    use trustkeep_crypto::SecretString;

    // Vectors of `reference/scalardl.md`, section 2: recomputed there from the original's classes.
    const ARGUMENT: &str = "V3\u{1}n-1\u{3}default\u{3}\u{3}{\"asset_id\":\"a\",\"state\":1}";

    fn tag(bytes: &[u8]) -> String {
        let key = HmacKey::new(&SecretString::new("secret-key".to_owned()));
        hex(&key.sign(bytes).unwrap_or_default())
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn unhex(text: &str) -> bytes::Bytes {
        let digits: Vec<_> = text.chars().collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap_or(0))
            .collect()
    }

    #[test]
    fn what_is_signed_equals_the_originals_vectors() {
        let who = || ("alice".to_owned(), 1);
        let (entity_id, key_version) = who();
        let request = ContractExecutionRequest {
            contract_id: "StateUpdater".into(),
            contract_argument: ARGUMENT.into(),
            entity_id,
            key_version,
            ..Default::default()
        };
        assert_eq!(
            tag(&request.signing_bytes()),
            "4ef0ebc0de38d1c49abe44e52f62457fd2fe25e167cfca89cbf9ff1556712008"
        );
        let (entity_id, key_version) = who();
        let request = ContractsListingRequest { entity_id, key_version, ..Default::default() };
        assert_eq!(hex(&request.signing_bytes()), "616c69636500000001");
        assert_eq!(
            tag(&request.signing_bytes()),
            "07f407694f2f96c67eb8bc2e526072cb610d04554fe6f04e268d3ab10f374fe8"
        );
        let (entity_id, key_version) = who();
        let request = LedgerValidationRequest {
            asset_id: "a".into(),
            end_age: 2_147_483_647,
            entity_id,
            key_version,
            ..Default::default()
        };
        assert_eq!(hex(&request.signing_bytes()), "61000000007fffffff616c69636500000001");
        assert_eq!(
            tag(&request.signing_bytes()),
            "2ede651c5f9a189b705e3ae9ed2a422496fcf1456d7532fa656621be99505f39"
        );
        let (entity_id, key_version) = who();
        let request = ContractRegistrationRequest {
            contract_id: "c".into(),
            contract_binary_name: "b".into(),
            contract_byte_code: vec![1, 2, 3].into(),
            contract_properties: r#"{"x":1}"#.into(),
            entity_id,
            key_version,
            ..Default::default()
        };
        assert_eq!(
            tag(&request.signing_bytes()),
            "9e6c15b39261e09327188d5b3086c13b00374adfc357c7f9c833e615b5dc241f"
        );
    }

    #[test]
    fn what_the_auditor_asks_equals_the_originals_vectors() {
        let entity_id = || "_AUDITOR_".to_owned();
        let proof = AssetProofRetrievalRequest {
            asset_id: "a".into(),
            entity_id: entity_id(),
            key_version: 1,
            ..Default::default()
        };
        assert_eq!(
            tag(&proof.signing_bytes()),
            "aeab843d460d9755924014f8edd1c6fea474733f5d1b0b65bdd1894ec8cb1f8b"
        );
        let abort = ExecutionAbortRequest {
            nonce: "n-1".into(),
            entity_id: entity_id(),
            key_version: 1,
            ..Default::default()
        };
        assert_eq!(
            tag(&abort.signing_bytes()),
            "7269644f591e630238232576b6127b3d3a0b39825680164a791eb4ed08b0c94d"
        );
        let finish = ExecutionFinishRequest {
            nonce: "n-1".into(),
            entity_id: entity_id(),
            key_version: 1,
            ..Default::default()
        };
        assert_eq!(
            tag(&finish.signing_bytes()),
            "454d59dc1505c7068259f388a0075e7ed37d871dbafe5d7da6bcf1a48080a0e8"
        );
        assert_eq!(tag(b"n-1"), "877fa377e6b0f8b485b33c16c8a0acb03620d9359a1da44810aae2b958f15123");
    }

    #[test]
    fn proofs_equal_the_originals_vectors() {
        let first = unhex("c352f5d100fed17c954f5ba8f254fb767d51e275e0feb75bb9dc186c923b29bd");
        let second = unhex("bb8d158cb8082b56ceb94ad151ce976d7f4ebbfd0217b240c57f93d5689ed1fb");
        let proof = AssetProof {
            asset_id: "a".into(),
            nonce: "n-1".into(),
            input: "{}".into(),
            hash: first.clone(),
            namespace: "default".into(),
            ..Default::default()
        };
        assert_eq!(
            tag(&proof.signing_bytes()),
            "1dc4590a3ad5938094a4558ecd7b558e59568583c80ec05ccdebafdc9779f0d3"
        );
        let proof = AssetProof {
            asset_id: "a".into(),
            age: 1,
            nonce: "n-2".into(),
            input: "{}".into(),
            hash: second,
            prev_hash: first,
            namespace: "ns1".into(),
            ..Default::default()
        };
        assert_eq!(
            tag(&proof.signing_bytes()),
            "4dc57e6c0c9001abbf5a2fdb5ee9b6cf50b2645e69d899d9e0f9eab6d1ec2776"
        );
    }
}
