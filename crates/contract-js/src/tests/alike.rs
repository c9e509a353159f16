//! The same program in three languages: the same assets, reads and results.

use proptest::prelude::*;
use trustkeep_contract::{AssetFilter, AssetOrder, Environment, guest};
use trustkeep_contract_wasm::WasmEngine;

use super::*;

const COUNTER_WAT: &str = include_str!("../../../../examples/contracts/counter.wat");
const OPERATIONS_WAT: &str = include_str!("../../../contract-wasm/src/tests/operations.wat");

fn wasm(wat: &str) -> Arc<dyn Contract> {
    WasmEngine::new().load("contract", &wat::parse_str(wat).unwrap()).unwrap()
}

#[test]
fn counters_in_both_languages_give_the_same_assets() {
    let histories = [contract(COUNTER), wasm(COUNTER_WAT)].map(|counter| {
        let mut ledger = MemoryLedger::new();
        ledger.register("counter", counter, None);
        let results: Vec<_> = ["a", "b", "a", "a"].map(|id| ledger.execute("counter", id).unwrap()).into();
        (results, ledger.history("a").to_vec(), ledger.history("b").to_vec())
    });
    assert_eq!(histories[0], histories[1]);
}

/// As operations.js and operations.wat.
struct Operations;

impl Contract for Operations {
    fn invoke(
        &self,
        ledger: &mut dyn Environment,
        argument: &str,
        properties: Option<&str>,
    ) -> Result<Option<String>, Error> {
        let mut out = String::new();
        for operation in argument.as_bytes().chunks(3) {
            let operation = std::str::from_utf8(operation).unwrap();
            let (letter, digit) = (&operation[1..2], &operation[2..3]);
            let asset =
                |found: Option<_>| found.map_or("null".to_owned(), |found| guest::asset(&found).unwrap());
            let line = match &operation[..1] {
                "p" => ledger.put(None, letter, digit).map(|()| None)?,
                "q" => ledger.put(Some(letter), letter, digit).map(|()| None)?,
                "g" => Some(asset(ledger.get(None, letter)?)),
                "h" => Some(asset(ledger.get(Some(letter), letter)?)),
                "s" => {
                    let filter = AssetFilter {
                        namespace: None,
                        id: letter.into(),
                        start_age: None,
                        end_age: None,
                        order: AssetOrder::Descending,
                        limit: digit.parse().unwrap(),
                    };
                    Some(guest::assets(&ledger.scan(&filter)?).unwrap())
                }
                "n" => ledger.invoke("operations", &format!("p{letter}{digit}"))?,
                "m" => ledger.invoke("operations", &format!("f{letter}{digit}"))?,
                "r" => Some(i32::from(ledger.is_root()).to_string()),
                "k" => Some(guest::client_identity_key(&ledger.client_identity_key())),
                "y" => Some(properties.unwrap_or("null").to_owned()),
                "c" => {
                    ledger.set_context(&operation[1..]);
                    None
                }
                _ => return Err(Error::Contextual(operation[1..].into())),
            };
            if let Some(line) = line.or_else(|| "nm".contains(&operation[..1]).then(String::new)) {
                out.push_str(&line);
                out.push('\n');
            }
        }
        Ok(Some(out))
    }
}

/// What three executions of it leave.
fn run(contract: Arc<dyn Contract>, arguments: &[String]) -> impl PartialEq + std::fmt::Debug {
    let mut ledger = MemoryLedger::new();
    ledger.register("operations", contract, Some("{\"p\":[1,2]}"));
    let executions: Vec<_> =
        arguments.iter().map(|argument| ledger.execute("operations", argument)).collect();
    let ids = ledger.asset_ids();
    let histories: Vec<_> = ids.iter().map(|id| ledger.history(id).to_vec()).collect();
    (executions, histories)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_same_operations_in_three_languages(
        arguments in prop::collection::vec(prop::collection::vec("[pppgggqhsnrkyc][abc][0-9]|[mf]a[01]", 1..12), 1..5)
    ) {
        let arguments: Vec<_> = arguments.iter().map(|operations| operations.concat()).collect();
        let rust = run(Arc::new(Operations), &arguments);
        prop_assert_eq!(&run(contract(OPERATIONS), &arguments), &rust);
        prop_assert_eq!(&run(wasm(OPERATIONS_WAT), &arguments), &rust);
    }
}
