//! Hardening changes the whole process, so it has a test binary of its own.

use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
use trustkeep_chassis::metrics::process::Reading;
use trustkeep_chassis::process::{Error, Hardening, harden};

#[test]
fn a_hardened_process_leaves_no_core_and_still_reads_its_own_numbers() {
    harden(Hardening::default()).unwrap();
    harden(Hardening::default()).unwrap();
    let core = getrlimit(Resource::Core);
    assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
    assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    assert!(Reading::take().is_some());

    // Whether memory may be locked depends on the machine; a refusal must say what to do, a success must show.
    match harden(Hardening { lock_memory: true }) {
        Ok(()) => {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
            assert_ne!(locked.trim(), "0 kB");
        }
        Err(error @ Error::LockMemory(_)) => assert!(error.to_string().contains("cap_ipc_lock"), "{error}"),
        Err(error) => panic!("{error}"),
    }
}
