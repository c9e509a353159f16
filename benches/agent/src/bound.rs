//! What cryptography alone takes of one core for a message.

use std::time::Duration;

use trustkeep_bench_rig::best;
use trustkeep_crypto::random::SystemRandom;
use trustkeep_didcomm::{Envelope, Keypair, Recipient, envelope};

/// Prints what packing and opening take, keys kept ready.
pub(crate) fn run(smoke: bool) -> anyhow::Result<()> {
    let (sender, receiver) = (Keypair::generate(&SystemRandom)?, Keypair::generate(&SystemRandom)?);
    let to = [Recipient::new(receiver.verkey())?];
    let message = [b'x'; MESSAGE];
    let sealed = envelope::authcrypt(&message, &to, &sender, &SystemRandom)?;
    let rounds = if smoke { 1 } else { ROUNDS };
    let packing = best(rounds, || envelope::authcrypt(&message, &to, &sender, &SystemRandom).is_ok())?;
    let opening =
        best(rounds, || Envelope::parse(&sealed).is_ok_and(|envelope| envelope.open(&receiver).is_ok()))?;
    let line = |what: &str, each: Duration| {
        let micros = each.as_secs_f64() * 1e6;
        crate::print(&format!("| {what} | {micros:.1} µs | {:.0} |", 1.0 / each.as_secs_f64()));
    };
    crate::print("| the bound, one thread | each | a second |\n| --- | ---: | ---: |");
    line("a message is packed", packing);
    line("a message is opened", opening);
    crate::print("");
    Ok(())
}

const ROUNDS: usize = 10;
/// Bytes; about what a basic message has.
const MESSAGE: usize = 300;
