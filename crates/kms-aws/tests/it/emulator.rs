use serde_json::json;
use trustkeep_aws::Context;
use trustkeep_crypto::kms::{Context as Bound, Error, Kms as _, Wrapped};
use trustkeep_crypto::random::SystemRandom;
use trustkeep_crypto::{SecretBytes, envelope};
use trustkeep_kms_aws::{AwsKms, Settings};

use crate::moto::{Moto, REGION, context};

fn bound(value: &str) -> Bound {
    Bound::from([("purpose".into(), value.into())])
}

#[tokio::test]
async fn a_key_is_found_by_id_arn_and_alias() {
    let Some(moto) = Moto::find().await else { return };
    let (id, arn) = moto.create_key(json!({ "Description": "seal" })).await;
    let alias = moto.create_alias(&id).await;
    let alias_arn = arn.replace(&format!("key/{id}"), &alias);
    let secret = SecretBytes::random(&SystemRandom, 32);
    for name in [&id, &arn, &alias, &alias_arn] {
        let kms = moto.kms(name).await;
        let info = kms.describe().await.unwrap();
        assert_eq!((&info.key_id, info.state.as_str(), info.usable), (&arn, "Enabled", true));
        assert_eq!(info.description, "seal");
        let wrapped = kms.encrypt(&secret, &Bound::new()).await.unwrap();
        assert_eq!(wrapped.key_id, arn);
        assert!(kms.decrypt(&wrapped, &Bound::new()).await.unwrap().ct_eq(secret.expose()));
        let nameless = Wrapped { key_id: String::new(), ..wrapped };
        assert!(kms.decrypt(&nameless, &Bound::new()).await.unwrap().ct_eq(secret.expose()));
    }
}

#[tokio::test]
async fn envelopes_are_bound_to_their_context() {
    let Some(moto) = Moto::find().await else { return };
    let (id, _) = moto.create_key(json!({})).await;
    let kms = moto.kms(&id).await;
    let data = vec![9; 100_000];
    let sealed = envelope::seal(&kms, &SystemRandom, &data, b"aad", &bound("seal")).await.unwrap();
    assert!(envelope::open(&kms, &sealed, b"aad", &bound("seal")).await.unwrap().ct_eq(&data));
    let other = envelope::open(&kms, &sealed, b"aad", &bound("other")).await.unwrap_err();
    assert!(matches!(other, envelope::Error::Kms(Error::InvalidCiphertext { .. })), "{other}");
}

#[tokio::test]
async fn an_earlier_key_still_decrypts_what_it_wrapped() {
    let Some(moto) = Moto::find().await else { return };
    let (old, _) = moto.create_key(json!({})).await;
    let (new, _) = moto.create_key(json!({})).await;
    let secret = SecretBytes::copy_of(b"secret");
    let wrapped = moto.kms(&old).await.encrypt(&secret, &Bound::new()).await.unwrap();
    assert!(moto.kms(&new).await.decrypt(&wrapped, &Bound::new()).await.unwrap().ct_eq(b"secret"));
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let Some(moto) = Moto::find().await else { return };
    let absent = moto.kms("alias/absent").await;
    let error = absent.describe().await.unwrap_err();
    assert!(matches!(&error, Error::NotFound { key, .. } if key == "alias/absent"), "{error}");
    assert!(error.to_string().contains("in region eu-west-1"), "{error}");
    let error = absent.encrypt(&SecretBytes::copy_of(b"x"), &Bound::new()).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");

    let (id, _) = moto.create_key(json!({})).await;
    let kms = moto.kms(&id).await;
    let mut wrapped = kms.encrypt(&SecretBytes::copy_of(b"x"), &Bound::new()).await.unwrap();
    *wrapped.ciphertext.last_mut().unwrap() ^= 1;
    let error = kms.decrypt(&wrapped, &Bound::new()).await.unwrap_err();
    assert!(matches!(error, Error::InvalidCiphertext { .. }), "{error}");

    for len in [0, 4097] {
        let error = kms.encrypt(&SecretBytes::zeroed(len), &Bound::new()).await.unwrap_err();
        assert!(matches!(&error, Error::Parameter { parameter, .. } if parameter == "plaintext"), "{error}");
    }
    kms.encrypt(&SecretBytes::zeroed(4096), &Bound::new()).await.unwrap();

    moto.administer("DisableKey", json!({ "KeyId": id })).await;
    let info = kms.describe().await.unwrap();
    assert_eq!((info.state.as_str(), info.usable), ("Disabled", false));

    let (signing, _) =
        moto.create_key(json!({ "KeyUsage": "SIGN_VERIFY", "KeySpec": "ECC_NIST_P256" })).await;
    let error = moto.kms(&signing).await.describe().await.unwrap_err();
    assert!(error.to_string().contains("a symmetric encryption key is needed"), "{error}");
}

#[tokio::test]
async fn the_environment_alone_is_enough() {
    let Some(moto) = Moto::find().await else { return };
    let (_, arn) = moto.create_key(json!({})).await;
    let variables = [
        ("VAULT_AWSKMS_SEAL_KEY_ID", arn.as_str()),
        ("AWS_KMS_ENDPOINT", moto.endpoint()),
        ("AWS_ACCESS_KEY_ID", "AKIATEST"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    let overridden = Settings {
        kms_key_id: Some("alias/other".into()),
        endpoint: Some("http://127.0.0.1:1".into()),
        access_key: Some("half a pair".into()),
        ..Settings::default()
    };
    let kms = AwsKms::new(context(&variables), overridden).await.unwrap();
    assert_eq!((kms.region(), kms.key_id()), (REGION, arn.as_str()), "the region comes from the ARN");
    assert_eq!(kms.describe().await.unwrap().key_id, arn);
}

#[tokio::test]
async fn settings_are_checked_before_any_call() {
    let new = async |context: Context, settings: Settings| {
        AwsKms::new(context, settings).await.unwrap_err().to_string()
    };
    let text = new(context(&[]), Settings::default()).await;
    assert_eq!(text, "KMS parameter kms_key_id is wrong: it is not set; set it or VAULT_AWSKMS_SEAL_KEY_ID");
    let key = |key: &str| Settings { kms_key_id: Some(key.into()), ..Settings::default() };
    let text = new(context(&[("AWS_REGION", "us-east-1")]), key("arn:aws:kms:eu-west-1:1:key/k")).await;
    assert!(text.ends_with("the key is in region eu-west-1, but the region in use is us-east-1"), "{text}");
    let text = new(context(&[("AWS_EC2_METADATA_DISABLED", "true")]), key("alias/a")).await;
    assert!(text.starts_with("KMS parameter region is wrong: no AWS region: "), "{text}");
}
