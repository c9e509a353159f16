//! How to reach DynamoDB, and where each logical table lies there.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

use trustkeep_store::{Error, Result};

use crate::{DynamoStore, Layout};

/// DynamoDB remembers the token of a transaction for ten minutes.
const RETRY_TIME_MAX: Duration = Duration::from_secs(9 * 60);

/// What a [`crate::DynamoStore`] is opened with. [`Settings::new`] gives the defaults.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The region, for example `eu-central-1`.
    pub region: String,
    /// Another endpoint than the region's own: an emulator or a VPC endpoint, for example `http://127.0.0.1:8000`.
    pub endpoint: Option<String>,
    /// Who signs the requests: [`Settings::static_credentials`], or a chain, for example
    /// `SharedCredentialsProvider::new(trustkeep_aws::credentials::SdkCredentials(chain))`.
    pub credentials: SharedCredentialsProvider,
    /// Stands before the name of every table that has no [`Layout`] of its own.
    pub table_prefix: String,
    /// The capacity that tables are created with; tables that exist keep theirs.
    pub capacity: Capacity,
    /// How often a request is repeated after throttling, a collision or a failure of the network. Default 10.
    pub max_retries: u32,
    /// How many requests may be under way at once. Default 128.
    pub max_parallel: usize,
    /// How many transactions may be under way at once; further commits wait and are merged. Default 4.
    pub groups_max: usize,
    /// How many rows one transaction may have. Default 100, which is DynamoDB's own bound; some emulators take
    /// less.
    pub transaction_rows_max: usize,
    /// How long one attempt of a request may take. Default 10 s. All attempts together must stay below ten
    /// minutes, for which DynamoDB remembers the token of a transaction.
    pub request_timeout: Duration,
    /// The first pause before a repeated request; it doubles each time up to [`Settings::BACKOFF_MAX`], and
    /// the actual pause is drawn between zero and that ("full jitter"). Default 25 ms.
    pub backoff: Duration,
    /// Checks rows that are not written by an update that changes nothing, instead of by `ConditionCheck`: for
    /// roles that have `dynamodb:UpdateItem` but not `dynamodb:ConditionCheckItem`. Default false.
    pub fence_by_update: bool,
    /// Where logical tables lie, by qualified name (`vault.entry`). A table that is not named here lies in a
    /// table of its own called `<table_prefix><namespace>.<name>`.
    pub layouts: BTreeMap<String, Layout>,
}

/// The capacity of a new table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// Pay per request.
    OnDemand,
    /// Capacity units per second; DynamoDB throttles above.
    Provisioned {
        /// Read capacity units, at least 1.
        read: u32,
        /// Write capacity units, at least 1.
        write: u32,
    },
}

impl Settings {
    /// The longest pause between two attempts.
    pub const BACKOFF_MAX: Duration = Duration::from_secs(2);

    /// Defaults for a region: its public endpoint, on-demand capacity, no prefix.
    pub fn new(region: &str, credentials: SharedCredentialsProvider) -> Self {
        Settings {
            region: region.to_owned(),
            endpoint: None,
            credentials,
            table_prefix: String::new(),
            capacity: Capacity::OnDemand,
            max_retries: 10,
            max_parallel: 128,
            groups_max: 4,
            transaction_rows_max: DynamoStore::LIMITS.commit_rows_max,
            request_timeout: Duration::from_secs(10),
            backoff: Duration::from_millis(25),
            fence_by_update: false,
            layouts: BTreeMap::new(),
        }
    }

    /// Credentials that stand in a configuration. The SDK redacts and zeroises them.
    pub fn static_credentials(
        access_key: &str,
        secret_key: &str,
        session_token: Option<&str>,
    ) -> SharedCredentialsProvider {
        let token = session_token.map(str::to_owned);
        SharedCredentialsProvider::new(Credentials::new(access_key, secret_key, token, None, "configuration"))
    }

    /// Checks what would make retries unsafe: all attempts of a transaction must be over while DynamoDB still
    /// knows its token.
    pub(crate) fn check(&self) -> Result<()> {
        let attempt = self.request_timeout.saturating_add(Self::BACKOFF_MAX);
        let longest = attempt.saturating_mul(self.max_retries.saturating_add(1));
        if longest > RETRY_TIME_MAX {
            return Err(Error::Invalid(format!(
                "max_retries {} and request_timeout {} s: retries could take {} s, at most {} s are safe; lower one of them",
                self.max_retries,
                self.request_timeout.as_secs(),
                longest.as_secs(),
                RETRY_TIME_MAX.as_secs()
            )));
        }
        Ok(())
    }

    /// Lays the logical table `qualified` out as `layout` says.
    pub fn lay_out(mut self, qualified: &str, layout: Layout) -> Self {
        self.layouts.insert(qualified.to_owned(), layout);
        self
    }
}
