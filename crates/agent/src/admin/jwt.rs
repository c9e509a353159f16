//! Signed tokens: JWTs, and SD-JWTs whose claims their holder shows one by one (RFC 9901).

mod method;
mod sd;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use trustkeep_didcomm::Keypair;

use self::sd::{Presentation, conceal};
use super::call::Call;
use super::check::Check;
use super::field::{Field, Kind, Shape};
use super::refusal::Refusal;
use super::route::Route;
use crate::Work;

type Answer = Result<Value, Refusal>;

/// The only algorithm that tokens are signed with here.
const EDDSA: &str = "EdDSA";
/// ACA-Py's words for who cannot be signed as.
const BAD_SIGNER: &str = "Bad did or verification method";

const HEADERS: Field = Field::new("headers", Kind::Map, "More headers; typ is JWT without one");
const PAYLOAD: Field = Field::new("payload", Kind::Map, "The claims").required();
const DID: Field = Field::checked("did", Check::Did, "DID of interest");
const METHOD: Field =
    Field::checked("verificationMethod", Check::Uri, "Information used for proof verification");
const VALID: Field = Field::flag("valid", "Whether the signature is that of kid").required();
const KID: Field = Field::text("kid", "kid of signer").required();
const VERIFIED_HEADERS: Field = Field::new("headers", Kind::Map, "Headers from verified JWT.").required();
const VERIFIED_PAYLOAD: Field = Field::new("payload", Kind::Map, "Payload from verified JWT").required();
const ERROR: Field = Field::text("error", "Error text");

pub(super) const ROUTES: &[Route] = &[
    Route::post("/wallet/jwt/sign", |work, call| Box::pin(sign_jwt(work, call)))
        .about("wallet", "Create a jws using did keys with a given payload")
        .body(&Shape { name: "JWSCreate", fields: &[HEADERS, PAYLOAD, DID, METHOD] })
        .new_in_one(),
    Route::post("/wallet/jwt/verify", |work, call| Box::pin(verify_jwt(work, call)))
        .about("wallet", "Verify a jws using did keys with a given JWS")
        .body(&Shape {
            name: "JWSVerify",
            fields: &[Field::checked("jwt", Check::Jwt, "The token").required()],
        })
        .gives(&Shape {
            name: "JWSVerifyResponse",
            fields: &[VALID, ERROR, KID, VERIFIED_HEADERS, VERIFIED_PAYLOAD],
        })
        .new_in_one(),
    Route::post("/wallet/sd-jwt/sign", |work, call| Box::pin(sign_sd_jwt(work, call)))
        .about("wallet", "Create an sd-jws using did keys with a given payload")
        .body(&Shape {
            name: "SDJWSCreate",
            fields: &[
                HEADERS,
                PAYLOAD,
                DID,
                METHOD,
                Field::new(
                    "non_sd_list",
                    Kind::List(&Kind::Text(Check::NonSd)),
                    "Claims that everyone sees: name, address.street_address, nationalities[1:3]",
                ),
            ],
        })
        .new_in_one(),
    Route::post("/wallet/sd-jwt/verify", |work, call| Box::pin(verify_sd_jwt(work, call)))
        .about("wallet", "Verify an sd-jws using did keys with a given SD-JWS with optional key binding")
        .body(&Shape {
            name: "SDJWSVerify",
            fields: &[Field::checked("sd_jwt", Check::SdJwt, "The token with disclosures").required()],
        })
        .gives(&Shape {
            name: "SDJWSVerifyResponse",
            fields: &[
                VALID,
                ERROR,
                KID,
                VERIFIED_HEADERS,
                VERIFIED_PAYLOAD,
                Field::new(
                    "disclosures",
                    Kind::List(&Kind::List(&Kind::Any)),
                    "Disclosure arrays associated with the SD-JWT",
                ),
            ],
        })
        .new_in_one(),
];

async fn sign_jwt(work: &mut Work, call: &Call) -> Answer {
    let (kid, keypair) = signer(work, call).await?;
    Ok(signed(call.map("headers"), &kid, call.map("payload"), &keypair).into())
}

async fn sign_sd_jwt(work: &mut Work, call: &Call) -> Answer {
    let (kid, keypair) = signer(work, call).await?;
    let random = work.agent().random();
    let (payload, disclosures) = conceal(call.map("payload"), &call.texts("non_sd_list"), random)?;
    let mut token = signed(call.map("headers"), &kid, payload, &keypair);
    for disclosure in disclosures {
        token.push('~');
        token.push_str(&disclosure);
    }
    token.push('~');
    Ok(token.into())
}

