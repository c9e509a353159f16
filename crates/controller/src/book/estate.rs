//! What stays of a unit that is gone, and what is there of one before it is.
//!
//! A unit that leaves takes its credentials with it, and with them the eyes for what it may have left at its cloud: a machine whose order
//! was answered by nobody, one that returned after it was removed. So the place outlives the unit, with the credentials and nothing else of
//! what the vault kept for it, until [`CLEAN_SWEEPS`] sweeps in a row found nothing there that no record knows. As long as something is
//! there the credentials stay, because without them it could not be reported any more; where the cloud refuses them [`REFUSALS_MAX`] times in a
//! row they are good for nothing, and go.
//!
//! The record is written with the change that removes the unit, and before the vault is given anything for a new one: whenever the process
//! dies, whatever the vault keeps has a unit or a record here, and nothing is kept for ever.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Changes;
use crate::model::{Spec, Unit};

/// How many sweeps in a row must find nothing: the cloud may not show everything at once.
pub(super) const CLEAN_SWEEPS: u32 = 2;
/// How often in a row the cloud may refuse to be asked.
pub(super) const REFUSALS_MAX: u32 = 3;

/// A place without its unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estate {
    /// The name under which the vault keeps the secrets.
    pub custody: String,
    /// The provider.
    pub provider: String,
    /// The network's entry in the VPN catalogue, as the unit had it.
    pub network: BTreeMap<String, String>,
    /// `cloud_params`, without credentials.
    pub params: Map<String, Value>,
    /// What is to be done about it.
    pub stage: Stage,
}

/// What is to be done about a place without its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// The unit is being added. If the process died meanwhile it never was.
    Coming,
    /// The unit is gone; what the vault keeps beside credentials goes at once.
    Left,
    /// It is swept.
    Swept {
        /// Sweeps in a row that found nothing.
        clean: u32,
        /// Sweeps in a row that were refused.
        refused: u32,
    },
    /// The secrets go, then this record.
    Done,
}

/// What a sweep saw at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Nothing that no record knows.
    Clean,
    /// Something.
    Orphans,
    /// The cloud does not let it be asked.
    Refused,
    /// No answer this time.
    Unknown,
}

impl Estate {
    /// What a unit's secrets and place become, or were before it.
    pub fn of(custody: &str, spec: &Spec, stage: Stage) -> Self {
        Self {
            custody: custody.to_owned(),
            provider: spec.provider.clone(),
            network: spec.network.clone(),
            params: spec.params.clone(),
            stage,
        }
    }

    /// The same after a sweep.
    #[must_use]
    pub fn after(&self, sight: Sight) -> Self {
        let Stage::Swept { clean, refused } = self.stage else { return self.clone() };
        let stage = match sight {
            Sight::Clean if clean + 1 >= CLEAN_SWEEPS => Stage::Done,
            Sight::Clean => Stage::Swept { clean: clean + 1, refused: 0 },
            Sight::Orphans => Stage::Swept { clean: 0, refused: 0 },
            Sight::Refused if refused + 1 >= REFUSALS_MAX => Stage::Done,
            Sight::Refused => Stage::Swept { clean, refused: refused + 1 },
            Sight::Unknown => self.stage,
        };
        Self { stage, ..self.clone() }
    }
}

impl Changes {
    /// Removes a unit, of which nothing is left but what it leaves: secrets, and, where it made machines, a place to sweep.
    pub fn retire_unit(&mut self, vcid: &str, unit: &Unit, made_machines: bool) {
        self.remove_unit(vcid, &unit.name);
        let stage = if made_machines { Stage::Left } else { Stage::Done };
        self.put_estate(Estate::of(&unit.custody, &unit.spec, stage));
    }
}
