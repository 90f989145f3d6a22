//! Segments of columns: sealed in the background, scanned to find what a list wants among very many spans.

use std::collections::{HashMap, HashSet};

use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, SqliteConnection};
use trace::ports::StoreError;

use crate::pack::{pack, unpack};
use crate::session::Session;
use crate::sql::{Insert, Value, arguments, column, json_array, unavailable};
use crate::text_file;
use crate::writer::Writer;

/// Fields of a segment at most.
const FIELDS: i64 = 32;

/// The part of a segment whose change has it sealed anew: an eighth.
const MANY_CHANGED: i64 = 8;

/// How far the columns have come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// Segments that are sealed.
    pub(crate) segments: i64,
    /// Spans of a segment.
    pub(crate) size: i64,
}

impl Layout {
    /// Reads how far the columns have come.
    pub(crate) async fn read(connection: &mut SqliteConnection) -> Result<Self, StoreError> {
        let (segments, size) = sqlx::query_as("SELECT segment, size FROM column_progress")
            .fetch_one(connection)
            .await
            .map_err(unavailable)?;
        Ok(Self { segments, size })
    }

    /// Returns the first row that is not sealed.
    pub(crate) fn end(self) -> i64 {
        self.segments * self.size
    }
}

/// What a column holds. Numbers are stored: they never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Field {
    /// The project, 0 where there is no span.
    Project = 0,
    /// The row of the trace.
    Trace = 1,
    /// The start in microseconds.
    Start = 2,
    /// As in the spans.
    Status = 3,
    /// As in the spans.
    Kind = 4,
    /// The word of the label.
    Label = 5,
    /// The word of the provider, 0 for none.
    Provider = 6,
    /// The word of the name.
    Name = 7,
    /// Milliseconds; [`NONE`] while it runs.
    Duration = 8,
    /// [`NONE`] where unknown.
    InputTokens = 9,
    /// [`NONE`] where unknown.
    OutputTokens = 10,
    /// The bits of US dollars, which are never below 0 and so in order; [`NONE`] where unknown.
    Cost = 11,
    /// Input and output tokens together; [`NONE`] where both are unknown.
    Tokens = 12,
}

const ALL: [Field; 13] = [
    Field::Project,
    Field::Trace,
    Field::Start,
    Field::Status,
    Field::Kind,
    Field::Label,
    Field::Provider,
    Field::Name,
    Field::Duration,
    Field::InputTokens,
    Field::OutputTokens,
    Field::Cost,
    Field::Tokens,
];

/// A number that is not there.
pub(crate) const NONE: i64 = i64::MIN;

/// One span as a row of columns.
#[derive(Clone, Debug)]
struct Sealed {
    row: i64,
    numbers: [i64; 9],
    label: String,
    provider: Option<String>,
    name: String,
}

/// A segment read to be sealed.
#[derive(Clone, Debug)]
struct Sealing {
    /// The epoch the spans were read in: with the next one they are gone.
    epoch: i64,
    segment: i64,
    size: i64,
    spans: Vec<Sealed>,
    /// Spans marked as changed when they were read, and how often.
    changed: Vec<(i64, i64)>,
}

/// Seals a segment that is complete or has changed much. Returns whether there was one.
pub(crate) async fn seal(writer: &Writer, connection: &mut SqliteConnection) -> Result<bool, StoreError> {
    let mut snapshot = connection.begin().await.map_err(unavailable)?;
    let layout = Layout::read(&mut snapshot).await?;
    let Some(segment) = due(&mut snapshot, layout).await? else {
        return Ok(false);
    };
    let sealing = read(&mut snapshot, segment, layout.size).await?;
    snapshot.commit().await.map_err(unavailable)?;
    writer
        .act(Box::new(move |session: &mut Session| {
            let sealing = sealing.clone();
            Box::pin(async move { session.seal(&sealing).await })
        }))
        .await?;
    Ok(true)
}

async fn due(connection: &mut SqliteConnection, layout: Layout) -> Result<Option<i64>, StoreError> {
    let last: Option<i64> = sqlx::query_scalar("SELECT max(row) FROM spans")
        .fetch_one(&mut *connection)
        .await
        .map_err(unavailable)?;
    if last.is_some_and(|last| last >= layout.end() + layout.size) {
        return Ok(Some(layout.segments));
    }
    sqlx::query_scalar(
        "SELECT row / ?1 FROM column_changed WHERE row < ?2 GROUP BY 1 HAVING count(*) >= ?3 LIMIT 1",
    )
    .bind(layout.size)
    .bind(layout.end())
    .bind((layout.size / MANY_CHANGED).max(1))
    .fetch_optional(connection)
    .await
    .map_err(unavailable)
}

