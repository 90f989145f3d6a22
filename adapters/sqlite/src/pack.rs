//! Small texts as stored bytes: compressed where that pays.

use std::cell::RefCell;

use trace::ports::StoreError;
use zstd::bulk::{Compressor, Decompressor};

/// Texts shorter than this do not get smaller.
const COMPRESS_FROM: usize = 96;

/// The level that costs about as much time as hashing.
const LEVEL: i32 = 1;

const RAW: u8 = 0;
const ZSTD: u8 = 1;

/// Larger than anything the handlers let in; a stored size beyond it is damage.
const MAX_TEXT: usize = 1 << 30;

thread_local! {
    // Making one costs more than compressing a message with it.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = RefCell::new(compressor());
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = RefCell::new(Decompressor::new().ok());
}

fn compressor() -> Option<Compressor<'static>> {
    let mut compressor = Compressor::new(LEVEL).ok()?;
    // The size stands before the frame, and SQLite keeps no bytes it was not given.
    compressor.include_contentsize(false).ok()?;
    compressor.include_checksum(false).ok()?;
    Some(compressor)
}

/// Returns `bytes` compressed where that makes them smaller, behind a byte that says so.
pub(crate) fn pack(bytes: &[u8]) -> Vec<u8> {
    if bytes.len() >= COMPRESS_FROM
        && let Some(small) =
            COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(bytes).ok())
        && small.len() + 4 < bytes.len()
    {
        let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
        return [&[ZSTD], size.as_slice(), &small].concat();
    }
    [&[RAW], bytes].concat()
}

/// Returns what was packed.
pub(crate) fn unpack(packed: &[u8]) -> Result<Vec<u8>, StoreError> {
    match packed {
        [RAW, bytes @ ..] => Ok(bytes.to_vec()),
        [ZSTD, a, b, c, d, bytes @ ..] => {
            let size = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
            let unpacked = DECOMPRESSOR.with_borrow_mut(|decompressor| match decompressor {
                Some(decompressor) => decompressor.decompress(bytes, size.min(MAX_TEXT)),
                None => zstd::bulk::decompress(bytes, size.min(MAX_TEXT)),
            });
            let whole = |bytes: &Vec<u8>| bytes.len() == size;
            unpacked.ok().filter(whole).ok_or_else(|| StoreError::corrupt("payload", "not as long as it was"))
        }
        _ => Err(StoreError::corrupt("payload", "unknown encoding")),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn bytes_come_back_and_long_ones_get_smaller() {
        for length in [0, 1, 95, 96, 97, 10_000, 1_000_000] {
            let bytes: Vec<u8> = "the same words again ".bytes().cycle().take(length).collect();
            let packed = pack(&bytes);
            assert_eq!(unpack(&packed).unwrap(), bytes);
            assert!(length < 96 || packed.len() < length);
        }
    }

    #[test]
    fn damaged_bytes_are_corrupt_and_never_a_panic() {
        for bytes in [&[][..], &[7], &[1], &[1, 0, 0, 0], &[1, 255, 255, 255, 255, 1, 2, 3], &[1, 1, 0, 0, 0]]
        {
            assert!(matches!(unpack(bytes), Err(StoreError::Corrupt { .. })), "{bytes:?}");
        }
    }
}
