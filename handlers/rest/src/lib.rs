//! Port 3000: REST, OTLP, live events, the API description and the dashboard, as one axum router over ports.
//!
//! Nothing here knows which store it talks to or what process it is in. [`router`] is mounted as it is by every
//! runtime. A resource per file: its routes and what they accept; the JSON shapes live in `view`.

mod analytics;
mod auth;
mod caller;
mod dashboard;
mod error;
mod events;
mod export;
mod extract;
mod filters;
mod host;
mod ingest;
mod otlp;
mod page;
mod router;
mod sessions;
mod spans;
mod stats;
mod system;
mod traces;
mod traffic;
mod view;

pub use caller::{Authenticator, Everyone, Grants, Identity};
pub use error::ApiError;
pub use host::Access;
pub use router::{Deps, grpc_router, openapi, router};
pub use system::{ConfigFile, ConfigFileError, Server};
