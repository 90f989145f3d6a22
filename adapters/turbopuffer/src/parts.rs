//! Payload parts: each once per project, under its hash.
//!
//! Which parts are there is asked on every write instead of remembered, since another instance may have deleted them.

use std::collections::{HashMap, HashSet};

use trace::ports::StoreError;
use uuid::Uuid;

use crate::client::{Direction, Filter, Key, Operand, Operator, Query, Row, Write};
use crate::ids;
use crate::lanes::Size;
use crate::packed::{pack, pack_bytes, unpack, unpack_bytes};
use crate::schema;
use crate::table::{MOST_IDS, Table};

/// The longest text one row keeps.
const MAX_ROW: usize = 1 << 20;

/// Bytes of rows in one request.
const MAX_REQUEST: usize = 16 << 20;

/// Parts read at once, so that an answer has a size to be kept in memory.
const READ_AT_ONCE: usize = 256;

/// Parts of payloads about to be written, each once.
#[derive(Debug, Default)]
pub(crate) struct NewParts {
    of: HashMap<Uuid, Vec<u8>>,
    bytes: usize,
}

impl NewParts {
    /// Adds bytes and returns the id they are found by.
    pub(crate) fn add(&mut self, bytes: Vec<u8>) -> Uuid {
        let id = ids::part(blake3::hash(&bytes).as_bytes());
        self.bytes += bytes.len();
        self.of.insert(id, bytes);
        id
    }

    /// Adds a text whose id is known.
    pub(crate) fn add_known(&mut self, id: Uuid, text: &str) {
        if !self.of.contains_key(&id) {
            self.bytes += text.len();
            self.of.insert(id, text.as_bytes().to_vec());
        }
    }

    #[cfg(test)]
    pub(crate) fn into_map(self) -> HashMap<Uuid, Vec<u8>> {
        self.of
    }
}

/// The parts of one batch.
#[derive(Debug)]
pub(crate) struct PartsWrite {
    pub(crate) parts: NewParts,
    /// The last day on which they are known to be needed.
    pub(crate) day: u64,
}

impl PartsWrite {
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.of.is_empty()
    }

    pub(crate) fn size(&self) -> Size {
        Size { rows: self.parts.of.len(), bytes: self.parts.bytes }
    }
}

/// Stores the parts of several batches that are not there yet, or that a sweep would take too early.
pub(crate) async fn store(table: &Table, writes: &[PartsWrite]) -> Result<(), StoreError> {
    let mut wanted: HashMap<Uuid, (&[u8], u64)> = HashMap::new();
    for write in writes {
        for (&id, bytes) in &write.parts.of {
            let day = wanted.get(&id).map_or(write.day, |(_, day)| write.day.max(*day));
            wanted.insert(id, (bytes, day));
        }
    }
    let all: Vec<Uuid> = wanted.keys().copied().collect();
    for id in fresh(table, &all, &wanted).await? {
        wanted.remove(&id);
    }
    let (mut rows, mut bytes) = (Vec::new(), 0);
    for (id, (text, day)) in wanted {
        let more = encode(id, text, day);
        let size: usize = more.iter().map(|(size, _)| size).sum();
        if bytes + size > MAX_REQUEST && !rows.is_empty() {
            put(table, &rows).await?;
            (rows, bytes) = (Vec::new(), 0);
        }
        rows.extend(more.into_iter().map(|(_, row)| row));
        bytes += size;
    }
    if rows.is_empty() { Ok(()) } else { put(table, &rows).await }
}

/// Returns which parts are there and will stay long enough.
async fn fresh(
    table: &Table,
    ids: &[Uuid],
    wanted: &HashMap<Uuid, (&[u8], u64)>,
) -> Result<Vec<Uuid>, StoreError> {
    let queries: Vec<Query> = crate::table::by_id(None, ids, &["day"]).collect();
    let mut found = Vec::new();
    for row in table.query(&queries).await?.iter().flat_map(|answer| &answer.rows) {
        let (id, day) = (row.id()?, row.unsigned("day")?);
        if wanted.get(&id).is_some_and(|(_, needed)| day >= *needed) {
            found.push(id);
        }
    }
    Ok(found)
}

async fn put(table: &Table, rows: &[Row]) -> Result<(), StoreError> {
    let older = Filter::Test("day", Operator::Lt, Operand::New("day"));
    table.write(&Write::new(&schema::PARTS).upsert(rows, older)).await.map(drop)
}

