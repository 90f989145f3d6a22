//! Terms of the query language, on spans.

use serde_json::json;

use super::super::case::cases;
use super::super::fixtures::column;
use super::super::{Case, Ctx};
use crate::mount::Capability;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("query", &[];
        strings_match_exactly,
        kinds_match_like_the_parameter,
        status_is_a_word_of_three,
        names_match_by_part,
        trace_and_session_match_exactly,
        numbers_compare,
        durations_take_units_and_ranges,
        times_are_inclusive,
        relative_times_count_from_now,
        input_output_and_text_match_parts,
        tags_may_hold_colons,
        paths_match_exactly,
        bare_words_must_all_occur_somewhere,
        quotes_keep_words_together,
        escaped_quotes_are_part_of_the_word,
        case_is_ignored_beyond_ascii,
        a_minus_excludes,
        excluding_an_absent_field_keeps_the_span,
        unknown_keys_are_words,
        empty_values_are_ignored,
        wrong_values_are_refused,
        sort_and_order_are_terms,
        terms_and_parameters_are_joined,
        a_long_query_is_answered,
    );
    cases.extend(cases!("query", &[Capability::InsideWords]; words_are_found_inside_words));
    cases
}

/// Checks which spans of the corpus each query finds.
async fn check(t: &Ctx, expected: &[(&str, &[&str])]) {
    for (query, names) in expected {
        assert_eq!(t.matching(&[("q", query)]).await, *names, "q={query}");
    }
}

async fn strings_match_exactly(t: Ctx) {
    t.corpus().await;
    check(
        &t,
        &[
            ("model:gpt-4o", &["plan"]),
            ("model:GPT-4o", &[]),
            ("model:gpt", &[]),
            ("model:\"gpt-4o\"", &["plan"]),
            ("provider:openai", &["answer", "plan"]),
            ("provider:Openai", &[]),
        ],
    )
    .await;
}

async fn kinds_match_like_the_parameter(t: Ctx) {
    t.corpus().await;
    check(
        &t,
        &[
            ("kind:llm_call", &["answer", "plan", "stream"]),
            ("kind:custom", &["Lookup Ports", "embed"]),
            ("kind:tool_call", &["Lookup Ports"]),
            ("kind:embedding", &["embed"]),
            ("kind:fs_read", &["read"]),
            ("kind:fs_write", &["write"]),
            ("kind:retrieval", &[]),
        ],
    )
    .await;
}

async fn status_is_a_word_of_three(t: Ctx) {
    t.corpus().await;
    check(
        &t,
        &[
            ("status:running", &["stream"]),
            ("status:failed", &["answer"]),
            ("status:completed", &["Lookup Ports", "embed", "plan", "read", "write"]),
        ],
    )
    .await;
}

async fn names_match_by_part(t: Ctx) {
    t.corpus().await;
    check(
        &t,
        &[
            ("name:LOOK", &["Lookup Ports"]),
            ("name:\"lookup ports\"", &["Lookup Ports"]),
            ("name:rea", &["read", "stream"]),
            ("name:lisbon", &[]),
        ],
    )
    .await;
}

async fn trace_and_session_match_exactly(t: Ctx) {
    t.corpus().await;
    let (refund, session) = (t.id("refund"), t.id("session"));
    check(
        &t,
        &[
            (&format!("trace:{refund}"), &["answer", "embed"]),
            (&format!("trace:{}", &refund[..20]), &[]),
            (&format!("session:{session} status:failed"), &["answer"]),
            (&format!("session:{}", &session[..20]), &[]),
        ],
    )
    .await;
}

async fn numbers_compare(t: Ctx) {
    t.corpus().await;
    check(
        &t,
        &[
            ("cost:>0.01", &["plan"]),
            ("cost:>=0.01", &["answer", "plan"]),
            ("cost:<0.5", &["answer"]),
            ("cost:<=0.5", &["answer", "plan"]),
            ("cost:0.5", &["plan"]),
            ("cost:=0.5", &["plan"]),
            ("tokens:120", &["plan"]),
            ("tokens:>120", &["answer"]),
            ("input_tokens:>=1000", &["answer"]),
            ("output_tokens:<100", &["plan"]),
            ("duration:>=1000", &["answer", "plan"]),
            ("duration:250", &["Lookup Ports"]),
        ],
    )
    .await;
}

