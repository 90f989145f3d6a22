use async_trait::async_trait;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::id::OrgId;
use crate::identity::{ApiKeyId, UserId};

/// Something cached answers may no longer rely on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Revocation {
    /// A key was deleted.
    Key {
        /// The key.
        id: ApiKeyId,
    },
    /// A user's sessions, role or membership changed.
    User {
        /// The user.
        id: UserId,
    },
    /// An organisation's plan, projects or settings changed.
    Org {
        /// The organisation.
        id: OrgId,
    },
    /// Messages may have been missed: everything cached is to be dropped.
    All,
}

/// Tells every process what cached answers to drop.
#[async_trait]
pub trait Revocations: Send + Sync {
    /// Tells all processes, this one included.
    async fn publish(&self, revocation: Revocation) -> Result<(), StoreError>;

    /// Returns revocations from now on; [`Revocation::All`] comes after every interruption.
    fn subscribe(&self) -> BoxStream<'static, Revocation>;
}