async fn read(connection: &mut SqliteConnection, segment: i64, size: i64) -> Result<Sealing, StoreError> {
    let epoch = text_file::epoch(connection).await.map_err(unavailable)?;
    let (from, to) = (segment * size, (segment + 1) * size);
    let rows: Vec<SqliteRow> = sqlx::query(
        "SELECT row, project, trace, started_at, status, kind, max(0, (ended_at - started_at) / 1000), input_tokens,
                output_tokens, cost, label, provider, name
         FROM spans WHERE row >= ?1 AND row < ?2",
    )
    .bind(from)
    .bind(to)
    .fetch_all(&mut *connection)
    .await
    .map_err(unavailable)?;
    let changed = sqlx::query_as("SELECT row, times FROM column_changed WHERE row >= ?1 AND row < ?2")
        .bind(from)
        .bind(to)
        .fetch_all(connection)
        .await
        .map_err(unavailable)?;
    let mut spans = Vec::with_capacity(rows.len());
    for row in &rows {
        let number = |index| column::<i64>(row, index);
        let maybe = |index| Ok::<_, StoreError>(column::<Option<i64>>(row, index)?.unwrap_or(NONE));
        let cost: Option<f64> = column(row, 9)?;
        spans.push(Sealed {
            row: number(0)?,
            numbers: [
                number(1)?,
                number(2)?,
                number(3)?,
                number(4)?,
                number(5)?,
                maybe(6)?,
                maybe(7)?,
                maybe(8)?,
                cost.map_or(NONE, |usd| (usd + 0.0).to_bits().cast_signed()),
            ],
            label: column(row, 10)?,
            provider: column(row, 11)?,
            name: column(row, 12)?,
        });
    }
    Ok(Sealing { epoch, segment, size, spans, changed })
}

const COLUMNS: Insert = Insert {
    head: "INSERT INTO columns (id, least, most, data) VALUES",
    columns: 4,
    tail: "ON CONFLICT (id) DO UPDATE SET least = excluded.least, most = excluded.most, data = excluded.data",
};

impl Session {
    async fn seal(&mut self, sealing: &Sealing) -> Result<(), StoreError> {
        if text_file::epoch(&mut self.connection).await.map_err(unavailable)? != sealing.epoch {
            // What was read is gone: everything was cleared in between.
            return Ok(());
        }
        let words = self.words(&sealing.spans).await?;
        let base = sealing.segment * sealing.size;
        let mut columns = vec![vec![0_i64; usize::try_from(sealing.size).unwrap_or(0)]; ALL.len()];
        for span in &sealing.spans {
            let at = usize::try_from(span.row - base).unwrap_or(0);
            let word = |text: &str| words.get(text).copied().unwrap_or(0);
            let [project, trace, start, status, kind, duration, input, output, cost] = span.numbers;
            for (field, value) in [
                (Field::Project, project),
                (Field::Trace, trace),
                (Field::Start, start),
                (Field::Status, status),
                (Field::Kind, kind),
                (Field::Label, word(&span.label)),
                (Field::Provider, span.provider.as_deref().map_or(0, word)),
                (Field::Name, word(&span.name)),
                (Field::Duration, duration),
                (Field::InputTokens, input),
                (Field::OutputTokens, output),
                (Field::Cost, cost),
                (Field::Tokens, sum(input, output)),
            ] {
                columns[field as usize][at] = value;
            }
        }
        let present: Vec<bool> =
            columns[Field::Project as usize].iter().map(|project| *project != 0).collect();
        let mut rows = Vec::new();
        for (field, values) in ALL.iter().zip(columns) {
            let known = || values.iter().zip(&present).filter(|(value, here)| **here && **value != NONE);
            let known = || known().map(|(value, _)| *value);
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            rows.extend([
                Value::from(sealing.segment * FIELDS + *field as i64),
                known().min().into(),
                known().max().into(),
                pack(&bytes).into(),
            ]);
        }
        COLUMNS.run(&mut self.connection, rows).await.map_err(unavailable)?;
        let sql = "UPDATE column_progress SET segment = max(segment, ?1)";
        self.run(sql, &[sealing.segment + 1]).await?;
        self.unmark("column_changed", &sealing.changed).await
    }

