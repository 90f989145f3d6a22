//! Namespaces: creation, list, metadata, schema, copies, deletion.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::Api;

#[tokio::test]
async fn first_document_creates_a_namespace_unless_forbidden() {
    let api = Api::start().await;
    for body in [
        json!({"create_namespace": false, "upsert_rows": [{"id": 1}]}),
        json!({"deletes": [1]}),
        json!({"patch_rows": [{"id": 1, "a": 1}]}),
        json!({"schema": {"a": "int"}}),
        json!({"upsert_rows": []}),
    ] {
        let (status, message) = api.refused_write(body.clone()).await;
        assert_eq!((status, message.as_str()), (404, "🤷 namespace 'ns' was not found"), "{body}");
    }
    let (status, _) = api.refused_write(json!({"create_namespace": true})).await;
    assert_eq!(status, 400, "the id needs a type");
    api.write(json!({"create_namespace": true, "schema": {"id": "uuid", "a": "int"}})).await;
    assert_eq!(api.ids(json!(["a", "Eq", 1])).await, json!([]));
    api.write(json!({"create_namespace": false, "schema": {"b": "string"}})).await;
    assert_eq!(api.refused_write(json!({"upsert_rows": [{"id": 1}]})).await.0, 400);
}

#[tokio::test]
async fn missing_namespace_is_not_found() {
    let api = Api::start().await;
    for (method, path) in [
        (Method::GET, "/v1/namespaces/none/schema"),
        (Method::GET, "/v2/namespaces/none/metadata"),
        (Method::GET, "/v1/namespaces/none/metadata"),
        (Method::DELETE, "/v2/namespaces/none"),
        (Method::GET, "/v1/namespaces/none/hint_cache_warm"),
    ] {
        let (status, body) = api.call(method, path, None).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(body, json!({"status": "error", "error": "🤷 namespace 'none' was not found"}), "{path}");
    }
    assert_eq!(api.refused_query(json!({"rank_by": ["id", "asc"], "limit": 1})).await.0, 404);
}

#[tokio::test]
async fn deleted_name_is_free_at_once() {
    let api = Api::with_rows(json!({"id": "uint", "a": "int"}), json!([{"id": 1, "a": 1}])).await;
    let (status, body) = api.call(Method::DELETE, "/v2/namespaces/ns", None).await;
    assert_eq!((status, body), (StatusCode::OK, json!({"status": "OK"})));
    api.write(json!({"upsert_rows": [{"id": "x", "a": "text"}]})).await;
    assert_eq!(api.row("x").await, json!({"id": "x", "a": "text"}));
}

#[tokio::test]
async fn list_has_pages_in_the_order_of_names() {
    let api = Api::start().await;
    for name in ["tw_b", "tw_a", "tw_a.d", "other", "tw_c"] {
        api.post(&format!("/v2/namespaces/{name}"), &json!({"upsert_rows": [{"id": 1}]})).await;
    }
    let (_, first) = api.get("/v1/namespaces?prefix=tw_&page_size=3").await;
    assert_eq!(first["namespaces"], json!([{"id": "tw_a"}, {"id": "tw_a.d"}, {"id": "tw_b"}]));
    let cursor = first["next_cursor"].as_str().unwrap().replace('=', "%3D");
    let (_, second) = api.get(&format!("/v1/namespaces?prefix=tw_&page_size=3&cursor={cursor}")).await;
    assert_eq!(second, json!({"namespaces": [{"id": "tw_c"}]}));
    let (status, body) = api.get("/v1/namespaces?page_size=0").await;
    assert!(status == 400 && body["error"].is_string(), "{body}");
    let (status, body) = api.get("/v1/namespaces?page_size=x").await;
    assert!(status == 400 && body.is_string(), "plain text: {body}");
}

#[tokio::test]
async fn bad_name_is_refused_in_plain_text() {
    let api = Api::start().await;
    for name in ["a%20b", "%F0%9F%92%94", &"x".repeat(129)] {
        let (status, body) = api.post(&format!("/v2/namespaces/{name}"), &json!({})).await;
        assert!(status == 400 && body.is_string(), "{name}: {status} {body}");
    }
}

