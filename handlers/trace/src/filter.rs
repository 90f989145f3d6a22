//! The one filter that query parameters and the query language become, and that stores execute.

mod matching;
mod traces;

pub use matching::SpanFacts;
pub use traces::TraceFilter;

use crate::id::TraceId;
use crate::span::StatusWord;
use crate::time::Timestamp;

/// Terms that must all hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// The terms, in the order they were written.
    pub terms: Vec<Term>,
    /// Times of the terms that were written relative to now, such as `24h`, with how they were written. They are
    /// another moment on every page of what is still the same list.
    pub relative: Vec<(Timestamp, String)>,
}

/// One test, or its opposite.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// Whether matches are excluded. What lacks the tested field is then kept.
    pub negated: bool,
    /// The test.
    pub test: Test,
}

/// One test of a span, or of a trace or session where the key is about those.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// The model, exactly.
    Model(String),
    /// The provider, exactly.
    Provider(String),
    /// The kind's type, or a custom kind's own word.
    Kind(String),
    /// The status.
    Status(StatusWord),
    /// Text in the name, any case.
    Name(String),
    /// The trace id, exactly.
    Trace(TraceId),
    /// The session id, exactly; part of it where sessions are listed.
    Session(String),
    /// A number; what has none never matches.
    Number(NumberField, Range),
    /// Started at or after.
    Since(Timestamp),
    /// Started at or before.
    Until(Timestamp),
    /// Text in a payload or name, any case.
    Text(TextField, String),
    /// The path of a file span, exactly.
    Path(String),
    /// Part of a tag of the trace.
    Tag(String),
}

/// What a number test is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NumberField {
    /// US dollars.
    Cost,
    /// Input and output tokens together.
    Tokens,
    /// Input tokens.
    InputTokens,
    /// Output tokens.
    OutputTokens,
    /// Milliseconds from start to end; running spans have none.
    Duration,
}

/// Where text is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextField {
    /// The input.
    Input,
    /// The output.
    Output,
    /// Name, input or output.
    Anywhere,
}

/// Bounds of a number; a missing bound is open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The lower bound, and whether it belongs to the range.
    pub min: Option<(f64, Inclusive)>,
    /// The upper bound, and whether it belongs to the range.
    pub max: Option<(f64, Inclusive)>,
}

/// Whether a bound belongs to its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inclusive {
    /// `>=`, `<=`.
    Yes,
    /// `>`, `<`.
    No,
}

impl Range {
    /// Returns the range of exactly one value.
    pub fn exactly(value: f64) -> Self {
        Self { min: Some((value, Inclusive::Yes)), max: Some((value, Inclusive::Yes)) }
    }

    /// Returns the range from `value`, itself included.
    pub fn at_least(value: f64) -> Self {
        Self { min: Some((value, Inclusive::Yes)), max: None }
    }

    /// Returns the range up to `value`, itself included.
    pub fn at_most(value: f64) -> Self {
        Self { min: None, max: Some((value, Inclusive::Yes)) }
    }

    /// Returns whether `value` lies in the range.
    pub fn contains(self, value: f64) -> bool {
        let above = self.min.is_none_or(|(min, own)| value > min || (own == Inclusive::Yes && value >= min));
        let below = self.max.is_none_or(|(max, own)| value < max || (own == Inclusive::Yes && value <= max));
        above && below
    }
}

impl Filter {
    /// Adds a term that must hold.
    pub fn and(&mut self, test: Test) {
        self.terms.push(Term { negated: false, test });
    }

    /// Returns a number that tells filters apart, the same on every machine and, with relative times, at any moment.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = blake3::Hasher::new();
        self.hash_into(&mut hasher);
        first_number(&hasher)
    }

    fn hash_into(&self, hasher: &mut blake3::Hasher) {
        for term in &self.terms {
            let text = match &term.test {
                Test::Since(time) => self.written("since", term.negated, *time),
                Test::Until(time) => self.written("until", term.negated, *time),
                _ => term.to_string(),
            };
            // The length keeps two terms from reading like one.
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
    }

    /// Returns a time as it was written when that was relative, else the moment.
    fn written(&self, key: &str, negated: bool, time: Timestamp) -> String {
        let relative = self.relative.iter().find(|(moment, _)| *moment == time);
        let time = relative.map_or_else(|| time.as_micros().to_string(), |(_, text)| text.clone());
        format!("{negated}{key}:{time}")
    }

    /// Returns whether everything matches.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

fn first_number(hasher: &blake3::Hasher) -> u64 {
    u64::from_le_bytes(*hasher.finalize().as_bytes().first_chunk().expect("a hash has 32 bytes"))
}

/// What a list is ordered by. Ties go by id; a missing value counts as 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SortBy {
    /// The start.
    #[default]
    StartedAt,
    /// Milliseconds from start to end.
    Duration,
    /// Input and output tokens together.
    Tokens,
    /// US dollars.
    Cost,
    /// The name (spans).
    Name,
    /// The number of spans (traces).
    SpanCount,
}

impl SortBy {
    pub(crate) const ALL: [Self; 6] =
        [Self::StartedAt, Self::Duration, Self::Tokens, Self::Cost, Self::Name, Self::SpanCount];

    /// Returns the word as clients write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartedAt => "started_at",
            Self::Duration => "duration",
            Self::Tokens => "tokens",
            Self::Cost => "cost",
            Self::Name => "name",
            Self::SpanCount => "span_count",
        }
    }
}

/// The direction of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SortOrder {
    /// Smallest first.
    Asc,
    /// Largest first.
    #[default]
    Desc,
}

impl SortOrder {
    /// Returns the word as clients write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asc => "asc",
            Self::Desc => "desc",
        }
    }
}

/// A list to be read: which rows, in which order, from where, how many.
#[derive(Clone, Debug, PartialEq)]
pub struct ListQuery {
    /// Which rows.
    pub filter: Filter,
    /// In which order.
    pub sort_by: SortBy,
    /// In which direction.
    pub sort_order: SortOrder,
    /// After which row; `None` starts at the first.
    pub after: Option<Position>,
    /// At most how many rows, 1 to 1000.
    pub limit: usize,
}

impl ListQuery {
    /// Returns a number that tells lists apart, for binding a cursor to its list: that of the filter and the order.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = blake3::Hasher::new();
        self.filter.hash_into(&mut hasher);
        hasher.update(self.sort_by.as_str().as_bytes());
        hasher.update(self.sort_order.as_str().as_bytes());
        first_number(&hasher)
    }
}

/// The place of a row in a list: its sort value and, for ties, its id. What a cursor carries.
#[derive(Clone, Debug, PartialEq)]
pub struct Position {
    /// The value the list is sorted by.
    pub value: SortValue,
    /// Breaks ties: the row's id (for spans `trace_id` and `id` joined by a store as it likes).
    pub id: String,
}

/// A value a list is sorted by.
#[derive(Clone, Debug, PartialEq)]
pub enum SortValue {
    /// Microseconds, milliseconds, tokens or a count.
    Integer(i64),
    /// US dollars.
    Number(f64),
    /// A name.
    Text(String),
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page starts; `None` on the last.
    pub next: Option<Position>,
    /// How many rows match over all pages, where that is cheap to know.
    pub total: Option<u64>,
}
