//! Which key management service stands behind a seal: the one place that knows every one.

use std::sync::Arc;

use trustkeep_crypto::kms::{Error, Kms};
use trustkeep_kms_aws::AwsKms;
use trustkeep_kms_transit::Transit;
use trustkeep_vault::core::seal::{AutoSeal, Seal, Seals, advice};
use trustkeep_vault::settings::{AwsKms as AwsKmsStanza, Seal as Stanza, Settings, Transit as TransitStanza};

/// The seals that the configuration names. No service is asked anything yet: one that is down keeps the vault
/// sealed, not the server from starting.
pub(crate) async fn seals(settings: &mut Settings) -> anyhow::Result<Seals> {
    let in_force = match settings.seal.take() {
        None | Some(Stanza::Shamir) => Seal::Shamir,
        Some(stanza) => Seal::Auto(auto(stanza).await?),
    };
    let disabled = match settings.disabled_seal.take() {
        None => None,
        Some(Stanza::Shamir) => {
            anyhow::bail!("seal \"shamir\" cannot be disabled: leave its stanza out")
        }
        Some(stanza) => Some(auto(stanza).await?),
    };
    Ok(Seals { in_force, disabled })
}

async fn auto(stanza: Stanza) -> anyhow::Result<AutoSeal> {
    let (kind, kms): (_, Result<Arc<dyn Kms>, Error>) = match stanza {
        Stanza::Shamir => anyhow::bail!("key shares are not an auto seal"),
        Stanza::AwsKms(stanza) => ("awskms", aws(stanza).await),
        Stanza::Transit(stanza) => ("transit", transit(stanza)),
    };
    let kms = kms.map_err(|error| anyhow::anyhow!("seal {kind:?}: {}", advice(&error)))?;
    Ok(AutoSeal::new(kind, kms))
}

async fn aws(stanza: AwsKmsStanza) -> Result<Arc<dyn Kms>, Error> {
    let settings = trustkeep_kms_aws::Settings {
        kms_key_id: Some(stanza.kms_key_id),
        region: Some(stanza.region),
        endpoint: stanza.endpoint,
        access_key: stanza.access_key,
        secret_key: stanza.secret_key,
        session_token: stanza.session_token,
        shared_creds_filename: stanza.shared_creds_filename,
        shared_creds_profile: stanza.shared_creds_profile,
        role_arn: stanza.role_arn,
        role_session_name: stanza.role_session_name,
        web_identity_token_file: stanza.web_identity_token_file,
    };
    Ok(Arc::new(AwsKms::new(trustkeep_aws::Context::process(), settings).await?))
}

fn transit(stanza: TransitStanza) -> Result<Arc<dyn Kms>, Error> {
    let settings = trustkeep_kms_transit::Settings {
        address: stanza.address,
        token: stanza.token,
        key_name: stanza.key_name,
        mount_path: stanza.mount_path,
        namespace: stanza.namespace,
        disable_renewal: stanza.disable_renewal,
        tls_ca_cert: stanza.tls_ca_cert,
        tls_client_cert: stanza.tls_client_cert,
        tls_client_key: stanza.tls_client_key,
        tls_server_name: stanza.tls_server_name,
        tls_skip_verify: stanza.tls_skip_verify,
    };
    Ok(Arc::new(Transit::new(&settings)?))
}
