//! A process that commits is killed; what it was told is there, and nothing by halves.
//!
//! The process is this test program again, see `crash/writer.rs`. Seeds are printed; `TRUSTKEEP_SEED` replays one.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test reports by panicking"
)]

#[path = "crash/journal.rs"]
mod journal;
#[path = "crash/writer.rs"]
mod writer;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use trustkeep_store::{Error, Store};
use trustkeep_store_embedded::{EmbeddedStore, Loss, Settings};

use crate::writer::{Acknowledged, check, killed_after};

#[tokio::test]
async fn twenty_kills_lose_nothing_and_leave_nothing_by_halves() {
    let mut rng = seeded();
    for run in 0..4 {
        // Five lives of one store: each finds what all before it were told.
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let mut told = Acknowledged::default();
        for life in 0..5 {
            let acknowledgements = rng.random_range(1..1_500);
            told.merge(killed_after(&path, acknowledgements));
            let store = EmbeddedStore::open(Settings::new(&path))
                .unwrap_or_else(|error| panic!("run {run}, life {life}, after {acknowledgements}: {error}"));
            check(&store, &told).await;
            store.close().await;
        }
    }
}

#[tokio::test]
async fn a_torn_journal_end_is_refused_or_harmless() {
    let mut rng = seeded();
    let mut refusals = 0;
    for case in 0..12 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let told = killed_after(&path, rng.random_range(50..400));
        let reach = rng.random_range(1..4_000);
        match case % 2 {
            0 => journal::truncate(&path, reach),
            _ => journal::garble_end(&path, reach, &mut rng),
        }
        match EmbeddedStore::open(Settings::new(&path)) {
            Ok(store) => check(&store, &told).await,
            Err(error) => {
                refusals += 1;
                assert!(matches!(error, Error::Corrupt(_)), "case {case}: {error}");
                assert!(error.to_string().contains("accept-loss"), "{error}");
                // Refused again: looking does not heal.
                assert!(EmbeddedStore::open(Settings::new(&path)).is_err());
                accepted(&path).await;
            }
        }
    }
    println!("{refusals} of 12 were refused");
}

#[tokio::test]
async fn damage_in_the_middle_of_the_journal_is_refused_and_changes_nothing() {
    let mut rng = seeded();
    for case in 0..8 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        killed_after(&path, rng.random_range(200..500));
        let damaged = journal::garble_middle(&path, case % 2 == 0, &mut rng);
        let error = EmbeddedStore::open(Settings::new(&path)).unwrap_err();
        assert!(matches!(error, Error::Corrupt(_)), "case {case}: {error}");
        assert!(error.to_string().contains("nothing was changed"), "{error}");
        assert_eq!(journal::read(&path), damaged, "the evidence was altered");
        let loss = accepted(&path).await;
        assert!(loss.found < loss.acknowledged, "{loss:?}");
    }
}

#[tokio::test]
async fn a_missing_witness_or_engine_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    killed_after(&path, 20);
    std::fs::remove_file(path.join("HEAD")).unwrap();
    let error = EmbeddedStore::open(Settings::new(&path)).unwrap_err().to_string();
    assert!(error.contains("HEAD is missing"), "{error}");
    accepted(&path).await;

    std::fs::remove_dir_all(path.join("engine")).unwrap();
    let error = EmbeddedStore::open(Settings::new(&path)).unwrap_err().to_string();
    assert!(error.contains("engine's files are missing"), "{error}");
}

#[tokio::test]
async fn a_running_process_keeps_others_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut running = writer::start(&path, None);
    running.acknowledged(1);
    let error = EmbeddedStore::open(Settings::new(&path)).unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)));
    let error = error.to_string();
    assert!(error.contains(&format!("process {}", running.id())), "{error}");
    assert!(error.contains(&path.display().to_string()), "{error}");
    let told = running.kill();
    check(&EmbeddedStore::open(Settings::new(&path)).unwrap(), &told).await;
}

#[tokio::test]
async fn a_failing_disk_stops_acknowledgements_for_good() {
    // Files may not grow beyond what the journal is given at first, so that a write to it fails.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut running = writer::start(&path, Some((64 << 10) + 64));
    let told = running.until_it_ends();
    assert!(told.failures() > 0, "nothing failed");
    assert!(told.count() > 0);
    assert!(!told.acknowledged_after_failure(), "a commit was acknowledged after a failed write");
    check(&EmbeddedStore::open(Settings::new(&path)).unwrap(), &told).await;
}

#[tokio::test]
async fn a_full_disk_refuses_commits_before_they_begin() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings::new(dir.path().join("store"));
    let store = EmbeddedStore::open(settings.clone()).unwrap();
    store.create_tables(&writer::tables()).await.unwrap();
    store.commit(writer::commit(0, 1, 10)).await.unwrap();
    store.close().await;

    let full = EmbeddedStore::open(Settings { reserve_bytes: u64::MAX, ..settings.clone() }).unwrap();
    let error = full.commit(writer::commit(0, 2, 10)).await.unwrap_err();
    assert!(matches!(&error, Error::Unavailable(message) if message.contains("is full")), "{error}");
    let mut told = Acknowledged::default();
    told.add(0, 1);
    check(&full, &told).await;
    full.close().await;
    let store = EmbeddedStore::open(settings).unwrap();
    store.commit(writer::commit(0, 2, 10)).await.unwrap();
}

/// Accepts the loss; what is left is whole, and versions do not come back.
async fn accepted(path: &std::path::Path) -> Loss {
    let loss = EmbeddedStore::accept_loss(path).unwrap();
    let store = EmbeddedStore::open(Settings::new(path)).unwrap();
    check(&store, &Acknowledged::default()).await;
    store.create_tables(&writer::tables()).await.unwrap();
    let version = store.commit(writer::commit(99, 1, 10)).await.unwrap();
    assert!(version.0 > loss.acknowledged as i64);
    store.close().await;
    EmbeddedStore::open(Settings::new(path)).unwrap().close().await;
    loss
}

fn seeded() -> StdRng {
    let given = std::env::var("TRUSTKEEP_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(rand::random);
    println!("TRUSTKEEP_SEED={seed}");
    StdRng::seed_from_u64(seed)
}
