//! Whatever happens to the controller, its clouds and its servers: no node is lost, none is made twice.

mod sweeping;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use trustkeep_cloud::{Fault, Kind, MachineState};

use crate::book::Page;
use crate::cci::{Growth, Kind as UnitKind, UnitSpec, VcSpec};
use crate::model::{NodeState, Unit};
use crate::service::{Controller, Verb};
use crate::testing::{World, asker, counted, unit, until};

/// Makes a unit group with a unit of two, and waits for it.
async fn make(controller: &Controller, provider: &str) -> String {
    let spec = VcSpec { name: "group".into(), kind: UnitKind::Compute };
    let vcid = controller.create_group(&asker("ann"), spec).await.unwrap();
    controller.add_unit(&asker("ann"), "ann", &vcid, unit("u", provider, 2)).await.unwrap();
    until(controller, is_settled).await;
    vcid
}

fn is_settled(page: &Page) -> bool {
    page.nodes().all(|(_, _, node)| node.is_settled())
}

fn states(page: &Page) -> Vec<NodeState> {
    page.nodes().map(|(_, _, node)| node.state).collect()
}

/// Every node that is recorded as running is there once, and nothing else is.
fn check(world: &World, page: &Page, provider: &str) {
    let mut nodes: Vec<_> = page.nodes().map(|(_, _, node)| node.id.clone()).collect();
    nodes.sort();
    assert!(states(page).iter().all(|state| *state == NodeState::Running), "{page:#?}");
    world.state(|state| {
        let mut containers: Vec<_> =
            state.containers.values().flat_map(|there| there.keys().cloned()).collect();
        containers.sort();
        assert_eq!(containers, nodes, "containers");
        let machines: Vec<_> = state.machines.keys().cloned().collect();
        let mut tokens: Vec<_> = page.nodes().map(|(_, _, node)| node.token()).collect();
        tokens.sort();
        assert_eq!(machines, if provider == "aws" { tokens } else { Vec::new() }, "machines");
    });
}

/// The whole life of a unit group, as a user who asks again after each of the controller's deaths.
async fn live(controller: &Controller, provider: &str) {
    let ann = asker("ann");
    let page = || controller.parts().book.page();
    if page().groups.is_empty() {
        let spec = VcSpec { name: "group".into(), kind: UnitKind::Compute };
        controller.create_group(&ann, spec).await.unwrap();
    }
    let vcid = page().groups.keys().next().unwrap().clone();
    if page().nodes().count() == 0 && !page().groups.values().any(|group| group.deleting) {
        let spec = UnitSpec { user_init_command: Some("true".into()), ..unit("u", provider, 2) };
        controller.add_unit(&ann, "ann", &vcid, spec).await.unwrap();
    }
    until(controller, is_settled).await;
    let two =
        || page().groups.get(&vcid).is_some_and(|group| !group.deleting && group.units.contains_key("u"));
    if two() && page().nodes().count() == 2 {
        let addresses = match provider {
            "aws" => Vec::new(),
            _ => vec![IpAddr::from(Ipv4Addr::new(10, 0, 0, 50))],
        };
        let growth = Growth { count: 1, addresses, macs: Vec::new() };
        controller.grow_unit(&ann, &vcid, "u", &growth).await.unwrap();
        until(controller, is_settled).await;
    }
}

#[test]
fn a_controller_that_is_killed_at_any_step_goes_on() {
    for provider in ["aws", "onpremises"] {
        // How many steps there are, from a life without death.
        let world = World::new();
        world.live(async |controller| live(&controller, provider).await).unwrap();
        let steps = world.state(|state| state.calls);
        assert!(steps >= 9, "{steps}");
        for (end, with_effect) in (1..=steps).flat_map(|end| [(end, false), (end, true)]) {
            let world = World::new();
            world.state(|state| state.end = Some((end, with_effect)));
            let killed = world.live(async |controller| live(&controller, provider).await).is_none();
            assert!(killed, "{provider}: step {end} of {steps}");
            let page = world.live(async |controller| {
                live(&controller, provider).await;
                until(&controller, |page| page.estates.is_empty()).await;
                controller.parts().book.page()
            });
            let page = page.unwrap();
            let custody: Vec<_> = page.units().map(|(_, unit)| unit.custody.clone()).collect();
            world.state(|state| {
                let kept: Vec<_> = state.vault.keys().cloned().collect();
                assert_eq!(kept, custody, "{provider}, killed at {end}, {with_effect}");
                let ran = |(id, start): (&String, &i64)| state.inits.contains(&(id.clone(), *start));
                assert!(state.starts.iter().all(ran), "{provider}, {end}: {:?}", state.inits);
            });
            assert_eq!(page.nodes().count(), 3, "{provider}, killed at {end}, {with_effect}");
            check(&world, &page, provider);
        }
    }
}

