//! The kept description of the API is the one the routes make.

#![expect(clippy::unwrap_used, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests may read files")]

#[test]
fn the_kept_description_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dashboard/openapi.json");
    let kept: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let made = serde_json::to_value(rest::openapi()).unwrap();
    let paths = |api: &serde_json::Value| -> Vec<String> {
        api["paths"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(paths(&kept), paths(&made), "run scripts/openapi.sh");
    assert!(kept == made, "run scripts/openapi.sh");
}
