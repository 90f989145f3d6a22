//! The attributes of each namespace, declared with every write.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

/// Attributes of spans and traces.
pub(crate) static MAIN: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    let mut schema = Map::new();
    for (names, kind) in [
        (&["id", "trace_id", "tok"][..], "uuid"),
        (
            &[
                "kind", "span_id", "tie", "name", "name_lc", "sk", "word", "model", "provider", "path",
                "state",
            ],
            "string",
        ),
        (&["session"], "string"),
        (&["tags_lc"], "[]string"),
        // Times before 1970 are below 0.
        (&["start_us", "end_us", "dur_ms", "cost_p", "tok_in", "tok_out", "tok_tot", "n_spans"], "int"),
        (&["ver", "born"], "uint"),
        (&["priced", "in_many", "out_many"], "bool"),
    ] {
        for name in names {
            let entry = if *name == "id" { json!(kind) } else { json!({"type": kind, "filterable": true}) };
            schema.insert((*name).to_owned(), entry);
        }
    }
    for name in ["in_w", "out_w"] {
        let search = json!({"tokenizer": "pre_tokenized_array", "max_token_length": 254});
        let entry = json!({"type": "[]string", "filterable": false, "full_text_search": search});
        schema.insert(name.to_owned(), entry);
    }
    for name in ["doc", "in_io", "out_io"] {
        schema.insert(name.to_owned(), json!({"type": "string", "filterable": false}));
    }
    schema.insert("prev".to_owned(), json!({"type": "uint", "filterable": false}));
    schema
});

/// Attributes of payload parts.
pub(crate) static PARTS: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    let filterable = |kind: &str| json!({"type": kind, "filterable": true});
    let stored = |kind: &str| json!({"type": kind, "filterable": false});
    Map::from_iter([
        ("id".to_owned(), json!("uuid")),
        ("day".to_owned(), filterable("uint")),
        ("of".to_owned(), stored("uint")),
        ("data".to_owned(), stored("string")),
    ])
});

/// Attributes of the namespace that health checks write to.
pub(crate) static PROBE: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    Map::from_iter([
        ("id".to_owned(), json!("uuid")),
        ("at".to_owned(), json!({"type": "uint", "filterable": true})),
    ])
});
