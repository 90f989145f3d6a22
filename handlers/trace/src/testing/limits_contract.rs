//! What every [`RateLimiter`] promises.

use std::time::Duration;

use futures_util::future::join_all;

use crate::ports::{RateLimiter, Verdict, Window};

/// What every [`RateLimiter`] promises. All are of one store without windows, as several processes have them, and
/// tell time by a clock that runs.
pub async fn rate_limiter_contract(limiters: &[&dyn RateLimiter]) {
    a_full_window_says_when_there_is_room(limiters[0]).await;
    windows_slide(limiters[0]).await;
    what_was_refused_does_not_count(limiters[0]).await;
    keys_do_not_share_their_windows(limiters[0]).await;
    many_at_once_get_exactly_the_maximum(limiters).await;
}

const SECOND: Duration = Duration::from_secs(1);

async fn allowed(limiter: &dyn RateLimiter, key: &str, window: Window) -> bool {
    limiter.check(key, window).await.unwrap() == Verdict::Allowed
}

async fn a_full_window_says_when_there_is_room(limiter: &dyn RateLimiter) {
    let window = Window { max: 2, per: SECOND };
    assert!(allowed(limiter, "full", window).await && allowed(limiter, "full", window).await);
    let Verdict::Limited(wait) = limiter.check("full", window).await.unwrap() else { panic!("not limited") };
    assert!(wait > Duration::ZERO && wait <= SECOND, "{wait:?}");
    tokio::time::sleep(wait + Duration::from_millis(20)).await;
    assert!(allowed(limiter, "full", window).await, "after {wait:?}");
}

async fn windows_slide(limiter: &dyn RateLimiter) {
    let window = Window { max: 2, per: SECOND };
    assert!(allowed(limiter, "slide", window).await);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(allowed(limiter, "slide", window).await);
    tokio::time::sleep(Duration::from_millis(500)).await;
    // The first event has left, the second has not: a window that began anew would have room for two.
    assert!(allowed(limiter, "slide", window).await);
    assert!(!allowed(limiter, "slide", window).await);
}

async fn what_was_refused_does_not_count(limiter: &dyn RateLimiter) {
    let window = Window { max: 1, per: SECOND };
    assert!(allowed(limiter, "refused", window).await);
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(!allowed(limiter, "refused", window).await);
    tokio::time::sleep(Duration::from_millis(650)).await;
    assert!(allowed(limiter, "refused", window).await);
}

async fn keys_do_not_share_their_windows(limiter: &dyn RateLimiter) {
    let window = Window { max: 1, per: SECOND };
    assert!(allowed(limiter, "one", window).await);
    assert!(allowed(limiter, "other", window).await);
    assert!(!allowed(limiter, "one", window).await);
}

async fn many_at_once_get_exactly_the_maximum(limiters: &[&dyn RateLimiter]) {
    let window = Window { max: 10, per: Duration::from_secs(20) };
    let crowd = (0..50).map(|at| limiters[at % limiters.len()].check("crowd", window));
    let verdicts = join_all(crowd).await;
    let allowed = verdicts.into_iter().filter(|verdict| *verdict.as_ref().unwrap() == Verdict::Allowed);
    assert_eq!(allowed.count(), 10);
}
