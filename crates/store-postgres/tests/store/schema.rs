//! Tables in the database: what they look like, who may make them, what is refused.

use tokio_postgres::{Client, NoTls};
use trustkeep_store::{ColumnType, Commit, Error, Key, Row, Store, Table};
use trustkeep_store_postgres::{PostgresSettings, PostgresStore, schema_ddl};

use crate::server::{self, Server};

async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn asset_lock() -> Table {
    Table::define("auditor", "asset_lock")
        .partition("asset", ColumnType::Text)
        .clustering("age", ColumnType::Int)
        .column("holder", ColumnType::Text)
        .column("proof", ColumnType::Bytes)
        .column("held", ColumnType::Bool)
        .build()
        .unwrap()
}

#[tokio::test]
async fn tables_are_typed_and_the_printed_schema_is_what_the_store_makes() {
    let Some(url) = server::shared() else { return };
    let settings = server::settings(&url);
    let (client, table) = (client(&url).await, asset_lock());
    // An administrator runs what is printed; then nothing is left to make.
    client.batch_execute(&schema_ddl(&settings, std::slice::from_ref(&table)).unwrap()).await.unwrap();
    let store = PostgresStore::open(settings.clone()).await.unwrap();
    store.create_tables(std::slice::from_ref(&table)).await.unwrap();
    let row = Row::new(vec![Some("me".into()), Some(vec![1, 2].into()), Some(true.into())]);
    let version = store.commit(Commit::new().put(&table, Key::of("a").at(3), row)).await.unwrap();
    let query = format!(
        "SELECT asset, age, version, holder, proof, held FROM \"{}auditor\".asset_lock",
        settings.schema_prefix
    );
    let found = client.query_one(&query, &[]).await.unwrap();
    assert_eq!(found.get::<_, &str>(0), "a");
    assert_eq!((found.get::<_, i64>(1), found.get::<_, i64>(2)), (3, version.0));
    assert_eq!(
        (found.get::<_, &str>(3), found.get::<_, &[u8]>(4), found.get::<_, bool>(5)),
        ("me", &[1, 2][..], true)
    );
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused() {
    let Some(url) = server::shared() else { return };
    let settings = server::settings(&url);
    let store = PostgresStore::open(settings.clone()).await.unwrap();
    store.create_tables(&[asset_lock()]).await.unwrap();
    let newer = format!("UPDATE \"{}trustkeep\".meta SET format = 99", settings.schema_prefix);
    client(&url).await.batch_execute(&newer).await.unwrap();
    let error = PostgresStore::open(settings).await.unwrap_err();
    assert!(matches!(error, Error::Schema(_)), "{error:?}");
    assert!(error.to_string().contains("newer version") && error.to_string().contains("99"), "{error}");
    assert!(matches!(store.create_tables(&[asset_lock()]).await, Err(Error::Schema(_))));
    let answer =
        store.commit(Commit::new().put(&asset_lock(), Key::of("a").at(1), Row::new(vec![None; 3]))).await;
    assert!(matches!(answer, Err(Error::Schema(_))), "{answer:?}");
}

#[tokio::test]
async fn a_store_that_was_never_made_says_what_to_do() {
    let Some(store) = server::store().await else { return };
    let table = asset_lock();
    let answers = [
        store.get(&table, &Key::of("a").at(1)).await.map(drop),
        store.commit(Commit::new().delete(&table, Key::of("a").at(1))).await.map(drop),
    ];
    for answer in answers {
        let error = answer.unwrap_err();
        assert!(matches!(error, Error::Schema(_)), "{error:?}");
        assert!(error.to_string().contains("run `trustkeep schema`"), "{error}");
    }
    let own = Table::define("trustkeep", "writer").partition("slot", ColumnType::Int).build().unwrap();
    assert!(matches!(store.create_tables(&[own]).await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn tables_changed_under_a_running_store_are_noticed() {
    let Some(url) = server::shared() else { return };
    let settings = server::settings(&url);
    let store = PostgresStore::open(settings.clone()).await.unwrap();
    let table = asset_lock();
    let (key, row) = (Key::of("a").at(1), Row::new(vec![None; 3]));
    store.create_tables(std::slice::from_ref(&table)).await.unwrap();
    store.commit(Commit::new().put(&table, key.clone(), row.clone())).await.unwrap();
    assert!(store.get(&table, &key).await.unwrap().is_some());
    let name = format!("\"{}auditor\".asset_lock", settings.schema_prefix);
    client(&url).await.batch_execute(&format!("DROP TABLE {name}")).await.unwrap();
    for _ in 0..4 {
        assert!(matches!(store.get(&table, &key).await, Err(Error::Schema(_))));
        let commit = Commit::new().put(&table, key.clone(), row.clone());
        assert!(matches!(store.commit(commit).await, Err(Error::Schema(_))));
    }
    store.create_tables(std::slice::from_ref(&table)).await.unwrap();
    for _ in 0..4 {
        store.commit(Commit::new().put(&table, key.clone(), row.clone())).await.unwrap();
        assert!(store.get(&table, &key).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn missing_rights_are_named() {
    let Some(server) = Server::start() else { return };
    let admin = client(&server.url("postgres")).await;
    let prefix = PostgresSettings::parse(&server.url("postgres")).unwrap();
    let store = PostgresStore::open(prefix).await.unwrap();
    store.create_tables(&[asset_lock()]).await.unwrap();
    let (key, row) = (Key::of("a").at(1), Row::new(vec![None; 3]));
    let rights = "CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA auditor, trustkeep TO reader; \
        GRANT ALL ON ALL TABLES IN SCHEMA trustkeep TO reader; GRANT ALL ON ALL SEQUENCES IN SCHEMA trustkeep TO reader";
    admin.batch_execute(rights).await.unwrap();
    let reader = PostgresSettings::parse(&server.url("reader")).unwrap();
    let reader = PostgresStore::open(reader).await.unwrap();
    let denied = |answer: trustkeep_store::Result<()>, right: &str| match answer {
        Err(Error::Denied(message)) => assert!(message.contains(right), "{message}"),
        other => panic!("{other:?}"),
    };
    denied(reader.get(&asset_lock(), &key).await.map(drop), "SELECT on auditor.asset_lock");
    let put = Commit::new().put(&asset_lock(), key.clone(), row.clone());
    denied(reader.commit(put.clone()).await.map(drop), "INSERT");
    let other = Table::define("other", "row").partition("a", ColumnType::Int).build().unwrap();
    denied(reader.create_tables(&[other]).await, "CREATE");
    // Nothing is to be made: no right to make is needed.
    reader.create_tables(&[asset_lock()]).await.unwrap();
    admin
        .batch_execute("GRANT SELECT, INSERT, UPDATE, DELETE ON auditor.asset_lock TO reader")
        .await
        .unwrap();
    reader.commit(put).await.unwrap();
    assert!(reader.get(&asset_lock(), &key).await.unwrap().is_some());

    let open =
        async |url: String| PostgresStore::open(PostgresSettings::parse(&url).unwrap()).await.unwrap_err();
    let login = open(server.url("stranger")).await;
    assert!(matches!(&login, Error::Denied(message) if message.contains("stranger")), "{login:?}");
    let database = open(format!("{}nowhere", server.url("postgres").trim_end_matches("postgres"))).await;
    assert!(matches!(&database, Error::Schema(message) if message.contains("nowhere")), "{database:?}");
    admin.batch_execute("ALTER ROLE reader CONNECTION LIMIT 0").await.unwrap();
    let full = open(server.url("reader")).await;
    assert!(matches!(full, Error::Unavailable(_)), "{full:?}");
    server.crash();
    let refused = open(server.url("postgres")).await;
    assert!(matches!(refused, Error::Unavailable(_)), "{refused:?}");
}