    /// Returns the number of every word of the spans, giving new ones theirs.
    async fn words(&mut self, spans: &[Sealed]) -> Result<HashMap<String, i64>, StoreError> {
        let mut texts: HashSet<&str> = HashSet::new();
        for span in spans {
            texts.extend([span.label.as_str(), span.name.as_str()]);
            texts.extend(span.provider.as_deref());
        }
        let texts: Vec<&str> = texts.into_iter().collect();
        let sql = "INSERT OR IGNORE INTO words (text) SELECT value FROM json_each(?)";
        let done = sqlx::query_with(sql, arguments([json_array(&texts)]));
        done.execute(&mut self.connection).await.map_err(unavailable)?;
        let sql = "SELECT text, id FROM words WHERE text IN (SELECT value FROM json_each(?))";
        let rows: Vec<(String, i64)> = sqlx::query_as_with(sql, arguments([json_array(&texts)]))
            .fetch_all(&mut self.connection)
            .await
            .map_err(unavailable)?;
        Ok(rows.into_iter().collect())
    }
}

/// Returns what is known of two counts, together.
fn sum(a: i64, b: i64) -> i64 {
    match (a, b) {
        (NONE, known) | (known, NONE) => known,
        (a, b) => a.saturating_add(b),
    }
}

/// The least and the greatest value of a column in each segment; missing where it has none.
pub(crate) type Bounds = HashMap<(i64, Field), (i64, i64)>;

/// Reads the bounds of columns in all segments.
pub(crate) async fn bounds(
    connection: &mut SqliteConnection,
    fields: &[Field],
) -> Result<Bounds, StoreError> {
    let numbers: Vec<i64> = fields.iter().map(|field| *field as i64).collect();
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
        "SELECT id, least, most FROM columns
         WHERE id % ?1 IN (SELECT value FROM json_each(?2)) AND least IS NOT NULL",
    )
    .bind(FIELDS)
    .bind(serde_json::to_string(&numbers).unwrap_or_default())
    .fetch_all(connection)
    .await
    .map_err(unavailable)?;
    let field = |id: i64| fields.iter().find(|field| **field as i64 == id % FIELDS);
    let bound = |(id, least, most)| Some(((id / FIELDS, *field(id)?), (least, most)));
    Ok(rows.into_iter().filter_map(bound).collect())
}

/// A segment read to be scanned: the columns asked for.
pub(crate) struct Segment {
    /// The row of its first place.
    pub(crate) base: i64,
    columns: HashMap<Field, Vec<i64>>,
}

impl Segment {
    /// Returns a column, which must be one of those asked for.
    pub(crate) fn column(&self, field: Field) -> &[i64] {
        self.columns.get(&field).map_or(&[], Vec::as_slice)
    }
}

/// Reads columns of one segment; `None` when everything in it is gone.
pub(crate) async fn segment(
    connection: &mut SqliteConnection,
    number: i64,
    size: i64,
    fields: &[Field],
) -> Result<Option<Segment>, StoreError> {
    let ids: Vec<i64> = fields.iter().map(|field| number * FIELDS + *field as i64).collect();
    let rows: Vec<SqliteRow> =
        sqlx::query("SELECT id, data FROM columns WHERE id IN (SELECT value FROM json_each(?))")
            .bind(serde_json::to_string(&ids).unwrap_or_default())
            .fetch_all(connection)
            .await
            .map_err(unavailable)?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut columns = HashMap::with_capacity(fields.len());
    for row in &rows {
        let id: i64 = column(row, 0)?;
        let Some(field) = ALL.iter().find(|field| **field as i64 == id % FIELDS) else { continue };
        let bytes = unpack(column(row, 1)?)?;
        let values: Vec<i64> = bytes
            .chunks_exact(8)
            .map(|value| i64::from_le_bytes(*value.first_chunk().expect("8 bytes")))
            .collect();
        columns.insert(*field, values);
    }
    let whole =
        |field: &Field| columns.get(field).is_some_and(|values| i64::try_from(values.len()) == Ok(size));
    if !fields.iter().all(whole) {
        return Err(StoreError::corrupt("column", "a segment is not whole"));
    }
    Ok(Some(Segment { base: number * size, columns }))
}
