//! What is said to a sender of what became of his message.

use serde_json::Value;

use crate::{Agent, Error, Receipt};

/// What became of what came.
#[derive(Debug)]
pub(super) enum Taken {
    /// All that follows from it is in the wallet.
    Done(Receipt),
    /// It is a message, but for nobody here, or nothing follows from it. ACA-Py takes it and says nothing; so do we, for
    /// sending it again would not help.
    Ignored,
    /// It is not even JSON.
    Unparsable,
    /// The wallet does not answer, or there is no room for it: it may come again.
    Unavailable,
    /// An error of ours.
    Failed,
}

impl Taken {
    /// Takes what came over a transport.
    pub(super) async fn take(agent: &Agent, bytes: &[u8], answers: bool) -> Self {
        let outcome =
            if answers { agent.receive_and_answer(bytes).await } else { agent.receive(bytes).await };
        let taken = match outcome {
            Ok(receipt) => Self::Done(receipt),
            Err(error @ (Error::Wallet(_) | Error::Full(_))) => {
                tracing::warn!(%error, "a message cannot be taken now");
                Self::Unavailable
            }
            Err(Error::Internal(error)) => {
                tracing::error!(error, "a message cannot be taken");
                Self::Failed
            }
            Err(error) => {
                tracing::info!(%error, "nothing follows from a message");
                if serde_json::from_slice::<Value>(bytes).is_ok_and(|value| value.is_object()) {
                    Self::Ignored
                } else {
                    Self::Unparsable
                }
            }
        };
        metrics::counter!("agent_messages_received_total", "outcome" => taken.name()).increment(1);
        taken
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Done(_) => "taken",
            Self::Ignored => "ignored",
            Self::Unparsable => "unparsable",
            Self::Unavailable => "unavailable",
            Self::Failed => "failed",
        }
    }
}
