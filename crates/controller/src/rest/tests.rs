//! The API as the SDK calls it.

use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};

use super::{Rest, Version};
use crate::model::NodeState;
use crate::service::Controller;
use crate::testing::{World, counted, unit, until};

fn rest(controller: &Controller) -> Rest {
    Rest::new(controller.clone(), Version { level: "25.10.0+20251001".into(), tag: "test".into() })
}

async fn call(rest: &Rest, method: Method, path: &str, token: &str, body: Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut request = Request::builder().method(method).uri(format!("{}{path}", super::BASE));
    if let Some((token, _)) = token.split_once('!') {
        request = request.header("x-vcc-privileged", "True").header("x-vcc-access-token", token);
    } else if !token.is_empty() {
        request = request.header("x-vcc-access-token", token);
    }
    let response = rest.answer(request.body(Full::from(body)).unwrap()).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

fn vc(name: &str) -> Value {
    use base64::Engine as _;
    let text = format!(
        "- vc:\n    cci_version: '1.0'\n    type: compute\n    description: {name}\n    name: {name}\n"
    );
    json!({ "cci": base64::engine::general_purpose::STANDARD.encode(text) })
}

#[test]
fn a_call_needs_a_token_with_the_right() {
    World::new().live(async |controller| {
        let rest = rest(&controller);
        for open in ["/", "/health"] {
            assert_eq!(call(&rest, Method::GET, open, "", Value::Null).await.0, 200);
        }
        for (method, path, token, status) in [
            (Method::GET, "", "", 403),
            (Method::GET, "", "ann/revoked", 403),
            (Method::GET, "", "ann", 200),
            (Method::GET, "/vcs", "ann/readonly", 200),
            (Method::POST, "/vcs", "ann/readonly", 403),
            (Method::GET, "/vcs", "ann!", 403),
            (Method::GET, "/vcs", "root/super!", 200),
            (Method::GET, "/nothing", "", 403),
            (Method::GET, "/nothing", "ann", 404),
            (Method::DELETE, "/vcs", "ann", 405),
            (Method::GET, "/vcs/00112233", "ann", 404),
        ] {
            let body = if method == Method::GET { Value::Null } else { vc("x") };
            let (found, body) = call(&rest, method.clone(), path, token, body).await;
            assert_eq!(found, status, "{method} {path} {token}: {body}");
        }
        let (_, body) = call(&rest, Method::GET, "/vcs", "ann/revoked", Value::Null).await;
        let message = body["message"].as_str().unwrap();
        assert!(message.ends_with(":token lookup is failed: permission denied"), "{message}");
        assert!(message.contains(" UTC: VCPAuthException: "), "{message}");
    });
}

#[test]
fn a_group_is_seen_at_once_by_its_owner_only() {
    World::new().live(async |controller| {
        let rest = rest(&controller);
        let (status, made) = call(&rest, Method::POST, "/vcs", "ann", vc("first")).await;
        assert_eq!(status, 202, "{made}");
        let vcid = made["vcid"].as_str().unwrap();
        let (_, seen) = call(&rest, Method::GET, "/vcs", "ann", Value::Null).await;
        assert_eq!(seen["vcs"][0]["vcid"], vcid);
        assert_eq!(seen["vcs"][0]["error_message"], "");
        assert_eq!(call(&rest, Method::GET, "/vcs", "bob", Value::Null).await.1["vcs"], json!([]));
        let path = format!("/vcs/{vcid}");
        assert_eq!(call(&rest, Method::GET, &path, "bob", Value::Null).await.0, 404);
        assert_eq!(call(&rest, Method::GET, &path, "root/super", Value::Null).await.0, 404);
        assert_eq!(call(&rest, Method::GET, &path, "root/super!", Value::Null).await.0, 200);
        assert_eq!(call(&rest, Method::POST, "/vcs", "ann", vc("first")).await.0, 409);
        for nobody in ["carol", "a b", ""] {
            let gift = json!({ "operation": "change_owner", "owner": nobody });
            let (status, said) = call(&rest, Method::PATCH, &path, "ann", gift.clone()).await;
            assert_eq!(status, 400, "{said}");
            let message = said["message"].as_str().unwrap();
            assert!(message.contains("VCPInvalidParameterException"), "{message}");
            assert!(message.contains("owner: user") && message.contains(nobody), "{message}");
            assert_eq!(call(&rest, Method::GET, &path, "ann", Value::Null).await.1["owner"], "ann");
            assert_eq!(call(&rest, Method::PATCH, &path, "bob", gift).await.0, 404, "it is not bob's");
        }
        let gift = json!({ "operation": "change_owner", "owner": "bob" });
        let (_, theirs) = call(&rest, Method::POST, "/vcs", "bob", vc("first")).await;
        let taken = call(&rest, Method::PATCH, &path, "ann", gift.clone()).await;
        assert_eq!(taken.0, 409, "bob has one of this name: {taken:?}");
        let theirs = format!("/vcs/{}", theirs["vcid"].as_str().unwrap());
        assert_eq!(call(&rest, Method::PUT, &theirs, "bob", vc("second")).await.0, 202);
        assert_eq!(call(&rest, Method::PATCH, &path, "ann", gift).await.0, 202);
        let renamed = call(&rest, Method::PUT, &path, "root/super!", vc("second")).await;
        assert_eq!(renamed.0, 409, "its owner has one of this name: {renamed:?}");
        assert_eq!(call(&rest, Method::DELETE, &theirs, "bob", json!({})).await.0, 202);
        assert_eq!(call(&rest, Method::GET, &path, "ann", Value::Null).await.0, 404);
        assert_eq!(call(&rest, Method::GET, &path, "bob", Value::Null).await.1["owner"], "bob");
        assert_eq!(call(&rest, Method::DELETE, &path, "bob", json!({ "force": "true" })).await.0, 202);
        assert_eq!(call(&rest, Method::GET, &path, "bob", Value::Null).await.0, 404);
    });
}

#[test]
fn a_unit_grows_shrinks_and_goes() {
    World::new().live(async |controller| {
        let rest = rest(&controller);
        let (_, made) = call(&rest, Method::POST, "/vcs", "ann", vc("g")).await;
        let vcid = made["vcid"].as_str().unwrap();
        let ann = crate::testing::asker("ann");
        controller.add_unit(&ann, "ann", vcid, unit("u", "onpremises", 2)).await.unwrap();
        let path = format!("/vcs/{vcid}/u");
        let growth =
            |last: u8| json!({ "ip_address_list": [format!("10.0.0.{last}")], "mac_address_list": [] });
        assert_eq!(call(&rest, Method::PUT, &path, "ann", growth(11)).await.0, 409, "the server has a node");
        for none in ["10.9.0.1", "10.0.0.0", "10.0.0.255", "fd00::5", "::ffff:10.0.0.255"] {
            let outside = json!({ "ip_address_list": [none] });
            assert_eq!(call(&rest, Method::PUT, &path, "ann", outside).await.0, 400, "{none}");
        }
        let the_same = json!({ "ip_address_list": ["::ffff:10.0.0.11"] });
        assert_eq!(
            call(&rest, Method::PUT, &path, "ann", the_same).await.0,
            409,
            "the server in other words"
        );
        let negative = json!({ "num_nodes": -1 });
        assert_eq!(call(&rest, Method::PUT, &path, "ann", negative).await.0, 400);
        assert_eq!(call(&rest, Method::PUT, &path, "ann", growth(13)).await.0, 202);
        until(&controller, |page| page.nodes().all(|(_, _, node)| node.state == NodeState::Running)).await;
        let (_, seen) = call(&rest, Method::GET, &path, "ann", Value::Null).await;
        assert_eq!(seen["state"], "RUNNING");
        let nodes = seen["node"].as_array().unwrap();
        assert_eq!(nodes.iter().map(|node| node["node_no"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(nodes[2]["cloud_instance_address"], "10.0.0.13");
        assert_eq!((&nodes[0]["volumes"], &nodes[0]["error_message"]), (&json!([]), &json!("")));
        let (status, targets) = call(&rest, Method::GET, "/monitoring/targets", "ann", Value::Null).await;
        assert_eq!((status, targets.as_array().map(Vec::len)), (200, Some(3)), "{targets}");
        assert_eq!(targets[0]["targets"], json!(["10.0.0.11:18083"]));
        assert_eq!(call(&rest, Method::GET, "/monitoring/targets", "bob", Value::Null).await.1, json!([]));
        let node = format!("{path}/{}", nodes[0]["node_id"].as_str().unwrap());
        let (power, said) = call(&rest, Method::PATCH, &format!("{node}/power_off"), "ann", json!({})).await;
        assert_eq!(power, 400, "{said}");
        assert_eq!(call(&rest, Method::PATCH, &format!("{node}/dance"), "ann", json!({})).await.0, 404);
        assert_eq!(call(&rest, Method::PATCH, &format!("{path}/unwatch"), "ann", json!({})).await.0, 202);
        assert_eq!(call(&rest, Method::GET, &node, "ann", Value::Null).await.1["watch_mode"], false);
        assert_eq!(call(&rest, Method::DELETE, &node, "ann", json!({})).await.0, 202);
        until(&controller, |page| page.nodes().count() == 2).await;
        let group = format!("/vcs/{vcid}");
        let gentle = json!({ "force": "false" });
        assert_eq!(call(&rest, Method::DELETE, &group, "ann", gentle.clone()).await.0, 409, "it has a unit");
        assert_eq!(call(&rest, Method::DELETE, &path, "ann", gentle.clone()).await.0, 202);
        until(&controller, |page| page.groups.values().all(|group| group.units.is_empty())).await;
        assert_eq!(call(&rest, Method::DELETE, &group, "ann", gentle).await.0, 202);
        assert_eq!(call(&rest, Method::GET, &group, "ann", Value::Null).await.0, 404);
    });
}

#[test]
fn what_changes_something_is_counted_by_its_end() {
    let text = counted(|| {
        World::new().live(async |controller| {
            let rest = rest(&controller);
            let (_, made) = call(&rest, Method::POST, "/vcs", "ann", vc("g")).await;
            let path = format!("/vcs/{}", made["vcid"].as_str().unwrap());
            let gift = json!({ "operation": "change_owner", "owner": "carol" });
            for (method, path, token, body) in [
                (Method::POST, "/vcs", "ann", vc("g")),
                (Method::POST, "/vcs", "ann/readonly", vc("h")),
                (Method::POST, "/vcs", "ann/away", vc("h")),
                (Method::PATCH, path.as_str(), "ann", gift),
                (Method::PATCH, &format!("{path}/u/power_on"), "ann", json!({})),
                (Method::PATCH, &format!("{path}/u/1/dance"), "ann", json!({})),
                (Method::GET, &format!("{path}/u/1/backup"), "ann", Value::Null),
                (Method::GET, "/vcs", "ann", Value::Null),
                (Method::GET, "/vcs", "ann/revoked", Value::Null),
            ] {
                call(&rest, method, path, token, body).await;
            }
            call(&rest, Method::DELETE, &path, "ann", json!({})).await;
        });
    });
    let mut lines: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix("controller_operations_total{operation=")).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "\"backup\",outcome=\"refused\"} 1",
            "\"change owner vc\",outcome=\"refused\"} 1",
            "\"create vc\",outcome=\"accepted\"} 1",
            "\"create vc\",outcome=\"failed\"} 1",
            "\"create vc\",outcome=\"refused\"} 2",
            "\"delete vc\",outcome=\"accepted\"} 1",
            "\"power_on\",outcome=\"refused\"} 1",
            "\"unknown\",outcome=\"refused\"} 1",
        ]
    );
}

#[test]
fn what_is_malformed_is_said_and_changes_nothing() {
    World::new().live(async |controller| {
        let rest = rest(&controller);
        for body in
            [json!({}), json!({ "cci": 7 }), json!({ "cci": "%%%" }), json!({ "cci": "aGVsbG8=" }), json!([])]
        {
            let (status, said) = call(&rest, Method::POST, "/vcs", "ann", body.clone()).await;
            assert_eq!(status, 400, "{body}: {said}");
            assert!(said["message"].as_str().unwrap().contains("VCPInvalidParameterException"), "{said}");
        }
        let large = json!({ "cci": "A".repeat(super::BODY_BYTES_MAX) });
        assert_eq!(call(&rest, Method::POST, "/vcs", "ann", large).await.0, 413);
        assert!(controller.parts().book.page().groups.is_empty());
    });
}
