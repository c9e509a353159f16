use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use trustkeep_crypto::SecretBytes;
use trustkeep_crypto::kms::{Context, Error, Kms as _, Wrapped};
use trustkeep_kms_aws::{AwsKms, Settings};

use crate::moto::context;

/// A KMS that answers everything with this status and body; the body's `OPERATION` is the operation asked for.
async fn failing(status: u16, body: &'static str) -> AwsKms {
    let app = Router::new().fallback(move |headers: HeaderMap| async move {
        let target = headers.get("x-amz-target").map_or("", |value| value.to_str().unwrap());
        let operation = target.trim_start_matches("TrentService.");
        (StatusCode::from_u16(status).unwrap(), body.replace("OPERATION", operation))
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    at(&url).await
}

async fn at(url: &str) -> AwsKms {
    let settings = Settings {
        kms_key_id: Some("alias/seal".into()),
        region: Some("eu-west-1".into()),
        endpoint: Some(url.into()),
        access_key: Some("A".into()),
        secret_key: Some("s".into()),
        ..Settings::default()
    };
    AwsKms::new(context(&[]), settings).await.unwrap()
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let body = r#"{"__type":"AccessDeniedException","Message":"User: u is not authorized to perform: kms:OPERATION"}"#;
    let kms = failing(400, body).await;
    let secret = SecretBytes::copy_of(b"x");
    let wrapped = Wrapped { ciphertext: vec![1], key_id: "arn:k".into() };
    let permission = |error: Error| match error {
        Error::AccessDenied { permission, key, detail } => {
            assert!(detail.contains(&format!("not authorized to perform: {permission}")), "{detail}");
            (permission, key)
        }
        other => panic!("{other}"),
    };
    let denied = |name: &str, key: &str| (name.to_owned(), key.to_owned());
    assert_eq!(permission(kms.describe().await.unwrap_err()), denied("kms:DescribeKey", "alias/seal"));
    let error = kms.encrypt(&secret, &Context::new()).await.unwrap_err();
    assert_eq!(permission(error), denied("kms:Encrypt", "alias/seal"));
    let error = kms.decrypt(&wrapped, &Context::new()).await.unwrap_err();
    assert_eq!(permission(error), denied("kms:Decrypt", "arn:k"));
}

#[tokio::test]
async fn states_and_outages_are_told_apart() {
    let disabled = r#"{"__type":"DisabledException","message":"arn:k is disabled."}"#;
    assert!(matches!(failing(400, disabled).await.describe().await, Err(Error::Disabled { .. })));
    let pending = r#"{"__type":"KMSInvalidStateException","message":"arn:k is pending deletion."}"#;
    let error = failing(400, pending).await.describe().await.unwrap_err();
    assert!(error.to_string().contains("pending deletion") && !error.is_transient(), "{error}");
    let throttled = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
    assert!(matches!(failing(400, throttled).await.describe().await, Err(Error::Throttled { .. })));
    let internal = r#"{"__type":"KMSInternalException","message":"m"}"#;
    assert!(matches!(failing(500, internal).await.describe().await, Err(Error::Unavailable { .. })));
    assert!(matches!(failing(200, "{}").await.describe().await, Err(Error::Unavailable { .. })));
    let error = at("http://127.0.0.1:1").await.describe().await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("could not be reached"), "{error}");
}
