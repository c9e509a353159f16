//! Settings: `.env` in the directory of configuration, beaten by the environment, as Docker Compose has it.
//!
//! The original's keys are read; those of parts that are not there (Consul, Redis, Grafana, an image's tag) are passed over in
//! silence, so that a `.env` can be taken as it is; others are warned about. Keys by the name of `VCC_…` are this controller's own.

mod dotenv;

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use trustkeep_chassis::config::{Layered, Problems, Source, nearest, value};
use trustkeep_crypto::SecretString;
use trustkeep_crypto::hash::sha256;

use crate::parts::Patience;

pub use dotenv::{Entry, parse as parse_dotenv};

/// The file's name.
const FILE: &str = ".env";

/// The most bytes of the file.
const SIZE_MAX: u64 = 256 * 1024;

/// What the controller is told, without the VPN catalogue.
#[derive(Debug)]
pub struct Settings {
    /// The directory of configuration.
    pub directory: PathBuf,
    /// `VCP_VCC_PRIVATE_IPMASK`: the controller's address in the network of its nodes.
    pub address: IpAddr,
    /// The network of that address.
    pub network: IpNet,
    /// `VCP_OFFICIAL_REGISTRY_ADDRESS`, or `BC_REGISTRY_HOST`: where base images come from.
    pub registry: String,
    /// `SERF_ADVERTISE`: the address that nodes join at, if it is not [`Self::address`].
    pub membership_address: Option<IpAddr>,
    /// `NGINX_PROXY_HOST`: a further name of the controller, for its certificate.
    pub public_name: Option<String>,
    /// `VAULT_API_URL`: a vault that is not the controller's own.
    pub vault_url: Option<String>,
    /// `VAULT_TOKEN`: the controller's token of that vault.
    pub vault_token: Option<SecretString>,
    /// `REQUESTS_CA_BUNDLE`: what that vault's certificate is checked with.
    pub vault_ca_file: Option<PathBuf>,
    /// `VCC_LISTEN_ADDRESS`: where to listen; every address of this machine if none is named.
    pub listen: IpAddr,
    /// `VCC_API_PORT`: the REST API's, 443.
    pub api_port: u16,
    /// `VCC_VAULT_PORT`: the vault's, 8443.
    pub vault_port: u16,
    /// `VCC_DATA_DIR`: the data, `volume` in the directory of configuration.
    pub data_dir: PathBuf,
    /// `VCC_HOST_SSH_PORT`: the port of sshd on machines, 20022.
    pub host_ssh_port: u16,
    /// `VCC_CHECK_INTERVAL` and its like.
    pub patience: Patience,
    /// What was passed over although somebody may have meant something by it.
    pub warnings: Vec<String>,
}

/// The keys that mean something here.
const KEYS: [&str; 20] = [
    "VCP_VCC_PRIVATE_IPMASK",
    "VCP_OFFICIAL_REGISTRY_ADDRESS",
    "BC_REGISTRY_HOST",
    "SERF_ADVERTISE",
    "NGINX_PROXY_HOST",
    "VAULT_API_URL",
    "VAULT_TOKEN",
    "REQUESTS_CA_BUNDLE",
    "VCC_LISTEN_ADDRESS",
    "VCC_API_PORT",
    "VCC_VAULT_PORT",
    "VCC_DATA_DIR",
    "VCC_HOST_SSH_PORT",
    "VCC_CHECK_INTERVAL",
    "VCC_PAUSE",
    "VCC_SWEEP_INTERVAL",
    "VCC_CLOUD_TIMEOUT",
    "VCC_BOOT_TIMEOUT",
    "VCC_SERVER_TIMEOUT",
    "VCC_CONTAINER_TIMEOUT",
];

/// Keys of the original's parts that are not there: these, and all that start like those.
const PASSED_OVER: [&str; 3] = ["TAG", "GF_SECURITY_ADMIN_PASSWORD", "COMPOSE_PROJECT_NAME"];
const PASSED_OVER_PREFIXES: [&str; 3] = ["CONSUL_", "REDIS_", "GF_"];

impl Settings {
    /// Reads `.env` of a directory, and this process's environment.
    ///
    /// # Errors
    /// Everything that is wrong, each with its file and line, or the variable.
    pub fn load(directory: &Path) -> Result<Self, Problems> {
        Self::load_with(directory, std::env::vars())
    }

