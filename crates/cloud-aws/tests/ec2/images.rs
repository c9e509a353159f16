use serde_json::json;
use trustkeep_cloud::{Kind, Provider as _};

use crate::account::{Account, order};

#[tokio::test]
async fn default_is_the_newest_ubuntu_of_canonical_for_the_architecture() {
    for account in Account::each(&[]).await {
        let chosen = async |instance_type: &str, image: &str| {
            let place = account.place(json!({ "instance_type": instance_type, "cloud_image": image }));
            let machine = account.aws.create(&place, &order()).await.unwrap();
            let seen = account.console("DescribeInstances", &[("InstanceId.1", &machine.id)]).await;
            crate::account::text(&seen, "imageId").unwrap()
        };
        if account.emulator.name == "MiniStack" {
            assert_eq!(chosen("m5.large", "default").await, "ami-0123456789abcdef0", "its only Ubuntu");
            continue;
        }
        assert_eq!(chosen("m5.large", "default").await, "ami-24040002");
        assert_eq!(chosen("m6g.large", "default").await, "ami-2404a001");
        assert_eq!(chosen("m5.large", "ami-22040001").await, "ami-22040001");
        let named = "niivcp-25.04.0-x86_64-ubuntu24.04-gpu-a-r1.0";
        assert_eq!(
            chosen("m5.large", named).await,
            "ami-00000001",
            "one's own, not the newer one of a stranger"
        );
    }
}

#[tokio::test]
async fn an_image_that_is_not_there_is_named() {
    for account in Account::each(&[]).await {
        for image in ["niivcp-1", "ami-00000bad"] {
            let place = account.place(json!({ "cloud_image": image }));
            let fault = account.aws.create(&place, &order()).await.unwrap_err();
            assert_eq!(fault.kind, Kind::Invalid);
            assert!(fault.text.contains(image) && fault.text.contains("Correct cloud_image"), "{fault}");
        }
        assert_eq!(account.proxy.seen("RunInstances").len(), 0);
    }
}
