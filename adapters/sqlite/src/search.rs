//! From words to the spans and traces that may hold them.

use sqlx::{Connection, SqliteConnection, SqlitePool};
use trace::filter::{Term, Test};
use trace::ports::StoreError;

use crate::grams::{ALWAYS, Ask, ask, quoted};
use crate::sql::{Value, unavailable};

/// Documents beyond which reading spans in the order asked finds a page sooner.
const MOST_DOCUMENTS: i64 = 20_000;

/// Trigrams that may begin alike before they are as good as everywhere.
const MOST_TRIGRAMS: i64 = 400;

/// Spans and traces that may hold a text, and no others do.
#[derive(Clone, Debug)]
pub(crate) struct Candidates {
    /// A JSON array of documents.
    documents: String,
    /// A JSON array of spans that changed after the index took them in.
    changed: String,
    /// The row of the last span the index took in.
    last: i64,
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
        let mut snapshot = connection.begin().await.map_err(unavailable)?;
        let found = read(&mut snapshot, &asks).await;
        snapshot.rollback().await.map_err(unavailable)?;
        match found {
            Ok(found) => Ok(found),
            Err(Miss::Void) => {
                // It is made anew, maybe in another file, which only a new connection sees.
                connection.close().await.map_err(unavailable)?;
                Ok(None)
            }
            Err(Miss::Failed(error)) => Err(unavailable(error)),
        }
    }

    /// Returns the rows of spans in SQL, with the values of its placeholders.
    pub(crate) fn spans(&self) -> (&'static str, [Value; 4]) {
        let sql = "SELECT value / 2 AS row FROM json_each(?) WHERE value % 2 = 1
             UNION SELECT s.row FROM json_each(?) d
             JOIN chunk_traces u ON u.chunk = (SELECT max(chunk) FROM chunk_traces WHERE chunk <= d.value / 2) AND d.value % 2 = 0
             JOIN spans s ON s.trace = u.trace
             UNION SELECT row FROM spans WHERE row > ?
             UNION SELECT value FROM json_each(?)
             UNION SELECT row FROM text_changed";
        (sql, self.values())
    }

    /// Returns the rows of traces in SQL, with the values of its placeholders.
    pub(crate) fn traces(&self) -> (&'static str, [Value; 4]) {
        let sql = "SELECT s.trace AS row FROM json_each(?) d JOIN spans s ON s.row = d.value / 2 AND d.value % 2 = 1
             UNION SELECT u.trace FROM json_each(?) d
             JOIN chunk_traces u ON u.chunk = (SELECT max(chunk) FROM chunk_traces WHERE chunk <= d.value / 2) AND d.value % 2 = 0
             UNION SELECT trace FROM spans WHERE row > ?
             UNION SELECT s.trace FROM json_each(?) c JOIN spans s ON s.row = c.value
             UNION SELECT s.trace FROM text_changed c JOIN spans s ON s.row = c.row";
        (sql, self.values())
    }

    fn values(&self) -> [Value; 4] {
        let documents = || Value::from(self.documents.as_str());
        [documents(), documents(), self.last.into(), self.changed.as_str().into()]
    }
}

/// Why the index says nothing.
enum Miss {
    /// It cannot be read, or is not of what the database holds now.
    Void,
    Failed(sqlx::Error),
}

impl From<sqlx::Error> for Miss {
    fn from(error: sqlx::Error) -> Self {
        // What concerns the database itself is met again by whoever reads everything instead.
        if matches!(error, sqlx::Error::Database(_)) { Self::Void } else { Self::Failed(error) }
    }
}

/// Reads in one snapshot what the index knows: of the database first, so that what is no longer marked there is in
/// the index that is read after it.
async fn read(connection: &mut SqliteConnection, asks: &[Ask]) -> Result<Option<Candidates>, Miss> {
    let sql = "SELECT count(*), json_group_array(row) FROM
         (SELECT c.row FROM text_changed c WHERE c.row <= (SELECT span FROM text_progress) LIMIT ?1)";
    let (count, changed): (i64, String) =
        sqlx::query_as(sql).bind(MOST_DOCUMENTS + 1).fetch_one(&mut *connection).await?;
    let sql = "SELECT p.span FROM text_state s JOIN text_progress p ON p.epoch = s.epoch";
    let last: Option<i64> = sqlx::query_scalar(sql).fetch_optional(&mut *connection).await?;
    let last = last.ok_or(Miss::Void)?;
    if count > MOST_DOCUMENTS {
        return Ok(None);
    }
    let mut fewest: Option<(i64, String)> = None;
    for ask in asks {
        if let Some((count, documents)) = documents(connection, ask).await?
            && fewest.as_ref().is_none_or(|(fewest, _)| count < *fewest)
        {
            fewest = Some((count, documents));
        }
    }
    Ok(fewest.map(|(_, documents)| Candidates { documents, changed, last }))
}

/// Returns how many documents answer, and which, or `None` when they are too many.
async fn documents(
    connection: &mut SqliteConnection,
    ask: &Ask,
) -> Result<Option<(i64, String)>, sqlx::Error> {
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
                    .await?;
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
    .await?;
    Ok((count <= MOST_DOCUMENTS).then_some((count, documents)))
}
