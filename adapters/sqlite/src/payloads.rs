use std::collections::{HashMap, HashSet};

use sqlx::sqlite::SqliteRow;
use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};
use trace::json::Json;
use trace::payload::Stored;
use trace::ports::{SpanKey, StoreError};
use trace::span::Payload;

use crate::aside::aside;
use crate::pack::unpack;
use crate::parts::read_chunk;
use crate::sql::{column, unavailable};

/// How much more a chunk is when it is unpacked, about.
const EXPANDED: usize = 4;

/// A payload as stored: its skeletons.
struct Skeletons {
    /// Whose it is, in the words of the query: the row of the span, or its place among the keys.
    of: i64,
    input: Option<Vec<u8>>,
    output: Option<Vec<u8>>,
}

/// Returns the payloads of spans by their rows; one without a payload is missing.
pub(crate) async fn of_rows(pool: &SqlitePool, rows: &[i64]) -> Result<HashMap<i64, Payload>, StoreError> {
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let mut snapshot = pool.begin().await.map_err(unavailable)?;
    let skeletons = skeletons(&mut snapshot, rows).await?;
    Ok(joined(snapshot, skeletons).await?.into_iter().collect())
}

/// Returns the payloads of spans of a project, in the order of the keys; one without a payload is empty.
pub(crate) async fn of_keys(
    pool: &SqlitePool,
    project: i64,
    keys: &[SpanKey],
) -> Result<Vec<Payload>, StoreError> {
    let mut payloads = vec![Payload::default(); keys.len()];
    if keys.is_empty() {
        return Ok(payloads);
    }
    let keys: Vec<_> = keys.iter().map(|key| (&key.trace_id, &key.span_id)).collect();
    let mut snapshot = pool.begin().await.map_err(unavailable)?;
    let found: Vec<SqliteRow> = sqlx::query(
        "SELECT k.key, p.input, p.output FROM json_each(?2) k
         CROSS JOIN spans s ON s.project = ?1 AND s.id = k.value ->> 1
         CROSS JOIN traces t ON t.row = s.trace AND t.id = k.value ->> 0
         CROSS JOIN payloads p ON p.row = s.row",
    )
    .bind(project)
    .bind(serde_json::to_string(&keys).unwrap_or_default())
    .fetch_all(&mut *snapshot)
    .await
    .map_err(unavailable)?;
    let skeletons = found.iter().map(Skeletons::read).collect::<Result<_, _>>()?;
    for (place, payload) in joined(snapshot, skeletons).await? {
        if let Some(slot) = usize::try_from(place).ok().and_then(|place| payloads.get_mut(place)) {
            *slot = payload;
        }
    }
    Ok(payloads)
}

/// Joins skeletons with the texts of their parts.
///
/// They were read in `snapshot`: a part must not be deleted between the reading of its payload and its own.
async fn joined(
    mut snapshot: Transaction<'_, Sqlite>,
    skeletons: Vec<Skeletons>,
) -> Result<Vec<(i64, Payload)>, StoreError> {
    let mut wanted = HashSet::new();
    for skeleton in skeletons.iter().flat_map(Skeletons::sides) {
        wanted.extend(decode(skeleton)?.ids());
    }
    let wanted: Vec<u64> = wanted.into_iter().collect();
    let chunks = chunks_of(&mut snapshot, &wanted).await?;
    snapshot.commit().await.map_err(unavailable)?;
    let packed: usize = chunks.iter().map(|(_, data)| data.len()).sum();
    let bytes = skeletons.iter().flat_map(Skeletons::sides).map(Vec::len).sum::<usize>() + EXPANDED * packed;
    aside(bytes, move || {
        let parts = texts(&chunks)?;
        let payload = |found: &Skeletons| {
            let join = |side: &Option<Vec<u8>>| side.as_ref().map(|side| join(side, &parts)).transpose();
            Ok((found.of, Payload { input: join(&found.input)?, output: join(&found.output)? }))
        };
        skeletons.iter().map(payload).collect()
    })
    .await?
}