async fn durations_take_units_and_ranges(t: Ctx) {
    t.corpus().await;
    check(
        &t,
        &[
            ("duration:>4s", &["answer"]),
            ("duration:1s", &["plan"]),
            ("duration:0.25s", &["Lookup Ports"]),
            ("duration:<1m duration:>=1000ms", &["answer", "plan"]),
            ("duration:>=250ms duration:<=1s", &["Lookup Ports", "plan"]),
            ("duration:200-1000", &["Lookup Ports", "plan"]),
        ],
    )
    .await;
}

async fn times_are_inclusive(t: Ctx) {
    t.corpus().await;
    check(
        &t,
        &[
            ("since:2025-03-01T11:00:06Z", &["embed", "stream"]),
            ("until:2025-03-01T10:00:00.25Z", &["Lookup Ports", "plan"]),
            ("since:2025-03-01 until:2025-03-01T10:00:00Z", &["plan"]),
            ("since:2025-03-01T13:00:06+02:00", &["embed", "stream"]),
            ("since:2025-03-02", &[]),
        ],
    )
    .await;
}

async fn relative_times_count_from_now(t: Ctx) {
    let session = t.id("session");
    let hours_ago =
        |hours: i64| (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours)).to_string();
    let span = |name: &str, hours: i64| json!({"id": t.id(name), "name": name, "started_at": hours_ago(hours), "ended_at": hours_ago(hours)});
    let trace = json!({"id": t.id("trace"), "session_id": session});
    t.ingest(vec![trace], vec![span("now", 0), span("today", 3), span("old", 50)]).await;
    check(
        &t,
        &[
            ("since:1h", &["now"]),
            ("since:90m", &["now"]),
            ("since:7200s", &["now"]),
            ("since:1d", &["now", "today"]),
            ("since:7d", &["now", "old", "today"]),
            ("until:1h", &["old", "today"]),
            ("since:2d until:2h", &["today"]),
        ],
    )
    .await;
}

async fn input_output_and_text_match_parts(t: Ctx) {
    t.corpus().await;
    check(
        &t,
        &[
            ("input:lisbon", &["embed", "plan"]),
            ("output:LISBON", &["plan"]),
            ("text:ports", &["Lookup Ports"]),
            ("input:\"where is\"", &["plan"]),
            ("input:\"is where\"", &[]),
            ("text:\"refund me\"", &["answer", "embed"]),
        ],
    )
    .await;
}

async fn tags_may_hold_colons(t: Ctx) {
    t.corpus().await;
    check(
        &t,
        &[("tag:env:dev", &["answer", "embed"]), ("tag:ENV:nope", &[]), ("tag:dev", &["answer", "embed"])],
    )
    .await;
}

async fn paths_match_exactly(t: Ctx) {
    t.corpus().await;
    check(&t, &[("path:/etc/app.toml", &["read", "write"]), ("path:/etc", &[])]).await;
}

async fn bare_words_must_all_occur_somewhere(t: Ctx) {
    t.corpus().await;
    check(
        &t,
        &[
            ("lisbon", &["embed", "plan"]),
            ("lisbon portugal", &["plan"]),
            ("portugal lisbon where", &["plan"]),
            ("lookup every", &["Lookup Ports"]),
            ("lisbon mars", &[]),
        ],
    )
    .await;
}

async fn quotes_keep_words_together(t: Ctx) {
    t.corpus().await;
    check(
        &t,
        &[
            ("\"harbour in lisbon\"", &["plan"]),
            ("\"lisbon harbour\"", &[]),
            ("\"hello world\"", &["stream"]),
        ],
    )
    .await;
}

