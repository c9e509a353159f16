//! Seals: who can open the barrier.
//!
//! The keyring is stored under the root key, and the root key under a seal: the Shamir seal wraps it under a key
//! whose shares people hold, an auto seal under a key that never leaves a key management service. With an auto
//! seal people hold shares of a recovery key instead, which authorises and decrypts nothing; [`BreakGlass`] is an
//! optional second wrapping of the root key under shares that do, for the day the service's key is lost.
//!
//! Stored in the clear, since it is needed to unseal: `core/seal-config` and `core/recovery-config` (numbers of
//! shares), `core/hsm/barrier-unseal-keys` (the root key, wrapped), `core/break-glass` (the same under other
//! shares). Behind the barrier: `core/recovery-key`, `core/break-glass-key`.

mod auto;
mod blob;
mod break_glass;
mod config;
mod plan;
mod shamir;
mod shares;

pub use auto::{AutoSeal, advice};
pub use break_glass::BreakGlass;
pub(super) use break_glass::{BREAK_GLASS, BREAK_GLASS_KEY};
pub use config::SealConfig;
pub(super) use plan::{Plan, Way};
pub(super) use shamir::{unwrap, wrap};
pub use shares::Shares;
pub(crate) use shares::{Given, decode as decode_share};

/// The seals that the configuration names.
#[derive(Debug, Default)]
pub struct Seals {
    /// The one in force.
    pub in_force: Seal,
    /// The one to migrate away from.
    pub disabled: Option<AutoSeal>,
}

/// What holds the root key.
#[derive(Debug, Default)]
pub enum Seal {
    /// Key shares.
    #[default]
    Shamir,
    /// A key management service.
    Auto(AutoSeal),
}

impl Seal {
    /// Its name in configurations and answers.
    pub fn kind(&self) -> &str {
        match self {
            Seal::Shamir => SHAMIR,
            Seal::Auto(seal) => seal.kind(),
        }
    }

    /// The key management service's, where it is one.
    pub fn auto(&self) -> Option<&AutoSeal> {
        match self {
            Seal::Shamir => None,
            Seal::Auto(seal) => Some(seal),
        }
    }
}

/// The name of the seal that people hold.
pub const SHAMIR: &str = "shamir";
/// How the barrier is sealed.
pub(super) const SEAL_CONFIG: &str = "core/seal-config";
/// How many hold shares of the recovery key.
pub(super) const RECOVERY_CONFIG: &str = "core/recovery-config";
/// The root key as the seal wrapped it.
pub(super) const WRAPPED_ROOT_KEY: &str = "core/hsm/barrier-unseal-keys";
/// The recovery key, behind the barrier.
pub(super) const RECOVERY_KEY: &str = "core/recovery-key";
