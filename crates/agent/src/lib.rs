//! An Aries agent: connections with other agents, messages over them, and the admin API that ACA-Py's controllers speak.
//!
//! Every inbound message and every admin action is one unit of work ([`Work`]): it reads records, decides, and ends in one
//! commit of the wallet, which holds what changed, what is to be sent, and what the controller is told. A unit that meets
//! another's change is done anew. So any number of instances share one wallet, without locks and without sticky sessions.
//!
//! **What it is not**: it knows no database ([`trustkeep_wallet`]) and no cryptography ([`trustkeep_didcomm`]).
//!
//! Invariants:
//! - What was acknowledged, to an agent or to a controller, is in the wallet, with all that follows from it.
//! - No cache decides anything: what is kept in memory can be derived anew, and is looked up before it counts.
//! - Records have ACA-Py's categories, names, tags and members; members that are not known are kept.

pub mod admin;
mod agent;
mod connection;
mod did;
mod error;
mod inbound;
pub mod invitation_url;
mod known;
mod peer;
pub mod protocols;
mod provision;
pub mod readiness;
mod resolver;
mod route;
mod settings;
mod stored;
pub mod transport;
mod upgrade;
mod work;

pub use agent::Agent;
pub use connection::{Accept, Connection, InvitationMode, Role, State};
pub use did::LocalDid;
pub use error::{Error, Result};
pub use inbound::{Receipt, Received};
pub use peer::Target;
pub use provision::provision_did;
pub use resolver::{DocumentSource, resolve};
pub use route::Announced;
pub use settings::{Settings, TransportSettings, Webhook};
pub use stored::Stored;
pub use trustkeep_didcomm::document::DOCUMENT_BYTES_MAX;
pub use work::{EVENTS, OUTBOUND, Outgoing, Work};
