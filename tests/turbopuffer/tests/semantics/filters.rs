//! Filters: every operator, what it makes of missing values, and what it refuses.

use serde_json::{Value, json};

use crate::Api;

/// Row 4 lacks everything but its id.
async fn documents() -> Api {
    Api::with_rows(
        json!({
            "name": {"type": "string", "filterable": true, "glob": true, "regex": true, "fuzzy": true},
            "n": "int", "u": "uint", "f": "float", "at": "datetime", "ref": "uuid", "on": "bool",
            "tags": "[]string", "nums": "[]int",
            "text": {"type": "string", "full_text_search": true},
            "words": {"type": "[]string", "full_text_search": {"tokenizer": "pre_tokenized_array"}},
            "raw": {"type": "string", "filterable": false},
        }),
        json!([
            {"id": 1, "name": "gpt-4o", "n": -1, "u": 1, "f": 0.5, "at": "2026-11-01", "on": true,
             "ref": "00000000-0000-0000-0000-00000000000A", "tags": ["a", "b"], "nums": [1, 5],
             "text": "The quick brown fox", "words": ["Quick", "fox"], "raw": "x"},
            {"id": 2, "name": "gpt-4o-mini", "n": 0, "u": 2, "f": 1, "at": "2026-11-02T12:00:00+02:00", "on": false,
             "ref": "00000000-0000-0000-0000-00000000000B", "tags": ["b", "c"], "nums": [7],
             "text": "a brown dog, quick to bite", "words": ["dog"], "raw": "y"},
            {"id": 3, "name": "claude", "n": 5, "u": 3, "f": 2.25, "at": "2026-11-03", "on": true,
             "ref": "00000000-0000-0000-0000-00000000000c", "tags": [], "nums": [],
             "text": "refunds and Foxes", "words": ["refund"], "raw": "z"},
            {"id": 4},
        ]),
    )
    .await
}

