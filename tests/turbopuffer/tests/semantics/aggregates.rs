//! Counts and sums.

use serde_json::{Value, json};

use crate::Api;

async fn calls() -> Api {
    Api::with_rows(
        json!({"model": "string", "state": "string", "cost": "int", "score": "float", "tags": "[]string"}),
        json!([
            {"id": 1, "model": "a", "state": "ok", "cost": 9_007_199_254_740_993_u64, "score": 0.5, "tags": ["x", "y"]},
            {"id": 2, "model": "b", "state": "ok", "cost": 1, "score": 1.5, "tags": ["x"]},
            {"id": 3, "model": "a", "state": "error", "cost": 2},
            {"id": 4},
        ]),
    )
    .await
}

async fn aggregate(api: &Api, mut body: Value, function: Value) -> Value {
    body["aggregate_by"] = json!({"n": function});
    api.query(body).await
}

#[tokio::test]
async fn counts_and_sums_are_exact() {
    let api = calls().await;
    assert_eq!(aggregate(&api, json!({}), json!(["Count"])).await["aggregations"], json!({"n": 4}));
    assert_eq!(aggregate(&api, json!({}), json!(["Count", "model"])).await["aggregations"], json!({"n": 3}));
    let filtered = json!({"filters": ["model", "Eq", "a"]});
    assert_eq!(aggregate(&api, filtered, json!(["Count"])).await["aggregations"], json!({"n": 2}));
    let sum = aggregate(&api, json!({}), json!(["Sum", "cost"])).await;
    assert_eq!(
        sum["aggregations"],
        json!({"n": 9_007_199_254_740_996_u64}),
        "beyond the precision of a double"
    );
    assert_eq!(sum.get("rows"), None);
    let none = json!({"filters": ["model", "Eq", "z"]});
    assert_eq!(aggregate(&api, none, json!(["Sum", "cost"])).await["aggregations"], json!({"n": 0}));
    assert_eq!(aggregate(&api, json!({}), json!(["Sum", "score"])).await["aggregations"], json!({"n": 2.0}));
}

#[tokio::test]
async fn groups_are_ordered_by_key() {
    let api = calls().await;
    let groups = aggregate(&api, json!({"group_by": ["model", "state"]}), json!(["Count"])).await;
    assert_eq!(
        groups["aggregation_groups"],
        json!([
            {"model": null, "state": null, "n": 1},
            {"model": "a", "state": "error", "n": 1},
            {"model": "a", "state": "ok", "n": 1},
            {"model": "b", "state": "ok", "n": 1},
        ])
    );
    let unnested = json!({"group_by": [{"tag": ["ForEachUnique", "tags"]}]});
    let groups = aggregate(&api, unnested, json!(["Count"])).await;
    assert_eq!(groups["aggregation_groups"], json!([{"tag": "x", "n": 2}, {"tag": "y", "n": 1}]));
    let capped = aggregate(&api, json!({"group_by": ["model"], "top_k": 1}), json!(["Count"])).await;
    assert_eq!(capped["aggregation_groups"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn several_aggregates_go_into_one_multi_query() {
    let api = calls().await;
    let queries = json!([
        {"aggregate_by": {"n": ["Count"]}},
        {"aggregate_by": {"cost": ["Sum", "cost"]}, "group_by": ["state"]},
        {"rank_by": ["id", "asc"], "limit": 1},
    ]);
    let answer = api.query(json!({"queries": queries})).await;
    assert_eq!(answer["results"][0], json!({"aggregations": {"n": 4}}));
    assert_eq!(answer["results"][1]["aggregation_groups"].as_array().unwrap().len(), 3);
    assert_eq!(answer["results"][2], json!({"rows": [{"id": 1}]}));
    assert_eq!(answer["billing"]["billable_logical_bytes_queried"], 3 * 256_000_000_u64);
    assert_eq!(api.emulator.counters().total.most_slots, 9, "an aggregate takes 4 slots");
}

#[tokio::test]
async fn strict_aggregates_refuse_what_the_service_refused() {
    let api = calls().await;
    let two = json!({"aggregate_by": {"n": ["Count"], "s": ["Sum", "cost"]}});
    let (status, message) = api.refused_query(two.clone()).await;
    assert_eq!(status, 400);
    assert!(message.contains("aggregate_by currently requires exactly one function"), "{message}");
    for extra in [
        json!({"limit": 5, "group_by": ["model"]}),
        json!({"top_k": 5}),
        json!({"rank_by": ["id", "asc"]}),
        json!({"group_by": ["tags"]}),
        json!({"group_by": ["nothing"]}),
    ] {
        let mut body = json!({"aggregate_by": {"n": ["Count"]}});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        assert_eq!(api.refused_query(body.clone()).await.0, 400, "{body}");
    }
    let text = api.refused_query(json!({"aggregate_by": {"n": ["Sum", "model"]}})).await.1;
    assert!(text.contains("cannot sum"), "{text}");
    api.emulator.configure(|settings| settings.strict_aggregates = false);
    assert_eq!(api.query(two).await["aggregations"]["n"], 4);
}
