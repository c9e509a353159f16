//! What a command works with: a client, a screen, and how much it may ask.

use std::process::ExitCode;

use serde_json::Value;

use super::client::{Client, Request};
use super::error::Error;
use super::options::Options;
use super::screen::Screen;
use super::secret::Secret;
use super::settings::Settings;

/// One run of one command.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) screen: Screen,
    /// Neither ask nor read standard input.
    pub(crate) non_interactive: bool,
}

impl Session {
    /// Prepares a run; nothing is sent.
    pub(crate) fn open(
        options: &Options,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let screen = Screen::new(options, environment)?;
        let client = Client::new(Settings::resolve(options, environment)?)?;
        Ok(Self { client, screen, non_interactive: options.non_interactive })
    }

    /// Shows what a write returned, or says that it was done.
    pub(crate) fn wrote(&self, secret: Option<&Secret>, path: &str) -> Result<ExitCode, Error> {
        match secret {
            Some(secret) => self.screen.secret(secret),
            None => self.screen.say(&format!("Success! Data written to: {path}")),
        }
    }

    /// Shows what a delete returned, or says that it was done.
    pub(crate) fn deleted(&self, secret: Option<&Secret>, path: &str) -> Result<ExitCode, Error> {
        match secret {
            Some(secret) => self.screen.secret(secret),
            None => self.screen.say(&format!("Success! Data deleted (if it existed) at: {path}")),
        }
    }

    /// Shows a listing, or says that there is none.
    pub(crate) fn listed(&self, secret: Option<&Secret>, path: &str) -> Result<ExitCode, Error> {
        let Some(secret) = secret else {
            if !self.screen.is_table() {
                self.screen.structured(&Value::Object(serde_json::Map::new()))?;
                return Ok(ExitCode::from(2));
            }
            return Err(Error::Nothing(format!("No value found at {path}")));
        };
        if secret.wrap_info().is_some() {
            return self.screen.secret(secret);
        }
        if secret.keys().is_none() {
            return Err(Error::Nothing(format!("No entries found at {path}")));
        }
        self.screen.list(secret)
    }

    /// Sends a request whose answer is the `data` of an envelope, or, from old endpoints, the body itself.
    pub(crate) async fn data(&self, request: Request<'_>) -> Result<Value, Error> {
        let mut body = self.client.json(request).await?;
        match body.get_mut("data").map(Value::take) {
            Some(data) if !data.is_null() => Ok(data),
            _ => Ok(body),
        }
    }
}
