//! The policy that the documentation gives is enough, and what lacks is named: moto checks keys, signatures and actions.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use trustkeep_aws::Call;
use trustkeep_cloud::{Kind, Order, Place, Provider as _};
use trustkeep_crypto::SecretString;

use crate::account::{Account, console, disk_order, order, text};
use crate::emulator::Emulator;

#[tokio::test]
async fn the_documented_policy_is_enough_and_less_is_refused() {
    let Some(emulator) = tokio::task::spawn_blocking(Emulator::that_checks_rights).await.unwrap() else {
        return;
    };
    let guide = include_str!("../../../../docs/providers-aws.md");
    let policy = guide.split_once("```json").unwrap().1.split_once("```").unwrap().0;
    let policy: Value = serde_json::from_str(policy).unwrap();
    let mut less = policy.clone();
    let actions = less["Statement"][1]["Action"].as_array_mut().unwrap();
    actions.retain(|action| action != "ec2:RunInstances");

    let account = Account::at(emulator).await;
    let full = user(&account.emulator.endpoint, "full", &policy).await;
    let lacking = user(&account.emulator.endpoint, "lacking", &less).await;
    check_rights(&account.emulator.endpoint).await;

    let (aws, spot) = (&account.aws, account.aws.spot());
    let place = with_key(account.place(json!({ "size": 8 })), &full);
    let disk = aws.create_disk(&place, &disk_order()).await.unwrap();
    let order = Order { volumes: vec![disk.id], ..order() };
    aws.create(&place, &order).await.unwrap();
    assert_eq!(aws.settle(&place, &order).await.unwrap().unwrap().volumes.len(), 1);
    aws.power(&place, &order.token, false).await.unwrap();
    aws.power(&place, &order.token, true).await.unwrap();
    assert_eq!(spot.list(&place, &account.owner).await.unwrap().len(), 1);
    while !spot.delete(&place, &order.token).await.unwrap() {}
    assert!(aws.delete_disk(&place, &disk.token).await.unwrap());

    let place = with_key(account.place(json!({})), &lacking);
    let fault = aws.create(&place, &crate::account::order()).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Denied);
    assert!(fault.text.contains("the right ec2:RunInstances"), "{fault}");

    for wrong in [("AKIAIOSFODNN7EXAMPLE", "secret"), (full.0.as_str(), "another secret")] {
        let place = with_key(account.place(json!({})), &(wrong.0.into(), wrong.1.into()));
        let fault = aws.create(&place, &crate::account::order()).await.unwrap_err();
        assert_eq!(fault.kind, Kind::Denied);
        assert!(
            fault.text.starts_with("AuthFailure: ") && fault.text.contains("cubbyhole/aws/secret_key"),
            "{fault}"
        );
    }
}

/// An access key of a new user with this policy.
async fn user(endpoint: &str, name: &str, policy: &Value) -> (String, String) {
    let iam = console("iam", endpoint);
    let policy = policy.to_string();
    let user = ("UserName", name);
    let mut key = String::new();
    for (action, parameters) in [
        ("CreateUser", vec![user]),
        ("PutUserPolicy", vec![user, ("PolicyName", "nodes"), ("PolicyDocument", &policy)]),
        ("CreateAccessKey", vec![user]),
    ] {
        let reply = iam.send(Call::query(action, "2010-05-08", parameters)).await.unwrap();
        key = String::from_utf8(reply.body().expose().to_vec()).unwrap();
    }
    (text(&key, "AccessKeyId").unwrap(), text(&key, "SecretAccessKey").unwrap())
}

/// From now on moto asks who it is.
async fn check_rights(endpoint: &str) {
    let mut stream = TcpStream::connect(endpoint.trim_start_matches("http://")).await.unwrap();
    let request =
        "POST /moto-api/reset-auth HTTP/1.1\r\nhost: moto\r\ncontent-length: 1\r\nconnection: close\r\n\r\n0";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn with_key(mut place: Place, (id, secret): &(String, String)) -> Place {
    place.credentials.insert("access_key".into(), SecretString::new(id.clone()));
    place.credentials.insert("secret_key".into(), SecretString::new(secret.clone()));
    place
}