impl Skeletons {
    /// Reads whose they are, then the input's and the output's.
    fn read(row: &SqliteRow) -> Result<Self, StoreError> {
        let side = |index| column::<Option<&[u8]>>(row, index)?.map(unpack).transpose();
        Ok(Self { of: column(row, 0)?, input: side(1)?, output: side(2)? })
    }

    fn sides(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.input.iter().chain(&self.output)
    }
}

async fn skeletons(connection: &mut SqliteConnection, rows: &[i64]) -> Result<Vec<Skeletons>, StoreError> {
    let found: Vec<SqliteRow> =
        sqlx::query("SELECT row, input, output FROM payloads WHERE row IN (SELECT value FROM json_each(?))")
            .bind(serde_json::to_string(rows).unwrap_or_default())
            .fetch_all(connection)
            .await
            .map_err(unavailable)?;
    found.iter().map(Skeletons::read).collect()
}

fn decode(skeleton: &[u8]) -> Result<Stored<'_>, StoreError> {
    Stored::decode(skeleton).map_err(|error| StoreError::corrupt("payload", error))
}

/// Returns the chunks that hold parts, each with its number.
async fn chunks_of(
    connection: &mut SqliteConnection,
    parts: &[u64],
) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "SELECT id, data FROM chunks WHERE id IN
         (SELECT (SELECT max(id) FROM chunks WHERE id <= value) FROM json_each(?))",
    )
    .bind(serde_json::to_string(parts).unwrap_or_default())
    .fetch_all(connection)
    .await
    .map_err(unavailable)
}

/// Returns the texts of the parts of chunks.
fn texts(chunks: &[(i64, Vec<u8>)]) -> Result<HashMap<u64, String>, StoreError> {
    let mut texts = HashMap::new();
    for (first, data) in chunks {
        texts.extend((first.cast_unsigned()..).zip(read_chunk(data)?));
    }
    Ok(texts)
}

fn join(skeleton: &[u8], parts: &HashMap<u64, String>) -> Result<Json, StoreError> {
    let joined = decode(skeleton)?.join(|id| parts.get(&id).map(String::as_str));
    joined.map_err(|error| StoreError::corrupt("payload", error))
}

/// Returns the parts that the payloads of spans name.
pub(crate) async fn parts_of(
    connection: &mut SqliteConnection,
    rows: &[i64],
) -> Result<HashSet<i64>, StoreError> {
    let mut parts = HashSet::new();
    for step in rows.chunks(1_000) {
        parts.extend(named(connection, step).await?.values().flat_map(Named::both));
    }
    Ok(parts)
}

/// The parts that a payload names.
#[derive(Debug, Default)]
pub(crate) struct Named {
    pub(crate) input: Vec<i64>,
    pub(crate) output: Vec<i64>,
}

impl Named {
    pub(crate) fn both(&self) -> impl Iterator<Item = &i64> {
        self.input.iter().chain(&self.output)
    }
}

/// Returns, by row, the parts that each payload names.
pub(crate) async fn named(
    connection: &mut SqliteConnection,
    rows: &[i64],
) -> Result<HashMap<i64, Named>, StoreError> {
    let parts = |side: &Option<Vec<u8>>| {
        let side = side.as_deref().map(decode).transpose()?;
        let ids = side.iter().flat_map(Stored::ids).map(|id| id.cast_signed());
        Ok::<_, StoreError>(ids.collect())
    };
    let mut named = HashMap::new();
    for found in skeletons(connection, rows).await? {
        named.insert(found.of, Named { input: parts(&found.input)?, output: parts(&found.output)? });
    }
    Ok(named)
}

/// Returns, by row, the text of payloads that belongs to them alone.
pub(crate) async fn literals(
    connection: &mut SqliteConnection,
    rows: &[i64],
) -> Result<HashMap<i64, Vec<String>>, StoreError> {
    let mut texts = HashMap::new();
    for found in skeletons(connection, rows).await? {
        let mut own = Vec::new();
        for skeleton in found.sides() {
            own.extend(decode(skeleton)?.literals().map(str::to_owned));
        }
        texts.insert(found.of, own);
    }
    Ok(texts)
}
