//! Orders, scores and distances.

use serde_json::{Value, json};

use crate::{Api, ids};

async fn ranked(api: &Api, rank: Value) -> Value {
    ids(&api.query(json!({"rank_by": rank, "limit": 10})).await)
}

#[tokio::test]
async fn order_has_several_keys_and_puts_nulls_first_when_ascending() {
    let api = Api::with_rows(
        json!({"a": "int", "b": "string"}),
        json!([
            {"id": 1, "a": 2, "b": "x"}, {"id": 2, "a": 1, "b": "y"}, {"id": 3, "a": 2, "b": "w"},
            {"id": 4, "b": "z"}, {"id": 5, "a": 1, "b": "y"},
        ]),
    )
    .await;
    assert_eq!(ranked(&api, json!(["a", "asc"])).await, json!([4, 2, 5, 1, 3]));
    assert_eq!(ranked(&api, json!(["a", "desc"])).await, json!([1, 3, 2, 5, 4]));
    assert_eq!(ranked(&api, json!([["a", "desc"], ["b", "asc"]])).await, json!([3, 1, 2, 5, 4]));
    assert_eq!(ranked(&api, json!([["a", "desc"], ["id", "desc"]])).await, json!([3, 1, 5, 2, 4]));
    assert_eq!(ranked(&api, json!(["id", "desc"])).await, json!([5, 4, 3, 2, 1]));
    let page = json!({"rank_by": ["id", "asc"], "limit": 2, "offset": 1});
    let answer = api.query(page).await;
    assert_eq!(ids(&answer), json!([2, 3]));
    assert_eq!(answer["rows"][0], json!({"id": 2}), "only the id, and no $dist in an order");
    let per =
        json!({"rank_by": ["id", "asc"], "limit": {"total": 3, "per": {"attributes": ["a"], "limit": 1}}});
    assert_eq!(ids(&api.query(per).await), json!([1, 2, 4]));
}

#[tokio::test]
async fn order_of_filtered_rows_is_the_same_by_index_and_by_scan() {
    let rows: Vec<_> = (0..400_u64)
        .map(|id| json!({"id": id, "g": id % 40, "k": (id * 7919) % 97, "half": id % 2}))
        .collect();
    let api = Api::with_rows(json!({}), json!(rows)).await;
    let expected = |filter: &dyn Fn(u64) -> bool| {
        let mut all: Vec<u64> = (0..400).filter(|id| filter(*id)).collect();
        all.sort_by_key(|id| (std::cmp::Reverse((id * 7919) % 97), *id));
        all.truncate(10);
        json!(all)
    };
    let query = |filter: Value| json!({"filters": filter, "rank_by": ["k", "desc"], "limit": 10});
    assert_eq!(ids(&api.query(query(json!(["g", "Eq", 3]))).await), expected(&|id| id % 40 == 3));
    assert_eq!(ids(&api.query(query(json!(["half", "Eq", 1]))).await), expected(&|id| id % 2 == 1));
    assert_eq!(ids(&api.query(query(json!(["k", "Lt", 5]))).await), expected(&|id| (id * 7919) % 97 < 5));
}

async fn texts() -> Api {
    Api::with_rows(
        json!({
            "title": {"type": "string", "full_text_search": true},
            "body": {"type": "string", "full_text_search": {"stemming": true, "remove_stopwords": true}},
            "at": "uint", "day": "datetime", "kind": "string", "delta": "int",
        }),
        json!([
            {"id": 1, "title": "the fox", "body": "the fox is quick and brown", "at": 1000, "kind": "a", "delta": -5,
             "day": "2026-11-01"},
            {"id": 2, "title": "dogs", "body": "fox jumped over the lazy dog", "at": 500, "kind": "b", "delta": 2,
             "day": "2026-11-02"},
            {"id": 3, "title": "lazy", "body": "the dog is lazy and brown", "at": 0, "kind": "a"},
        ]),
    )
    .await
}

