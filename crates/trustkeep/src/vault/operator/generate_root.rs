//! `vault operator generate-root`: a new root token, agreed by a quorum of key holders.
//!
//! The token comes masked with a one-time password that only who started the attempt knows.

use std::process::ExitCode;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use reqwest::Method;
use serde_json::{Map, Value, json};
use trustkeep_crypto::random::{self, SystemRandom};
use zeroize::Zeroizing;

use crate::vault::client::Request;
use crate::vault::error::Error;
use crate::vault::session::Session;
use crate::vault::{input, table};

const ATTEMPT: &str = "sys/generate-root/attempt";
/// Characters of a root token that a server may ask a one-time password for.
const MAX_OTP_LEN: u64 = 1024;

/// A step of the attempt.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    vault operator generate-root -init                     start; prints the one-time password and the nonce\n  \
    vault operator generate-root -generate-otp             only a one-time password, for -init -otp=…\n  \
    vault operator generate-root -nonce=2dbd10f1-8528      each key holder: asks for a share\n  \
    vault operator generate-root -decode=Hxc… -otp=IF4w…   unmask the token; no server is asked")]
pub(crate) struct Args {
    /// Start an attempt
    #[arg(long, group = "step")]
    init: bool,
    /// Show how far the attempt is
    #[arg(long, group = "step")]
    status: bool,
    /// Give up the attempt
    #[arg(long, group = "step")]
    cancel: bool,
    /// Make a one-time password for -init -otp; starts nothing
    #[arg(long, group = "step")]
    generate_otp: bool,
    /// Unmask the token that came out, with -otp; - reads it from standard input
    #[arg(long, value_name = "TOKEN", group = "step", requires = "otp")]
    decode: Option<String>,
    /// One-time password: to unmask, or to start with
    #[arg(long, value_name = "PASSWORD")]
    otp: Option<String>,
    /// PGP public key (base64) to encrypt the token with, instead of a one-time password
    #[arg(long, value_name = "KEY", conflicts_with = "otp")]
    pgp_key: Option<String>,
    /// Nonce of the attempt, as its start printed it
    #[arg(long, value_name = "NONCE")]
    nonce: Option<String>,
    /// Not here: there is no replication
    #[arg(long, hide = true)]
    dr_token: bool,
    /// Not here: there is no recovery mode
    #[arg(long, hide = true)]
    recovery_token: bool,
    /// Key share, or - for standard input; better leave it out and be asked
    key: Option<String>,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<ExitCode, Error> {
    for (given, name) in [(args.dr_token, "-dr-token"), (args.recovery_token, "-recovery-token")] {
        if given {
            return Err(Error::Usage(format!("{name} is not supported: only root tokens are generated")));
        }
    }
    if let (Some(encoded), Some(otp)) = (&args.decode, &args.otp) {
        let encoded = match encoded.as_str() {
            "-" => input::standard_input(session.non_interactive)?,
            _ => Zeroizing::new(encoded.clone()),
        };
        let token = unmask(encoded.trim(), otp.trim())?;
        return if session.screen.is_table() {
            session.screen.field_value(Some(&json!(token.as_str())), "token", "answer")
        } else {
            session.screen.structured(&json!({"token": token.as_str()}))
        };
    }
    if args.cancel {
        let request = Request::new(Method::DELETE, ATTEMPT).root_namespace();
        session
            .client
            .json(request)
            .await
            .map_err(|error| error.during("Error canceling root token generation"))?;
        return session.screen.line("Success! Root token generation canceled (if it was started)");
    }
    if args.init {
        let mut body = Map::new();
        for (name, value) in [("otp", args.otp), ("pgp_key", args.pgp_key)] {
            if let Some(value) = value {
                body.insert(name.to_owned(), value.into());
            }
        }
        let request = Request::new(Method::PUT, ATTEMPT).root_namespace().body(Value::Object(body));
        let attempt = session
            .client
            .json(request)
            .await
            .map_err(|error| error.during("Error initializing root generation"))?;
        return show(session, &attempt);
    }
    let request = Request::new(Method::GET, ATTEMPT).root_namespace();
    let request = if args.status || args.generate_otp { request } else { request.preparatory() };
    let attempt = session
        .client
        .json(request)
        .await
        .map_err(|error| error.during("Error getting root generation status"))?;
    if args.status {
        return show(session, &attempt);
    }
    if args.generate_otp {
        return generate_otp(session, &attempt);
    }
    if !attempt.get("started").and_then(Value::as_bool).unwrap_or(false) {
        return Err(Error::Usage(format!(
            "No root generation is in progress. Start one: vault operator generate-root -init\n\
             A one-time password of your own (-otp) must have {} characters.",
            otp_length(&attempt)
        )));
    }
    let nonce = args
        .nonce
        .or_else(|| attempt.get("nonce").and_then(Value::as_str).map(str::to_owned))
        .unwrap_or_default();
    if args.key.is_none() {
        session.screen.warn(&format!("Operation nonce: {nonce}"));
    }
    let key = input::share(args.key, "Unseal Key", session.non_interactive)?;
    let request = Request::new(Method::PUT, "sys/generate-root/update")
        .root_namespace()
        .body(json!({"key": key.as_str(), "nonce": nonce}));
    let attempt =
        session.client.json(request).await.map_err(|error| error.during("Error posting unseal key"))?;
    show(session, &attempt)
}

/// A password as long as the server's tokens are: only then can it mask one.
fn generate_otp(session: &Session, attempt: &Value) -> Result<ExitCode, Error> {
    let length = otp_length(attempt);
    if !(1..=MAX_OTP_LEN).contains(&length) {
        return Err(Error::Nothing(format!(
            "The server asks for a one-time password of {length} characters; none can be made."
        )));
    }
    let password = Zeroizing::new(random::base62(&SystemRandom, usize::try_from(length).unwrap_or(0)));
    if session.screen.is_table() {
        session.screen.field_value(Some(&json!(password.as_str())), "otp", "answer")
    } else {
        session.screen.structured(&json!({"otp": password.as_str(), "otp_length": length}))
    }
}

fn otp_length(attempt: &Value) -> u64 {
    attempt.get("otp_length").and_then(Value::as_u64).unwrap_or(0)
}

fn show(session: &Session, attempt: &Value) -> Result<ExitCode, Error> {
    if !session.screen.is_table() {
        return session.screen.structured(attempt);
    }
    let text =
        |key: &str| attempt.get(key).filter(|value| !value.is_null()).map(table::plain).unwrap_or_default();
    let mut rows = vec![
        vec!["Nonce".to_owned(), text("nonce")],
        vec!["Started".to_owned(), text("started")],
        vec!["Progress".to_owned(), format!("{}/{}", text("progress"), text("required"))],
        vec!["Complete".to_owned(), text("complete")],
    ];
    let optional = [
        ("PGP Fingerprint", "pgp_fingerprint"),
        ("Encoded Token", "encoded_token"),
        ("OTP", "otp"),
        ("OTP Length", "otp_length"),
    ];
    if !text("otp").is_empty() {
        session.screen.warn(
            "A one-time password was made and stands in the field OTP. Keep it safe: only\n\
             with it can the root token that comes out be decoded.",
        );
    }
    for (title, key) in optional {
        let value = text(key);
        if !value.is_empty() && value != "0" {
            rows.push(vec![title.to_owned(), value]);
        }
    }
    session.screen.line(&table::columns(&rows))
}

/// Removes the mask: the token is base64 of token XOR password.
fn unmask(encoded: &str, otp: &str) -> Result<Zeroizing<String>, Error> {
    let lenient = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let masked =
        lenient.decode(encoded).map_err(|_| Error::Usage("the encoded token is not base64".to_owned()))?;
    if masked.len() != otp.len() {
        return Err(Error::Usage(
            "the token and the one-time password have different lengths: they are not of the same attempt"
                .to_owned(),
        ));
    }
    let bytes: Vec<u8> = masked.iter().zip(otp.as_bytes()).map(|(token, mask)| token ^ mask).collect();
    match String::from_utf8(bytes) {
        Ok(token) => Ok(Zeroizing::new(token)),
        Err(_) => Err(Error::Usage("the one-time password does not belong to this token".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_token_comes_back_with_its_password_only() {
        let token = "hvs.0123456789abcdefghijklmn";
        let otp = "ABCDEFGHIJKLMNOPQRSTUVWXYZab";
        let masked: Vec<u8> = token.bytes().zip(otp.bytes()).map(|(token, mask)| token ^ mask).collect();
        for encoded in [
            base64::engine::general_purpose::STANDARD.encode(&masked),
            base64::engine::general_purpose::STANDARD_NO_PAD.encode(&masked),
        ] {
            assert_eq!(unmask(&encoded, otp).unwrap().as_str(), token);
            assert!(unmask(&encoded, "short").unwrap_err().to_string().contains("lengths"));
        }
        assert!(unmask("***", otp).unwrap_err().to_string().contains("base64"));
    }
}
