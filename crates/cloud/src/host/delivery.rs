//! An image on its way: from the controller's store to a machine, from a registry by the machine itself, and back.

use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use futures::stream;
use http::{Method, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use serde_json::Value;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::engine::{Body, Engine, STALLED_AFTER, escaped, json_body};
use super::image::{ImageStore, StoredImage, check_name, full_name, trouble};
use super::refusal;
use super::session::Session;
use crate::fault::{Fault, Kind, Result};

/// What is read and sent at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// How long a machine may unpack an image after all of it was sent, or write one before it sends: it says nothing meanwhile.
const SILENT_WORK: Duration = Duration::from_secs(30 * 60);
/// How long a machine may pull without a word.
const PULL_SILENCE: Duration = Duration::from_secs(5 * 60);
/// A line of Docker's progress.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// Where Docker keeps its data, asked and looked at in one constant command.
const FREE_SPACE: &str = "d=$(docker info -f '{{.DockerRootDir}}' 2>/dev/null || sudo -n docker info -f '{{.DockerRootDir}}'); \
     df -Pk \"${d:-/}\"";
const FREE_SPACE_WITHIN: Duration = Duration::from_secs(10);

/// Sees to it that the machine has the image, from where it is nearest: there already, in the controller's store, in a registry.
pub(super) async fn ensure(
    session: &Session,
    engine: &mut Engine,
    store: &ImageStore,
    image: &str,
) -> Result<()> {
    check_name(image)?;
    if is_there(engine, image).await? {
        return Ok(());
    }
    match store.find(image).await? {
        Some(stored) => {
            check_space(session, stored.bytes).await?;
            load(session, &stored).await.map_err(|fault| fault.during(format!("image {image}")))?;
            if is_there(engine, image).await? {
                return Ok(());
            }
            Err(Fault::new(
                Kind::Unavailable,
                format!("image {image}: it was delivered, but Docker does not have it"),
            ))
        }
        None => pull(engine, image).await,
    }
}

/// Writes an image of the machine into the store.
pub(super) async fn fetch(session: &Session, store: &ImageStore, image: &str) -> Result<StoredImage> {
    let part = store.part()?;
    let mut engine = Engine::open(session).await?;
    let path = format!("/images/{}/get", escaped(image));
    let response = match timeout(SILENT_WORK, engine.stream(Method::GET, &path, json_body(None))).await {
        Ok(response) => response?,
        Err(_) => return Err(stalled(SILENT_WORK)),
    };
    let mut file = File::create(part.path()).await.map_err(|error| trouble(part.path(), &error))?;
    let mut body = response.into_body();
    let mut silence = SILENT_WORK;
    loop {
        let frame = match timeout(silence, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => return Err(Fault::new(Kind::Unavailable, format!("Docker: {error}"))),
            Ok(None) => break,
            Err(_) => return Err(stalled(silence)),
        };
        silence = STALLED_AFTER;
        if let Some(data) = frame.data_ref() {
            file.write_all(data).await.map_err(|error| trouble(part.path(), &error))?;
        }
    }
    file.flush().await.map_err(|error| trouble(part.path(), &error))?;
    part.keep(&[full_name(image)])
}

async fn is_there(engine: &mut Engine, image: &str) -> Result<bool> {
    Ok(engine.find::<Value>(&format!("/images/{}/json", escaped(image))).await?.is_some())
}

/// Refuses an image that certainly does not fit. A machine that cannot say how much room it has may try.
async fn check_space(session: &Session, bytes: u64) -> Result<()> {
    let asking = async {
        let (mut pipe, _) = session.run(FREE_SPACE).await?;
        let mut answer = String::new();
        drop((&mut pipe).take(CHUNK_BYTES as u64).read_to_string(&mut answer).await);
        Ok::<_, Fault>(answer)
    };
    let Ok(answer) = timeout(FREE_SPACE_WITHIN, asking).await else { return Ok(()) };
    match free_space(&answer?) {
        Some(free) if free < bytes => Err(Fault::new(
            Kind::Capacity,
            format!(
                "no space for the image: it takes {} MiB, and Docker's disk on the server has {} MiB left",
                bytes.div_ceil(1 << 20),
                free >> 20
            ),
        )),
        _ => Ok(()),
    }
}

/// Bytes that are free, from the fourth column of what `df -Pk` prints last.
fn free_space(table: &str) -> Option<u64> {
    let row = table.lines().next_back()?;
    row.split_ascii_whitespace().nth(3)?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Streams an archive into the machine's Docker.
async fn load(session: &Session, stored: &StoredImage) -> Result<()> {
    let mut engine = Engine::open(session).await?;
    let sent = Arc::new(AtomicU64::new(0));
    let body = archive(&stored.file, Arc::clone(&sent)).await?;
    let loading = async {
        let response = engine.stream(Method::POST, "/images/load?quiet=0", body).await?;
        follow(response, SILENT_WORK).await
    };
    progressing(loading, &sent, stored.bytes).await
}

async fn archive(file: &Path, sent: Arc<AtomicU64>) -> Result<Body> {
    let file = File::open(file).await.map_err(|error| trouble(file, &error))?;
    let chunks = stream::try_unfold((file, sent), |(mut file, sent)| async move {
        let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
        let read = file.read_buf(&mut chunk).await?;
        sent.fetch_add(read as u64, Ordering::Relaxed);
        Ok::<_, io::Error>((read > 0).then(|| (Frame::data(chunk.freeze()), (file, sent))))
    });
    Ok(BodyExt::boxed_unsync(StreamBody::new(chunks)))
}

/// Waits for an upload as long as bytes move, and for its answer after the last of them.
async fn progressing<T>(upload: impl Future<Output = Result<T>>, sent: &AtomicU64, all: u64) -> Result<T> {
    let mut upload = std::pin::pin!(upload);
    loop {
        let before = sent.load(Ordering::Relaxed);
        let patience = if before >= all { SILENT_WORK } else { STALLED_AFTER };
        match timeout(patience, &mut upload).await {
            Ok(outcome) => return outcome,
            Err(_) if sent.load(Ordering::Relaxed) == before => return Err(stalled(patience)),
            Err(_) => {}
        }
    }
}

async fn pull(engine: &mut Engine, image: &str) -> Result<()> {
    let name = full_name(image);
    let (repository, tag) = match name.split_once('@') {
        Some((repository, digest)) => (repository, digest),
        None => name.rsplit_once(':').unwrap_or((&name, "latest")),
    };
    let path = format!("/images/create?fromImage={}&tag={}", escaped(repository), escaped(tag));
    let pulling = async {
        let response = match timeout(PULL_SILENCE, engine.stream(Method::POST, &path, json_body(None))).await
        {
            Ok(response) => response?,
            Err(_) => return Err(stalled(PULL_SILENCE)),
        };
        follow(response, PULL_SILENCE).await
    };
    pulling.await.map_err(|fault| {
        let kind = if fault.kind == Kind::Capacity { Kind::Capacity } else { Kind::Invalid };
        Fault::new(
            kind,
            format!(
                "image {image}: it is neither on the server nor in the controller's store, and the server cannot pull it \
                 ({}). Put it into the store with `trustkeep vcc image add FILE`, where FILE is what `docker save {image}` wrote",
                fault.text
            ),
        )
    })
}

/// Reads Docker's progress to its end; an error may stand in any line of it.
async fn follow(response: Response<Incoming>, silence: Duration) -> Result<()> {
    let mut body = response.into_body();
    let mut line = Vec::new();
    let mut trouble = None;
    loop {
        let frame = match timeout(silence, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => return Err(Fault::new(Kind::Unavailable, format!("Docker: {error}"))),
            Ok(None) => break,
            Err(_) => return Err(stalled(silence)),
        };
        for byte in frame.data_ref().into_iter().flatten() {
            if *byte == b'\n' {
                trouble = trouble.or_else(|| refusal::of_progress(&line));
                line.clear();
            } else if line.len() < LINE_BYTES_MAX {
                line.push(*byte);
            }
        }
    }
    trouble.or_else(|| refusal::of_progress(&line)).map_or(Ok(()), Err)
}

fn stalled(silence: Duration) -> Fault {
    Fault::new(Kind::Unavailable, format!("nothing moved for {} s", silence.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_space_is_read_from_the_last_row() {
        let table = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda 264212084 67866780 27634484 72% /\n";
        assert_eq!(free_space(table), Some(27_634_484 * 1024));
        assert_eq!(free_space("sh: df: not found"), None);
        assert_eq!(free_space(""), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_moves_may_take_long_and_one_that_does_not_ends() {
        let sent = AtomicU64::new(0);
        let moving = async {
            for _ in 0..10 {
                tokio::time::sleep(STALLED_AFTER / 2).await;
                sent.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        progressing(moving, &sent, 100).await.unwrap();
        let stuck = progressing(std::future::pending::<Result<()>>(), &sent, 100).await.unwrap_err();
        assert_eq!(stuck.kind, Kind::Unavailable);
    }
}
