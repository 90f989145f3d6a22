//! Values and statements: what the queries of this crate share.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Row, SqliteConnection};
use trace::filter::SortValue;
use trace::ports::StoreError;

/// A value to bind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(Arc<str>),
    Blob(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Arc::from(value))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(Arc::from(value))
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(value)
    }
}

impl From<SortValue> for Value {
    fn from(value: SortValue) -> Self {
        match value {
            SortValue::Integer(value) => Self::Integer(value),
            SortValue::Number(value) => Self::Real(value),
            SortValue::Text(value) => value.into(),
        }
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Returns `number` as SQLite keeps integers; what is beyond its range becomes the largest.
pub(crate) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Returns a stored count; a negative one is corrupt.
pub(crate) fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|error| StoreError::corrupt("count", error))
}

/// Returns the values as the arguments of a statement.
pub(crate) fn arguments(values: impl IntoIterator<Item = Value>) -> SqliteArguments {
    let mut arguments = SqliteArguments::default();
    for value in values {
        let added = match value {
            Value::Null => arguments.add(None::<i64>),
            Value::Integer(value) => arguments.add(value),
            Value::Real(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Blob(value) => arguments.add(value),
        };
        added.expect("integers, floats, texts and blobs always encode");
    }
    arguments
}

/// Wraps the error of a query: what does not decode is corrupt, everything else is unavailable.
pub(crate) fn unavailable(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
            StoreError::corrupt("row", error)
        }
        other => StoreError::unavailable(other),
    }
}

/// Reads a column of a row.
pub(crate) fn column<'r, T>(row: &'r SqliteRow, index: usize) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(index).map_err(|error| StoreError::corrupt("row", error))
}

/// Returns `values` as a JSON array, for `IN (SELECT value FROM json_each(?))`: one statement for any number.
pub(crate) fn json_array<T: serde::Serialize>(values: &[T]) -> Value {
    // Numbers and strings always have a JSON form.
    Value::from(serde_json::to_string(values).unwrap_or_else(|_| "[]".to_owned()))
}

/// An `INSERT` of many rows.
pub(crate) struct Insert {
    /// Up to and including `VALUES`.
    pub(crate) head: &'static str,
    /// Values per row.
    pub(crate) columns: usize,
    /// After the values.
    pub(crate) tail: &'static str,
}

/// Rows per statement. Few sizes, so that prepared statements are found again; all small ones, so that few rows are one
/// trip to SQLite's thread.
const CHUNKS: [usize; 11] = [64, 32, 16, 8, 7, 6, 5, 4, 3, 2, 1];

type Statements = HashMap<(&'static str, usize), Arc<str>>;
static STATEMENTS: LazyLock<Mutex<Statements>> = LazyLock::new(Mutex::default);

impl Insert {
    /// Inserts `rows`, whose values stand one row after the other.
    pub(crate) async fn run(
        &self,
        connection: &mut SqliteConnection,
        rows: Vec<Value>,
    ) -> Result<(), sqlx::Error> {
        let mut left = rows.len() / self.columns;
        let mut rows = rows.into_iter();
        while left > 0 {
            let chunk = CHUNKS.into_iter().find(|&chunk| chunk <= left).unwrap_or(1);
            let arguments = arguments(rows.by_ref().take(chunk * self.columns));
            let sql = AssertSqlSafe(self.statement(chunk));
            sqlx::query_with(sql, arguments).execute(&mut *connection).await?;
            left -= chunk;
        }
        Ok(())
    }

    fn statement(&self, rows: usize) -> Arc<str> {
        let mut statements = STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let row = format!("({})", vec!["?"; self.columns].join(","));
            Arc::from(format!("{} {} {}", self.head, vec![row; rows].join(","), self.tail))
        };
        Arc::clone(statements.entry((self.head, rows)).or_insert_with(make))
    }
}
