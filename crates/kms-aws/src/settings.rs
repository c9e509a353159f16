use std::path::PathBuf;

use serde::Deserialize;
use trustkeep_aws::{ChainSettings, Env};
use trustkeep_crypto::SecretString;

/// The parameters of Vault's `seal "awskms"`. The environment wins over each of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The key: its id, its ARN, an alias (`alias/name`) or an alias's ARN.
    /// `VAULT_AWSKMS_SEAL_KEY_ID`, or `AWSKMS_WRAPPER_KEY_ID`.
    pub kms_key_id: Option<String>,
    /// The region. `AWS_REGION`, or `AWS_DEFAULT_REGION`. Else that of the key's ARN, the profile, the instance.
    pub region: Option<String>,
    /// Another endpoint than the region's. `AWS_KMS_ENDPOINT`.
    pub endpoint: Option<String>,
    /// A key's name. `AWS_ACCESS_KEY_ID`.
    pub access_key: Option<String>,
    /// A key. `AWS_SECRET_ACCESS_KEY`.
    pub secret_key: Option<SecretString>,
    /// Goes with temporary keys. `AWS_SESSION_TOKEN`.
    pub session_token: Option<SecretString>,
    /// The file of profiles. `AWS_SHARED_CREDENTIALS_FILE`.
    pub shared_creds_filename: Option<PathBuf>,
    /// The profile. `AWS_PROFILE`.
    pub shared_creds_profile: Option<String>,
    /// A role to take on. `AWS_ROLE_ARN` (with a web identity).
    pub role_arn: Option<String>,
    /// The name to take it on under. `AWS_ROLE_SESSION_NAME`.
    pub role_session_name: Option<String>,
    /// A file with an identity provider's token. `AWS_WEB_IDENTITY_TOKEN_FILE`.
    pub web_identity_token_file: Option<PathBuf>,
}

impl Settings {
    pub(crate) fn key_id(&self, env: &Env) -> Option<String> {
        let set = env.first(&["VAULT_AWSKMS_SEAL_KEY_ID", "AWSKMS_WRAPPER_KEY_ID"]);
        set.or_else(|| self.kms_key_id.clone()).filter(|key| !key.is_empty())
    }

    pub(crate) fn endpoint(&self, env: &Env) -> Option<String> {
        let given = self.endpoint.clone().filter(|endpoint| !endpoint.is_empty());
        env.get("AWS_KMS_ENDPOINT").or(given).or_else(|| env.endpoint("kms"))
    }

    /// What the chain looks through. It takes settings before the environment, so those that the
    /// environment overrides are left out.
    pub(crate) fn into_chain(self, env: &Env) -> ChainSettings {
        let keys_in_env = env.get("AWS_ACCESS_KEY_ID").is_some();
        ChainSettings {
            region: env.first(&["AWS_REGION", "AWS_DEFAULT_REGION"]).or(self.region),
            access_key_id: self.access_key.filter(|key| !keys_in_env && !key.is_empty()),
            secret_access_key: self.secret_key.filter(|key| !keys_in_env && !key.is_empty()),
            session_token: self.session_token.filter(|token| !keys_in_env && !token.is_empty()),
            profile: env.get("AWS_PROFILE").or(self.shared_creds_profile),
            shared_credentials_file: env
                .get("AWS_SHARED_CREDENTIALS_FILE")
                .map(PathBuf::from)
                .or(self.shared_creds_filename),
            role_arn: self.role_arn.map(|role| env.get("AWS_ROLE_ARN").unwrap_or(role)),
            role_session_name: env.get("AWS_ROLE_SESSION_NAME").or(self.role_session_name),
            web_identity_token_file: env
                .get("AWS_WEB_IDENTITY_TOKEN_FILE")
                .map(PathBuf::from)
                .or(self.web_identity_token_file),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Settings {
        let json = r#"{"kms_key_id":"k","region":"r","endpoint":"e","access_key":"a","secret_key":"s",
            "session_token":"t","shared_creds_filename":"f","shared_creds_profile":"p"}"#;
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_environment_wins() {
        let env = Env::fixed([
            ("VAULT_AWSKMS_SEAL_KEY_ID", "K"),
            ("AWS_KMS_ENDPOINT", "E"),
            ("AWS_REGION", "R"),
            ("AWS_ACCESS_KEY_ID", "A"),
            ("AWS_PROFILE", "P"),
        ]);
        assert_eq!(full().key_id(&env).unwrap(), "K");
        assert_eq!(full().endpoint(&env).unwrap(), "E");
        let chain = full().into_chain(&env);
        assert_eq!((chain.region.as_deref(), chain.profile.as_deref()), (Some("R"), Some("P")));
        assert!(
            chain.access_key_id.is_none()
                && chain.secret_access_key.is_none()
                && chain.session_token.is_none()
        );
    }

    #[test]
    fn the_file_serves_where_the_environment_is_silent() {
        let env = Env::fixed([("AWS_ENDPOINT_URL", "generic"), ("UNRELATED", "x")]);
        assert_eq!(full().key_id(&env).unwrap(), "k");
        assert_eq!(full().endpoint(&env).unwrap(), "e");
        assert_eq!(Settings::default().endpoint(&env).unwrap(), "generic");
        assert_eq!(Settings { kms_key_id: Some(String::new()), ..Settings::default() }.key_id(&env), None);
        let chain = full().into_chain(&env);
        assert_eq!((chain.region.as_deref(), chain.access_key_id.as_deref()), (Some("r"), Some("a")));
        assert!(chain.secret_access_key.unwrap().ct_eq("s"));
    }

    #[test]
    fn secrets_are_not_printed() {
        let settings = Settings { secret_key: Some("hunter2".into()), ..Settings::default() };
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