async fn verify_jwt(work: &mut Work, call: &Call) -> Answer {
    let token = Token::verify(work, call.text("jwt").unwrap_or_default()).await?;
    Ok(json!({"valid": token.is_valid, "headers": token.headers, "payload": token.payload, "kid": token.kid}))
}

async fn verify_sd_jwt(work: &mut Work, call: &Call) -> Answer {
    let presentation = Presentation::parse(call.text("sd_jwt").unwrap_or_default())?;
    let token = Token::verify(work, presentation.token).await?;
    let is_valid = token.is_valid && presentation.is_of(&token.payload);
    Ok(json!({
        "headers": token.headers,
        "payload": token.payload,
        "valid": is_valid,
        "kid": token.kid,
        "disclosures": presentation.disclosures(),
    }))
}

/// Who signs, as headers name him, and his key.
async fn signer(work: &mut Work, call: &Call) -> Result<(String, Arc<Keypair>), Refusal> {
    let kid = match (call.text("verificationMethod"), call.text("did")) {
        (Some(method), _) => method.to_owned(),
        (None, Some(did)) => method::of_did(work, did).await?,
        (None, None) => return Err(Refusal::bad(BAD_SIGNER)),
    };
    let keypair = method::keypair(work, &kid).await?;
    Ok((kid, keypair))
}

/// The token in its compact form.
fn signed(
    mut headers: Map<String, Value>,
    kid: &str,
    payload: Map<String, Value>,
    keypair: &Keypair,
) -> String {
    let is_typed = headers.get("typ").is_some_and(|kind| !matches!(kind, Value::Null) && kind != "");
    if !is_typed {
        headers.insert("typ".to_owned(), "JWT".into());
    }
    headers.insert("alg".to_owned(), EDDSA.into());
    headers.insert("kid".to_owned(), kid.into());
    let part = |members: Map<String, Value>| URL_SAFE_NO_PAD.encode(Value::Object(members).to_string());
    let mut token = format!("{}.{}", part(headers), part(payload));
    let signature = keypair.sign(token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    token
}

/// A token that was read.
struct Token {
    headers: Map<String, Value>,
    payload: Map<String, Value>,
    kid: String,
    /// Whether `kid` signed it.
    is_valid: bool,
}

impl Token {
    /// Reads a compact token, and checks its signature by the key that it names, as it is known now.
    ///
    /// # Errors
    /// 400 for what is no token or is signed by another algorithm, 404 for a key that cannot be found.
    async fn verify(work: &mut Work, text: &str) -> Result<Self, Refusal> {
        let (said, signature) = text.rsplit_once('.').unwrap_or_default();
        let (headers, payload) = said.split_once('.').unwrap_or_default();
        let headers = object(headers, "headers")?;
        let missing = |name: &str| Refusal::bad(format!("Missing '{name}' parameter in JWS header."));
        let algorithm = headers.get("alg").ok_or_else(|| missing("alg"))?;
        let kid = headers.get("kid").ok_or_else(|| missing("kid"))?;
        if algorithm != EDDSA {
            let algorithm = algorithm.as_str().map_or_else(|| algorithm.to_string(), str::to_owned);
            return Err(Refusal::bad(format!(
                "Unsupported 'alg' value in JWS header: '{algorithm}'. Supported algorithms: {EDDSA}."
            )));
        }
        let kid =
            kid.as_str().ok_or_else(|| Refusal::bad("The 'kid' parameter in JWS header is no text."))?;
        let kid = kid.to_owned();
        let payload = object(payload, "payload")?;
        let verkey = method::verkey(work, &kid).await?;
        let signature = URL_SAFE_NO_PAD.decode(signature);
        let is_valid = signature.is_ok_and(|signature| verkey.verify(said.as_bytes(), &signature).is_ok());
        Ok(Self { headers, payload, kid, is_valid })
    }
}

/// A part of a token. Its size is that of the request at most, its depth is bounded by the parser.
fn object(part: &str, name: &str) -> Result<Map<String, Value>, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    serde_json::from_slice(&bytes)
        .map_err(|_| Refusal::bad(format!("The {name} of the token are no JSON object in base64url.")))
}
