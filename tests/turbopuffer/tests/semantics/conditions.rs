//! Conditional writes.

use serde_json::json;

use crate::Api;

#[tokio::test]
async fn newer_version_wins_whatever_the_order() {
    let api = Api::start().await;
    let write = |ver: u64, state: &str| {
        json!({
            "schema": {"ver": "uint", "kind": "string", "state": "string"},
            "upsert_rows": [{"id": 1, "ver": ver, "state": state, "kind": "span"}],
            "upsert_condition": ["Or", [["ver", "Lt", {"$ref_new": "ver"}], ["kind", "Eq", "rdirty"]]],
        })
    };
    assert_eq!(api.write(write(20, "ok")).await["rows_upserted"], 1, "an absent row is written");
    assert_eq!(api.write(write(10, "running")).await["rows_upserted"], 0);
    assert_eq!(api.write(write(20, "again")).await["rows_upserted"], 0);
    assert_eq!(api.row(1).await["state"], "ok");
    assert_eq!(api.write(write(30, "amended")).await["rows_upserted"], 1);
    assert_eq!(api.row(1).await["state"], "amended");
}

#[tokio::test]
async fn compare_and_swap_works_per_row() {
    let rows = json!([{"id": 1, "ver": 5}, {"id": 2, "ver": 6}]);
    let api = Api::with_rows(json!({"ver": "uint", "prev": "uint"}), rows).await;
    let answer = api
        .write(json!({
            "upsert_rows": [
                {"id": 1, "ver": 7, "prev": 5}, {"id": 2, "ver": 7, "prev": 5}, {"id": 3, "ver": 1},
            ],
            "upsert_condition": ["ver", "Eq", {"$ref_new": "prev"}],
            "return_affected_ids": true,
        }))
        .await;
    assert_eq!(answer["upserted_ids"], json!([1, 3]));
    assert_eq!(api.row(2).await, json!({"id": 2, "ver": 6}));
}

#[tokio::test]
async fn insert_only_never_replaces() {
    let api = Api::with_rows(json!({}), json!([{"id": 1, "n": 1}])).await;
    let body = json!({
        "upsert_rows": [{"id": 1, "n": 2}, {"id": 2, "n": 2}],
        "upsert_condition": ["id", "Eq", null],
    });
    assert_eq!(api.write(body).await["rows_upserted"], 1);
    assert_eq!(api.row(1).await["n"], 1);
}

#[tokio::test]
async fn claim_has_one_winner_and_survives_a_repeat() {
    let schema = json!({"state": "string", "tok": "uuid", "lease_us": "uint"});
    let api = Api::with_rows(schema, json!([{"id": 1, "state": "open"}])).await;
    let claim = |token: &str| {
        json!({
            "patch_rows": [{"id": 1, "state": "claimed", "tok": token, "lease_us": 500}],
            "patch_condition": ["Or", [
                ["state", "Eq", "open"],
                ["And", [["state", "Eq", "claimed"], ["lease_us", "NotEq", null], ["lease_us", "Lt", 100]]],
                ["tok", "Eq", {"$ref_new": "tok"}],
            ]],
            "return_affected_ids": true,
        })
    };
    let (first, second) = ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002");
    assert_eq!(api.write(claim(first)).await["patched_ids"], json!([1]));
    assert_eq!(api.write(claim(second)).await["rows_patched"], 0);
    assert_eq!(api.write(claim(first)).await["patched_ids"], json!([1]), "the retry of a lost answer");
}

#[tokio::test]
async fn patch_and_delete_conditions_skip_absent_rows() {
    let api =
        Api::with_rows(json!({"v": "int"}), json!([{"id": 1, "v": 1}, {"id": 2, "v": 2}, {"id": 3}])).await;
    let body = json!({"patch_rows": [{"id": 9, "v": 0}], "patch_condition": ["v", "Lt", 5]});
    assert_eq!(api.write(body).await["rows_patched"], 0);
    let body =
        json!({"deletes": [1, 2, 3, 9], "delete_condition": ["v", "Lt", 2], "return_affected_ids": true});
    let answer = api.write(body).await;
    assert_eq!(answer["deleted_ids"], json!([1, 3]), "Lt matches the row that lacks the attribute");
    assert_eq!(api.ids(json!(["id", "Gte", 0])).await, json!([2]));
}

#[tokio::test]
async fn reference_to_the_new_row_is_null_for_deletes() {
    let api = Api::with_rows(json!({"v": "int"}), json!([{"id": 1, "v": 1}, {"id": 2}])).await;
    let body = json!({"deletes": [1, 2], "delete_condition": ["v", "Eq", {"$ref_new": "v"}]});
    assert_eq!(api.write(body).await["rows_deleted"], 1);
    assert_eq!(api.ids(json!(["id", "Gte", 0])).await, json!([1]));
    let outside = api.refused_filter(json!(["v", "Eq", {"$ref_new": "v"}])).await;
    assert!(outside.contains("$ref_new"), "{outside}");
}

#[tokio::test]
async fn bad_condition_refuses_the_whole_write() {
    let api = Api::with_rows(json!({"v": "int"}), json!([{"id": 1, "v": 1}])).await;
    let body = json!({
        "upsert_rows": [{"id": 2, "v": 1}],
        "delete_by_filter": ["v", "Eq", 1],
        "upsert_condition": ["nothing", "Eq", 1],
    });
    let (status, message) = api.refused_write(body).await;
    assert_eq!(status, 400);
    assert!(message.contains("filter error in key `nothing`: attribute not found"), "{message}");
    assert_eq!(api.ids(json!(["id", "Gte", 0])).await, json!([1]));
}

#[tokio::test]
async fn concurrent_conditional_writes_lose_no_update() {
    let api = Api::with_rows(json!({"ver": "uint", "prev": "uint"}), json!([{"id": 1, "ver": 0}])).await;
    let swap = || async {
        loop {
            let seen = api.row(1).await["ver"].as_u64().unwrap();
            let body = json!({
                "upsert_rows": [{"id": 1, "ver": seen + 1, "prev": seen}],
                "upsert_condition": ["ver", "Eq", {"$ref_new": "prev"}],
            });
            if api.write(body).await["rows_upserted"] == 1 {
                return;
            }
        }
    };
    futures_util::future::join_all((0..20).map(|_| swap())).await;
    assert_eq!(api.row(1).await["ver"], 20);
}
