use futures_util::TryStreamExt;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteRow;
use trace::id::{SpanId, TraceId};
use trace::ports::StoreError;
use trace::preview::Preview;
use trace::time::Timestamp;
use trace::trace::Totals;

use crate::payloads;
use crate::rollup::Changes;
use crate::session::Session;
use crate::span_row::{self, COLUMNS, trace_id};
use crate::sql::{Value, arguments, column, unavailable, unsigned};
use crate::text_file;

/// Traces one transaction of a sweep takes away, so that writers get their turn in between.
const SWEEP_STEP: i64 = 200;

impl Session {
    /// Deletes one span and returns the trace it was in.
    pub(crate) async fn delete_span(
        &mut self,
        project: i64,
        trace: Option<&TraceId>,
        id: &SpanId,
    ) -> Result<Option<TraceId>, StoreError> {
        let found: Option<SqliteRow> = sqlx::query(
            "SELECT s.row, s.trace, t.id FROM spans s JOIN traces t ON t.row = s.trace
             WHERE s.project = ?1 AND s.id = ?2 AND (?3 IS NULL OR t.id = ?3)
             ORDER BY s.started_at DESC, s.row DESC LIMIT 1",
        )
        .bind(project)
        .bind(id.as_str())
        .bind(trace.map(TraceId::as_str))
        .fetch_optional(&mut self.connection)
        .await
        .map_err(unavailable)?;
        let Some(found) = found else {
            return Ok(None);
        };
        let (row, trace): (i64, i64) = (column(&found, 0)?, column(&found, 1)?);
        self.count_out(project, "s.row = ?", Value::Integer(row)).await?;
        let parts = payloads::parts_of(&mut self.connection, &[row]).await?;
        self.remove_spans("row = ?1", row.into()).await?;
        self.run("UPDATE projects SET spans = spans - 1 WHERE id = ?1", &[project]).await?;
        self.release_parts(project, trace, parts).await?;
        let totals = self.totals(trace).await?;
        self.set_totals(trace, &totals).await?;
        trace_id(column(&found, 2)?).map(Some)
    }

    /// Deletes a trace with its spans and returns how many those were.
    pub(crate) async fn delete_trace(
        &mut self,
        project: i64,
        id: &TraceId,
    ) -> Result<Option<u64>, StoreError> {
        let row: Option<i64> = sqlx::query_scalar("SELECT row FROM traces WHERE project = ?1 AND id = ?2")
            .bind(project)
            .bind(id.as_str())
            .fetch_optional(&mut self.connection)
            .await
            .map_err(unavailable)?;
        match row {
            Some(row) => self.delete_traces(project, &[row]).await.map(Some),
            None => Ok(None),
        }
    }

    /// Deletes traces that started before `before`, at most a step of them. Returns how many it deleted.
    pub(crate) async fn sweep(&mut self, project: i64, before: Timestamp) -> Result<u64, StoreError> {
        let rows: Vec<i64> = sqlx::query_scalar(
            "SELECT row FROM traces WHERE project = ?1 AND started_at < ?2 ORDER BY started_at LIMIT ?3",
        )
        .bind(project)
        .bind(before.as_micros())
        .bind(SWEEP_STEP)
        .fetch_all(&mut self.connection)
        .await
        .map_err(unavailable)?;
        self.delete_traces(project, &rows).await?;
        Ok(rows.len() as u64)
    }

