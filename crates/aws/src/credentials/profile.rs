use std::collections::BTreeMap;
use std::path::PathBuf;

use trustkeep_crypto::SecretString;
use zeroize::Zeroizing;

use super::{
    ChainSettings, Credentials, Missing, Search, container, environment, instance::Imds, web_identity,
};
use crate::sts::Sts;
use crate::{Context, Env};

/// The shared files of the AWS command line, and the profile chosen from them.
///
/// `AWS_PROFILE`, `AWS_SHARED_CREDENTIALS_FILE` (`~/.aws/credentials`), `AWS_CONFIG_FILE` (`~/.aws/config`).
/// Understood are keys, `role_arn` with `source_profile`, `credential_source` or `web_identity_token_file`,
/// and `region`; not understood are `credential_process` and single sign-on.
pub(crate) struct Profile {
    all: Sections,
    name: String,
}

type Sections = BTreeMap<String, BTreeMap<String, Zeroizing<String>>>;

/// How many profiles may refer to one another.
const DEPTH_MAX: usize = 5;

impl Profile {
    /// Reads both files. A profile that is asked for by name must exist.
    pub(crate) async fn read(context: &Context, settings: &ChainSettings) -> Result<Self, Missing> {
        let env = &context.env;
        let asked = settings.profile.clone().or_else(|| env.get("AWS_PROFILE"));
        let asked_file = settings.shared_credentials_file.clone();
        let credentials_file =
            asked_file.or_else(|| path(env, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"));
        let config_file = path(env, "AWS_CONFIG_FILE", ".aws/config");
        let mut all = Sections::new();
        let mut places = Vec::new();
        for (file, prefixed) in [(config_file, true), (credentials_file, false)] {
            let Some(file) = file else { continue };
            match tokio::fs::read_to_string(&file).await.map(Zeroizing::new) {
                Ok(text) => parse(&text, prefixed, &mut all),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Missing::broken(format!("{}: {error}", file.display()))),
            }
            places.push(file.display().to_string());
        }
        let name = asked.clone().unwrap_or_else(|| "default".into());
        if all.contains_key(&name) {
            return Ok(Self { all, name });
        }
        let reason = match places.is_empty() {
            true => "HOME is not set, so there are no profile files".to_owned(),
            false => format!("there is no profile {name} in {}", places.join(" or ")),
        };
        Err(if asked.is_some() { Missing::Broken(reason) } else { Missing::Absent(reason) })
    }

    /// The profile's region.
    pub(crate) fn region(&self) -> Option<String> {
        self.value(&self.name, "region").map(str::to_owned)
    }

    /// The profile's credentials, by way of the roles it names.
    pub(crate) async fn credentials(&self, search: &Search<'_>) -> Result<Credentials, Missing> {
        let region = search.region().await;
        let mut roles = Vec::new();
        let mut name = self.name.as_str();
        let mut credentials = loop {
            let section = self
                .all
                .get(name)
                .ok_or_else(|| Missing::broken(format!("source_profile {name} does not exist")))?;
            let get = |key: &str| section.get(key).map(|value| value.as_str());
            if roles.len() > DEPTH_MAX {
                return Err(Missing::broken(format!("more than {DEPTH_MAX} profiles refer to one another")));
            }
            match (get("role_arn"), get("source_profile")) {
                (Some(role), _) if get("web_identity_token_file").is_some() => {
                    let file = get("web_identity_token_file").unwrap_or_default();
                    break web_identity::exchange(search, file, role, region.as_deref()).await?;
                }
                // A profile may name itself as the source: then its own keys are meant.
                (Some(role), Some(source)) if source != name => {
                    roles.push((name, role));
                    name = source;
                }
                (Some(role), Some(_)) => {
                    roles.push((name, role));
                    break self.keys(name)?;
                }
                (Some(role), None) => {
                    roles.push((name, role));
                    break elsewhere(search, get("credential_source").unwrap_or_default()).await?;
                }
                (None, _) => break self.keys(name)?,
            }
        };
        // The outermost role was found first.
        for (profile, role) in roles.into_iter().rev() {
            let sts = Sts::new(search.context, search.http, region.as_deref()).map_err(Missing::broken)?;
            let session = self.value(profile, "role_session_name").map(str::to_owned);
            let session = session.unwrap_or_else(|| search.session_name());
            let external_id = self.value(profile, "external_id");
            credentials =
                sts.assume_role(credentials, role, &session, external_id).await.map_err(Missing::broken)?;
        }
        Ok(credentials)
    }

    fn keys(&self, name: &str) -> Result<Credentials, Missing> {
        let names = ["aws_access_key_id", "aws_secret_access_key"];
        let secret = |key| self.value(name, key).map(SecretString::from);
        let id = self.value(name, "aws_access_key_id").map(str::to_owned);
        let secret_key = secret("aws_secret_access_key");
        match environment::pair(id, secret_key, secret("aws_session_token"), "profile", names) {
            Err(Missing::Absent(_)) => {
                let foreign = ["credential_process", "sso_session", "sso_start_url"];
                match foreign.into_iter().find(|key| self.value(name, key).is_some()) {
                    Some(key) => {
                        Err(Missing::broken(format!("profile {name} uses {key}, which is not supported")))
                    }
                    None => Err(Missing::absent(format!("profile {name} holds no credentials"))),
                }
            }
            Err(Missing::Broken(reason)) => Err(Missing::broken(format!("profile {name}: {reason}"))),
            found => found,
        }
    }

    fn value(&self, profile: &str, key: &str) -> Option<&str> {
        self.all.get(profile)?.get(key).map(|value| value.as_str())
    }
}

/// The sources that a profile may name instead of another profile.
async fn elsewhere(search: &Search<'_>, source: &str) -> Result<Credentials, Missing> {
    match source {
        "Environment" => environment::from_environment(search),
        "EcsContainer" => container::load(search).await,
        "Ec2InstanceMetadata" => Imds::open(&search.context.env, search.nearby).await?.credentials().await,
        "" => Err(Missing::broken(
            "role_arn needs source_profile, credential_source or web_identity_token_file",
        )),
        other => Err(Missing::broken(format!(
            "credential_source is {other}; it must be Environment, EcsContainer or Ec2InstanceMetadata"
        ))),
    }
}

fn path(env: &Env, variable: &str, default: &str) -> Option<PathBuf> {
    env.get(variable).map(PathBuf::from).or_else(|| env.below_home(default))
}

/// Adds the sections of one file. Later files win, key by key. In the config file names are written
/// `[profile name]`; indented lines belong to a nested value, which we do not need.
fn parse(text: &str, prefixed: bool, all: &mut Sections) {
    let mut section: Option<String> = None;
    for line in text.lines() {
        let indented = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section = section_name(header.trim(), prefixed);
            if let Some(name) = &section {
                all.entry(name.clone()).or_default();
            }
            continue;
        }
        if let (Some(name), Some((key, value)), false) = (&section, line.split_once('='), indented) {
            let value = [" #", " ;", "\t#", "\t;"]
                .iter()
                .filter_map(|mark| value.find(mark))
                .min()
                .map_or(value, |end| value.get(..end).unwrap_or(value));
            let value = Zeroizing::new(value.trim().to_owned());
            all.entry(name.clone()).or_default().insert(key.trim().to_ascii_lowercase(), value);
        }
    }
}

