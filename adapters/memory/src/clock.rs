use trace::ports::Clock;
use trace::time::Timestamp;

/// The clock of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_tells_a_time_of_this_century() {
        let (from, to) = ("2025-01-01", "2100-01-01");
        let range = [from, to].map(|text| Timestamp::parse(text).ok());
        let now = Some(SystemClock.now());
        assert!(range[0] < now && now < range[1]);
    }
}
