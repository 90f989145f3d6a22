//! A filter seen from a list of traces: which terms are about the trace, and which about its spans.

use super::{Filter, NumberField, Term, Test};

/// The terms of a filter by what they are about, for a list of traces.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceFilter {
    /// About the trace and what its spans add up to; all must hold.
    pub trace: Vec<Term>,
    /// Text in the trace's name or that of any of its spans; each must hold (or, negated, fail) on its own.
    pub names: Vec<Term>,
    /// To be met together by at least one span.
    pub some_span: Vec<Test>,
    /// No span may match any of these.
    pub no_span: Vec<Test>,
}

impl TraceFilter {
    /// Sorts the terms of `filter`.
    pub fn of(filter: &Filter) -> Self {
        let mut sorted = Self::default();
        for term in &filter.terms {
            match &term.test {
                Test::Status(_)
                | Test::Trace(_)
                | Test::Session(_)
                | Test::Tag(_)
                | Test::Since(_)
                | Test::Until(_)
                | Test::Number(NumberField::Cost | NumberField::Tokens | NumberField::Duration, _) => {
                    sorted.trace.push(term.clone());
                }
                Test::Name(_) => sorted.names.push(term.clone()),
                Test::Model(_)
                | Test::Provider(_)
                | Test::Kind(_)
                | Test::Text(..)
                | Test::Path(_)
                | Test::Number(NumberField::InputTokens | NumberField::OutputTokens, _) => {
                    let list = if term.negated { &mut sorted.no_span } else { &mut sorted.some_span };
                    list.push(term.test.clone());
                }
            }
        }
        sorted
    }
}
