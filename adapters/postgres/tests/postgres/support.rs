//! A schema of its own for every test.

use adapter_postgres::{Database, PoolOptions, Start, connect, migrate};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use trace::ports::Clock;
use trace::time::Timestamp;
use uuid::Uuid;

/// Returns the URL in an environment variable that `scripts/services.sh` sets.
pub(crate) fn url(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run eval \"$(scripts/services.sh start)\" first, which starts what tests need")
    })
}

/// An empty schema in the real Postgres, deleted by [`Schema::drop`].
pub(crate) struct Schema {
    name: String,
}

impl Schema {
    /// Makes a schema without tables.
    pub(crate) async fn empty() -> Self {
        let name = format!("test_{}", Uuid::now_v7().simple());
        run(&format!("CREATE SCHEMA {name}")).await;
        Self { name }
    }

    /// Makes a schema with all tables, and a pool of it.
    pub(crate) async fn migrated() -> (Self, Database) {
        let schema = Self::empty().await;
        migrate(&schema.url()).await.unwrap();
        let database = schema.connect(20).await;
        (schema, database)
    }

    /// Returns the URL that leads into the schema.
    pub(crate) fn url(&self) -> String {
        let base = url("TEST_DATABASE_URL");
        let joint = if base.contains('?') { '&' } else { '?' };
        format!("{base}{joint}options[search_path]={name}&application_name={name}", name = self.name)
    }

    /// Opens one more pool, as another process would.
    pub(crate) async fn connect(&self, connections: u32) -> Database {
        let options = PoolOptions {
            connections,
            start: Start::Lazy,
            // Fifty at once share few connections on a machine that may be busy.
            acquire_timeout: std::time::Duration::from_mins(1),
            ..PoolOptions::default()
        };
        connect(&self.url(), options).await.unwrap()
    }

    /// Opens a connection for looking behind the stores.
    pub(crate) async fn raw(&self) -> PgConnection {
        PgConnection::connect(&self.url()).await.unwrap()
    }

    /// Deletes the schema.
    pub(crate) async fn drop(self) {
        run(&format!("DROP SCHEMA {} CASCADE", self.name)).await;
    }
}

async fn run(sql: &str) {
    let mut connection = PgConnection::connect(&url("TEST_DATABASE_URL")).await.unwrap();
    sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// The time of this machine.
pub(crate) struct SystemTime;

impl Clock for SystemTime {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
    }
}
