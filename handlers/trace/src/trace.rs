//! A trace: the spans of one request, and what they add up to.

use crate::id::TraceId;
use crate::kind::Attributes;
use crate::preview::Preview;
use crate::span::StatusWord;
use crate::time::Timestamp;

/// The spans of one request, with what they add up to.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// The id.
    pub id: TraceId,
    /// A name for people.
    pub name: Option<String>,
    /// Free-form labels, `key:value` by convention; order kept, no repeats.
    pub tags: Vec<String>,
    /// The session this trace is a turn of.
    pub session_id: Option<String>,
    /// Members the user added.
    pub metadata: Attributes,
    /// The host that sent the trace.
    pub machine_id: Option<String>,
    /// When it was created, or what the client said, or its earliest OpenTelemetry span.
    pub started_at: Timestamp,
    /// What its spans add up to.
    pub totals: Totals,
}

/// What the spans of a trace add up to. Derived: a repair recomputes it from the spans.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Number of spans.
    pub spans: u64,
    /// Spans that have not ended.
    pub running: u64,
    /// Spans that failed.
    pub failed: u64,
    /// Spans that are model calls.
    pub llm_calls: u64,
    /// Sum of input tokens.
    pub input_tokens: u64,
    /// Sum of output tokens.
    pub output_tokens: u64,
    /// Sum of costs in US dollars.
    pub cost: f64,
    /// Start of the earliest span.
    pub first_start: Option<Timestamp>,
    /// End of the latest span that has ended.
    pub last_end: Option<Timestamp>,
    /// Distinct models, in order of appearance.
    pub models: Vec<String>,
    /// What the user asked first.
    pub preview: Option<Preview>,
}

impl Trace {
    /// Returns failed if any span failed, else running if any runs, else completed.
    pub fn status(&self) -> StatusWord {
        match (self.totals.failed, self.totals.running) {
            (0, 0) => StatusWord::Completed,
            (0, _) => StatusWord::Running,
            _ => StatusWord::Failed,
        }
    }

    /// Returns the end of the latest span once there is a span and none runs.
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.totals.last_end.filter(|_| self.totals.running == 0)
    }

    /// Returns whole milliseconds from the earliest span start to the latest span end.
    pub fn duration_ms(&self) -> Option<u64> {
        Some(self.totals.last_end?.millis_since(self.totals.first_start?))
    }
}

/// How strongly a name belongs to a trace: a stronger one replaces a weaker one, whenever it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameRank {
    /// Nothing better was known.
    Fallback = 0,
    /// The name of the service that sent it.
    Service = 1,
    /// The name of its root span.
    Root = 2,
    /// The client named the trace itself.
    Given = 3,
}

impl NameRank {
    /// Returns the rank stored as `number`; unknown numbers are the weakest.
    pub fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Service,
            2 => Self::Root,
            3 => Self::Given,
            _ => Self::Fallback,
        }
    }
}

/// What a write does to a trace that is already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExisting {
    /// Leave it as it is: a repeated create.
    Keep,
    /// Merge: the stronger name, the earlier start, the union of tags and metadata.
    Merge,
}

/// A trace to be written. Its spans come separately.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTrace {
    /// The id.
    pub id: TraceId,
    /// The name, and how strongly it belongs to the trace.
    pub name: Option<(String, NameRank)>,
    /// Labels; repeats are dropped.
    pub tags: Vec<String>,
    /// The session; `None` or an empty text falls back to a `session_id:` or `session:` tag.
    pub session_id: Option<String>,
    /// Members the user added.
    pub metadata: Attributes,
    /// The host that sent the trace.
    pub machine_id: Option<String>,
    /// When it started.
    pub started_at: Timestamp,
    /// What happens when the project already has this trace.
    pub on_existing: OnExisting,
}

impl NewTrace {
    /// Returns the trace that a span of an unknown trace brings into being.
    pub fn implicit(id: TraceId, started_at: Timestamp) -> Self {
        Self {
            id,
            name: None,
            tags: Vec::new(),
            session_id: None,
            metadata: Attributes::new(),
            machine_id: None,
            started_at,
            on_existing: OnExisting::Keep,
        }
    }

    /// Returns the trace as stored when nothing was there before: repeats dropped, session resolved.
    pub fn into_trace(self) -> (Trace, NameRank) {
        let mut tags = Vec::with_capacity(self.tags.len());
        add_tags(&mut tags, self.tags);
        let (name, rank) = match self.name {
            Some((name, rank)) => (Some(name), rank),
            None => (None, NameRank::Fallback),
        };
        let trace = Trace {
            id: self.id,
            name,
            session_id: named(self.session_id).or_else(|| session_of(&tags)),
            tags,
            metadata: self.metadata,
            machine_id: self.machine_id,
            started_at: self.started_at,
            totals: Totals::default(),
        };
        (trace, rank)
    }

