//! The pool of connections that all stores share.

use std::str::FromStr;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use trace::ports::StoreError;

use crate::pooler::{self, PoolerError};
use crate::sql::unavailable;

/// When connections are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At once, and what stands between here and Postgres is checked: for processes that live long.
    Checked,
    /// With the first query: for functions that must be ready in no time. Whatever deploys them calls
    /// [`check_pooler`](crate::check_pooler) and [`migrate`](crate::migrate).
    Lazy,
}

/// How many connections, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// Connections at most, at least 1.
    pub connections: u32,
    /// When connections are made.
    pub start: Start,
    /// How long a caller waits for a connection before the store is unavailable.
    pub acquire_timeout: Duration,
    /// How long a connection may be idle before it is closed.
    pub idle_timeout: Duration,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            connections: 10,
            start: Start::Checked,
            acquire_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_mins(5),
        }
    }
}

impl PoolOptions {
    /// Returns the options for a function that is frozen between requests: two connections, made when needed.
    pub fn lambda() -> Self {
        Self { connections: 2, start: Start::Lazy, ..Self::default() }
    }
}

/// The database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL is none of a Postgres. It is not shown, as it may hold a password.
    #[error("DATABASE_URL is not the URL of a Postgres, such as postgres://user:password@host:5432/database")]
    Url(#[source] sqlx::Error),
    /// Nothing answers there, or it refuses.
    #[error("the database at {host} cannot be reached")]
    Unreachable {
        /// Where it was looked for.
        host: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A pooler stands between that would answer with rows of others.
    #[error(transparent)]
    Pooler(#[from] PoolerError),
}

/// A pool of connections to one database. Clones share it.
#[derive(Clone, Debug)]
pub struct Database {
    pool: PgPool,
}

/// Opens a pool. Unless it is to start lazily, this returns when the database answers and was found to be safe.
pub async fn connect(url: &str, options: PoolOptions) -> Result<Database, ConnectError> {
    let target = parse(url)?;
    let pool = PgPoolOptions::new()
        .max_connections(options.connections.max(1))
        .acquire_timeout(options.acquire_timeout)
        .idle_timeout(options.idle_timeout)
        // A connection may have died while the process was frozen.
        .test_before_acquire(true)
        .connect_lazy_with(target.clone());
    if options.start == Start::Checked {
        pooler::check(&target).await?;
    }
    Ok(Database { pool })
}

/// Reads the URL of a database.
pub(crate) fn parse(url: &str) -> Result<PgConnectOptions, ConnectError> {
    let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let parsed = if is_postgres {
        PgConnectOptions::from_str(url)
    } else {
        Err(sqlx::Error::Configuration("the scheme is not postgres".into()))
    };
    let parsed = parsed.map_err(ConnectError::Url)?;
    Ok(if parsed.get_application_name().is_none() { parsed.application_name("traceway") } else { parsed })
}

/// Returns what to call a database in messages: host and port, no user, no password.
pub(crate) fn place(options: &PgConnectOptions) -> String {
    format!("{}:{}", options.get_host(), options.get_port())
}

impl Database {
    /// Returns when the database answers a query.
    pub async fn check(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await.map(|_| ()).map_err(unavailable)
    }

    /// Closes all connections when their queries are done.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_other_databases_are_refused_without_being_shown() {
        for url in ["", "mysql://u:secret@h/d", "postgres:secret", "localhost:5432"] {
            let error = parse(url).expect_err(url);
            assert!(matches!(error, ConnectError::Url(_)), "{url}");
            assert!(!error.to_string().contains("secret"));
        }
    }

    #[test]
    fn a_place_names_neither_user_nor_password() {
        let options = parse("postgresql://ann:secret@db.example.com:6432/traceway").expect("a URL");
        assert_eq!(place(&options), "db.example.com:6432");
    }
}
