//! An ear for what servers send by themselves: every request is answered 200 at once and passed on.

use std::time::Instant;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::http::head;

/// A request that came.
pub struct Heard {
    /// Its path with its query.
    pub path: String,
    /// Its body.
    pub body: Vec<u8>,
    /// When the whole of it was there.
    pub at: Instant,
}

/// A listener on a port of this machine.
pub struct Ear {
    /// The port.
    pub port: u16,
    /// What came, in order; nothing is dropped: how much it is is for the benchmark to know.
    pub heard: UnboundedReceiver<Heard>,
}

impl Ear {
    /// Listens from now on.
    ///
    /// # Errors
    /// There is no port.
    pub async fn open() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (sender, heard) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sender = sender.clone();
                // A server that goes away ends its connections as it likes.
                tokio::spawn(async move { serve(stream, &sender).await.ok() });
            }
        });
        Ok(Self { port, heard })
    }
}

async fn serve(mut stream: TcpStream, sender: &UnboundedSender<Heard>) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let (path, body, length) = loop {
            if let Some((text, body, length)) = head(&buffer)?
                && buffer.len() >= body + length
            {
                break (text.split(' ').nth(1).context("a path")?.to_owned(), body, length);
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let rest = buffer.split_off(body + length);
        let body = buffer.split_off(body);
        buffer = rest;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await?;
        sender.send(Heard { path, body, at: Instant::now() })?;
    }
}
