//! Pages: limits, cursors, what cursors are bound to, and rows that come while paging.

use serde_json::{Value, json};

use super::answer::Answer;
use super::case::cases;
use super::fixtures::{column, llm, text, with};
use super::{Case, Ctx};

pub(super) fn cases() -> Vec<Case> {
    cases!("paging", &[];
        pages_cover_every_span_once,
        pages_cover_every_trace_once,
        pages_cover_every_session_once,
        pages_cover_every_span_once_in_each_order,
        pages_cover_every_trace_once_in_each_order,
        rows_with_the_same_key_are_not_lost,
        a_full_last_page_has_no_cursor,
        the_default_limit_is_fifty,
        limits_above_a_thousand_are_clamped,
        limits_below_one_are_refused,
        a_malformed_cursor_is_refused,
        a_cursor_is_bound_to_its_filter,
        a_cursor_is_bound_to_its_sort,
        a_cursor_of_another_list_is_refused,
        an_empty_cursor_is_the_first_page,
        the_limit_may_change_between_pages,
        new_rows_do_not_shift_pages,
        deleted_rows_do_not_shift_pages,
        total_counts_all_pages,
    )
}

/// Writes `count` spans of the case's session, a second apart; the first is the oldest.
async fn spans(t: &Ctx, count: u32) {
    let trace = json!({"id": t.id("trace"), "session_id": t.id("session")});
    let span = |n: u32| {
        json!({"id": t.id(&format!("s{n:03}")), "name": format!("n{:03}", n % 7),
            "kind": with(llm("m", u64::from(n % 5), 0), json!({"cost": f64::from(n % 4) / 8.0})),
            "started_at": format!("2025-03-01T10:{:02}:{:02}Z", n / 60, n % 60),
            "ended_at": format!("2025-03-01T11:00:{:02}Z", n % 3)})
    };
    t.ingest(vec![trace], (0..count).map(span).collect()).await;
}

/// Reads all pages and returns the ids in their order, with the sizes of the pages.
async fn all_pages(t: &Ctx, path: &str, list: &str, query: &[(&str, &str)]) -> (Vec<String>, Vec<usize>) {
    let (mut ids, mut sizes) = (Vec::new(), Vec::new());
    let mut cursor: Option<String> = None;
    loop {
        let mut parameters = query.to_vec();
        if let Some(cursor) = &cursor {
            parameters.push(("cursor", cursor));
        }
        let page = t.list(path, &parameters).await.ok();
        let rows = column(&page[list], "id");
        assert_eq!(page["count"], rows.len());
        assert_eq!(page["cursor"], page["next_cursor"]);
        assert_eq!(page["has_more"], !page["cursor"].is_null(), "{page}");
        sizes.push(rows.len());
        ids.extend(rows.into_iter().map(str::to_owned));
        cursor = page["cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return (ids, sizes);
        }
        assert!(sizes.len() < 100, "the pages do not end");
    }
}

fn assert_each_once(ids: &[String], count: usize) {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!((ids.len(), sorted.len()), (count, count), "{ids:?}");
}

async fn pages_cover_every_span_once(t: Ctx) {
    spans(&t, 25).await;
    let session = t.id("session");
    let (ids, sizes) =
        all_pages(&t, "/api/spans", "spans", &[("session_id", &session), ("limit", "10")]).await;
    assert_eq!(sizes, [10, 10, 5]);
    let expected: Vec<String> = (0..25).rev().map(|n| t.id(&format!("s{n:03}"))).collect();
    assert_eq!(ids, expected);
}

/// Writes `count` traces of the case's session, a second apart, with a span each.
async fn traces(t: &Ctx, count: u32) {
    let trace = |n: u32| {
        json!({"id": t.id(&format!("t{n:03}")), "session_id": t.id("session"),
            "started_at": format!("2025-03-01T10:{:02}:{:02}Z", n / 60, n % 60)})
    };
    let span = |n: u32| {
        json!({"id": t.id(&format!("s{n:03}")), "trace_id": t.id(&format!("t{n:03}")),
            "kind": with(llm("m", u64::from(n % 5), 0), json!({"cost": f64::from(n % 4) / 8.0})),
            "started_at": "2025-03-01T11:00:00Z", "ended_at": format!("2025-03-01T11:00:{:02}Z", n % 3)})
    };
    t.ingest((0..count).map(trace).collect(), (0..count).map(span).collect()).await;
}

async fn pages_cover_every_trace_once(t: Ctx) {
    traces(&t, 12).await;
    let session = t.id("session");
    let (ids, sizes) =
        all_pages(&t, "/api/traces", "traces", &[("session_id", &session), ("limit", "5")]).await;
    assert_eq!(sizes, [5, 5, 2]);
    let expected: Vec<String> = (0..12).rev().map(|n| t.id(&format!("t{n:03}"))).collect();
    assert_eq!(ids, expected);
}

