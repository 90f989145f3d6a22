//! The stream a project's events are replayed from.

use std::sync::{Arc, LazyLock};

use redis::Script;
use redis::streams::{StreamId, StreamRangeReply};
use trace::event::Event;
use trace::id::Scope;
use trace::ports::{Delivery, Sequence, SpanStore, StoreError};

use crate::event_json::{Told, decode};
use crate::link::{Away, Link};
use crate::names;

/// Events a project's log keeps for replay (events.md §3).
const LOG_LENGTH: usize = 10_000;

/// How long the log keeps an event, in milliseconds.
const LOG_LIFE: u64 = 24 * 60 * 60 * 1000;

/// Events appended by one run of the script, which keeps everyone else waiting.
const AT_ONCE: usize = 128;

/// Appends events and publishes them, in one step, so that the log and live delivery agree.
///
/// A sequence is the time in milliseconds times 4096, or one more than the last. Each entry names its predecessor, so
/// that the oldest entry tells from where on the log is whole.
static APPEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local key, instance, floor = KEYS[1], ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = (time[1] * 1000 + math.floor(time[2] / 1000)) * 4096
local newest = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)
local sequence = math.max(now, floor)
local before = sequence
if newest[1] then
  before = tonumber(string.match(newest[1][1], '^(%d+)'))
  sequence = math.max(sequence, before)
end
for i = 5, #ARGV do
  sequence = sequence + 1
  local id = string.format('%.0f', sequence)
  redis.call('XADD', key, 'MAXLEN', '=', ARGV[3], id .. '-0', 'p', string.format('%.0f', before), 'e', ARGV[i])
  redis.call('PUBLISH', key, '{\'instance_id\':\'' .. instance .. '\',\'sequence\':' .. id .. ',\'event\':' .. ARGV[i] .. '}')
  before = sequence
end
redis.call('XTRIM', key, 'MINID', string.format('%.0f', now - ARGV[4] * 4096) .. '-0')
redis.call('PEXPIRE', key, ARGV[4])
return string.format('%.0f', sequence)
"
        .replace("\\'", "\"")
        .as_str(),
    )
});

/// Appends encoded events to a project's log and publishes them. Sequences are above `floor`.
pub(crate) async fn append(
    link: &Link,
    scope: &Scope,
    instance: &str,
    floor: u64,
    events: &[String],
) -> Result<(), Away> {
    for some in events.chunks(AT_ONCE) {
        let mut append = APPEND.key(names::events(scope));
        append.arg(instance).arg(floor).arg(LOG_LENGTH).arg(LOG_LIFE);
        for event in some {
            append.arg(event);
        }
        link.run::<String>(&append).await?;
    }
    Ok(())
}

/// What the log holds after a sequence.
pub(crate) struct Replay {
    /// What was missed, in order; a resync alone when the log does not reach back.
    pub(crate) deliveries: Vec<Delivery>,
    /// The newest sequence of the log; 0 when it is empty.
    pub(crate) newest: u64,
}

/// Reads what came after `since`; nothing but the newest sequence without one.
pub(crate) async fn replay(
    link: &Link,
    spans: &dyn SpanStore,
    scope: &Scope,
    since: Option<Sequence>,
) -> Result<Replay, StoreError> {
    let key = names::events(scope);
    // A sequence of a client may be any number; a stream id must not overflow.
    let from = since.map(|since| format!("({}-0", since.0));
    let (oldest, newest, missed): (StreamRangeReply, StreamRangeReply, StreamRangeReply) = link
        .ask(async |mut connection| {
            let mut pipe = redis::pipe();
            pipe.cmd("XRANGE").arg(&key).arg("-").arg("+").arg("COUNT").arg(1);
            pipe.cmd("XREVRANGE").arg(&key).arg("+").arg("-").arg("COUNT").arg(1);
            match &from {
                Some(from) => pipe.cmd("XRANGE").arg(&key).arg(from).arg("+").arg("COUNT").arg(LOG_LENGTH),
                None => pipe.cmd("XRANGE").arg(&key).arg("+").arg("-").arg("COUNT").arg(1),
            };
            pipe.atomic().query_async(&mut connection).await
        })
        .await?;
    let newest = newest.ids.first().and_then(sequence_of).unwrap_or(0);
    let Some(since) = since else { return Ok(Replay { deliveries: Vec::new(), newest }) };
    if since.0 == 0 && newest == 0 {
        return Ok(Replay { deliveries: Vec::new(), newest });
    }
    let floor = oldest.ids.first().and_then(|entry| entry.get::<u64>("p"));
    if floor.is_none_or(|floor| since.0 < floor) || since.0 > newest {
        return Ok(Replay { deliveries: vec![Delivery::Resync], newest });
    }
    let mut deliveries = Vec::with_capacity(missed.ids.len());
    for entry in &missed.ids {
        let (Some(sequence), Some(text)) = (sequence_of(entry), entry.get::<String>("e")) else { continue };
        deliveries.extend(delivery(spans, scope, Sequence(sequence), &text).await);
    }
    Ok(Replay { deliveries, newest })
}

/// Returns the newest sequence of the log.
pub(crate) async fn newest(link: &Link, scope: &Scope) -> Result<Option<Sequence>, Away> {
    let key = names::events(scope);
    let newest: StreamRangeReply = link
        .ask(async |mut connection| {
            let mut ask = redis::cmd("XREVRANGE");
            ask.arg(&key).arg("+").arg("-").arg("COUNT").arg(1).query_async(&mut connection).await
        })
        .await?;
    Ok(newest.ids.first().and_then(sequence_of).map(Sequence))
}

/// Returns the place of an entry.
pub(crate) fn sequence_of(entry: &StreamId) -> Option<u64> {
    entry.id.split('-').next()?.parse().ok()
}

/// Returns what listeners get of an event that travelled. `None` when there is nothing to show any more.
pub(crate) async fn delivery(
    spans: &dyn SpanStore,
    scope: &Scope,
    sequence: Sequence,
    text: &str,
) -> Option<Delivery> {
    match decode(text) {
        Ok(Told::Event(event)) => Some(Delivery::Event(sequence, Arc::new(event))),
        Ok(Told::Resync) => Some(Delivery::Resync),
        Ok(Told::Truncated(event)) => {
            Some(Delivery::Event(sequence, Arc::new(whole(spans, scope, event).await)))
        }
        Err(error) => {
            // Another version of the program wrote it: its listeners reload rather than miss something.
            tracing::warn!(%error, "a live event cannot be read");
            Some(Delivery::Resync)
        }
    }
}

/// Returns the event with the attributes that were too large to travel, as far as the store has them.
async fn whole(spans: &dyn SpanStore, scope: &Scope, event: Event) -> Event {
    let Event::Span { span, session_id } = event else { return event };
    match spans.find(scope, Some(&span.trace_id), &span.id).await {
        Ok(Some(stored)) if stored.status == span.status => {
            Event::Span { span: Arc::new(stored), session_id }
        }
        _ => Event::Span { span, session_id },
    }
}
