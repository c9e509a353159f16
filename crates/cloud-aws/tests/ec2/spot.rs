use serde_json::json;
use trustkeep_cloud::{Kind, MachineState, Provider as _};

use crate::account::{Account, order, text, unique};

const NO_SPOT: (&str, &str) = ("MiniStack", "it knows no spot instances");

#[tokio::test]
async fn a_spot_instance_is_asked_for_with_its_limits() {
    for account in Account::each(&[NO_SPOT]).await {
        let aws = account.aws.spot();
        let option = |name: &str| format!("InstanceMarketOptions.SpotOptions.{name}");
        let params = json!({ "spot_type": "one-time", "spot_price": "0.05", "block_duration_minutes": 0 });
        let (place, order) = (account.place(params), order());
        let made = aws.create(&place, &order).await.unwrap();
        let asked = account.proxy.seen("RunInstances").pop().unwrap().form;
        assert_eq!(asked["InstanceMarketOptions.MarketType"], "spot");
        assert_eq!(
            (&*asked[&option("SpotInstanceType")], &*asked[&option("MaxPrice")]),
            ("one-time", "0.05")
        );
        assert_eq!(asked["TagSpecification.3.ResourceType"], "spot-instances-request");
        let seen = account.console("DescribeInstances", &[("InstanceId.1", &made.id)]).await;
        assert_eq!(text(&seen, "instanceLifecycle").unwrap(), "spot");
        assert_eq!(aws.settle(&place, &order).await.unwrap().unwrap().state, MachineState::Running);
        let fault = aws.power(&place, &order.token, false).await.unwrap_err();
        assert_eq!(fault.kind, Kind::Unsupported);
        while !aws.delete(&place, &order.token).await.unwrap() {}
        assert_eq!(account.living(&order.token).await, 0);

        let place = account.place(json!({ "spot_type": "persistent", "spot_price": "" }));
        aws.create(&place, &crate::account::order()).await.unwrap();
        let asked = account.proxy.seen("RunInstances").pop().unwrap().form;
        assert_eq!(asked[&option("SpotInstanceType")], "persistent");
        assert_eq!(asked[&option("InstanceInterruptionBehavior")], "stop");
        assert!(!asked.contains_key(&option("MaxPrice")), "up to the on-demand price");
    }
}

#[tokio::test]
async fn what_ec2_no_longer_offers_is_refused() {
    for account in Account::each(&[]).await {
        let cases = [
            (json!({ "block_duration_minutes": 60 }), "block_duration_minutes"),
            (json!({ "spot_type": "sometimes" }), "spot_type"),
            (json!({ "spot_price": "cheap" }), "spot_price"),
            (json!({ "spot_price": "-1" }), "spot_price"),
        ];
        for (params, says) in cases {
            let fault = account.aws.spot().create(&account.place(params), &order()).await.unwrap_err();
            assert!(fault.kind == Kind::Invalid && fault.text.contains(says), "{fault}");
        }
        assert_eq!(account.proxy.seen("RunInstances").len(), 0);
    }
}

#[tokio::test]
async fn a_request_that_could_start_another_is_found_and_cancelled() {
    for account in Account::each(&[NO_SPOT]).await {
        let (aws, place, token) = (account.aws.spot(), account.place(json!({})), unique());
        // A persistent request whose instance carries no tags, as EC2 starts one when its first is terminated by hand.
        let request = [
            ("SpotPrice", "0.05"),
            ("Type", "persistent"),
            ("LaunchSpecification.ImageId", "ami-24040002"),
            ("LaunchSpecification.InstanceType", "m5.large"),
            ("LaunchSpecification.SubnetId", &account.subnet),
            ("TagSpecification.1.ResourceType", "spot-instances-request"),
            ("TagSpecification.1.Tag.1.Key", "trustkeep:node"),
            ("TagSpecification.1.Tag.1.Value", &token),
            ("TagSpecification.1.Tag.2.Key", "trustkeep:controller"),
            ("TagSpecification.1.Tag.2.Value", &account.owner),
        ];
        let seen = account.console("RequestSpotInstances", &request).await;
        let id = text(&seen, "spotInstanceRequestId").unwrap();
        let instance = text(&seen, "instanceId").unwrap();
        let listed = aws.list(&place, &account.owner).await.unwrap();
        assert_eq!(
            listed.iter().map(|machine| (&machine.id, &machine.token)).collect::<Vec<_>>(),
            [(&id, &token)]
        );
        while !aws.delete(&place, &token).await.unwrap() {}
        let seen = account.console("DescribeInstances", &[("InstanceId.1", &instance)]).await;
        assert!(seen.contains("<name>terminated</name>"), "{seen}");
        assert_eq!(aws.list(&place, &account.owner).await.unwrap(), []);
        assert_eq!(account.proxy.seen("CancelSpotInstanceRequests").len(), 1);
    }
}