#[tokio::test]
async fn text_is_ranked_by_relevance_and_zero_scores_are_dropped() {
    let api = texts().await;
    let answer = api.query(json!({"rank_by": ["body", "BM25", "foxes jumping"], "limit": 10})).await;
    assert_eq!(ids(&answer), json!([2, 1]), "stemmed, the rarer word counts more");
    let scores: Vec<_> = answer["rows"].as_array().unwrap().iter().map(|row| row["$dist"].as_f64()).collect();
    assert!(scores[0] > scores[1] && scores[1] > Some(0.0), "{scores:?}");
    assert_eq!(ranked(&api, json!(["body", "BM25", "the"])).await, json!([]), "a stop word");
    assert_eq!(ranked(&api, json!(["title", "BM25", "the"])).await, json!([1]));
    let prefix = json!({"rank_by": ["title", "BM25", "laz", {"last_as_prefix": true}], "limit": 10});
    assert_eq!(api.query(prefix).await["rows"][0], json!({"id": 3, "$dist": 1.0}));
    let filtered =
        json!({"rank_by": ["body", "BM25", "brown fox"], "filters": ["kind", "Eq", "a"], "limit": 10});
    assert_eq!(ids(&api.query(filtered).await), json!([1, 3]));
}

#[tokio::test]
async fn scores_combine() {
    let api = texts().await;
    let score = async |rank: Value| {
        let answer = api.query(json!({"rank_by": rank, "filters": ["id", "Eq", 1], "limit": 1})).await;
        answer["rows"][0]["$dist"].as_f64().unwrap_or(0.0)
    };
    let (fox, brown) = (json!(["body", "BM25", "fox"]), json!(["body", "BM25", "brown"]));
    let (a, b) = (score(fox.clone()).await, score(brown.clone()).await);
    let close = |x: f64, y: f64| assert!((x - y).abs() < 1e-9, "{x} is not {y}");
    close(score(json!(["Sum", [fox, brown]])).await, a + b);
    close(score(json!(["Max", [fox, brown]])).await, a.max(b));
    close(score(json!(["Product", 2, fox])).await, 2.0 * a);
    close(score(json!(["Product", fox, 0.5])).await, a / 2.0);
    close(score(json!(["kind", "Eq", "a"])).await, 1.0);
    close(score(json!(["Attribute", "at"])).await, 1000.0);
    close(score(json!(["Max", [3, ["Attribute", "delta"]]])).await, 3.0);
    close(score(json!(["Saturate", ["Attribute", "at"], {"midpoint": 1000}])).await, 0.5);
    close(score(json!(["Saturate", ["Attribute", "at"], {"midpoint": 500, "exponent": 2}])).await, 0.8);
    let decay = json!(["Decay", ["Dist", ["Attribute", "at"], 1250], {"midpoint": 750}]);
    close(score(decay.clone()).await, 0.75);
    close(score(json!(["Sum", [fox, ["Product", 0.5, decay]]])).await, a + 0.375);
    let hours = json!(["Decay", ["Dist", ["Attribute", "day"], "2026-11-01T06:00:00Z"], {"midpoint": "6h"}]);
    close(score(hours).await, 0.5);
}

#[tokio::test]
async fn vectors_are_ranked_by_distance() {
    let api = Api::start().await;
    let rows = json!([{"id": 1, "vector": [1, 0], "k": "a"}, {"id": 2, "vector": "AAAAAM3MTD8=", "k": "b"}]);
    let (status, message) = api.refused_write(json!({"upsert_rows": rows})).await;
    assert!(status == 400 && message.contains("distance_metric"), "{message}");
    api.write(json!({"upsert_rows": rows, "distance_metric": "euclidean_squared"})).await;
    let query =
        json!({"rank_by": ["vector", "ANN", [0, 1]], "limit": 5, "include_attributes": ["vector", "k"]});
    let answer = api.query(query.clone()).await;
    assert_eq!(answer["rows"][0]["vector"], json!([0.0, 0.8]), "the shortest decimals of an f32");
    assert!((answer["rows"][0]["$dist"].as_f64().unwrap() - 0.04).abs() < 1e-6);
    assert_eq!(answer["billing"]["billable_logical_bytes_returned"], 2 * (8 + 4 + 8 + 1));
    let mut encoded = query;
    encoded["vector_encoding"] = json!("base64");
    assert_eq!(api.query(encoded).await["rows"][0]["vector"], "AAAAAM3MTD8=");
    let exact = json!({"rank_by": ["vector", "kNN", [0, 1]], "limit": 5});
    assert!(api.refused_query(exact.clone()).await.1.contains("kNN requires filters"));
    let mut filtered = exact;
    filtered["filters"] = json!(["k", "Eq", "a"]);
    assert_eq!(ids(&api.query(filtered).await), json!([1]));
    for body in [
        json!({"upsert_rows": [{"id": 3}]}),
        json!({"upsert_rows": [{"id": 3, "vector": [1, 2, 3]}]}),
        json!({"patch_rows": [{"id": 1, "vector": [1, 1]}]}),
        json!({"upsert_rows": [{"id": 3, "vector": [1, 2]}], "distance_metric": "cosine_distance"}),
    ] {
        assert_eq!(api.refused_write(body.clone()).await.0, 400, "{body}");
    }
}

