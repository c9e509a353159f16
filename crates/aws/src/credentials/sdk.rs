use std::sync::Arc;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};

use super::CredentialsProvider;

/// Our provider as the AWS SDK's crates want it: `Config::builder().credentials_provider(SdkCredentials(chain))`.
#[derive(Debug, Clone)]
pub struct SdkCredentials(pub Arc<dyn CredentialsProvider>);

impl ProvideCredentials for SdkCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            match self.0.credentials().await {
                Ok(credentials) => Ok(credentials.to_sdk()),
                Err(error) => Err(CredentialsError::not_loaded(error)),
            }
        })
    }
}
