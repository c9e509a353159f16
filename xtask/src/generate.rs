//! Rust out of the protocol files: `cargo run -p xtask --features generate -- generate`.
//!
//! What it writes is committed, so that a build needs neither a compiler of protocol files nor the crates of one.

use std::path::Path;

use anyhow::Context as _;
use protox::prost::Message as _;

const FOLDER: &str = "crates/scalar-rpc";

/// Writes the messages and services of Scalar DL's protocol, and their descriptors for server reflection.
pub(crate) fn run(top: &Path) -> anyhow::Result<()> {
    let folder = top.join(FOLDER);
    let described = protox::compile(["scalar.proto", "admin.proto"], [folder.join("proto")])?;
    let generated = folder.join("src/generated");
    std::fs::write(generated.join("descriptors.bin"), described.encode_to_vec())
        .context("writing the descriptors")?;
    tonic_prost_build::configure()
        .out_dir(&generated)
        .bytes(".")
        .build_transport(true)
        .compile_fds(described)?;
    Ok(())
}
