//! Copies of bodies for recording.

use bytes::{Bytes, BytesMut};

use crate::budget::Share;
use crate::decode::{Undecodable, decode};

/// Where chunks are gathered that fit in. A chunk that is kept keeps the whole buffer the connection read it into, of
/// 8 KiB at least, and has the connection get itself another.
const PAGE: usize = 4 << 10;

/// What passed through so far. Large chunks are shared with the connection, small ones are gathered.
#[derive(Debug)]
pub(crate) struct Copy {
    chunks: Vec<Bytes>,
    /// What comes after the chunks.
    page: BytesMut,
    bytes: usize,
    share: Share,
    dropped: bool,
}

impl Copy {
    pub(crate) fn new(share: Share) -> Self {
        Self { chunks: Vec::new(), page: BytesMut::new(), bytes: 0, share, dropped: false }
    }

    /// Adds a chunk, or lets go of everything when there is no memory left for recordings.
    pub(crate) fn push(&mut self, chunk: &Bytes) {
        self.bytes += chunk.len();
        if self.dropped || chunk.is_empty() {
            return;
        }
        if self.share.grow(chunk.len()) {
            self.keep(chunk);
        } else {
            metrics::counter!("traceway_proxy_copies_dropped_total").increment(1);
            self.discard();
        }
    }

    fn keep(&mut self, chunk: &Bytes) {
        if chunk.len() > PAGE {
            self.turn();
            self.chunks.push(chunk.clone());
            return;
        }
        if self.page.capacity() - self.page.len() < chunk.len() {
            self.turn();
            self.page = BytesMut::with_capacity(PAGE);
        }
        self.page.extend_from_slice(chunk);
    }

    /// Puts what was gathered with the chunks.
    fn turn(&mut self) {
        if !self.page.is_empty() {
            self.chunks.push(std::mem::take(&mut self.page).freeze());
        }
    }

    /// Lets go of everything, now and later.
    pub(crate) fn discard(&mut self) {
        (self.chunks, self.page) = (Vec::new(), BytesMut::new());
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

    /// Returns everything in order. Pieces need not be those that were added.
    pub(crate) fn chunks(&mut self) -> &[Bytes] {
        self.turn();
        &self.chunks
    }

    /// Lets go of the chunks but not of the memory accounted for them, since something made of them lives on.
    pub(crate) fn into_share(self) -> Share {
        self.share
    }

    /// Returns everything without its content encodings, in one piece of at most `limit` bytes, accounted for like
    /// the chunks.
    pub(crate) fn decoded(&mut self, encodings: &[String], limit: usize) -> Result<Bytes, Undecodable> {
        self.turn();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;

    /// Returns a copy of `chunks`.
    fn copied(chunks: &[Bytes]) -> Copy {
        let mut copy = Copy::new(Budget::new(usize::MAX).share());
        for chunk in chunks {
            copy.push(chunk);
        }
        copy
    }

    #[test]
    fn small_and_large_chunks_stay_in_order() {
        let sizes = [1, PAGE, PAGE + 1, 300, 4_000, 200, 0, 100_000, 7];
        let chunks: Vec<Bytes> = (b'a'..).zip(sizes).map(|(byte, size)| vec![byte; size].into()).collect();
        let mut copy = copied(&chunks);
        assert_eq!(copy.bytes(), sizes.iter().sum::<usize>());
        assert_eq!(copy.chunks().concat(), chunks.concat());
        assert_eq!(copy.decoded(&[], usize::MAX).as_deref(), Ok(chunks.concat().as_slice()));
    }

    #[test]
    fn small_chunks_do_not_hold_the_buffers_they_came_in() {
        let mut buffer = BytesMut::with_capacity(8 << 10);
        buffer.extend_from_slice(b"data: {}\n\n");
        let copy = copied(&[buffer.split().freeze()]);
        assert_eq!(copy.bytes(), 10);
        // Nobody else holds the buffer, so that all of it can be used again.
        assert!(buffer.try_reclaim(8 << 10));
    }
}
