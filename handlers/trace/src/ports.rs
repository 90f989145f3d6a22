//! The ports: what handlers ask of the world. A trait per file; adapters implement them.

mod clock;
mod error;
mod events;
mod ids;
mod jobs;
mod metered;
mod payloads;
mod rollups;
mod spans;

pub use clock::Clock;
pub use error::StoreError;
pub use events::{Delivery, EventBus, Sequence, Subscription};
pub use ids::Ids;
pub use jobs::{Job, JobId, JobQueue, Leased, NewJob};
pub use metered::Metered;
pub use payloads::{PayloadStore, SpanKey};
pub use rollups::{ModelRow, Rollups, Summary, SummaryQuery};
pub use spans::{Batch, Counts, SpanChange, SpanStore, SpanWrite, TraceChange, TraceWritten, Written};