/// A user who wants the nodes of a unit off and on again, with a base container of the image that the record has meanwhile, and who asks
/// again after each of the controller's deaths.
async fn renew(controller: &Controller, image: &str) {
    let ann = asker("ann");
    let vcid = controller.parts().book.page().groups.keys().next().unwrap().clone();
    let change = controller.parts().book.change(|page, changes| {
        let mut unit = Unit::clone(&page.groups[&vcid].units["u"]);
        unit.spec.image = image.to_owned();
        changes.put_unit(&vcid, unit);
        Ok::<_, std::convert::Infallible>(())
    });
    change.await.unwrap();
    let tell = async |verb: Verb| {
        until(controller, is_settled).await;
        controller.tell(&ann, &vcid, "u", None, verb).await.unwrap();
        until(controller, is_settled).await;
    };
    let now = || states(&controller.parts().book.page());
    until(controller, is_settled).await;
    for (off, on, passing) in [
        (Verb::Suspend, Verb::Resume, NodeState::Suspended),
        (Verb::PowerOff, Verb::PowerOn, NodeState::PowerOff),
        (Verb::Stop, Verb::Start, NodeState::Stopped),
    ] {
        // What an earlier life left off is put on again first.
        if now().contains(&NodeState::Running) {
            tell(off).await;
        }
        if now().contains(&passing) {
            tell(on).await;
        }
    }
}

#[test]
fn nodes_go_off_and_on_wherever_the_controller_was_killed() {
    let mut ends = 0;
    for (end, with_effect) in (1..).flat_map(|end| [(end, false), (end, true)]) {
        let world = World::new();
        world.live(async |controller| scripted(&controller, "true").await).unwrap();
        world.state(|state| state.end = Some((state.calls + end, with_effect)));
        let killed = world.live(async |controller| renew(&controller, "next").await).is_none();
        world.state(|state| state.end = None);
        let page = world.live(async |controller| {
            renew(&controller, "next").await;
            controller.parts().book.page()
        });
        let page = page.unwrap();
        check(&world, &page, "aws");
        world.state(|state| {
            let (id, start) = state.starts.iter().next().unwrap();
            assert_eq!(state.made[id].image, "next", "{end}, {with_effect}");
            let runs: Vec<_> = state.inits.iter().filter(|(_, run)| run == start).collect();
            // What was cut off before its end was recorded may run twice, and nothing else.
            let most = if killed { 2 } else { 1 };
            assert!((1..=most).contains(&runs.len()), "{end}, {with_effect}: {:?}, {start}", state.inits);
        });
        ends += 1;
        if !killed {
            break;
        }
    }
    assert!(ends > 30, "{ends} ends");
}

#[test]
fn deleting_goes_on_wherever_it_was_killed() {
    for provider in ["aws", "onpremises"] {
        let delete = async |controller: Controller| {
            let page = controller.parts().book.page();
            if let Some(vcid) = page.groups.keys().next() {
                controller.delete_group(&asker("ann"), vcid, true).await.unwrap();
            }
            until(&controller, |page| page.groups.is_empty() && page.estates.is_empty()).await;
        };
        for (end, with_effect) in (1..).flat_map(|end| [(end, false), (end, true)]) {
            let world = World::new();
            world.live(async |controller| make(&controller, provider).await).unwrap();
            world.state(|state| state.end = Some((state.calls + end, with_effect)));
            let killed = world.live(delete).is_none();
            let page = world.live(async |controller| {
                delete(controller.clone()).await;
                controller.parts().book.page()
            });
            assert!(page.unwrap().servers.values().all(|server| server.node_id.is_none()));
            world.state(|state| {
                assert!(state.machines.is_empty(), "{provider}, {end}");
                assert!(state.containers.values().all(|there| there.is_empty()), "{provider}, {end}");
                assert!(state.vault.is_empty(), "{provider}, {end}: secrets are forgotten");
            });
            if !killed {
                assert!(end > 2, "{provider}: {end} steps");
                break;
            }
        }
    }
}

