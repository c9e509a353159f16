//! Tokens, from outside.

use super::*;

async fn made(api: &Api, method: &str) -> String {
    let (status, body) = api.post("/wallet/did/create", json!({ "method": method })).await;
    assert_eq!(status, 200);
    body["result"]["did"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_is_valid_until_it_is_changed() {
    let api = Api::new();
    let did = made(&api, "key").await;
    let kid = format!("{did}#{}", did.trim_start_matches("did:key:"));
    let payload = json!({"a": 1, "list": ["x", {"b": null}]});
    for body in
        [json!({"payload": payload, "did": did}), json!({"payload": payload, "verificationMethod": kid})]
    {
        let (status, token) = api.post("/wallet/jwt/sign", body.clone()).await;
        let (status_sd, sd_token) = api.post("/wallet/sd-jwt/sign", body).await;
        assert_eq!((status, status_sd), (200, 200));
        let (token, sd_token) = (token.as_str().unwrap(), sd_token.as_str().unwrap());
        let headers = json!({"typ": "JWT", "alg": "EdDSA", "kid": kid});
        let expected = json!({"valid": true, "headers": headers, "payload": payload, "kid": kid});
        assert_eq!(api.post("/wallet/jwt/verify", json!({ "jwt": token })).await, (200, expected));
        let (_, verified) = api.post("/wallet/sd-jwt/verify", json!({ "sd_jwt": sd_token })).await;
        assert_eq!(
            (&verified["valid"], verified["disclosures"].as_array().unwrap().len()),
            (&json!(true), 4)
        );
        for (from, to) in [(".", ".A"), ("~W", "~WyJzIiwgImEiLCAxXQ~W")] {
            let changed = sd_token.replacen(from, to, 1);
            let (status, verified) = api.post("/wallet/sd-jwt/verify", json!({ "sd_jwt": changed })).await;
            assert!(status == 400 || verified["valid"] == false, "{changed}");
        }
        let (said, signature) = token.rsplit_once('.').unwrap();
        let turned: String = signature.chars().rev().collect();
        let (status, verified) =
            api.post("/wallet/jwt/verify", json!({"jwt": format!("{said}.{turned}")})).await;
        assert_eq!((status, &verified["valid"]), (200, &json!(false)));
    }
    // The first token gave the key its name, the second found it.
    let (_, key) = api.get(&format!("/wallet/keys/{}", did.trim_start_matches("did:key:"))).await;
    assert_eq!(key["kid"], json!(kid));
}

#[tokio::test]
async fn who_cannot_be_signed_as_is_refused() {
    let api = Api::new();
    let bare = made(&api, "sov").await;
    let (status, _) = api.post("/wallet/jwt/sign", json!({"payload": {}, "did": bare})).await;
    assert_eq!(status, 200);
    let other = "did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH";
    for (body, refused) in [
        (json!({"payload": {}}), text(400, "400: Bad did or verification method")),
        (
            json!({"payload": {}, "verificationMethod": other}),
            text(400, "400: Bad did or verification method"),
        ),
        (json!({"payload": {}, "did": other}), text(404, &format!("404: Unknown DID: {other}."))),
        (
            json!({"payload": {}, "did": "WgWxqztrNooG92RXvxSTWv"}),
            text(404, "404: Unknown DID: WgWxqztrNooG92RXvxSTWv."),
        ),
        (
            json!({"payload": [], "did": "x"}),
            (
                422,
                json!({"json": {"payload": ["Not a valid mapping type."], "did": ["Value x is not a valid DID"]}}),
            ),
        ),
    ] {
        assert_eq!(api.post("/wallet/jwt/sign", body).await, refused);
    }
}
