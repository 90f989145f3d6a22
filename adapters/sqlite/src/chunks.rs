//! Chunks of payload parts as the writer stores them, and lets go of them.

use std::collections::{BTreeMap, HashMap, HashSet};

use sqlx::sqlite::SqliteRow;
use trace::ports::StoreError;

use crate::parts::{Chunk, Hash, Known, Place, Side, Wanted, read_chunk, read_hashes};
use crate::payloads;
use crate::session::Session;
use crate::sql::{Insert, Value, arguments, column, json_array, unavailable};

/// The parts of a chunk, by hash.
type Parts = Vec<(Hash, String)>;

/// No trace has this row.
const NO_TRACE: i64 = 0;

const CHUNKS: Insert = Insert { head: "INSERT INTO chunks (id, hashes, data) VALUES", columns: 3, tail: "" };

const USES: Insert = Insert {
    head: "INSERT INTO chunk_traces (trace, chunk, uses) VALUES",
    columns: 3,
    tail: "ON CONFLICT (trace, chunk) DO UPDATE SET uses = uses | excluded.uses",
};

/// The chunks of a group of batches that are to be stored, and which parts which trace uses.
#[derive(Default)]
pub(crate) struct NewChunks {
    /// Where the chunks of each batch begin, once a stored payload needed them.
    placed: HashMap<(usize, u32), i64>,
    rows: Vec<Value>,
    /// By trace and chunk, in the order of the table.
    uses: BTreeMap<(i64, i64), i64>,
}

impl NewChunks {
    /// Returns the bytes to store of a side of a span, whose batch brought `chunks`.
    pub(crate) fn number(
        &mut self,
        session: &mut Session,
        (project, trace): (i64, i64),
        (batch, chunks): (usize, &[Chunk]),
        side: &Side,
    ) -> Result<Vec<u8>, StoreError> {
        side.number(|wanted| {
            let (hash, place) = match wanted {
                Wanted::New { chunk, index } => {
                    let first = self.place(session, (batch, chunk), chunks);
                    (chunks[chunk as usize].hashes[usize::from(index)], Place { chunk: first, index })
                }
                Wanted::Known { hash, text } => match session.recent.get(project, hash) {
                    Some(known) if known.trace == trace => return known.place,
                    Some(known) => (*hash, known.place),
                    // Forgotten or deleted since the caller looked.
                    None => {
                        let chunk = self.add(session, &Chunk::of(&[(*hash, text)]));
                        (*hash, Place { chunk, index: 0 })
                    }
                },
            };
            // Known to be used by the trace only together with the note that it is: what a batch brings for a
            // span that is not stored, nobody uses.
            *self.uses.entry((trace, place.chunk)).or_default() |= place.bit();
            session.recent.put(project, hash, Known { place, trace });
            place
        })
    }

    /// Returns the number of a chunk of a batch, giving it one when it is needed first.
    fn place(&mut self, session: &mut Session, key: (usize, u32), chunks: &[Chunk]) -> i64 {
        if let Some(first) = self.placed.get(&key) {
            return *first;
        }
        let first = self.add(session, &chunks[key.1 as usize]);
        self.placed.insert(key, first);
        first
    }

    fn add(&mut self, session: &mut Session, chunk: &Chunk) -> i64 {
        let first = session.part_numbers(chunk.len());
        self.rows.extend([first.into(), chunk.stored_hashes().into(), chunk.packed.clone().into()]);
        first
    }

    /// Writes the chunks and their uses.
    pub(crate) async fn store(self, session: &mut Session) -> Result<(), StoreError> {
        CHUNKS.run(&mut session.connection, self.rows).await.map_err(unavailable)?;
        let uses = self.uses.into_iter();
        let uses = uses.flat_map(|((trace, chunk), uses)| [trace, chunk, uses].map(Value::from)).collect();
        USES.run(&mut session.connection, uses).await.map_err(unavailable)
    }
}

impl Session {
    /// Lets go of parts that spans of a trace no longer use; those that other spans of it use stay.
    pub(crate) async fn release_parts(
        &mut self,
        project: i64,
        trace: i64,
        mut parts: HashSet<i64>,
    ) -> Result<(), StoreError> {
        if parts.is_empty() {
            return Ok(());
        }
        let rest: Vec<i64> = sqlx::query_scalar("SELECT row FROM spans WHERE trace = ?1")
            .bind(trace)
            .fetch_all(&mut self.connection)
            .await
            .map_err(unavailable)?;
        for used in payloads::parts_of(&mut self.connection, &rest).await? {
            parts.remove(&used);
        }
        if parts.is_empty() {
            return Ok(());
        }
        let parts: Vec<i64> = parts.into_iter().collect();
        let places: Vec<(i64, i64)> =
            sqlx::query_as("SELECT value, (SELECT max(id) FROM chunks WHERE id <= value) FROM json_each(?1)")
                .bind(serde_json::to_string(&parts).unwrap_or_default())
                .fetch_all(&mut self.connection)
                .await
                .map_err(unavailable)?;
        let mut gone: BTreeMap<i64, i64> = BTreeMap::new();
        for (part, chunk) in places {
            *gone.entry(chunk).or_default() |=
                1_i64.checked_shl(u32::try_from(part - chunk).unwrap_or(63)).unwrap_or(0);
        }
        let pairs: Vec<(i64, i64)> = gone.iter().map(|(chunk, bits)| (*chunk, *bits)).collect();
        for sql in [
            "UPDATE chunk_traces SET uses = uses & ~(SELECT value ->> 1 FROM json_each(?2) WHERE value ->> 0 = chunk)
             WHERE trace = ?1 AND chunk IN (SELECT value ->> 0 FROM json_each(?2))",
            "DELETE FROM chunk_traces WHERE trace = ?1 AND uses = 0
             AND chunk IN (SELECT value ->> 0 FROM json_each(?2))",
        ] {
            let values = arguments([trace.into(), json_array(&pairs)]);
            let done = sqlx::query_with(sql, values).execute(&mut self.connection).await;
            done.map_err(unavailable)?;
        }
        self.settle(project, gone.into_keys().collect()).await
    }

