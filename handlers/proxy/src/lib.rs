//! Port 3001: relays model calls unchanged and records each as a span, as one axum router over ports.
//!
//! Bytes come first. Requests and answers pass through as they arrive; recording works on reference-counted
//! copies in a task of its own, so that it can neither slow, alter nor fail a call. Nothing here knows which
//! store it writes to or what process it is in: the runtime supplies [`Deps`].
//!
//! Deliberately absent: retries, caching, redirects, changes to requests, protocol upgrades.

mod admission;
mod background;
mod budget;
mod client;
mod copy;
mod cors;
mod decode;
mod download;
mod error;
mod headers;
mod last_bytes;
mod reach;
mod recording;
mod relay;
mod settings;
mod spool;
mod target;
mod upload;

pub use admission::{Admission, Admitted, Everyone, KeyHolders, Refusal};
pub use background::{Background, Hold, Work};
pub use client::{ClientError, HttpClient, http_client, http_client_within};
pub use error::ProxyError;
pub use reach::{PrivateTarget, Reach};
pub use relay::{Deps, router};
pub use settings::Settings;
pub use spool::{Record, Spool, SpoolError};
pub use target::{Base, InvalidBase};
