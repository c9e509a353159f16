//! The HTTP client below everything here, and reading bounded answers from it.

use std::error::Error as _;
use std::time::Duration;

use reqwest::redirect::Policy;
use trustkeep_crypto::SecretBytes;

use crate::{Error, Result};

/// Answers are small; more than this is not one of ours.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Connections that several clients share, whatever their service, region and credentials.
#[derive(Clone, Debug)]
pub struct Connections(pub(crate) reqwest::Client);

impl Connections {
    /// With these limits for connecting and for one attempt as a whole.
    ///
    /// # Errors
    /// [`Error::Setting`] if TLS fails to set up.
    pub fn new(connect_timeout: Duration, attempt_timeout: Duration) -> Result<Self> {
        client(connect_timeout, attempt_timeout).map(Self)
    }
}

/// A client with these limits. It follows no redirects: a signature is for one host, a token for one place.
pub(crate) fn client(connect_timeout: Duration, timeout: Duration) -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .redirect(Policy::none())
        .connect_timeout(connect_timeout)
        .timeout(timeout)
        .user_agent(concat!("trustkeep/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Error::Setting {
            parameter: "TLS",
            reason: format!("{}; are the system's CA certificates installed?", reasons(&error)),
        })
}

/// Reads an answer up to a limit, into memory that is cleared.
pub(crate) async fn read(mut response: reqwest::Response) -> std::result::Result<SecretBytes, String> {
    let expected = response.content_length().unwrap_or(0).min(ANSWER_BYTES_MAX as u64);
    let mut body = zeroize::Zeroizing::new(Vec::with_capacity(usize::try_from(expected).unwrap_or(0)));
    while let Some(chunk) = response.chunk().await.map_err(|error| reasons(&error))? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(format!("the answer is longer than {ANSWER_BYTES_MAX} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(SecretBytes::new(std::mem::take(&mut *body)))
}

/// The error and its causes in one line: the cause of "error sending request" is what one needs to know.
pub(crate) fn reasons(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
