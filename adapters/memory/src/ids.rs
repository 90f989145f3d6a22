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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::collections::HashSet;
    use std::thread;

    use super::*;

    #[test]
    fn ids_are_26_characters_and_grow() {
        let ids = UlidIds::new();
        let made: Vec<String> = (0..10_000).map(|_| ids.ulid()).collect();
        assert!(made.iter().all(|id| id.len() == 26));
        assert!(made.is_sorted());
        assert!(made.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn threads_never_get_the_same_id_and_each_sees_them_grow() {
        let ids = UlidIds::new();
        let made: Vec<Vec<SpanId>> = thread::scope(|scope| {
            let make = || (0..2_000).map(|_| ids.span_id()).collect::<Vec<_>>();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(made.iter().all(|own| own.is_sorted()));
        assert_eq!(made.iter().flatten().collect::<HashSet<_>>().len(), 8_000);
    }
}
