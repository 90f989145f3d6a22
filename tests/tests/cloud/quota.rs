//! The spans of a month: counted over all replicas, refused beyond the plan, and nothing else refused with them.

use std::time::Duration;

use conformance::cloud::Tenant;
use conformance::providers;
use serde_json::{Value, json};

use crate::stage::{Answer, Stage, soon};

async fn create(stage: &Stage, tenant: &Tenant, id: &str) -> Answer {
    let span = json!({"id": id, "trace_id": "t", "name": "n"});
    stage.call("POST", "/api/spans").bearer(&tenant.api_key).json(&span).await
}

async fn used(stage: &Stage, replica: usize, tenant: &Tenant) -> (Value, Value) {
    let answer = stage.on(replica, "GET", "/api/org/usage").bearer(&tenant.token).send().await;
    (answer["spans"]["used"].clone(), answer["spans"]["limit"].clone())
}

fn otlp(trace: u8, ids: &[u8]) -> Value {
    let span = |id: &u8| {
        json!({
            "traceId": format!("{trace:032x}"), "spanId": format!("{id:016x}"), "name": "n",
            "startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000001000000000",
        })
    };
    let spans: Vec<Value> = ids.iter().map(span).collect();
    json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
}

#[tokio::test]
async fn at_the_quota_spans_end_but_none_begins_on_any_replica() {
    let stage = Stage::new().await;
    let ann = stage.tenant("ann").await;
    stage.use_up(&ann, 9_998).await;
    for id in ["a", "b"] {
        assert_eq!(create(&stage, &ann, id).await.status, 201);
    }
    for replica in 0..2 {
        let post = async |path: &str, body: &Value| {
            stage.on(replica, "POST", path).bearer(&ann.api_key).json(body).await
        };
        let span = json!({"trace_id": "t", "name": "n"});
        let refused = post("/api/spans", &span).await;
        assert_eq!((refused.code(), &refused["limit"]), ((402, "plan_limit_exceeded"), &json!(10_000)));
        let batch = json!({"spans": [{"id": "e", "trace_id": "t", "name": "n"}]});
        let refused = post("/api/ingest", &batch).await;
        assert_eq!(refused.code(), (402, "plan_limit_exceeded"), "{}", refused.text);
        assert_eq!(post("/v1/traces", &otlp(9, &[1, 2])).await.code(), (402, "plan_limit_exceeded"));
        assert_eq!(used(&stage, replica, &ann).await, (json!(10_000), json!(10_000)));
        let again = post("/api/spans", &json!({"id": "a", "trace_id": "t", "name": "n"})).await;
        assert_eq!(again.status, 200, "a repeat is not new: {}", again.text);
    }
    let end = stage.on(1, "POST", "/api/spans/a/complete").bearer(&ann.api_key).json(&json!({})).await;
    assert_eq!((end.status, &end.body), (200, &json!({"ok": true})), "{}", end.text);
    let end =
        stage.on(0, "POST", "/api/spans/b/fail").bearer(&ann.api_key).json(&json!({"error": "x"})).await;
    assert_eq!((end.status, &end.body), (200, &json!({"ok": true})), "{}", end.text);
    for (id, status) in [("a", json!("completed")), ("b", json!({"failed": {"error": "x"}}))] {
        let span = stage.call("GET", &format!("/api/spans/{id}")).bearer(&ann.api_key).send().await;
        assert_eq!(span["status"], status, "{}", span.text);
    }
    let ended = json!({"id": "c", "trace_id": "t", "name": "n", "status": "completed"});
    assert_eq!(
        stage.call("POST", "/api/ingest").bearer(&ann.api_key).json(&json!({"spans": [ended]})).await.status,
        402
    );
    assert_eq!(stage.call("DELETE", "/api/spans/a").bearer(&ann.api_key).send().await.status, 200);
    assert_eq!(create(&stage, &ann, "d").await.status, 402, "deleting gives nothing back");
    assert_eq!(used(&stage, 0, &ann).await.0, 10_000);
    let bob = stage.tenant("bob").await;
    assert_eq!(create(&stage, &bob, "a").await.status, 201, "others have their own quota");
}

