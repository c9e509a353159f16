//! Tables made by hand and by us, the shared layout with items of another program, and the format mark.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, KeySchemaElement, KeyType, ProvisionedThroughput,
    ScalarAttributeType,
};
use trustkeep_store::ColumnType::{Bytes, Int, Text};
use trustkeep_store::{Commit, Error, Key, Range, Row, Scan, Store, Table, Version, lease_table};
use trustkeep_store_dynamodb::{Capacity, DynamoStore, Own, Settings, format_table};

use crate::emulator::{self, Emulator};
use crate::shared::shared;

fn emulators() -> impl Iterator<Item = Emulator> {
    [Emulator::dynamodb_local(), Emulator::moto()].into_iter().flatten()
}

/// The SDK as another program uses it.
fn raw(settings: &Settings) -> aws_sdk_dynamodb::Client {
    let mut config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::v2026_01_12())
        .region(aws_sdk_dynamodb::config::Region::new(settings.region.clone()))
        .credentials_provider(settings.credentials.clone());
    config.set_endpoint_url(settings.endpoint.clone());
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// The table as the guide for Vault on DynamoDB has one make it by hand.
async fn make_by_hand(client: &aws_sdk_dynamodb::Client, table: &str) {
    let mut request = client.create_table().table_name(table).provisioned_throughput(
        ProvisionedThroughput::builder().read_capacity_units(5).write_capacity_units(5).build().unwrap(),
    );
    for (name, role) in [("Path", KeyType::Hash), ("Key", KeyType::Range)] {
        let kind = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        request = request
            .key_schema(KeySchemaElement::builder().attribute_name(name).key_type(role).build().unwrap())
            .attribute_definitions(kind.build().unwrap());
    }
    request.send().await.unwrap();
}

fn entry() -> Table {
    Table::define("vault", "entry")
        .partition("path", Text)
        .clustering("key", Text)
        .column("value", Bytes)
        .build()
        .unwrap()
}

