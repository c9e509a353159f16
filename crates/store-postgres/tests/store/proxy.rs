//! A TCP proxy that cuts connections and holds back one direction.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Both,
    /// What the client sends arrives, but no answer comes back.
    RequestsOnly,
    /// Nothing arrives any more.
    Neither,
}

#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    flow: Arc<watch::Sender<Flow>>,
    cuts: Arc<watch::Sender<u64>>,
}

impl Proxy {
    /// Listens on loopback and passes everything on to `port`.
    pub(crate) async fn before(port: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (flow, cuts) = (Arc::new(watch::Sender::new(Flow::Both)), Arc::new(watch::Sender::new(0)));
        let proxy = Proxy { address, flow, cuts };
        let passing = proxy.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let (client_read, client_write) = client.into_split();
                let (server_read, server_write) = server.into_split();
                let requests = passing.clone().pass(client_read, server_write, |flow| flow != Flow::Neither);
                let answers = passing.clone().pass(server_read, client_write, |flow| flow == Flow::Both);
                tokio::spawn(async move {
                    // When one direction ends, so does the other.
                    tokio::select! { () = requests => {}, () = answers => {} }
                });
            }
        });
        proxy
    }

    pub(crate) fn set(&self, flow: Flow) {
        self.flow.send_replace(flow);
    }

    /// Breaks every connection; new ones pass freely. What was held back is lost.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
        self.flow.send_replace(Flow::Both);
    }

    async fn pass(
        self,
        mut from: impl AsyncReadExt + Unpin,
        mut to: impl AsyncWriteExt + Unpin,
        passes: impl Fn(Flow) -> bool,
    ) {
        let (mut flow, mut cuts) = (self.flow.subscribe(), self.cuts.subscribe());
        let work = async {
            let mut buffer = vec![0; 16 << 10];
            while let Ok(length @ 1..) = from.read(&mut buffer).await {
                if flow.wait_for(|flow| passes(*flow)).await.is_err() {
                    return;
                }
                if to.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! { biased; _ = cuts.changed() => {}, () = work => {} }
    }
}
