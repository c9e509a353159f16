use trustkeep_e2e::{program, run};

#[tokio::test]
async fn the_demo_tells_what_happens() {
    let told = run(program(), &["demo"], &[]).await.unwrap();
    assert_eq!(told.code, 0, "{told:?}");
    for words in [
        "read back: password = correct horse battery staple",
        "ledger and auditor both sign hash",
        "Validated from its first version to its last: 200 OK",
        "  before   {",
        "\"amount\":9250",
        "the ledger answers 9250",
        "  305 DL-",
        "says the same to whoever asks: 305 INCONSISTENT_STATES",
        "invoice-18 takes another version, and is validated: 200 OK",
        "the secret's two readings are among them, its value is not",
        "acme to bob: Is invoice-18 paid?",
        "Both start again, and bob hears: Then the goods leave today.",
        "in the container says: served by server1, node ",
        "  HOST_ERROR ",
        "put back, and the node is RUNNING again",
        "neither server has a container any more",
        "All of this took ",
    ] {
        assert!(told.stdout.contains(words), "{words:?} is missing in:\n{}\n{}", told.stdout, told.stderr);
    }
}