fn vault_layout(settings: Settings, table: &str) -> Settings {
    settings
        .lay_out("vault.entry", shared(table).into())
        .lay_out("vault.lease", shared(table).under("core", "_").into())
        .lay_out("trustkeep.format", shared(table).under("core", "_trustkeep-").into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_vault_wrote_is_read_and_taken_over() {
    for emulator in emulators() {
        for fence_by_update in [false, true] {
            let settings = emulator.settings();
            let table = format!("{}vault", settings.table_prefix);
            let client = raw(&settings);
            make_by_hand(&client, &table).await;
            let theirs = |path: &str, key: &str| {
                let text = |text: &str| AttributeValue::S(text.to_owned());
                client.put_item().table_name(&table).item("Path", text(path)).item("Key", text(key))
            };
            let value = |text: &str| AttributeValue::B(Blob::new(text.as_bytes()));
            theirs("sys/policy", "default").item("Value", value("one")).send().await.unwrap();
            theirs("sys", "policy/").send().await.unwrap();
            theirs("core", "mounts").item("Value", value("two")).send().await.unwrap();
            let lock = theirs("core", "_lock").item("Value", value("leader"));
            lock.item("Identity", value("me")).send().await.unwrap();

            let settings = Settings { fence_by_update, ..vault_layout(settings, &table) };
            let store = emulator::open(settings.clone()).await;
            let (entries, leases) = (entry(), lease_table("vault").unwrap());
            store.create_tables(&[entries.clone(), leases.clone()]).await.unwrap();

            let key = Key::of("sys/policy").at("default");
            let found = store.get(&entries, &key).await.unwrap().unwrap();
            assert_eq!((found.version, &found.bytes(0).unwrap()[..]), (Version(0), &b"one"[..]));
            let marker = store.get(&entries, &Key::of("sys").at("policy/")).await.unwrap().unwrap();
            assert_eq!(marker.bytes(0), None);

            // Looked at without being written, it stays as it is, without a version.
            let look = Commit::new().expect_version(&entries, key.clone(), Version(0)).put(
                &entries,
                Key::of("sys").at("beside"),
                Row::of([bytes::Bytes::from("x")]),
            );
            store.commit(look).await.unwrap();
            let item = client.get_item().table_name(&table).consistent_read(true);
            let item = item.key("Path", AttributeValue::S("sys/policy".into()));
            let item = item.key("Key", AttributeValue::S("default".into())).send().await.unwrap();
            assert_eq!(item.item().unwrap().len(), 3, "Path, Key, Value: {:?}", item.item());

            // Replaced once by whoever read version 0, not twice.
            let replace = |text: &str| {
                let row = Row::of([bytes::Bytes::from(text.to_owned())]);
                Commit::new().expect_version(&entries, key.clone(), Version(0)).put(
                    &entries,
                    key.clone(),
                    row,
                )
            };
            let version = store.commit(replace("three")).await.unwrap();
            assert!(matches!(store.commit(replace("four")).await, Err(Error::Conflict { .. })));
            let found = store.get(&entries, &key).await.unwrap().unwrap();
            assert_eq!((found.version, &found.bytes(0).unwrap()[..]), (version, &b"three"[..]));
            let absent = Commit::new()
                .expect_version(&entries, Key::of("no").at("thing"), Version(0))
                .delete(&entries, Key::of("no").at("thing"));
            assert!(
                matches!(store.commit(absent).await, Err(Error::Conflict { .. })),
                "absent is not version 0"
            );

            // Rows of the other tables are invisible and out of reach.
            let lease = Commit::new().put(&leases, Key::of("active"), Row::new(vec![None; 4]));
            store.commit(lease).await.unwrap();
            let page = store.scan(&entries, &Scan::partition("core", 10)).await.unwrap();
            let keys: Vec<_> = page.records.iter().map(|record| record.key.clone()).collect();
            assert_eq!((keys, page.more), (vec![Key::of("core").at("mounts")], false));
            let page = store.scan_table(&leases, None, 10).await.unwrap();
            let names: Vec<_> = page.records.iter().map(|record| record.key.clone()).collect();
            assert_eq!(names, [Key::of("active"), Key::of("lock")], "the mark is not a lease");
            let hidden = Key::of("core").at("_active");
            assert_eq!(store.get(&entries, &hidden).await.unwrap(), None);
            let write = Commit::new().put(&entries, hidden, Row::new(vec![None]));
            assert!(matches!(store.commit(write).await, Err(Error::Invalid(_))));
            let everything = store.scan_table(&entries, None, 100).await.unwrap();
            assert_eq!(everything.records.len(), 4, "{everything:?}");
            // Elsewhere a key may begin as it likes.
            let fine = Key::of("logical/1").at("_active");
            store.commit(Commit::new().put(&entries, fine.clone(), Row::new(vec![None]))).await.unwrap();
            let page = store.scan(&entries, &Scan::partition("logical/1", 10)).await.unwrap();
            assert_eq!(page.records[0].key, fine);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_of_full_length_cover_what_they_should() {
    for emulator in emulators() {
        let settings = emulator.settings();
        let table = format!("{}both", settings.table_prefix);
        let define = |name: &str| {
            Table::define("two", name).partition("p", Text).clustering("c", Text).build().unwrap()
        };
        let (plain, prefixed) = (define("plain"), define("prefixed"));
        let mut within = shared(&table);
        within.key_prefix = "x:".into();
        let settings =
            settings.lay_out("two.plain", shared(&table).into()).lay_out("two.prefixed", within.into());
        let store = emulator::open(settings).await;
        store.create_tables(&[plain.clone(), prefixed.clone()]).await.unwrap();
        let long = "y".repeat(1022);
        for key in ["a", "y", &long, "x;", "z"] {
            store.commit(Commit::new().put(&plain, Key::of("p").at(key), Row::default())).await.unwrap();
            store.commit(Commit::new().put(&prefixed, Key::of("p").at(key), Row::default())).await.unwrap();
        }
        let tail = "y".repeat(1024);
        for table in [&plain, &prefixed] {
            for order in [trustkeep_store::Order::Ascending, trustkeep_store::Order::Descending] {
                let keys = |range: Range| {
                    let scan = Scan::partition("p", 10).range(range).order(order);
                    let store = &store;
                    async move {
                        let page = store.scan(table, &scan).await.unwrap();
                        let mut keys: Vec<String> = page
                            .records
                            .iter()
                            .map(|record| {
                                record.key.clustering.as_ref().unwrap().as_text().unwrap().to_owned()
                            })
                            .collect();
                        keys.sort();
                        keys
                    }
                };
                use std::ops::Bound::{Excluded, Unbounded};
                let from = Range { start: Excluded(tail.as_str().into()), end: Unbounded };
                assert_eq!(keys(from).await, ["z"]);
                let to = Range { start: Unbounded, end: Excluded(tail.as_str().into()) };
                assert_eq!(keys(to).await, ["a", "x;", "y", &long]);
                assert_eq!(keys(Range::all()).await.len(), 5);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_in_another_shape_is_refused_by_name() {
    for emulator in emulators() {
        let settings = emulator.settings();
        let wanted =
            Table::define("other", "shape").partition("id", Int).column("note", Text).build().unwrap();
        make_by_hand(&raw(&settings), &format!("{}other.shape", settings.table_prefix)).await;
        let store = emulator::open(settings).await;
        let error = store.create_tables(&[wanted]).await.unwrap_err();
        let Error::Schema(text) = &error else { panic!("{error:?}") };
        assert!(text.contains("HASH key is Path (S), other.shape needs id (N)"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_may_be_named_otherwise_even_by_reserved_words() {
    for emulator in emulators() {
        let settings = emulator.settings();
        let own = Own {
            table: Some(format!("{}Names", settings.table_prefix)),
            attributes: [("name", "Date"), ("size", "Range Key"), ("version", "_v")]
                .map(|(column, attribute)| (column.to_owned(), attribute.to_owned()))
                .into(),
        };
        let mut settings = settings.lay_out("some.thing", own.into());
        settings.capacity = Capacity::Provisioned { read: 2, write: 3 };
        let thing = Table::define("some", "thing")
            .partition("name", Text)
            .column("size", Int)
            .column("order", Int)
            .build()
            .unwrap();
        let text = DynamoStore::describe(&settings, std::slice::from_ref(&thing)).unwrap();
        for line in ["HASH key   Date (S)", "attribute Range Key (N)", "attribute _v (N)", "2 read, 3 write"]
        {
            assert!(text.contains(line), "{line:?} is not in:\n{text}");
        }
        let store = emulator::open(settings.clone()).await;
        store.create_tables(std::slice::from_ref(&thing)).await.unwrap();
        let key = Key::of("a");
        let version = store.commit(Commit::new().put(&thing, key.clone(), Row::of([1, 2]))).await.unwrap();
        let again = Commit::new().expect_version(&thing, key.clone(), version);
        store.commit(again.put(&thing, key.clone(), Row::of([3, 4]))).await.unwrap();
        let client = raw(&settings);
        let name = format!("{}Names", settings.table_prefix);
        let item = client.get_item().table_name(&name).key("Date", AttributeValue::S("a".into()));
        let item = item.send().await.unwrap().item.unwrap();
        assert_eq!(item["Range Key"], AttributeValue::N("3".into()));
        let table = client.describe_table().table_name(&name).send().await.unwrap().table.unwrap();
        assert_eq!(table.provisioned_throughput.unwrap().write_capacity_units, Some(3));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_a_newer_version_is_refused() {
    for emulator in emulators() {
        let settings = emulator.settings();
        let store = emulator::open(settings.clone()).await;
        store.create_tables(&[entry()]).await.unwrap();
        let marks = format_table().unwrap();
        let newer = Row::new(vec![Some(2.into()), None]);
        store.commit(Commit::new().put(&marks, Key::of("format"), newer)).await.unwrap();
        let opened =
            DynamoStore::open(settings, <rand::rngs::StdRng as rand::SeedableRng>::from_os_rng()).await;
        let Err(Error::Schema(text)) = opened else { panic!("{opened:?}") };
        assert!(text.contains("format 2") && text.contains("newer version"), "{text}");
    }
}

/// DynamoDB takes a hundred rows in a transaction; of the emulators only moto does.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_rows_go_into_one_transaction() {
    let Some(emulator) = Emulator::moto() else { return };
    let settings = emulator::settings_at(&emulator.endpoint);
    let store = emulator::open(settings).await;
    let rows = Table::define("many", "rows").partition("id", Int).column("amount", Int).build().unwrap();
    store.create_tables(std::slice::from_ref(&rows)).await.unwrap();
    let put = |count: i64| {
        (0..count).fold(Commit::new(), |commit, id| {
            commit.expect_absent(&rows, Key::of(id)).put(&rows, Key::of(id), Row::of([id]))
        })
    };
    assert!(matches!(store.commit(put(101)).await, Err(Error::Limit { found: 101, max: 100, .. })));
    store.commit(put(100)).await.unwrap();
    assert_eq!(store.scan_table(&rows, None, 1000).await.unwrap().records.len(), 100);
}

#[test]
fn layouts_that_claim_the_same_rows_are_refused() {
    let settings = Settings::new("eu-central-1", Settings::static_credentials("a", "b", None))
        .lay_out("one.a", shared("table").into())
        .lay_out("one.b", shared("table").into());
    let error = DynamoStore::describe(&settings, &[]).unwrap_err();
    assert!(error.to_string().contains("one.a and one.b"), "{error}");
}