#[tokio::test]
async fn a_batch_and_an_export_are_taken_as_far_as_they_fit() {
    let stage = Stage::new().await;
    let ann = stage.tenant("ann").await;
    stage.use_up(&ann, 9_999).await;
    let export = async |body: Value| stage.call("POST", "/v1/traces").bearer(&ann.api_key).json(&body).await;
    let answer = export(otlp(7, &[1, 2, 3])).await;
    assert_eq!(
        (answer.status, &answer["partialSuccess"]["rejectedSpans"]),
        (200, &json!("2")),
        "{}",
        answer.text
    );
    assert_eq!(export(otlp(7, &[4, 5])).await.code(), (402, "plan_limit_exceeded"));
    assert_eq!(export(otlp(7, &[1])).await.status, 200, "a span that exists may come again");
    stage.use_up(&ann, 9_998).await;
    let spans: Vec<Value> =
        (0..5).map(|n| json!({"id": format!("s{n}"), "trace_id": "t", "name": "n"})).collect();
    let answer = stage.call("POST", "/api/ingest").bearer(&ann.api_key).json(&json!({"spans": spans})).await;
    assert_eq!((answer.status, &answer["accepted_spans"]), (200, &json!(2)), "{}", answer.text);
    let rejected = answer["rejected"].as_array().unwrap();
    assert!(rejected.len() == 3 && rejected.iter().all(|entry| entry["code"] == "plan_limit_exceeded"));
    for replica in 0..2 {
        let trace = stage.on(replica, "GET", "/api/traces/t").bearer(&ann.api_key).send().await;
        assert_eq!(trace["spans"].as_array().unwrap().len(), 2, "{}", trace.text);
        assert_eq!(used(&stage, replica, &ann).await.0, 10_000);
    }
}

#[tokio::test]
async fn the_proxy_relays_unchanged_at_the_quota_and_records_nothing() {
    let stage = Stage::new().await;
    let (full, free) = (stage.tenant("full").await, stage.tenant("free").await);
    let provider = providers::start().await.unwrap();
    stage.use_up(&full, 10_000).await;
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]});
    let call = async |replica: usize, tenant: &Tenant| {
        let call = stage.on(replica, "POST", "/proxy/v1/chat/completions");
        let call =
            call.header("x-traceway-api-key", &tenant.api_key).header("x-forward-url", provider.base_url());
        call.header("authorization", "Bearer sk-of-the-provider").json(&body).await
    };
    for replica in 0..2 {
        let (relayed, recorded) = (call(replica, &full).await, call(replica, &free).await);
        assert_eq!((relayed.status, recorded.status), (200, 200), "{}", relayed.text);
        assert_eq!(relayed.text, recorded.text);
        let own = |answer: &Answer| {
            let mut headers = answer.headers.clone();
            for name in ["x-traceway-trace-id", "x-traceway-span-id", "date"] {
                headers.remove(name);
            }
            headers
        };
        assert_eq!(own(&relayed), own(&recorded));
    }
    let direct = reqwest::Client::new().post(format!("{}/v1/chat/completions", provider.base_url()));
    let direct = direct.bearer_auth("sk-of-the-provider").json(&body).send().await.unwrap();
    assert_eq!(direct.text().await.unwrap(), call(0, &full).await.text, "as the provider said it");
    assert!(provider.requests().iter().all(|request| !request.headers.contains_key("x-traceway-api-key")));
    soon("the calls with room are recorded", || async {
        let spans = stage.call("GET", "/api/spans").bearer(&free.api_key).send().await;
        if spans["count"] == 2 { Ok(()) } else { Err(spans.text) }
    })
    .await;
    let spans = stage.call("GET", "/api/spans").bearer(&full.api_key).send().await;
    assert_eq!(
        (&spans["count"], used(&stage, 0, &full).await.0),
        (&json!(0), json!(10_000)),
        "{}",
        spans.text
    );
}

#[tokio::test]
async fn mails_at_eighty_and_a_hundred_percent_are_sent_once() {
    let stage = Stage::new().await;
    let ann = stage.tenant("ann").await;
    stage.use_up(&ann, 7_998).await;
    assert_eq!(create(&stage, &ann, "a").await.status, 201);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.mails(&ann.email), [], "79.99 %");
    for id in ["b", "c", "d", "e"] {
        assert_eq!(create(&stage, &ann, id).await.status, 201);
    }
    let mail = stage.mail(&ann.email).await;
    assert!(mail.subject.contains("80 %") && mail.text.contains("/settings/billing"), "{mail:?}");
    assert!(mail.text.contains("8,000") && mail.text.contains("10,000"), "used and limit: {mail:?}");
    stage.use_up(&ann, 9_998).await;
    for id in ["f", "g", "h", "i"] {
        create(&stage, &ann, id).await;
    }
    let mails = stage.mails_of(&ann.email, 2).await;
    assert!(mails[1].subject.contains("all spans") && mails[1].text.contains("10,000"), "{mails:?}");
    for id in ["j", "k"] {
        assert_eq!(create(&stage, &ann, id).await.status, 402);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(stage.mails(&ann.email).len(), 2, "each once: {:?}", stage.mails(&ann.email));
}
