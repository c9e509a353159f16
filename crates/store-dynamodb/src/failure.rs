//! What a failed request means: did it happen, and does repeating it help?

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use trustkeep_store::Error;

/// Which request failed, for messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    /// The action's name, for example `GetItem`; with `dynamodb:` before it, it is the right's name.
    pub(crate) action: &'static str,
    pub(crate) table: &'a str,
    pub(crate) region: &'a str,
    pub(crate) endpoint: Option<&'a str>,
}

/// Why one attempt failed.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The server refused; nothing happened, and repeating does not help.
    Refused(Error),
    /// The table does not exist; nothing happened.
    NoTable(Error),
    /// The condition did not hold; nothing happened.
    Condition,
    /// Items of a transaction failed, by their place in it; nothing happened.
    Cancelled(Vec<Reason>),
    /// Throttled, or in collision with another writer, or never sent: nothing happened, repeating may help.
    Again { reason: &'static str, message: String },
    /// The request may have happened.
    Unknown(String),
}

/// The answer to one attempt.
pub(crate) type Attempt<T> = std::result::Result<T, Failure>;

/// Why one item of a transaction failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Nothing wrong with this one.
    Fine,
    /// Its condition did not hold.
    Condition,
    /// Throttled or in collision.
    Again(&'static str),
    /// Refused for what it is, for example its size.
    Refused(String),
}

impl Reason {
    pub(crate) fn of(code: Option<&str>, message: Option<&str>) -> Self {
        match code {
            None | Some("None") => Reason::Fine,
            Some("ConditionalCheckFailed") => Reason::Condition,
            Some("TransactionConflict") => Reason::Again("collision"),
            Some("ThrottlingError" | "ProvisionedThroughputExceeded") => Reason::Again("throttled"),
            Some("DuplicateItem") => Reason::Again("collision"),
            Some(code) => Reason::Refused(format!("{code}: {}", message.unwrap_or("no reason given"))),
        }
    }
}

impl Failure {
    /// What a label calls it.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Failure::Refused(_) => "refused",
            Failure::NoTable(_) => "no_table",
            Failure::Condition | Failure::Cancelled(_) => "condition",
            Failure::Again { reason, .. } => reason,
            Failure::Unknown(_) => "unknown",
        }
    }

    /// Reads an SDK error.
    pub(crate) fn of<E, R>(call: Call<'_>, error: &SdkError<E, R>) -> Failure
    where
        E: ProvideErrorMetadata + StdError + 'static,
        R: std::fmt::Debug + 'static,
    {
        match error {
            SdkError::ServiceError(service) => {
                let status_says_try_again = service.err().code().is_none();
                call.service(
                    service.err().code().unwrap_or_default(),
                    service.err().message(),
                    status_says_try_again,
                )
            }
            SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_)
                if find::<CredentialsError>(error).is_some() =>
            {
                call.no_credentials(error)
            }
            SdkError::ConstructionFailure(_) => Failure::Refused(Error::Invalid(call.says(&chain(error)))),
            SdkError::DispatchFailure(failure) => {
                let message = call.says(&chain(error));
                let connecting =
                    find::<hyper_util::client::legacy::Error>(error).is_some_and(|error| error.is_connect());
                if connecting {
                    Failure::Again { reason: "unreachable", message }
                } else if failure.is_user() {
                    Failure::Refused(Error::Invalid(message))
                } else {
                    Failure::Unknown(message)
                }
            }
            _ => Failure::Unknown(call.says(&chain(error))),
        }
    }
}

impl Call<'_> {
    fn service(self, code: &str, message: Option<&str>, nameless: bool) -> Failure {
        let text = self.says(&format!("{code}: {}", message.unwrap_or("no message")));
        let again = |reason| Failure::Again { reason, message: text.clone() };
        match code {
            "ConditionalCheckFailedException" => Failure::Condition,
            "TransactionConflictException" => again("collision"),
            // An earlier attempt with the same token is still at work.
            "TransactionInProgressException" => Failure::Unknown(text),
            "ProvisionedThroughputExceededException"
            | "ThrottlingException"
            | "Throttling"
            | "RequestLimitExceeded"
            | "LimitExceededException"
            | "SlowDown" => again("throttled"),
            "ServiceUnavailable"
            | "ServiceUnavailableException"
            | "InternalServerError"
            | "InternalFailure" => Failure::Unknown(text),
            "ResourceNotFoundException" => Failure::NoTable(Error::Schema(format!(
                "the table {} does not exist in region {}{}; create it (`trustkeep schema`) or correct the name or region",
                self.table,
                self.region,
                self.endpoint.map(|endpoint| format!(" at {endpoint}")).unwrap_or_default()
            ))),
            "ValidationException"
                if message.is_some_and(|text| text.contains("does not match the schema")) =>
            {
                Failure::Refused(Error::Schema(format!(
                    "the keys of the table {} in region {} have other names or types than expected; create one with the keys that `trustkeep schema --print` shows, or name another table",
                    self.table, self.region
                )))
            }
            "AccessDeniedException" | "AccessDenied" => Failure::Refused(self.denied(message)),
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "IncompleteSignatureException" => Failure::Refused(Error::Denied(format!(
                "{text}; the access key is not valid in region {}: check the key, its secret and the region",
                self.region
            ))),
            "ExpiredToken" | "ExpiredTokenException" => Failure::Refused(Error::Denied(format!(
                "{text}; the session token has expired: renew the credentials"
            ))),
            _ if nameless => Failure::Unknown(text),
            _ => Failure::Refused(Error::Invalid(text)),
        }
    }

    /// The right that is missing, named.
    fn denied(self, message: Option<&str>) -> Error {
        // AWS names the right it missed; for a transaction it is that of one of its items.
        let named = message.and_then(|text| {
            let (_, behind) = text.split_once("dynamodb:")?;
            let action: String = behind.chars().take_while(char::is_ascii_alphanumeric).collect();
            (!action.is_empty()).then_some(action)
        });
        let implied = match self.action {
            "TransactWriteItems" => {
                "PutItem, dynamodb:DeleteItem, dynamodb:UpdateItem or dynamodb:ConditionCheckItem"
            }
            "TransactGetItems" => "GetItem",
            action => action,
        };
        let right = named.as_deref().unwrap_or(implied);
        let advice = match right {
            "CreateTable" => {
                "; grant it, or create the table by hand in the shape that `trustkeep schema --print` shows"
            }
            "ConditionCheckItem" => {
                "; grant it, or switch on fence_by_update, which needs UpdateItem instead"
            }
            _ => "; grant it to the role or user",
        };
        Error::Denied(format!(
            "the right dynamodb:{right} on the table {} in region {} is missing{advice} ({})",
            self.table,
            self.region,
            message.unwrap_or("no reason given")
        ))
    }

    fn no_credentials<E, R>(self, error: &SdkError<E, R>) -> Failure
    where
        E: StdError + 'static,
        R: std::fmt::Debug + 'static,
    {
        let message = format!("no AWS credentials for {}", self.says(&chain(error)));
        match find::<CredentialsError>(error) {
            Some(CredentialsError::ProviderTimedOut(_) | CredentialsError::ProviderError(_)) => {
                Failure::Again { reason: "credentials", message }
            }
            _ => Failure::Refused(Error::Denied(message)),
        }
    }

    fn says(self, what: &str) -> String {
        let place = match self.endpoint {
            Some(endpoint) => format!("region {} at {endpoint}", self.region),
            None => format!("region {}", self.region),
        };
        format!("{} on {} ({place}): {what}", self.action, self.table)
    }
}

/// The error of a type within a chain of causes.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// All messages of a chain of causes.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
