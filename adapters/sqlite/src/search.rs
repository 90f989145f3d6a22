//! From words to the spans and traces that may hold them.

use sqlx::{SqliteConnection, SqlitePool};
use trace::filter::{Term, Test};
use trace::ports::StoreError;

use crate::grams::{ALWAYS, Ask, ask, quoted};
use crate::indexer::{Progress, progress};
use crate::sql::unavailable;

/// Documents beyond which reading spans in the order asked finds a page sooner.
const MOST_DOCUMENTS: i64 = 20_000;

/// Trigrams that may begin alike before they are as good as everywhere.
const MOST_TRIGRAMS: i64 = 400;

/// Spans and traces that may hold a text, and no others do.
#[derive(Clone, Debug)]
pub(crate) struct Candidates {
    /// A JSON array of documents.
    documents: String,
    progress: Progress,
}

impl Candidates {
    /// Returns what the index knows of the text terms, or `None` when reading in order is the better way.
    pub(crate) async fn of(pool: &SqlitePool, terms: &[Term]) -> Result<Option<Self>, StoreError> {
        let asks = terms.iter().filter(|term| !term.negated).filter_map(|term| match &term.test {
            Test::Text(_, needle) => Some(ask(needle)),
            _ => None,
        });
        let asks: Vec<Ask> = asks.filter(|ask| *ask != Ask::Nothing).collect();
        if asks.is_empty() {
            return Ok(None);
        }
        let mut connection = pool.acquire().await.map_err(unavailable)?;
        // First how far the index is: what comes into it meanwhile is then looked at twice rather than never.
        let progress = progress(&mut connection).await?;
        let mut fewest: Option<(i64, String)> = None;
        for ask in asks {
            if let Some((count, documents)) = documents(&mut connection, &ask).await?
                && fewest.as_ref().is_none_or(|(fewest, _)| count < *fewest)
            {
                fewest = Some((count, documents));
            }
        }
        Ok(fewest.map(|(_, documents)| Self { documents, progress }))
    }

    /// Returns the rows of spans in SQL, with the values of its placeholders.
    pub(crate) fn spans(&self) -> (&'static str, [crate::sql::Value; 3]) {
        let sql = "SELECT value / 2 AS row FROM json_each(?) WHERE value % 2 = 1
             UNION SELECT s.row FROM json_each(?) d
             JOIN chunk_traces u ON u.chunk = (SELECT max(chunk) FROM chunk_traces WHERE chunk <= d.value / 2) AND d.value % 2 = 0
             JOIN spans s ON s.trace = u.trace
             UNION SELECT row FROM spans WHERE row > ?
             UNION SELECT row FROM text_changed";
        (sql, self.values())
    }

    /// Returns the rows of traces in SQL, with the values of its placeholders.
    pub(crate) fn traces(&self) -> (&'static str, [crate::sql::Value; 3]) {
        let sql = "SELECT s.trace AS row FROM json_each(?) d JOIN spans s ON s.row = d.value / 2 AND d.value % 2 = 1
             UNION SELECT u.trace FROM json_each(?) d
             JOIN chunk_traces u ON u.chunk = (SELECT max(chunk) FROM chunk_traces WHERE chunk <= d.value / 2) AND d.value % 2 = 0
             UNION SELECT trace FROM spans WHERE row > ?
             UNION SELECT s.trace FROM text_changed c JOIN spans s ON s.row = c.row";
        (sql, self.values())
    }

    fn values(&self) -> [crate::sql::Value; 3] {
        [self.documents.as_str().into(), self.documents.as_str().into(), self.progress.span.into()]
    }
}

/// Returns how many documents answer, and which, or `None` when they are too many.
async fn documents(
    connection: &mut SqliteConnection,
    ask: &Ask,
) -> Result<Option<(i64, String)>, StoreError> {
    let expression = match ask {
        Ask::Nothing => return Ok(None),
        Ask::All(_) => ask.expression(),
        Ask::Beginning(start) => {
            // The first text after all that begin with `start`.
            let end = format!("{start}\u{10ffff}");
            let mut trigrams: Vec<String> =
                sqlx::query_scalar("SELECT term FROM text_terms WHERE term >= ?1 AND term <= ?2 LIMIT ?3")
                    .bind(start.as_str())
                    .bind(end)
                    .bind(MOST_TRIGRAMS + 1)
                    .fetch_all(&mut *connection)
                    .await
                    .map_err(unavailable)?;
            let few = trigrams.len() <= usize::try_from(MOST_TRIGRAMS).unwrap_or(usize::MAX);
            trigrams.push(ALWAYS.to_owned());
            few.then(|| quoted(&trigrams, " OR "))
        }
    };
    let Some(expression) = expression else {
        return Ok(None);
    };
    let (count, documents): (i64, String) = sqlx::query_as(
        "SELECT count(*), json_group_array(rowid) FROM (SELECT rowid FROM text WHERE text MATCH ?1 LIMIT ?2)",
    )
    .bind(expression)
    .bind(MOST_DOCUMENTS + 1)
    .fetch_one(connection)
    .await
    .map_err(unavailable)?;
    Ok((count <= MOST_DOCUMENTS).then_some((count, documents)))
}
