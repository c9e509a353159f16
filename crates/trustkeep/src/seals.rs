//! Which key management service stands behind a seal: the one place that knows every one.

use std::sync::Arc;

use trustkeep_crypto::SecretString;
use trustkeep_crypto::kms::{Error, Kms};
use trustkeep_kms_aws::AwsKms;
use trustkeep_kms_transit::Transit;
use trustkeep_vault::core::seal::{AutoSeal, Seal, Seals, advice};
use trustkeep_vault::settings::{AwsKms as AwsKmsStanza, Seal as Stanza, Settings, Transit as TransitStanza};

/// The seals that the configuration names. No service is asked anything yet: one that is down keeps the vault
/// sealed, not the server from starting.
pub(crate) async fn seals(settings: &Settings) -> anyhow::Result<Seals> {
    let in_force = match &settings.seal {
        None | Some(Stanza::Shamir) => Seal::Shamir,
        Some(stanza) => Seal::Auto(auto(stanza).await?),
    };
    let disabled = match &settings.disabled_seal {
        None => None,
        Some(Stanza::Shamir) => {
            anyhow::bail!("seal \"shamir\" cannot be disabled: leave its stanza out")
        }
        Some(stanza) => Some(auto(stanza).await?),
    };
    Ok(Seals { in_force, disabled })
}

async fn auto(stanza: &Stanza) -> anyhow::Result<AutoSeal> {
    let (kind, kms): (_, Result<Arc<dyn Kms>, Error>) = match stanza {
        Stanza::Shamir => anyhow::bail!("key shares are not an auto seal"),
        Stanza::AwsKms(stanza) => ("awskms", aws(stanza).await),
        Stanza::Transit(stanza) => ("transit", transit(stanza)),
    };
    let kms = kms.map_err(|error| anyhow::anyhow!("seal {kind:?}: {}", advice(&error)))?;
    Ok(AutoSeal::new(kind, kms))
}

async fn aws(stanza: &AwsKmsStanza) -> Result<Arc<dyn Kms>, Error> {
    let settings = trustkeep_kms_aws::Settings {
        kms_key_id: Some(stanza.kms_key_id.clone()),
        region: Some(stanza.region.clone()),
        endpoint: stanza.endpoint.clone(),
        access_key: stanza.access_key.clone(),
        secret_key: stanza.secret_key.as_ref().map(SecretString::duplicate),
        session_token: stanza.session_token.as_ref().map(SecretString::duplicate),
        shared_creds_filename: stanza.shared_creds_filename.clone(),
        shared_creds_profile: stanza.shared_creds_profile.clone(),
        role_arn: stanza.role_arn.clone(),
        role_session_name: stanza.role_session_name.clone(),
        web_identity_token_file: stanza.web_identity_token_file.clone(),
    };
    Ok(Arc::new(AwsKms::new(trustkeep_aws::Context::process(), settings).await?))
}

fn transit(stanza: &TransitStanza) -> Result<Arc<dyn Kms>, Error> {
    let settings = trustkeep_kms_transit::Settings {
        address: stanza.address.clone(),
        token: stanza.token.as_ref().map(SecretString::duplicate),
        key_name: stanza.key_name.clone(),
        mount_path: stanza.mount_path.clone(),
        namespace: stanza.namespace.clone(),
        disable_renewal: stanza.disable_renewal,
        tls_ca_cert: stanza.tls_ca_cert.clone(),
        tls_client_cert: stanza.tls_client_cert.clone(),
        tls_client_key: stanza.tls_client_key.clone(),
        tls_server_name: stanza.tls_server_name.clone(),
        tls_skip_verify: stanza.tls_skip_verify,
    };
    Ok(Arc::new(Transit::new(&settings)?))
}
