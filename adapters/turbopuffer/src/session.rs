//! What the traces of a session add up to, and what filters ask of that.

use trace::filter::{NumberField, Term, Test};
use trace::span::StatusWord;
use trace::trace::{Session, Totals, Trace, add_tags};

/// Returns the session of traces that carry its id, ordered by start then id; `None` without any.
#[expect(clippy::cast_precision_loss, reason = "a mean and a rate need no more than 52 bits")]
pub(crate) fn of(id: &str, traces: &[Trace]) -> Option<Session> {
    let (first, last) = (traces.first()?, traces.last()?);
    let failed = traces.iter().filter(|trace| trace.totals.failed > 0).count();
    let running = traces.iter().any(|trace| trace.totals.running > 0);
    let last_end = traces.iter().filter_map(|trace| trace.totals.last_end).max();
    let durations: Vec<u64> = traces.iter().filter_map(Trace::duration_ms).collect();
    let mut tags = Vec::new();
    for trace in traces {
        add_tags(&mut tags, trace.tags.clone());
    }
    let sum =
        |of: fn(&Totals) -> u64| traces.iter().map(|trace| of(&trace.totals)).fold(0, u64::saturating_add);
    let mean = |of: &[u64]| of.iter().map(|ms| *ms as f64).sum::<f64>() / of.len() as f64;
    Some(Session {
        id: id.to_owned(),
        traces: traces.len() as u64,
        spans: sum(|totals| totals.spans),
        total_tokens: sum(|totals| totals.input_tokens.saturating_add(totals.output_tokens)),
        total_cost: traces.iter().map(|trace| trace.totals.cost).sum(),
        started_at: first.started_at,
        ended_at: last_end.filter(|_| !running),
        last_active_at: last.started_at,
        duration_ms: last_end.map(|end| end.millis_since(first.started_at)),
        avg_latency_ms: (!durations.is_empty()).then(|| mean(&durations)),
        error_rate: failed as f64 / traces.len() as f64,
        status: match (failed, running) {
            (0, false) => StatusWord::Completed,
            (0, true) => StatusWord::Running,
            _ => StatusWord::Failed,
        },
        tags,
    })
}

/// Returns whether a test is about the session itself.
pub(crate) fn is_about(test: &Test) -> bool {
    matches!(
        test,
        Test::Session(_)
            | Test::Status(_)
            | Test::Since(_)
            | Test::Until(_)
            | Test::Number(NumberField::Cost | NumberField::Tokens | NumberField::Duration, _)
    )
}

/// Returns whether a term about the session itself holds for it.
#[expect(clippy::cast_precision_loss, reason = "counts are compared with numbers that people type")]
pub(crate) fn holds(term: &Term, session: &Session) -> bool {
    let holds = match &term.test {
        Test::Session(part) => session.id.contains(part.as_str()),
        Test::Status(status) => session.status == *status,
        Test::Since(time) => session.last_active_at >= *time,
        Test::Until(time) => session.started_at <= *time,
        Test::Number(NumberField::Cost, range) => range.contains(session.total_cost),
        Test::Number(NumberField::Tokens, range) => range.contains(session.total_tokens as f64),
        Test::Number(NumberField::Duration, range) => {
            session.duration_ms.is_some_and(|ms| range.contains(ms as f64))
        }
        // These are about its traces; whoever sorted the terms asks them there.
        _ => return true,
    };
    holds != term.negated
}
