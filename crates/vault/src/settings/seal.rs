use std::path::PathBuf;

use trustkeep_crypto::SecretString;

use super::section::{Keys, Reader, Section};

/// What holds the root key.
#[derive(Debug)]
pub enum Seal {
    /// Key shares, entered by people.
    Shamir,
    /// A key of AWS KMS.
    AwsKms(AwsKms),
    /// A key of another vault's transit engine.
    Transit(Transit),
}

/// `seal "awskms"`. The environment beats the file.
#[derive(Debug)]
pub struct AwsKms {
    /// Id, ARN or alias. `VAULT_AWSKMS_SEAL_KEY_ID`.
    pub kms_key_id: String,
    /// `AWS_REGION`, `AWS_DEFAULT_REGION`; else that of the key's ARN, else `us-east-1`.
    pub region: String,
    /// `AWS_KMS_ENDPOINT`; `None`: the region's.
    pub endpoint: Option<String>,
    /// `AWS_ACCESS_KEY_ID`; without it, the profile or the machine's role gives credentials.
    pub access_key: Option<String>,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_key: Option<SecretString>,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: Option<SecretString>,
    /// `AWS_SHARED_CREDENTIALS_FILE` beats it, in the place where credentials are looked for.
    pub shared_creds_filename: Option<PathBuf>,
    /// `AWS_PROFILE` beats it, in the place where credentials are looked for.
    pub shared_creds_profile: Option<String>,
    /// `AWS_ROLE_ARN` beats it, in the place where credentials are looked for.
    pub role_arn: Option<String>,
    /// `AWS_ROLE_SESSION_NAME` beats it, in the place where credentials are looked for.
    pub role_session_name: Option<String>,
    /// `AWS_WEB_IDENTITY_TOKEN_FILE` beats it, in the place where credentials are looked for.
    pub web_identity_token_file: Option<PathBuf>,
}

/// `seal "transit"`. The environment beats the file.
#[derive(Debug)]
pub struct Transit {
    /// The other vault's URL. `VAULT_ADDR`.
    pub address: String,
    /// A token of the other vault. `VAULT_TOKEN`.
    pub token: Option<SecretString>,
    /// The key. `VAULT_TRANSIT_SEAL_KEY_NAME`.
    pub key_name: String,
    /// The engine. `VAULT_TRANSIT_SEAL_MOUNT_PATH`.
    pub mount_path: String,
    /// `VAULT_NAMESPACE`.
    pub namespace: Option<String>,
    /// Whether the token is left alone. `VAULT_TRANSIT_SEAL_DISABLE_RENEWAL`.
    pub disable_renewal: bool,
    /// PEM file of authorities. `VAULT_CACERT`.
    pub tls_ca_cert: Option<PathBuf>,
    /// PEM file. `VAULT_CLIENT_CERT`.
    pub tls_client_cert: Option<PathBuf>,
    /// PEM file. `VAULT_CLIENT_KEY`.
    pub tls_client_key: Option<PathBuf>,
    /// The name in the other vault's certificate. `VAULT_TLS_SERVER_NAME`.
    pub tls_server_name: Option<String>,
    /// Whether the other vault's certificate is not checked. `VAULT_SKIP_VERIFY`.
    pub tls_skip_verify: bool,
}

/// The seal in force and the disabled one. `VAULT_SEAL_TYPE` beats the kind of the one in force.
pub(super) fn all(top: &Section<'_>, reader: &mut Reader<'_>) -> (Option<Seal>, Option<Seal>) {
    let stanzas = top.blocks("seal", reader);
    let stanzas: Vec<_> = stanzas.iter().flat_map(|stanza| stanza.all_blocks(reader)).collect();
    let wanted = reader.environment(&["VAULT_SEAL_TYPE"]);
    let (mut in_force, mut disabled) = (None, None);
    let mut seen = (false, false);
    for (kind, section) in &stanzas {
        let is_disabled = section.boolean("disabled", &[], reader).unwrap_or(false);
        let already = if is_disabled { &mut seen.1 } else { &mut seen.0 };
        if std::mem::replace(already, true) {
            let which = if is_disabled { "one with disabled = true" } else { "one that is not disabled" };
            section.problem("", format!("there can be only {which}"), reader);
            continue;
        }
        match &wanted {
            _ if is_disabled => disabled = parse(kind, section, reader),
            Some((kind, _)) => in_force = parse(kind, section, reader),
            None => in_force = parse(kind, section, reader),
        }
    }
    if let (Some((kind, source)), false) = (wanted, seen.0) {
        let section = Section::unwritten(format!("seal.{}", *kind), source);
        in_force = parse(&kind, &section, reader);
    }
    (in_force, disabled)
}