fn section_name(header: &str, prefixed: bool) -> Option<String> {
    if !prefixed || header == "default" {
        return Some(header.to_owned());
    }
    let name = header.strip_prefix("profile")?;
    name.starts_with([' ', '\t']).then(|| name.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_file_formats_are_read_and_merged() {
        let mut all = Sections::new();
        let config = "# comment\n[default]\nregion = eu-west-1 # Ireland\n\n[profile \"my one\"]\nregion=us-east-2\n\
                      s3 =\n  aws_access_key_id = nested\n[profilex]\na=b\n[sso-session x]\nc=d\n";
        parse(config, true, &mut all);
        parse(
            "[default]\nAWS_Access_Key_Id = AKIA#1\naws_secret_access_key=s=/+ ; note\n[my one]\nx=y\n",
            false,
            &mut all,
        );
        let get = |section: &str, key: &str| all.get(section)?.get(key).map(|value| value.as_str());
        assert_eq!(get("default", "region"), Some("eu-west-1"));
        assert_eq!(get("default", "aws_access_key_id"), Some("AKIA#1"));
        assert_eq!(get("default", "aws_secret_access_key"), Some("s=/+"));
        assert_eq!(get("my one", "region"), Some("us-east-2"));
        assert_eq!(get("my one", "x"), Some("y"));
        assert_eq!(get("my one", "aws_access_key_id"), None);
        assert_eq!(all.keys().collect::<Vec<_>>(), ["default", "my one"]);
    }
}
