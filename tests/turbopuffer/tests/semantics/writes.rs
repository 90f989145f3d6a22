//! Writes: rows and columns, patches, deletes, and what their answers say.

use serde_json::json;

use crate::Api;

#[tokio::test]
async fn rows_and_columns_are_two_spellings() {
    let api = Api::start().await;
    let answer = api
        .write(json!({"upsert_rows": [{"id": 1, "name": "a", "n": 1}, {"id": 2, "name": null, "n": 2}]}))
        .await;
    assert_eq!(answer["status"], "OK");
    assert_eq!(answer["rows_affected"], 2);
    assert_eq!(answer["rows_upserted"], 2);
    assert_eq!(answer.get("rows_deleted"), None);
    assert_eq!(answer["billing"]["query"], json!(null));
    api.write(json!({"upsert_columns": {"id": [3, 4], "name": ["c", null], "n": [3, 4]}})).await;
    assert_eq!(api.row(3).await, json!({"id": 3, "name": "c", "n": 3}));
    assert_eq!(api.row(4).await, json!({"id": 4, "n": 4}), "null is left out");
}

#[tokio::test]
async fn upsert_replaces_the_whole_document_and_patch_sets_attributes() {
    let api = Api::with_rows(json!({}), json!([{"id": 1, "a": "x", "b": "y"}])).await;
    let answer = api.write(json!({"patch_rows": [{"id": 1, "b": "z", "c": 5}, {"id": 9, "b": "w"}]})).await;
    assert_eq!(answer["rows_patched"], 1, "a patch of an absent document is ignored");
    assert_eq!(api.row(1).await, json!({"id": 1, "a": "x", "b": "z", "c": 5}));
    api.write(json!({"patch_columns": {"id": [1], "a": [null]}})).await;
    assert_eq!(api.row(1).await, json!({"id": 1, "b": "z", "c": 5}));
    api.write(json!({"upsert_rows": [{"id": 1, "a": "only"}]})).await;
    assert_eq!(api.row(1).await, json!({"id": 1, "a": "only"}));
}

#[tokio::test]
async fn id_may_appear_once_per_request() {
    let api = Api::with_rows(json!({}), json!([{"id": 1, "n": 1}])).await;
    for body in [
        json!({"upsert_rows": [{"id": 2, "n": 1}, {"id": 2, "n": 2}]}),
        json!({"upsert_rows": [{"id": 1, "n": 5}], "deletes": [1]}),
        json!({"upsert_rows": [{"id": 1, "n": 5}], "patch_rows": [{"id": 1, "n": 6}]}),
        json!({"deletes": [1, 1]}),
    ] {
        let (status, message) = api.refused_write(body).await;
        assert_eq!(status, 400);
        assert!(message.contains("duplicate document IDs"), "{message}");
    }
    assert_eq!(api.ids(json!(["n", "Eq", 1])).await, json!([1]), "nothing was written");
}

#[tokio::test]
async fn two_spellings_of_one_uuid_are_duplicates() {
    let api = Api::start().await;
    let (plain, braced) = ("6f2f9b1e5d4a4c55a0c1f1d2e3b4a596", "{6F2F9B1E-5D4A-4C55-A0C1-F1D2E3B4A596}");
    let schema = json!({"id": "uuid"});
    let body = json!({"schema": schema, "upsert_rows": [{"id": plain}, {"id": braced}]});
    assert_eq!(api.refused_write(body).await.0, 400);
    api.write(json!({"schema": schema, "upsert_rows": [{"id": plain}]})).await;
    assert_eq!(api.row(braced).await["id"], "6f2f9b1e-5d4a-4c55-a0c1-f1d2e3b4a596");
}

#[tokio::test]
async fn ids_of_a_namespace_have_one_type() {
    let api = Api::with_rows(json!({}), json!([{"id": 1}])).await;
    let (status, message) = api.refused_write(json!({"upsert_rows": [{"id": "one"}]})).await;
    assert_eq!(status, 400);
    assert!(message.contains("namespace ID type is uint, but you sent string"), "{message}");
    for id in [json!(-1), json!(1.5), json!(true), json!(null)] {
        assert_eq!(api.refused_write(json!({"upsert_rows": [{"id": id}]})).await.0, 400, "{id}");
    }
}

#[tokio::test]
async fn a_refused_row_refuses_the_whole_request() {
    let api = Api::with_rows(json!({"n": "uint"}), json!([{"id": 1, "n": 1}])).await;
    let body = json!({"upsert_rows": [{"id": 2, "n": 2, "new": "x"}, {"id": 3, "n": -3}], "deletes": [1]});
    let (status, message) = api.refused_write(body).await;
    assert_eq!(status, 400);
    assert!(message.contains("`n`"), "{message}");
    assert_eq!(api.ids(json!(["id", "Gte", 0])).await, json!([1]));
    let unknown = api.refused_filter(json!(["new", "Eq", "x"])).await;
    assert!(unknown.contains("attribute not found"), "its schema is not kept either: {unknown}");
}

