//! One namespace as stores read it: a missing one is empty, and many queries go in few requests.

use trace::ports::StoreError;
use uuid::Uuid;

use crate::client::{Answer, Client, Direction, ErrorKind, Filter, Key, Query, Row, Write, Written};
use crate::fault::unavailable;

/// Ids that one query looks for.
pub(crate) const MOST_IDS: usize = 1_000;

/// Queries in a request: each takes a slot of the 12 that this process uses.
const PER_REQUEST: usize = 12;

/// A namespace.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    client: Client,
    name: String,
}

impl Table {
    pub(crate) fn new(client: &Client, name: String) -> Self {
        Self { client: client.clone(), name }
    }

    /// Answers queries in order. Those that fit into one request see the same snapshot.
    pub(crate) async fn query(&self, queries: &[Query]) -> Result<Vec<Answer>, StoreError> {
        let mut answers = Vec::with_capacity(queries.len());
        for some in queries.chunks(PER_REQUEST) {
            match self.client.query(&self.name, some).await {
                Ok(more) if more.len() == some.len() => answers.extend(more),
                Ok(_) => return Err(StoreError::corrupt("answer", "it lacks answers of some queries")),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    answers.extend(some.iter().map(|_| Answer::default()));
                }
                Err(error) => return Err(unavailable(error)),
            }
        }
        Ok(answers)
    }

    /// Answers queries that count, three at a time: each takes four slots.
    pub(crate) async fn count(&self, queries: &[Query]) -> Result<Vec<Answer>, StoreError> {
        let mut answers = Vec::with_capacity(queries.len());
        for some in queries.chunks(PER_REQUEST / 4) {
            answers.extend(self.query(some).await?);
        }
        Ok(answers)
    }

    /// Returns the rows of one query.
    pub(crate) async fn rows(&self, query: Query) -> Result<Vec<Row>, StoreError> {
        let mut answers = self.query(&[query]).await?;
        Ok(answers.pop().map(|answer| answer.rows).unwrap_or_default())
    }

    /// Returns the rows with some of `ids`, in no particular order.
    pub(crate) async fn by_id(
        &self,
        kind: Option<&'static str>,
        ids: &[Uuid],
        attributes: &[&'static str],
    ) -> Result<Vec<Row>, StoreError> {
        let queries: Vec<Query> = by_id(kind, ids, attributes).collect();
        let answers = self.query(&queries).await?;
        Ok(answers.into_iter().flat_map(|answer| answer.rows).collect())
    }

    /// Returns all rows that match, however many, by id.
    pub(crate) async fn all(
        &self,
        filter: Filter,
        attributes: &[&'static str],
    ) -> Result<Vec<Row>, StoreError> {
        let mut found: Vec<Row> = Vec::new();
        let mut after = None;
        loop {
            let rows = self.step(&filter, after, Query::MAX_ROWS, attributes).await?;
            let Some(last) = rows.last() else { return Ok(found) };
            after = Some(last.id()?);
            let full = rows.len() == Query::MAX_ROWS;
            found.extend(rows);
            if !full {
                return Ok(found);
            }
        }
    }

    /// Returns the next rows that match, by id.
    pub(crate) async fn step(
        &self,
        filter: &Filter,
        after: Option<Uuid>,
        limit: usize,
        attributes: &[&'static str],
    ) -> Result<Vec<Row>, StoreError> {
        let after = after.map_or(Filter::Everything, |id| Filter::greater("id", id.to_string()));
        let filter = Filter::all([filter.clone(), after]);
        self.rows(Query::rows(filter, vec![Key("id", Direction::Asc)], limit, attributes.to_vec())).await
    }

    pub(crate) async fn write(&self, write: &Write<'_>) -> Result<Written, StoreError> {
        self.client.write(&self.name, write).await.map_err(unavailable)
    }

    /// Deletes what matches and returns how many rows that were.
    pub(crate) async fn delete_matching(&self, write: Write<'_>, filter: Filter) -> Result<u64, StoreError> {
        let write = write.delete_matching(filter);
        let mut deleted = 0;
        loop {
            match self.client.write(&self.name, &write).await {
                Ok(written) => {
                    deleted += written.rows_deleted;
                    if !written.rows_remaining {
                        return Ok(deleted);
                    }
                }
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(deleted),
                Err(error) => return Err(unavailable(error)),
            }
        }
    }

    /// Deletes the whole namespace.
    pub(crate) async fn drop_all(&self) -> Result<(), StoreError> {
        match self.client.delete_namespace(&self.name).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(unavailable(error)),
            _ => Ok(()),
        }
    }
}

/// Returns queries for the rows with some of `ids`.
pub(crate) fn by_id<'i>(
    kind: Option<&'static str>,
    ids: &'i [Uuid],
    attributes: &[&'static str],
) -> impl Iterator<Item = Query> + use<'i> {
    let attributes = attributes.to_vec();
    ids.chunks(MOST_IDS).map(move |ids| {
        let kind = kind.map_or(Filter::Everything, |kind| Filter::eq("kind", kind));
        let filter = Filter::all([kind, Filter::one_of("id", ids.iter().copied())]);
        Query::rows(filter, vec![Key("id", Direction::Asc)], MOST_IDS, attributes.clone())
    })
}
