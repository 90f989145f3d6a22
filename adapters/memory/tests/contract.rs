//! The in-process ports keep their contracts.

use adapter_memory::{MemoryBus, SystemClock, UlidIds};
use trace::testing::{clock_contract, event_bus_contract, ids_contract};

#[tokio::test]
async fn the_memory_bus_keeps_the_event_bus_contract() {
    let bus = MemoryBus::new(&SystemClock);
    // A restart takes longer than the events before it took microseconds.
    let later =
        trace::time::Timestamp::from_micros(trace::ports::Clock::now(&SystemClock).as_micros() + 60_000_000);
    let restarted = MemoryBus::new(&Fixed(later));
    event_bus_contract(&bus, Some(&restarted)).await;
}

struct Fixed(trace::time::Timestamp);

impl trace::ports::Clock for Fixed {
    fn now(&self) -> trace::time::Timestamp {
        self.0
    }
}

#[test]
fn ulids_keep_the_ids_contract() {
    ids_contract(&UlidIds::new());
}

#[test]
fn the_system_clock_keeps_the_clock_contract() {
    clock_contract(&SystemClock);
}
