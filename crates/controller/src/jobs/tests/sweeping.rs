//! What clouds have that no record knows, and how long a place is looked at after its last unit.

use std::collections::BTreeSet;
use std::time::Duration;

use trustkeep_cloud::{Disk, DiskState, Machine, MachineState};
use trustkeep_crypto::SecretString;

use super::{is_settled, make};
use crate::book::{Page, Stage};
use crate::cci::{Credential, Kind as UnitKind, UnitSpec, VcSpec};
use crate::service::Controller;
use crate::testing::{State, World, asker, unit, until};

/// A machine that carries our tag, and that nobody ordered.
fn stray(state: &mut State) {
    let machine = Machine {
        id: "i-stray".into(),
        token: "stray".into(),
        state: MachineState::Running,
        address: None,
        volumes: Vec::new(),
        launched_at: None,
        reason: None,
    };
    state.machines.insert(machine.token.clone(), machine);
}

async fn orphans(controller: &Controller) -> Vec<String> {
    while controller.jobs().orphans().is_empty() {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    controller.jobs().orphans().into_iter().map(|one| format!("{}/{}", one.provider, one.id)).collect()
}

#[test]
fn what_no_record_knows_is_found_once_by_whatever_name_its_cloud_is_asked() {
    let world = World::new();
    world.live(async |controller| {
        let vcid = make(&controller, "aws").await;
        controller.add_unit(&asker("ann"), "ann", &vcid, unit("v", "aws_spot", 1)).await.unwrap();
        // Another one sorts between what the two names list.
        world.state(|state| {
            stray(state);
            let disk = Disk {
                id: "vol-stray".into(),
                token: "zzz".into(),
                state: DiskState::Ready,
                size: 8,
                machine: None,
                created_at: None,
            };
            state.disks.insert(disk.token.clone(), disk);
        });
        assert_eq!(orphans(&controller).await, ["aws/i-stray", "aws/vol-stray"]);
        let asked: BTreeSet<_> = world.state(|state| state.sweeps.iter().map(|(name, _)| *name).collect());
        assert_eq!(asked, BTreeSet::from(["aws", "aws_spot"]));
    });
}

/// A unit whose spec has a key of its cloud and a secret in its environment.
fn keyed(name: &str, key: &str) -> UnitSpec {
    let credentials = [("access_key".to_owned(), Credential::Literal(SecretString::from(key)))];
    UnitSpec { credentials: credentials.into(), ..unit(name, "aws", 1) }
}

#[test]
fn a_place_is_swept_until_it_is_clean_after_its_last_unit_is_gone() {
    let world = World::new();
    let life = async |controller: Controller| {
        let spec = VcSpec { name: "group".into(), kind: UnitKind::Compute };
        let vcid = controller.create_group(&asker("ann"), spec).await.unwrap();
        controller.add_unit(&asker("ann"), "ann", &vcid, keyed("u", "key")).await.unwrap();
        until(&controller, is_settled).await;
        world.state(stray);
        controller.delete_group(&asker("ann"), &vcid, true).await.unwrap();
        let is_trimmed = |page: &Page| {
            page.groups.is_empty() && page.estates.values().all(|estate| estate.stage != Stage::Left)
        };
        until(&controller, is_trimmed).await;
        world.state(|state| {
            let kept: Vec<_> = state.vault.values().flat_map(|kept| kept.keys().cloned()).collect();
            assert_eq!(kept, ["credential/access_key"], "nothing else of the unit's is kept");
        });
        assert_eq!(orphans(&controller).await, ["aws/i-stray"]);
    };
    world.live(life).unwrap();
    // It is remembered by the next process, for as long as something is there.
    world.live(async |controller| {
        assert_eq!(orphans(&controller).await, ["aws/i-stray"]);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        world.state(|state| {
            assert_eq!(state.vault.len(), 1);
            state.machines.clear();
            state.sweeps.clear();
        });
        until(&controller, |page| page.estates.is_empty()).await;
        world.state(|state| {
            assert_eq!(state.sweeps, [("aws", Some("key".to_owned())), ("aws", Some("key".to_owned()))]);
            assert!(state.vault.is_empty(), "the key is not kept longer than it is needed");
        });
        tokio::time::sleep(Duration::from_secs(3600)).await;
        world.state(|state| assert_eq!(state.sweeps.len(), 2));
        assert!(controller.jobs().orphans().is_empty());
    });
}

#[test]
fn keys_that_a_cloud_no_longer_takes_are_not_kept() {
    let world = World::new();
    world.live(async |controller| {
        let spec = VcSpec { name: "group".into(), kind: UnitKind::Compute };
        let vcid = controller.create_group(&asker("ann"), spec).await.unwrap();
        for (name, key) in [("u", "key"), ("v", "other")] {
            controller.add_unit(&asker("ann"), "ann", &vcid, keyed(name, key)).await.unwrap();
        }
        until(&controller, is_settled).await;
        world.state(|state| state.refused_keys.insert("key".into()));
        controller.delete_unit(&asker("ann"), &vcid, "u", false).await.unwrap();
        until(&controller, |page| page.units().count() == 1).await;
        world.state(|state| state.sweeps.clear());
        until(&controller, |page| page.estates.is_empty()).await;
        world.state(|state| {
            let asked = state.sweeps.iter().filter(|(_, key)| key.as_deref() == Some("key")).count();
            assert_eq!((asked, state.vault.len()), (3, 1), "the other account is another's");
        });
        // A unit that has been empty for a while leaves nothing in the vault either.
        let node = controller.parts().book.page().nodes().next().unwrap().2.id.clone();
        controller.delete_member(&asker("ann"), &vcid, "v", &node).await.unwrap();
        until(&controller, |page| page.nodes().count() == 0).await;
        controller.delete_group(&asker("ann"), &vcid, true).await.unwrap();
        until(&controller, |page| page.groups.is_empty() && page.estates.is_empty()).await;
        world.state(|state| assert!(state.vault.is_empty()));
    });
}
