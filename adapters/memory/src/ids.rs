use std::sync::{Mutex, PoisonError};

use trace::id::{SpanId, TraceId};
use trace::ports::Ids;
use ulid::Generator;

/// ULIDs of the system's clock and randomness. Each is greater than every one made before it, also within a
/// millisecond, when the clock steps back, and from several threads.
#[derive(Debug, Default)]
pub struct UlidIds {
    generator: Mutex<Generator>,
}

impl UlidIds {
    /// Returns a source of ids.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Ids for UlidIds {
    fn trace_id(&self) -> TraceId {
        TraceId::parse(&self.ulid()).expect("a ULID is 26 letters and digits")
    }

    fn span_id(&self) -> SpanId {
        SpanId::parse(&self.ulid()).expect("a ULID is 26 letters and digits")
    }

    fn ulid(&self) -> String {
        // A generator that another thread left in a panic still holds the last id it gave.
        let mut generator = self.generator.lock().unwrap_or_else(PoisonError::into_inner);
        let next = match generator.generate() {
            Ok(next) => next,
            Err(overflow) => overflow.commit_overflow_increment(),
        };
        next.to_string()
    }
}
