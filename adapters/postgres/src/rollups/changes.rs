use std::collections::{BTreeMap, BTreeSet};

use trace::kind::{Cost, SpanKind};
use trace::latency;
use trace::span::{Span, StatusWord};
use trace::time::Timestamp;

use super::totals::Group;
use crate::sql::text;

/// Microseconds in an hour.
pub(crate) const HOUR: i64 = 3_600_000_000;

/// Parts of a dollar that are counted.
pub(super) const PICO: f64 = 1e12;

/// What spans are summed by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) hour: i32,
    pub(super) kind: i16,
    pub(super) label: String,
    pub(super) provider: Option<String>,
    pub(super) status: i16,
}

/// How much a sum changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) spans: i64,
    pub(super) ended: i64,
    pub(super) duration_ms: i128,
    pub(super) cost: i128,
    pub(super) input_tokens: i128,
    pub(super) output_tokens: i128,
    /// Ended spans by the bucket of their duration; none that is 0.
    pub(super) durations: BTreeMap<u16, i64>,
}

/// How sums change, by hour and by what they are summed by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes(BTreeMap<Key, Change>);

/// Returns the hour a span is counted in: that of its start.
pub(crate) fn hour_of(span: &Span) -> i32 {
    hour_at(span.started_at)
}

/// Returns the hour of a time.
pub(crate) fn hour_at(time: Timestamp) -> i32 {
    super::clamp(time.as_micros().div_euclid(HOUR))
}

impl Changes {
    /// Counts a span in.
    pub fn add(&mut self, span: &Span) {
        self.change(span, 1);
    }

    /// Counts a span out.
    pub fn remove(&mut self, span: &Span) {
        self.change(span, -1);
    }

    /// Returns whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the hours that change.
    pub fn hours(&self) -> BTreeSet<i32> {
        self.0.keys().map(|key| key.hour).collect()
    }

    fn change(&mut self, span: &Span, sign: i64) {
        let key = Key::of(span);
        let change = self.0.entry(key.clone()).or_default();
        let (usage, cost) = span
            .kind
            .llm()
            .map_or_else(Default::default, |call| (call.usage, call.cost.map_or(0.0, Cost::usd)));
        let wide = i128::from(sign);
        change.spans += sign;
        if let Some(ms) = span.duration_ms() {
            change.ended += sign;
            change.duration_ms += wide * i128::from(ms);
            let bucket = latency::bucket(ms);
            let spans = change.durations.entry(bucket).or_default();
            *spans += sign;
            if *spans == 0 {
                change.durations.remove(&bucket);
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "what is beyond any price becomes the largest")]
        let pico = (cost * PICO).round() as i128;
        change.cost = change.cost.saturating_add(wide * pico.clamp(-MOST, MOST));
        change.input_tokens += wide * i128::from(usage.input_tokens.unwrap_or(0));
        change.output_tokens += wide * i128::from(usage.output_tokens.unwrap_or(0));
        if *change == Change::default() {
            self.0.remove(&key);
        }
    }

    /// Returns the changes, by key.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Change)> {
        self.0.iter()
    }

    /// Takes out the changes of some hours.
    pub(super) fn without(mut self, hours: &BTreeSet<i32>) -> Self {
        self.0.retain(|key, _| !hours.contains(&key.hour));
        self
    }

    /// Returns what the changes add up to when there was nothing before.
    pub(super) fn groups(&self) -> impl Iterator<Item = Group> {
        self.0.iter().map(|(key, change)| Group {
            llm: key.kind == 0,
            label: key.label.clone(),
            provider: key.provider.clone(),
            failed: key.status == 2,
            spans: change.spans,
            ended: change.ended,
            duration_ms: change.duration_ms,
            cost: change.cost,
            input_tokens: change.input_tokens,
            output_tokens: change.output_tokens,
            durations: change.durations.clone(),
        })
    }
}

/// No cost is larger, so that sums of many still fit.
const MOST: i128 = 1 << 100;

impl Key {
    fn of(span: &Span) -> Self {
        let (kind, label) = match &span.kind {
            SpanKind::LlmCall(call) => (0, call.model.as_str()),
            SpanKind::Custom { kind, .. } => (1, kind.as_str()),
            SpanKind::FsRead { .. } => (2, ""),
            SpanKind::FsWrite { .. } => (3, ""),
        };
        let provider = span.kind.llm().and_then(|call| call.provider.as_deref());
        let status = match span.status.word() {
            StatusWord::Running => 0,
            StatusWord::Completed => 1,
            StatusWord::Failed => 2,
        };
        let (label, provider) = (text(label).into_owned(), provider.map(|name| text(name).into_owned()));
        Self { hour: hour_of(span), kind, label, provider, status }
    }

    /// Returns a hash that tells the keys of an hour apart, the same for ever.
    pub(super) fn hash(&self) -> Vec<u8> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.kind.to_le_bytes());
        hasher.update(&self.status.to_le_bytes());
        hasher.update(&(self.label.len() as u64).to_le_bytes());
        hasher.update(self.label.as_bytes());
        if let Some(provider) = &self.provider {
            hasher.update(b"=");
            hasher.update(provider.as_bytes());
        }
        hasher.finalize().as_bytes()[..16].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use trace::testing::{completed, llm_span, span};

    use super::*;

    #[test]
    fn what_is_counted_in_and_out_again_leaves_nothing() {
        let mut changes = Changes::default();
        let spans = [completed(llm_span("t", "a", 0, "m"), 7), span("t", "b", 3_600_000)];
        for span in &spans {
            changes.add(span);
        }
        assert_eq!(changes.hours().len(), 2);
        for span in &spans {
            changes.remove(span);
        }
        assert!(changes.is_empty());
    }

    #[test]
    fn labels_and_providers_cannot_be_mistaken_for_each_other() {
        let key = |label: &str, provider: Option<&str>| Key {
            hour: 1,
            kind: 0,
            label: label.to_owned(),
            provider: provider.map(str::to_owned),
            status: 1,
        };
        assert_ne!(key("a=b", None).hash(), key("a", Some("b")).hash());
        assert_ne!(key("a", None).hash(), key("a", Some("")).hash());
        assert_eq!(key("a", Some("b")).hash(), key("a", Some("b")).hash());
    }
}
