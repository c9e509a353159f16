//! What every service stands on: one way, the same in all of them, to read settings, listen, keep time, log, count,
//! report health, and stop.
//!
//! It is not a framework: it knows no service, routes nothing and stores nothing. A service takes the parts and wires them.
//!
//! Invariants:
//! - Whatever is accepted is bounded in size, time and number ([`http::Limits`]).
//! - A shutdown finishes what was accepted, within a time limit ([`http::Listener::serve`], [`supervisor::Supervisor::join`]).
//! - No task dies unnoticed: a critical one that ends takes the process down, by name ([`supervisor`]).
//! - Time comes from a [`clock::Clock`]; nothing else asks the operating system for it.
//! - Configuration problems are reported all at once, each with its file, line and key ([`config::Problems`]).
//! - A request that is answered at once pays for no timer, no lock and no formatting ([`http`]).
//!
//! Main types: [`http::Listener`], [`tls::ServerTls`], [`shutdown::Shutdown`], [`supervisor::Supervisor`], [`health::Health`].
//!
//! ```
//! use std::convert::Infallible;
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use trustkeep_chassis::http::{Incoming, ListenSettings, Listener, RequestContext, collect, service_fn};
//! use trustkeep_chassis::{health::Health, logs, metrics, shutdown::Shutdown, supervisor::Supervisor};
//!
//! async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     let id = request.extensions().get::<RequestContext>().map(RequestContext::id);
//!     let text = match collect(request.into_body(), 32 << 20).await {
//!         Ok(body) => format!("request {id:?}: {} bytes", body.len()),
//!         Err(error) => error.to_string(),
//!     };
//!     Ok(Response::new(Full::from(text)))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! logs::init(logs::Settings::default());
//! metrics::install()?;
//! let (shutdown, health) = (Shutdown::new(), Health::new());
//! let supervisor = Supervisor::new(shutdown.clone());
//! let ready = health.register("example");
//!
//! let listener = Listener::bind(ListenSettings::new("example", "127.0.0.1:0".parse()?)).await?;
//! supervisor.spawn("example listener", listener.serve(service_fn(answer), shutdown.clone()));
//! let admin = Listener::bind(ListenSettings::new("admin", "127.0.0.1:0".parse()?)).await?;
//! supervisor.spawn("admin listener", admin.serve(trustkeep_chassis::health::router(health), shutdown.clone()));
//! supervisor.spawn("metrics upkeep", metrics::run_upkeep(shutdown.clone()));
//! ready.ready();
//!
//! shutdown.trigger("end of the example"); // a service calls shutdown::catch_signals instead
//! supervisor.join(Duration::from_secs(40)).await?;
//! # Ok(())
//! # }
//! ```

pub mod clock;
pub mod config;
pub mod health;
pub mod host;
pub mod http;
pub mod logs;
pub mod metrics;
pub mod process;
pub mod shutdown;
pub mod supervisor;
pub mod tls;
