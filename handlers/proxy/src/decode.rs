//! Undoing content encodings of recorded copies.

use std::io::{self, Read};

use bytes::Bytes;

/// A body cannot be decoded for recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Undecodable {
    #[error("the content encoding is not known")]
    Unknown,
    #[error("the body is not encoded as it says")]
    Mistaken,
    #[error("the decoded body is too large")]
    TooLarge,
    #[error("no memory is left for recordings")]
    NoMemory,
}

/// Returns the decoded chunks, at most `limit` bytes. `encodings` are in the order they were applied.
///
/// `grow` is asked before more bytes are held. A body that broke off gives what can be decoded of it.
pub(crate) fn decode(
    chunks: &[Bytes],
    encodings: &[String],
    limit: usize,
    mut grow: impl FnMut(usize) -> bool,
) -> Result<Vec<u8>, Undecodable> {
    let mut reader: Box<dyn Read + '_> = Box::new(Chunks { chunks, at: 0 });
    for encoding in encodings.iter().rev() {
        reader = match encoding.as_str() {
            "identity" => reader,
            "gzip" | "x-gzip" => Box::new(flate2::read::MultiGzDecoder::new(reader)),
            "deflate" => Box::new(Deflate::new(reader)),
            "br" => Box::new(brotli::Decompressor::new(reader, 16 * 1024)),
            "zstd" => Box::new(zstd::Decoder::new(reader).map_err(|_| Undecodable::Unknown)?),
            _ => return Err(Undecodable::Unknown),
        };
    }
    let mut decoded = Vec::new();
    let mut piece = vec![0; 32 * 1024];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(decoded),
            Ok(read) if decoded.len() + read > limit => return Err(Undecodable::TooLarge),
            Ok(read) if !grow(read) => return Err(Undecodable::NoMemory),
            Ok(read) => decoded.extend_from_slice(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_mistaken(&error, &decoded, chunks) => return Err(Undecodable::Mistaken),
            Err(_) => return Ok(decoded),
        }
    }
}

/// Returns whether a body that fails to decode was never encoded so, rather than broken off: it is text, which nothing
/// encoded is, or nothing of it can be decoded.
fn is_mistaken(error: &io::Error, decoded: &[u8], chunks: &[Bytes]) -> bool {
    let broke_off = error.kind() == io::ErrorKind::UnexpectedEof;
    !chunks.is_empty() && (is_text(chunks) || (decoded.is_empty() && !broke_off))
}

/// Returns whether chunks begin as text does; the first may end in the middle of a character.
fn is_text(chunks: &[Bytes]) -> bool {
    let first = chunks.iter().find(|chunk| !chunk.is_empty()).map_or(&[][..], |chunk| chunk);
    let text = match std::str::from_utf8(first) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&first[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(|character| !character.is_control() || character.is_whitespace())
}

/// Chunks read one after another.
struct Chunks<'a> {
    chunks: &'a [Bytes],
    at: usize,
}

impl Read for Chunks<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while let Some(chunk) = self.chunks.first() {
            let rest = &chunk[self.at..];
            if rest.is_empty() {
                self.chunks = &self.chunks[1..];
                self.at = 0;
                continue;
            }
            let read = rest.len().min(out.len());
            out[..read].copy_from_slice(&rest[..read]);
            self.at += read;
            return Ok(read);
        }
        Ok(0)
    }
}

/// `deflate` is meant to be zlib, but some servers send it raw; the first two bytes tell.
enum Deflate<R: Read> {
    Unread(Option<R>),
    Zlib(flate2::read::ZlibDecoder<io::Chain<io::Cursor<Vec<u8>>, R>>),
    Raw(flate2::read::DeflateDecoder<io::Chain<io::Cursor<Vec<u8>>, R>>),
}

impl<R: Read> Deflate<R> {
    fn new(reader: R) -> Self {
        Self::Unread(Some(reader))
    }
}

