use std::fs;

use trustkeep_e2e::{program, run};

#[tokio::test]
async fn whose_tables_they_are_is_told_by_the_keys() {
    let dir = tempfile::tempdir().unwrap();
    let (config, store) = (dir.path().join("a.properties"), dir.path().join("store"));
    let storage =
        format!("scalar.db.storage=embedded\nscalar.db.contact_points={}\n", store.to_str().unwrap());
    fs::write(&config, format!("{storage}scalar.dl.auditor.name=mine\n")).unwrap();
    let arguments = ["schema", "--config", config.to_str().unwrap()];
    let made = run(program(), &arguments, &[]).await.unwrap();
    assert_eq!(made.code, 0, "{made:?}");
    for table in ["asset", "asset_lock", "certificate", "contract", "contract_class", "request_proof"] {
        assert!(made.stdout.contains(&format!("\n  auditor.{table}\n")), "{}", made.stdout);
    }
    fs::write(&config, &storage).unwrap();
    let unknown = run(program(), &arguments, &[]).await.unwrap();
    assert!(unknown.code == 1 && unknown.stderr.contains("--schema-type"), "{unknown:?}");
    let ledger = run(program(), &arguments, &[("SCHEMA_TYPE", "ledger")]).await.unwrap();
    assert!(ledger.code == 0 && ledger.stdout.contains("\n  scalar.tx_state\n"), "{ledger:?}");
}

#[tokio::test]
async fn statements_for_an_administrator_are_printed_without_a_connection() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("ledger.properties");
    let text = "scalar.db.storage=jdbc\nscalar.db.contact_points=jdbc:postgresql://127.0.0.1:1/ledger\n\
                scalar.db.username=u\nscalar.db.password=hushhush\nscalar.dl.ledger.proof.enabled=false\n";
    fs::write(&config, text).unwrap();
    let arguments = ["schema", "--config", config.to_str().unwrap(), "--print"];
    let printed = run(program(), &arguments, &[]).await.unwrap();
    assert_eq!(printed.code, 0, "{printed:?}");
    assert!(printed.stdout.contains(r#"CREATE TABLE IF NOT EXISTS "scalar"."asset" "#), "{}", printed.stdout);
    assert!(!printed.stdout.contains("hushhush"));
}
