//! Live events: the stream, its frames, replay, filters, and what each change says.

mod filters;
mod kinds;
mod replay;
mod stream;

use super::Case;

pub(super) fn cases() -> Vec<Case> {
    [stream::cases(), kinds::cases(), replay::cases(), filters::cases()].into_iter().flatten().collect()
}