    /// Reads `.env` of a directory, and an environment that beats it.
    ///
    /// # Errors
    /// Everything that is wrong, each with its file and line, or the variable.
    pub fn load_with(
        directory: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Problems> {
        let environment: Vec<(String, String)> = environment.into_iter().collect();
        let path = directory.join(FILE);
        let mut problems = Problems::new();
        let text = read_file(&path).unwrap_or_else(|error| {
            problems.add(Source::file(&path, None), "", error);
            String::new()
        });
        let outside =
            |name: &str| environment.iter().find(|(key, _)| key == name).map(|(_, text)| text.as_str());
        let entries = parse_dotenv(&path, &text, &outside, &mut problems);
        let (mut layered, mut warnings) = (Layered::new(), Vec::new());
        for entry in entries {
            let source = Source::file(&path, entry.line);
            if KEYS.contains(&entry.key.as_str()) {
                // An empty value is that of a template nobody filled in.
                if !entry.value.is_empty() {
                    layered.set(entry.key, entry.value, source);
                }
            } else if !is_passed_over(&entry.key) {
                let near = nearest(&entry.key, KEYS).map(|near| format!("; did you mean \"{near}\"?"));
                warnings.push(format!("{source}: {}: unknown key{}", entry.key, near.unwrap_or_default()));
            }
        }
        let set = environment.into_iter().filter(|(_, text)| !text.is_empty());
        layered.set_environment(KEYS.map(|key| (key, key)), set);
        let settings =
            Reader { layered: &layered, path: &path, problems: &mut problems }.read(directory, warnings);
        match settings {
            Some(settings) => problems.into_result(settings),
            None => Err(problems),
        }
    }

    /// These settings as a running controller can take them over from `former`: times to wait and the port of machines' sshd. Who it is, what
    /// it listens on, where its vault and its data are stay until it is started again. Says which of them differ.
    pub fn taken_over(mut self, former: &Self) -> Self {
        let token =
            |settings: &Self| settings.vault_token.as_ref().map(|token| sha256(token.expose().as_bytes()));
        let is_same = [
            ("VCP_VCC_PRIVATE_IPMASK", (self.address, self.network) == (former.address, former.network)),
            ("SERF_ADVERTISE", self.membership_address == former.membership_address),
            ("NGINX_PROXY_HOST", self.public_name == former.public_name),
            ("VAULT_API_URL", self.vault_url == former.vault_url),
            ("VAULT_TOKEN", token(&self) == token(former)),
            ("REQUESTS_CA_BUNDLE", self.vault_ca_file == former.vault_ca_file),
            ("VCC_LISTEN_ADDRESS", self.listen == former.listen),
            ("VCC_API_PORT", self.api_port == former.api_port),
            ("VCC_VAULT_PORT", self.vault_port == former.vault_port),
            ("VCC_DATA_DIR", self.data_dir == former.data_dir),
        ];
        for (key, _) in is_same.iter().filter(|(_, is_same)| !is_same) {
            self.warnings.push(format!("{key}: takes effect when the controller is started again"));
        }
        Self {
            directory: self.directory,
            registry: self.registry,
            host_ssh_port: self.host_ssh_port,
            patience: self.patience,
            warnings: self.warnings,
            address: former.address,
            network: former.network,
            membership_address: former.membership_address,
            public_name: former.public_name.clone(),
            vault_url: former.vault_url.clone(),
            vault_token: former.vault_token.as_ref().map(SecretString::duplicate),
            vault_ca_file: former.vault_ca_file.clone(),
            listen: former.listen,
            api_port: former.api_port,
            vault_port: former.vault_port,
            data_dir: former.data_dir.clone(),
        }
    }
}

struct Reader<'a> {
    layered: &'a Layered,
    path: &'a Path,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    /// `None` if there is no address: nothing can stand in for it.
    fn read(mut self, directory: &Path, warnings: Vec<String>) -> Option<Settings> {
        let mask = self.parse("VCP_VCC_PRIVATE_IPMASK", private_mask);
        if self.layered.get("VCP_VCC_PRIVATE_IPMASK").is_none() {
            let message = "is missing; write this machine's address in the nodes' network, with its mask: \
                           VCP_VCC_PRIVATE_IPMASK=10.0.2.15/24";
            self.problems.add(Source::file(self.path, None), "VCP_VCC_PRIVATE_IPMASK", message);
        }
        let default = Patience::default();
        let registry = self.parse("VCP_OFFICIAL_REGISTRY_ADDRESS", registry);
        let registry = registry.or_else(|| self.parse("BC_REGISTRY_HOST", self::registry));
        let data_dir = self.parse("VCC_DATA_DIR", value::text);
        let ca_file = self.parse("REQUESTS_CA_BUNDLE", value::text);
        let settings = Settings {
            directory: directory.to_owned(),
            address: Ipv4Addr::UNSPECIFIED.into(),
            network: IpNet::default(),
            registry: registry.unwrap_or_else(|| "harbor.vcloud.nii.ac.jp".to_owned()),
            membership_address: self.parse("SERF_ADVERTISE", address),
            public_name: self.parse("NGINX_PROXY_HOST", host_name),
            vault_url: self.parse("VAULT_API_URL", url),
            vault_token: self.layered.get("VAULT_TOKEN").map(|found| SecretString::new(found.text.clone())),
            vault_ca_file: ca_file.map(|file| directory.join(file)),
            listen: self.parse("VCC_LISTEN_ADDRESS", address).unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
            api_port: self.parse("VCC_API_PORT", port).unwrap_or(443),
            vault_port: self.parse("VCC_VAULT_PORT", port).unwrap_or(8443),
            data_dir: directory.join(data_dir.unwrap_or_else(|| "volume".to_owned())),
            host_ssh_port: self.parse("VCC_HOST_SSH_PORT", port).unwrap_or(20022),
            patience: Patience {
                cloud: self.parse("VCC_CLOUD_TIMEOUT", wait).unwrap_or(default.cloud),
                boot: self.parse("VCC_BOOT_TIMEOUT", wait).unwrap_or(default.boot),
                server: self.parse("VCC_SERVER_TIMEOUT", wait).unwrap_or(default.server),
                container: self.parse("VCC_CONTAINER_TIMEOUT", wait).unwrap_or(default.container),
                pause: self.parse("VCC_PAUSE", wait).unwrap_or(default.pause),
                check: self.parse("VCC_CHECK_INTERVAL", wait).unwrap_or(default.check),
                sweep: self.parse("VCC_SWEEP_INTERVAL", wait).unwrap_or(default.sweep),
            },
            warnings,
        };
        let network = mask?;
        Some(Settings { address: network.addr(), network: network.trunc(), ..settings })
    }

