use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A way to a server that can be closed: connections then end, and new ones end at once.
pub struct Gate {
    /// `http://127.0.0.1:port`
    pub address: String,
    open: Arc<watch::Sender<bool>>,
}

impl Gate {
    /// An open gate before the server at `target` (`http://host:port`).
    ///
    /// # Errors
    /// No port is free.
    pub async fn before(target: &str) -> anyhow::Result<Self> {
        let target: SocketAddr = target.trim_start_matches("http://").parse()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let (open, state) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                let mut state = state.clone();
                if !*state.borrow_and_update() {
                    continue;
                }
                tokio::spawn(async move {
                    let Ok(mut there) = TcpStream::connect(target).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut here, &mut there) => {}
                        _ = state.changed() => {}
                    }
                });
            }
        });
        Ok(Gate { address, open: Arc::new(open) })
    }

    /// Lets nothing through any more.
    pub fn close(&self) {
        self.open.send_replace(false);
    }

    /// Lets everything through again.
    pub fn open(&self) {
        self.open.send_replace(true);
    }
}
