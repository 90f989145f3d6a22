//! The query language on traces and sessions, where aggregates count.

use super::super::case::cases;
use super::super::fixtures::column;
use super::super::{Case, Ctx};

pub(super) fn cases() -> Vec<Case> {
    cases!("query", &[];
        traces_match_by_their_own_aggregates,
        traces_match_when_one_span_meets_all_other_terms,
        trace_names_match_the_trace_or_any_span,
        excluded_terms_hold_for_traces,
        sessions_match_by_their_aggregates,
        wrong_values_are_refused_on_traces_and_sessions,
    )
}

/// Returns which of the corpus's traces a query finds, newest first.
async fn traces(t: &Ctx, query: &str) -> Vec<&'static str> {
    let found = t.list("/api/traces", &[("session_id", &t.id("session")), ("q", query)]).await.ok();
    let ids = column(&found["traces"], "id");
    ids.into_iter()
        .map(|id| {
            ["checkout", "refund", "chat"].into_iter().find(|name| t.id(name) == id).unwrap_or("unknown")
        })
        .collect()
}

async fn traces_match_by_their_own_aggregates(t: Ctx) {
    t.corpus().await;
    for (query, expected) in [
        ("", &["chat", "refund", "checkout"][..]),
        ("status:failed", &["refund"]),
        ("status:running", &["chat"]),
        ("status:completed", &["checkout"]),
        ("cost:>=0.5", &["checkout"]),
        ("tokens:1200", &["refund"]),
        // The trace lasts 3.1 s although no span of it does.
        ("duration:3100", &["checkout"]),
        ("duration:>6s", &["refund"]),
        ("tag:env:prod", &["checkout"]),
        ("since:2025-03-01T11:00:00Z", &["chat", "refund"]),
        ("until:2025-03-01T10:30:00Z", &["checkout"]),
    ] {
        assert_eq!(traces(&t, query).await, expected, "q={query}");
    }
    assert_eq!(traces(&t, &format!("session:{}", t.id("session"))).await.len(), 3);
    assert_eq!(traces(&t, &format!("trace:{}", t.id("chat"))).await, ["chat"]);
}

async fn traces_match_when_one_span_meets_all_other_terms(t: Ctx) {
    t.corpus().await;
    for (query, expected) in [
        ("model:gpt-4o", &["checkout"][..]),
        ("lisbon", &["refund", "checkout"]),
        ("model:gpt-4o lisbon", &["checkout"]),
        // Both occur in the refund trace, but in different spans.
        ("model:gpt-4o-mini lisbon", &[]),
        ("kind:tool_call", &["checkout"]),
        ("kind:embedding lisbon", &["refund"]),
        ("provider:anthropic", &["chat"]),
        ("kind:embedding status:failed", &["refund"]),
    ] {
        assert_eq!(traces(&t, query).await, expected, "q={query}");
    }
}

async fn trace_names_match_the_trace_or_any_span(t: Ctx) {
    t.corpus().await;
    for (query, expected) in [
        ("name:flow", &["refund", "checkout"][..]),
        ("name:\"refund flow\"", &["refund"]),
        ("name:stream", &["chat"]),
        ("name:LOOKUP", &["checkout"]),
    ] {
        assert_eq!(traces(&t, query).await, expected, "q={query}");
    }
}

async fn excluded_terms_hold_for_traces(t: Ctx) {
    t.corpus().await;
    for (query, expected) in [
        ("-status:failed", &["chat", "checkout"][..]),
        ("-tag:env:prod", &["chat", "refund"]),
        ("-cost:>0.1", &["chat", "refund"]),
    ] {
        assert_eq!(traces(&t, query).await, expected, "q={query}");
    }
}

async fn sessions_match_by_their_aggregates(t: Ctx) {
    t.corpus().await;
    let session = t.id("session");
    let part = &session[..20];
    let found = async |query: String| t.list("/api/sessions", &[("q", &query)]).await.ok()["count"].clone();
    assert_eq!(found(format!("session:{part}")).await, 1, "part of the id");
    assert_eq!(found(format!("session:{session} status:failed")).await, 1);
    assert_eq!(found(format!("session:{session} cost:>0.5")).await, 1, "the sum is 0.51");
    assert_eq!(found(format!("session:{session} cost:>1")).await, 0);
    assert_eq!(found(format!("session:{session} tokens:1320")).await, 1);
    // From the first start at 10:00 to the last end so far at 11:00:06.05.
    assert_eq!(found(format!("session:{session} duration:>60m")).await, 1);
    assert_eq!(found(format!("session:{session} duration:>62m")).await, 0);
}

async fn wrong_values_are_refused_on_traces_and_sessions(t: Ctx) {
    for path in ["/api/traces", "/api/sessions"] {
        t.list(path, &[("q", "cost:cheap")]).await.bad_field("invalid_query", "cost");
        t.list(path, &[("q", "status:done")]).await.bad_field("invalid_query", "status");
        t.list(path, &[("q", "since:whenever")]).await.bad_field("invalid_query", "since");
    }
}
