//! The agent: settings, a wallet, a clock, randomness.

use std::sync::{Arc, OnceLock};

use quick_cache::sync::Cache;
use trustkeep_chassis::clock::SharedClock;
use trustkeep_crypto::{Key256, Random};
use trustkeep_didcomm::{Keypair, Prefix, Recipient, Verkey};
use trustkeep_wallet::{KeyAlgorithm, Wallet};

use crate::known::Known;
use crate::transport::{Feed, Wakes};
use crate::{DocumentSource, Error, Result, Settings};

/// Key pairs, and keys of others, that are kept ready: the conversion to X25519 costs as much as a message.
const KEYS_KEPT: usize = 10_000;

/// An agent. Cheap to clone.
#[derive(Clone)]
pub struct Agent(Arc<Inner>);

struct Inner {
    settings: Settings,
    wallet: Wallet,
    clock: SharedClock,
    random: Arc<dyn Random>,
    wakes: Wakes,
    feed: Feed,
    /// What fetches documents, if anything does.
    documents: OnceLock<Arc<dyn DocumentSource>>,
    known: Known,
    /// Of keys in the wallet.
    keypairs: Cache<Verkey, Arc<Keypair>>,
    /// Of anyone.
    recipients: Cache<Verkey, Recipient>,
}

impl Agent {
    /// An agent over a wallet.
    pub fn new(settings: Settings, wallet: Wallet, clock: SharedClock, random: Arc<dyn Random>) -> Self {
        let (keypairs, recipients) = (Cache::new(KEYS_KEPT), Cache::new(KEYS_KEPT));
        let (wakes, feed) = (Wakes::default(), Feed::default());
        let documents = OnceLock::new();
        Self(Arc::new(Inner {
            settings,
            wallet,
            clock,
            random,
            documents,
            wakes,
            feed,
            known: Known::default(),
            keypairs,
            recipients,
        }))
    }

    /// Lets it resolve `did:web`. Only the first source that it is given counts.
    #[must_use]
    pub fn with_documents(self, source: Arc<dyn DocumentSource>) -> Self {
        self.0.documents.get_or_init(|| source);
        self
    }

    /// How it behaves.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// What it keeps its identity in.
    pub fn wallet(&self) -> &Wallet {
        &self.0.wallet
    }

    pub(crate) fn clock(&self) -> &SharedClock {
        &self.0.clock
    }

    pub(crate) fn random(&self) -> &dyn Random {
        &*self.0.random
    }

    /// What is told to the controller, as it is committed.
    pub fn feed(&self) -> &Feed {
        &self.0.feed
    }

    pub(crate) fn wakes(&self) -> &Wakes {
        &self.0.wakes
    }

    /// What was found out a moment ago about connections.
    pub(crate) fn known(&self) -> &Known {
        &self.0.known
    }

    pub(crate) fn documents(&self) -> Option<&dyn DocumentSource> {
        self.0.documents.get().map(|source| &**source)
    }

    /// The prefix of the messages that it begins.
    pub(crate) fn prefix(&self) -> Prefix {
        if self.0.settings.old_prefix { Prefix::Sov } else { Prefix::DidComm }
    }

    /// The key pair of a verkey, if the wallet has it.
    pub(crate) async fn keypair(&self, verkey: &Verkey) -> Result<Option<Arc<Keypair>>> {
        if let Some(keypair) = self.0.keypairs.get(verkey) {
            return Ok(Some(keypair));
        }
        let name = verkey.to_string();
        let Some(stored) = self.0.wallet.key(&name).await? else { return Ok(None) };
        if stored.algorithm != KeyAlgorithm::Ed25519 {
            return Ok(None);
        }
        let seed = Key256::from_slice(stored.secret.expose())
            .map_err(|_| Error::Internal(format!("the key {name} is not 32 bytes")))?;
        let keypair = Arc::new(Keypair::from_seed(&seed)?);
        self.keep(&keypair);
        Ok(Some(keypair))
    }

    /// Keeps a pair ready that is about to be in the wallet.
    pub(crate) fn keep(&self, keypair: &Arc<Keypair>) {
        self.0.keypairs.insert(keypair.verkey(), keypair.clone());
    }

    /// Someone's key, ready to be packed for.
    pub(crate) fn recipient(&self, verkey: Verkey) -> Result<Recipient> {
        if let Some(recipient) = self.0.recipients.get(&verkey) {
            return Ok(recipient);
        }
        let recipient = Recipient::new(verkey)?;
        self.0.recipients.insert(verkey, recipient.clone());
        Ok(recipient)
    }
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
