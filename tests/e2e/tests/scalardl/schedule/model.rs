//! What the two stores must hold in the end, given what the clients were told.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use trustkeep_scalar_rpc::argument::Argument;

use super::chaos::Chaos;
use super::customer::{Attempt, End};
use super::{Account, ENDOWMENT, NAMESPACES, accounts};
use crate::site::Site;
use crate::world::World;

/// The argument that made a state, its output and its hash.
type State = (String, String, Vec<u8>);
/// The states of each account in the order of their ages.
type Histories = BTreeMap<Account, Vec<State>>;

/// Checks all that can be told from outside the two servers, which are stopped. Gives a line of figures.
pub(crate) async fn check(world: &World, attempts: &[Attempt], chaos: &Chaos) -> String {
    let histories = read(&world.ledger).await;
    assert_eq!(histories, read(&world.auditor).await, "both servers have the same states");
    for namespace in NAMESPACES {
        let auditor = world.auditor.rows_in(namespace);
        for lock in auditor.all("asset_lock").await {
            assert_eq!((lock.int(1), lock.int(2)), (Some(0), Some(0)), "{:?} is held", lock.key);
        }
        auditor.close().await;
    }
    let ledger = world.ledger.rows();
    let notes = ledger.notes().await;
    ledger.close().await;

    let attempted: HashMap<_, _> = attempts.iter().map(|attempt| (attempt.nonce.as_str(), attempt)).collect();
    let mut effects: HashMap<String, Vec<(Account, i64)>> = HashMap::new();
    for account in accounts() {
        let states = histories.get(&account).unwrap();
        let mut before = 0;
        for (age, (argument, output, _)) in states.iter().enumerate() {
            let output: Value = serde_json::from_str(output).unwrap();
            let now = output.pointer("/balance").and_then(Value::as_i64).unwrap();
            match age {
                0 => assert_eq!(now, 0),
                1 => assert_eq!(now, ENDOWMENT),
                _ => {
                    let nonce = Argument::parse(argument).unwrap().nonce.into_owned();
                    effects.entry(nonce).or_default().push((account.clone(), now - before));
                }
            }
            assert!(now >= 0, "{account:?} owes money");
            before = now;
        }
    }
    for (nonce, effect) in &mut effects {
        let attempt = attempted.get(nonce.as_str()).unwrap_or_else(|| panic!("nobody asked for {nonce}"));
        let mut expected =
            vec![(attempt.from.clone(), -attempt.amount), (attempt.to.clone(), attempt.amount)];
        expected.sort();
        effect.sort();
        assert_eq!(*effect, expected, "{attempt:?}");
    }
    check_notes(notes, attempts.iter().filter(|attempt| effects.contains_key(&attempt.nonce)));
    let mut ends = BTreeMap::new();
    for attempt in attempts {
        let has_effect = effects.contains_key(&attempt.nonce);
        match &attempt.end {
            End::Validated => assert!(has_effect, "it was lost: {attempt:?}"),
            End::Refused => assert!(!has_effect, "it was refused and yet happened: {attempt:?}"),
            End::Alarm { at_order: true } => assert!(!has_effect, "it was not ordered: {attempt:?}"),
            End::Alarm { at_order: false } => assert!(has_effect, "the Ledger had done it: {attempt:?}"),
            End::Unknown => {}
        }
        *ends.entry(format!("{:?}", attempt.end)).or_insert(0) += 1;
    }
    let (to_clients, to_auditor) = chaos.lies();
    let at_order = attempts.iter().filter(|attempt| attempt.end == End::Alarm { at_order: true }).count();
    assert!(u64::try_from(at_order).unwrap() <= to_auditor, "{at_order} alarms, {to_auditor} lies");
    format!("{ends:?}, {} effects, lies: {to_clients} to clients, {to_auditor} to the Auditor", effects.len())
}

/// That functions had their effects once each, and only together with their contracts'.
fn check_notes<'a>(notes: BTreeMap<String, i64>, effective: impl Iterator<Item = &'a Attempt>) {
    let mut expected = BTreeMap::new();
    for attempt in effective.filter(|attempt| attempt.noted) {
        expected.insert(attempt.nonce.clone(), 1);
        let account = format!("{}/{}", attempt.from.namespace, attempt.from.id);
        *expected.entry(account).or_insert(0) += attempt.amount;
    }
    assert_eq!(notes, expected, "what functions noted");
}

async fn read(site: &Site) -> Histories {
    let mut histories = Histories::new();
    for namespace in NAMESPACES {
        histories.extend(read_in(site, namespace).await);
    }
    histories
}

async fn read_in(site: &Site, namespace: &'static str) -> Histories {
    let rows = site.rows_in(namespace);
    let columns = ["argument", "output", "hash"];
    let table = rows.table("asset");
    let [argument, output, hash] =
        columns.map(|name| table.columns().iter().position(|column| &*column.name == name).unwrap());
    let mut histories: BTreeMap<String, Vec<(i64, State)>> = BTreeMap::new();
    for row in rows.all("asset").await {
        let id = row.key.partition.as_text().unwrap().to_owned();
        let age = row.key.clustering.as_ref().and_then(|age| age.as_int()).unwrap();
        let states = histories.entry(id).or_default();
        let text = |column| row.text(column).unwrap().to_owned();
        states.push((age, (text(argument), text(output), row.bytes(hash).unwrap().to_vec())));
    }
    rows.close().await;
    let in_order = |mut states: Vec<(i64, State)>| {
        states.sort_by_key(|(age, _)| *age);
        let ages = states.iter().map(|(age, _)| *age);
        assert!(ages.eq(0..i64::try_from(states.len()).unwrap()), "ages without a gap");
        states.into_iter().map(|(_, state)| state).collect()
    };
    histories.into_iter().map(|(id, states)| (Account { namespace, id }, in_order(states))).collect()
}
