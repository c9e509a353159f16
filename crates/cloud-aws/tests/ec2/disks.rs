use serde_json::json;
use trustkeep_cloud::{DiskState, Kind, Order, Provider as _};
use trustkeep_emulator::Fate;

use crate::account::{Account, ZONE, disk_order, order, text};

#[tokio::test]
async fn a_disk_outlives_the_machine_that_it_is_attached_to() {
    for account in Account::each(&[]).await {
        let aws = &account.aws;
        let (storage, place) =
            (account.place(json!({ "size": 40, "type": "gp3" })), account.place(json!({})));
        let (first, second) = (disk_order(), disk_order());
        let (one, two) = (
            aws.create_disk(&storage, &first).await.unwrap(),
            aws.create_disk(&storage, &second).await.unwrap(),
        );
        assert_eq!((one.size, one.token.as_str(), one.machine.as_deref()), (40, first.token.as_str(), None));
        assert_eq!(
            aws.create_disk(&storage, &first).await.unwrap().id,
            one.id,
            "the same order gives the same disk"
        );
        let seen = account.console("DescribeVolumes", &[("VolumeId.1", &one.id)]).await;
        assert_eq!(text(&seen, "volumeType").unwrap(), "gp3");
        assert_eq!(
            text(&seen, "availabilityZone").unwrap(),
            ZONE,
            "of the subnet, as the catalogue names none"
        );

        // In the order's order, not in that of their making.
        let order = Order { volumes: vec![two.id.clone(), one.id.clone()], ..order() };
        let machine = aws.create(&place, &order).await.unwrap();
        for _ in 0..2 {
            let volumes = aws.settle(&place, &order).await.unwrap().unwrap().volumes;
            let volumes: Vec<_> =
                volumes.into_iter().map(|volume| (volume.volume_id, volume.device_name.unwrap())).collect();
            let expected = [(two.id.clone(), "/dev/sdf".to_owned()), (one.id.clone(), "/dev/sdg".to_owned())];
            assert_eq!(volumes, expected);
        }
        assert_eq!(account.proxy.seen("AttachVolume").len(), 2, "once each");
        let mut listed = aws.list_disks(&storage, &account.owner).await.unwrap();
        listed.sort_by_key(|disk| disk.token.clone());
        let of: Vec<_> = listed.iter().map(|disk| (disk.state, disk.machine.as_deref())).collect();
        assert_eq!(of, [(DiskState::Ready, Some(machine.id.as_str())); 2]);

        let fault = aws.delete_disk(&storage, &first.token).await.unwrap_err();
        assert_eq!(fault.kind, Kind::Conflict);
        assert!(fault.text.contains("VolumeInUse") && fault.text.contains(&machine.id), "{fault}");
        let thief = Order { volumes: vec![one.id.clone()], ..crate::account::order() };
        aws.create(&place, &thief).await.unwrap();
        let fault = aws.settle(&place, &thief).await.unwrap_err();
        assert_eq!(fault.kind, Kind::Conflict);
        assert!(fault.text.contains(&one.id) && fault.text.contains(&machine.id), "{fault}");

        while !aws.delete(&place, &order.token).await.unwrap() {}
        if account.emulator.name == "MiniStack" {
            println!(
                "SKIPPED cloud-aws (MiniStack): a volume stays attached to an instance that is terminated"
            );
            for id in [&one.id, &two.id] {
                account.console("DetachVolume", &[("VolumeId", id)]).await;
            }
        }
        for order in [&first, &second] {
            assert!(aws.delete_disk(&storage, &order.token).await.unwrap());
            assert!(
                aws.delete_disk(&storage, &order.token).await.unwrap(),
                "removing what is removed is done"
            );
        }
        assert_eq!(aws.list_disks(&storage, &account.owner).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_disk_and_attaches_none_twice() {
    for account in Account::each(&[]).await {
        let aws = &account.aws;
        let storage = account.place(json!({ "size": "10" }));
        let disk = disk_order();
        account.proxy.rule(|request| match (request.action.as_str(), request.nth) {
            ("CreateVolume" | "AttachVolume", 0) => Fate::CutAfter,
            ("DeleteVolume", 0) => Fate::CutAfter,
            _ => Fate::Pass,
        });
        let made = aws.create_disk(&storage, &disk).await.unwrap();
        assert_eq!(aws.list_disks(&storage, &account.owner).await.unwrap().len(), 1);
        let order = Order { volumes: vec![made.id.clone()], ..order() };
        aws.create(&storage, &order).await.unwrap();
        let settled = aws.settle(&storage, &order).await.unwrap().unwrap();
        assert_eq!(settled.volumes.len(), 1);
        assert_eq!(account.proxy.seen("AttachVolume").len(), 1, "a look showed that it is attached");
        let detached = [("VolumeId", made.id.as_str()), ("InstanceId", &settled.id), ("Device", "/dev/sdf")];
        account.console("DetachVolume", &detached).await;
        assert!(aws.delete_disk(&storage, &disk.token).await.unwrap());
        assert_eq!(aws.list_disks(&storage, &account.owner).await.unwrap(), []);
    }
}

#[tokio::test]
async fn disks_come_from_snapshots_by_id_and_by_name() {
    for account in Account::each(&[]).await {
        let source =
            account.aws.create_disk(&account.place(json!({ "size": 8 })), &disk_order()).await.unwrap();
        let name = format!("data-{}", account.owner);
        let tagged = [
            ("VolumeId", source.id.as_str()),
            ("TagSpecification.1.ResourceType", "snapshot"),
            ("TagSpecification.1.Tag.1.Key", "Name"),
            ("TagSpecification.1.Tag.1.Value", &name),
        ];
        let snapshot = text(&account.console("CreateSnapshot", &tagged).await, "snapshotId").unwrap();
        for image in [&snapshot, &name] {
            let place = account.place(json!({ "size": 9, "cloud_image": image }));
            let disk = account.aws.create_disk(&place, &disk_order()).await.unwrap();
            let seen = account.console("DescribeVolumes", &[("VolumeId.1", &disk.id)]).await;
            assert_eq!(text(&seen, "snapshotId").unwrap(), snapshot);
        }
        let place = account.place(json!({ "size": 9, "cloud_image": "no-such" }));
        let fault = account.aws.create_disk(&place, &disk_order()).await.unwrap_err();
        assert!(fault.kind == Kind::Invalid && fault.text.contains("\"no-such\""), "{fault}");
    }
}

#[tokio::test]
async fn a_wrong_disk_is_named() {
    for account in Account::each(&[]).await {
        for size in [json!(0), json!("large"), json!(null)] {
            let fault = account
                .aws
                .create_disk(&account.place(json!({ "size": size })), &disk_order())
                .await
                .unwrap_err();
            assert!(fault.kind == Kind::Invalid && fault.text.contains("size of the disk"), "{fault}");
        }
        let place = account.place(json!({}));
        let order = Order { volumes: vec!["vol-0123456789abcdef0".into()], ..order() };
        account.aws.create(&place, &order).await.unwrap();
        let fault = account.aws.settle(&place, &order).await.unwrap_err();
        assert!(fault.kind == Kind::Invalid && fault.text.contains("InvalidVolume.NotFound"), "{fault}");
        let many = Order { volumes: vec!["vol-1".into(); 12], ..order };
        let fault = account.aws.settle(&place, &many).await.unwrap_err();
        assert!(fault.kind == Kind::Invalid && fault.text.contains("11 can be attached"), "{fault}");
    }
}
