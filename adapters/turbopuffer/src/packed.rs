//! Texts as attributes that no index sees: short ones as they are, long ones compressed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use trace::ports::StoreError;

/// Shorter texts do not get shorter.
const MIN_PACKED: usize = 256;

const LEVEL: i32 = 3;

const PLAIN: char = 't';
const ZSTD: char = 'z';

/// Returns a text ready to be stored.
pub(crate) fn pack(text: &str) -> String {
    if text.len() >= MIN_PACKED {
        let packed = pack_bytes(text.as_bytes());
        if packed.len() < text.len() {
            return packed;
        }
    }
    format!("{PLAIN}{text}")
}

/// Returns bytes ready to be stored.
pub(crate) fn pack_bytes(bytes: &[u8]) -> String {
    let compressed = zstd::bulk::compress(bytes, LEVEL).expect("compressing into memory does not fail");
    let mut packed = String::with_capacity(compressed.len() * 4 / 3 + 8);
    packed.push(ZSTD);
    BASE64.encode_string(compressed, &mut packed);
    packed
}

/// Returns the text that was stored.
pub(crate) fn unpack(stored: &str) -> Result<String, StoreError> {
    match stored.strip_prefix(PLAIN) {
        Some(text) => Ok(text.to_owned()),
        None => String::from_utf8(unpack_bytes(stored)?).map_err(corrupt),
    }
}

/// Returns the bytes that were stored.
pub(crate) fn unpack_bytes(stored: &str) -> Result<Vec<u8>, StoreError> {
    let coded = stored.strip_prefix(ZSTD).ok_or_else(|| corrupt("an unknown encoding"))?;
    let compressed = BASE64.decode(coded).map_err(corrupt)?;
    zstd::stream::decode_all(&compressed[..]).map_err(corrupt)
}

fn corrupt(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::corrupt("text", error)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn texts_of_any_length_come_back() {
        for text in [String::new(), "zebra".to_owned(), "é🦀".repeat(1_000), "a".repeat(255)] {
            let packed = pack(&text);
            assert_eq!(unpack(&packed).unwrap(), text);
            assert!(packed.len() <= text.len() + 1);
        }
        assert!(unpack("x").is_err() && unpack("").is_err() && unpack("z!").is_err());
    }
}
