//! Creating, listing, reading and deleting traces.

mod deleted;
mod listed;
mod one;
mod preview;

use super::Case;

pub(super) fn cases() -> Vec<Case> {
    [one::cases(), deleted::cases(), listed::cases(), preview::cases()].into_iter().flatten().collect()
}