#[tokio::test]
async fn vectors_cannot_join_later_and_half_floats_are_rounded() {
    let plain = Api::with_rows(json!({}), json!([{"id": 1}])).await;
    let body = json!({"upsert_rows": [{"id": 2, "vector": [1]}], "distance_metric": "cosine_distance"});
    assert_eq!(plain.refused_write(body).await.0, 400);
    let api = Api::start().await;
    api.write(json!({
        "schema": {
            "emb": {"type": "[2]f16", "ann": {"distance_metric": "cosine_distance"}},
            "sparse": {"type": "{}f16", "sparse_knn": {"distance_metric": "dot_product"}},
        },
        "upsert_rows": [{"id": 1, "emb": [0.1, 1], "sparse": {"a": 2, "b": 1}}, {"id": 2, "emb": [1, 1]}],
    }))
    .await;
    assert_eq!(api.row(1).await["emb"], json!([0.099_975_586, 1.0]));
    let answer = api.query(json!({"rank_by": ["sparse", "SparseKNN", {"a": 3, "c": 1}], "limit": 5})).await;
    assert_eq!(answer["rows"], json!([{"$dist": 6.0, "id": 1}]));
}

#[tokio::test]
async fn lists_are_fused_by_rank() {
    let api = texts().await;
    let queries = json!([
        {"rank_by": ["body", "BM25", "fox"], "limit": 10, "include_attributes": ["kind"]},
        {"rank_by": ["at", "asc"], "limit": 2, "include_attributes": ["kind"]},
    ]);
    let plain = api.query(json!({"queries": queries})).await;
    assert_eq!(plain["results"].as_array().unwrap().len(), 2);
    assert_eq!(ids(&plain["results"][1]), json!([3, 2]));
    let fused = api.query(json!({"queries": queries, "rerank_by": ["RRF", {"rank_constant": 10}]})).await;
    assert_eq!(fused["results"].as_array().unwrap().len(), 1);
    let rows = &fused["results"][0]["rows"];
    assert_eq!(rows[0]["id"], 2, "in both lists");
    assert_eq!(rows[0]["kind"], "b");
    assert_eq!(rows.as_array().unwrap().len(), 3);
    assert!(api.refused_query(json!({"queries": []})).await.1.contains("1 to 16"));
    let seventeen: Vec<_> = (0..17).map(|_| json!({"rank_by": ["id", "asc"], "limit": 1})).collect();
    assert_eq!(api.refused_query(json!({"queries": seventeen})).await.0, 400);
}

#[tokio::test]
async fn ranks_that_cannot_work_are_refused() {
    let api = texts().await;
    for (rank, expected) in [
        (json!(["missing", "asc"]), "attribute not found"),
        (json!(["body", "asc"]), "not filterable"),
        (json!(["kind", "BM25", "a"]), "not indexed for full-text search"),
        (
            json!(["body", "BM25", ["fox"]]),
            "invalid input '[fox]' for rank_by field \"body\", expecting string",
        ),
        (json!(["Attribute", "delta"]), "signed"),
        (json!(["Product", -1, ["body", "BM25", "fox"]]), "at least 0"),
        (json!(["kind", "ANN", [1]]), "not a vector"),
        (json!("body"), "invalid rank_by"),
    ] {
        let (status, message) = api.refused_query(json!({"rank_by": rank, "limit": 1})).await;
        assert!(status == 400 && message.contains(expected), "{rank}: {message}");
    }
    let keys = vec![json!(["id", "asc"]); 9];
    assert_eq!(api.refused_query(json!({"rank_by": keys, "limit": 1})).await.0, 400);
    assert_eq!(api.refused_query(json!({"limit": 1})).await.0, 400, "rank_by is required");
    assert_eq!(api.refused_query(json!({"rank_by": ["id", "asc"], "limit": 10_001})).await.0, 400);
    let unknown = json!({"rank_by": ["id", "asc"], "limit": 1, "include_attributes": ["nothing"]});
    assert!(api.refused_query(unknown).await.1.contains("attribute not found"));
    let unknown = json!({"rank_by": ["id", "asc"], "limit": 1, "exclude_attributes": ["nothing", "body"]});
    assert_eq!(api.query(unknown).await["rows"][0].get("body"), None);
}
