//! What is kept ready of contracts: keys and weights of the two caches.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quick_cache::{Equivalent, Weighter};
use trustkeep_contract::{ClientIdentityKey, Contract};

use super::Class;
use crate::execution::LoadedContract;
use crate::namespaces::Generation;

/// A contract and when its registration was verified.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) loaded: Arc<LoadedContract>,
    /// By the monotonic clock.
    pub(super) verified_at: Duration,
}

/// Whose contract, in which life of a namespace.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) generation: Generation,
    pub(super) owner: ClientIdentityKey,
    pub(super) contract_id: String,
}

/// The same without its own copies.
pub(super) struct PlaceRef<'a> {
    pub(super) generation: Generation,
    pub(super) owner: &'a ClientIdentityKey,
    pub(super) contract_id: &'a str,
}

impl Hash for PlaceRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As the derived one of `Place`.
        (self.generation, self.owner, self.contract_id).hash(state);
    }
}

impl Equivalent<Place> for PlaceRef<'_> {
    fn equivalent(&self, place: &Place) -> bool {
        self.generation == place.generation
            && *self.owner == place.owner
            && self.contract_id == place.contract_id
    }
}

/// A class made ready: of whatever namespace, the same bytes under the same name do the same.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct ClassPlace {
    binary_name: String,
    digest: Bytes,
    size: usize,
}

impl ClassPlace {
    pub(super) fn of(class: &Class) -> Self {
        Self {
            binary_name: class.binary_name().to_owned(),
            digest: class.digest().clone(),
            size: class.bytes().len(),
        }
    }
}

/// Weighs a class by its byte code: what is made of it is a small multiple of that.
#[derive(Clone)]
pub(super) struct ClassBytes;

impl Weighter<ClassPlace, Arc<dyn Contract>> for ClassBytes {
    fn weight(&self, place: &ClassPlace, _: &Arc<dyn Contract>) -> u64 {
        place.size as u64
    }
}
