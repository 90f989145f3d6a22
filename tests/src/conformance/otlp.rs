//! OpenTelemetry spans: over HTTP and gRPC, as traces, as spans, in every convention.

pub(super) mod grpc;
mod identity;
mod made;
mod mapping;
mod shapes;
mod texts;
mod transport;
mod usage;

use super::Case;

pub(super) fn cases() -> Vec<Case> {
    [
        transport::cases(),
        grpc::cases(),
        identity::cases(),
        shapes::cases(),
        mapping::cases(),
        usage::cases(),
        texts::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
