//! A domain in memory, for the tests of this crate.

use std::sync::Arc;

use trustkeep_chassis::clock::{ManualClock, Timestamp};
use trustkeep_contract::{Contract, Engine, Engines, Environment, Function, LoadError};
use trustkeep_crypto::random::Seeded;
use trustkeep_crypto::{SecretString, sign};
use trustkeep_scalar_rpc::Result;
use trustkeep_scalar_rpc::identity::PrivateKey;
use trustkeep_store::{MemoryStore, SharedStore};

use crate::contracts::{AllowList, Contracts};
use crate::identities::Identities;
use crate::namespaces::Namespaces;
use crate::settings::Authentication;

/// All parts of a domain on one store.
pub(crate) struct World {
    pub(crate) store: SharedStore,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) namespaces: Arc<Namespaces>,
    pub(crate) identities: Arc<Identities>,
}

impl World {
    pub(crate) async fn new(authentication: Authentication) -> Result<Self> {
        let store: SharedStore = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::new(Timestamp::from_millisecond(1_700_000_000_000).unwrap()));
        let random = Arc::new(Seeded::new(7));
        let tables_of = Arc::new(|_: &str| Ok(vec![]));
        let namespaces = Namespaces::new(store.clone(), "scalar", tables_of, clock.clone(), random.clone())?;
        let namespaces = Arc::new(namespaces);
        namespaces.create_tables().await?;
        let servers = SecretString::from("servers-secret");
        let identities = Identities::new(
            store.clone(),
            namespaces.clone(),
            &authentication,
            Some(&servers),
            clock.clone(),
            random,
        )?;
        Ok(Self { store, clock, namespaces, identities: Arc::new(identities) })
    }

    pub(crate) fn hmac() -> Authentication {
        Authentication::Hmac { cipher_key: SecretString::from("cipher-key") }
    }

    /// Contracts with nothing in memory yet.
    pub(crate) fn contracts(&self, allow_list: AllowList) -> Contracts {
        Contracts::new(
            self.store.clone(),
            self.namespaces.clone(),
            self.identities.clone(),
            Engines::new().with(Echo),
            self.clock.clone(),
            allow_list,
        )
    }
}

/// A private key and the certificate of its public half, in PEM.
pub(crate) fn certificate() -> (PrivateKey, String) {
    let pair = rcgen::KeyPair::generate().unwrap();
    let pem = rcgen::CertificateParams::default().self_signed(&pair).unwrap().pem();
    let key = sign::SigningKey::from_pem(&pair.serialize_pem()).unwrap();
    (PrivateKey::new(key).unwrap(), pem)
}

/// An engine whose contracts answer with their own bytes; bytes that begin with `!` are damaged.
struct Echo;

struct EchoContract(String);

impl Engine for Echo {
    fn recognises(&self, _: &[u8]) -> bool {
        true
    }

    fn load(&self, _: &str, byte_code: &[u8]) -> std::result::Result<Arc<dyn Contract>, LoadError> {
        if byte_code.starts_with(b"!") {
            return Err(LoadError("damaged".into()));
        }
        Ok(Arc::new(EchoContract(String::from_utf8_lossy(byte_code).into_owned())))
    }

    fn load_function(&self, _: &str, _: &[u8]) -> std::result::Result<Arc<dyn Function>, LoadError> {
        Err(LoadError("no functions".into()))
    }
}

impl Contract for EchoContract {
    fn invoke(
        &self,
        _: &mut dyn Environment,
        _: &str,
        _: Option<&str>,
    ) -> trustkeep_contract::Result<Option<String>> {
        Ok(Some(self.0.clone()))
    }
}
