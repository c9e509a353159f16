//! What systemd wants to hear of a service of `Type=notify` (sd_notify(3)): a datagram to `NOTIFY_SOCKET`.

use std::convert::Infallible;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use trustkeep_chassis::supervisor::Supervisor;

/// Says that the service answers and, once that is so, that it is stopping.
pub(crate) fn follow(supervisor: &Supervisor) {
    say("READY=1");
    let shutdown = supervisor.shutdown().clone();
    supervisor.spawn("notify", async move {
        shutdown.wait().await;
        say("STOPPING=1");
        Ok::<_, Infallible>(())
    });
}

/// Says it if somebody listens. Who started the service another way misses nothing.
fn say(state: &str) {
    let Some(place) = std::env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(place.as_bytes(), state) {
        tracing::warn!(%error, "the service manager could not be told: {state}");
    }
}

fn send(place: &[u8], state: &str) -> std::io::Result<()> {
    let address = match place.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(place))?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(|_| ())
}
