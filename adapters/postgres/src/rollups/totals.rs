use std::collections::{BTreeMap, HashMap, HashSet};

use trace::id::TraceId;
use trace::latency::Histogram;
use trace::ports::{Latencies, ModelLatency, ModelRow, Summary};
use trace::span::Span;

use super::changes::{Changes, PICO};

/// What one group of spans adds up to.
#[derive(Default)]
pub(super) struct Group {
    pub(super) llm: bool,
    pub(super) label: String,
    pub(super) provider: Option<String>,
    pub(super) failed: bool,
    pub(super) spans: i64,
    pub(super) ended: i64,
    pub(super) duration_ms: i128,
    pub(super) cost: i128,
    pub(super) input_tokens: i128,
    pub(super) output_tokens: i128,
    /// Ended spans by the bucket of their duration.
    pub(super) durations: BTreeMap<u16, i64>,
}

/// A summary in the making, in whole numbers until it is finished.
#[derive(Default)]
pub(super) struct Totals {
    spans: i64,
    llm_calls: i64,
    failed: i64,
    ended: i64,
    duration_ms: i128,
    durations: BTreeMap<u16, i64>,
    cost: i128,
    models: HashMap<(String, Option<String>), Model>,
    traces: HashSet<TraceId>,
}

#[derive(Default)]
struct Model {
    calls: i64,
    cost: i128,
    input_tokens: i128,
    output_tokens: i128,
    durations: BTreeMap<u16, i64>,
}

impl Totals {
    pub(super) fn add(&mut self, group: Group) {
        self.spans += group.spans;
        self.ended += group.ended;
        self.duration_ms += group.duration_ms;
        merge(&mut self.durations, &group.durations);
        if group.failed {
            self.failed += group.spans;
        }
        if group.llm {
            self.llm_calls += group.spans;
            self.cost += group.cost;
            let model = self.models.entry((group.label, group.provider)).or_default();
            model.calls += group.spans;
            model.cost += group.cost;
            model.input_tokens += group.input_tokens;
            model.output_tokens += group.output_tokens;
            merge(&mut model.durations, &group.durations);
        }
    }

    pub(super) fn add_span(&mut self, span: &Span) {
        let mut changes = Changes::default();
        changes.add(span);
        changes.groups().for_each(|group| self.add(group));
        if !self.traces.contains(&span.trace_id) {
            self.traces.insert(span.trace_id.clone());
        }
    }

    /// Returns how long the spans took.
    pub(super) fn latencies(self) -> Latencies {
        let row = |((model, provider), sums): ((String, Option<String>), Model)| {
            let latency = histogram(&sums.durations);
            (!latency.is_empty()).then_some(ModelLatency { model, provider, latency })
        };
        let mut models: Vec<ModelLatency> = self.models.into_iter().filter_map(row).collect();
        models.sort_by(|a, b| (&a.model, &a.provider).cmp(&(&b.model, &b.provider)));
        Latencies { all: histogram(&self.durations), models }
    }

    pub(super) fn finish(self) -> Summary {
        let mut models: Vec<ModelRow> = self
            .models
            .into_iter()
            // An end can be counted before its beginning is; a moment later both are.
            .filter(|(_, sums)| sums.calls > 0)
            .map(|((model, provider), sums)| ModelRow {
                model,
                provider,
                calls: count(sums.calls),
                cost: dollars(sums.cost),
                input_tokens: count(sums.input_tokens),
                output_tokens: count(sums.output_tokens),
            })
            .collect();
        models.sort_by(|a, b| {
            b.cost.total_cmp(&a.cost).then_with(|| (&a.model, &a.provider).cmp(&(&b.model, &b.provider)))
        });
        #[expect(clippy::cast_precision_loss, reason = "a mean of milliseconds needs no more than 52 bits")]
        let mean = |ended: i64| self.duration_ms as f64 / ended as f64;
        Summary {
            traces: self.traces.len() as u64,
            spans: count(self.spans),
            llm_calls: count(self.llm_calls),
            failed: count(self.failed),
            cost: dollars(self.cost),
            avg_latency_ms: (self.ended > 0).then(|| mean(self.ended)),
            models,
        }
    }
}

fn merge(sum: &mut BTreeMap<u16, i64>, more: &BTreeMap<u16, i64>) {
    for (bucket, spans) in more {
        *sum.entry(*bucket).or_default() += spans;
    }
}

/// Returns what is in each bucket. An end can be counted before its beginning is; a moment later both are.
fn histogram(durations: &BTreeMap<u16, i64>) -> Histogram {
    let mut histogram = Histogram::default();
    for (bucket, spans) in durations {
        histogram.add_to(*bucket, count(*spans));
    }
    histogram
}

fn count(number: impl Into<i128>) -> u64 {
    let number = number.into().max(0);
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "an amount of money needs no more than 52 bits")]
fn dollars(pico: i128) -> f64 {
    pico.max(0) as f64 / PICO
}
