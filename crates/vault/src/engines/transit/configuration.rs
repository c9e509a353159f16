//! `config/keys` and `cache-config`: the mount's settings.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Transit;
use crate::core::Batch;
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

#[derive(Default, Serialize, Deserialize)]
struct KeysConfiguration {
    disable_upsert: bool,
}

#[derive(Default, Serialize, Deserialize)]
struct CacheConfiguration {
    size: usize,
}

impl Transit {
    pub(super) async fn keys_configuration(&self, request: &Request) -> Result<Option<Response>> {
        let disable_upsert = match request.operation {
            Operation::Read => self.upsert_is_disabled().await?,
            operation if operation.is_write() => {
                let disable_upsert = request.bool("disable_upsert")?.unwrap_or(false);
                let configuration = KeysConfiguration { disable_upsert };
                self.view.commit(Batch::new().put_json(KEYS, &configuration)?).await?;
                disable_upsert
            }
            _ => return Err(Error::UnsupportedOperation),
        };
        Ok(Some(Response::object(json!({ "disable_upsert": disable_upsert }))))
    }

    pub(super) async fn cache_configuration(&self, request: &Request) -> Result<Option<Response>> {
        let size = match request.operation {
            Operation::Read => self.cache_size().await?,
            operation if operation.is_write() => {
                let size = usize::try_from(request.int("size")?.unwrap_or_default()).unwrap_or(1);
                if (1..SIZE_MIN).contains(&size) {
                    return Err(Error::invalid(format!(
                        "size must be 0 or a value greater or equal to {SIZE_MIN}"
                    )));
                }
                self.view.commit(Batch::new().put_json(CACHE, &CacheConfiguration { size })?).await?;
                self.keys.limit(size);
                size
            }
            _ => return Err(Error::UnsupportedOperation),
        };
        Ok(Some(Response::object(json!({ "size": size }))))
    }

    /// Whether encrypting with an unknown key makes none.
    pub(super) async fn upsert_is_disabled(&self) -> Result<bool> {
        let stored = self.view.get_json::<KeysConfiguration>(KEYS).await?;
        Ok(stored.is_some_and(|(configuration, _)| configuration.disable_upsert))
    }

    /// How many keys stay in memory; 0 for as many as there may be.
    pub(super) async fn cache_size(&self) -> Result<usize> {
        let stored = self.view.get_json::<CacheConfiguration>(CACHE).await?;
        Ok(stored.map_or(0, |(configuration, _)| configuration.size))
    }
}

const KEYS: &str = "config/keys";
const CACHE: &str = "config/cache";
/// Keys that a cache with a limit holds at least.
const SIZE_MIN: usize = 10;
