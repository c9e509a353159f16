//! Signals, sent to this very process. The second SIGTERM ends a process, so that part runs in a child.

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, getpid, kill_process};
use trustkeep_chassis::shutdown::{Reload, Shutdown, catch_signals};
use trustkeep_chassis::supervisor::Supervisor;

/// One test, because signals reach the whole process.
#[tokio::test]
async fn hangup_reloads_and_termination_begins_a_graceful_shutdown() {
    let (shutdown, reload) = (Shutdown::new(), Reload::new());
    let mut requests = reload.subscribe();
    catch_signals(&shutdown, &reload).unwrap();
    let supervisor = Supervisor::new(shutdown.clone());
    let task_shutdown = shutdown.clone();
    supervisor.spawn("worker", async move {
        task_shutdown.wait().await;
        Ok::<_, Infallible>(())
    });

    for _ in 0..2 {
        kill_process(getpid(), Signal::HUP).unwrap();
        requests.next().await;
    }
    assert!(!shutdown.is_triggered());
    kill_process(getpid(), Signal::TERM).unwrap();
    supervisor.join(Duration::from_secs(20)).await.unwrap();
    assert_eq!(shutdown.reason().as_deref(), Some("SIGTERM received"));
}

/// The child of the next test: it takes the first signal, says so, and then hangs.
#[tokio::test]
async fn child_that_hangs_in_its_shutdown() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let shutdown = Shutdown::new();
    catch_signals(&shutdown, &Reload::new()).unwrap();
    println!("\nready");
    shutdown.wait().await;
    println!("\nshutting down");
    std::future::pending::<()>().await;
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_hangs_in_its_shutdown", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&child);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "ready"));
    kill_process(pid, Signal::TERM).unwrap();
    assert!(lines.any(|line| line == "shutting down"));
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(128 + 2));
}

const CHILD: &str = "TRUSTKEEP_TEST_CHILD";
