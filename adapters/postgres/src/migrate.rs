//! The schema, brought up to date step by step.

use sqlx::{ConnectOptions, Connection, PgConnection};

use crate::database::{ConnectError, parse, place};

/// A step of the schema.
struct Migration {
    name: &'static str,
    sql: &'static str,
}

macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        [$(Migration { name: $name, sql: include_str!(concat!("../migrations/", $name, ".sql")) }),*]
    };
}

const MIGRATIONS: [Migration; 14] = migrations![
    "0001_organizations",
    "0002_users",
    "0003_api_keys",
    "0004_invites",
    "0005_password_resets",
    "0006_webhooks",
    "0007_deleted_projects",
    "0008_namespaces",
    "0009_usage",
    "0010_jobs",
    "0011_leases",
    "0012_rollups",
    "0013_reservations",
    "0014_rollup_latencies",
];

/// The schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// There is no database to be migrated.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A newer version of this program was here.
    #[error(
        "the database was migrated by a newer version of traceway, which knows {unknown} and this version does not; \
         run that version, or restore a backup from before the upgrade"
    )]
    Newer {
        /// The first migration that is not known here.
        unknown: String,
    },
    /// A step failed and was taken back.
    #[error("the migration {name} failed")]
    Failed {
        /// The step.
        name: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
}

/// Brings the schema up to date and returns the names of the steps it took.
///
/// Every instance may call this at the same time: each step is one transaction that holds an advisory lock and looks
/// again whether somebody else has done it. The lock ends with its transaction, so a pooler cannot lose it.
pub async fn migrate(url: &str) -> Result<Vec<&'static str>, MigrateError> {
    let target = parse(url)?;
    let unreachable = |source| ConnectError::Unreachable { host: place(&target), source };
    let mut connection = target.connect().await.map_err(unreachable)?;
    create_record(&mut connection).await.map_err(failed("_auth_migrations"))?;
    refuse_newer(&mut connection).await?;
    let mut taken = Vec::new();
    for migration in &MIGRATIONS {
        if migration.run(&mut connection).await.map_err(failed(migration.name))? {
            tracing::info!(migration.name, "migrated");
            taken.push(migration.name);
        }
    }
    connection.close().await.map_err(failed("the last one"))?;
    Ok(taken)
}

fn failed(name: &str) -> impl FnOnce(sqlx::Error) -> MigrateError {
    let name = name.to_owned();
    move |source| MigrateError::Failed { name, source }
}

/// One lock per schema, as several may live in one database.
const LOCK: &str =
    "SELECT pg_advisory_xact_lock(hashtextextended('traceway migrations ' || current_schema(), 0))";

async fn create_record(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::query(LOCK).execute(&mut *transaction).await?;
    sqlx::raw_sql(
        "CREATE TABLE IF NOT EXISTS _auth_migrations (
             name text PRIMARY KEY,
             applied_at timestamptz NOT NULL DEFAULT now()
         )",
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

async fn refuse_newer(connection: &mut PgConnection) -> Result<(), MigrateError> {
    let names: Vec<String> = sqlx::query_scalar("SELECT name FROM _auth_migrations ORDER BY name")
        .fetch_all(connection)
        .await
        .map_err(failed("_auth_migrations"))?;
    let is_known = |name: &String| MIGRATIONS.iter().any(|migration| migration.name == name);
    match names.into_iter().find(|name| !is_known(name)) {
        Some(unknown) => Err(MigrateError::Newer { unknown }),
        None => Ok(()),
    }
}

impl Migration {
    /// Takes the step unless it was taken. Returns whether it did.
    async fn run(&self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        const TAKEN: &str = "SELECT EXISTS (SELECT FROM _auth_migrations WHERE name = $1)";
        if sqlx::query_scalar(TAKEN).bind(self.name).fetch_one(&mut *connection).await? {
            return Ok(false);
        }
        let mut transaction = connection.begin().await?;
        sqlx::query(LOCK).execute(&mut *transaction).await?;
        if sqlx::query_scalar(TAKEN).bind(self.name).fetch_one(&mut *transaction).await? {
            return Ok(false);
        }
        sqlx::raw_sql(self.sql).execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO _auth_migrations (name) VALUES ($1)")
            .bind(self.name)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_in_order_and_say_why() {
        assert!(MIGRATIONS.is_sorted_by_key(|migration| migration.name));
        for migration in &MIGRATIONS {
            assert!(migration.sql.starts_with("-- "), "{}", migration.name);
        }
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).expect("a folder");
        assert_eq!(files.count(), MIGRATIONS.len(), "every file is listed");
    }
}
