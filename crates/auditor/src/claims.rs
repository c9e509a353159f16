//! What a request lays claim to: each asset that it reads or writes, at the age it was locked at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trustkeep_scalar_domain::asset::AssetKey;
use trustkeep_scalar_rpc::Result;

use crate::failure;

/// The claims of one request, in the one order in which everything is locked, compared and signed.
pub(crate) type Claims = BTreeMap<AssetKey, Claim>;

/// One asset of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The age of its latest state when it was locked; `None` if it had none.
    pub(crate) age: Option<u32>,
    /// Whether the request appends a state.
    pub(crate) write: bool,
}

/// The text for the column `read_write_set_keys`.
pub(crate) fn encode(claims: &Claims) -> String {
    let entries: Vec<_> = claims
        .iter()
        .map(|(key, claim)| Entry {
            namespace: key.namespace.clone(),
            id: key.id.clone(),
            age: claim.age,
            write: claim.write,
        })
        .collect();
    // A list of plain members always is JSON.
    serde_json::to_string(&entries).unwrap_or_default()
}

/// Reads the column back.
///
/// # Errors
/// 305001 if it is not such a text: someone changed the request proof.
pub(crate) fn parse(text: &str) -> Result<Claims> {
    let entries: Vec<Entry> = serde_json::from_str(text).map_err(|_| failure::request_differs())?;
    Ok(entries
        .into_iter()
        .map(|entry| {
            let claim = Claim { age: entry.age, write: entry.write };
            (AssetKey { namespace: entry.namespace, id: entry.id }, claim)
        })
        .collect())
}

#[derive(Serialize, Deserialize)]
struct Entry {
    namespace: String,
    id: String,
    age: Option<u32>,
    write: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_come_back_as_they_went() -> Result<()> {
        let key = |id: &str| AssetKey { namespace: "default".into(), id: id.into() };
        let claims = Claims::from_iter([
            (key("b"), Claim { age: None, write: true }),
            (key("a"), Claim { age: Some(3), write: false }),
        ]);
        let text = encode(&claims);
        assert_eq!(
            text,
            r#"[{"namespace":"default","id":"a","age":3,"write":false},{"namespace":"default","id":"b","age":null,"write":true}]"#
        );
        assert_eq!(parse(&text)?, claims);
        assert_eq!(parse("{}").unwrap_err().code.number(), 305);
        Ok(())
    }
}