/// Returns the rows of a part with their sizes.
fn encode(id: Uuid, bytes: &[u8], day: u64) -> Vec<(usize, Row)> {
    let packed = match std::str::from_utf8(bytes) {
        Ok(text) if text.len() < MAX_ROW => pack(text),
        _ => pack_bytes(bytes),
    };
    // Base64 may be cut anywhere; what is not base64 is shorter than a row.
    let pieces: Vec<&str> = if packed.len() <= MAX_ROW {
        vec![&packed]
    } else {
        (0..packed.len()).step_by(MAX_ROW).map(|at| &packed[at..packed.len().min(at + MAX_ROW)]).collect()
    };
    let of = pieces.len() as u64;
    let row = |(n, piece): (u64, &str)| {
        let mut row = Row::new(ids::chunk(id, n));
        row.set("day", day);
        row.set("of", of);
        row.set("data", piece);
        (piece.len() + 64, row)
    };
    (0..).zip(pieces).map(row).collect()
}

/// Parts read back.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    of: HashMap<Uuid, Vec<u8>>,
}

impl Parts {
    /// Returns the text of a part.
    pub(crate) fn text(&self, id: Uuid) -> Option<&str> {
        std::str::from_utf8(self.of.get(&id)?).ok()
    }

    /// Returns the bytes of a part.
    pub(crate) fn bytes(&self, id: Uuid) -> Result<&[u8], StoreError> {
        let bytes = self.of.get(&id).map(Vec::as_slice);
        bytes.ok_or_else(|| StoreError::corrupt("payload", format!("part {id} is missing")))
    }

    /// Reads parts that are not here yet.
    pub(crate) async fn load(&mut self, table: &Table, ids: HashSet<Uuid>) -> Result<(), StoreError> {
        let missing: Vec<Uuid> = ids.into_iter().filter(|id| !self.of.contains_key(id)).collect();
        let mut long = Vec::new();
        for ids in missing.chunks(READ_AT_ONCE) {
            for mut row in read(table, ids).await? {
                let id = row.id()?;
                let data = row.take_text("data").unwrap_or_default();
                match row.unsigned("of")? {
                    0 | 1 => {
                        self.of.insert(id, unpacked(&data)?);
                    }
                    of => long.push((id, of, data)),
                }
            }
        }
        for (id, of, first) in long {
            let data = rest(table, id, of, first).await?;
            self.of.insert(id, unpacked(&data)?);
        }
        Ok(())
    }
}

/// Returns the data of a part that takes several rows.
async fn rest(table: &Table, id: Uuid, of: u64, first: String) -> Result<String, StoreError> {
    let chunks: Vec<Uuid> = (1..of).map(|n| ids::chunk(id, n)).collect();
    let mut data = HashMap::new();
    for ids in chunks.chunks(16) {
        for mut row in read(table, ids).await? {
            data.insert(row.id()?, row.take_text("data").unwrap_or_default());
        }
    }
    let mut whole = first;
    for chunk in chunks {
        let piece = data.get(&chunk);
        whole +=
            piece.ok_or_else(|| StoreError::corrupt("payload", format!("a piece of {id} is missing")))?;
    }
    Ok(whole)
}

async fn read(table: &Table, ids: &[Uuid]) -> Result<Vec<Row>, StoreError> {
    let filter = Filter::one_of("id", ids.iter().copied());
    table.rows(Query::rows(filter, vec![Key("id", Direction::Asc)], MOST_IDS, vec!["of", "data"])).await
}

fn unpacked(data: &str) -> Result<Vec<u8>, StoreError> {
    if data.starts_with('z') { unpack_bytes(data) } else { unpack(data).map(String::into_bytes) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_long_part_takes_several_rows_that_join_again() {
        let noise: Vec<u8> =
            (0..60_000_u64).flat_map(|n| *blake3::hash(&n.to_le_bytes()).as_bytes()).collect();
        let id = Uuid::from_u128(5);
        let rows = encode(id, &noise, 9);
        assert_eq!((rows.len(), rows[0].1.id().unwrap()), (3, id));
        let data: String = rows.iter().map(|(_, row)| row.text("data").unwrap()).collect();
        assert_eq!(unpacked(&data).unwrap(), noise);
        assert_eq!(unpacked(encode(id, b"short", 9)[0].1.text("data").unwrap()).unwrap(), b"short");
    }
}
