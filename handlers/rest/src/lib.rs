//! Port 3000: REST, OTLP, live events, the API description and the dashboard, as one axum router over ports.
//!
//! Nothing here knows which store it talks to or what process it is in. [`router`] is mounted as it is by every
//! runtime. A resource per file: its routes and what they accept; the JSON shapes live in `view`.

mod analytics;
mod auth;
mod billing;
mod caller;
mod cloud;
mod dashboard;
mod description;
mod error;
mod events;
mod export;
mod extract;
mod filters;
mod host;
mod ingest;
pub mod jobs;
mod keys;
mod memory;
mod org;
mod otlp;
mod page;
mod password;
mod pieces;
mod projects;
mod rate;
mod router;
mod session_cookie;
mod session_token;
mod sessions;
mod spans;
mod stats;
mod surrogates;
mod system;
mod traces;
mod traffic;
mod usage;
mod view;

pub use billing::{InvalidWebhookSecret, WebhookSecret};
pub use caller::{Authenticator, CloudAuthenticator, Everyone, Identity, Who};
pub use cloud::{Cloud, Site};
pub use error::ApiError;
pub use events::StreamLimit;
pub use host::Access;
pub use password::Passwords;
pub use router::{Deps, grpc_router, openapi, router};
pub use session_token::SessionKey;
pub use system::{ConfigFile, ConfigFileError, ProxyFacts, Server};
