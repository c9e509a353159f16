//! What a base container that did not end in good order leaves in its server's network: it takes that away itself only when it is stopped.

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::engine::{Engine, escaped};
use super::ssh_hosts::{CHANGE_WITHIN, remove, start};
use crate::fault::{Fault, Kind, Result};

/// What containers of our image begin with; run with the word `clean` it takes away what a node made, also one that was killed.
const NODE_PROGRAM: &str = "/usr/local/sbin/vcp-node";

/// Cleans the server's network after a stopped base container, by its own image. Nothing is done if it ended in good order, or if its
/// image has no such step.
pub(super) async fn clean(engine: &mut Engine, id: &str) -> Result<()> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Stopped {
        image: String,
        state: State,
        config: Config,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct State {
        exit_code: i64,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Config {
        #[serde(default)]
        entrypoint: Option<Vec<String>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Ended {
        status_code: i64,
    }

    let Some(stopped) = engine.find::<Stopped>(&format!("/containers/{}/json", escaped(id))).await? else {
        return Ok(());
    };
    let entrypoint = stopped.config.entrypoint.unwrap_or_default();
    if stopped.state.exit_code == 0 || !entrypoint.iter().any(|word| word == NODE_PROGRAM) {
        return Ok(());
    }
    let name = format!("vcp-clean-{}", id.chars().take(12).collect::<String>());
    // An earlier attempt may have been cut off.
    remove(engine, &name).await?;
    let wanted = json!({
        "Image": stopped.image,
        "Entrypoint": entrypoint,
        "Cmd": ["clean"],
        "HostConfig": { "Privileged": true, "NetworkMode": "host" },
    });
    let path = format!("/containers/create?name={name}");
    let cleaner = engine.create(&path, Bytes::from(wanted.to_string())).await?;
    let cleaning = async {
        start(engine, &cleaner).await?;
        let path = format!("/containers/{}/wait", escaped(&cleaner));
        engine.call::<Ended>(Method::POST, &path, None, CHANGE_WITHIN).await
    };
    let ended = cleaning.await;
    remove(engine, &cleaner).await?;
    match ended?.status_code {
        0 => Ok(()),
        code => Err(Fault::new(
            Kind::Unavailable,
            format!(
                "the base container was killed, and what it made in the server's network could not be taken away: \
                 `vcp-node clean` ended with exit code {code}"
            ),
        )),
    }
}
