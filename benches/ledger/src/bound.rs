//! What cryptography alone allows, one thread: each execution needs its client's signature verified, and a proof signed.

use std::hint::black_box;
use std::time::Duration;

use trustkeep_bench_rig::best;
use trustkeep_crypto::sign::{Algorithm, SigningKey};

use crate::options::Options;
use crate::setting::{Authentication, Setting};

/// Durations of single operations.
pub(crate) struct Bound {
    verification: Duration,
    signature: Duration,
}

impl Bound {
    /// Measures them on the core that the caller runs on, in processor time: others may have the core meanwhile, as they
    /// may have the servers'.
    pub(crate) fn measure(options: &Options) -> anyhow::Result<Self> {
        let key = SigningKey::generate(Algorithm::P256)?;
        let public = key.public_key()?;
        let message = [7; MESSAGE];
        let signature = key.sign(&message)?;
        let rounds = if options.smoke { 1 } else { ROUNDS };
        let verification = best(rounds, || public.verify(black_box(&message), &signature).is_ok())?;
        let signing = best(rounds, || key.sign(black_box(&message)).is_ok())?;
        Ok(Self { verification, signature: signing })
    }

    pub(crate) fn table(&self) -> String {
        let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
        let each = self.verification + self.signature;
        format!(
            "| the bound, one thread | |\n| --- | ---: |\n| P-256 verification | {:.1} µs |\n\
             | P-256 signature | {:.1} µs |\n| both | {:.1} µs, {:.0} a second |\n",
            micros(self.verification),
            micros(self.signature),
            micros(each),
            1.0 / each.as_secs_f64(),
        )
    }

    /// What the operations take that the Ledger needs for one execution, and that the Auditor does.
    pub(crate) fn of(&self, setting: &Setting) -> (Duration, Duration) {
        let (verify, sign) = (self.verification, self.signature);
        match (setting.authentication, setting.auditor) {
            (Authentication::Signatures, false) => (verify + sign, Duration::ZERO),
            // The Ledger checks that the Auditor has ordered it; the Auditor signs that, checks the Ledger's proof and
            // signs its own.
            (Authentication::Signatures, true) => (verify * 2 + sign, verify * 2 + sign * 2),
            (Authentication::SignaturesAndSecret, _) => (verify, verify),
            (Authentication::Hmac, _) => (Duration::ZERO, Duration::ZERO),
        }
    }
}

const ROUNDS: usize = 10;
/// Bytes; about what a client signs.
const MESSAGE: usize = 200;
