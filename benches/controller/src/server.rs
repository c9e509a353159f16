//! The simulated servers: every address 127.x.y.z of this machine is one, by one SSH server on port 20022 and one greeter on port 22.
//!
//! They stand for machines that the controller reaches by its own protocols: real handshakes, real logins, HTTP through channels. What
//! they do not do is what a machine does: no container runs anywhere.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use parking_lot::{Mutex, MutexGuard};
use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::{Ed25519Keypair, Ed25519PrivateKey, KeypairData};
use russh::server::{Auth, Config, Handler, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::docker::{self, Container};

/// The port of a server's sshd, and that of a base container's.
pub(crate) const SERVER_PORT: u16 = 20022;
const NODE_PORT: u16 = 22;

/// All servers.
pub(crate) struct World {
    servers: Mutex<HashMap<IpAddr, Arc<Server>>>,
    /// How long a base container takes to start.
    delay: Duration,
}

/// One server.
pub(crate) struct Server {
    address: IpAddr,
    container: Mutex<Option<Container>>,
    path: Mutex<Path>,
}

/// How far a server is on its way to a node.
#[derive(Default)]
struct Path {
    /// When it was first spoken to.
    began: Option<Instant>,
    /// When its base container greeted.
    done: Option<Instant>,
}

impl World {
    /// Listens from now on.
    ///
    /// # Errors
    /// A port is taken or not permitted.
    pub(crate) async fn open(delay: Duration) -> anyhow::Result<Arc<Self>> {
        let world = Arc::new(Self { servers: Mutex::default(), delay });
        let key = Ed25519Keypair::from(Ed25519PrivateKey::from_bytes(&[7; 32]));
        let config = Arc::new(Config {
            keys: vec![PrivateKey::new(KeypairData::Ed25519(key), "simulated server")?],
            nodelay: true,
            ..Config::default()
        });
        let (logins, greetings) = (bind(SERVER_PORT).await?, bind(NODE_PORT).await?);
        let there = world.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = logins.accept().await {
                let (world, config) = (there.clone(), config.clone());
                tokio::spawn(async move { world.log_in(stream, config).await });
            }
        });
        let there = world.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = greetings.accept().await {
                let world = there.clone();
                tokio::spawn(async move { world.greet(stream).await });
            }
        });
        Ok(world)
    }

    /// How long each of these servers took from the first word to the greeting of its base container.
    pub(crate) fn paths(&self, addresses: &[IpAddr]) -> Vec<Duration> {
        let path = |address: &IpAddr| {
            let server = self.server(*address);
            let path = server.path.lock();
            Some(path.done?.duration_since(path.began?))
        };
        addresses.iter().filter_map(path).collect()
    }

    /// Servers that have a container.
    pub(crate) fn occupied(&self) -> usize {
        self.servers.lock().values().filter(|server| server.container.lock().is_some()).count()
    }

    /// Begins the clocks anew.
    pub(crate) fn forget(&self) {
        self.servers.lock().values().for_each(|server| *server.path.lock() = Path::default());
    }

    fn server(&self, address: IpAddr) -> Arc<Server> {
        let mut servers = self.servers.lock();
        let new = || Arc::new(Server { address, container: Mutex::default(), path: Mutex::default() });
        servers.entry(address).or_insert_with(new).clone()
    }

    async fn log_in(&self, stream: TcpStream, config: Arc<Config>) {
        let Ok(here) = stream.local_addr() else { return };
        let server = self.server(here.ip());
        server.path.lock().began.get_or_insert_with(Instant::now);
        drop(stream.set_nodelay(true));
        let login = Login { server, delay: self.delay, channels: HashMap::new() };
        // What the controller breaks off is its own matter.
        if let Ok(session) = russh::server::run_stream(config, stream, login).await {
            drop(session.await);
        }
    }

    /// Greets as the sshd of a base container, if there is one that runs.
    async fn greet(&self, mut stream: TcpStream) {
        let Ok(here) = stream.local_addr() else { return };
        let server = self.server(here.ip());
        if server.container().as_ref().is_some_and(Container::is_running)
            && stream.write_all(b"SSH-2.0-simulated\r\n").await.is_ok()
        {
            server.path.lock().done.get_or_insert_with(Instant::now);
        }
    }
}

impl Server {
    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    pub(crate) fn container(&self) -> MutexGuard<'_, Option<Container>> {
        self.container.lock()
    }
}

/// A session of the controller's on a server: every key is let in.
struct Login {
    server: Arc<Server>,
    delay: Duration,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl Handler for Login {
    type Error = anyhow::Error;

    async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> anyhow::Result<Auth> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: russh::server::ChannelOpenHandle,
        _: &mut Session,
    ) -> anyhow::Result<()> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> anyhow::Result<()> {
        // The session may be one that was open already.
        self.server.path.lock().began.get_or_insert_with(Instant::now);
        match self.channels.remove(&id) {
            Some(channel) if command == b"docker system dial-stdio" => {
                session.channel_success(id)?;
                tokio::spawn(docker::serve(self.server.clone(), self.delay, channel.into_stream()));
            }
            _ => session.channel_failure(id)?,
        }
        Ok(())
    }
}

async fn bind(port: u16) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(("0.0.0.0", port)).await;
    bound.map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::AddrInUse => "something listens there already: run where nothing does, in a network namespace of its own",
            ErrorKind::PermissionDenied => "run as a user that may listen there, or in a network namespace of its own",
            _ => "the simulated servers need it",
        };
        anyhow::Error::new(error).context(format!("port {port}: {hint}"))
    })
    .context("no simulated servers")
}
