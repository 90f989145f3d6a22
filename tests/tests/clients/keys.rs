//! What clients without a key, with a wrong one and with one of another project are told by a cloud, and that nothing is
//! recorded of them; and keys in a base URL.

use conformance::clients::Language::{self, Node, Python};
use conformance::cloud::{Tenant, wrong_key};
use serde_json::{Value, json};

use crate::stage::{Shown, Stage, assert_says};

const MISSING: &str = "missing_auth";
const INVALID: &str = "invalid_api_key";

/// Checks that a project has as many traces as it should, whichever replica is asked.
async fn assert_traces(stage: &Stage, key: &str, count: usize) {
    for replica in 0..stage.replicas().len() {
        for (path, list) in [("/api/traces", "traces"), ("/api/spans", "spans")] {
            let (status, page) = stage.get_as(Some(key), replica, path).await;
            assert_eq!((status, page[list].as_array().map(Vec::len)), (200, Some(count)), "{page:#}");
        }
    }
}

/// Lets a client call without a valid key, then with one: only the last call is passed on and recorded.
async fn refused(language: Language, script: &'static str, good_scene: &'static str) {
    let stage = Stage::cloud().await;
    let key = stage.key().unwrap();
    let wrong = wrong_key(key);
    let ways = [
        (Shown::Nowhere, MISSING),
        (Shown::Header(&wrong), INVALID),
        (Shown::BaseUrl(&wrong), INVALID),
        (Shown::Header("sk-test"), INVALID),
    ];
    for (shown, code) in ways {
        let seen = stage.start_as(shown, language, script, "refused").await.unwrap();
        let errors = seen["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 2, "{shown:?}: {seen:#}");
        for error in errors {
            assert_eq!((&error["error"], &error["status"]), (&json!("AuthenticationError"), &json!(401)));
            let text = match code {
                MISSING => "a Traceway key is required: send it as X-Traceway-Api-Key",
                _ => "the Traceway key is not valid",
            };
            // OpenAI's client for Node keeps the text of an answer and drops what is beside it.
            let answer = if script == "openai_calls.js" {
                json!(text)
            } else {
                json!({ "error": text, "code": code })
            };
            assert_eq!(error["answer"], answer, "{shown:?}");
        }
    }
    assert_eq!(stage.provider.requests().len(), 0, "nothing is passed on");
    stage.call(language, script, good_scene).await;
    stage.calls(1).await;
    assert_traces(&stage, key, 1).await;
}

#[tokio::test]
async fn openai_for_python_is_refused_without_a_valid_key() {
    refused(Python, "openai_calls.py", "chat").await;
}

#[tokio::test]
async fn openai_for_node_is_refused_without_a_valid_key() {
    refused(Node, "openai_calls.js", "chat").await;
}

#[tokio::test]
async fn anthropic_for_python_is_refused_without_a_valid_key() {
    refused(Python, "anthropic_calls.py", "message").await;
}

#[tokio::test]
async fn anthropic_for_node_is_refused_without_a_valid_key() {
    refused(Node, "anthropic_calls.js", "message").await;
}

async fn key_in_header_or_base_url(stage: &Stage) {
    let key = stage.key().unwrap();
    let clients = [
        (Python, "openai_calls.py", "stream", "/v1/chat/completions"),
        (Node, "openai_calls.js", "stream", "/v1/chat/completions"),
        (Python, "anthropic_calls.py", "message", "/v1/messages"),
        (Node, "anthropic_calls.js", "message", "/v1/messages"),
    ];
    let mut count = 0;
    for (language, script, scene, path) in clients {
        for shown in [Shown::Header(key), Shown::BaseUrl(key)] {
            let seen = stage.start_as(shown, language, script, scene).await;
            let seen = seen.unwrap_or_else(|error| panic!("{shown:?}: {error}"));
            count += 1;
            let span = stage.calls(count).await.pop().unwrap();
            assert_eq!(span["status"], "completed", "{script}");
            assert_says(&span["output"], &seen["text"]);
            assert_eq!(stage.provider.requests()[count - 1].uri, path, "the key stays with the proxy");
        }
    }
}

#[tokio::test]
async fn the_key_may_be_in_a_header_or_in_the_base_url() {
    key_in_header_or_base_url(&Stage::cloud().await).await;
}

#[tokio::test]
async fn the_key_may_be_in_a_header_or_in_the_base_url_on_the_port_of_the_api() {
    key_in_header_or_base_url(&Stage::cloud().await.with_the_proxy_on_the_port_of_the_api()).await;
}

/// Lets an exporter send without a valid key, then with one: only the last spans are recorded.
async fn refused_export(export: &str, traces: usize, complaints: impl Fn(&Value, &str)) {
    let stage = Stage::cloud().await;
    let key = stage.key().unwrap();
    let wrong = wrong_key(key);
    let mut ids = Vec::new();
    for (shown, code) in [(None, MISSING), (Some(wrong.as_str()), INVALID)] {
        let seen = stage.export_as(shown, export).await;
        let all = seen["complaints"].as_array().unwrap();
        assert!(!all.is_empty(), "the exporter was not refused");
        for complaint in all {
            complaints(complaint, code);
        }
        ids.extend(trace_ids(&seen));
    }
    assert_eq!(ids.len(), 2 * traces);
    stage.export(export).await;
    for replica in 0..stage.replicas().len() {
        let (status, page) = stage.get_as(Some(key), replica, "/api/traces").await;
        assert_eq!((status, page["traces"].as_array().map(Vec::len)), (200, Some(traces)), "{page:#}");
        for id in &ids {
            let (status, answer) = stage.get_as(Some(key), replica, &format!("/api/traces/{id}")).await;
            assert_eq!((status, &answer["code"]), (404, &json!("not_found")));
        }
    }
}

/// Returns the traces a script has made: one, or one for each of its scenes.
fn trace_ids(seen: &Value) -> Vec<String> {
    let scenes = seen.as_object().unwrap().values();
    let ids = std::iter::once(seen).chain(scenes).filter_map(|scene| scene["trace_id"].as_str());
    ids.map(str::to_owned).collect()
}

#[tokio::test]
async fn protobuf_export_from_python_is_refused_without_a_valid_key() {
    refused_export("genai-http", 1, |complaint, _| assert_says(complaint, &json!("401"))).await;
}

#[tokio::test]
async fn grpc_export_from_python_is_refused_without_a_valid_key() {
    refused_export("genai-grpc", 1, |complaint, _| assert_says(complaint, &json!("UNAUTHENTICATED"))).await;
}

#[tokio::test]
async fn protobuf_export_from_node_is_refused_without_a_valid_key() {
    refused_export("vercel-ai-proto", 6, |complaint, _| assert_eq!(complaint["code"], 401)).await;
}

#[tokio::test]
async fn json_export_from_node_is_refused_without_a_valid_key() {
    refused_export("vercel-ai-json", 6, |complaint, code| {
        assert_eq!(complaint["code"], 401);
        assert_says(&complaint["data"], &json!(code));
    })
    .await;
}

#[tokio::test]
async fn curl_is_refused_without_a_valid_key_by_proxy_rest_and_otlp() {
    let stage = Stage::cloud().await;
    let key = stage.key().unwrap();
    let wrong = wrong_key(key);
    for (shown, code) in [(None, MISSING), (Some(wrong.as_str()), INVALID)] {
        let answers = stage.curl_as(shown, &["refused"]).await;
        let answers = answers.as_array().unwrap();
        assert_eq!(answers.len(), 3);
        for answer in answers {
            assert_eq!((&answer["status"], &answer["body"]["code"]), (&json!(401), &json!(code)), "{answer}");
        }
    }
    assert_eq!(stage.provider.requests().len(), 0, "nothing is passed on");
    stage.curl_as(Some(key), &["rest"]).await;
    assert_traces(&stage, key, 1).await;
}

#[tokio::test]
async fn a_key_of_another_project_reaches_nothing_of_this_one() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let stage = Stage::cloud().await;
    let key = stage.key().unwrap();
    let other = Tenant::sign_up(&stage.replicas()[0], "other").await.unwrap().api_key;
    stage.curl_as(Some(key), &["otlp", TRACE]).await;
    let told = stage.curl_as(Some(key), &["rest"]).await;
    let span = told["span_id"].as_str().unwrap();
    let paths = [
        format!("/api/traces/{TRACE}"),
        format!("/api/traces/{}", told["trace_id"].as_str().unwrap()),
        format!("/api/spans/{span}"),
    ];
    let mut before = Vec::new();
    for replica in 0..2 {
        let mut ours = Vec::new();
        for path in &paths {
            let (status, answer) = stage.get_as(Some(key), replica, path).await;
            assert_eq!(status, 200);
            ours.push(answer);
            let (status, answer) = stage.get_as(Some(&other), replica, path).await;
            assert_eq!((status, &answer["code"]), (404, &json!("not_found")), "{path}");
        }
        before.push(ours);
    }

    // What the other's clients tell goes to their own project, even by the ids of this one.
    let ended = stage.curl_as(Some(&other), &["complete", span]).await;
    assert_eq!((&ended["status"], &ended["body"]["code"]), (&json!(404), &json!("not_found")));
    stage.curl_as(Some(&other), &["otlp", TRACE]).await;
    let seen = stage.export_as(Some(&other), "genai-http").await;
    assert_eq!(seen["complaints"], json!([]));
    stage.start_as(Shown::Header(&other), Python, "openai_calls.py", "chat").await.unwrap();
    for (replica, before) in before.iter().enumerate() {
        stage
            .wait_for_as(Some(&other), replica, "/api/traces", |page| {
                let traces = page["traces"].as_array()?;
                (traces.len() == 3 && traces.iter().all(|trace| trace["status"] != "running")).then_some(())
            })
            .await;
        let mut after = Vec::new();
        for path in &paths {
            after.push(stage.get_as(Some(key), replica, path).await.1);
        }
        assert_eq!(after, *before, "nothing of this project has changed");
        let (_, page) = stage.get_as(Some(key), replica, "/api/traces").await;
        assert_eq!(page["traces"].as_array().unwrap().len(), 2, "{page:#}");
    }
}
