use super::*;

#[test]
fn a_state_is_appended_when_it_changes() {
    let mut ledger = with("com.org1.contract", &["StateUpdater", "StateReader", "JacksonBasedStateReader"]);
    ledger.register("state-reader", load("com.org1.contract.StateReader"), None);
    ledger.register("both", load("com.org1.contract.StateUpdaterReader"), None);
    assert_eq!(ask(&mut ledger, "StateReader", r#"{"asset_id":"a"}"#), "");
    for argument in
        [r#"{"asset_id":"a","state":1}"#, r#"{"asset_id":"a","state":1}"#, r#"{"state":"2","asset_id":"a"}"#]
    {
        assert_eq!(ask(&mut ledger, "StateUpdater", argument), "");
    }
    assert_eq!(
        ask(&mut ledger, "StateReader", r#"{"asset_id":"a"}"#),
        r#"{"id":"a","age":1,"output":{"state":2}}"#
    );
    let result = ledger.execute("both", r#"{"asset_id":7,"state":3.9}"#).unwrap();
    assert_eq!(result.result.as_deref(), Some(r#"{"id":"7","age":0,"output":{"state":3}}"#));
    let both = "please set asset_id and state in the argument";
    assert_eq!(ask(&mut ledger, "StateUpdater", r#"{"asset_id":"a"}"#), both);
    assert_eq!(ask(&mut ledger, "JacksonBasedStateReader", "{}"), both);
    assert_eq!(ask(&mut ledger, "StateReader", r#"{"state":1}"#), "please set asset_id in the argument");
    let unchanged = ledger.execute("StateUpdater", r#"{"asset_id":"a","state":2}"#).unwrap();
    assert!(unchanged.writes.is_empty() && unchanged.reads.len() == 1);
}

#[test]
fn validate_ledger_gives_states_in_order() {
    let mut ledger = with("com.scalar.dl.client.validation.contract.v1_1_0", &["ValidateLedger"]);
    ledger.register("old", load("com.scalar.dl.client.contract.ValidateLedger"), None);
    ledger.register("update", load("com.org1.contract.StateUpdater"), None);
    for state in 0..4 {
        ask(&mut ledger, "update", &format!(r#"{{"asset_id":"a","state":{state}}}"#));
    }
    let mut validate = |argument: &str| ask(&mut ledger, "ValidateLedger", argument);
    assert_eq!(
        validate(r#"{"asset_id":"a","start_age":1,"end_age":2}"#),
        r#"{"a":[{"age":1,"data":{"state":1}},{"age":2,"data":{"state":2}}]}"#
    );
    assert_eq!(
        validate(r#"{"asset_id":"a","age":3,"start_age":0}"#),
        r#"{"a":[{"age":3,"data":{"state":3}}]}"#
    );
    assert_eq!(
        validate(r#"{"asset_id":"a","end_age":0,"start_age":-5}"#),
        r#"{"a":[{"age":0,"data":{"state":0}}]}"#
    );
    assert_eq!(validate(r#"{"asset_id":"a","end_age":-1}"#), r#"{"a":[]}"#);
    assert_eq!(validate(r#"{"asset_id":"none"}"#), r#"{"none":[]}"#);
    assert_eq!(validate(r#"{"asset_id":"a","namespace":"other"}"#), r#"{"a":[]}"#);
    assert_eq!(
        validate(r#"{"asset_id":"a","namespace":"default","age":0}"#),
        r#"{"a":[{"age":0,"data":{"state":0}}]}"#
    );
    assert_eq!(validate("{}"), "please set asset_id in the argument");
    let old = ask(&mut ledger, "old", r#"{"asset_id":"a","namespace":"other","age":0}"#);
    assert_eq!(old, r#"{"a":[{"age":0,"data":{"state":0}}]}"#);
}

#[test]
fn small_bank_moves_money() {
    let classes = [
        "CreateAccount",
        "Balance",
        "DepositChecking",
        "WriteCheck",
        "TransactSavings",
        "SendPayment",
        "Amalgamate",
    ];
    let mut ledger = with("com.scalar.dl.benchmarks.smallbank.contract", &classes);
    let customer = |id: u32| {
        format!(
            r#"{{"customer_id":{id},"customer_name":"n{id}","checking_balance":100,"savings_balance":50}}"#
        )
    };
    let create = format!(r#"{{"customer_ids":["1",2],"customers":[{},{}]}}"#, customer(1), customer(2));
    for (contract, argument, wanted) in [
        ("CreateAccount", create.as_str(), ""),
        ("DepositChecking", r#"{"customer_id":1,"amount":5}"#, ""),
        ("WriteCheck", r#"{"customer_id":"1","amount":200}"#, ""),
        ("TransactSavings", r#"{"customer_id":2,"amount":-1}"#, ""),
        ("SendPayment", r#"{"source_customer_id":2,"dest_customer_id":1,"amount":30}"#, ""),
        ("Amalgamate", r#"{"source_customer_id":2,"dest_customer_id":1}"#, ""),
        ("Balance", r#"{"customer_id":3}"#, "Could not find specified account"),
        ("DepositChecking", r#"{"customer_id":3,"amount":5}"#, "Could not find specified account"),
        ("Balance", "{}", "Please set customer_id in the argument"),
        ("WriteCheck", "{}", "Please set customer_id and amount in the argument"),
        ("SendPayment", "{}", "Please set source_customer_id, dest_customer_id and amount in the argument"),
        ("Amalgamate", "{}", "Please set source_customer_id and dest_customer_id in the argument"),
        ("CreateAccount", "{}", "Please set customer_ids and customers in the argument"),
        (
            "CreateAccount",
            r#"{"customer_ids":[1],"customers":[]}"#,
            "The number of customer IDs and customers must be same.",
        ),
    ] {
        assert_eq!(ask(&mut ledger, contract, argument), wanted, "{contract} {argument}");
    }
    let balance =
        |ledger: &mut MemoryLedger, id: u32| ask(ledger, "Balance", &format!(r#"{{"customer_id":{id}}}"#));
    assert_eq!(
        (balance(&mut ledger, 1), balance(&mut ledger, 2)),
        (
            r#"{"customer_id":1,"customer_name":"n1","checking_balance":-16,"savings_balance":50}"#.into(),
            r#"{"customer_id":2,"customer_name":"n2","checking_balance":70,"savings_balance":0}"#.into()
        )
    );
}

#[test]
fn ycsb_reads_and_writes() {
    let mut ledger =
        with("com.scalar.dl.benchmarks.ycsb.contract", &["Create", "WorkloadA", "WorkloadC", "WorkloadF"]);
    assert_eq!(ask(&mut ledger, "Create", r#"{"user_ids":[1,2],"payloads":["a","\u0001\""]}"#), "");
    assert_eq!(ledger.latest("2"), Some(r#"{"payload":"\u0001\""}"#));
    let keys =
        |map: Vec<&(String, String)>| map.into_iter().map(|(_, id)| id.clone()).collect::<Vec<_>>().join(",");
    for (contract, argument, reads, writes) in [
        ("WorkloadF", r#"{"user_ids":[1,2],"payloads":["c","d"]}"#, "1,2", "1,2"),
        ("WorkloadA", r#"{"user_ids":[1,2],"payloads":["e"]}"#, "1,2", "2"),
        ("WorkloadC", r#"{"user_ids":[1,2]}"#, "1,2", ""),
    ] {
        let execution = ledger.execute(contract, argument).unwrap();
        assert_eq!(keys(execution.reads.keys().collect()), reads, "{contract}");
        assert_eq!(keys(execution.writes.keys().collect()), writes, "{contract}");
    }
    assert_eq!(
        (ledger.latest("1"), ledger.latest("2")),
        (Some(r#"{"payload":"c"}"#), Some(r#"{"payload":"e"}"#))
    );
    for (contract, argument, wanted) in [
        ("Create", "{}", "Please set user_ids and payloads in the argument"),
        ("WorkloadC", "{}", "Please set user_ids in the argument"),
        (
            "WorkloadF",
            r#"{"user_ids":[1],"payloads":[]}"#,
            "The number of user IDs and payloads must be same.",
        ),
        ("WorkloadA", r#"{"user_ids":[1],"payloads":[]}"#, "The number of user IDs must be a multiple of 2."),
        ("WorkloadA", r#"{"user_ids":[1,2],"payloads":[]}"#, "Payloads must be half the number of user IDs."),
    ] {
        assert_eq!(ask(&mut ledger, contract, argument), wanted, "{contract}");
    }
}

#[test]
fn a_bank_account_is_never_overdrawn() {
    let classes = ["CreateAccount", "Deposit", "Withdraw", "Transfer", "AccountHistory"];
    let mut ledger = with("com.scalar.application.bankaccount.contract", &classes);
    for (contract, argument, wanted) in [
        ("CreateAccount", r#"{"id":"a"}"#, r#"{"status":"succeeded","message":"account a created"}"#),
        ("CreateAccount", r#"{"id":"a"}"#, "account already exists"),
        ("CreateAccount", r#"{"id":"b"}"#, r#"{"status":"succeeded","message":"account b created"}"#),
        (
            "Deposit",
            r#"{"id":"a","amount":5000000000}"#,
            r#"{"status":"succeeded","old_balance":0,"new_balance":5000000000}"#,
        ),
        ("Withdraw", r#"{"id":"b","amount":1}"#, "insufficient funds"),
        ("Deposit", r#"{"id":"b","amount":-1}"#, "amount is negative"),
        ("Withdraw", r#"{"id":"c","amount":1}"#, "account does not exist"),
        ("Transfer", r#"{"from":"a","to":"c","amount":1}"#, "to account does not exist"),
        ("Transfer", r#"{"from":"b","to":"a","amount":1}"#, "insufficient funds"),
        (
            "Transfer",
            r#"{"from":"a","to":"b","amount":1}"#,
            r#"{"status":"succeeded","from_old_balance":5000000000,"from_new_balance":4999999999,"to_old_balance":0,"to_new_balance":1}"#,
        ),
        ("Withdraw", r#"{"id":"b","amount":1}"#, r#"{"status":"succeeded","old_balance":1,"new_balance":0}"#),
        (
            "AccountHistory",
            r#"{"id":"b","end":2}"#,
            r#"{"status":"succeeded","history":[{"id":"b","age":1,"data":{"balance":1}},{"id":"b","age":0,"data":{"balance":0}}]}"#,
        ),
        (
            "AccountHistory",
            r#"{"id":"b","start":1,"limit":1,"order":"asc"}"#,
            r#"{"status":"succeeded","history":[{"id":"b","age":1,"data":{"balance":1}}]}"#,
        ),
        ("Transfer", "{}", "a required key is missing: from, to, and/or amount"),
        ("Deposit", "{}", "a required key is missing: id and/or amount"),
        ("AccountHistory", "{}", "a required key is missing: id"),
    ] {
        assert_eq!(ask(&mut ledger, contract, argument), wanted, "{contract} {argument}");
    }
}