#[tokio::test]
async fn metadata_has_the_members_of_the_service() {
    let api = Api::start().await;
    api.write(json!({
        "distance_metric": "cosine_distance",
        "schema": {"title": {"type": "string", "full_text_search": {"stemming": true}}, "vector": {"type": "[2]f16", "ann": true}},
        "upsert_rows": [{"id": 1, "title": "x", "private": true, "vector": [0.1, 0.1]}],
    }))
    .await;
    let full_text = json!({
        "k1": 1.2, "k3": 8.0, "b": 0.75, "language": "english", "stemming": true, "max_token_length": 39,
        "remove_stopwords": false, "ascii_folding": false, "case_sensitive": false, "tokenizer": "word_v4",
    });
    let (_, schema) = api.get("/v1/namespaces/ns/schema").await;
    assert_eq!(
        schema,
        json!({
            "id": {"type": "uint", "filterable": null, "full_text_search": null},
            "title": {"type": "string", "filterable": false, "full_text_search": full_text},
            "vector": {"type": "[2]f16", "ann": true, "filterable": null, "full_text_search": null},
            "private": {"type": "bool", "filterable": true, "full_text_search": null},
        })
    );
    let (_, mut metadata) = api.get("/v2/namespaces/ns/metadata").await;
    for name in ["created_at", "updated_at", "last_write_at"] {
        let value = metadata.as_object_mut().unwrap().shift_remove(name).unwrap();
        assert!(value.as_str().unwrap().ends_with('Z'), "{value}");
    }
    assert_eq!(
        metadata,
        json!({
            "schema": {
                "id": {"type": "uint"},
                "title": {"type": "string", "filterable": false, "full_text_search": full_text},
                "vector": {"type": "[2]f16", "ann": {"distance_metric": "cosine_distance"}},
                "private": {"type": "bool", "filterable": true},
            },
            "approx_row_count": 0,
            "approx_logical_bytes": 0,
            "encryption": {"mode": "default"},
            "index": {"status": "up-to-date"},
        })
    );
    let changes = json!({"pinning": {"replicas": 2}, "read_only": true});
    let (_, v1) = api.call(Method::PATCH, "/v1/namespaces/ns/metadata", Some(&changes)).await;
    assert_eq!(v1["encryption"], json!({"sse": true}));
    assert_eq!((&v1["pinning"]["replicas"], &v1["read_only"]), (&json!(2), &json!(true)));
    assert_eq!(api.refused_write(json!({"deletes": [1]})).await.0, 403);
}

