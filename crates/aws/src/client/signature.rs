use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SigningParams, SigningSettings, sign as sign_v4,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use jiff::Timestamp;
use trustkeep_crypto::hash;

use crate::Credentials;

/// Signs a request (Signature Version 4) by adding its headers.
///
/// The body is hashed here and not shown to the signing library, which an environment variable
/// (`LOG_SIGNABLE_BODY`) makes write every body to the log.
pub(super) fn sign(
    request: &mut http::Request<Bytes>,
    credentials: &Credentials,
    service: &str,
    region: &str,
    now: Timestamp,
) -> Result<(), String> {
    let identity = credentials.to_sdk().into();
    let parameters: SigningParams<'_> = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(now.into())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let headers: Vec<(&str, &str)> = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let digest = hash::Algorithm::Sha256.digest(request.body()).to_hex();
    let uri = request.uri().to_string();
    let signable = SignableRequest::new(
        request.method().as_str(),
        uri,
        headers.into_iter(),
        SignableBody::Precomputed(digest),
    )
    .map_err(|error| error.to_string())?;
    let (instructions, _) = sign_v4(signable, &parameters).map_err(|error| error.to_string())?.into_parts();
    instructions.apply_to_request_http1x(request);
    Ok(())
}
