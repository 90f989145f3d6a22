//! Filters tested against one span in memory: what live streams do, and what stores must agree with.

use super::{Filter, NumberField, Term, Test, TextField};
use crate::kind::Cost;
use crate::span::{Payload, Span};
use crate::text::Needle;

/// What a filter may ask of a span that the span itself does not hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanFacts<'a> {
    /// The session of its trace.
    pub session_id: Option<&'a str>,
    /// The tags of its trace.
    pub tags: &'a [String],
    /// Its input and output; without it no text is found in them.
    pub payload: Option<&'a Payload>,
}

impl Filter {
    /// Returns whether every term holds for the span.
    pub fn matches(&self, span: &Span, facts: &SpanFacts<'_>) -> bool {
        self.terms.iter().all(|term| term.matches(span, facts))
    }
}

impl Term {
    /// Returns whether the term holds for the span.
    pub fn matches(&self, span: &Span, facts: &SpanFacts<'_>) -> bool {
        self.test.matches(span, facts) != self.negated
    }
}

impl Test {
    fn matches(&self, span: &Span, facts: &SpanFacts<'_>) -> bool {
        let call = span.kind.llm();
        match self {
            Self::Model(model) => call.is_some_and(|call| call.model == *model),
            Self::Provider(provider) => call.is_some_and(|call| call.provider.as_ref() == Some(provider)),
            Self::Kind(word) => span.kind.is_called(word),
            Self::Status(word) => span.status.word() == *word,
            Self::Name(text) => Needle::new(text).is_in(&span.name),
            Self::Trace(id) => span.trace_id == *id,
            Self::Session(id) => facts.session_id == Some(id),
            Self::Number(field, range) => number(*field, span).is_some_and(|value| range.contains(value)),
            Self::Since(time) => span.started_at >= *time,
            Self::Until(time) => span.started_at <= *time,
            Self::Text(field, text) => has_text(*field, &Needle::new(text), span, facts.payload),
            Self::Path(path) => span.kind.path() == Some(path),
            Self::Tag(text) => {
                let needle = Needle::new(text);
                facts.tags.iter().any(|tag| needle.is_in(tag))
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are compared with numbers that people type")]
fn number(field: NumberField, span: &Span) -> Option<f64> {
    let call = span.kind.llm();
    let usage = call.map(|call| call.usage).unwrap_or_default();
    match field {
        NumberField::Cost => call?.cost.map(Cost::usd),
        NumberField::Tokens => usage.total().map(|n| n as f64),
        NumberField::InputTokens => usage.input_tokens.map(|n| n as f64),
        NumberField::OutputTokens => usage.output_tokens.map(|n| n as f64),
        NumberField::Duration => span.duration_ms().map(|n| n as f64),
    }
}

fn has_text(field: TextField, needle: &Needle, span: &Span, payload: Option<&Payload>) -> bool {
    let side = |side: fn(&Payload) -> &Option<crate::json::Json>| {
        payload.and_then(|payload| side(payload).as_ref()).is_some_and(|json| needle.is_in_json(json))
    };
    match field {
        TextField::Input => side(|payload| &payload.input),
        TextField::Output => side(|payload| &payload.output),
        TextField::Anywhere => {
            needle.is_in(&span.name) || side(|payload| &payload.input) || side(|payload| &payload.output)
        }
    }
}
