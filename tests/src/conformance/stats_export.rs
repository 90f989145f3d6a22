//! Counts, and everything in one document.

use serde_json::{Value, json};

use super::case::cases;
use super::fixtures::{assert_time, column};
use super::{Case, Ctx};
use crate::mount::Capability;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("export", &[];
        one_trace_is_exported_alone,
        a_trace_without_spans_maps_to_an_empty_list,
        an_unknown_trace_exports_nothing,
        an_export_is_an_attachment,
        exported_spans_and_traces_are_what_reading_gives,
        an_export_may_be_compressed,
    );
    cases.extend(cases!("export", &[Capability::Fresh];
        everything_is_exported,
        an_empty_project_exports_empty_members,
        many_spans_are_exported_whole,
    ));
    cases.extend(cases!("stats", &[];
        stats_are_two_counts,
    ));
    cases.extend(cases!("stats", &[Capability::Fresh];
        stats_follow_writes_and_deletions,
    ));
    cases
}

async fn export(t: &Ctx, trace: &str) -> Value {
    t.list("/api/export/json", &[("trace_id", trace)]).await.ok()
}

async fn one_trace_is_exported_alone(t: Ctx) {
    t.corpus().await;
    let refund = t.id("refund");
    let found = export(&t, &refund).await;
    assert_eq!(found["version"], 1);
    assert_time(&found["exported_at"]);
    let traces = found["traces"].as_object().expect("traces");
    assert_eq!(traces.keys().collect::<Vec<_>>(), [&refund]);
    assert_eq!(column(&traces[&refund], "name"), ["answer", "embed"], "by start");
    assert_eq!(column(&found["trace_list"], "id"), [refund]);
    for member in ["datasets", "datapoints"] {
        assert!(found.get(member).is_none_or(|list| *list == json!([])), "{member} of {found}");
    }
}

async fn a_trace_without_spans_maps_to_an_empty_list(t: Ctx) {
    t.trace(json!({"id": t.id("empty")})).await;
    let found = export(&t, &t.id("empty")).await;
    assert_eq!(found["traces"], json!({t.id("empty"): []}));
}

async fn an_unknown_trace_exports_nothing(t: Ctx) {
    let found = export(&t, &t.id("none")).await;
    assert_eq!((&found["version"], &found["traces"]), (&json!(1), &json!({})));
}

async fn an_export_is_an_attachment(t: Ctx) {
    t.trace(json!({"id": t.id("a")})).await;
    let answer = t.list("/api/export/json", &[("trace_id", &t.id("a"))]).await.expect(200);
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"traceway-export.json\"");
    assert!(answer.header("content-type").starts_with("application/json"), "{:?}", answer.headers);
}

async fn exported_spans_and_traces_are_what_reading_gives(t: Ctx) {
    t.corpus().await;
    let id = t.id("checkout");
    let (found, read) = (export(&t, &id).await, t.read_trace(&id).await);
    assert_eq!(found["traces"][&id], read["spans"]);
    assert_eq!(found["trace_list"], json!([read["trace"]]));
}

async fn an_export_may_be_compressed(t: Ctx) {
    t.corpus().await;
    let path = format!("/api/export/json?trace_id={}", t.id("checkout"));
    let answer = t.call("GET", &path).header("accept-encoding", "gzip").send().await.expect(200);
    let mut plain = Vec::new();
    if answer.header("content-encoding") == "gzip" {
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&answer.body[..]), &mut plain)
            .expect("gzip");
    } else {
        plain = answer.body.to_vec();
    }
    let found: Value = serde_json::from_slice(&plain).expect("JSON");
    assert_eq!(found["version"], 1);
}

async fn everything_is_exported(t: Ctx) {
    let t = t.fresh().await;
    t.corpus().await;
    t.trace(json!({"id": t.id("empty")})).await;
    let found = t.get("/api/export/json").await.ok();
    let traces = found["traces"].as_object().expect("traces");
    let mut ids: Vec<&str> = traces.keys().map(String::as_str).collect();
    ids.sort_unstable();
    let mut expected = ["chat", "checkout", "empty", "refund"].map(|id| t.id(id));
    expected.sort_unstable();
    assert_eq!(ids, expected);
    assert_eq!(traces[&t.id("checkout")], t.read_trace(&t.id("checkout")).await["spans"]);
    assert_eq!(found["trace_list"].as_array().map(Vec::len), Some(4));
    assert!(found["datasets"].is_array() && found["datapoints"].is_array(), "{found}");
}

async fn an_empty_project_exports_empty_members(t: Ctx) {
    let t = t.fresh().await;
    let found = t.get("/api/export/json").await.ok();
    assert_eq!((&found["traces"], &found["trace_list"]), (&json!({}), &json!([])));
    assert_eq!((&found["datasets"], &found["datapoints"]), (&json!([]), &json!([])));
}

async fn many_spans_are_exported_whole(t: Ctx) {
    let t = t.fresh().await;
    for batch in 0..3 {
        let span = |n: u32| json!({"id": t.id(&format!("s{batch}-{n}")), "trace_id": t.id(&format!("t{}", n % 40)), "input": "x".repeat(200)});
        t.ingest(vec![], (0..800).map(span).collect()).await;
    }
    let found = t.get("/api/export/json").await.ok();
    let traces = found["traces"].as_object().expect("traces");
    let spans: usize = traces.values().map(|spans| spans.as_array().map_or(0, Vec::len)).sum();
    assert_eq!((traces.len(), spans), (40, 2400));
}

async fn stats_are_two_counts(t: Ctx) {
    t.span(json!({})).await;
    let stats = t.get("/api/stats").await.ok();
    for member in ["trace_count", "span_count"] {
        assert!(stats[member].as_u64().is_some_and(|count| count > 0), "{member} of {stats}");
    }
}

async fn stats_follow_writes_and_deletions(t: Ctx) {
    let t = t.fresh().await;
    let stats = async || t.get("/api/stats").await.ok();
    assert_eq!(stats().await, json!({"trace_count": 0, "span_count": 0}));
    t.corpus().await;
    assert_eq!(stats().await, json!({"trace_count": 3, "span_count": 7}));
    t.delete(&format!("/api/spans/{}", t.id("plan"))).await.ok();
    assert_eq!(stats().await, json!({"trace_count": 3, "span_count": 6}));
    t.delete(&format!("/api/traces/{}", t.id("checkout"))).await.ok();
    assert_eq!(stats().await, json!({"trace_count": 2, "span_count": 3}));
}
