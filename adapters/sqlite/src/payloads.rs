use std::collections::HashMap;

use sqlx::SqlitePool;
use sqlx::sqlite::SqliteRow;
use trace::json::Json;
use trace::ports::StoreError;
use trace::span::Payload;

use crate::sql::{column, unavailable};

/// Texts shorter than this do not get smaller.
const COMPRESS_FROM: usize = 128;

const RAW: u8 = 0;
const ZSTD: u8 = 1;

/// Larger than anything the handlers let in; a stored size beyond it is damage.
const MAX_TEXT: usize = 1 << 30;

/// One encoded side of a payload.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Side(pub(crate) Vec<u8>);

impl Side {
    pub(crate) fn encode(json: &Json) -> Self {
        Self(pack(json.as_str().as_bytes()))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Json, StoreError> {
        let text =
            String::from_utf8(unpack(bytes)?).map_err(|error| StoreError::corrupt("payload", error))?;
        Json::from_compact(text).map_err(|error| StoreError::corrupt("payload", error))
    }
}

/// Returns `bytes` compressed where that makes them smaller, behind a byte that says so.
pub(crate) fn pack(bytes: &[u8]) -> Vec<u8> {
    if bytes.len() >= COMPRESS_FROM
        && let Ok(small) = zstd::bulk::compress(bytes, 1)
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
            zstd::bulk::decompress(bytes, size.min(MAX_TEXT))
                .map_err(|error| StoreError::corrupt("payload", error))
        }
        _ => Err(StoreError::corrupt("payload", "unknown encoding")),
    }
}

/// Returns the payloads of spans by their rows; one without a payload is missing.
pub(crate) async fn of_rows(pool: &SqlitePool, rows: &[i64]) -> Result<HashMap<i64, Payload>, StoreError> {
    let found: Vec<SqliteRow> =
        sqlx::query("SELECT row, input, output FROM payloads WHERE row IN (SELECT value FROM json_each(?))")
            .bind(serde_json::to_string(rows).unwrap_or_default())
            .fetch_all(pool)
            .await
            .map_err(unavailable)?;
    let mut payloads = HashMap::with_capacity(found.len());
    for row in &found {
        let side = |index| column::<Option<&[u8]>>(row, index)?.map(Side::decode).transpose();
        payloads.insert(column(row, 0)?, Payload { input: side(1)?, output: side(2)? });
    }
    Ok(payloads)
}
