//! Amazon EC2 as a provider: `aws` and `aws_spot`, and the disks of `aws_disk`.
//!
//! **What it is**: the [`Provider`](trustkeep_cloud::Provider) of instances and volumes of EC2 over a thin client of the dozen
//! operations that this takes (API version 2016-11-15), signed by `trustkeep-aws`. What a machine needs before it can be a
//! node (user `ubuntu`, Docker, sshd on port 20022) is done by cloud-init, from user data.
//!
//! **What it is not**: it makes no networks, keeps no record, and picks up no credentials from its surroundings: only those of
//! the place count.
//!
//! Invariants:
//! - Whatever is made carries the owner's and its own tag from the request that makes it ([`tags`]).
//! - Before anything is made it is looked for by its tag, and the request has a client token that follows from the order; so
//!   an answer that was lost makes nothing twice, with EC2 and with emulators that know no client tokens.
//! - Only what carries the owner's tag is ever powered or removed.
//! - Images, subnets and architectures are remembered for ten minutes, so that many machines cost few calls.
//!
//! ```no_run
//! use trustkeep_cloud::Provider as _;
//! use trustkeep_cloud_aws::{Aws, Settings};
//!
//! # fn example() -> Result<(), trustkeep_aws::Error> {
//! let aws = Aws::new(trustkeep_aws::Context::process(), Settings::default())?;
//! let spot = aws.spot();
//! assert_eq!((aws.name(), spot.name()), ("aws", "aws_spot"));
//! # Ok(())
//! # }
//! ```

mod disk;
mod ec2;
mod fault;
mod image;
mod launch;
mod machine;
mod memory;
mod provider;
mod recent;
mod site;
mod spot;
pub mod tags;
mod user_data;

pub use provider::{Aws, Settings};
