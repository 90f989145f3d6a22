//! Indexes must find exactly what a look at every document finds, whatever was written in between.

use std::cmp::Ordering;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value as Json, json};

use crate::compile::Compiler;
use crate::namespace::Namespace;
use crate::request::WriteRequest;
use crate::rows::{Row, Slot};
use crate::settings::Settings;
use crate::write;

const WORDS: [&str; 6] = ["red", "green", "blue", "redder", "fox", "dog"];

fn some_row(random: &mut StdRng) -> Json {
    let mut row = json!({"id": random.random_range(0..300)});
    if random.random_bool(0.8) {
        row["n"] = json!(random.random_range(0..12));
    }
    if random.random_bool(0.8) {
        row["s"] = json!(WORDS[random.random_range(0..6)]);
    }
    if random.random_bool(0.6) {
        row["tags"] = json!((0..random.random_range(0..3)).map(|n| WORDS[n]).collect::<Vec<_>>());
    }
    if random.random_bool(0.6) {
        row["text"] =
            json!(format!("{} {}", WORDS[random.random_range(0..6)], WORDS[random.random_range(0..6)]));
    }
    row
}

fn some_filter(random: &mut StdRng, depth: u32) -> Json {
    let number = random.random_range(0..12);
    let word = WORDS[random.random_range(0..6)];
    if depth > 0 && random.random_bool(0.5) {
        let parts: Vec<_> = (0..random.random_range(1..4)).map(|_| some_filter(random, depth - 1)).collect();
        return match random.random_range(0..3) {
            0 => json!(["And", parts]),
            1 => json!(["Or", parts]),
            _ => json!(["Not", parts[0]]),
        };
    }
    match random.random_range(0..12) {
        0 => json!(["n", "Eq", number]),
        1 => json!(["n", "Lt", number]),
        2 => json!(["n", "Gte", number]),
        3 => json!(["n", "NotEq", null]),
        4 => json!(["s", "In", [word, null]]),
        5 => json!(["s", "NotEq", word]),
        6 => json!(["tags", "Contains", word]),
        7 => json!(["tags", "NotContainsAny", [word, "red"]]),
        8 => json!(["text", "ContainsAllTokens", format!("{word} fox")]),
        9 => json!(["text", "ContainsAnyToken", "re", {"last_as_prefix": true}]),
        10 => json!(["id", "In", [number, number + 100]]),
        _ => json!(["id", "Lte", number * 20]),
    }
}

fn some_write(random: &mut StdRng) -> Json {
    let mut ids = std::collections::HashSet::new();
    let mut rows: Vec<_> = (0..random.random_range(1..40)).map(|_| some_row(random)).collect();
    rows.retain(|row| ids.insert(row["id"].as_u64()));
    match random.random_range(0..6) {
        0 => json!({"deletes": rows.iter().map(|row| row["id"].clone()).collect::<Vec<_>>()}),
        1 => json!({"patch_rows": rows}),
        2 => json!({"delete_by_filter": some_filter(random, 1), "delete_condition": null}),
        _ => json!({"upsert_rows": rows}),
    }
}

#[test]
fn indexes_and_scans_agree() {
    let settings = Settings::default();
    let mut random = StdRng::seed_from_u64(7);
    let mut namespace = Namespace::new();
    let schema = json!({
        "id": "uint", "n": "int", "s": "string", "tags": "[]string",
        "text": {"type": "string", "full_text_search": true},
    });
    let rows: Vec<_> = (0..300).map(|id| json!({"id": id, "n": id % 12})).collect();
    let first = json!({"schema": schema, "upsert_rows": rows});
    for round in 0..400 {
        let request = if round == 0 { first.clone() } else { some_write(&mut random) };
        let request: WriteRequest = serde_json::from_value(request).expect("a request");
        write::apply(&mut namespace, &request, &settings, None).expect("a write");
        for _ in 0..5 {
            check(&namespace, &some_filter(&mut random, 3), &settings, &mut random);
        }
    }
}

fn check(namespace: &Namespace, json: &Json, settings: &Settings, random: &mut StdRng) {
    let (schema, rows) = (&namespace.schema, &namespace.rows);
    let compiler = Compiler { schema, rows, settings, has_incoming: false };
    let filter = compiler.filter(json).expect("a filter");
    let mut scanned: Vec<(Slot, &Row)> = rows.iter().map(|(slot, row)| (slot, &**row)).collect();
    scanned.retain(|(slot, row)| filter.matches(*slot, row, None));
    let slots = |found: &[(Slot, &Row)]| found.iter().map(|(slot, _)| *slot).collect::<Vec<_>>();
    let mut found = rows.matching(Some(&filter), schema);
    found.sort_unstable_by_key(|(slot, _)| *slot);
    assert_eq!(slots(&found), slots(&scanned), "{json}");
    let order = json!([
        [["n", "asc"], ["id", "desc"]],
        [["n", "desc"], ["s", "asc"]],
        [["s", "desc"]],
        [["id", "desc"]],
    ]);
    let order = order[random.random_range(0..4)].as_array().expect("keys").clone();
    let keys = compiler.order(&order).expect("an order");
    scanned.sort_by(|(_, a), (_, b)| {
        let by_keys = keys.iter().map(|key| {
            let order = a.get(key.field).cmp(&b.get(key.field));
            if key.is_descending { order.reverse() } else { order }
        });
        by_keys.fold(Ordering::Equal, Ordering::then).then_with(|| a.id.cmp(&b.id))
    });
    scanned.truncate(17);
    assert_eq!(slots(&rows.first(Some(&filter), &keys, schema, 17)), slots(&scanned), "{json} by {order:?}");
}
