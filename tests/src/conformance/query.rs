//! The query language, on spans, traces and sessions.

mod spans;
mod traces;

use super::Case;

pub(super) fn cases() -> Vec<Case> {
    [spans::cases(), traces::cases()].into_iter().flatten().collect()
}