    /// Merges this write into the stored `trace` and returns its name's rank and whether anything changed.
    pub fn merge_into(self, trace: &mut Trace, rank: NameRank) -> (NameRank, bool) {
        if self.on_existing == OnExisting::Keep {
            return (rank, false);
        }
        let before = (trace.name.clone(), trace.tags.len(), trace.session_id.is_some(), trace.metadata.len());
        let before_start = trace.started_at;
        let mut new_rank = rank;
        if let Some((name, offered)) = self.name
            && (offered > rank || trace.name.is_none())
        {
            trace.name = Some(name);
            new_rank = offered;
        }
        add_tags(&mut trace.tags, self.tags);
        if trace.session_id.is_none() {
            trace.session_id = named(self.session_id).or_else(|| session_of(&trace.tags));
        }
        for (member, value) in self.metadata {
            trace.metadata.entry(member).or_insert(value);
        }
        trace.machine_id = trace.machine_id.take().or(self.machine_id);
        trace.started_at = trace.started_at.min(self.started_at);
        let after = (trace.name.clone(), trace.tags.len(), trace.session_id.is_some(), trace.metadata.len());
        (new_rank, before != after || before_start != trace.started_at)
    }
}

/// Adds `more` to `tags`, dropping repeats and keeping order.
pub fn add_tags(tags: &mut Vec<String>, more: Vec<String>) {
    let mut seen: std::collections::HashSet<String> = tags.iter().cloned().collect();
    tags.extend(more.into_iter().filter(|tag| seen.insert(tag.clone())));
}

/// Returns the session, which an empty text does not name.
fn named(session: Option<String>) -> Option<String> {
    session.filter(|session| !session.is_empty())
}

/// Returns the session that tags name: the first `session_id:<x>` or `session:<x>`.
fn session_of(tags: &[String]) -> Option<String> {
    let named = |tag: &String| {
        tag.strip_prefix("session_id:").or_else(|| tag.strip_prefix("session:")).map(str::to_owned)
    };
    tags.iter().find_map(named).filter(|session| !session.is_empty())
}

/// Traces that share a session id, seen as one conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// The session id, byte for byte as the traces carry it.
    pub id: String,
    /// Number of traces.
    pub traces: u64,
    /// Number of spans.
    pub spans: u64,
    /// Sum of input and output tokens.
    pub total_tokens: u64,
    /// Sum of costs in US dollars.
    pub total_cost: f64,
    /// Start of the first trace.
    pub started_at: Timestamp,
    /// Latest end of a trace; `None` while any runs.
    pub ended_at: Option<Timestamp>,
    /// Start of the latest trace.
    pub last_active_at: Timestamp,
    /// Whole milliseconds from the first trace's start to the last trace's end.
    pub duration_ms: Option<u64>,
    /// Mean duration of its traces in milliseconds.
    pub avg_latency_ms: Option<f64>,
    /// Traces with a failed span divided by traces, 0 to 1.
    pub error_rate: f64,
    /// Failed if any span failed, else running if any runs, else completed.
    pub status: StatusWord,
    /// All tags of its traces.
    pub tags: Vec<String>,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn new(name: Option<(&str, NameRank)>, tags: &[&str], on_existing: OnExisting) -> NewTrace {
        NewTrace {
            name: name.map(|(n, r)| (n.to_owned(), r)),
            tags: tags.iter().map(ToString::to_string).collect(),
            on_existing,
            ..NewTrace::implicit(TraceId::parse("t").unwrap(), Timestamp::from_micros(10))
        }
    }

    #[test]
    fn an_empty_session_is_none() {
        let empty = |tags| NewTrace { session_id: Some(String::new()), ..new(None, tags, OnExisting::Merge) };
        let (mut trace, rank) = empty(&[]).into_trace();
        assert_eq!(trace.session_id, None);
        empty(&[]).merge_into(&mut trace, rank);
        assert_eq!(trace.session_id, None);
        empty(&["session:x"]).merge_into(&mut trace, rank);
        assert_eq!(trace.session_id.as_deref(), Some("x"));
    }

    #[test]
    fn the_first_session_tag_names_the_session() {
        let (trace, _) = new(None, &["a", "session:x", "session_id:y", "a"], OnExisting::Keep).into_trace();
        assert_eq!(trace.session_id.as_deref(), Some("x"));
        assert_eq!(trace.tags, ["a", "session:x", "session_id:y"]);
    }

    #[test]
    fn a_stronger_name_wins_whenever_it_comes() {
        let (mut trace, rank) = new(Some(("svc", NameRank::Service)), &[], OnExisting::Merge).into_trace();
        let (rank, changed) =
            new(Some(("root", NameRank::Root)), &["t"], OnExisting::Merge).merge_into(&mut trace, rank);
        assert!(changed);
        let (_, changed) =
            new(Some(("svc", NameRank::Service)), &["t"], OnExisting::Merge).merge_into(&mut trace, rank);
        assert!(!changed);
        assert_eq!((trace.name.as_deref(), trace.tags.len()), (Some("root"), 1));
    }

    #[test]
    fn a_repeated_create_changes_nothing() {
        let (mut trace, rank) = new(Some(("a", NameRank::Given)), &[], OnExisting::Keep).into_trace();
        let (_, changed) =
            new(Some(("b", NameRank::Given)), &["t"], OnExisting::Keep).merge_into(&mut trace, rank);
        assert!(!changed && trace.name.as_deref() == Some("a"));
    }
}
