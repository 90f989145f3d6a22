//! What the spans of a trace add up to, as every store keeps it.

use crate::kind::Cost;
use crate::preview::Preview;
use crate::span::{Span, StatusWord};
use crate::trace::Totals;

/// Returns what spans add up to, the same for the same spans in any order.
pub fn of<'s>(spans: impl IntoIterator<Item = &'s Span>) -> Totals {
    let mut spans: Vec<&Span> = spans.into_iter().collect();
    spans.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
    let mut totals = Totals::default();
    for span in spans {
        add(&mut totals, span);
    }
    totals
}

/// Counts a span in.
pub fn add(totals: &mut Totals, span: &Span) {
    totals.spans += 1;
    count(totals, span);
    let first = totals.first_start.map_or(span.started_at, |first| first.min(span.started_at));
    totals.first_start = Some(first);
    totals.last_end = totals.last_end.max(span.ended_at);
    note_model(totals, span);
    note_preview(totals, span);
}

/// Takes from a span that was counted the preview that its trace does not come to show, since every call of a long
/// conversation has the same. Should what is shown be deleted, the trace goes back to what it showed before.
pub fn trim(totals: &Totals, span: &mut Span) {
    if totals.preview.as_ref().is_some_and(|shown| shown.precedes(span)) {
        span.preview = None;
    }
}

fn count(totals: &mut Totals, span: &Span) {
    match span.status.word() {
        StatusWord::Running => totals.running += 1,
        StatusWord::Failed => totals.failed += 1,
        StatusWord::Completed => {}
    }
    if let Some(call) = span.kind.llm() {
        totals.llm_calls += 1;
        totals.input_tokens = totals.input_tokens.saturating_add(call.usage.input_tokens.unwrap_or(0));
        totals.output_tokens = totals.output_tokens.saturating_add(call.usage.output_tokens.unwrap_or(0));
        totals.cost += call.cost.map_or(0.0, Cost::usd);
    }
}

fn note_model(totals: &mut Totals, span: &Span) {
    if let Some(call) = span.kind.llm()
        && !totals.models.contains(&call.model)
    {
        totals.models.push(call.model.clone());
    }
}

fn note_preview(totals: &mut Totals, span: &Span) {
    if let Some(own) = Preview::of(span)
        && totals.preview.as_ref().is_none_or(|shown| own.order() < shown.order())
    {
        totals.preview = Some(own);
    }
}

/// Counts `new` in the place of `old`. Returns whether that was possible: when not, only counting all spans
/// again tells the totals.
pub fn swap(totals: &mut Totals, old: &Span, new: &Span) -> bool {
    let model = |span: &Span| span.kind.llm().map(|call| call.model.clone());
    let (gone_model, gone_cost) = (model(old), old.kind.llm().and_then(|call| call.cost));
    let same_model = gone_model.is_none() || gone_model == model(new);
    // A cost taken out of a float sum would leave its rounding behind.
    let same_cost = gone_cost.is_none() || gone_cost == new.kind.llm().and_then(|call| call.cost);
    let start_stays = new.started_at <= old.started_at || totals.first_start != Some(old.started_at);
    let end_stays = old.ended_at.is_none() || new.ended_at >= old.ended_at || totals.last_end != old.ended_at;
    let shown = totals.preview.as_ref().filter(|shown| shown.span == old.id);
    let own = Preview::of(new);
    let preview_stays =
        shown.is_none_or(|shown| own.as_ref().is_some_and(|own| own.order() <= shown.order()));
    if !(same_model && same_cost && start_stays && end_stays && preview_stays) {
        return false;
    }
    if shown.is_some() {
        totals.preview = own;
    }
    match old.status.word() {
        StatusWord::Running => totals.running = totals.running.saturating_sub(1),
        StatusWord::Failed => totals.failed = totals.failed.saturating_sub(1),
        StatusWord::Completed => {}
    }
    if let Some(call) = old.kind.llm() {
        totals.llm_calls = totals.llm_calls.saturating_sub(1);
        totals.input_tokens = totals.input_tokens.saturating_sub(call.usage.input_tokens.unwrap_or(0));
        totals.output_tokens = totals.output_tokens.saturating_sub(call.usage.output_tokens.unwrap_or(0));
    }
    let cost = totals.cost;
    count(totals, new);
    if gone_cost.is_some() {
        totals.cost = cost;
    }
    totals.first_start = totals.first_start.map(|first| first.min(new.started_at));
    totals.last_end = totals.last_end.max(new.ended_at);
    note_model(totals, new);
    note_preview(totals, new);
    true
}
