use std::fmt;

/// Why AWS did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No credentials were found, or those that are configured do not work.
    #[error("no AWS credentials: {}", listing(.tried))]
    Credentials {
        /// Each place that was tried, in order, and why it had none. The last one may have ended the search.
        tried: Vec<Attempt>,
    },
    /// No region is configured anywhere.
    #[error("no AWS region: {}; set `region` or AWS_REGION", listing(.tried))]
    Region {
        /// Each place that was tried, in order, and why it had none.
        tried: Vec<Attempt>,
    },
    /// A setting is wrong.
    #[error("AWS setting {parameter}: {reason}")]
    Setting {
        /// The setting's name.
        parameter: &'static str,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The service could not be reached, or did not answer in time.
    #[error("{service} at {endpoint} {}: {reason}", if *.timed_out { "did not answer in time" } else { "could not be reached" })]
    Transport {
        /// The service, for instance "kms".
        service: String,
        /// The endpoint that was used.
        endpoint: String,
        /// What failed.
        reason: String,
        /// Whether it was for lack of time.
        timed_out: bool,
    },
    /// The service answered with an error.
    #[error("{0}")]
    Service(Box<ServiceError>),
    /// The service's answer could not be read.
    #[error("{service} sent an answer that cannot be read: {reason}")]
    Answer {
        /// The service, for instance "kms".
        service: String,
        /// What is wrong with it; never its content.
        reason: String,
    },
}

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One place that was looked at, and why it did not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The place, for instance "environment".
    pub place: &'static str,
    /// Why it did not serve.
    pub reason: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

/// An error that a service answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceError {
    /// The service, for instance "kms".
    pub service: String,
    /// The HTTP status.
    pub status: u16,
    /// The service's code, for instance `AccessDeniedException`; empty if the answer had none.
    pub code: String,
    /// The service's message.
    pub message: String,
    /// The number under which AWS support finds the request.
    pub request_id: Option<String>,
    /// What to look at, where we know better than the service: the clock, or the credentials' source.
    pub hint: Option<String>,
}

impl ServiceError {
    /// Whether the service limits our rate: the request was not carried out and may be repeated.
    pub fn is_throttling(&self) -> bool {
        const CODES: [&str; 9] = [
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "RequestThrottled",
            "RequestThrottledException",
            "TooManyRequestsException",
            "RequestLimitExceeded",
            "ProvisionedThroughputExceededException",
            "SlowDown",
        ];
        self.status == 429 || CODES.contains(&self.code.as_str())
    }

    /// Whether the service itself failed: the request may or may not have been carried out.
    pub fn is_server_fault(&self) -> bool {
        self.status >= 500 || self.code == "RequestTimeout" || self.code == "RequestTimeoutException"
    }

    /// Whether the identity is known but lacks a permission.
    pub fn is_access_denied(&self) -> bool {
        ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"].contains(&self.code.as_str())
    }

    /// Whether the temporary credentials have expired.
    pub fn is_expired_token(&self) -> bool {
        ["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"].contains(&self.code.as_str())
    }

    /// Whether the credentials themselves are refused.
    pub fn is_bad_credentials(&self) -> bool {
        const CODES: [&str; 8] = [
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "IncompleteSignatureException",
            "MissingAuthenticationToken",
            "AuthFailure",
        ];
        self.is_expired_token() || self.is_skewed() || CODES.contains(&self.code.as_str())
    }

    pub(crate) fn is_skewed(&self) -> bool {
        ["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"].contains(&self.code.as_str())
    }
}

impl std::error::Error for ServiceError {}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = if self.code.is_empty() { "an error without code" } else { &self.code };
        write!(f, "{} answered {code} (HTTP {})", self.service, self.status)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

fn listing(tried: &[Attempt]) -> String {
    let tried: Vec<String> = tried.iter().map(Attempt::to_string).collect();
    tried.join("; ")
}
