//! Damage to the engine's journal.

use std::path::{Path, PathBuf};

use rand::Rng;
use rand::rngs::StdRng;

/// The newest journal's bytes without the zeros that fill it up.
pub(crate) fn read(store: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(newest(store)).unwrap();
    bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1);
    bytes
}

/// Cuts the last bytes off.
pub(crate) fn truncate(store: &Path, reach: usize) {
    let bytes = read(store);
    let keep = bytes.len().saturating_sub(reach);
    std::fs::OpenOptions::new().write(true).open(newest(store)).unwrap().set_len(keep as u64).unwrap();
}

/// Overwrites some of the last bytes.
pub(crate) fn garble_end(store: &Path, reach: usize, rng: &mut StdRng) {
    let mut bytes = read(store);
    let from = bytes.len().saturating_sub(reach);
    rng.fill(&mut bytes[from..]);
    std::fs::write(newest(store), bytes).unwrap();
}

/// Damages the middle third; returns what then stands there.
pub(crate) fn garble_middle(store: &Path, with_zeros: bool, rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = read(store);
    let at = rng.random_range(bytes.len() / 3..bytes.len() * 2 / 3);
    let damaged = &mut bytes[at..at + 48];
    if with_zeros {
        damaged.fill(0);
    } else {
        rng.fill(damaged);
    }
    std::fs::write(newest(store), &bytes).unwrap();
    bytes
}

fn newest(store: &Path) -> PathBuf {
    let files = std::fs::read_dir(store.join("engine")).unwrap().map(|entry| entry.unwrap().path());
    let journals = files.filter(|file| file.extension().is_some_and(|extension| extension == "jnl"));
    journals.max_by_key(|file| file.file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap()).unwrap()
}
