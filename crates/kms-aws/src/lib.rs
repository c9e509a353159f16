//! AWS KMS behind the KMS trait.
//!
//! **What it is**: [`AwsKms`], one symmetric key of AWS KMS that wraps and unwraps small secrets, with the
//! settings and environment variables of Vault's `seal "awskms"`, and errors that name what to grant or correct.
//!
//! **What it is not**: it does not create or administer keys, and does not encrypt data itself; larger data
//! goes through [`trustkeep_crypto::envelope`].
//!
//! Invariants:
//! - It calls `kms:DescribeKey`, `kms:Encrypt` and `kms:Decrypt` and needs no other permission.
//! - A ciphertext is decrypted only under the key whose name is stored with it.
//!
//! ```no_run
//! use trustkeep_aws::Context;
//! use trustkeep_crypto::{SecretBytes, kms::Kms as _};
//! use trustkeep_kms_aws::{AwsKms, Settings};
//!
//! # async fn example() -> Result<(), trustkeep_crypto::kms::Error> {
//! let settings = Settings { kms_key_id: Some("alias/vault".into()), ..Settings::default() };
//! let kms = AwsKms::new(Context::process(), settings).await?;
//! let info = kms.describe().await?;
//! let wrapped = kms.encrypt(&SecretBytes::copy_of(b"key"), &Default::default()).await?;
//! assert_eq!(wrapped.key_id, info.key_id);
//! # Ok(())
//! # }
//! ```

mod arn;
mod error;
mod kms;
mod settings;

pub use kms::AwsKms;
pub use settings::Settings;