    fn parse<T, E: Display>(&mut self, key: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        self.layered.parse(key, parse, self.problems)
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > SIZE_MAX => Err(format!("longer than {SIZE_MAX} bytes")),
        // All of it may be in the environment.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        _ => std::fs::read_to_string(path).map_err(|error| error.to_string()),
    }
}

fn is_passed_over(key: &str) -> bool {
    PASSED_OVER.contains(&key) || PASSED_OVER_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

fn private_mask(text: &str) -> Result<IpNet, String> {
    let wrong = |what: &str| format!("\"{text}\" {what} (10.0.2.15/24)");
    if !text.contains('/') {
        return Err(wrong("has no mask"));
    }
    let network: IpNet = text.parse().map_err(|_| wrong("is not an address with its mask"))?;
    let has_hosts = network.prefix_len() + 1 < network.max_prefix_len();
    if has_hosts && (network.addr() == network.network() || network.addr() == network.broadcast()) {
        return Err(wrong("is the network, not this machine's address in it"));
    }
    Ok(network)
}

fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| format!("\"{text}\" is not an IP address"))
}

fn port(text: &str) -> Result<u16, String> {
    text.parse()
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| format!("\"{text}\" is not a port from 1 to 65535"))
}

/// A time to wait: not none, and not more than a day.
fn wait(text: &str) -> Result<Duration, String> {
    let duration = value::duration(text).map_err(|error| error.to_string())?;
    if duration.is_zero() || duration > Duration::from_secs(24 * 60 * 60) {
        return Err(format!("\"{text}\" is not a time between nothing and a day"));
    }
    Ok(duration)
}

fn registry(text: &str) -> Result<String, String> {
    let is_right = |c: char| c.is_ascii_alphanumeric() || ".-_:/[]".contains(c);
    if text.contains("://") || !text.chars().all(is_right) {
        return Err(format!(
            "\"{text}\" is not a registry's address without scheme (harbor.vcloud.nii.ac.jp)"
        ));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn host_name(text: &str) -> Result<String, String> {
    let is_right = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
    if text.chars().all(is_right) {
        Ok(text.to_owned())
    } else {
        Err(format!("\"{text}\" is not a host name"))
    }
}

fn url(text: &str) -> Result<String, String> {
    let has_scheme = ["http://", "https://"]
        .iter()
        .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| rest.starts_with(|c: char| c != '/')));
    if !has_scheme || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("\"{text}\" is not an address of http or https"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests;