    /// Lets go of all parts of traces that are about to be deleted.
    pub(crate) async fn release_traces(&mut self, project: i64, traces: &[i64]) -> Result<(), StoreError> {
        let sql = "DELETE FROM chunk_traces WHERE trace IN (SELECT value FROM json_each(?)) RETURNING chunk";
        let chunks: Vec<i64> = sqlx::query_scalar_with(sql, arguments([json_array(traces)]))
            .fetch_all(&mut self.connection)
            .await
            .map_err(unavailable)?;
        self.settle(project, chunks).await
    }

    /// Brings chunks in line with who still uses them: parts nobody uses go, and with the last one the chunk.
    async fn settle(&mut self, project: i64, mut chunks: Vec<i64>) -> Result<(), StoreError> {
        chunks.sort_unstable();
        chunks.dedup();
        for step in chunks.chunks(200) {
            self.settle_step(project, step).await?;
        }
        Ok(())
    }

    async fn settle_step(&mut self, project: i64, chunks: &[i64]) -> Result<(), StoreError> {
        let list = || arguments([json_array(chunks)]);
        let sql = "SELECT chunk, uses FROM chunk_traces WHERE chunk IN (SELECT value FROM json_each(?))";
        let rows: Vec<(i64, i64)> =
            sqlx::query_as_with(sql, list()).fetch_all(&mut self.connection).await.map_err(unavailable)?;
        let mut used: HashMap<i64, i64> = HashMap::new();
        for (chunk, uses) in rows {
            *used.entry(chunk).or_default() |= uses;
        }
        let sql = "SELECT id, hashes, data FROM chunks WHERE id IN (SELECT value FROM json_each(?))";
        let rows: Vec<SqliteRow> =
            sqlx::query_with(sql, list()).fetch_all(&mut self.connection).await.map_err(unavailable)?;
        let (mut dead, mut rewritten) = (Vec::new(), Vec::new());
        for row in &rows {
            let (id, hashes): (i64, &[u8]) = (column(row, 0)?, column(row, 1)?);
            let still = used.get(&id).copied().unwrap_or(0);
            for (index, hash) in (0_u8..).zip(read_hashes(hashes)) {
                self.forget_part(project, &hash, Place { chunk: id, index }, still);
            }
            let end = id + i64::try_from(hashes.len() / 16).unwrap_or(0) - 1;
            if still == 0 {
                dead.push((id, end));
                continue;
            }
            let mut texts = read_chunk(column(row, 2)?)?;
            let mut shrunk = false;
            for (index, text) in (0_u8..).zip(&mut texts) {
                if still & (Place { chunk: id, index }).bit() == 0 && !text.is_empty() {
                    text.clear();
                    shrunk = true;
                }
            }
            if shrunk {
                rewritten.push((id, end, read_hashes(hashes).zip(texts).collect()));
            }
        }
        self.delete_chunks(&dead).await?;
        self.rewrite_chunks(rewritten).await
    }

    /// Forgets a part that is gone. One that stays is to be noted again at its next use, wherever that is.
    fn forget_part(&mut self, project: i64, hash: &Hash, place: Place, uses: i64) {
        if self.recent.get(project, hash).is_none_or(|known| known.place != place) {
            return;
        }
        self.recent.remove(project, hash);
        if uses & place.bit() != 0 {
            self.recent.put(project, *hash, Known { place, trace: NO_TRACE });
        }
    }

    async fn delete_chunks(&mut self, chunks: &[(i64, i64)]) -> Result<(), StoreError> {
        if chunks.is_empty() {
            return Ok(());
        }
        self.mark_chunks(chunks).await?;
        let sql = "DELETE FROM chunks WHERE id IN (SELECT value ->> 0 FROM json_each(?))";
        let done = sqlx::query_with(sql, arguments([json_array(chunks)]));
        done.execute(&mut self.connection).await.map(drop).map_err(unavailable)
    }

    /// Has the text index read chunks anew, each given by its first and last part.
    async fn mark_chunks(&mut self, chunks: &[(i64, i64)]) -> Result<(), StoreError> {
        let sql = "INSERT INTO text_chunks (row, last, times)
             SELECT value ->> 0, value ->> 1, 1 FROM json_each(?) WHERE true
             ON CONFLICT (row) DO UPDATE SET times = times + 1";
        let done = sqlx::query_with(sql, arguments([json_array(chunks)]));
        done.execute(&mut self.connection).await.map(drop).map_err(unavailable)
    }

    async fn rewrite_chunks(&mut self, chunks: Vec<(i64, i64, Parts)>) -> Result<(), StoreError> {
        if chunks.is_empty() {
            return Ok(());
        }
        let marked: Vec<(i64, i64)> = chunks.iter().map(|(id, last, _)| (*id, *last)).collect();
        self.mark_chunks(&marked).await?;
        for (id, _, parts) in chunks {
            let borrowed: Vec<_> = parts.iter().map(|(hash, text)| (*hash, text.as_str())).collect();
            let values = arguments([Chunk::of(&borrowed).packed.into(), id.into()]);
            let done = sqlx::query_with("UPDATE chunks SET data = ? WHERE id = ?", values);
            done.execute(&mut self.connection).await.map_err(unavailable)?;
        }
        Ok(())
    }
}
