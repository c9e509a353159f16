//! What a document says about the base container: image, binds, environment and options of `docker run`.
//!
//! Docker is spoken to by its API, so nothing here reaches a shell; the checks are there so that a slip is named before a machine is made.

use std::net::IpAddr;

use trustkeep_crypto::{SecretBytes, SecretString};

use super::value::{Result, at, expected, items, members, secret, shown, text, texts, unknown};
use super::{CciError, CciErrors, DockerOptions, INIT_COMMAND_MAX};
use crate::yaml::{Key, Node};

/// The most binds, environment variables, or entries of one option.
const ENTRIES_MAX: usize = 256;

/// The most bytes of one environment variable: Linux refuses more.
const ENV_MAX: usize = 128 * 1024 - 1;

const OPTIONS: [&str; 7] = ["hostname", "dns", "dns_search", "dns_opt", "add_host", "gpus", "options"];

/// Names and values, in order.
type Environment = Vec<(String, SecretString)>;

/// Reads `docker_opt`. Its keys may be written as Docker's options are: `add-host`.
pub(super) fn options(node: &Node, wrong: &mut CciErrors) -> DockerOptions {
    let mut options = DockerOptions::default();
    for (key, value) in wrong.take(members(node, "docker_opt")) {
        let name = key.text.trim_start_matches('-').replace('-', "_");
        let place = format!("docker_opt.{name}");
        let check = |is_right: fn(&str) -> bool, what: &str| -> Result<Vec<String>> {
            entries(value, &place)?
                .into_iter()
                .map(|(line, text)| {
                    let wrong = || format!("\"{}\" is not {what}", shown(text));
                    if is_right(text) {
                        Ok(text.to_owned())
                    } else {
                        Err(CciError::at(line, &*place, wrong()))
                    }
                })
                .collect()
        };
        let one = |list: Vec<String>| match list.len() {
            0 | 1 => Ok(list.into_iter().next()),
            _ => Err(expected(value, &place, "one text")),
        };
        match name.as_str() {
            "hostname" => options.hostname = wrong.take(check(is_hostname, "a host name").and_then(one)),
            "dns" => options.dns = wrong.take(check(is_address, "an IP address")),
            "dns_search" => options.dns_search = wrong.take(check(is_domain, "a domain")),
            "dns_opt" | "options" => {
                let words = check(is_word, "an option of resolv.conf (\"timeout:60\")");
                options.dns_options.extend(wrong.take(words));
            }
            "add_host" => {
                let hosts = check(is_extra_host, "a host with its address (\"name:10.0.0.1\")");
                options.extra_hosts = wrong.take(hosts);
            }
            "gpus" => {
                let gpus = check(is_gpus, "\"all\", a number, or \"device=0,1\"");
                options.gpus = wrong.take(gpus.and_then(one));
            }
            _ => wrong.add(|| unknown(key, "docker_opt", OPTIONS)),
        }
    }
    options
}

/// Reads `params`: binds (`v`) and environment (`e`).
pub(super) fn params(node: &Node, wrong: &mut CciErrors) -> (Vec<String>, Environment) {
    let (mut binds, mut env) = (Vec::new(), Vec::new());
    for (key, value) in wrong.take(members(node, "params")) {
        match key.text.as_str() {
            "v" => binds = wrong.take(read_binds(value)),
            "e" => env = wrong.take(read_env(key, value)),
            _ => wrong.add(|| unknown(key, "params", ["v", "e"])),
        }
    }
    (binds, env)
}

/// The image's name, as `docker run` takes it.
pub(super) fn image(node: &Node) -> Result<Option<String>> {
    let Some(name) = text(node, "image")? else { return Ok(None) };
    let (path, digest) = name.split_once('@').map_or((name, None), |(path, digest)| (path, Some(digest)));
    let tag_at = path.rfind(':').filter(|at| !path.get(*at..).is_some_and(|rest| rest.contains('/')));
    let (path, tag) =
        tag_at.and_then(|at| path.split_at_checked(at)).map_or((path, None), |(p, t)| (p, t.get(1..)));
    let word = |text: &str, more: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    // The first part may be a registry with its port; all others are lower case.
    let (registry, rest) = path.split_once('/').map_or((None, path), |(first, rest)| (Some(first), rest));
    let is_right = registry.is_none_or(|part| word(part, "._-:"))
        && rest.split('/').all(|part| word(part, "._-") && !part.contains(|c: char| c.is_ascii_uppercase()))
        && tag.is_none_or(|tag| word(tag, "._-") && tag.len() <= 128)
        && digest.is_none_or(|digest| word(digest, ":+._-"));
    if is_right && name.len() <= 512 {
        Ok(Some(name.to_owned()))
    } else {
        Err(at(node, "image", format!("\"{}\" is not an image (\"vcp/base:2.1\")", shown(name))))
    }
}

