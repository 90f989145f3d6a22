//! Lists and documents: their order, their cursors, and how much of them is in memory.

use serde_json::{Value, json};

use super::support::Api;

/// Fills `traces` traces of one session with `spans` spans each; every input has `bytes` bytes.
async fn fill(api: &Api, traces: usize, spans: usize, bytes: usize) {
    let input = "x".repeat(bytes);
    for trace in 0..traces {
        let given = json!([{"id": format!("t{trace}"), "session_id": "s",
            "started_at": format!("2025-03-01T10:{trace:02}:00Z")}]);
        let entry = |span: usize| {
            json!({"id": format!("t{trace}-{span:04}"), "trace_id": format!("t{trace}"), "name": "x",
                "started_at": format!("2025-03-01T10:{trace:02}:00Z"), "input": format!("{span}{input}")})
        };
        let spans: Vec<Value> = (0..spans).map(entry).collect();
        let answer = api.post("/api/ingest", &json!({"traces": given, "spans": spans})).await;
        assert_eq!(answer.json()["rejected"], json!([]));
    }
}

fn ids(spans: &Value) -> Vec<&str> {
    spans.as_array().unwrap().iter().map(|span| span["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn large_payloads_of_a_page_are_in_memory_a_few_at_a_time() {
    let api = Api::new();
    fill(&api, 1, 60, 512 * 1024 / 10).await;
    let page = api.get("/api/spans?limit=60").await;
    assert!(!page.headers.contains_key("content-length"));
    assert_eq!(page.headers["content-type"], "application/json; charset=utf-8");
    let page = page.json();
    assert_eq!((page["spans"].as_array().unwrap().len(), &page["count"]), (60, &json!(60)));
    assert_eq!(
        (&page["cursor"], &page["has_more"], &page["total"]),
        (&json!(null), &json!(false), &json!(60))
    );
    let (most, calls) = api.loads.seen();
    assert!(most < 60 && calls > 1, "{most} spans in {calls} reads");

    let trace = api.get("/api/traces/t0").await.json();
    let wanted: Vec<String> = (0..60).map(|span| format!("t0-{span:04}")).collect();
    assert_eq!(ids(&trace["spans"]), wanted);
    assert_eq!((&trace["count"], &trace["trace"]["span_count"]), (&json!(60), &json!(60)));
}

#[tokio::test]
async fn a_short_page_is_one_piece_and_an_empty_one_has_its_members() {
    let api = Api::new();
    let empty = api.get("/api/spans").await.json();
    let wanted =
        json!({"spans": [], "count": 0, "cursor": null, "next_cursor": null, "has_more": false, "total": 0});
    assert_eq!(empty, wanted);
    fill(&api, 1, 3, 10).await;
    let page = api.get("/api/spans").await;
    assert_eq!(page.headers["content-length"], page.body.len().to_string().as_str());
    assert_eq!(ids(&api.get("/api/spans?payload=none&sort_order=asc").await.json()["spans"]).len(), 3);
    assert_eq!(api.loads.seen(), (3, 1));
}

#[tokio::test]
async fn an_export_holds_every_trace_and_reads_payloads_of_many_together() {
    let api = Api::new();
    fill(&api, 30, 2, 10).await;
    api.post("/api/traces", &json!({"id": "empty", "started_at": "2025-03-01T10:20:30Z"})).await;
    let export = api.get("/api/export/json").await.json();
    let traces = export["traces"].as_object().unwrap();
    assert_eq!((traces.len(), export["trace_list"].as_array().unwrap().len()), (31, 31));
    assert_eq!(traces["empty"], json!([]));
    for trace in 0..30 {
        let name = format!("t{trace}");
        assert_eq!(ids(&traces[&name]), [format!("{name}-0000"), format!("{name}-0001")]);
        assert!(traces[&name][1]["input"].as_str().unwrap().starts_with("1x"));
    }
    assert!(api.loads.seen().1 < 5, "{:?}", api.loads.seen());

    let one = api.get("/api/export/json?trace_id=t7").await.json();
    assert_eq!(ids(&one["traces"]["t7"]).len(), 2);
    assert_eq!(api.get("/api/export/json?trace_id=none").await.json()["traces"], json!({}));
}

#[tokio::test]
async fn a_session_shows_its_traces_with_and_without_spans() {
    let api = Api::new();
    fill(&api, 3, 20, 10).await;
    let plain = api.get("/api/sessions/s").await.json();
    assert!(plain["traces"][0].get("spans").is_none());
    let full = api.get("/api/sessions/s?include=spans").await.json();
    assert_eq!((&full["id"], full["traces"].as_array().unwrap().len()), (&json!("s"), 3));
    for (trace, plain) in full["traces"].as_array().unwrap().iter().zip(plain["traces"].as_array().unwrap()) {
        assert_eq!(ids(&trace["spans"]).len(), 20);
        assert_eq!((&trace["id"], &trace["started_at"]), (&plain["id"], &plain["started_at"]));
    }
}

#[tokio::test]
async fn a_query_may_only_ask_for_sorts_the_list_has() {
    let api = Api::new();
    for (path, sort) in [("/api/traces", "name"), ("/api/spans", "span_count")] {
        let refused = api.get(&format!("{path}?q=sort:{sort}")).await;
        assert_eq!(refused.status, 400, "{path}");
        let body = refused.json();
        assert_eq!((&body["code"], &body["field"]), (&json!("invalid_query"), &json!("sort")));
    }
    for path in
        ["/api/traces?q=sort:span_count", "/api/spans?q=sort:name", "/api/spans?q=sort:cost%20order:asc"]
    {
        assert_eq!(api.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_cursor_goes_on_only_in_the_same_time() {
    let api = Api::new();
    fill(&api, 3, 1, 1).await;
    let page = async |query: &str, cursor: &str| {
        api.get(&format!("/api/spans?limit=1&{query}&cursor={cursor}")).await
    };
    for (query, other) in [
        ("since=2025-03-01", "since=2025-03-02"),
        ("since=99999d", "since=99998d"),
        ("q=until:1s", "q=until:2s"),
        ("until=1s", "since=1s"),
    ] {
        let cursor = page(query, "").await.json()["cursor"].as_str().unwrap().to_owned();
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        assert_eq!(page(query, &cursor).await.status, 200, "{query}");
        assert_eq!(page(other, &cursor).await.json()["code"], "invalid_cursor", "{other}");
    }
}
