//! The options of ACA-Py, those of 0.7.3, 1.0 and 1.7 together, and a few of our own.

/// An option.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opt {
    /// Its name, without dashes.
    pub(super) name: &'static str,
    /// Its short name, without the dash; empty if it has none.
    pub(super) short: &'static str,
    /// The variable that gives it too; empty if there is none.
    pub(super) variable: &'static str,
    /// What follows it.
    pub(super) takes: Takes,
    /// Whether it may be given several times.
    pub(super) is_repeated: bool,
    /// Whether `start` alone has it.
    pub(super) is_of_start: bool,
    /// What becomes of it.
    pub(super) effect: Effect,
}

/// The values of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// None.
    Nothing,
    /// One.
    One,
    /// One or none.
    Maybe,
    /// One or more.
    Many,
    /// So many.
    Exactly(usize),
}

/// What becomes of an option.
#[derive(Clone, Copy, Debug)]
pub(super) enum Effect {
    /// It does this.
    Does(&'static str),
    /// It is accepted, and the log tells once that this is not built.
    Noted(&'static str),
    /// It is refused, for this reason.
    Refused(&'static str),
}

impl Opt {
    const fn new(name: &'static str, variable: &'static str, takes: Takes) -> Self {
        let effect = Effect::Does("");
        Self { name, short: "", variable, takes, is_repeated: false, is_of_start: false, effect }
    }

    const fn flag(name: &'static str, variable: &'static str) -> Self {
        Self::new(name, variable, Takes::Nothing)
    }

    const fn one(name: &'static str, variable: &'static str) -> Self {
        Self::new(name, variable, Takes::One)
    }

    const fn maybe(name: &'static str, variable: &'static str) -> Self {
        Self::new(name, variable, Takes::Maybe)
    }

    const fn many(name: &'static str, variable: &'static str) -> Self {
        Self::new(name, variable, Takes::Many)
    }

    const fn exactly(name: &'static str, variable: &'static str, count: usize) -> Self {
        Self::new(name, variable, Takes::Exactly(count))
    }

    const fn short(self, short: &'static str) -> Self {
        Self { short, ..self }
    }

    const fn repeated(self) -> Self {
        Self { is_repeated: true, ..self }
    }

    const fn start(self) -> Self {
        Self { is_of_start: true, ..self }
    }

    const fn does(self, what: &'static str) -> Self {
        Self { effect: Effect::Does(what), ..self }
    }

    const fn noted(self, what: &'static str) -> Self {
        Self { effect: Effect::Noted(what), ..self }
    }

    const fn refused(self, why: &'static str) -> Self {
        Self { effect: Effect::Refused(why), ..self }
    }
}

/// The option that a word names: `--name`, the beginning of one such name, `-short`.
pub(super) fn named(word: &str, is_start: bool) -> Option<&'static Opt> {
    let mut all = OPTIONS.iter().filter(|option| is_start || !option.is_of_start);
    match word.strip_prefix("--") {
        None => all.find(|option| !option.short.is_empty() && word.strip_prefix('-') == Some(option.short)),
        Some(name) => all.clone().find(|option| option.name == name).or_else(|| {
            let mut begun = all.filter(|option| option.name.starts_with(name));
            let only = begun.next()?;
            begun.next().is_none().then_some(only)
        }),
    }
}

/// The name that is nearest to one that is none.
pub(super) fn nearest(name: &str, is_start: bool) -> Option<&'static str> {
    let all = OPTIONS.iter().filter(|option| is_start || !option.is_of_start);
    let ranked = all.map(|option| (distance(name, option.name), option.name));
    ranked.min().filter(|(distance, _)| *distance <= 2 + name.len() / 4).map(|(_, name)| name)
}

/// Characters to be put in, left out or replaced, to make one text of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, ours) in one.chars().enumerate() {
        let mut next = vec![index + 1];
        for (theirs, window) in other.iter().zip(row.windows(2)) {
            let [diagonal, above] = window else { continue };
            let left = next.last().copied().unwrap_or_default();
            next.push((diagonal + usize::from(ours != *theirs)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// All of them.
pub(super) const OPTIONS: &[Opt] = &[
    Opt::exactly("admin", "ACAPY_ADMIN", 2).start().does("Where the admin API listens: HOST PORT"),
    Opt::one("admin-api-key", "ACAPY_ADMIN_API_KEY")
        .start()
        .does("The key that every request to the admin API says"),
    Opt::flag("admin-insecure-mode", "ACAPY_ADMIN_INSECURE_MODE")
        .start()
        .does("No key for the admin API: whoever reaches it rules the agent"),
    Opt::flag("no-receive-invites", "ACAPY_NO_RECEIVE_INVITES").start().does("Refuse invitations"),
    Opt::one("help-link", "ACAPY_HELP_LINK").start().does("Where an interface for people finds help"),
    Opt::one("webhook-url", "ACAPY_WEBHOOK_URL")
        .repeated()
        .start()
        .does("Where the controller is told what happens: URL or URL#KEY"),
    Opt::one("admin-client-max-request-size", "ACAPY_ADMIN_CLIENT_MAX_REQUEST_SIZE")
        .start()
        .does("Megabytes of a request to the admin API (1)"),
    Opt::flag("debug", "ACAPY_DEBUG").noted("debugging"),
    Opt::one("debug-seed", "ACAPY_DEBUG_SEED").start().noted("debugging"),
    Opt::flag("debug-connections", "ACAPY_DEBUG_CONNECTIONS").start().noted("debugging"),
    Opt::flag("debug-credentials", "ACAPY_DEBUG_CREDENTIALS").start().noted("debugging"),
    Opt::flag("debug-presentations", "ACAPY_DEBUG_PRESENTATIONS").start().noted("debugging"),
    Opt::flag("invite", "ACAPY_INVITE").start().does("Print an invitation out of band at the start"),
    Opt::flag("connections-invite", "ACAPY_CONNECTIONS_INVITE")
        .start()
        .does("Print an invitation of connections/1.0 at the start"),
    Opt::one("invite-label", "ACAPY_INVITE_LABEL")
        .start()
        .does("The label of the invitation that is printed"),
    Opt::flag("invite-multi-use", "ACAPY_INVITE_MULTI_USE")
        .start()
        .does("The invitation that is printed is for many"),
    Opt::flag("invite-public", "ACAPY_INVITE_PUBLIC")
        .start()
        .does("The invitation that is printed is by the public DID"),
    Opt::one("invite-metadata-json", "ACAPY_INVITE_METADATA_JSON")
        .start()
        .does("JSON: what is noted of connections by the invitation that is printed"),
    Opt::one("test-suite-endpoint", "ACAPY_TEST_SUITE_ENDPOINT").start().noted("debugging"),
    Opt::flag("auto-accept-invites", "ACAPY_AUTO_ACCEPT_INVITES").start().does("Answer invitations at once"),
    Opt::flag("auto-accept-requests", "ACAPY_AUTO_ACCEPT_REQUESTS").start().does("Answer requests at once"),
    Opt::flag("auto-respond-messages", "ACAPY_AUTO_RESPOND_MESSAGES").start().does("Answer basic messages"),
    Opt::flag("auto-respond-credential-proposal", "ACAPY_AUTO_RESPOND_CREDENTIAL_PROPOSAL")
        .start()
        .noted("credentials and proofs"),
    Opt::flag("auto-respond-credential-offer", "ACAPY_AUTO_RESPOND_CREDENTIAL_OFFER")
        .start()
        .noted("credentials and proofs"),
    Opt::flag("auto-respond-credential-request", "ACAPY_AUTO_RESPOND_CREDENTIAL_REQUEST")
        .start()
        .noted("credentials and proofs"),
    Opt::flag("auto-respond-presentation-proposal", "ACAPY_AUTO_RESPOND_PRESENTATION_PROPOSAL")
        .start()
        .noted("credentials and proofs"),
    Opt::flag("auto-respond-presentation-request", "ACAPY_AUTO_RESPOND_PRESENTATION_REQUEST")
        .start()
        .noted("credentials and proofs"),
    Opt::flag("auto-store-credential", "ACAPY_AUTO_STORE_CREDENTIAL").start().noted("credentials and proofs"),
    Opt::flag("auto-verify-presentation", "ACAPY_AUTO_VERIFY_PRESENTATION")
        .start()
        .noted("credentials and proofs"),
    Opt::flag("auto-disclose-features", "ACAPY_AUTO_DISCLOSE_FEATURES")
        .start()
        .does("Tell new connections what the agent can do"),
    Opt::one("disclose-features-list", "ACAPY_DISCLOSE_FEATURES_LIST")
        .start()
        .does("YAML file with protocols and goal-codes: no others are told"),
    Opt::one("arg-file", "").does("YAML file with options"),
    Opt::one("plugin", "ACAPY_PLUGIN").repeated().noted("plugins"),
    Opt::one("plugin-config", "ACAPY_PLUGIN_CONFIG").noted("plugins"),
    Opt::many("plugin-config-value", "").short("o").repeated().noted("plugins"),
    Opt::one("storage-type", "ACAPY_STORAGE_TYPE").noted("a choice: ACA-Py passes over it too"),
    Opt::many("endpoint", "ACAPY_ENDPOINT").short("e").does("Where the agent is reached, the default first"),
    Opt::one("profile-endpoint", "ACAPY_PROFILE_ENDPOINT").noted("a ledger"),
    Opt::flag("read-only-ledger", "ACAPY_READ_ONLY_LEDGER").noted("a ledger"),
    Opt::one("tails-server-base-url", "ACAPY_TAILS_SERVER_BASE_URL").noted("revocation"),
    Opt::one("tails-server-upload-url", "ACAPY_TAILS_SERVER_UPLOAD_URL").noted("revocation"),
    Opt::flag("notify-revocation", "ACAPY_NOTIFY_REVOCATION").noted("revocation"),
    Opt::flag("monitor-revocation-notification", "ACAPY_MONITOR_REVOCATION_NOTIFICATION").noted("revocation"),
    Opt::one("ledger-pool-name", "ACAPY_LEDGER_POOL_NAME").noted("a ledger"),
    Opt::one("genesis-transactions", "ACAPY_GENESIS_TRANSACTIONS").noted("a ledger"),
    Opt::one("genesis-file", "ACAPY_GENESIS_FILE").noted("a ledger"),
    Opt::one("genesis-url", "ACAPY_GENESIS_URL").noted("a ledger"),
    Opt::flag("no-ledger", "ACAPY_NO_LEDGER").does("No ledger is used"),
    Opt::one("ledger-keepalive", "ACAPY_LEDGER_KEEP_ALIVE").noted("a ledger"),
    Opt::one("ledger-socks-proxy", "ACAPY_LEDGER_SOCKS_PROXY").noted("a ledger"),
    Opt::one("genesis-transactions-list", "ACAPY_GENESIS_TRANSACTIONS_LIST").noted("a ledger"),
    Opt::one("log-config", "ACAPY_LOG_CONFIG").noted("files of logs: they go to standard error"),
    Opt::maybe("log-file", "ACAPY_LOG_FILE")
        .does("The file that the log goes to, in place of standard error"),
    Opt::one("log-level", "ACAPY_LOG_LEVEL").does("debug, info, warning, error or critical"),
    Opt::flag("auto-ping-connection", "ACAPY_AUTO_PING_CONNECTION")
        .start()
        .does("Ping after a response, so that the inviter knows it came"),
    Opt::flag("auto-accept-intro-invitation-requests", "ACAPY_AUTO_ACCEPT_INTRO_INVITATION_REQUESTS")
        .start()
        .noted("introductions"),
    Opt::one("invite-base-url", "ACAPY_INVITE_BASE_URL").start().does("What invitation URLs begin with"),
    Opt::flag("monitor-ping", "ACAPY_MONITOR_PING").start().does("Tell the controller of pings"),
    Opt::flag("monitor-forward", "ACAPY_MONITOR_FORWARD")
        .start()
        .does("Tell the controller of forwarded messages"),
    Opt::flag("public-invites", "ACAPY_PUBLIC_INVITES").start().does("Allow invitations by the public DID"),
    Opt::flag("timing", "ACAPY_TIMING").start().noted("timing and tracing"),
    Opt::one("timing-log", "ACAPY_TIMING_LOG").start().noted("timing and tracing"),
    Opt::flag("trace", "ACAPY_TRACE").start().noted("timing and tracing"),
    Opt::one("trace-target", "ACAPY_TRACE_TARGET").start().noted("timing and tracing"),
    Opt::one("trace-tag", "ACAPY_TRACE_TAG").start().noted("timing and tracing"),
    Opt::one("trace-label", "ACAPY_TRACE_LABEL").start().noted("timing and tracing"),
    Opt::flag("preserve-exchange-records", "ACAPY_PRESERVE_EXCHANGE_RECORDS")
        .start()
        .noted("credentials and proofs"),
    Opt::flag("emit-new-didcomm-prefix", "ACAPY_EMIT_NEW_DIDCOMM_PREFIX")
        .start()
        .noted("a choice: new prefixes and media types are written, all are read"),
    Opt::flag("emit-new-didcomm-mime-type", "ACAPY_EMIT_NEW_DIDCOMM_MIME_TYPE")
        .start()
        .noted("a choice: new prefixes and media types are written, all are read"),
    Opt::flag("exch-use-unencrypted-tags", "ACAPY_EXCH_USE_UNENCRYPTED_TAGS")
        .start()
        .noted("credentials and proofs"),
    Opt::flag("auto-provision", "ACAPY_AUTO_PROVISION").start().does("Make the wallet if there is none"),
    Opt::exactly("inbound-transport", "ACAPY_INBOUND_TRANSPORT", 3)
        .short("it")
        .repeated()
        .start()
        .does("Where messages come in: http|ws HOST PORT"),
    Opt::one("outbound-transport", "ACAPY_OUTBOUND_TRANSPORT")
        .short("ot")
        .repeated()
        .start()
        .does("How messages go out: http, ws"),
    Opt::one("outbound-queue", "ACAPY_OUTBOUND_TRANSPORT_QUEUE")
        .short("oq")
        .start()
        .refused("messages go out by way of the wallet, and no other queue would get them"),
    Opt::one("label", "ACAPY_LABEL").short("l").start().does("What the agent calls itself"),
    Opt::one("image-url", "ACAPY_IMAGE_URL").start().does("A picture for invitations"),
    Opt::one("max-message-size", "ACAPY_MAX_MESSAGE_SIZE")
        .start()
        .does("Bytes of a message that comes in (2097152)"),
    Opt::flag("enable-undelivered-queue", "ACAPY_ENABLE_UNDELIVERED_QUEUE")
        .start()
        .noted("a choice: messages wait in the wallet until they are delivered"),
    Opt::one("max-outbound-retry", "ACAPY_MAX_OUTBOUND_RETRY")
        .start()
        .noted("a choice: messages wait in the wallet until they are delivered"),
    Opt::one("ws-heartbeat-interval", "ACAPY_WS_HEARTBEAT_INTERVAL")
        .start()
        .does("Seconds between pings on a WebSocket (3)"),
    Opt::one("ws-timeout-interval", "ACAPY_WS_TIMEOUT_INTERVAL")
        .start()
        .does("Seconds after which a silent WebSocket is closed (15)"),
    Opt::one("mediator-invitation", "ACAPY_MEDIATION_INVITATION")
        .does("The URL of a mediator's invitation: once it has granted it, it is the default mediator"),
    Opt::flag("mediator-connections-invite", "ACAPY_MEDIATION_CONNECTIONS_INVITE")
        .does("That invitation is one of connections/1.0 (which is seen without being told)"),
    Opt::flag("open-mediation", "ACAPY_MEDIATION_OPEN").start().does("Grant all requests for mediation"),
    Opt::one("default-mediator-id", "ACAPY_DEFAULT_MEDIATION_ID")
        .start()
        .does("The id of the agreement with the mediator that is taken where none is named"),
    Opt::flag("clear-default-mediator", "ACAPY_CLEAR_DEFAULT_MEDIATOR")
        .start()
        .does("No mediator is taken where none is named"),
    Opt::one("seed", "ACAPY_WALLET_SEED").does("Seed of a DID of the wallet: 32 characters, or base64"),
    Opt::flag("wallet-local-did", "ACAPY_WALLET_LOCAL_DID").does("The DID of the seed is not public"),
    Opt::one("wallet-key", "ACAPY_WALLET_KEY").does("The key of the wallet, or vault:PATH#FIELD"),
    Opt::one("wallet-rekey", "ACAPY_WALLET_REKEY")
        .refused("the wallet would keep its old key; change it with ACA-Py or with the askar tools"),
    Opt::one("wallet-name", "ACAPY_WALLET_NAME").does("The name of the wallet: that of its database"),
    Opt::one("wallet-type", "ACAPY_WALLET_TYPE")
        .does("askar (also indy, askar-anoncreds), or in_memory (also basic)"),
    Opt::one("wallet-storage-type", "ACAPY_WALLET_STORAGE_TYPE").does("default (SQLite) or postgres_storage"),
    Opt::one("wallet-storage-config", "ACAPY_WALLET_STORAGE_CONFIG").does("JSON: where PostgreSQL is"),
    Opt::one("wallet-key-derivation-method", "ACAPY_WALLET_KEY_DERIVATION_METHOD")
        .does("ARGON2I_MOD, ARGON2I_INT or RAW"),
    Opt::one("wallet-storage-creds", "ACAPY_WALLET_STORAGE_CREDS").does("JSON: accounts at PostgreSQL"),
    Opt::flag("replace-public-did", "ACAPY_REPLACE_PUBLIC_DID")
        .does("Let the DID of the seed replace the public one"),
    Opt::flag("recreate-wallet", "ACAPY_RECREATE_WALLET").does("Remove the wallet first, if there is one"),
    Opt::flag("multitenant", "ACAPY_MULTITENANT")
        .start()
        .refused("tenants are not built yet, and one wallet for all of them would mix what must be apart"),
    Opt::one("jwt-secret", "ACAPY_MULTITENANT_JWT_SECRET").start().refused("tenants are not built yet"),
    Opt::flag("multitenant-admin", "ACAPY_MULTITENANT_ADMIN").start().refused("tenants are not built yet"),
    Opt::many("multitenancy-config", "ACAPY_MULTITENANCY_CONFIGURATION")
        .start()
        .refused("tenants are not built yet"),
    Opt::one("endorser-protocol-role", "ACAPY_ENDORSER_ROLE").start().noted("endorsement"),
    Opt::one("endorser-invitation", "ACAPY_ENDORSER_INVITATION").start().noted("endorsement"),
    Opt::one("endorser-public-did", "ACAPY_ENDORSER_PUBLIC_DID").start().noted("endorsement"),
    Opt::one("endorser-alias", "ACAPY_ENDORSER_ALIAS").start().noted("endorsement"),
    Opt::flag("auto-request-endorsement", "ACAPY_AUTO_REQUEST_ENDORSEMENT").start().noted("endorsement"),
    Opt::flag("auto-endorse-transactions", "ACAPY_AUTO_ENDORSE_TRANSACTIONS").start().noted("endorsement"),
    Opt::flag("auto-write-transactions", "ACAPY_AUTO_WRITE_TRANSACTIONS").start().noted("endorsement"),
    Opt::flag("auto-create-revocation-transactions", "ACAPY_CREATE_REVOCATION_TRANSACTIONS")
        .start()
        .noted("endorsement"),
    Opt::flag("debug-webhooks", "ACAPY_DEBUG_WEBHOOKS").start().noted("debugging"),
    Opt::one("block-plugin", "ACAPY_BLOCKED_PLUGIN").repeated().noted("plugins"),
    Opt::maybe("universal-resolver", "ACAPY_UNIVERSAL_RESOLVER").noted("a universal resolver"),
    Opt::many("universal-resolver-regex", "ACAPY_UNIVERSAL_RESOLVER_REGEX").noted("a universal resolver"),
    Opt::maybe("universal-resolver-bearer-token", "ACAPY_UNIVERSAL_RESOLVER_BEARER_TOKEN")
        .noted("a universal resolver"),
    Opt::one("anoncreds-legacy-revocation", "ACAPY_ANONCREDS_LEGACY_REVOCATION").noted("revocation"),
    Opt::exactly("accept-taa", "ACAPY_ACCEPT_TAA", 2).noted("a ledger"),
    Opt::flag("requests-through-public-did", "ACAPY_REQUESTS_THROUGH_PUBLIC_DID")
        .start()
        .does("Whoever knows the public DID may ask for a connection"),
    Opt::flag("experimental-didcomm-v2", "ACAPY_EXP_DIDCOMM_V2").start().noted("DIDComm v2"),
    Opt::flag("no-transport", "ACAPY_NO_TRANSPORT").start().does("No messages come in or go out"),
    Opt::flag("wallet-allow-insecure-seed", "ACAPY_WALLET_ALLOW_INSECURE_SEED")
        .does("Let the admin API take seeds"),
    Opt::one("wallet-rekey-derivation-method", "ACAPY_WALLET_REKEY_DERIVATION_METHOD")
        .refused("the wallet would keep its old key; change it with ACA-Py or with the askar tools"),
    Opt::many("base-wallet-routes", "").start().refused("tenants are not built yet"),
    Opt::one("endorser-endorse-with-did", "ACAPY_ENDORSER_ENDORSE_WITH_DID").start().noted("endorsement"),
    Opt::flag("auto-promote-author-did", "ACAPY_AUTO_PROMOTE_AUTHOR_DID").start().noted("endorsement"),
    Opt::one("upgrade-config-path", "ACAPY_UPGRADE_CONFIG_PATH")
        .start()
        .noted("upgrades: records of every version are read"),
    Opt::one("from-version", "ACAPY_UPGRADE_FROM_VERSION")
        .start()
        .noted("upgrades: records of every version are read"),
    Opt::flag("force-upgrade", "ACAPY_UPGRADE_FORCE_UPGRADE")
        .start()
        .noted("upgrades: records of every version are read"),
    Opt::one("named-tag", "ACAPY_UPGRADE_NAMED_TAGS")
        .repeated()
        .start()
        .noted("upgrades: records of every version are read"),
    Opt::flag("upgrade-all-subwallets", "ACAPY_UPGRADE_ALL_SUBWALLETS")
        .start()
        .noted("upgrades: records of every version are read"),
    Opt::one("upgrade-subwallet", "ACAPY_UPGRADE_SUBWALLETS")
        .repeated()
        .start()
        .noted("upgrades: records of every version are read"),
    Opt::one("upgrade-page-size", "ACAPY_UPGRADE_PAGE_SIZE")
        .start()
        .noted("upgrades: records of every version are read"),
    Opt::flag("oauth-enabled", "ACAPY_OAUTH_ENABLED")
        .start()
        .refused("tokens would not be asked for; use --admin-api-key"),
    Opt::one("oauth-jwks-uri", "ACAPY_OAUTH_JWKS_URI")
        .start()
        .refused("tokens would not be asked for; use --admin-api-key"),
    Opt::one("oauth-issuer", "ACAPY_OAUTH_ISSUER")
        .start()
        .refused("tokens would not be asked for; use --admin-api-key"),
    Opt::one("oauth-audience", "ACAPY_OAUTH_AUDIENCE")
        .start()
        .refused("tokens would not be asked for; use --admin-api-key"),
    Opt::one("oauth-introspection-endpoint", "ACAPY_OAUTH_INTROSPECTION_ENDPOINT")
        .start()
        .refused("tokens would not be asked for; use --admin-api-key"),
    Opt::one("oauth-introspection-client-id", "ACAPY_OAUTH_INTROSPECTION_CLIENT_ID")
        .start()
        .refused("tokens would not be asked for; use --admin-api-key"),
    Opt::one("oauth-introspection-client-secret", "ACAPY_OAUTH_INTROSPECTION_CLIENT_SECRET")
        .start()
        .refused("tokens would not be asked for; use --admin-api-key"),
    Opt::one("oauth-http-timeout", "ACAPY_OAUTH_HTTP_TIMEOUT")
        .start()
        .refused("tokens would not be asked for; use --admin-api-key"),
    Opt::maybe("auto-install-plugins", "ACAPY_AUTO_INSTALL_PLUGINS").noted("plugins"),
    Opt::flag("no-preserve-failed-exchange-records", "ACAPY_NO_PRESERVE_FAILED_EXCHANGE_RECORDS")
        .start()
        .noted("credentials and proofs"),
    Opt::one("dbstore-key", "ACAPY_DBSTORE_KEY").noted("the store of kanon wallets"),
    Opt::one("dbstore-rekey", "ACAPY_DBSTORE_REKEY").noted("the store of kanon wallets"),
    Opt::one("dbstore-storage-type", "ACAPY_DBSTORE_STORAGE_TYPE").noted("the store of kanon wallets"),
    Opt::flag("wallet-test", "ACAPY_WALLET_TEST").does("A wallet in memory"),
    Opt::one("dbstore-storage-config", "ACAPY_DBSTORE_STORAGE_CONFIG").noted("the store of kanon wallets"),
    Opt::one("dbstore-schema-config", "ACAPY_DBSTORE_SCHEMA_CONFIG").noted("the store of kanon wallets"),
    Opt::one("dbstore-storage-creds", "ACAPY_DBSTORE_STORAGE_CREDS").noted("the store of kanon wallets"),
    Opt::one("wallet-key-file", "ACAPY_WALLET_KEY_FILE").does("File that holds the key of the wallet"),
    Opt::one("admin-version", "ACAPY_ADMIN_VERSION")
        .start()
        .does("Whose answers the admin API gives where they differ: 0.7 (default) or 1"),
    Opt::exactly("metrics", "ACAPY_METRICS", 2)
        .start()
        .does("Where /metrics, /healthz and /readyz are: HOST PORT"),
    Opt::flag("did-web-private-addresses", "ACAPY_DID_WEB_PRIVATE_ADDRESSES")
        .does("Documents of did:web are fetched from private and loopback addresses too"),
    Opt::one("log-format", "ACAPY_LOG_FORMAT").does("Form of the log: standard or json"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_found_by_name_beginning_and_short_name() {
        let found = |word| named(word, true).map(|option| option.name);
        assert_eq!(found("--endpoint"), Some("endpoint"));
        assert_eq!(found("--wallet-stor"), None);
        assert_eq!(found("--wallet-loc"), Some("wallet-local-did"));
        assert_eq!(found("-it"), Some("inbound-transport"));
        assert_eq!(found("-e"), Some("endpoint"));
        assert_eq!(found("-x"), None);
        assert!(named("--inbound-transport", false).is_none() && named("--wallet-key", false).is_some());
        assert_eq!(nearest("inbound-transports", true), Some("inbound-transport"));
        assert_eq!(nearest("auto-acept-invite", true), Some("auto-accept-invites"));
        assert_eq!(nearest("zzz", true), None);
    }

    #[test]
    fn every_option_is_there_once_and_says_what_becomes_of_it() {
        for (index, option) in OPTIONS.iter().enumerate() {
            let (Effect::Does(text) | Effect::Noted(text) | Effect::Refused(text)) = option.effect;
            assert!(!text.is_empty(), "{}", option.name);
            assert!(OPTIONS.iter().skip(index + 1).all(|other| other.name != option.name), "{}", option.name);
        }
    }
}