#[test]
fn faults_that_pass_are_waited_for_and_others_are_said() {
    let world = World::new();
    let waits = [
        Fault::new(Kind::Unavailable, "no answer"),
        Fault::new(Kind::Throttled(Some(Duration::from_secs(5))), "RequestLimitExceeded"),
    ];
    world.state(|state| state.faults = (0..3).flat_map(|_| waits.clone()).collect());
    let text = world.live(async |controller| {
        let vcid = make(&controller, "aws").await;
        check(&world, &controller.parts().book.page(), "aws");
        world.state(|state| {
            state.faults = vec![Fault::new(Kind::Denied, "InvalidClientTokenId: the key is not known"); 2];
        });
        controller.add_unit(&asker("ann"), "ann", &vcid, unit("v", "aws", 2)).await.unwrap();
        until(&controller, is_settled).await;
        let (group, unit) = controller.unit(&asker("ann"), &vcid, "v").unwrap();
        assert_eq!((group.state().name(), unit.state().name()), ("ERROR", "ERROR"));
        let text = unit.error();
        // The user mends the key and tries again.
        controller.tell(&asker("ann"), &vcid, "v", None, Verb::Start).await.unwrap();
        until(&controller, is_settled).await;
        assert_eq!(controller.group(&asker("ann"), &vcid).unwrap().state().name(), "RUNNING");
        text
    });
    assert!(text.unwrap().contains("InvalidClientTokenId"));
}

#[test]
fn what_a_wrong_key_never_made_goes_by_force() {
    let world = World::new();
    world.live(async |controller| {
        let vcid = make(&controller, "aws").await;
        let ann = asker("ann");
        let wrong = |calls| {
            world.state(|state| {
                state.faults = vec![Fault::new(Kind::Denied, "AuthFailure: the key is not known"); calls];
            });
        };
        wrong(1);
        controller.add_unit(&ann, "ann", &vcid, unit("v", "aws", 1)).await.unwrap();
        until(&controller, is_settled).await;
        for force in [false, true] {
            wrong(1);
            controller.delete_unit(&ann, &vcid, "v", force).await.unwrap();
            until(&controller, is_settled).await;
            assert_eq!(controller.unit(&ann, &vcid, "v").is_err(), force);
        }
        // Machines that were seen cost money: they stay on record.
        wrong(2);
        controller.delete_unit(&ann, &vcid, "u", true).await.unwrap();
        until(&controller, is_settled).await;
        let (_, unit) = controller.unit(&ann, &vcid, "u").unwrap();
        assert!(unit.nodes.len() == 2 && unit.error().contains("AuthFailure"), "{}", unit.error());
    });
}

#[test]
fn what_fails_and_returns_is_noticed() {
    let world = World::new();
    let server = IpAddr::from(Ipv4Addr::new(10, 0, 0, 11));
    world.live(async |controller| {
        make(&controller, "onpremises").await;
        let state =
            |page: &Page| page.nodes().find(|(_, _, node)| node.no == 1).map(|(_, _, node)| node.state);
        let set = |runs: bool| {
            world.state(|state| {
                state.containers.get_mut(&server).unwrap().values_mut().for_each(|on| *on = runs)
            });
        };
        set(false);
        until(&controller, |page| state(page) == Some(NodeState::ContainerError)).await;
        set(true);
        until(&controller, |page| state(page) == Some(NodeState::Running)).await;
        world.state(|state| state.cut_off.insert(server));
        until(&controller, |page| state(page) == Some(NodeState::HostError)).await;
        world.state(|state| state.cut_off.clear());
        until(&controller, |page| state(page) == Some(NodeState::Running)).await;
        world.state(|state| state.keys.insert(server, 7));
        until(&controller, |page| state(page) == Some(NodeState::HostError)).await;
        assert!(controller.forget_host_key(server).await.unwrap());
        until(&controller, |page| state(page) == Some(NodeState::Running)).await;
        // Nor does what runs there stay when its key was forgotten and it goes before it was looked at again.
        assert!(controller.forget_host_key(server).await.unwrap());
        let vcid = controller.parts().book.page().groups.keys().next().unwrap().clone();
        controller.delete_group(&asker("ann"), &vcid, true).await.unwrap();
        until(&controller, |page| page.groups.is_empty()).await;
        world.state(|state| assert!(state.containers.values().all(|there| there.is_empty())));
    });
}

