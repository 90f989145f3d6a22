//! One step of a trace, and how its state may change.

use serde::{Deserialize, Serialize};

use crate::id::{SpanId, TraceId};
use crate::json::Json;
use crate::kind::{Attributes, KindInput, SpanKind};
use crate::price::Prices;
use crate::time::Timestamp;

/// One step of a trace, without its input and output, which are a [`Payload`].
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The id, unique inside the trace.
    pub id: SpanId,
    /// The trace the span belongs to.
    pub trace_id: TraceId,
    /// The span this one was started by; it may be missing or not seen yet.
    pub parent_id: Option<SpanId>,
    /// A name for people.
    pub name: String,
    /// What the span did.
    pub kind: SpanKind,
    /// Where the span is in its life.
    pub status: SpanStatus,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended; `None` while it runs.
    pub ended_at: Option<Timestamp>,
    /// Attributes of an OpenTelemetry model call that no other field holds.
    pub attributes: Attributes,
    /// Milliseconds until the first byte of a streamed answer, where the proxy saw it.
    pub ms_to_first_chunk: Option<u64>,
    /// The beginning of its first user message, where its trace may come to show it.
    pub preview: Option<String>,
}

impl Span {
    /// Returns whole milliseconds from start to end, or `None` while the span runs.
    pub fn duration_ms(&self) -> Option<u64> {
        self.ended_at.map(|end| end.millis_since(self.started_at))
    }

    /// Works out the cost of a model call unless the client named one.
    pub fn estimate_cost(&mut self, prices: &Prices) {
        self.kind.estimate_cost_with(prices, &self.attributes);
    }

    /// Brings the span to its end: status, time, kind, and the cost when it was only estimated.
    ///
    /// The caller has checked that the span still runs.
    pub fn finish(&mut self, finish: &Finish, prices: &Prices) {
        if let Some(kind) = &finish.kind {
            self.kind = kind.laid_over(&self.kind);
        }
        self.estimate_cost(prices);
        self.status = finish.status.clone();
        self.ended_at = Some(finish.ended_at);
    }
}

/// Where a span is in its life. Completed and failed are final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanStatus {
    /// Started, not ended.
    Running,
    /// Ended well.
    Completed,
    /// Ended with an error.
    Failed {
        /// What went wrong, for people.
        error: String,
    },
}

/// The word of a [`SpanStatus`], without the error text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusWord {
    /// Started, not ended.
    Running,
    /// Ended well.
    Completed,
    /// Ended with an error.
    Failed,
}

impl StatusWord {
    /// Returns the word as clients write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// Returns the status clients call `word`.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Running, Self::Completed, Self::Failed].into_iter().find(|s| s.as_str() == word)
    }
}

impl SpanStatus {
    /// Returns the status without its error text.
    pub fn word(&self) -> StatusWord {
        match self {
            Self::Running => StatusWord::Running,
            Self::Completed => StatusWord::Completed,
            Self::Failed { .. } => StatusWord::Failed,
        }
    }

    /// Returns the error of a failed span.
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Failed { error } => Some(error),
            _ => None,
        }
    }

    /// Returns whether the span has ended.
    pub fn is_terminal(&self) -> bool {
        *self != Self::Running
    }
}

/// What went into a span and came out. `None` was never set; JSON `null` was set to null.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// What went in.
    pub input: Option<Json>,
    /// What came out.
    pub output: Option<Json>,
}

/// Orders the writes of one span: a terminal one beats a running one, then the later one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u64);

impl Version {
    /// 2020-01-01 in microseconds since 1970: versions count from there to stay below 2^53.
    const EPOCH: i64 = 1_577_836_800_000_000;
    const RANK: u64 = 1_000_000_000_000_000;

    /// The version of an end that gives way to every other: it beats what runs, and nothing that has ended.
    pub const FIRST_END: Self = Self(2 * Self::RANK);

    /// Returns the version of a state written at `at`.
    pub fn new(status: &SpanStatus, at: Timestamp) -> Self {
        let rank = if status.is_terminal() { 2 } else { 1 };
        let micros = u64::try_from(at.as_micros() - Self::EPOCH).unwrap_or(0).min(Self::RANK - 1);
        Self(rank * Self::RANK + micros)
    }
}

/// A whole span to be written, with what went in and came out.
#[derive(Clone, Debug, PartialEq)]
pub struct NewSpan {
    /// The span.
    pub span: Span,
    /// Its input and output; a `None` side leaves what is already stored.
    pub payload: Payload,
    /// Decides against what is already stored.
    pub version: Version,
}

/// The end of a span that was written before.
#[derive(Clone, Debug, PartialEq)]
pub struct Finish {
    /// The trace, when the caller named it; otherwise the newest span with this id ends.
    pub trace_id: Option<TraceId>,
    /// The span to end.
    pub span_id: SpanId,
    /// Completed or failed.
    pub status: SpanStatus,
    /// When it ended.
    pub ended_at: Timestamp,
    /// What came out; `None` leaves what is stored.
    pub output: Option<Json>,
    /// Members of the kind known only at the end.
    pub kind: Option<KindInput>,
    /// Decides against what is already stored.
    pub version: Version,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_version_beats_a_later_running_one() {
        let (early, late) =
            (Timestamp::from_micros(1_800_000_000_000_000), Timestamp::from_micros(1_900_000_000_000_000));
        let done = Version::new(&SpanStatus::Completed, early);
        assert!(done > Version::new(&SpanStatus::Running, late));
        assert!(done < Version::new(&SpanStatus::Completed, late));
        assert!(done.0 < 1 << 53);
        assert!(Version::FIRST_END > Version::new(&SpanStatus::Running, late) && Version::FIRST_END < done);
    }
}
