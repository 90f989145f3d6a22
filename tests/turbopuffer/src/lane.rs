//! The lane on which a namespace commits: one commit after the other, shared by the writes that wait.

use std::time::{Duration, Instant};

use crate::settings::Settings;

/// The last commit that was planned.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    last: Option<Commit>,
}

#[derive(Clone, Copy, Debug)]
struct Commit {
    starts: Instant,
    ends: Instant,
}

impl Lane {
    /// When a write that arrives now is committed, and whether its commit is a new one.
    pub(crate) fn join(&mut self, now: Instant, settings: &Settings) -> (Instant, bool) {
        if let Some(last) = self.last.filter(|last| last.starts > now) {
            return (last.ends, false);
        }
        let interval = Duration::from_millis(settings.commit_interval_ms);
        let free = self.last.map(|last| last.ends.max(last.starts + interval));
        let starts = free.map_or(now, |free| free.max(now));
        let ends = starts + settings.latency.write.sample();
        self.last = Some(Commit { starts, ends });
        (ends, true)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Lane;
    use crate::settings::{Settings, Spread};

    #[test]
    fn writes_that_wait_share_a_commit() {
        let mut settings = Settings { commit_interval_ms: 1_000, ..Settings::default() };
        settings.latency.write = Spread::new(165.0, 165.0);
        let mut lane = Lane::default();
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        assert_eq!(lane.join(start, &settings), (at(165), true));
        assert_eq!(lane.join(at(10), &settings), (at(1_165), true));
        assert_eq!(lane.join(at(900), &settings), (at(1_165), false));
        assert_eq!(lane.join(at(1_001), &settings), (at(2_165), true));
    }

    #[test]
    fn commits_follow_each_other_without_an_interval() {
        let mut settings = Settings::default();
        settings.latency.write = Spread::new(100.0, 100.0);
        let mut lane = Lane::default();
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        assert_eq!(lane.join(start, &settings), (at(100), true));
        assert_eq!(lane.join(at(50), &settings), (at(200), true));
        assert_eq!(lane.join(at(60), &settings), (at(200), false));
        assert_eq!(lane.join(at(300), &settings), (at(400), true));
    }
}
