//! Where a key/value secret is: its mount, whether that keeps versions, the path below it.

use reqwest::Method;
use serde_json::Value;

use super::Mount;
use crate::vault::client::Request;
use crate::vault::error::Error;
use crate::vault::path;
use crate::vault::session::Session;

/// A secret's place.
pub(super) struct Target {
    /// Path of the mount, with a slash at its end; empty if the server did not say.
    pub(super) mount: String,
    /// Whether the mount keeps versions (version 2).
    pub(super) versioned: bool,
    /// The path as it is read on a mount without versions.
    whole: String,
    /// The path below the mount.
    below: String,
}

impl Target {
    /// Asks the server which mount serves the path.
    ///
    /// # Errors
    ///
    /// If the server is not reached, or the token may not see the mount.
    pub(super) async fn find(session: &Session, mount: &Mount, given: &str) -> Result<Self, Error> {
        let given = path::clean(given);
        let asked = match &mount.mount {
            Some(mount) => path::clean(mount).to_owned(),
            None => given.to_owned(),
        };
        let at = format!("sys/internal/ui/mounts/{asked}");
        let request = Request::new(Method::GET, &at).preparatory();
        let entry = match session.data(request).await {
            Ok(entry) => entry,
            // Servers that are too old to tell have no versions either.
            Err(error) if error.status() == Some(404) => Value::Null,
            Err(error) => return Err(error),
        };
        Ok(Self::place(&entry, mount.mount.as_ref().map(|_| asked.as_str()), given))
    }

    fn place(entry: &Value, asked_mount: Option<&str>, given: &str) -> Self {
        let versioned = entry.pointer("/options/version").and_then(Value::as_str) == Some("2");
        let mount = entry.get("path").and_then(Value::as_str).unwrap_or_default().to_owned();
        let (below, whole) = match asked_mount {
            Some(asked) => {
                // -mount may name a folder below the mount.
                let folder =
                    asked.strip_prefix(path::clean(&mount)).filter(|_| !mount.is_empty()).unwrap_or_default();
                (path::join(&[folder, given]), path::join(&[asked, given]))
            }
            None => {
                let below = match given.strip_prefix(path::clean(&mount)) {
                    Some(below) if below.is_empty() || below.starts_with('/') => below,
                    _ => given,
                };
                (path::join(&[below]), given.to_owned())
            }
        };
        Self { mount, versioned, whole, below }
    }

    /// The path of the request: with `part` (`data`, `metadata`, `delete` …) after the mount if it keeps versions.
    pub(super) fn at(&self, part: &str) -> String {
        if self.versioned { path::join(&[&self.mount, part, &self.below]) } else { self.whole.clone() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_part_goes_between_mount_and_path() {
        let second = json!({"path": "team/kv/", "options": {"version": "2"}});
        let first = json!({"path": "team/kv/", "options": null});
        let cases = [
            (&second, None, "team/kv/app/db", "team/kv/data/app/db"),
            (&second, None, "team/kv", "team/kv/data"),
            (&second, Some("team/kv"), "app/db", "team/kv/data/app/db"),
            (&second, Some("team/kv/app"), "db", "team/kv/data/app/db"),
            (&second, Some("team/kv"), "", "team/kv/data"),
            // a secret that is called like the mount, or like a part of the interface
            (&second, None, "team/kv/data/x", "team/kv/data/data/x"),
            (&second, Some("team/kv"), "team/kv", "team/kv/data/team/kv"),
            (&first, None, "team/kv/app/db", "team/kv/app/db"),
            (&first, Some("team/kv"), "app/db", "team/kv/app/db"),
            (&Value::Null, None, "old/x", "old/x"),
        ];
        for (entry, mount, given, expected) in cases {
            assert_eq!(Target::place(entry, mount, given).at("data"), expected, "{mount:?} {given}");
        }
    }
}