#[test]
fn a_server_that_is_away_is_left_by_force_and_cleaned_when_it_returns() {
    let world = World::new();
    let server = IpAddr::from(Ipv4Addr::new(10, 0, 0, 11));
    world.live(async |controller| {
        let vcid = make(&controller, "onpremises").await;
        world.state(|state| state.cut_off.insert(server));
        controller.delete_unit(&asker("ann"), &vcid, "u", false).await.unwrap();
        until(&controller, |page| is_settled(page) && page.nodes().count() == 1).await;
        let (_, unit) = controller.unit(&asker("ann"), &vcid, "u").unwrap();
        assert!(unit.error().contains("does not answer"), "{}", unit.error());
        controller.delete_group(&asker("ann"), &vcid, true).await.unwrap();
        until(&controller, |page| page.groups.is_empty()).await;
        world.state(|state| state.cut_off.clear());
        until(&controller, |page| page.servers.values().all(|server| server.left.is_empty())).await;
        world.state(|state| assert!(state.containers.values().all(|there| there.is_empty())));
    });
}

#[test]
fn what_is_wanted_may_change_while_it_is_on_its_way() {
    for provider in ["aws", "onpremises"] {
        let world = World::new();
        world.live(async |controller| {
            let spec = VcSpec { name: "group".into(), kind: UnitKind::Compute };
            let vcid = controller.create_group(&asker("ann"), spec).await.unwrap();
            controller.add_unit(&asker("ann"), "ann", &vcid, unit("u", provider, 2)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(150)).await;
            assert!(!is_settled(&controller.parts().book.page()));
            controller.delete_group(&asker("ann"), &vcid, true).await.unwrap();
            until(&controller, |page| page.groups.is_empty()).await;
            world.state(|state| {
                assert!(state.machines.is_empty());
                assert!(state.containers.values().all(|there| there.is_empty()));
            });
        });
    }
}

#[test]
fn nodes_are_stopped_and_started_as_they_are_told() {
    let world = World::new();
    world.live(async |controller| {
        let vcid = make(&controller, "aws").await;
        let all = |wanted: NodeState| move |page: &Page| states(page).iter().all(|state| *state == wanted);
        for (verb, state) in [
            (Verb::Suspend, NodeState::Suspended),
            (Verb::Resume, NodeState::Running),
            (Verb::PowerOff, NodeState::PowerOff),
            (Verb::PowerOn, NodeState::Running),
            (Verb::Stop, NodeState::Stopped),
            (Verb::Start, NodeState::Running),
        ] {
            controller.tell(&asker("ann"), &vcid, "u", None, verb).await.unwrap();
            until(&controller, all(state)).await;
        }
        check(&world, &controller.parts().book.page(), "aws");
        let refused = controller.tell(&asker("ann"), &vcid, "u", None, Verb::PowerOn).await;
        assert!(refused.is_ok(), "it is so already");
        let refused = controller.tell(&asker("bob"), &vcid, "u", None, Verb::Stop).await.unwrap_err();
        assert_eq!(refused.kind.status(), 404, "it is not bob's");
    });
}

#[test]
fn a_machine_that_somebody_else_removed_is_said_and_replaced_when_asked() {
    let world = World::new();
    world.live(async |controller| {
        let vcid = make(&controller, "aws").await;
        let token = controller.parts().book.page().nodes().next().unwrap().2.token();
        world.state(|state| {
            let address = state.machines.remove(&token).unwrap().address.unwrap();
            state.containers.remove(&address);
            state.cut_off.insert(address);
        });
        until(&controller, |page| states(page).contains(&NodeState::HostError)).await;
        let (_, unit) = controller.unit(&asker("ann"), &vcid, "u").unwrap();
        assert!(unit.error().contains("the machine is gone"), "{}", unit.error());
        world.state(|state| state.cut_off.clear());
        controller.tell(&asker("ann"), &vcid, "u", None, Verb::Start).await.unwrap();
        until(&controller, is_settled).await;
        check(&world, &controller.parts().book.page(), "aws");
    });
}