/// The user's script: base64 as the SDK sends it, or as it is from its shebang on.
pub(super) fn init_command(node: &Node) -> Result<Option<String>> {
    const KEY: &str = "user_init_command";
    let Some(given) = secret(node, KEY)? else { return Ok(None) };
    let script = if given.starts_with("#!") {
        given.to_owned()
    } else {
        let packed: String = given.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let bytes = SecretBytes::from_base64(&packed)
            .map_err(|_| at(node, KEY, "neither base64 nor a script with a shebang (\"#!/bin/bash\")"))?;
        let script = SecretString::from_utf8(bytes).map_err(|_| at(node, KEY, "the script is not UTF-8"))?;
        script.expose().to_owned()
    };
    if !script.starts_with("#!") {
        return Err(at(node, KEY, "the script has no shebang (\"#!/bin/bash\") in its first line"));
    }
    if script.len() > INIT_COMMAND_MAX || script.contains('\0') {
        let message = format!("the script has {} bytes; at most 93 KB of text are taken", script.len());
        return Err(at(node, KEY, message));
    }
    Ok(Some(script))
}

fn read_binds(node: &Node) -> Result<Vec<String>> {
    const MODES: [&str; 15] = [
        "ro",
        "rw",
        "z",
        "Z",
        "shared",
        "rshared",
        "slave",
        "rslave",
        "private",
        "rprivate",
        "nocopy",
        "consistent",
        "cached",
        "delegated",
        "volume-nocopy",
    ];
    let is_path = |text: &str| text.starts_with('/');
    let is_volume = |text: &str| {
        text.len() > 1
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
    };
    let is_bind = |text: &str| {
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            // As `docker run -v /exported`, which templates use: a volume without a name.
            [target] => is_path(target),
            [source, target] => (is_path(source) || is_volume(source)) && is_path(target),
            [source, target, modes] => {
                (is_path(source) || is_volume(source))
                    && is_path(target)
                    && modes.split(',').all(|mode| MODES.contains(&mode))
            }
            _ => false,
        }
    };
    let mut binds = Vec::new();
    for (line, text) in entries(node, "params.v")? {
        if !is_bind(text) {
            let message = format!("\"{}\" is not a bind (\"/host:/container:ro\")", shown(text));
            return Err(CciError::at(line, "params.v", message));
        }
        binds.push(text.to_owned());
    }
    Ok(binds)
}

fn read_env(key: &Key, node: &Node) -> Result<Environment> {
    let mut env = Vec::new();
    for item in items(node, "params.e")? {
        // A value is never shown: it may be a secret.
        let wrong = |message: &str| at(item, "params.e", message);
        let text = secret(item, "params.e")?.ok_or_else(|| wrong("an empty entry"))?;
        let (name, value) =
            text.split_once('=').ok_or_else(|| wrong("an entry without \"=\" (\"NAME=value\")"))?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(is_name) {
            return Err(wrong("a name before \"=\" that is no environment variable's"));
        }
        if value.contains('\0') || text.len() > ENV_MAX {
            return Err(wrong(&format!("{name} is longer than {ENV_MAX} bytes, or has a NUL in it")));
        }
        env.push((name.to_owned(), SecretString::new(value.to_owned())));
    }
    if env.len() > ENTRIES_MAX {
        return Err(CciError::at(key.line, "params.e", format!("more than {ENTRIES_MAX} entries")));
    }
    Ok(env)
}

fn entries<'a>(node: &'a Node, key: &str) -> Result<Vec<(usize, &'a str)>> {
    let entries = texts(node, key)?;
    if entries.len() > ENTRIES_MAX {
        return Err(at(node, key, format!("more than {ENTRIES_MAX} entries")));
    }
    Ok(entries)
}

fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
}

/// At most 64 bytes: Linux takes no more.
fn is_hostname(text: &str) -> bool {
    text.len() <= 64 && text.split('.').all(is_label)
}

fn is_domain(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    text == "." || (name.len() <= 253 && name.split('.').all(is_label))
}

fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.:-".contains(c))
}

fn is_extra_host(text: &str) -> bool {
    text.split_once(':').is_some_and(|(name, address)| {
        let address = address.trim_start_matches('[').trim_end_matches(']');
        is_domain(name) && (is_address(address) || address == "host-gateway")
    })
}

fn is_gpus(text: &str) -> bool {
    let text = text.trim_matches('"');
    let is_list = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_,:.-".contains(c))
    };
    text == "all"
        || text.parse::<u16>().is_ok_and(|count| count > 0)
        || text.strip_prefix("device=").is_some_and(is_list)
}
