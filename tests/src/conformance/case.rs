use futures_util::future::BoxFuture;

use super::Ctx;
use crate::mount::Capability;

/// One fact about the product.
pub struct Case {
    /// `section.fact`
    pub name: &'static str,
    /// What a mount must be able to do for the case to make sense.
    pub needs: &'static [Capability],
    /// Checks the fact; panics where it does not hold.
    pub run: fn(Ctx) -> BoxFuture<'static, ()>,
}

/// Lists the functions of a section as cases, with what all of them need.
macro_rules! cases {
    ($section:literal, $needs:expr; $($fact:ident),+ $(,)?) => {
        vec![$($crate::conformance::Case {
            name: concat!($section, ".", stringify!($fact)),
            needs: $needs,
            run: |t| Box::pin($fact(t)),
        }),+]
    };
}
pub(super) use cases;

/// Returns every case, by section.
pub fn all() -> Vec<Case> {
    use super::{
        access, conventions, costs, events, ingest, otlp, paging, proxy, query, sessions, spans,
        stats_export, summary, system, traces,
    };
    [
        // One of these waits for a heartbeat, so they start first.
        events::cases(),
        system::cases(),
        conventions::cases(),
        costs::cases(),
        access::cases(),
        paging::cases(),
        traces::cases(),
        spans::cases(),
        ingest::cases(),
        query::cases(),
        otlp::cases(),
        proxy::cases(),
        sessions::cases(),
        summary::cases(),
        stats_export::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