async fn pages_cover_every_session_once(t: Ctx) {
    let tag = t.word("tag");
    let trace = |n: u32| {
        json!({"id": t.id(&format!("t{n}")), "session_id": t.id(&format!("session{n}")), "tags": [tag],
            "started_at": format!("2025-03-01T10:00:{n:02}Z")})
    };
    t.ingest((0..7).map(trace).collect(), vec![]).await;
    let (ids, sizes) = all_pages(&t, "/api/sessions", "sessions", &[("tag", &tag), ("limit", "3")]).await;
    assert_eq!(sizes, [3, 3, 1]);
    let expected: Vec<String> = (0..7).rev().map(|n| t.id(&format!("session{n}"))).collect();
    assert_eq!(ids, expected, "most recently active first");
}

async fn pages_cover_every_span_once_in_each_order(t: Ctx) {
    spans(&t, 23).await;
    let session = t.id("session");
    for by in ["started_at", "duration", "tokens", "cost", "name"] {
        let mut orders = Vec::new();
        for order in ["asc", "desc"] {
            let query =
                [("session_id", session.as_str()), ("sort_by", by), ("sort_order", order), ("limit", "4")];
            let (ids, _) = all_pages(&t, "/api/spans", "spans", &query).await;
            assert_each_once(&ids, 23);
            orders.push(ids);
        }
        orders[1].reverse();
        assert_eq!(orders[0], orders[1], "sort_by={by}: one order is the other reversed");
    }
}

async fn pages_cover_every_trace_once_in_each_order(t: Ctx) {
    traces(&t, 13).await;
    let session = t.id("session");
    for by in ["started_at", "duration", "cost", "tokens", "span_count"] {
        for order in ["asc", "desc"] {
            let query =
                [("session_id", session.as_str()), ("sort_by", by), ("sort_order", order), ("limit", "4")];
            let (ids, _) = all_pages(&t, "/api/traces", "traces", &query).await;
            assert_each_once(&ids, 13);
        }
    }
}

async fn rows_with_the_same_key_are_not_lost(t: Ctx) {
    let span = |n: u32| json!({"id": t.id(&format!("s{n:02}")), "started_at": "2025-03-01T10:00:00Z"});
    t.ingest(vec![], (0..10).map(span).collect()).await;
    let trace = t.id("trace");
    let (ids, _) = all_pages(&t, "/api/spans", "spans", &[("trace_id", &trace), ("limit", "3")]).await;
    assert_each_once(&ids, 10);
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    let mut reversed = sorted.clone();
    reversed.reverse();
    assert!(ids == sorted || ids == reversed, "ties go by id: {ids:?}");
}

async fn a_full_last_page_has_no_cursor(t: Ctx) {
    spans(&t, 6).await;
    let session = t.id("session");
    let (ids, sizes) =
        all_pages(&t, "/api/spans", "spans", &[("session_id", &session), ("limit", "3")]).await;
    assert_eq!((ids.len(), sizes), (6, vec![3, 3]));
}

async fn the_default_limit_is_fifty(t: Ctx) {
    spans(&t, 60).await;
    let page = t.list("/api/spans", &[("session_id", &t.id("session"))]).await.ok();
    assert_eq!((&page["count"], &page["has_more"]), (&json!(50), &json!(true)));
}

async fn limits_above_a_thousand_are_clamped(t: Ctx) {
    let span = |n: u32| json!({"id": t.id(&format!("s{n}"))});
    t.ingest(vec![], (0..600).map(span).collect()).await;
    t.ingest(vec![], (600..1001).map(span).collect()).await;
    let trace = t.id("trace");
    for limit in ["1000", "1001", "999999999"] {
        let page = t.list("/api/spans", &[("trace_id", &trace), ("limit", limit)]).await.ok();
        assert_eq!((&page["count"], &page["has_more"]), (&json!(1000), &json!(true)), "limit={limit}");
    }
}

async fn limits_below_one_are_refused(t: Ctx) {
    for path in ["/api/traces", "/api/spans", "/api/sessions"] {
        for limit in ["0", "-5", "1.5", "ten"] {
            t.list(path, &[("limit", limit)]).await.bad_field("invalid_request", "limit");
        }
    }
}

async fn a_malformed_cursor_is_refused(t: Ctx) {
    for path in ["/api/traces", "/api/spans", "/api/sessions"] {
        for cursor in ["x", "AAAA", "eyJhIjoxfQ", "1740823200", "🚀", &"A".repeat(3000)] {
            let answer = t.list(path, &[("cursor", cursor)]).await;
            assert_eq!(answer.status, 400, "{path} {cursor}");
            answer.error(400, "invalid_cursor");
        }
    }
}