fn parse(kind: &str, section: &Section<'_>, reader: &mut Reader<'_>) -> Option<Seal> {
    match kind {
        "shamir" => {
            let known =
                Keys { keys: &["disabled"], blocks: &[], without_effect: &[], prefixes_without_effect: &[] };
            section.check_keys(&known, reader);
            Some(Seal::Shamir)
        }
        "awskms" => aws_kms(section, reader).map(Seal::AwsKms),
        "transit" => transit(section, reader).map(Seal::Transit),
        other => {
            let message =
                format!("\"{other}\" is not a seal of this server; supported: shamir, awskms, transit");
            reader.problems.add(section.place(), "seal", message);
            None
        }
    }
}

fn aws_kms(section: &Section<'_>, reader: &mut Reader<'_>) -> Option<AwsKms> {
    section.check_keys(
        &Keys {
            keys: &[
                "region",
                "access_key",
                "secret_key",
                "session_token",
                "kms_key_id",
                "endpoint",
                "disabled",
                "role_arn",
                "role_session_name",
                "web_identity_token_file",
                "shared_creds_filename",
                "shared_creds_profile",
            ],
            blocks: &[],
            without_effect: &["name", "priority"],
            prefixes_without_effect: &[],
        },
        reader,
    );
    let kms_key_id = section.text("kms_key_id", &["VAULT_AWSKMS_SEAL_KEY_ID"], reader);
    if kms_key_id.is_none() {
        section.problem("kms_key_id", "is missing; give it here or in VAULT_AWSKMS_SEAL_KEY_ID", reader);
    }
    let access_key = section.text("access_key", &["AWS_ACCESS_KEY_ID"], reader);
    let secret_key = section.secret("secret_key", &["AWS_SECRET_ACCESS_KEY"], reader);
    super::storage::check_pair(section, access_key.is_some(), secret_key.is_some(), reader);
    let region = section.text("region", &["AWS_REGION", "AWS_DEFAULT_REGION"], reader);
    let of_key =
        |key: &String| key.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(2)).map(str::to_owned);
    let region = region.or_else(|| kms_key_id.as_ref().and_then(of_key));
    Some(AwsKms {
        region: region.unwrap_or_else(|| "us-east-1".to_owned()),
        endpoint: section.text("endpoint", &["AWS_KMS_ENDPOINT"], reader),
        access_key,
        secret_key,
        session_token: section.secret("session_token", &["AWS_SESSION_TOKEN"], reader),
        shared_creds_filename: section.path("shared_creds_filename", &[], reader),
        shared_creds_profile: section.text("shared_creds_profile", &[], reader),
        role_arn: section.text("role_arn", &[], reader),
        role_session_name: section.text("role_session_name", &[], reader),
        web_identity_token_file: section.path("web_identity_token_file", &[], reader),
        kms_key_id: kms_key_id?,
    })
}

fn transit(section: &Section<'_>, reader: &mut Reader<'_>) -> Option<Transit> {
    section.check_keys(
        &Keys {
            keys: &[
                "address",
                "token",
                "key_name",
                "mount_path",
                "namespace",
                "disable_renewal",
                "tls_ca_cert",
                "tls_client_cert",
                "tls_client_key",
                "tls_server_name",
                "tls_skip_verify",
                "disabled",
            ],
            blocks: &[],
            without_effect: &["key_id_prefix", "name", "priority"],
            prefixes_without_effect: &[],
        },
        reader,
    );
    let address = section.text("address", &["VAULT_ADDR"], reader);
    let key_name = section.text("key_name", &["VAULT_TRANSIT_SEAL_KEY_NAME"], reader);
    let mount_path = section.text("mount_path", &["VAULT_TRANSIT_SEAL_MOUNT_PATH"], reader);
    for (key, given) in [
        ("address", address.is_some()),
        ("key_name", key_name.is_some()),
        ("mount_path", mount_path.is_some()),
    ] {
        if !given {
            section.problem(key, "is missing", reader);
        }
    }
    Some(Transit {
        token: section.secret("token", &["VAULT_TOKEN"], reader),
        namespace: section.text("namespace", &["VAULT_NAMESPACE"], reader),
        disable_renewal: section
            .boolean("disable_renewal", &["VAULT_TRANSIT_SEAL_DISABLE_RENEWAL"], reader)
            .unwrap_or(false),
        tls_ca_cert: section.path("tls_ca_cert", &["VAULT_CACERT"], reader),
        tls_client_cert: section.path("tls_client_cert", &["VAULT_CLIENT_CERT"], reader),
        tls_client_key: section.path("tls_client_key", &["VAULT_CLIENT_KEY"], reader),
        tls_server_name: section.text("tls_server_name", &["VAULT_TLS_SERVER_NAME"], reader),
        tls_skip_verify: section.boolean("tls_skip_verify", &["VAULT_SKIP_VERIFY"], reader).unwrap_or(false),
        address: address?,
        key_name: key_name?,
        mount_path: mount_path?,
    })
}