impl<R: Read> Read for Deflate<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Self::Unread(reader) = self {
            let Some(mut reader) = reader.take() else { return Ok(0) };
            let mut start = Vec::with_capacity(2);
            reader.by_ref().take(2).read_to_end(&mut start)?;
            let is_zlib = matches!(start[..], [first, second] if first & 0x0f == 8
                && (u16::from(first) << 8 | u16::from(second)) % 31 == 0);
            let whole = io::Cursor::new(start).chain(reader);
            *self = if is_zlib {
                Self::Zlib(flate2::read::ZlibDecoder::new(whole))
            } else {
                Self::Raw(flate2::read::DeflateDecoder::new(whole))
            };
        }
        match self {
            Self::Unread(_) => Ok(0),
            Self::Zlib(decoder) => decoder.read(out),
            Self::Raw(decoder) => decoder.read(out),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] = b"data: {\"a\":1}\n\ndata: {\"a\":1}\n\ndata: {\"a\":1}\n\n";

    fn encoded(encoding: &str) -> Vec<u8> {
        let level = flate2::Compression::default();
        match encoding {
            "gzip" => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(TEXT).unwrap();
                encoder.finish().unwrap()
            }
            "deflate" => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(TEXT).unwrap();
                encoder.finish().unwrap()
            }
            "raw" => {
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
                encoder.write_all(TEXT).unwrap();
                encoder.finish().unwrap()
            }
            "br" => {
                let mut out = Vec::new();
                brotli::CompressorWriter::new(&mut out, 4096, 5, 20).write_all(TEXT).unwrap();
                out
            }
            "zstd" => zstd::encode_all(TEXT, 3).unwrap(),
            _ => TEXT.to_vec(),
        }
    }

    fn decoded(chunks: &[Bytes], encodings: &[String], limit: usize) -> Result<Vec<u8>, Undecodable> {
        decode(chunks, encodings, limit, |_| true)
    }

    fn chunks(bytes: &[u8]) -> Vec<Bytes> {
        bytes.chunks(3).map(Bytes::copy_from_slice).collect()
    }

    fn words(encodings: &[&str]) -> Vec<String> {
        encodings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_encoding_is_undone() {
        for (encoding, header) in [
            ("gzip", "gzip"),
            ("deflate", "deflate"),
            ("raw", "deflate"),
            ("br", "br"),
            ("zstd", "zstd"),
            ("", "identity"),
        ] {
            let decoded = decoded(&chunks(&encoded(encoding)), &words(&[header]), 1000);
            assert_eq!(decoded.as_deref(), Ok(TEXT), "{encoding}");
        }
        assert_eq!(decoded(&chunks(TEXT), &[], 1000).as_deref(), Ok(TEXT));
    }

    #[test]
    fn encodings_are_undone_in_reverse_order() {
        let twice = zstd::encode_all(&encoded("gzip")[..], 3).unwrap();
        assert_eq!(decoded(&chunks(&twice), &words(&["gzip", "zstd"]), 1000).as_deref(), Ok(TEXT));
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let bomb = zstd::encode_all(&vec![0; 10_000_000][..], 3).unwrap();
        assert!(bomb.len() < 10_000);
        assert_eq!(decoded(&chunks(&bomb), &words(&["zstd"]), 1_000_000), Err(Undecodable::TooLarge));
        assert_eq!(decoded(&chunks(TEXT), &words(&["compress"]), 1000), Err(Undecodable::Unknown));
    }

    #[test]
    fn no_more_is_decoded_than_there_is_memory_for() {
        let packed = zstd::encode_all(&vec![0; 10_000_000][..], 3).unwrap();
        let mut left = 100_000_usize;
        let grow = |more| {
            let rest = left.checked_sub(more);
            left = rest.unwrap_or(left);
            rest.is_some()
        };
        let decoded = decode(&chunks(&packed), &words(&["zstd"]), 20_000_000, grow);
        assert_eq!(decoded, Err(Undecodable::NoMemory));
    }

    #[test]
    fn a_broken_body_gives_what_came() {
        let whole = encoded("gzip");
        let start = decoded(&chunks(&whole[..whole.len() - 8]), &words(&["gzip"]), 1000).unwrap();
        assert!(TEXT.starts_with(&start));
        assert!(decoded(&[], &words(&["br"]), 1000).unwrap().is_empty());
    }

    #[test]
    fn a_body_that_is_not_encoded_as_it_says_is_told_apart() {
        for encoding in ["gzip", "br", "zstd", "deflate"] {
            for body in [&b"{\"error\":\"no such model\"}"[..], b"not found", TEXT] {
                let whole = [Bytes::copy_from_slice(body)];
                let decoded = decoded(&whole, &words(&[encoding]), 1000);
                assert_eq!(
                    decoded,
                    Err(Undecodable::Mistaken),
                    "{encoding} {}",
                    String::from_utf8_lossy(body)
                );
            }
        }
        assert_eq!(
            decoded(&chunks(b"\x00\xff garbage"), &words(&["gzip"]), 1000),
            Err(Undecodable::Mistaken)
        );
    }
}
