//! What every [`Ids`] and every [`Clock`] promises.

use std::collections::HashSet;
use std::thread;

use crate::ports::{Clock, Ids};
use crate::time::Timestamp;

/// What every [`Ids`] promises.
pub fn ids_contract(ids: &dyn Ids) {
    let made: Vec<String> = (0..5_000).map(|_| ids.ulid()).collect();
    let crockford =
        |id: &String| id.len() == 26 && id.bytes().all(|b| b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains(&b));
    assert!(made.iter().all(crockford));
    assert!(made.windows(2).all(|pair| pair[0] < pair[1]), "ids grow, also within a millisecond");
    assert!(ids.trace_id().as_str() > made[made.len() - 1].as_str());
    assert!(ids.span_id().as_str() < ids.trace_id().as_str());
    let threads: Vec<Vec<String>> = thread::scope(|scope| {
        let many = || (0..2_000).map(|_| ids.ulid()).collect();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(many)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(
        threads.iter().all(|own| own.windows(2).all(|pair| pair[0] < pair[1])),
        "each thread sees them grow"
    );
    assert_eq!(threads.iter().flatten().collect::<HashSet<_>>().len(), 8_000, "no id comes twice");
}

/// What every [`Clock`] of a running system promises.
pub fn clock_contract(clock: &dyn Clock) {
    let (first, second) = (clock.now(), clock.now());
    assert!(second >= first);
    assert!(
        first > Timestamp::parse("2025-01-01").unwrap() && first < Timestamp::parse("2200-01-01").unwrap()
    );
}
