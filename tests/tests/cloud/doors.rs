//! The ways in that the description of the API does not list: the proxy, on both ports, and OTLP over gRPC.

use conformance::cloud::{Tenant, wrong_key};
use conformance::providers;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use serde_json::{Value, json};

use crate::stage::{Stage, soon};

/// Returns everything in a tenant's project, as each replica shows it.
async fn everything(stage: &Stage, tenant: &Tenant) -> Vec<Value> {
    let mut all = Vec::new();
    for replica in 0..2 {
        for path in ["/api/traces?limit=1000", "/api/spans?limit=1000", "/api/sessions?limit=1000"] {
            let answer = stage.on(replica, "GET", path).bearer(&tenant.api_key).send().await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            all.push(answer.body);
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proxy_writes_into_the_project_of_its_key_alone() {
    let stage = Stage::new().await;
    let (ann, bob) = (stage.tenant_on("pro", "ann").await, stage.tenant("bob").await);
    let provider = providers::start().await.unwrap();
    let span = json!({"id": "s", "trace_id": "t", "name": "of bob", "input": "secret of bob"});
    assert_eq!(stage.call("POST", "/api/spans").bearer(&bob.api_key).json(&span).await.status, 201);
    let before = everything(&stage, &bob).await;
    let reader = json!({"name": "reader", "scopes": ["read"]});
    let reader =
        stage.call("POST", "/api/org/api-keys").bearer(&ann.token).json(&reader).await.text_of("key");
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]});
    let client = reqwest::Client::new();
    let call = |base: String, headers: Vec<(&'static str, String)>, query: String| {
        let request = client.post(format!("{base}/v1/chat/completions{query}"));
        let request = request.header("x-forward-url", provider.base_url());
        let headers = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        let sent = headers.json(&body).send();
        async move { sent.await.unwrap().status().as_u16() }
    };
    let (none, key) = (String::new, |key: &str| vec![("x-traceway-api-key", key.to_owned())]);
    for base in stage.stack.replicas.iter().flat_map(|r| [r.proxy.clone(), format!("{}/proxy", r.api)]) {
        let session = vec![("authorization", format!("Bearer {}", bob.token))];
        let cookie = vec![
            ("cookie", format!("session={}", bob.token)),
            ("origin", stage.stack.replicas[0].api.clone()),
        ];
        for (headers, expected) in [
            (Vec::new(), 401),
            (session, 401),
            (cookie, 401),
            (key(&bob.token), 401),
            (key(&wrong_key(&bob.api_key)), 401),
            (key(&reader), 403),
        ] {
            assert_eq!(call(base.clone(), headers, none()).await, expected, "{base}");
        }
        let known = provider.requests().len();
        let mut headers = key(&ann.api_key);
        headers.extend([
            ("x-traceway-trace-id", "t".to_owned()),
            ("x-traceway-parent-id", "s".to_owned()),
            ("x-traceway-session-id", "session".to_owned()),
        ]);
        assert_eq!(call(base.clone(), headers, none()).await, 200);
        assert_eq!(call(base.clone(), Vec::new(), format!("?token={}&x=1", ann.api_key)).await, 200);
        let requests = provider.requests();
        assert_eq!(requests.len(), known + 2, "nothing is forwarded for who is refused");
        assert!(requests.iter().all(|request| !format!("{request:?}").contains("tw_sk_")), "{requests:?}");
    }
    soon("the calls are recorded", || async {
        let spans = stage.call("GET", "/api/spans?limit=1000").bearer(&ann.api_key).send().await;
        if spans["count"] == 8 { Ok(()) } else { Err(spans.text) }
    })
    .await;
    let trace = stage.call("GET", "/api/traces/t").bearer(&ann.api_key).send().await;
    assert_eq!((trace["spans"].as_array().unwrap().len(), trace.text.contains("bob")), (4, false));
    assert_eq!(everything(&stage, &bob).await, before);
}

#[tokio::test]
async fn the_proxy_does_not_call_the_own_network_unless_it_is_allowed() {
    let stage = Stage::with(&[("TRACEWAY_PROXY_ALLOW", "")]).await;
    let ann = stage.tenant("ann").await;
    let provider = providers::start().await.unwrap();
    let port = provider.base_url().rsplit_once(':').unwrap().1;
    for target in [
        provider.base_url().to_owned(),
        format!("http://localhost:{port}"),
        format!("http://[::1]:{port}"),
        format!("http://[::ffff:127.0.0.1]:{port}"),
        format!("http://0.0.0.0:{port}"),
        format!("http://2130706433:{port}"),
        "http://169.254.169.254/latest".to_owned(),
        "http://10.0.0.1".to_owned(),
    ] {
        let call = stage.call("POST", "/proxy/v1/chat/completions").header("x-forward-url", &target);
        let answer = call.header("x-traceway-api-key", &ann.api_key).json(&json!({"model": "m"})).await;
        assert_eq!(answer.code(), (403, "forbidden"), "{target}: {}", answer.text);
    }
    assert_eq!(provider.requests().len(), 0);
}

fn export(numbers: std::ops::Range<u8>) -> Vec<u8> {
    let span = |number: u8| Span {
        trace_id: vec![1; 16],
        span_id: vec![number + 1; 8],
        name: "n".to_owned(),
        start_time_unix_nano: 1_790_000_000_000_000_000,
        end_time_unix_nano: 1_790_000_001_000_000_000,
        ..Span::default()
    };
    let scope = ScopeSpans { spans: numbers.map(span).collect(), ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    let message = ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec();
    let mut body = vec![0];
    body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    body.extend(message);
    body
}

#[tokio::test]
async fn grpc_asks_for_a_key_and_keeps_to_its_project_and_quota() {
    let stage = Stage::new().await;
    let (ann, bob) = (stage.tenant("ann").await, stage.tenant("bob").await);
    stage.use_up(&ann, 9_998).await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let call = async |replica: usize, key: Option<&str>, numbers: std::ops::Range<u8>| {
        let path = "opentelemetry.proto.collector.trace.v1.TraceService/Export";
        let request = client.post(format!("{}/{path}", stage.stack.replicas[replica].api));
        let request = request.header("content-type", "application/grpc").header("te", "trailers");
        let request = key.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
        let answer = request.body(export(numbers)).send().await.unwrap();
        let status = answer.headers().get("grpc-status").and_then(|value| value.to_str().ok());
        (answer.status().as_u16(), status.unwrap_or_default().to_owned())
    };
    for replica in 0..2 {
        for key in [None, Some("tw_sk_0123456789abcdef0123456789abcdef"), Some("nonsense")] {
            let (status, code) = call(replica, key, 0..1).await;
            assert!(status == 401 || code == "16", "{key:?}: {status} {code}");
        }
    }
    // A status that is no error comes after the body, where it is not looked at.
    let is_taken = (200, String::new());
    assert_eq!(call(0, Some(&ann.api_key), 0..2).await, is_taken);
    assert_eq!(
        call(1, Some(&ann.api_key), 0..4).await,
        is_taken,
        "two exist, two do not fit: a partial success"
    );
    assert_eq!(call(0, Some(&ann.api_key), 4..6).await, (200, "8".to_owned()), "the resource is exhausted");
    for (tenant, expected) in [(&ann, 2), (&bob, 0)] {
        let stats = stage.call("GET", "/api/stats").bearer(&tenant.api_key).send().await;
        assert_eq!(stats["span_count"], expected, "{}", stats.text);
    }
}