async fn escaped_quotes_are_part_of_the_word(t: Ctx) {
    t.corpus().await;
    check(
        &t,
        &[(r#""quoted \"words\"""#, &["Lookup Ports"]), (r#"output:"\"words\" here""#, &["Lookup Ports"])],
    )
    .await;
}

async fn case_is_ignored_beyond_ascii(t: Ctx) {
    let session = t.id("session");
    t.trace(json!({"id": t.id("trace"), "session_id": session})).await;
    t.span(json!({"name": "Köln", "input": "Ünïcode ÉCLAIR ДОМ"})).await;
    check(
        &t,
        &[
            ("name:KÖLN", &["Köln"]),
            ("köln", &["Köln"]),
            ("input:ünïcode", &["Köln"]),
            ("éclair", &["Köln"]),
            ("дом", &["Köln"]),
            ("eclair", &[]),
        ],
    )
    .await;
}

async fn a_minus_excludes(t: Ctx) {
    t.corpus().await;
    check(
        &t,
        &[
            ("kind:llm_call -status:failed", &["plan", "stream"]),
            ("kind:llm_call -lisbon", &["answer", "stream"]),
            ("kind:llm_call -\"refund me\"", &["plan", "stream"]),
            ("-kind:llm_call -kind:custom", &["read", "write"]),
            ("lisbon -portugal", &["embed"]),
            ("kind:llm_call -name:an", &["stream"]),
        ],
    )
    .await;
}

async fn excluding_an_absent_field_keeps_the_span(t: Ctx) {
    t.corpus().await;
    check(
        &t,
        &[
            ("-model:gpt-4o", &["Lookup Ports", "answer", "embed", "read", "stream", "write"]),
            ("kind:llm_call -cost:>0.1", &["answer", "stream"]),
            ("kind:llm_call -duration:>1", &["stream"]),
            ("kind:custom -input:lisbon", &["Lookup Ports"]),
            ("kind:fs_read -output:x", &["read"]),
        ],
    )
    .await;
}

async fn unknown_keys_are_words(t: Ctx) {
    let session = t.id("session");
    t.trace(json!({"id": t.id("trace"), "session_id": session})).await;
    t.span(json!({"name": "colon", "input": "see foo:bar there"})).await;
    t.span(json!({"name": "apart", "input": "foo and bar"})).await;
    check(&t, &[("foo:bar", &["colon"]), ("http://foo:bar", &[]), ("-foo:bar", &["apart"])]).await;
}

async fn empty_values_are_ignored(t: Ctx) {
    t.corpus().await;
    check(
        &t,
        &[
            ("model: status:failed", &["answer"]),
            ("status: kind:fs_read", &["read"]),
            ("   kind:fs_read   ", &["read"]),
        ],
    )
    .await;
}

async fn wrong_values_are_refused(t: Ctx) {
    for (query, field) in [
        ("cost:cheap", "cost"),
        ("cost:>cheap", "cost"),
        ("tokens:many", "tokens"),
        ("input_tokens:x", "input_tokens"),
        ("output_tokens:>x", "output_tokens"),
        ("duration:soon", "duration"),
        ("duration:5parsec", "duration"),
        ("status:done", "status"),
        ("since:whenever", "since"),
        ("until:2025-99-99", "until"),
        ("-status:done", "status"),
        ("since:5y", "since"),
        ("status:Failed", "status"),
        ("duration:100-", "duration"),
        ("sort:colour", "sort"),
        ("order:up", "order"),
    ] {
        t.list("/api/spans", &[("q", query)]).await.bad_field("invalid_query", field);
    }
}

async fn sort_and_order_are_terms(t: Ctx) {
    t.corpus().await;
    let session = t.id("session");
    let sorted = async |query: &str| -> Vec<String> {
        let page = t.list("/api/spans", &[("session_id", session.as_str()), ("q", query)]).await.ok();
        column(&page["spans"], "name").into_iter().map(str::to_owned).collect()
    };
    assert_eq!(sorted("kind:llm_call sort:cost").await, ["plan", "answer", "stream"]);
    assert_eq!(sorted("kind:llm_call sort:duration order:asc").await, ["stream", "plan", "answer"]);
    assert_eq!(sorted("provider:openai order:asc").await, ["plan", "answer"]);
}

async fn terms_and_parameters_are_joined(t: Ctx) {
    t.corpus().await;
    assert_eq!(t.matching(&[("q", "lisbon"), ("kind", "llm_call")]).await, ["plan"]);
    assert_eq!(t.matching(&[("q", "kind:llm_call"), ("kind", "fs_read")]).await, [""; 0]);
}

async fn a_long_query_is_answered(t: Ctx) {
    t.corpus().await;
    let many = "lisbon ".repeat(500);
    let answer = t.list("/api/spans", &[("session_id", &t.id("session")), ("q", many.trim())]).await;
    if answer.status == 200 {
        assert_eq!(answer.json()["count"], 2);
    } else {
        answer.error(400, "invalid_query");
    }
}

async fn words_are_found_inside_words(t: Ctx) {
    t.corpus().await;
    check(
        &t,
        &[
            ("isbo", &["embed", "plan"]),
            ("input:isbo", &["embed", "plan"]),
            ("-isbo kind:llm_call", &["answer", "stream"]),
        ],
    )
    .await;
}