#[tokio::test]
async fn schema_changes_indexes_but_never_types() {
    let api = Api::with_rows(json!({"a": "string"}), json!([{"id": 1, "a": "one two", "n": 1}])).await;
    let update = async |body: Value| api.post("/v1/namespaces/ns/schema", &body).await;
    let (status, body) = update(json!({"a": {"type": "string", "full_text_search": true}})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["a"]["filterable"], false);
    assert_eq!(body["id"]["type"], "uint", "the whole map is returned");
    assert_eq!(api.ids(json!(["a", "ContainsAllTokens", "two"])).await, json!([1]));
    let (status, body) = update(json!({"a": "int"})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(body["attribute"], "a");
    let expected =
        "🙅 invalid schema update for attribute 'a': cannot change attribute type from string to int";
    assert_eq!(body["error"], expected);
    for body in [json!({"schema": {"a": "string"}}), json!({"b": {"filterable": true}}), json!({"b": "text"})]
    {
        assert_eq!(update(body.clone()).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
    for body in [
        json!({"id": "string"}),
        json!({"n": {"type": "int", "full_text_search": true}}),
        json!({"v": {"type": "[2]f32", "ann": true}}),
        json!({"$x": "int"}),
        json!({"v": {"type": "string", "embed": "some-model"}}),
    ] {
        assert_eq!(update(body.clone()).await.0, StatusCode::BAD_REQUEST, "{body}");
    }
    api.write(json!({"schema": {"n": {"drop": true}}})).await;
    assert_eq!(api.row(1).await, json!({"id": 1, "a": "one two"}));
    api.write(json!({"upsert_rows": [{"id": 2, "n": "now a string"}]})).await;
}

#[tokio::test]
async fn types_are_inferred_from_the_first_value() {
    let api = Api::start().await;
    api.write(json!({"upsert_rows": [{"id": "x", "s": "a", "i": 1, "f": 1.5, "b": true, "ss": ["a"], "e": [], "n": null}]}))
        .await;
    let (_, schema) = api.get("/v1/namespaces/ns/schema").await;
    let kind = |name: &str| schema[name]["type"].as_str().unwrap_or("none").to_owned();
    assert_eq!(
        ["id", "s", "i", "f", "b", "ss", "e", "n"].map(kind),
        ["string", "string", "int", "float", "bool", "[]string", "none", "none"]
    );
    let (status, message) = api.refused_write(json!({"upsert_rows": [{"id": "y", "i": 1.5}]})).await;
    assert!(status == 400 && message.contains("expected int"), "{message}");
}

#[tokio::test]
async fn copy_needs_an_empty_destination() {
    let api = Api::with_rows(json!({"a": "int"}), json!([{"id": 1, "a": 1}])).await;
    let (status, answer) = api.post("/v2/namespaces/copy", &json!({"copy_from_namespace": "ns"})).await;
    assert_eq!((status, &answer["message"]), (StatusCode::OK, &json!("namespace cloned successfully")));
    api.write(json!({"deletes": [1]})).await;
    let query = json!({"rank_by": ["id", "asc"], "limit": 5, "filters": ["a", "Eq", 1]});
    let (_, answer) = api.post("/v2/namespaces/copy/query", &query).await;
    assert_eq!(answer["rows"], json!([{"id": 1}]), "the copy is independent");
    let branch = json!({"branch_from_namespace": {"source_namespace": "copy"}});
    assert_eq!(api.post("/v2/namespaces/branch", &branch).await.0, StatusCode::OK);
    for (path, body, expected) in [
        ("copy", json!({"copy_from_namespace": "ns"}), 400),
        ("new", json!({"copy_from_namespace": "none"}), 404),
        ("new", json!({"copy_from_namespace": "ns", "deletes": [1]}), 400),
    ] {
        let (status, answer) = api.post(&format!("/v2/namespaces/{path}"), &body).await;
        assert_eq!(status.as_u16(), expected, "{answer}");
    }
}

#[tokio::test]
async fn copy_is_asynchronous_where_switched_on() {
    let api = Api::with_rows(json!({}), json!([{"id": 1}])).await;
    api.emulator.configure(|settings| settings.respond_async = true);
    let request = api.http.post(format!("{}/v2/namespaces/copy", api.emulator.url)).bearer_auth("key");
    let request = request.header("prefer", "respond-async").json(&json!({"copy_from_namespace": "ns"}));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(response.headers()["preference-applied"], "respond-async");
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(api.get(&location).await.1["status"], "running");
    let finished = api.get(&location).await.1;
    assert_eq!(finished["status"], "finished");
    assert_eq!(finished["result"]["success"]["rows_affected"], 1);
}

#[tokio::test]
async fn warm_hint_recall_and_plan_answer() {
    let api = Api::with_rows(json!({"a": "int"}), json!([{"id": 1, "a": 1}, {"id": 2, "a": 2}])).await;
    let (status, body) = api.get("/v1/namespaces/ns/hint_cache_warm").await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(body, json!({"status": "ACCEPTED", "message": "cache warm hint accepted"}));
    let (_, recall) = api.post("/v1/namespaces/ns/_debug/recall", &json!({"num": 1, "top_k": 2})).await;
    assert_eq!(recall, json!({"avg_recall": 1.0, "avg_exhaustive_count": 2, "avg_ann_count": 2}));
    let query = json!({"rank_by": ["id", "asc"], "filters": ["a", "Eq", 1], "limit": 1});
    let (_, plan) = api.post("/v2/namespaces/ns/explain_query", &query).await;
    assert_eq!(plan["plan_text"], "look at 1 candidates found by index");
}

#[tokio::test]
async fn answers_echo_the_request_id_and_need_a_key() {
    let api = Api::start().await;
    let url = format!("{}/v1/namespaces", api.emulator.url);
    let response = api.http.get(&url).bearer_auth("k").header("x-request-id", "abc").send().await.unwrap();
    assert_eq!(response.headers()["x-request-id"], "abc");
    assert_eq!(api.http.get(&url).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    api.emulator.configure(|settings| settings.api_key = Some("tpuf_right".to_owned()));
    let with = |key: &'static str| api.http.get(&url).bearer_auth(key).send();
    assert_eq!(with("tpuf_wrong").await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(with("tpuf_right").await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn customer_managed_encryption_is_refused() {
    let api = Api::start().await;
    let encryption = json!({"mode": "customer-managed", "key_name": "mykey"});
    let (status, message) =
        api.refused_write(json!({"upsert_rows": [{"id": 1}], "encryption": encryption})).await;
    assert_eq!((status, message.as_str()), (400, "Malformed Cloud KMS crypto key: mykey"));
}
