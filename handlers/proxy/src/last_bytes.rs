//! Bodies that break only after what came before has gone out.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A body whose error comes one turn later than it was met.
///
/// A server that is told of an error drops what it has not sent yet; while it waits, it sends that. So the client of a
/// call that breaks gets every byte that had arrived.
pub(crate) struct LastBytes<B: Body> {
    body: B,
    error: Option<B::Error>,
}

impl<B: Body> LastBytes<B> {
    pub(crate) fn of(body: B) -> Self {
        Self { body, error: None }
    }
}

impl<B> Body for LastBytes<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if let Some(error) = self.error.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Err(error))) => {
                self.error = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.error.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
