//! Whether it is safe to send prepared statements through whatever stands before Postgres.
//!
//! A pooler that gives every transaction another connection, and does not know which statements were prepared on
//! which, answers a query with the rows of somebody else's. Two clients that prepare different statements under the
//! same name are enough to find out.

use std::time::Duration;

use futures_util::future::try_join_all;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tokio::time::timeout;

use crate::database::{ConnectError, parse, place};

/// Clients that query at once.
const CLIENTS: usize = 4;

/// Queries of each client.
const ROUNDS: usize = 8;

/// How long the database may take to answer all of them.
const PATIENCE: Duration = Duration::from_secs(15);

/// Codes of errors about a prepared statement that is there already, or is not: `duplicate_prepared_statement`,
/// `invalid_sql_statement_name`, `protocol_violation`, and `feature_not_supported` for a plan of other columns.
const MIXED: [&str; 4] = ["42P05", "26000", "08P01", "0A000"];

/// The database is reached through a pooler that mixes up prepared statements.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database at {place} is behind a pooler that mixes up prepared statements ({seen}), so queries could return \
     rows of others; set DATABASE_URL to the direct or session-mode endpoint (often another port), or use PgBouncer \
     1.21 or newer with max_prepared_statements above 0"
)]
pub struct PoolerError {
    place: String,
    seen: String,
}

/// Returns when the database at `url` answers every one of several clients with its own rows.
pub async fn check_pooler(url: &str) -> Result<(), ConnectError> {
    check(&parse(url)?).await
}

/// Like [`check_pooler`], for options that are read already.
pub(crate) async fn check(target: &PgConnectOptions) -> Result<(), ConnectError> {
    let outcome = timeout(PATIENCE, ask_all(target)).await;
    outcome.unwrap_or_else(|_| Err(unreachable(target, sqlx::Error::PoolTimedOut)))
}

async fn ask_all(target: &PgConnectOptions) -> Result<(), ConnectError> {
    let connect = || async { target.connect().await.map_err(|error| unreachable(target, error)) };
    let mut clients: Vec<PgConnection> = try_join_all((0..CLIENTS).map(|_| connect())).await?;
    // One after the other: a pooler gives the connection that was just freed to the next.
    for round in 0..2 {
        for (client, connection) in clients.iter_mut().enumerate() {
            ask(target, connection, client, round).await?;
        }
    }
    try_join_all(clients.iter_mut().enumerate().map(|(client, connection)| async move {
        for round in 2..ROUNDS {
            ask(target, connection, client, round).await?;
        }
        Ok::<_, ConnectError>(())
    }))
    .await?;
    for connection in clients {
        // Nothing hangs on how a connection that was only asked a few numbers ends.
        let _ = connection.close().await;
    }
    Ok(())
}

/// Asks for a number that nobody else asks for, by a statement that nobody else prepares.
async fn ask(
    target: &PgConnectOptions,
    connection: &mut PgConnection,
    client: usize,
    round: usize,
) -> Result<(), ConnectError> {
    let number = i32::try_from(client * 1_000 + round).unwrap_or(i32::MAX);
    let sql = AssertSqlSafe(format!("SELECT {number} + $1"));
    let mixed = |seen: String| ConnectError::Pooler(PoolerError { place: place(target), seen });
    match sqlx::query_scalar::<_, i32>(sql).bind(1).fetch_one(connection).await {
        Ok(answer) if answer == number + 1 => Ok(()),
        Ok(answer) => Err(mixed(format!("asked for {}, it answered {answer}", number + 1))),
        Err(error) => match error.as_database_error().and_then(DatabaseError::code) {
            Some(code) if MIXED.contains(&code.as_ref()) => Err(mixed(error.to_string())),
            _ if matches!(error, sqlx::Error::Protocol(_)) => Err(mixed(error.to_string())),
            _ => Err(unreachable(target, error)),
        },
    }
}

fn unreachable(target: &PgConnectOptions, source: sqlx::Error) -> ConnectError {
    ConnectError::Unreachable { host: place(target), source }
}