/// Reads the first page of two spans and returns its cursor.
async fn cursor(t: &Ctx, path: &str, query: &[(&str, &str)]) -> String {
    let mut parameters = query.to_vec();
    parameters.push(("limit", "2"));
    let page = t.list(path, &parameters).await.ok();
    text(&page, "cursor").to_owned()
}

fn refused(answer: Answer) {
    answer.error(400, "invalid_cursor");
}

async fn a_cursor_is_bound_to_its_filter(t: Ctx) {
    spans(&t, 6).await;
    let (session, trace) = (t.id("session"), t.id("trace"));
    let first = cursor(&t, "/api/spans", &[("session_id", &session)]).await;
    refused(t.list("/api/spans", &[("cursor", &first), ("trace_id", &trace)]).await);
    refused(t.list("/api/spans", &[("cursor", &first)]).await);
    refused(t.list("/api/spans", &[("cursor", &first), ("session_id", &session), ("q", "model:m")]).await);
    let page =
        t.list("/api/spans", &[("cursor", &first), ("session_id", &session), ("limit", "2")]).await.ok();
    assert_eq!(column(&page["spans"], "id"), [t.id("s003"), t.id("s002")]);
}

async fn a_cursor_is_bound_to_its_sort(t: Ctx) {
    spans(&t, 6).await;
    let session = t.id("session");
    let first = cursor(&t, "/api/spans", &[("session_id", &session)]).await;
    refused(t.list("/api/spans", &[("cursor", &first), ("session_id", &session), ("sort_by", "cost")]).await);
    refused(
        t.list("/api/spans", &[("cursor", &first), ("session_id", &session), ("sort_order", "asc")]).await,
    );
}

async fn a_cursor_of_another_list_is_refused(t: Ctx) {
    traces(&t, 4).await;
    let session = t.id("session");
    let of_traces = cursor(&t, "/api/traces", &[("session_id", &session)]).await;
    refused(t.list("/api/sessions", &[("cursor", &of_traces)]).await);
    // The same filter and sort, and another list all the same.
    refused(t.list("/api/spans", &[("session_id", &session), ("cursor", &of_traces)]).await);
}

async fn an_empty_cursor_is_the_first_page(t: Ctx) {
    spans(&t, 3).await;
    let session = t.id("session");
    let page = t.list("/api/spans", &[("session_id", &session), ("cursor", "")]).await.ok();
    assert_eq!(page["count"], 3);
}

async fn the_limit_may_change_between_pages(t: Ctx) {
    spans(&t, 6).await;
    let session = t.id("session");
    let first = cursor(&t, "/api/spans", &[("session_id", &session)]).await;
    let page =
        t.list("/api/spans", &[("cursor", &first), ("session_id", &session), ("limit", "3")]).await.ok();
    assert_eq!(column(&page["spans"], "id"), [t.id("s003"), t.id("s002"), t.id("s001")]);
}

async fn new_rows_do_not_shift_pages(t: Ctx) {
    spans(&t, 6).await;
    let session = t.id("session");
    let first = cursor(&t, "/api/spans", &[("session_id", &session)]).await;
    let newer =
        |n: u32| json!({"id": t.id(&format!("new{n}")), "started_at": format!("2025-03-02T10:00:0{n}Z")});
    t.ingest(vec![], (0..3).map(newer).collect()).await;
    let page =
        t.list("/api/spans", &[("cursor", &first), ("session_id", &session), ("limit", "9")]).await.ok();
    assert_eq!(column(&page["spans"], "id"), ["s003", "s002", "s001", "s000"].map(|id| t.id(id)));
}

async fn deleted_rows_do_not_shift_pages(t: Ctx) {
    spans(&t, 6).await;
    let session = t.id("session");
    let first = cursor(&t, "/api/spans", &[("session_id", &session)]).await;
    // The cursor stands behind s004, which goes away together with the newest.
    for gone in ["s004", "s005"] {
        t.delete(&format!("/api/spans/{}", t.id(gone))).await.ok();
    }
    let page =
        t.list("/api/spans", &[("cursor", &first), ("session_id", &session), ("limit", "9")]).await.ok();
    assert_eq!(column(&page["spans"], "id"), ["s003", "s002", "s001", "s000"].map(|id| t.id(id)));
}

async fn total_counts_all_pages(t: Ctx) {
    spans(&t, 9).await;
    let session = t.id("session");
    for path in ["/api/spans", "/api/traces"] {
        let page = t.list(path, &[("session_id", &session), ("limit", "1")]).await.ok();
        let expected = if path == "/api/spans" { 9 } else { 1 };
        assert!(page.get("total").is_some(), "{page}");
        assert!(page["total"] == expected || page["total"] == Value::Null, "{path}: {}", page["total"]);
    }
}