#[test]
fn jobs_and_what_was_refused_are_counted() {
    let world = World::new();
    let text = counted(|| {
        world.live(async |controller| {
            // After the first sweep, which asks clouds too.
            tokio::time::sleep(Duration::from_secs(5)).await;
            // Popped from the end: two refused keys after a call too many.
            let denied = Fault::new(Kind::Denied, "AuthFailure");
            let throttled = Fault::new(Kind::Throttled(None), "RequestLimitExceeded");
            world.state(|state| state.faults = vec![denied.clone(), denied, throttled]);
            let vcid = make(&controller, "aws").await;
            controller.tell(&asker("ann"), &vcid, "u", None, Verb::Start).await.unwrap();
            until(&controller, is_settled).await;
            controller.tell(&asker("ann"), &vcid, "u", None, Verb::PowerOff).await.unwrap();
            until(&controller, is_settled).await;
            controller.delete_group(&asker("ann"), &vcid, true).await.unwrap();
            until(&controller, |page| page.groups.is_empty()).await;
            while controller.jobs().running() > 0 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
    });
    for line in [
        "controller_faults_total{provider=\"aws\",kind=\"throttled\"} 1",
        "controller_faults_total{provider=\"aws\",kind=\"denied\"} 2",
        "controller_job_seconds_count{job=\"RUNNING\",outcome=\"failed\"} 2",
        "controller_job_seconds_count{job=\"RUNNING\",outcome=\"done\"} 2",
        "controller_job_seconds_count{job=\"POWER_OFF\",outcome=\"done\"} 2",
        "controller_job_seconds_count{job=\"gone\",outcome=\"done\"} 2",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn times_to_wait_are_those_of_now() {
    let world = World::new();
    world.state(|state| state.patience.check = Duration::from_secs(80_000));
    world.live(async |controller| {
        make(&controller, "onpremises").await;
        // Until it is settled when they have their next turn.
        tokio::time::sleep(Duration::from_secs(5)).await;
        world.state(|state| {
            assert!(state.made.values().all(|made| made.env["VCCCTR_IPADDR"] == "10.0.0.2"));
            state.patience.check = Duration::from_secs(5);
            state.containers.values_mut().flat_map(|there| there.values_mut()).for_each(|runs| *runs = false);
        });
        // The two may have had their next turn a day later.
        until(&controller, |page| states(page) == [NodeState::ContainerError; 2]).await;
    });
}

/// A unit group with one node, with a script.
async fn scripted(controller: &Controller, script: &str) -> String {
    let spec = VcSpec { name: "group".into(), kind: UnitKind::Compute };
    let vcid = controller.create_group(&asker("ann"), spec).await.unwrap();
    let spec = UnitSpec { user_init_command: Some(script.into()), ..unit("u", "aws", 1) };
    controller.add_unit(&asker("ann"), "ann", &vcid, spec).await.unwrap();
    until(controller, is_settled).await;
    vcid
}

#[test]
fn a_users_script_runs_once_at_every_start_of_the_base_container() {
    let world = World::new();
    let runs = || world.state(|state| state.inits.iter().map(|(_, start)| *start).collect::<Vec<_>>());
    world.live(async |controller| {
        let vcid = scripted(&controller, "true").await;
        let tell = async |verb| {
            controller.tell(&asker("ann"), &vcid, "u", None, verb).await.unwrap();
            until(&controller, is_settled).await;
        };
        assert_eq!(runs(), [1]);
        tell(Verb::Suspend).await;
        tell(Verb::Resume).await;
        assert_eq!(runs(), [1, 2]);
        // A machine that was off starts its containers when it is on.
        tell(Verb::PowerOff).await;
        world.state(|state| state.starts.values_mut().for_each(|start| *start += 1));
        tell(Verb::PowerOn).await;
        assert_eq!(runs(), [1, 2, 3]);
        // Docker starts one again, and nobody was told.
        world.state(|state| state.starts.values_mut().for_each(|start| *start += 1));
        until(&controller, |page| page.nodes().any(|(_, _, node)| node.state == NodeState::Booting)).await;
        until(&controller, is_settled).await;
        assert_eq!(runs(), [1, 2, 3, 4]);
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(runs(), [1, 2, 3, 4], "looking at it is no start");
        controller.set_node_state(&vcid, "u", "1", NodeState::Booting).await.unwrap();
        until(&controller, is_settled).await;
        assert_eq!(runs(), [1, 2, 3, 4], "nor is making sure that it runs");
        tell(Verb::Stop).await;
        tell(Verb::Start).await;
        assert_eq!(runs(), [1, 2, 3, 4, 5]);
        assert_eq!(states(&controller.parts().book.page()), [NodeState::Running]);
    });
    // A new process knows what ran.
    world.live(async |_| tokio::time::sleep(Duration::from_secs(600)).await);
    assert_eq!(runs(), [1, 2, 3, 4, 5]);
}

#[test]
fn a_script_that_fails_is_said_until_its_user_does_something() {
    let world = World::new();
    world.live(async |controller| {
        let vcid = scripted(&controller, "fail exit code 3").await;
        let state = || states(&controller.parts().book.page());
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(state(), [NodeState::ContainerError], "a container that runs does not hide it");
        assert_eq!(world.state(|state| state.inits.len()), 1);
        let (_, unit) = controller.unit(&asker("ann"), &vcid, "u").unwrap();
        assert!(unit.error().contains("user_init_command: exit code 3"), "{}", unit.error());
        controller.tell(&asker("ann"), &vcid, "u", None, Verb::Start).await.unwrap();
        until(&controller, is_settled).await;
        assert_eq!(world.state(|state| state.inits.len()), 2);
    });
}

#[test]
fn a_spot_machine_that_was_stopped_is_said_and_replaced_when_asked() {
    let world = World::new();
    world.live(async |controller| {
        let vcid = make(&controller, "aws_spot").await;
        let set = |state: MachineState| {
            world.state(|world| {
                let cut_off = state == MachineState::Stopped;
                let there = world.machines.values_mut().filter(|machine| machine.state != MachineState::Gone);
                for machine in there {
                    machine.state = state;
                    let address = machine.address.unwrap();
                    if cut_off {
                        world.cut_off.insert(address)
                    } else {
                        world.cut_off.remove(&address)
                    };
                }
            });
        };
        let all = |wanted: NodeState| move |page: &Page| states(page) == [wanted; 2];
        set(MachineState::Stopped);
        until(&controller, all(NodeState::HostError)).await;
        let tell = async |verb| {
            controller.tell(&asker("ann"), &vcid, "u", None, verb).await.unwrap();
            until(&controller, is_settled).await;
        };
        tell(Verb::Start).await;
        let (_, unit) = controller.unit(&asker("ann"), &vcid, "u").unwrap();
        assert_eq!(unit.state().name(), "ERROR");
        assert!(unit.error().contains("aws_spot alone decides when it runs again"), "{}", unit.error());
        assert!(!unit.error().contains("no power operations"), "{}", unit.error());
        // Its provider starts it again: then it is there again.
        set(MachineState::Running);
        until(&controller, all(NodeState::Running)).await;
        set(MachineState::Stopped);
        until(&controller, all(NodeState::HostError)).await;
        tell(Verb::Stop).await;
        tell(Verb::Start).await;
        check(&world, &controller.parts().book.page(), "aws");
    });
}

#[test]
fn a_base_container_of_another_form_is_made_anew() {
    let world = World::new();
    let made = || {
        world.state(|state| {
            state.made.values().map(|made| (made.image.clone(), made.form.clone())).collect::<Vec<_>>()
        })
    };
    world.live(async |controller| {
        let vcid = make(&controller, "onpremises").await;
        let resume = async || {
            for verb in [Verb::Suspend, Verb::Resume] {
                controller.tell(&asker("ann"), &vcid, "u", None, verb).await.unwrap();
                until(&controller, is_settled).await;
            }
        };
        let before = made();
        resume().await;
        assert_eq!(made(), before, "the same record, the same container");
        let change = controller.parts().book.change(|page, changes| {
            let mut unit = Unit::clone(&page.groups[&vcid].units["u"]);
            unit.spec.image = "vcp/base:next".into();
            changes.put_unit(&vcid, unit);
            Ok::<_, std::convert::Infallible>(())
        });
        change.await.unwrap();
        resume().await;
        assert!(made().iter().all(|(image, _)| image == "vcp/base:next"), "{:?}", made());
        let before = made();
        world.state(|state| {
            for kept in state.vault.values_mut() {
                kept.insert("env/0".into(), "c2".into());
            }
        });
        resume().await;
        assert!(made().iter().zip(&before).all(|(now, before)| now.1 != before.1), "a variable differs");
        check(&world, &controller.parts().book.page(), "onpremises");
    });
}
