//! Where a request ends: one that says so in two ways is refused, because whoever passed it on may have read the other; and a connection
//! whose request was refused before its body was read is not used again.

use super::Error;
use actix_web::HttpMessage as _;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::ConnectionType;
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use futures::{Stream, StreamExt as _};
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// Stands around everything else.
pub async fn guard(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> actix_web::Result<ServiceResponse<BoxBody>> {
    let headers = request.headers();
    let (is_counted, is_chunked) = (headers.contains_key(CONTENT_LENGTH), headers.contains_key(TRANSFER_ENCODING));
    if is_counted && is_chunked {
        // RFC 9112, section 6.3: it "ought to be handled as an error".
        let why = "send `Content-Length` or `Transfer-Encoding`, not both: they say in two ways where the request ends";
        let error = Error::BadRequest(why.to_owned());
        let request = request.into_parts().0;
        let answer = error.answer(&request, None, "");
        return Ok(closing(ServiceResponse::new(request, answer)));
    }
    let unread = is_chunked.then(|| Shared::of(request.take_payload()));
    if let Some(shared) = &unread {
        request.set_payload(Payload::Stream { payload: Box::pin(shared.clone()) });
    }
    let answer = next.call(request).await?.map_into_boxed_body();
    let is_refused = answer.status().is_client_error() || answer.status().is_server_error();
    if !is_refused || !(is_counted || is_chunked) {
        return Ok(answer);
    }
    Ok(closing(answer).map_body(|_, body| Answered { body, _unread: unread }.boxed()))
}

/// The last answer of its connection.
fn closing(mut answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    answer.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    answer
}

/// A body in chunks that lives as long as its answer. Where nobody holds it any more, actix reads what still comes, and that may be
/// without end; what is held and unread it gives up with the connection.
#[derive(Clone)]
struct Shared(Rc<RefCell<Payload>>);

impl Shared {
    fn of(payload: Payload) -> Self {
        Self(Rc::new(RefCell::new(payload)))
    }
}

impl Stream for Shared {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.borrow_mut().poll_next_unpin(cx)
    }
}

/// The body of an answer, and that of its request.
struct Answered {
    body: BoxBody,
    _unread: Option<Shared>,
}

impl MessageBody for Answered {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}
