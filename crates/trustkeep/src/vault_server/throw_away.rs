//! `vault server -dev`: in memory, unsealed, gone at the end.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use trustkeep_chassis::clock::SystemClock;
use trustkeep_chassis::http::ListenSettings;
use trustkeep_crypto::random::SystemRandom;
use trustkeep_vault::core::{Core, CoreSettings, InitRequest};
use trustkeep_vault::http::EdgeSettings;
use trustkeep_vault::request::{Operation, Request};
use trustkeep_vault::service::{Ports, Service};
use trustkeep_vault::settings::Storage;

use super::Args;
use crate::host::Host;
use crate::own_vault::enable_kv;
use crate::stores::VaultStore;

/// Runs until interrupted.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    for (flag, given) in [
        ("-dev-tls", args.dev_tls),
        ("-dev-tls-cert-dir", args.dev_tls_cert_dir.is_some()),
        ("-dev-ha", args.dev_ha),
    ] {
        anyhow::ensure!(!given, "{flag} is not supported by this version");
    }
    let host = Host::start(args.log_level.as_deref().unwrap_or("info"), args.log_format.as_deref(), false)?;
    let store = VaultStore::open(&Storage::Inmem).await?;
    let core = Core::new(
        store.store.clone(),
        CoreSettings::default(),
        Arc::new(SystemRandom),
        SystemClock::shared(),
    )?;
    let core = Arc::new(core);
    let listener = ListenSettings::new("vault", args.dev_listen_address);
    let service = Service::new(core.clone(), Ports::bind(vec![(listener, EdgeSettings::default())]).await?);
    let made = core.initialize(InitRequest::shamir(1, 1)).await?;
    let unseal_key =
        made.shares.first().map(|share| share.to_base64().expose().to_owned()).unwrap_or_default();
    core.unseal(&unseal_key).await?;
    let token = match &args.dev_root_token_id {
        None => made.root_token,
        Some(id) => replace_root(&core, &made.root_token, id).await?,
    };
    enable_kv(&core, &token, if args.dev_kv_v1 { "1" } else { "2" }).await?;
    if !args.dev_no_store_token {
        crate::vault::token_helper::store(&token, &|name| std::env::var(name).ok())?;
    }
    let (scheme, address) = service.addresses().first().copied().unwrap_or(("http", args.dev_listen_address));
    service.spawn(&host.supervisor);
    let mut out = std::io::stdout().lock();
    write!(
        out,
        "==> Vault server started! Log data will stream in below:\n\n\
         WARNING! dev mode is enabled! In this mode, Vault runs entirely in-memory\n\
         and starts unsealed with a single unseal key. Everything is gone when it stops.\n\n\
         You may need to set the following environment variables:\n\n    \
         $ export VAULT_ADDR='{scheme}://{address}'\n\n\
         The unseal key and root token are displayed below in case you want to\n\
         seal/unseal the Vault or re-authenticate.\n\n\
         Unseal Key: {unseal_key}\n\
         Root Token: {token}\n\n\
         Development mode should NOT be used in production installations!\n\n"
    )?;
    out.flush()?;
    drop(out);
    host.run().await
}

/// A root token of the operator's own choice in place of the one that was made.
async fn replace_root(core: &Arc<Core>, root: &str, id: &str) -> anyhow::Result<String> {
    let unsealed = core.unsealed()?;
    let entry = trustkeep_vault::core::TokenEntry::root(core.now() / 1_000_000_000);
    unsealed.tokens.create(Some(id.to_owned()), entry).await?;
    core.handle(Request::internal(Operation::Update, "auth/token/revoke-self", Default::default(), root))
        .await?;
    Ok(id.to_owned())
}