async fn check(cases: Vec<(Value, Value)>) {
    let api = documents().await;
    for (filter, expected) in cases {
        assert_eq!(api.ids(filter.clone()).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn equality_knows_missing_values() {
    check(vec![
        (json!(["name", "Eq", "claude"]), json!([3])),
        (json!(["name", "NotEq", "claude"]), json!([1, 2, 4])),
        (json!(["name", "Eq", null]), json!([4])),
        (json!(["name", "NotEq", null]), json!([1, 2, 3])),
        (json!(["on", "Eq", false]), json!([2])),
        (json!(["f", "Eq", 1]), json!([2])),
        (json!(["tags", "Eq", ["a", "b"]]), json!([1])),
        (json!(["tags", "Eq", []]), json!([3])),
        (json!(["ref", "Eq", "0000000000000000000000000000000a"]), json!([1])),
        (json!(["at", "Eq", "2026-11-02T10:00:00Z"]), json!([2])),
        (json!(["id", "Eq", 2]), json!([2])),
        (json!(["id", "Eq", null]), json!([])),
        (json!(["id", "NotEq", 2]), json!([1, 3, 4])),
    ])
    .await;
}

#[tokio::test]
async fn less_matches_missing_values_and_greater_does_not() {
    check(vec![
        (json!(["n", "Lt", 0]), json!([1, 4])),
        (json!(["n", "Lte", 0]), json!([1, 2, 4])),
        (json!(["n", "Gt", 0]), json!([3])),
        (json!(["n", "Gte", 0]), json!([2, 3])),
        (json!(["n", "Lt", null]), json!([])),
        (json!(["n", "Gt", null]), json!([])),
        (json!(["And", [["n", "NotEq", null], ["n", "Lt", 0]]]), json!([1])),
        (json!(["name", "Gte", "gpt-4o"]), json!([1, 2])),
        (json!(["name", "Lt", "gpt"]), json!([3, 4])),
        (json!(["at", "Gt", "2026-11-01T23:59:59Z"]), json!([2, 3])),
        (json!(["f", "Lte", 1]), json!([1, 2, 4])),
        (json!(["id", "Gt", 2]), json!([3, 4])),
        (json!(["Not", ["n", "Lt", 0]]), json!([2, 3])),
    ])
    .await;
}

#[tokio::test]
async fn membership_and_arrays() {
    check(vec![
        (json!(["name", "In", ["claude", "gpt-4o", "other"]]), json!([1, 3])),
        (json!(["name", "NotIn", ["claude", "gpt-4o"]]), json!([2, 4])),
        (json!(["name", "In", []]), json!([])),
        (json!(["id", "In", [4, 1, 9]]), json!([1, 4])),
        (json!(["tags", "In", ["a", "c"]]), json!([1, 2])),
        (json!(["tags", "In", "c"]), json!([2])),
        (json!(["tags", "Contains", "b"]), json!([1, 2])),
        (json!(["tags", "NotContains", "b"]), json!([3, 4])),
        (json!(["tags", "ContainsAny", ["a", "x"]]), json!([1])),
        (json!(["tags", "NotContainsAny", ["a", "x"]]), json!([2, 3, 4])),
        (json!(["nums", "AnyGt", 5]), json!([2])),
        (json!(["nums", "AnyGte", 5]), json!([1, 2])),
        (json!(["nums", "AnyLt", 5]), json!([1])),
        (json!(["nums", "AnyLte", 0]), json!([])),
    ])
    .await;
}

#[tokio::test]
async fn patterns() {
    let fuzzy =
        json!({"max_edit_distance": [{"min_query_chars": 6, "distance": 1}], "case_sensitive": false});
    check(vec![
        (json!(["name", "Glob", "gpt-*"]), json!([1, 2])),
        (json!(["name", "Glob", "GPT-*"]), json!([])),
        (json!(["name", "IGlob", "GPT-*"]), json!([1, 2])),
        (json!(["name", "Glob", "{claude,gpt-4?}"]), json!([1, 3])),
        (json!(["name", "NotGlob", "gpt-*"]), json!([3, 4])),
        (json!(["name", "NotIGlob", "*MINI"]), json!([1, 3, 4])),
        (json!(["tags", "Glob", "[bc]"]), json!([1, 2])),
        (json!(["name", "Regex", "^gpt-4o$"]), json!([1])),
        (json!(["name", "Fuzzy", "Claide", fuzzy]), json!([3])),
        (json!(["name", "Fuzzy", "clai", fuzzy]), json!([])),
    ])
    .await;
}

#[tokio::test]
async fn tokens() {
    check(vec![
        (json!(["text", "ContainsAllTokens", "QUICK brown"]), json!([1, 2])),
        (json!(["text", "ContainsAllTokens", "quick fox"]), json!([1])),
        (json!(["text", "ContainsAllTokens", "quick fo"]), json!([])),
        (json!(["text", "ContainsAllTokens", "brown fo", {"last_as_prefix": true}]), json!([1])),
        (json!(["text", "ContainsAnyToken", "dog refunds"]), json!([2, 3])),
        (json!(["text", "ContainsAnyToken", "fox", {"last_as_prefix": true}]), json!([1, 3])),
        (json!(["text", "ContainsTokenSequence", "quick brown"]), json!([1])),
        (json!(["text", "ContainsTokenSequence", "brown dog quick"]), json!([2])),
        (json!(["words", "ContainsAllTokens", ["Quick", "fox"]]), json!([1])),
        (json!(["words", "ContainsAllTokens", ["quick"]]), json!([])),
        (json!(["Not", ["text", "ContainsAnyToken", "quick"]]), json!([3, 4])),
    ])
    .await;
}

#[tokio::test]
async fn nesting_is_free() {
    check(vec![
        (json!(["And", []]), json!([1, 2, 3, 4])),
        (json!(["Or", []]), json!([])),
        (json!(["Or", [["n", "Eq", 5], ["And", [["u", "Gte", 1], ["Not", ["u", "Gt", 1]]]]]]), json!([1, 3])),
    ])
    .await;
}

#[tokio::test]
async fn keyset_cursor_pages_through_ties_and_skips_missing_values() {
    let rows: Vec<_> = (0..25).map(|id| json!({"id": id, "k": id / 4})).collect();
    let api = Api::with_rows(json!({"k": "uint"}), json!(rows)).await;
    api.write(json!({"upsert_rows": [{"id": 99}]})).await;
    let mut seen = Vec::new();
    let mut cursor: Option<(u64, u64)> = None;
    loop {
        let filter = match cursor {
            None => json!(["k", "NotEq", null]),
            Some((k, id)) => json!([
                "And",
                [["k", "NotEq", null], ["Or", [["k", "Lt", k], ["And", [["k", "Eq", k], ["id", "Lt", id]]]]]]
            ]),
        };
        let rank = json!([["k", "desc"], ["id", "desc"]]);
        let page = api
            .query(json!({"filters": filter, "rank_by": rank, "limit": 3, "include_attributes": ["k"]}))
            .await;
        let rows = page["rows"].as_array().unwrap().clone();
        let Some(last) = rows.last() else { break };
        cursor = Some((last["k"].as_u64().unwrap(), last["id"].as_u64().unwrap()));
        seen.extend(rows.into_iter().map(|row| row["id"].as_u64().unwrap()));
    }
    assert_eq!(seen, (0..25).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn filters_that_cannot_work_are_refused() {
    let api = documents().await;
    for (filter, expected) in [
        (json!(["missing", "Eq", 1]), "filter error in key `missing`: attribute not found"),
        (json!(["raw", "Eq", "x"]), "filter error in key `raw`: attribute is not filterable"),
        (json!(["text", "Eq", "x"]), "attribute is not filterable"),
        (json!(["name", "ContainsAllTokens", "x"]), "full_text_search"),
        (json!(["tags", "Regex", "x"]), "regex"),
        (json!(["tags", "Fuzzy", "xxxxxx", {"max_edit_distance": []}]), "fuzzy"),
        (json!(["tags", "ContainsAny", "python"]), "ContainsAny expects []string, but got 'python'"),
        (json!(["tags", "Contains", ["p", "q"]]), "Contains expects string, but got '[p, q]'"),
        (json!(["tags", "NotContains", ["p", "q"]]), "NotContains expects string, but got '[p, q]'"),
        (json!(["name", "Contains", "p"]), "Contains requires an array"),
        (json!(["name", "Eq", 5]), "Eq expects string, but got '5'"),
        (json!(["u", "Gt", -1]), "Gt expects uint, but got '-1'"),
        (json!(["n", "Lt", 1.5]), "Lt expects int"),
        (json!(["name", "In", "claude"]), "In expects []string"),
        (json!(["tags", "Lt", "x"]), "Lt is not supported on type []string"),
        (json!(["text", "ContainsAllTokens", ["quick"]]), "ContainsAllTokens expects string"),
        (json!(["words", "ContainsAllTokens", "quick"]), "ContainsAllTokens expects []string"),
        (json!(["name", "Like", "x"]), "unknown operator `Like`"),
        (json!(["name", "Eq"]), "invalid filter"),
        (json!({"name": "claude"}), "invalid filter"),
    ] {
        let message = api.refused_filter(filter.clone()).await;
        assert!(message.contains(expected), "{filter}: {message}");
    }
}

#[tokio::test]
async fn indexes_follow_every_change() {
    let api = documents().await;
    let brown = json!(["text", "ContainsAllTokens", "brown"]);
    // The first query builds the indexes; from then on writes have to keep them.
    assert_eq!(api.ids(brown.clone()).await, json!([1, 2]));
    assert_eq!(api.ids(json!(["name", "Eq", "claude"])).await, json!([3]));
    api.write(json!({
        "upsert_rows": [{"id": 5, "name": "claude", "text": "brown"}, {"id": 2, "name": "claude", "text": "red"}],
        "deletes": [1],
        "patch_rows": [{"id": 4, "text": "brown bear"}],
    }))
    .await;
    assert_eq!(api.ids(brown).await, json!([4, 5]));
    assert_eq!(api.ids(json!(["name", "Eq", "claude"])).await, json!([2, 3, 5]));
    assert_eq!(api.ids(json!(["name", "Eq", null])).await, json!([4]));
}
