//! Copies of bodies for recording.

use bytes::{Bytes, BytesMut};

use crate::budget::Share;
use crate::decode::{Undecodable, decode};

/// What passed through so far. Chunks are shared with the connection, not copied.
#[derive(Debug)]
pub(crate) struct Copy {
    chunks: Vec<Bytes>,
    bytes: usize,
    share: Share,
    dropped: bool,
}

impl Copy {
    pub(crate) fn new(share: Share) -> Self {
        Self { chunks: Vec::new(), bytes: 0, share, dropped: false }
    }

    /// Adds a chunk, or lets go of everything when there is no memory left for recordings.
    pub(crate) fn push(&mut self, chunk: &Bytes) {
        self.bytes += chunk.len();
        if self.dropped || chunk.is_empty() {
            return;
        }
        if self.share.grow(chunk.len()) {
            self.chunks.push(chunk.clone());
        } else {
            metrics::counter!("traceway_proxy_copies_dropped_total").increment(1);
            self.discard();
        }
    }

    /// Lets go of everything, now and later.
    pub(crate) fn discard(&mut self) {
        self.chunks = Vec::new();
        self.share.release();
        self.dropped = true;
    }

    /// Returns how many bytes passed through.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns whether the copy had to be let go.
    pub(crate) fn is_dropped(&self) -> bool {
        self.dropped
    }

    /// Returns the chunks in order.
    pub(crate) fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// Lets go of the chunks but not of the memory accounted for them, since something made of them lives on.
    pub(crate) fn into_share(self) -> Share {
        self.share
    }

    /// Returns everything without its content encodings, in one piece of at most `limit` bytes, accounted for like
    /// the chunks.
    pub(crate) fn decoded(&mut self, encodings: &[String], limit: usize) -> Result<Bytes, Undecodable> {
        if encodings.is_empty() {
            return Ok(self.whole());
        }
        let share = &mut self.share;
        decode(&self.chunks, encodings, limit, |more| share.grow(more)).map(Bytes::from)
    }

    /// Returns everything in one piece.
    fn whole(&self) -> Bytes {
        if let [chunk] = self.chunks.as_slice() {
            return chunk.clone();
        }
        let mut whole = BytesMut::with_capacity(self.bytes);
        self.chunks.iter().for_each(|chunk| whole.extend_from_slice(chunk));
        whole.freeze()
    }
}
