//! Creating, finishing, listing, reading and deleting spans.

mod created;
mod ended;
mod listed;
mod read;

use super::Case;

pub(super) fn cases() -> Vec<Case> {
    [created::cases(), ended::cases(), read::cases(), listed::cases()].into_iter().flatten().collect()
}
