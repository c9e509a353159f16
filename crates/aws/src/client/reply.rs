use http::HeaderMap;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde::de::DeserializeOwned;
use trustkeep_crypto::SecretBytes;

use crate::{Error, Result, ServiceError};

/// A successful answer, cleared from memory after use.
#[derive(Debug)]
pub struct Reply {
    service: String,
    body: SecretBytes,
}

impl Reply {
    pub(super) fn new(service: String, body: SecretBytes) -> Self {
        Self { service, body }
    }

    /// The answer as it came.
    pub fn body(&self) -> &SecretBytes {
        &self.body
    }

    /// Reads a JSON answer.
    ///
    /// # Errors
    /// [`Error::Answer`] if it has another shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        // The library's messages may quote the content, so only the place is passed on.
        serde_json::from_slice(self.body.expose()).map_err(|error| {
            self.unreadable(format!(
                "JSON {:?} error at line {}, column {}",
                error.classify(),
                error.line(),
                error.column()
            ))
        })
    }

    /// Reads an XML answer.
    ///
    /// # Errors
    /// [`Error::Answer`] if it has another shape.
    pub fn xml<T: DeserializeOwned>(&self) -> Result<T> {
        let text = std::str::from_utf8(self.body.expose());
        text.ok()
            .and_then(|text| quick_xml::de::from_str(text).ok())
            .ok_or_else(|| self.unreadable("the XML has another shape than expected".into()))
    }

    fn unreadable(&self, reason: String) -> Error {
        Error::Answer { service: self.service.clone(), reason }
    }
}

/// Reads an error answer of either protocol and adds what we know better.
pub(super) fn error(
    service: &str,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
    credentials_source: Option<&str>,
) -> ServiceError {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (code, message, id) = if body.first() == Some(&b'<') { from_xml(body) } else { from_json(body) };
    let code = header("x-amzn-errortype").filter(|code| !code.is_empty()).unwrap_or(code);
    // "com.amazonaws.kms#NotFoundException:http://…" in its longest form.
    let code = code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
    let mut error = ServiceError {
        service: service.to_owned(),
        status,
        code,
        message,
        request_id: header("x-amzn-requestid").or_else(|| header("x-amz-request-id")).or(id),
        hint: None,
    };
    if error.is_bad_credentials() {
        let skew = header("date").and_then(|date| skew(&date, now));
        let source = credentials_source.map(|source| format!("the credentials come from: {source}"));
        error.hint = skew.or(source);
    }
    error
}

/// Signatures are valid for some minutes: says so if this machine's clock is off by as much.
fn skew(date: &str, now: Timestamp) -> Option<String> {
    let theirs = rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    let ahead = now.as_second() - theirs.as_second();
    let direction = if ahead > 0 { "ahead of" } else { "behind" };
    (ahead.abs() > 4 * 60).then(|| {
        format!("this machine's clock is {} seconds {direction} the service's: correct it (NTP)", ahead.abs())
    })
}

type CodeMessageId = (String, String, Option<String>);

fn from_json(body: &[u8]) -> CodeMessageId {
    #[derive(serde::Deserialize, Default)]
    struct Body {
        #[serde(rename = "__type", alias = "code", default)]
        code: String,
        #[serde(alias = "Message", alias = "errorMessage", default)]
        message: String,
    }
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    (body.code, body.message, None)
}

/// `ErrorResponse/Error` (STS, IAM) and `Response/Errors/Error` (EC2) differ in nesting only, so the first
/// element of each name is taken wherever it is.
fn from_xml(body: &[u8]) -> CodeMessageId {
    let text = String::from_utf8_lossy(body);
    let first = |name: &str| -> Option<String> {
        let start = text.find(&format!("<{name}>"))? + name.len() + 2;
        let rest = text.get(start..)?;
        let raw = rest.get(..rest.find("</")?)?;
        quick_xml::escape::unescape(raw).ok().map(|text| text.trim().to_owned())
    };
    let id = first("RequestId").or_else(|| first("RequestID"));
    (first("Code").unwrap_or_default(), first("Message").unwrap_or_default(), id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&'static str, &str)], body: &str) -> ServiceError {
        let headers =
            headers.iter().map(|(n, v)| (http::HeaderName::from_static(n), v.parse().unwrap())).collect();
        error(
            "svc",
            400,
            &headers,
            body.as_bytes(),
            Timestamp::from_second(1_700_000_000).unwrap(),
            Some("environment"),
        )
    }

    #[test]
    fn codes_come_in_many_shapes() {
        let json =
            read(&[("x-amzn-requestid", "r1")], r#"{"__type":"com.x#NotFoundException","message":"m"}"#);
        assert_eq!((json.code.as_str(), json.message.as_str()), ("NotFoundException", "m"));
        assert_eq!(json.request_id.as_deref(), Some("r1"));
        let header = read(&[("x-amzn-errortype", "DisabledException:http://x/")], r#"{"Message":"m"}"#);
        assert_eq!((header.code.as_str(), header.message.as_str()), ("DisabledException", "m"));
        let sts = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>a &lt; b</Message></Error>\
                   <RequestId>r2</RequestId></ErrorResponse>";
        let sts = read(&[], sts);
        assert_eq!((sts.code.as_str(), sts.message.as_str()), ("AccessDenied", "a < b"));
        assert!(sts.is_access_denied());
        let ec2 = "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>m</Message></Error></Errors>\
                   <RequestID>r3</RequestID></Response>";
        let ec2 = read(&[], ec2);
        assert!(ec2.is_throttling());
        assert_eq!(ec2.request_id.as_deref(), Some("r3"));
        assert_eq!(read(&[], "junk").code, "");
    }

    #[test]
    fn a_refused_signature_points_at_the_clock_or_at_the_source() {
        let body = r#"{"__type":"InvalidSignatureException","message":"Signature expired"}"#;
        // 1 700 000 000 is 22:13:20.
        let hint = |date| read(&[("date", date)], body).hint.unwrap();
        assert_eq!(
            hint("Tue, 14 Nov 2023 22:03:20 GMT"),
            "this machine's clock is 600 seconds ahead of the service's: correct it (NTP)"
        );
        assert!(hint("Tue, 14 Nov 2023 22:23:20 GMT").contains("600 seconds behind"));
        assert_eq!(hint("Tue, 14 Nov 2023 22:13:00 GMT"), "the credentials come from: environment");
    }
}
