//! Which product on which storage.

use std::path::{Path, PathBuf};

use anyhow::ensure;

use crate::options::Options;

/// One line-up: a program and its storage stanza.
pub(crate) struct Setting {
    pub(crate) product: &'static str,
    pub(crate) storage: &'static str,
    /// The program with the words before `-config`.
    pub(crate) program: PathBuf,
    pub(crate) words: &'static [&'static str],
    /// The stanza; `{folder}` stands for a directory of its own.
    stanza: String,
}

impl Setting {
    /// All line-ups that this machine can have: ours, and the peer if `TRUSTKEEP_BENCH_OPENBAO` names its program.
    ///
    /// # Errors
    /// If our program was not built, or a storage was asked for that is not there.
    pub(crate) fn all(options: &Options) -> anyhow::Result<Vec<Setting>> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let ours = variable("TRUSTKEEP_BIN").map_or_else(built, PathBuf::from);
        ensure!(ours.exists(), "{} is missing: run `cargo build --release` first", ours.display());
        let peer = variable("TRUSTKEEP_BENCH_OPENBAO").map(PathBuf::from);
        let mut settings = Vec::new();
        let mut both = |storage, our_stanza: Option<String>, peers: Option<(&'static str, String)>| {
            if let Some(stanza) = our_stanza {
                let words = &["vault", "server"][..];
                settings.push(Setting {
                    product: "Trustkeep",
                    storage,
                    program: ours.clone(),
                    words,
                    stanza,
                });
            }
            if let (Some(program), Some((storage, stanza))) = (peer.clone(), peers) {
                settings.push(Setting { product: "OpenBao", storage, program, words: &["server"], stanza });
            }
        };
        let wanted =
            |name: &str| options.stores.is_empty() || options.stores.iter().any(|store| store == name);
        if wanted("embedded") {
            let raft = "storage \"raft\" {\n  path = \"{folder}\"\n  node_id = \"one\"\n}";
            // Both write a log and wait for the disk before they answer.
            both(
                "embedded",
                Some("storage \"file\" {\n  path = \"{folder}\"\n}".into()),
                Some(("raft", raft.into())),
            );
        }
        let postgres = variable("TRUSTKEEP_BENCH_POSTGRES");
        if let Some(url) = postgres.filter(|_| wanted("postgresql")) {
            let stanza = format!("storage \"postgresql\" {{\n  connection_url = \"{url}\"\n}}");
            both("postgresql", Some(stanza.clone()), Some(("postgresql", stanza)));
        }
        let dynamodb = variable("TRUSTKEEP_BENCH_DYNAMODB");
        if let Some(endpoint) = dynamodb.filter(|_| wanted("dynamodb")) {
            let table = format!("bench-{}", std::process::id());
            let stanza = format!(
                "storage \"dynamodb\" {{\n  endpoint = \"{endpoint}\"\n  region = \"eu-central-1\"\n  table = \"{table}\"\n  \
                 access_key = \"AKIABENCH\"\n  secret_key = \"none\"\n}}"
            );
            both("dynamodb", Some(stanza), None);
        }
        ensure!(!settings.is_empty(), "nothing to measure: see README.md for what each store needs");
        Ok(settings)
    }

    /// Whether its data is on this machine's disk and in no other server.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self.storage, "embedded" | "raft")
    }

    /// The configuration file, for a server on `port` with its data below `folder`.
    pub(crate) fn configuration(&self, folder: &Path, port: u16) -> String {
        let stanza = self.stanza.replace("{folder}", &folder.join("data").display().to_string());
        format!(
            "disable_mlock = true\nlog_level = \"error\"\napi_addr = \"http://127.0.0.1:{port}\"\n\
             cluster_addr = \"https://127.0.0.1:{}\"\nlistener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  \
             tls_disable = true\n}}\n{stanza}\n",
            port.saturating_add(1)
        )
    }
}

fn built() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/trustkeep")
}
