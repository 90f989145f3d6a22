//! The JSON shapes of traces, spans and sessions. One type per resource, shared by every route that shows it.

mod schema;
mod session;
mod span;
mod trace;

pub(crate) use self::session::SessionView;
pub(crate) use self::span::SpanView;
pub(crate) use self::trace::TraceView;
