//! The admin API from outside: requests and answers, without a listener.

use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, LOCATION};
use http_body_util::BodyExt as _;
use serde_json::json;
use trustkeep_chassis::clock::{ManualClock, Timestamp};
use trustkeep_crypto::SecretString;
use trustkeep_crypto::random::Seeded;
use trustkeep_wallet::{MemoryWallet, Wallet};

mod jwt;
mod out_of_band;

use super::*;
use crate::Settings;

struct Api(Admin);

/// A status, and a body as JSON or as a text.
type Answer = (u16, Value);

impl Api {
    fn new() -> Self {
        Self::with(AdminSettings::default())
    }

    fn with(settings: AdminSettings) -> Self {
        let agent_settings = Settings {
            label: Some("faber".to_owned()),
            endpoints: vec!["http://127.0.0.1:8030".to_owned()],
            ..Settings::default()
        };
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_645_072_160).unwrap()));
        let wallet = Wallet::new(Arc::new(MemoryWallet::new()));
        let agent = Agent::new(agent_settings, wallet, clock, Arc::new(Seeded::new(7)));
        Self(Admin::new(agent, settings, Health::new(), Shutdown::new()))
    }

    async fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> AdminResponse {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.0.answer(request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()).await
    }

    async fn with_headers(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let response = self.raw(method, path, headers, body).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn get(&self, path: &str) -> Answer {
        self.with_headers("GET", path, &[], "").await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.with_headers("POST", path, &[], &body.to_string()).await
    }
}

fn text(status: u16, words: &str) -> Answer {
    (status, Value::String(words.to_owned()))
}

#[tokio::test]
async fn refusals_have_the_originals_statuses_and_words() {
    let api = Api::new();
    assert_eq!(api.get("/nope").await, text(404, "404: Not Found"));
    assert_eq!(api.get("/connections/").await, text(404, "404: Not Found"));
    assert_eq!(api.get("/connections/xyz").await, text(404, "404: Record not found: connection/xyz."));
    let refused = api.raw("POST", "/connections/xyz", &[], "").await;
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()[ALLOW]),
        (405, &"DELETE,GET,OPTIONS".parse().unwrap())
    );
    assert_eq!(
        api.with_headers("POST", "/connections/create-invitation", &[], "{bad").await,
        (400, json!({"json": ["Invalid JSON body."]}))
    );
    assert_eq!(
        api.post("/connections/create-invitation?public=true", json!({})).await,
        text(403, "403: Configuration does not include public invitations")
    );
    for body in [json!({}), json!({"recipientKeys": ["H3C2AVvLMv6gmMNam3uVAjZpfkcJCwDwnZn6z3wXmqPV"]})] {
        assert_eq!(
            api.post("/connections/receive-invitation", body).await,
            text(
                400,
                "400: ConnectionInvitation schema validation failed. {('did', 'recipientKeys', 'serviceEndpoint'): ['Missing required field(s)']}."
            )
        );
    }
    assert_eq!(
        api.post("/connections/create-static", json!({"my_seed": "short"})).await,
        text(400, "400: Seed value must be 32 bytes in length.")
    );
    let large = " ".repeat((1 << 20) + 1);
    let refused = api.with_headers("POST", "/connections/x/send-message", &[], &large).await;
    assert_eq!(refused, text(413, "Maximum request body size 1048576 exceeded."));
}

#[tokio::test]
async fn what_does_not_fit_is_told_in_the_form_of_the_generation_that_asks() {
    let api = Api::new();
    let words = json!({"state": ["Must be one of: abandoned, active, completed, error, init, invitation, request, response, start."]});
    assert_eq!(api.get("/connections?state=foo").await, (422, words.clone()));
    for version in ["1.0.1", "1"] {
        let answer =
            api.with_headers("GET", "/connections?state=foo", &[("acapy-version", version)], "").await;
        assert_eq!(answer, (422, json!({"querystring": words})));
    }
    assert_eq!(
        api.get("/connections?limit=0").await,
        (
            422,
            json!({"querystring": {"limit": ["Must be greater than or equal to 1 and less than or equal to 10000."]}})
        )
    );
    assert_eq!(
        api.post("/connections/xyz/metadata", json!({})).await,
        (422, json!({"metadata": ["Missing data for required field."]}))
    );
}

#[tokio::test]
async fn the_key_is_asked_for_everywhere_but_at_the_probes_and_the_document() {
    let key = Arc::new(SecretString::new("sekrit".to_owned()));
    let api = Api::with(AdminSettings { api_key: Some(key), ..AdminSettings::default() });
    for path in ["/connections", "/nope", "/", "/status"] {
        for headers in [&[][..], &[("x-api-key", "sekriT")]] {
            let refused = api.with_headers("GET", path, headers, "").await;
            assert_eq!(refused, text(401, "401: API Key invalid or missing"), "{path}");
        }
    }
    for path in ["/status/live", "/status/ready", "/api/doc", "/api/docs/swagger.json"] {
        assert_eq!(api.get(path).await.0, 200, "{path}");
    }
    let answer = api.with_headers("GET", "/connections", &[("x-api-key", "sekrit")], "").await;
    assert_eq!(answer, (200, json!({"results": []})));
}

