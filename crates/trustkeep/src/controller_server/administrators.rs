//! The socket at which the running controller takes orders from `vcc`.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use trustkeep_chassis::http::{Limits, ListenSettings, Listener, service_fn};
use trustkeep_chassis::supervisor::Supervisor;
use trustkeep_controller::administration::{Administration, Operations, answer};
use trustkeep_controller::secrets::Secrets;

/// Where it is in a data directory.
pub(crate) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("vcc.sock")
}

/// Takes the socket and answers at it until the supervisor's shutdown.
///
/// # Errors
/// Another controller answers there, or it cannot be made.
pub(super) fn serve<S, O>(
    administration: Arc<Administration<Arc<S>, Arc<O>>>,
    data_dir: &Path,
    supervisor: &Supervisor,
) -> anyhow::Result<()>
where
    S: Secrets + ?Sized,
    O: Operations + ?Sized,
{
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let limits = Limits {
        connections_max: CONNECTIONS_MAX,
        // An image of gigabytes is copied within one request.
        request_timeout: Some(REQUEST_TIME_MAX),
        ..Limits::default()
    };
    let settings = ListenSettings::new("controller administration", nowhere).with_limits(limits);
    let listener = Listener::bind_file(settings, &path(data_dir))?;
    let service = service_fn(move |request| {
        let administration = administration.clone();
        Box::pin(async move { Ok::<_, Infallible>(answer(&*administration, request).await) })
    });
    supervisor.spawn("controller administration", listener.serve(service, supervisor.shutdown().clone()));
    Ok(())
}

const CONNECTIONS_MAX: usize = 16;
const REQUEST_TIME_MAX: Duration = Duration::from_secs(1800);
