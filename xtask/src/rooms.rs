//! Which crate may know which: dependencies point downwards only, and services never know each other.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// The floors of the house, from the top. A crate may know those of lower floors; on its own floor only what
/// [`NEIGHBOURS`] allows.
const FLOORS: [&[&str]; 7] = [
    &[
        "trustkeep-e2e",
        "trustkeep-bench-agent",
        "trustkeep-bench-controller",
        "trustkeep-bench-ledger",
        "trustkeep-bench-store",
        "trustkeep-bench-vault",
        "xtask",
    ],
    &["trustkeep", "trustkeep-bench-rig", "trustkeep-emulator"],
    &["trustkeep-vault", "trustkeep-ledger", "trustkeep-auditor", "trustkeep-agent", "trustkeep-controller"],
    &["trustkeep-scalar-client", "trustkeep-scalar-domain"],
    &[
        "trustkeep-cloud-aws",
        "trustkeep-contract-js",
        "trustkeep-contract-wasm",
        "trustkeep-store-embedded",
        "trustkeep-store-postgres",
        "trustkeep-store-dynamodb",
        "trustkeep-kms-aws",
        "trustkeep-kms-transit",
        "trustkeep-wallet-askar",
    ],
    &[
        "trustkeep-aws",
        "trustkeep-chassis",
        "trustkeep-cloud",
        "trustkeep-contract",
        "trustkeep-didcomm",
        "trustkeep-scalar-rpc",
        "trustkeep-store",
        "trustkeep-wallet",
    ],
    &["trustkeep-crypto"],
];

/// Edges within a floor that are meant.
const NEIGHBOURS: [(&str, &str); 0] = [];

/// Edges downwards that are not: a service knows contracts, only the binary chooses who fulfils them.
const FORBIDDEN: [(&str, &str); 28] = [
    ("trustkeep-vault", "trustkeep-store-embedded"),
    ("trustkeep-vault", "trustkeep-store-postgres"),
    ("trustkeep-vault", "trustkeep-store-dynamodb"),
    ("trustkeep-vault", "trustkeep-kms-aws"),
    ("trustkeep-vault", "trustkeep-kms-transit"),
    ("trustkeep-vault", "trustkeep-aws"),
    ("trustkeep-agent", "trustkeep-wallet-askar"),
    ("trustkeep-chassis", "trustkeep-store"),
    ("trustkeep-controller", "trustkeep-aws"),
    ("trustkeep-controller", "trustkeep-cloud-aws"),
    ("trustkeep-controller", "trustkeep-store-embedded"),
    ("trustkeep-controller", "trustkeep-store-postgres"),
    ("trustkeep-controller", "trustkeep-store-dynamodb"),
    ("trustkeep-ledger", "trustkeep-contract-wasm"),
    ("trustkeep-ledger", "trustkeep-contract-js"),
    ("trustkeep-ledger", "trustkeep-store-embedded"),
    ("trustkeep-ledger", "trustkeep-store-postgres"),
    ("trustkeep-ledger", "trustkeep-store-dynamodb"),
    ("trustkeep-auditor", "trustkeep-contract-wasm"),
    ("trustkeep-auditor", "trustkeep-contract-js"),
    ("trustkeep-auditor", "trustkeep-store-embedded"),
    ("trustkeep-auditor", "trustkeep-store-postgres"),
    ("trustkeep-auditor", "trustkeep-store-dynamodb"),
    ("trustkeep-scalar-domain", "trustkeep-contract-wasm"),
    ("trustkeep-scalar-domain", "trustkeep-contract-js"),
    ("trustkeep-scalar-domain", "trustkeep-store-embedded"),
    ("trustkeep-scalar-domain", "trustkeep-store-postgres"),
    ("trustkeep-scalar-domain", "trustkeep-store-dynamodb"),
];

pub(crate) fn check(top: &Path) -> anyhow::Result<Vec<String>> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(top)
        .output()
        .context("cargo metadata")?;
    ensure!(
        metadata.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&metadata.stderr)
    );
    let metadata: Value = serde_json::from_slice(&metadata.stdout)?;
    let mut edges: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in list(&metadata, "packages") {
        let known = list(package, "dependencies")
            .filter(|dependency| dependency.get("kind").is_none_or(Value::is_null));
        edges.insert(text(package, "name"), known.map(|dependency| text(dependency, "name")).collect());
    }
    Ok(judge(&edges))
}

fn judge(edges: &BTreeMap<&str, Vec<&str>>) -> Vec<String> {
    let mut broken = Vec::new();
    for (from, known) in edges {
        let Some(floor) = floor(from) else {
            broken.push(format!(
                "{from} stands on no floor: name it in xtask/src/rooms.rs and in ARCHITECTURE.md"
            ));
            continue;
        };
        for to in known {
            let Some(other) = self::floor(to) else { continue };
            let meant = other > floor || (other == floor && NEIGHBOURS.contains(&(from, to)));
            if !meant || FORBIDDEN.contains(&(from, to)) {
                broken.push(format!("{from} must not know {to}: see the floors in ARCHITECTURE.md"));
            }
        }
    }
    broken
}

fn floor(name: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&name))
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_that_point_up_sideways_or_past_a_contract_are_named() {
        let edges = BTreeMap::from([
            ("trustkeep-crypto", vec!["trustkeep-store", "zeroize"]),
            ("trustkeep-store-embedded", vec!["trustkeep-store-postgres", "trustkeep-store"]),
            ("trustkeep-vault", vec!["trustkeep-store-embedded", "trustkeep-store", "trustkeep-chassis"]),
            ("trustkeep-newcomer", vec![]),
        ]);
        let broken = judge(&edges);
        assert_eq!(broken.len(), 4, "{broken:#?}");
        assert!(broken.iter().any(|line| line.contains("trustkeep-crypto must not know trustkeep-store")));
        assert!(broken.iter().any(|line| line.contains("trustkeep-newcomer stands on no floor")));
    }
}
