//! The ports: what handlers ask of the world. A trait per file; adapters implement them.

mod billing;
mod cached;
mod clock;
mod compute;
mod creators;
mod detach;
mod error;
mod events;
mod identity;
mod ids;
mod jobs;
mod limits;
mod mail;
mod meter;
mod metered;
mod payloads;
mod random;
mod revocations;
mod rollups;
mod spans;

pub use billing::{Billing, BillingError, Checkout};
pub use cached::Cached;
pub use clock::Clock;
pub use compute::{Computation, Compute, computed};
pub use creators::Creators;
pub use detach::{Detach, Inline};
pub use error::{StoreError, chain};
pub use events::{Delivery, EventBus, Sequence, Subscription};
pub use identity::{
    Acceptance, Accounts, ApiKeys, InviteOutcome, Invites, KeyOutcome, MemberChange, NewAccount, NewApiKey,
    NewInvite, NewProject, Orgs, ProjectChange, Projects, Resets, SignedUp, StoredKey, UserWithPassword,
};
pub use ids::Ids;
pub use jobs::{Job, JobId, JobQueue, Leased, NewJob};
pub use limits::{RateLimiter, Verdict, Window};
pub use mail::{Mail, MailError, Mailer};
pub use meter::{Meter, Reservation, Usage};
pub use metered::Metered;
pub use payloads::{PayloadStore, SpanKey};
pub use random::Random;
pub use revocations::{Revocation, Revocations};
pub use rollups::{Latencies, ModelLatency, ModelRow, Rollups, Summary, SummaryQuery};
pub use spans::{
    Batch, BatchId, Counts, SpanChange, SpanStore, SpanWrite, TraceChange, TraceWritten, Written,
};