#[tokio::test]
async fn integers_keep_all_64_bits() {
    let api = Api::with_rows(
        json!({"u": "uint", "i": "int"}),
        json!([{"id": u64::MAX, "u": u64::MAX - 1, "i": i64::MIN}]),
    )
    .await;
    let row = api.row(u64::MAX).await;
    assert_eq!(row, json!({"id": u64::MAX, "u": u64::MAX - 1, "i": i64::MIN}));
}

#[tokio::test]
async fn affected_ids_are_those_that_changed() {
    let api = Api::with_rows(json!({"v": "int"}), json!([{"id": 1, "v": 5}, {"id": 2, "v": 1}])).await;
    let answer = api
        .write(json!({
            "upsert_rows": [{"id": 1, "v": 3}, {"id": 2, "v": 3}, {"id": 3, "v": 3}],
            "upsert_condition": ["v", "Lt", {"$ref_new": "v"}],
            "return_affected_ids": true,
        }))
        .await;
    assert_eq!(answer["upserted_ids"], json!([2, 3]));
    assert_eq!(answer["rows_upserted"], 2);
    let answer = api.write(json!({"delete_by_filter": ["v", "Eq", 3], "return_affected_ids": true})).await;
    assert_eq!(answer["deleted_ids"], json!([2, 3]));
    assert_eq!(answer.get("upserted_ids"), None);
}

#[tokio::test]
async fn filter_writes_come_first() {
    let api =
        Api::with_rows(json!({"k": "string", "n": "int"}), json!([{"id": 1, "k": "a"}, {"id": 2, "k": "b"}]))
            .await;
    let answer = api
        .write(json!({
            "delete_by_filter": ["k", "Eq", "a"],
            "patch_by_filter": {"filters": ["k", "In", ["a", "b"]], "patch": {"n": 7}},
            "upsert_rows": [{"id": 1, "k": "a", "n": 1}],
        }))
        .await;
    assert_eq!(answer["rows_deleted"], 1);
    assert_eq!(answer["rows_patched"], 1);
    assert_eq!(answer["rows_upserted"], 1);
    assert_eq!(answer["rows_affected"], 3);
    assert_eq!(answer["rows_remaining"], false);
    assert!(answer["billing"]["query"]["billable_logical_bytes_queried"].as_u64().unwrap() > 0);
    assert_eq!(api.row(1).await, json!({"id": 1, "k": "a", "n": 1}));
    assert_eq!(api.row(2).await, json!({"id": 2, "k": "b", "n": 7}));
}

#[tokio::test]
async fn filter_write_over_its_cap_is_refused_or_partial() {
    let rows: Vec<_> = (1..=5).map(|id| json!({"id": id, "k": "x"})).collect();
    let api = Api::with_rows(json!({}), json!(rows)).await;
    api.emulator.configure(|settings| settings.limits.delete_by_filter_rows = 2);
    let filter = json!(["k", "Eq", "x"]);
    assert_eq!(api.refused_write(json!({"delete_by_filter": filter})).await.0, 400);
    assert_eq!(api.ids(filter.clone()).await, json!([1, 2, 3, 4, 5]));
    let partial = json!({"delete_by_filter": filter, "delete_by_filter_allow_partial": true});
    let mut remaining = Vec::new();
    for _ in 0..3 {
        let answer = api.write(partial.clone()).await;
        remaining.push((answer["rows_deleted"].clone(), answer["rows_remaining"].clone()));
    }
    assert_eq!(remaining, [(json!(2), json!(true)), (json!(2), json!(true)), (json!(1), json!(false))]);
    let answer = api.write(json!({"delete_by_filter": filter})).await;
    assert_eq!(answer["rows_affected"], 0);
    assert_eq!(api.ids(filter).await, json!([]), "an emptied namespace still exists");
}

#[tokio::test]
async fn gzip_bodies_are_unpacked() {
    use std::io::Write;
    let api = Api::start().await;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(br#"{"upsert_rows":[{"id":1,"name":"zipped"}]}"#).unwrap();
    let request = api.http.post(format!("{}/v2/namespaces/ns?stainless_overload=x", api.emulator.url));
    let request = request.bearer_auth("key").header("content-encoding", "gzip");
    let response =
        request.header("accept-encoding", "gzip").body(encoder.finish().unwrap()).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(api.row(1).await["name"], "zipped");
}
