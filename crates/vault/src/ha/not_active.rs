//! How a node tells another that it could not answer a request as the active one.

use http::{HeaderMap, HeaderName, HeaderValue, Response};

/// What became of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotActive {
    /// It was refused before anything was done: it may be sent to another node.
    Untouched,
    /// The node ceased to be active in the middle of it: it must not be sent again.
    MaybeDone,
}

impl NotActive {
    /// Puts it on an answer.
    pub(crate) fn mark<B>(self, response: &mut Response<B>) {
        let value = match self {
            NotActive::Untouched => UNTOUCHED,
            NotActive::MaybeDone => "maybe-done",
        };
        response.headers_mut().insert(HEADER, HeaderValue::from_static(value));
    }

    /// What an answer says; `None` where its node was active. A word that is not known promises nothing.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(HEADER)?;
        Some(if value == UNTOUCHED { NotActive::Untouched } else { NotActive::MaybeDone })
    }

    /// Takes it off an answer that goes to a client.
    pub(crate) fn hide(headers: &mut HeaderMap) {
        headers.remove(HEADER);
    }
}

const HEADER: HeaderName = HeaderName::from_static("x-trustkeep-not-active");
const UNTOUCHED: &str = "untouched";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_surely_untouched_is_taken_for_it() {
        let mut response = Response::new(());
        assert_eq!(NotActive::of(response.headers()), None);
        for said in [NotActive::Untouched, NotActive::MaybeDone] {
            said.mark(&mut response);
            assert_eq!(NotActive::of(response.headers()), Some(said));
        }
        for unknown in ["", "true", "Untouched"] {
            response.headers_mut().insert(HEADER, HeaderValue::from_static(unknown));
            assert_eq!(NotActive::of(response.headers()), Some(NotActive::MaybeDone), "{unknown:?}");
        }
        NotActive::hide(response.headers_mut());
        assert!(response.headers().is_empty());
    }
}