#[tokio::test]
async fn invitations_and_the_connections_that_come_of_them() {
    let (faber, alice) = (Api::new(), Api::new());
    let (status, made) = faber
        .post(
            "/connections/create-invitation?alias=bob&multi_use=true",
            json!({"my_label": "Faber", "metadata": {"a": 1}}),
        )
        .await;
    assert_eq!((status, &made["alias"], &made["invitation"]["label"]), (200, &json!("bob"), &json!("Faber")));
    let url = made["invitation_url"].as_str().unwrap();
    assert!(url.starts_with("http://127.0.0.1:8030?c_i="), "{url}");
    let (status, taken) = alice
        .post("/connections/receive-invitation?alias=f&auto_accept=false", made["invitation"].clone())
        .await;
    assert_eq!(
        (status, &taken["state"], &taken["rfc23_state"]),
        (200, &json!("invitation"), &json!("invitation-received"))
    );
    let id = taken["connection_id"].as_str().unwrap();
    let refused = alice.post(&format!("/connections/{id}/send-message"), json!({"content": "x"})).await;
    assert_eq!(refused, text(400, &format!("400: Connection {id} not ready")));
    let (status, asked) = alice.post(&format!("/connections/{id}/accept-invitation"), json!({})).await;
    assert_eq!((status, &asked["state"]), (200, &json!("request")));

    let path = format!("/connections/{}/metadata", made["connection_id"].as_str().unwrap());
    assert_eq!(faber.get(&path).await, (200, json!({"results": {"a": 1}})));
    assert_eq!(
        faber.post(&path, json!({"metadata": {"b": [2]}})).await,
        (200, json!({"results": {"a": 1, "b": [2]}}))
    );
    assert_eq!(faber.get(&format!("{path}?key=b")).await, (200, json!({"results": [2]})));
    assert_eq!(
        faber.with_headers("DELETE", path.trim_end_matches("/metadata"), &[], "").await,
        (200, json!({}))
    );
    assert_eq!(faber.get(&path).await.0, 404);
}

#[tokio::test]
async fn lists_are_filtered_paged_and_ordered() {
    let api = Api::new();
    for alias in ["a", "b", "a", "c", "a"] {
        api.post(&format!("/connections/create-invitation?alias={alias}"), json!({})).await;
    }
    let made = json!({"their_seed": "000000000000000000000000Trustee1", "their_endpoint": "http://1.example.com:80", "alias": "a"});
    let (status, made) = api.post("/connections/create-static", made).await;
    assert_eq!((status, &made["their_did"]), (200, &json!("V4SGRU86Z58d6TV7PBUe6f")));
    assert_eq!(made["their_verkey"], "GJ1SzoWzavQYfNL9XkaJdrQejfztN4XqdsiV4ct3LXKL");
    let listed = async |query: &str| -> Vec<String> {
        let (status, answer) = api.get(&format!("/connections?{query}")).await;
        assert_eq!(status, 200, "{answer}");
        let results = answer["results"].as_array().unwrap();
        results
            .iter()
            .map(|view| {
                format!("{}{}", view["alias"].as_str().unwrap(), view["state"].as_str().unwrap().len())
            })
            .collect()
    };
    // Those under way come before invitations.
    assert_eq!(listed("").await, ["a6", "a10", "b10", "a10", "c10", "a10"]);
    assert_eq!(listed("alias=a&state=completed").await, ["a6"]);
    assert_eq!(listed("alias=a&limit=2").await, ["a10", "a10"]);
    assert_eq!(listed("alias=a&limit=2&offset=2").await, ["a10", "a6"]);
    assert_eq!(listed("limit=2&descending=true").await, ["a6", "a10"]);
    assert_eq!(listed("their_role=requester").await.len(), 5);
    assert_eq!(listed("their_did=V4SGRU86Z58d6TV7PBUe6f").await, ["a6"]);
    let id = made["record"]["connection_id"].as_str().unwrap();
    assert_eq!(
        api.get(&format!("/connections/{id}/endpoints")).await,
        (200, json!({"my_endpoint": "http://127.0.0.1:8030", "their_endpoint": "http://1.example.com:80"}))
    );
    let (status, sent) = api.post(&format!("/connections/{id}/send-ping"), json!({"comment": null})).await;
    assert_eq!((status, sent["thread_id"].is_string()), (200, true));
    assert_eq!(api.get("/status").await.1["conductor"]["out_deliver"], 1);
}

#[tokio::test]
async fn every_route_is_documented_and_answers_the_pages_of_other_hosts() {
    let api = Api::new();
    let document = api.get("/api/docs/swagger.json").await.1;
    for route in routes() {
        let operation = &document["paths"][route.path][route.method.to_ascii_lowercase()];
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{} {}", route.method, route.path);
    }
    assert_eq!(
        document["definitions"]["ConnectionList"]["properties"]["results"]["items"]["$ref"],
        "#/definitions/ConnRecord"
    );
    let page = api.get("/api/doc").await.1;
    let page = page.as_str().unwrap();
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("src="));
    let home = api.raw("GET", "/", &[], "").await;
    assert_eq!((home.status().as_u16(), &home.headers()[LOCATION]), (302, &"/api/doc".parse().unwrap()));

    let origin = ("origin", "http://a.example");
    let answer = api.raw("GET", "/status", &[origin], "").await;
    assert_eq!(answer.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "http://a.example");
    let asked = [origin, ("access-control-request-method", "DELETE")];
    assert_eq!(api.raw("OPTIONS", "/connections/x", &asked, "").await.status(), 200);
    assert_eq!(
        api.with_headers("OPTIONS", "/connections", &[], "").await,
        text(403, "CORS preflight request failed: origin header is not specified in the request")
    );
}

#[tokio::test]
async fn who_shuts_it_down_finds_it_not_ready() {
    let api = Api::new();
    assert_eq!(api.get("/status/ready").await, (200, json!({"ready": true})));
    assert_eq!(api.get("/shutdown").await, (200, json!({})));
    assert_eq!(api.get("/status/ready").await, text(503, "503: Service not ready"));
    assert_eq!(api.get("/connections").await, text(503, "503: Shutdown in progress"));
    assert_eq!(api.get("/status/live").await, (200, json!({"alive": true})));
}
