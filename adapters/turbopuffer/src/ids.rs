//! Ids of rows, made from what they stand for, so that writing twice is writing once.

use trace::id::{SpanId, TraceId};
use uuid::Uuid;

/// The name space of our ids inside that of version 5 ids.
const OURS: Uuid = Uuid::from_u128(0x7472_6163_6577_6179_2d74_7075_662d_6964);

/// Returns the id of a trace's row, which also joins its spans to it.
pub(crate) fn trace(id: &TraceId) -> Uuid {
    Uuid::new_v5(&OURS, format!("t{id}").as_bytes())
}

/// Returns the id of a span's row: span ids are unique inside their trace only.
pub(crate) fn span(trace: &TraceId, id: &SpanId) -> Uuid {
    // No id has a slash in it.
    Uuid::new_v5(&OURS, format!("s{trace}/{id}").as_bytes())
}

/// Returns the id of a payload part's first row.
pub(crate) fn part(hash: &[u8; 32]) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Uuid::new_v8(bytes)
}

/// Returns the id of the `n`-th row of a part that takes several.
pub(crate) fn chunk(part: Uuid, n: u64) -> Uuid {
    if n == 0 { part } else { Uuid::new_v5(&part, &n.to_le_bytes()) }
}
