//! The input and output of a command on a machine, as one stream of bytes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use russh::client::Msg;
use russh::{Channel, ChannelMsg};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

/// What is kept of a command's error output: its beginning.
const WORDS_BYTES_MAX: usize = 4096;
/// How much output waits here before the machine has to.
const OUTPUT_BYTES: usize = 64 * 1024;
/// How long a command that ended its output may take to say why.
const WORDS_WITHIN: Duration = Duration::from_secs(2);

/// A running command. Dropping it closes its channel.
pub(super) struct Pipe {
    output: DuplexStream,
    input: Pin<Box<dyn AsyncWrite + Send>>,
    _closes: oneshot::Sender<()>,
}

/// How a command ended, while and after its [`Pipe`] is used.
#[derive(Clone)]
pub(super) struct Ending {
    words: Arc<Mutex<Vec<u8>>>,
    over: watch::Receiver<bool>,
}

impl Pipe {
    /// Follows a channel on which a command was requested. The permit is given back when the channel is closed.
    pub(super) fn follow(channel: Channel<Msg>, permit: OwnedSemaphorePermit) -> (Self, Ending) {
        let (mut events, commands) = channel.split();
        let input = Box::pin(commands.make_writer());
        let (output, mut far) = tokio::io::duplex(OUTPUT_BYTES);
        let (closes, mut closed) = oneshot::channel();
        let (over_sender, over) = watch::channel(false);
        let words = Arc::new(Mutex::new(Vec::new()));
        let ending = Ending { words: Arc::clone(&words), over };
        tokio::spawn(async move {
            loop {
                let event = tokio::select! {
                    event = events.wait() => event,
                    _ = &mut closed => break,
                };
                match event {
                    Some(ChannelMsg::Data { data }) => {
                        if far.write_all(&data).await.is_err() {
                            break;
                        }
                    }
                    Some(ChannelMsg::ExtendedData { data, .. }) => {
                        let mut words = words.lock();
                        let room = WORDS_BYTES_MAX.saturating_sub(words.len());
                        words.extend(data.iter().take(room));
                    }
                    Some(ChannelMsg::Failure) => {
                        words.lock().extend(b"sshd refused to run a command");
                        break;
                    }
                    Some(ChannelMsg::Eof) => drop(far.shutdown().await),
                    Some(ChannelMsg::Close) | None => break,
                    Some(_) => {}
                }
            }
            drop(commands.close().await);
            drop(permit);
            let _ = over_sender.send(true);
        });
        (Self { output, input, _closes: closes }, ending)
    }
}

impl Ending {
    /// What the command wrote as errors until it ended. Waits a moment for its end.
    pub(super) async fn words(&self) -> String {
        let mut over = self.over.clone();
        drop(tokio::time::timeout(WORDS_WITHIN, over.wait_for(|over| *over)).await);
        String::from_utf8_lossy(&self.words.lock()).trim().to_owned()
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.input.as_mut().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input.as_mut().poll_shutdown(cx)
    }
}
