//! A database of its own in the Postgres that `TEST_DATABASE_URL` names.

use anyhow::Context;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

/// Returns a service's URL from the environment.
pub(super) fn service_url(name: &str) -> anyhow::Result<String> {
    std::env::var(name)
        .with_context(|| format!("{name} is not set: run eval \"$(scripts/services.sh start)\""))
}

/// An empty database; it goes with the throw-away server.
#[derive(Clone, Debug)]
pub struct OwnDatabase {
    /// How to reach it.
    pub url: String,
}

impl OwnDatabase {
    /// Creates a database with a name nobody else uses.
    pub async fn create() -> anyhow::Result<Self> {
        let server = service_url("TEST_DATABASE_URL")?;
        let name = format!("traceway_{}", uuid::Uuid::new_v4().simple());
        let options: PgConnectOptions = server.parse()?;
        let mut connection =
            options.clone().connect().await.context("the Postgres for tests cannot be reached")?;
        // The name is made of letters and digits here.
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
        connection.close().await?;
        let mut url: url::Url = server.parse()?;
        url.set_path(&name);
        Ok(Self { url: url.into() })
    }

    /// Opens a connection, for what no API offers.
    pub async fn connect(&self) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect(&self.url).await?)
    }
}
