use std::time::Duration;

use serde_json::json;
use trustkeep_aws::{Context, Env};
use trustkeep_cloud::{Kind, Order, Provider as _};
use trustkeep_cloud_aws::{Aws, Settings};
use trustkeep_emulator::{Fate, Request};

use crate::account::{Account, order, refuse, settings};

/// This happens to the first requests of RunInstances, one after the other; all else passes.
fn run_meets(fates: Vec<Fate>) -> impl Fn(&Request) -> Fate + Send + Sync {
    move |request| match request.action.as_str() {
        "RunInstances" => fates.get(request.nth).cloned().unwrap_or(Fate::Pass),
        _ => Fate::Pass,
    }
}

fn throttled() -> Fate {
    refuse(503, "RequestLimitExceeded", "Request limit exceeded.")
}

fn broken() -> Fate {
    refuse(500, "InternalError", "An internal error has occurred")
}

#[tokio::test]
async fn whatever_becomes_of_an_answer_one_machine_is_made() {
    for account in Account::each(&[]).await {
        let place = account.place(json!({}));
        let cases = [
            ("lost", vec![Fate::CutAfter]),
            ("lost, and refused before", vec![throttled(), broken(), Fate::CutAfter]),
            ("reset", vec![Fate::CutBefore, Fate::CutBefore]),
            ("garbled", vec![Fate::xml(200, "<RunInstancesResponse><instances")]),
            ("lost thrice", vec![Fate::CutBefore, broken(), Fate::CutAfter]),
        ];
        for (case, fates) in cases {
            let order = order();
            account.proxy.rule(run_meets(fates));
            let made = account.aws.create(&place, &order).await.unwrap();
            assert_eq!(account.living(&order.token).await, 1, "{case}");
            assert_eq!(account.aws.create(&place, &order).await.unwrap().id, made.id, "{case}");
            let tokens: Vec<_> = account
                .proxy
                .seen("RunInstances")
                .into_iter()
                .map(|request| request.form["ClientToken"].clone())
                .collect();
            assert!(tokens.iter().all(|token| *token == tokens[0]), "{case}: {tokens:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_comes_too_late_makes_one_machine() {
    for account in Account::each(&[]).await {
        let hasty = Settings { attempt_timeout: Duration::from_millis(700), ..settings() };
        let env = Env::fixed([("AWS_ENDPOINT_URL", account.proxy.endpoint.clone())]);
        let aws = Aws::new(Context { env, ..Context::process() }, hasty).unwrap();
        let (place, order) = (account.place(json!({})), order());
        account.proxy.rule(run_meets(vec![Fate::Delay(Duration::from_secs(3))]));
        aws.create(&place, &order).await.unwrap();
        assert_eq!(account.living(&order.token).await, 1);
        assert_eq!(account.proxy.seen("RunInstances").len(), 1, "a look showed that it is there");
    }
}

#[tokio::test]
async fn a_controller_that_forgot_its_order_finds_the_machine_again() {
    for account in Account::each(&[]).await {
        let (place, order) = (account.place(json!({})), order());
        // Every answer is lost, so that the call fails as if the controller was killed in it.
        account.proxy.rule(|request| match request.action.as_str() {
            "RunInstances" => Fate::CutAfter,
            "DescribeInstances" if request.nth > 0 => Fate::CutBefore,
            _ => Fate::Pass,
        });
        let fault = account.aws.create(&place, &order).await.unwrap_err();
        assert!(fault.kind == Kind::Unavailable && fault.is_temporary(), "{fault}");
        account.proxy.rule(|_| Fate::Pass);
        let found = account.aws.create(&place, &order).await.unwrap();
        assert_eq!(account.proxy.seen("RunInstances").len(), 0);
        assert_eq!(account.living(&order.token).await, 1);
        assert_eq!(account.aws.list(&place, &account.owner).await.unwrap()[0].id, found.id);
    }
}

#[tokio::test]
async fn what_does_not_pass_ends_in_its_kind() {
    for account in Account::each(&[]).await {
        let place = account.place(json!({}));
        let endless = [
            (throttled(), Kind::Throttled(None), "RequestLimitExceeded"),
            (broken(), Kind::Unavailable, "InternalError"),
            (Fate::CutBefore, Kind::Unavailable, "RunInstances"),
            (
                refuse(
                    500,
                    "InsufficientInstanceCapacity",
                    "We currently do not have sufficient m5.large capacity.",
                ),
                Kind::Capacity,
                "another instance_type",
            ),
            (
                refuse(
                    400,
                    "VcpuLimitExceeded",
                    "You have requested more vCPU capacity than your limit of 32.",
                ),
                Kind::Capacity,
                "Service Quotas",
            ),
            (
                refuse(403, "UnauthorizedOperation", "You are not authorized to perform this operation."),
                Kind::Denied,
                "ec2:RunInstances",
            ),
            (
                refuse(400, "InvalidParameterCombination", "The parameter BlockDeviceMapping is wrong"),
                Kind::Invalid,
                "BlockDeviceMapping",
            ),
        ];
        for (fate, kind, says) in endless {
            let order = order();
            account.proxy.rule(run_meets(vec![fate; 16]));
            let fault = account.aws.create(&place, &order).await.unwrap_err();
            assert_eq!(fault.kind, kind, "{fault}");
            assert!(fault.text.contains(says), "{fault}");
            assert_eq!(account.living(&order.token).await, 0);
        }
    }
}

#[tokio::test]
async fn every_other_call_is_repeated_until_it_is_answered() {
    for account in Account::each(&[]).await {
        account.proxy.rule(|request| match request.nth % 4 {
            _ if ["RunInstances", "CreateVolume", "AttachVolume"].contains(&request.action.as_str()) => {
                Fate::Pass
            }
            0 => throttled(),
            1 => Fate::CutAfter,
            2 => broken(),
            _ => Fate::Pass,
        });
        let (place, order) = (account.place(json!({})), order());
        let aws = &account.aws;
        aws.create(&place, &order).await.unwrap();
        aws.power(&place, &order.token, false).await.unwrap();
        aws.power(&place, &order.token, true).await.unwrap();
        assert_eq!(aws.list(&place, &account.owner).await.unwrap().len(), 1);
        while !aws.delete(&place, &order.token).await.unwrap() {}
        assert_eq!(account.living(&order.token).await, 0);
    }
}

#[tokio::test]
async fn a_client_token_that_ec2_remembers_gives_no_dead_machine() {
    for account in Account::each(&[]).await {
        let (place, order) = (account.place(json!({})), order());
        // As EC2 answers for a day: the instance that the token once made, terminated and no longer listed. No emulator does.
        let earlier = |state: &str, launched: &str| {
            let body = format!(
                "<RunInstancesResponse><reservationId>r-1</reservationId><instancesSet><item><instanceId>i-0dead</instanceId>\
                 <instanceState><code>48</code><name>{state}</name></instanceState><launchTime>{launched}</launchTime>\
                 </item></instancesSet></RunInstancesResponse>"
            );
            Fate::xml(200, body)
        };
        let fates = vec![
            earlier("terminated", "2026-01-01T00:00:00.000Z"),
            earlier("pending", "2026-01-01T00:00:00.000Z"),
            refuse(
                400,
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent",
            ),
        ];
        account.proxy.rule(run_meets(fates));
        let made = account.aws.create(&place, &order).await.unwrap();
        assert_ne!(made.id, "i-0dead");
        let tokens: std::collections::BTreeSet<_> = account
            .proxy
            .seen("RunInstances")
            .into_iter()
            .map(|request| request.form["ClientToken"].clone())
            .collect();
        assert_eq!(tokens.len(), 4, "{tokens:?}");
        assert_eq!(account.living(&order.token).await, 1);
    }
}

#[tokio::test]
async fn an_address_that_the_earlier_machine_still_holds_is_waited_for() {
    for account in Account::each(&[("moto", "it never gives an address free")]).await {
        let address = "10.0.2.77".parse().unwrap();
        let (place, earlier) = (account.place(json!({})), Order { address: Some(address), ..order() });
        account.aws.create(&place, &earlier).await.unwrap();
        while !account.aws.delete(&place, &earlier.token).await.unwrap() {}
        let in_use = || refuse(400, "InvalidIPAddress.InUse", "Address 10.0.2.77 is in use.");
        let shutting_down = "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-0end</instanceId>\
             <instanceState><code>32</code><name>shutting-down</name></instanceState>\
             <privateIpAddress>10.0.2.77</privateIpAddress></item></instancesSet></item></reservationSet></DescribeInstancesResponse>";
        account.proxy.rule(move |request| match (request.action.as_str(), request.nth) {
            ("RunInstances", _) => in_use(),
            ("DescribeInstances", 1) => Fate::xml(200, shutting_down),
            _ => Fate::Pass,
        });
        let order = Order { address: Some(address), ..order() };
        let fault = account.aws.create(&place, &order).await.unwrap_err();
        assert!(fault.is_temporary() && fault.text.contains("still held by i-0end"), "{fault}");

        let fault = account.aws.create(&place, &order).await.unwrap_err();
        assert!(fault.kind == Kind::Conflict && fault.text.contains("another address"), "{fault}");

        account.proxy.rule(run_meets(vec![in_use(), in_use()]));
        account.aws.create(&place, &order).await.unwrap();
        assert_eq!(account.living(&order.token).await, 1);
    }
}

#[tokio::test]
async fn a_machine_that_is_not_listed_yet_is_not_taken_for_gone() {
    for account in Account::each(&[]).await {
        let (place, order) = (account.place(json!({})), order());
        // As EC2 does for some seconds.
        account.proxy.rule(|request| match request.action.as_str() {
            "DescribeInstances" => {
                Fate::xml(200, "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>")
            }
            _ => Fate::Pass,
        });
        let made = account.aws.create(&place, &order).await.unwrap();
        assert_eq!(account.aws.settle(&place, &order).await.unwrap().unwrap().id, made.id);
        assert_eq!(account.aws.create(&place, &order).await.unwrap().id, made.id);
        assert_eq!(account.proxy.seen("RunInstances").len(), 1);
        assert_eq!(account.aws.settle(&place, &crate::account::order()).await.unwrap(), None);
        account.aws.delete(&place, &order.token).await.unwrap();
        assert_eq!(account.living(&order.token).await, 0);
        account.proxy.rule(|_| Fate::Pass);
        assert!(account.aws.delete(&place, &order.token).await.unwrap());
    }
}
