//! Work that one of many processes does.

use std::time::Duration;

use trace::ports::StoreError;
use uuid::Uuid;

use crate::Database;
use crate::sql::{integer, text, unavailable};

/// Decides which of many processes does something.
#[derive(Clone, Debug)]
pub struct Leases {
    database: Database,
    holder: Uuid,
}

/// Proof that this process leads for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    name: String,
    holder: Uuid,
}

impl Leases {
    /// Returns the leases of one process.
    pub fn new(database: &Database) -> Self {
        Self { database: database.clone(), holder: Uuid::now_v7() }
    }

    /// Takes or renews the lead of `name` for `duration`. `None` while another process has it.
    ///
    /// What runs once per hour in all processes together takes it for an hour and does not give it back.
    pub async fn try_lead(&self, name: &str, duration: Duration) -> Result<Option<Lease>, StoreError> {
        let led: Option<Uuid> = sqlx::query_scalar(
            "INSERT INTO leases AS l (name, holder, held_until)
             VALUES ($1, $2, clock_timestamp() + $3 * interval '1 microsecond')
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
             WHERE l.holder = excluded.holder OR l.held_until <= clock_timestamp()
             RETURNING holder",
        )
        .bind(text(name))
        .bind(self.holder)
        .bind(integer(duration.as_micros()))
        .fetch_optional(self.database.pool())
        .await
        .map_err(unavailable)?;
        Ok(led.map(|holder| Lease { name: name.to_owned(), holder }))
    }

    /// Gives the lead back before its time, so that another process may take it.
    pub async fn resign(&self, lease: Lease) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM leases WHERE name = $1 AND holder = $2")
            .bind(text(&lease.name))
            .bind(lease.holder)
            .execute(self.database.pool())
            .await
            .map(|_| ())
            .map_err(unavailable)
    }
}
