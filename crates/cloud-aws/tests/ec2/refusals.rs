use serde_json::json;
use trustkeep_aws::{Context, Env};
use trustkeep_cloud::{Kind, Provider as _};
use trustkeep_cloud_aws::Aws;
use trustkeep_emulator::Fate;

use crate::account::{Account, order, refuse, settings};

#[tokio::test]
async fn only_the_credentials_of_the_spec_count() {
    for account in Account::each(&[]).await {
        account.proxy.rule(|_| Fate::Pass);
        let ambient = [
            ("AWS_ENDPOINT_URL", account.proxy.endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", "AKIAAMBIENT"),
            ("AWS_SECRET_ACCESS_KEY", "ambient"),
            ("AWS_REGION", "eu-west-1"),
        ];
        let aws = Aws::new(Context { env: Env::fixed(ambient), ..Context::process() }, settings()).unwrap();
        for missing in ["access_key", "secret_key"] {
            let mut place = account.place(json!({}));
            place.credentials.remove(missing);
            let faults = [
                aws.create(&place, &order()).await.unwrap_err(),
                aws.list(&place, &account.owner).await.unwrap_err(),
                aws.delete(&place, "t").await.unwrap_err(),
                aws.list_disks(&place, &account.owner).await.unwrap_err(),
            ];
            for fault in faults {
                assert_eq!(fault.kind, Kind::Invalid);
                assert!(fault.text.contains(&format!("{missing} is missing")), "{fault}");
            }
        }
        assert_eq!(account.proxy.seen("DescribeInstances").len(), 0, "nothing was sent");
    }
}

#[tokio::test]
async fn keys_that_aws_refuses_are_the_users_to_mend() {
    for account in Account::each(&[]).await {
        let place = account.place(json!({}));
        let words = "AWS was not able to validate the provided access credentials";
        for (code, status) in
            [("AuthFailure", 401), ("InvalidClientTokenId", 403), ("SignatureDoesNotMatch", 403)]
        {
            account.proxy.rule(move |_| refuse(status, code, words));
            for fault in [
                account.aws.create(&place, &order()).await.unwrap_err(),
                account.aws.list_disks(&place, &account.owner).await.unwrap_err(),
            ] {
                assert_eq!(fault.kind, Kind::Denied);
                assert!(fault.text.starts_with(&format!("{code}: {words} (EC2 Describe")), "{fault}");
                assert!(fault.text.contains("cubbyhole/aws/access_key"), "{fault}");
                assert!(!fault.text.contains("AKIASPEC"), "{fault}");
            }
        }
        assert_eq!(account.proxy.seen("DescribeVolumes").len(), 1, "it is not repeated");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_unavailable() {
    for account in Account::each(&[]).await {
        let env = Env::fixed([("AWS_ENDPOINT_URL_EC2", "http://127.0.0.1:1")]);
        let aws = Aws::new(Context { env, ..Context::process() }, settings()).unwrap();
        let fault = aws.create(&account.place(json!({})), &order()).await.unwrap_err();
        assert!(fault.kind == Kind::Unavailable && fault.text.contains("could not be reached"), "{fault}");
    }
}
