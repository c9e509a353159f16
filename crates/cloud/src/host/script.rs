//! A user's script, run in a base container.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::engine::{CALL_WITHIN, Engine, escaped};
use super::session::Session;
use crate::fault::{Fault, Kind, Result};

/// How long a script may run.
const RUN_WITHIN: Duration = Duration::from_secs(60 * 60);
/// What is shown of its output where it failed: the end.
const OUTPUT_BYTES: usize = 4096;
/// The script comes in as input, and is run by whatever its first line names once it is there whole: `$1` is its length in bytes.
const SHELL: &str = "umask 077; script=$(mktemp) || exit; cat >\"$script\" && chmod 700 \"$script\" && \
    [ \"$(wc -c <\"$script\")\" -eq \"$1\" ] && \"$script\" </dev/null; code=$?; rm -f \"$script\"; exit \"$code\"";

/// Runs a script in a running container and waits for its end.
pub(super) async fn run(session: &Session, container: &str, script: &str) -> Result<()> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Ended {
        exit_code: Option<i64>,
    }

    let mut engine = Engine::open(session).await?;
    let command = ["/bin/sh", "-c", SHELL, "sh", &script.len().to_string()].map(str::to_owned);
    let wanted = json!({ "AttachStdin": true, "AttachStdout": true, "AttachStderr": true, "Cmd": command });
    let path = format!("/containers/{}/exec", escaped(container));
    let exec = engine.create(&path, Bytes::from(wanted.to_string())).await?;
    let path = format!("/exec/{}/start", escaped(&exec));
    let started = json!({ "Detach": false, "Tty": false }).to_string();
    let (process, _engine) = engine.upgrade(&path, Bytes::from(started)).await?;
    let (mut output, mut input) = tokio::io::split(TokioIo::new(process));
    let running = async {
        let feeding = async {
            input.write_all(script.as_bytes()).await?;
            input.shutdown().await
        };
        // A script that ends early closes its input; what counts is how it ended.
        let (_, tail) = tokio::join!(feeding, last_output(&mut output));
        tail
    };
    let tail = match timeout(RUN_WITHIN, running).await {
        Ok(tail) => tail.map_err(|error| {
            Fault::new(Kind::Unavailable, format!("the script's output was lost: {error}"))
        })?,
        Err(_) => {
            return Err(Fault::new(
                Kind::Invalid,
                format!("the script did not end within {} minutes", RUN_WITHIN.as_secs() / 60),
            ));
        }
    };
    let mut engine = Engine::open(session).await?;
    let ended: Ended =
        engine.call(Method::GET, &format!("/exec/{}/json", escaped(&exec)), None, CALL_WITHIN).await?;
    match ended.exit_code {
        Some(0) => Ok(()),
        Some(code) => {
            Err(Fault::new(Kind::Invalid, format!("user_init_command ended with exit code {code}: {tail}")))
        }
        None => Err(Fault::new(Kind::Unavailable, "the connection to the script was lost before it ended")),
    }
}

/// The end of what a process writes on both of its outputs, which come in frames: kind, three zeros, length, bytes.
async fn last_output(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<String> {
    let mut tail = Vec::new();
    let mut chunk = vec![0; OUTPUT_BYTES];
    loop {
        let mut head = [0; 8];
        match stream.read_exact(&mut head).await {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
        let [_, _, _, _, length @ ..] = head;
        let mut left = u32::from_be_bytes(length) as usize;
        while left > 0 {
            let room = left.min(OUTPUT_BYTES);
            let Some(part) = chunk.get_mut(..room) else { break };
            stream.read_exact(part).await?;
            tail.extend_from_slice(part);
            let surplus = tail.len().saturating_sub(OUTPUT_BYTES);
            tail.drain(..surplus);
            left -= room;
        }
    }
    Ok(String::from_utf8_lossy(&tail).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_of_both_outputs_is_kept() {
        let mut bytes = Vec::new();
        for (kind, text) in [(1_u8, "a".repeat(5000)), (2, "failed\n".to_owned())] {
            bytes.extend([kind, 0, 0, 0]);
            bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
            bytes.extend(text.as_bytes());
        }
        let tail = last_output(&mut bytes.as_slice()).await.unwrap();
        assert!(tail.len() <= OUTPUT_BYTES && tail.ends_with("aafailed"), "{tail}");
    }

    #[tokio::test]
    async fn a_frame_that_is_cut_is_an_error() {
        let bytes = [1, 0, 0, 0, 0, 0, 0, 9, b'x'];
        assert!(last_output(&mut bytes.as_slice()).await.is_err());
    }
}
