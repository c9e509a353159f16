use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::connection::InFlight;

/// A request's body cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is larger than the limit: 413.
    #[error("the request body is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The client went away or broke the protocol: 400.
    #[error("the request body cannot be read: {0}")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl BodyError {
    /// The status code to answer with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// How much of a body that is too large is read and dropped, bytes.
const DRAINED_BYTES_MAX: u64 = 8 << 20;

/// Reads a whole body of at most `bytes_max` bytes. A larger one is not kept, but read to its end if that is near: who is
/// still sending when the connection is closed mostly does not hear the answer. A body that arrives in one piece is not
/// copied.
///
/// # Errors
/// See [`BodyError`].
pub async fn collect<B>(body: B, bytes_max: usize) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let announced = body.size_hint().lower();
    let mut body = std::pin::pin!(body);
    if announced > bytes_max as u64 {
        if announced <= DRAINED_BYTES_MAX {
            drain(body).await;
        }
        return Err(BodyError::TooLarge { bytes_max });
    }
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // Trailers are read and dropped.
        let Ok(data) = frame.map_err(|error| BodyError::Broken(error.into()))?.into_data() else { continue };
        let so_far = if rest.is_empty() { first.as_ref().map_or(0, Bytes::len) } else { rest.len() };
        if so_far + data.len() > bytes_max {
            drain(body).await;
            return Err(BodyError::TooLarge { bytes_max });
        }
        match &first {
            None => first = Some(data),
            Some(head) => {
                if rest.is_empty() {
                    // The announced length is within the limit, so reserving it is safe.
                    rest.reserve((announced as usize).max(head.len() + data.len()));
                    rest.extend_from_slice(head);
                }
                rest.extend_from_slice(&data);
            }
        }
        if body.is_end_stream() {
            break;
        }
    }
    Ok(if rest.is_empty() { first.unwrap_or_default() } else { rest.freeze() })
}

async fn drain<B: Body<Data = Bytes>>(mut body: Pin<&mut B>) {
    let mut left = DRAINED_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let read = frame.data_ref().map_or(0, Bytes::len) as u64;
        let Some(rest) = left.checked_sub(read) else { return };
        left = rest;
    }
}

pin_project! {
    /// A response's body as the listener sends it: the service's, or a refusal. The request counts as
    /// in flight until it is sent.
    pub struct ResponseBody<B> {
        #[pin]
        content: Content<B>,
        in_flight: InFlight,
    }
}

pin_project! {
    #[project = ContentProjection]
    enum Content<B> {
        Service { #[pin] body: B },
        Refusal { bytes: Bytes },
    }
}

impl<B> ResponseBody<B> {
    pub(super) fn service(body: B, in_flight: InFlight) -> Self {
        Self { content: Content::Service { body }, in_flight }
    }

    pub(super) fn refusal(bytes: Bytes, in_flight: InFlight) -> Self {
        Self { content: Content::Refusal { bytes }, in_flight }
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().content.project() {
            ContentProjection::Service { body } => body.poll_frame(cx),
            ContentProjection::Refusal { bytes } if bytes.is_empty() => Poll::Ready(None),
            ContentProjection::Refusal { bytes } => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Service { body } => body.is_end_stream(),
            Content::Refusal { bytes } => bytes.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Service { body } => body.size_hint(),
            Content::Refusal { bytes } => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};

    use super::*;

    async fn in_pieces(pieces: &[&'static str], bytes_max: usize) -> Result<Bytes, BodyError> {
        let mut frames =
            pieces.iter().map(|p| Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(p.as_bytes()))));
        let stream = futures_stream(move || frames.next());
        collect(StreamBody::new(stream), bytes_max).await
    }

    fn futures_stream<T>(
        mut next: impl FnMut() -> Option<T> + Unpin,
    ) -> impl futures::Stream<Item = T> + Unpin {
        futures::stream::poll_fn(move |_| Poll::Ready(next()))
    }

    #[tokio::test]
    async fn bodies_are_joined_up_to_the_limit_and_not_beyond() {
        assert_eq!(in_pieces(&["ab", "cd", "e"], 5).await.unwrap(), "abcde");
        assert_eq!(in_pieces(&["abcde"], 5).await.unwrap(), "abcde");
        assert_eq!(in_pieces(&[], 5).await.unwrap(), "");
        assert!(matches!(in_pieces(&["ab", "cd", "e"], 4).await, Err(BodyError::TooLarge { bytes_max: 4 })));
        assert!(matches!(in_pieces(&["abcde"], 4).await, Err(BodyError::TooLarge { bytes_max: 4 })));
        let announced = collect(Full::new(Bytes::from_static(b"abcde")), 4).await;
        assert_eq!(announced.unwrap_err().status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}
