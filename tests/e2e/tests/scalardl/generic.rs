//! The assets behind objects, collections and tables, edited at either server; and both servers brought back together.

use std::collections::HashMap;

use trustkeep_scalar_client::{Ages, HashStore, TableStore};
use trustkeep_store::Value;

use crate::site::state;
use crate::world::{World, balance, deposit, refused};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_behind_objects_collections_and_tables_is_watched_too() {
    let ids = ["o_object", "c_collection", "tbl_people", "rec_people_id_1", "idx_people_city_Oslo"];
    for at_ledger in [true, false] {
        let mut world = World::new().await;
        let (objects, tables) = (HashStore::new(world.client()), TableStore::new(world.client()));
        objects.bootstrap().await.unwrap();
        tables.bootstrap().await.unwrap();
        for hash in ["1", "2"] {
            objects.put_object("object", hash, None, None).await.unwrap();
        }
        objects.create_collection("collection", &["object".into()]).await.unwrap();
        for statement in [
            "CREATE TABLE people (id INT PRIMARY KEY, city STRING)",
            "INSERT INTO people VALUES {'id': 1, 'city': 'Oslo'}",
            "CREATE TABLE others (id INT PRIMARY KEY)",
            "INSERT INTO others VALUES {'id': 1}",
        ] {
            tables.execute_statement(statement).await.unwrap();
        }
        let site = if at_ledger { &mut world.ledger } else { &mut world.auditor };
        site.stop().await;
        let rows = site.rows();
        let mut latest = HashMap::new();
        for row in rows.all("asset").await {
            let age = row.key.clustering.as_ref().and_then(Value::as_int).unwrap();
            latest.insert(row.key.partition.as_text().unwrap().to_owned(), age);
        }
        for id in ids {
            let age = *latest.get(id).unwrap_or_else(|| panic!("no {id} in {latest:?}"));
            rows.set("asset", state(id, age), "output", Some(Value::from("{}"))).await;
        }
        rows.close().await;
        site.start().await;
        let [main, ..] = world.ledger.ports;
        world.liar.point_at(main);
        let (client, object) = (world.client(), ["object".to_owned()]);
        let (objects, tables) = (HashStore::new(world.client()), TableStore::new(world.client()));
        refused("object", objects.get_object("object").await, "305");
        refused("object", objects.put_object("object", "3", None, None).await, "305");
        refused("collection", objects.get_collection("collection").await, "305");
        refused("collection", objects.remove_from_collection("collection", &object, false).await, "305");
        for statement in [
            "SELECT * FROM people WHERE id = 1",
            "SELECT * FROM people WHERE city = 'Oslo'",
            "UPDATE people SET city = 'Rome' WHERE id = 1",
            "INSERT INTO people VALUES {'id': 2, 'city': 'Oslo'}",
        ] {
            refused(statement, tables.execute_statement(statement).await, "305");
        }
        for id in ids {
            refused(id, client.validate_ledger(None, id, Ages::ALL).await, "305");
        }
        // What is behind the others is whole.
        tables.execute_statement("SELECT * FROM others WHERE id = 1").await.unwrap();
        objects.put_object("other", "1", None, None).await.unwrap();
        world.check_others_get_on("untouched").await;
    }
}

/// Restored from one backup, they fit together: nobody is told of a lie, and what came after the backup is gone.
#[tokio::test(flavor = "multi_thread")]
async fn two_servers_that_went_back_to_the_same_point_get_on() {
    let mut world = World::new().await;
    let client = world.client();
    client.execute_contract("create", r#"{"id":"a"}"#).await.unwrap();
    deposit(&client, "a", 5).await.unwrap();
    world.auditor.stop().await;
    world.ledger.stop().await;
    world.auditor.keep();
    world.ledger.keep();
    world.auditor.start().await;
    world.start_ledger().await;
    let client = world.client();
    deposit(&client, "a", 7).await.unwrap();
    client.execute_contract("create", r#"{"id":"later"}"#).await.unwrap();
    world.auditor.stop().await;
    world.ledger.stop().await;
    world.auditor.go_back();
    world.ledger.go_back();
    world.auditor.start().await;
    world.start_ledger().await;
    let client = world.client();
    assert_eq!(balance(&client, "a").await.unwrap(), 5);
    refused("of later", deposit(&client, "later", 1).await, "408");
    deposit(&client, "a", 1).await.unwrap();
    client.execute_contract("create", r#"{"id":"later"}"#).await.unwrap();
    assert_eq!(balance(&client, "a").await.unwrap(), 6);
    client.validate_ledger(None, "a", Ages::ALL).await.unwrap();
    world.check_others_get_on("untouched").await;
}
