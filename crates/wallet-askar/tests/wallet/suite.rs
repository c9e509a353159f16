//! The suite, on both databases.

use std::sync::Arc;

use trustkeep_wallet::Backend;
use trustkeep_wallet::conformance::Harness;
use trustkeep_wallet_askar::{AskarWallet, Opening};

use crate::places::Place;

#[async_trait::async_trait]
impl Harness for Place {
    async fn open(&self) -> Arc<dyn Backend> {
        Arc::new(AskarWallet::open(&self.settings(), Opening::Provisioned).await.unwrap())
    }

    fn tells_others(&self) -> bool {
        matches!(self, Place::Database { .. })
    }
}

mod sqlite {
    use crate::places::Place;

    async fn place() -> Option<Place> {
        Some(Place::folder())
    }

    trustkeep_wallet::conformance!(place);
}

mod postgres {
    use crate::places::Place;

    async fn place() -> Option<Place> {
        Place::database()
    }

    trustkeep_wallet::conformance!(place);
}
