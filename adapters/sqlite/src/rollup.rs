//! Sums per hour: differences gathered while spans are written, and the answers made of them.

use std::collections::HashMap;

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use trace::kind::{Cost, SpanKind};
use trace::latency;
use trace::ports::StoreError;
use trace::span::Span;

use crate::session::Session;
use crate::span_row::{kind_number, status_number};
use crate::sql::{Insert, Value, column, integer, unavailable};

/// Microseconds in an hour.
pub(crate) const HOUR: i64 = 3_600_000_000;

/// What spans are summed by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    project: i64,
    hour: i64,
    kind: i64,
    label: String,
    provider: Option<String>,
    status: i64,
}

/// How much a sum changes.
#[derive(Clone, Debug, Default, PartialEq)]
struct Change {
    spans: i64,
    ended: i64,
    duration_ms: i64,
    cost: f64,
    input_tokens: i64,
    output_tokens: i64,
    durations: HashMap<u16, i64>,
}

/// Changes of sums, by what they are summed by.
#[derive(Debug, Default)]
pub(crate) struct Changes(HashMap<Key, Change>);

const SUMS: Insert = Insert {
    head: "INSERT INTO rollups (row, project, hour, kind, label, provider, status, spans, ended, duration_ms, cost, \
           input_tokens, output_tokens) VALUES",
    columns: 13,
    tail: "ON CONFLICT (row) DO UPDATE SET spans = spans + excluded.spans, ended = ended + excluded.ended, \
           duration_ms = duration_ms + excluded.duration_ms, cost = cost + excluded.cost, \
           input_tokens = input_tokens + excluded.input_tokens, output_tokens = output_tokens + excluded.output_tokens",
};

const DURATIONS: Insert = Insert {
    head: "INSERT INTO rollup_durations (rollup, bucket, spans) VALUES",
    columns: 3,
    tail: "ON CONFLICT (rollup, bucket) DO UPDATE SET spans = spans + excluded.spans",
};

impl Changes {
    /// Counts a span in.
    pub(crate) fn add(&mut self, project: i64, span: &Span) {
        self.change(project, span, 1);
    }

    /// Counts a span out.
    pub(crate) fn remove(&mut self, project: i64, span: &Span) {
        self.change(project, span, -1);
    }

    fn change(&mut self, project: i64, span: &Span, sign: i64) {
        let call = span.kind.llm();
        let label = match &span.kind {
            SpanKind::LlmCall(call) => &call.model,
            SpanKind::Custom { kind, .. } => kind,
            SpanKind::FsRead { .. } | SpanKind::FsWrite { .. } => "",
        };
        let key = Key {
            project,
            hour: span.started_at.as_micros().div_euclid(HOUR),
            kind: kind_number(&span.kind),
            label: label.to_owned(),
            provider: call.and_then(|call| call.provider.clone()),
            status: status_number(span.status.word()),
        };
        let change = self.0.entry(key).or_default();
        change.spans += sign;
        if let Some(ms) = span.duration_ms() {
            change.ended += sign;
            change.duration_ms = change.duration_ms.saturating_add(sign * integer(ms));
            *change.durations.entry(latency::bucket(ms)).or_default() += sign;
        }
        if let Some(call) = call {
            let tokens = |count: Option<u64>| sign * integer(count.unwrap_or(0)).min(MOST_TOKENS);
            let usd = call.cost.map_or(0.0, Cost::usd);
            change.cost += if sign < 0 { -usd } else { usd };
            change.input_tokens += tokens(call.usage.input_tokens);
            change.output_tokens += tokens(call.usage.output_tokens);
        }
    }

    /// Writes the changes.
    pub(crate) async fn store(self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let (mut sums, mut durations, mut emptied) = (Vec::new(), Vec::new(), Vec::new());
        for (key, mut change) in self.0 {
            change.durations.retain(|_, spans| *spans != 0);
            // As running leaves of a span that starts and ends in one write.
            if change == Change::default() {
                continue;
            }
            let row = key.row();
            if change.spans < 0 {
                emptied.push(row);
            }
            for (bucket, spans) in change.durations {
                durations.extend([Value::from(row), i64::from(bucket).into(), spans.into()]);
            }
            sums.extend([
                row.into(),
                key.project.into(),
                key.hour.into(),
                key.kind.into(),
                key.label.into(),
                key.provider.into(),
                key.status.into(),
                change.spans.into(),
                change.ended.into(),
                change.duration_ms.into(),
                change.cost.into(),
                change.input_tokens.into(),
                change.output_tokens.into(),
            ]);
        }
        SUMS.run(connection, sums).await?;
        DURATIONS.run(connection, durations).await?;
        if emptied.is_empty() {
            return Ok(());
        }
        // With its last span a sum goes, and with it what rounding left of its cost.
        let emptied = serde_json::to_string(&emptied).unwrap_or_default();
        for sql in [
            "DELETE FROM rollup_durations WHERE rollup IN (SELECT value FROM json_each(?)) AND spans <= 0",
            "DELETE FROM rollups WHERE row IN (SELECT value FROM json_each(?)) AND spans <= 0",
        ] {
            sqlx::query(sql).bind(emptied.as_str()).execute(&mut *connection).await?;
        }
        Ok(())
    }
}

/// Counts beyond this are made up; summed as they are, they would overflow.
const MOST_TOKENS: i64 = 1 << 42;

impl Key {
    /// Returns the row of the sum, the same for the same key for ever.
    fn row(&self) -> i64 {
        let mut hasher = blake3::Hasher::new();
        for number in [self.project, self.hour, self.kind, self.status] {
            hasher.update(&number.to_le_bytes());
        }
        hasher.update(&(self.label.len() as u64).to_le_bytes());
        hasher.update(self.label.as_bytes());
        if let Some(provider) = &self.provider {
            hasher.update(b"=");
            hasher.update(provider.as_bytes());
        }
        let bytes = hasher.finalize().as_bytes()[..8].try_into().expect("a hash has 32 bytes");
        i64::from_le_bytes(bytes)
    }
}

impl Session {
    /// Works out every sum of a project again from its spans.
    pub(crate) async fn repair(&mut self, project: i64) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM rollup_durations WHERE rollup IN (SELECT row FROM rollups WHERE project = ?1)",
            "DELETE FROM rollups WHERE project = ?1",
        ] {
            self.run(sql, &[project]).await?;
        }
        let sql = format!(
            "SELECT {} FROM spans s CROSS JOIN traces t ON t.row = s.trace WHERE s.project = ? AND s.row > ?
             ORDER BY s.row LIMIT 1000",
            crate::span_row::COLUMNS
        );
        let mut last = 0;
        loop {
            let values = crate::sql::arguments([project.into(), Value::Integer(last)]);
            let rows: Vec<SqliteRow> = sqlx::query_with(sqlx::AssertSqlSafe(sql.as_str()), values)
                .fetch_all(&mut self.connection)
                .await
                .map_err(unavailable)?;
            let Some(end) = rows.last() else {
                return Ok(());
            };
            last = column(end, 0)?;
            let mut changes = Changes::default();
            for row in &rows {
                changes.add(project, &crate::span_row::decode(row)?.span);
            }
            changes.store(&mut self.connection).await.map_err(unavailable)?;
        }
    }
}
