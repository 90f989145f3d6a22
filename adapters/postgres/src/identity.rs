//! Users, organisations, projects, keys, invites and resets.
//!
//! Whatever counts before it adds — seats, keys, owners — first locks the row of its organisation, so that of many
//! at once each sees what the one before it did. Locks are taken in one order: organisation, user, then the rest.

mod accounts;
mod invites;
mod keys;
mod orgs;
mod projects;
mod resets;
mod rows;

use sqlx::PgConnection;
use trace::id::OrgId;
use trace::ports::StoreError;
use trace::time::Timestamp;

use crate::Database;
use crate::sql::{At, unavailable};

/// Accounts, organisations, projects, keys, invites and resets in Postgres.
///
/// It implements [`Accounts`](trace::ports::Accounts), [`Orgs`](trace::ports::Orgs),
/// [`Projects`](trace::ports::Projects), [`ApiKeys`](trace::ports::ApiKeys), [`Invites`](trace::ports::Invites) and
/// [`Resets`](trace::ports::Resets).
#[derive(Clone, Debug)]
pub struct PostgresIdentity {
    database: Database,
}

impl PostgresIdentity {
    /// Returns the identity stores in `database`.
    pub fn new(database: &Database) -> Self {
        Self { database: database.clone() }
    }

    /// Deletes what no longer means anything: invites and resets that expired before `now`, and the memory of
    /// webhooks handled over 60 days ago, which are not sent again. Returns how many rows went.
    pub async fn purge(&self, now: Timestamp) -> Result<u64, StoreError> {
        const DAY: i64 = 86_400_000_000;
        let mut gone = 0;
        for (sql, before) in [
            ("DELETE FROM invites WHERE expires_at <= $1", now),
            ("DELETE FROM password_reset_tokens WHERE expires_at <= $1", now),
            ("DELETE FROM webhooks WHERE handled_at <= $1", now.minus_micros(60 * DAY)),
        ] {
            let done = sqlx::query(sql).bind(At(before)).execute(self.database.pool()).await;
            gone += done.map_err(unavailable)?.rows_affected();
        }
        Ok(gone)
    }
}

/// Keeps everybody else who counts in the organisation waiting until the transaction ends. Returns whether there is
/// such an organisation.
async fn lock_org(connection: &mut PgConnection, org: OrgId) -> Result<bool, StoreError> {
    let found: Option<i32> = sqlx::query_scalar("SELECT 1 FROM organizations WHERE id = $1 FOR UPDATE")
        .bind(org.0)
        .fetch_optional(connection)
        .await
        .map_err(unavailable)?;
    Ok(found.is_some())
}

/// Returns whether one more stays within `limit`.
fn has_room(count: i64, limit: Option<u64>) -> bool {
    limit.is_none_or(|limit| u64::try_from(count).unwrap_or(0) < limit)
}