    /// Deletes every trace and span of a project.
    pub(crate) async fn clear(&mut self, project: i64) -> Result<(), StoreError> {
        self.recent.clear();
        let others: i64 =
            sqlx::query_scalar("SELECT count(*) FROM projects WHERE id <> ?1 AND spans + traces > 0")
                .bind(project)
                .fetch_one(&mut self.connection)
                .await
                .map_err(unavailable)?;
        if others == 0 {
            // Whole tables go at once.
            text_file::begin_anew(&mut self.connection).await.map_err(unavailable)?;
            for sql in [
                "DELETE FROM text_changed",
                "DELETE FROM text_chunks",
                "DELETE FROM columns",
                "DELETE FROM column_changed",
                "DELETE FROM words",
                "DELETE FROM chunk_traces",
                "DELETE FROM chunks",
                "DELETE FROM payloads",
                "DELETE FROM spans",
                "DELETE FROM traces",
                "DELETE FROM rollup_durations",
                "DELETE FROM rollups",
            ] {
                self.run(sql, &[]).await?;
            }
            return self.run("UPDATE projects SET traces = 0, spans = 0 WHERE id = ?1", &[project]).await;
        }
        self.remove_spans("project = ?1", project.into()).await?;
        for sql in [
            "INSERT INTO text_chunks (row, last, times)
             SELECT id, id + length(hashes) / 16 - 1, 1 FROM chunks WHERE id IN
             (SELECT chunk FROM chunk_traces WHERE trace IN (SELECT row FROM traces WHERE project = ?1))
             ON CONFLICT (row) DO UPDATE SET times = times + 1",
            "DELETE FROM chunks WHERE id IN (SELECT chunk FROM chunk_traces
             WHERE trace IN (SELECT row FROM traces WHERE project = ?1))",
            "DELETE FROM chunk_traces WHERE trace IN (SELECT row FROM traces WHERE project = ?1)",
            "DELETE FROM traces WHERE project = ?1",
            "DELETE FROM rollup_durations WHERE rollup IN (SELECT row FROM rollups WHERE project = ?1)",
            "DELETE FROM rollups WHERE project = ?1",
            "UPDATE projects SET traces = 0, spans = 0 WHERE id = ?1",
        ] {
            self.run(sql, &[project]).await?;
        }
        Ok(())
    }

    async fn delete_traces(&mut self, project: i64, rows: &[i64]) -> Result<u64, StoreError> {
        let list = serde_json::to_string(rows).unwrap_or_default();
        let of_traces = "s.trace IN (SELECT value FROM json_each(?))";
        self.count_out(project, of_traces, list.as_str().into()).await?;
        self.release_traces(project, rows).await?;
        let spans =
            self.remove_spans("trace IN (SELECT value FROM json_each(?1))", list.as_str().into()).await?;
        sqlx::query("DELETE FROM traces WHERE row IN (SELECT value FROM json_each(?1))")
            .bind(list)
            .execute(&mut self.connection)
            .await
            .map_err(unavailable)?;
        let traces = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let sql = "UPDATE projects SET traces = traces - ?2, spans = spans - ?3 WHERE id = ?1";
        self.run(sql, &[project, traces, crate::sql::integer(spans)]).await?;
        Ok(spans)
    }

    /// Deletes the rows of spans and their payloads, marked so that the text index and the columns forget them.
    /// Returns how many spans.
    async fn remove_spans(&mut self, condition: &'static str, value: Value) -> Result<u64, StoreError> {
        let mut spans = 0;
        for sql in [
            format!(
                "INSERT INTO text_changed (row, times) SELECT row, 1 FROM spans WHERE {condition}
                 ON CONFLICT (row) DO UPDATE SET times = times + 1"
            ),
            format!(
                "INSERT INTO column_changed (row, times) SELECT row, 1 FROM spans WHERE {condition}
                 ON CONFLICT (row) DO UPDATE SET times = times + 1"
            ),
            format!("DELETE FROM payloads WHERE row IN (SELECT row FROM spans WHERE {condition})"),
            format!("DELETE FROM spans WHERE {condition}"),
        ] {
            let done = sqlx::query_with(AssertSqlSafe(sql), arguments([value.clone()]));
            let done = done.execute(&mut self.connection).await.map_err(unavailable)?;
            // The last statement is the one that deletes spans.
            spans = done.rows_affected();
        }
        Ok(spans)
    }

    /// Takes spans that are about to go out of the sums per hour.
    async fn count_out(
        &mut self,
        project: i64,
        condition: &'static str,
        value: Value,
    ) -> Result<(), StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM spans s JOIN traces t ON t.row = s.trace WHERE {condition}");
        let mut rows = sqlx::query_with(AssertSqlSafe(sql), arguments([value])).fetch(&mut self.connection);
        let mut changes = Changes::default();
        while let Some(row) = rows.try_next().await.map_err(unavailable)? {
            changes.remove(project, &span_row::decode(&row)?.span);
        }
        drop(rows);
        changes.store(&mut self.connection).await.map_err(unavailable)
    }

    /// Works out from its spans what a trace adds up to.
    pub(crate) async fn totals(&mut self, trace: i64) -> Result<Totals, StoreError> {
        let row: SqliteRow = sqlx::query(
            "SELECT count(*), ifnull(sum(status = 0), 0), ifnull(sum(status = 2), 0), ifnull(sum(kind = 0), 0),
                    CAST(total(input_tokens) AS INTEGER), CAST(total(output_tokens) AS INTEGER), total(cost),
                    min(started_at), max(ended_at)
             FROM spans WHERE trace = ?1",
        )
        .bind(trace)
        .fetch_one(&mut self.connection)
        .await
        .map_err(unavailable)?;
        let models = sqlx::query_scalar(
            "SELECT label FROM spans WHERE trace = ?1 AND kind = 0 GROUP BY label ORDER BY min(row)",
        )
        .bind(trace)
        .fetch_all(&mut self.connection)
        .await
        .map_err(unavailable)?;
        let preview: Option<SqliteRow> = sqlx::query(
            "SELECT preview, parent_id IS NULL, started_at, id FROM spans
             WHERE trace = ?1 AND preview IS NOT NULL AND (kind = 0 OR parent_id IS NULL)
             ORDER BY parent_id IS NOT NULL, started_at, id LIMIT 1",
        )
        .bind(trace)
        .fetch_optional(&mut self.connection)
        .await
        .map_err(unavailable)?;
        let preview = match preview {
            Some(shown) => Some(Preview {
                text: column(&shown, 0)?,
                is_root: column(&shown, 1)?,
                started_at: Timestamp::from_micros(column(&shown, 2)?),
                span: span_row::span_id(column(&shown, 3)?)?,
            }),
            None => None,
        };
        let count = |index| column::<i64>(&row, index).and_then(unsigned);
        let time = |index| column::<Option<i64>>(&row, index).map(|time| time.map(Timestamp::from_micros));
        Ok(Totals {
            spans: count(0)?,
            running: count(1)?,
            failed: count(2)?,
            llm_calls: count(3)?,
            input_tokens: count(4)?,
            output_tokens: count(5)?,
            cost: column(&row, 6)?,
            first_start: time(7)?,
            last_end: time(8)?,
            models,
            preview,
        })
    }

    async fn set_totals(&mut self, trace: i64, totals: &Totals) -> Result<(), StoreError> {
        use crate::sql::integer;
        sqlx::query(
            "UPDATE traces SET spans = ?2, running = ?3, failed = ?4, llm_calls = ?5, input_tokens = ?6,
             output_tokens = ?7, cost = ?8, first_start = ?9, last_end = ?10, models = ?11, preview = ?12 WHERE row = ?1",
        )
        .bind(trace)
        .bind(integer(totals.spans))
        .bind(integer(totals.running))
        .bind(integer(totals.failed))
        .bind(integer(totals.llm_calls))
        .bind(integer(totals.input_tokens))
        .bind(integer(totals.output_tokens))
        .bind(totals.cost)
        .bind(totals.first_start.map(Timestamp::as_micros))
        .bind(totals.last_end.map(Timestamp::as_micros))
        .bind((!totals.models.is_empty()).then(|| serde_json::to_string(&totals.models).unwrap_or_default()))
        .bind(totals.preview.as_ref().map(|preview| serde_json::to_string(preview).unwrap_or_default()))
        .execute(&mut self.connection)
        .await
        .map(drop)
        .map_err(unavailable)
    }

    /// Runs a statement over integers.
    pub(crate) async fn run(&mut self, sql: &'static str, values: &[i64]) -> Result<(), StoreError> {
        let values = crate::sql::arguments(values.iter().map(|value| (*value).into()));
        sqlx::query_with(sql, values).execute(&mut self.connection).await.map(drop).map_err(unavailable)
    }
}
