//! Traces and spans as Traceway understands them, and the ports that store them.
//!
//! Everything here is pure: no socket, file, SQL, environment, clock or randomness except through a port.
//! The way in is [`record::Recorder`]; the way out is [`ports::SpanStore`] with a [`filter::ListQuery`].

pub mod capture;
pub mod count;
pub mod event;
pub mod filter;
pub mod host;
pub mod id;
pub mod identity;
pub mod json;
pub mod keyring;
pub mod kind;
pub mod latency;
pub mod nul;
pub mod otlp;
pub mod payload;
pub mod ports;
pub mod preview;
pub mod price;
pub mod provider;
pub mod query;
pub mod quota;
pub mod record;
pub mod remembered;
pub mod size;
pub mod span;
pub mod text;
pub mod time;
pub mod totals;
pub mod trace;

#[cfg(feature = "testing")]
pub mod testing;
