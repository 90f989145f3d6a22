//! HTTP requests as functions see them: payload version 2.0.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, header};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::signature::REGION;

/// The largest event, with the body in base64.
pub(crate) const LARGEST: usize = 6 * 1024 * 1024;

/// Returns the event of a request, or `None` when it is too large.
pub(crate) fn event(parts: &Parts, body: &[u8], source: IpAddr) -> Option<String> {
    let now = Timestamp::now();
    let domain = format!("tests.lambda-url.{REGION}.on.aws");
    let text = |name: header::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let mut headers = joined(&parts.headers);
    headers.insert("x-forwarded-for".to_owned(), json!(forwarded(&parts.headers, source)));
    headers.insert("x-forwarded-proto".to_owned(), json!("https"));
    headers.insert("x-forwarded-port".to_owned(), json!("443"));
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "tests",
            "domainName": domain,
            "domainPrefix": "tests",
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": source.to_string(),
                "userAgent": text(header::USER_AGENT).unwrap_or_default(),
            },
            "requestId": uuid::Uuid::new_v4().to_string(),
            "routeKey": "$default",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": now.as_millisecond(),
        },
        "isBase64Encoded": false,
    });
    let cookies: Vec<&str> = parts
        .headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split("; "))
        .collect();
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !query.is_empty() {
        event["queryStringParameters"] = Value::Object(parameters(query));
    }
    if !body.is_empty() {
        if let Some(text) = as_text(&parts.headers, body) {
            event["body"] = json!(text);
        } else {
            event["body"] = json!(STANDARD.encode(body));
            event["isBase64Encoded"] = json!(true);
        }
    }
    let event = event.to_string();
    (event.len() <= LARGEST).then_some(event)
}

/// Header fields, repeated ones joined by commas.
fn joined(headers: &HeaderMap) -> Map<String, Value> {
    let mut map = Map::new();
    for name in headers.keys().filter(|name| *name != header::COOKIE) {
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        map.insert(name.to_string(), json!(values.join(",")));
    }
    map
}

/// The addresses a request claims to come from, and the one it does come from.
fn forwarded(headers: &HeaderMap, source: IpAddr) -> String {
    let claimed = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    claimed.map(str::to_owned).chain([source.to_string()]).collect::<Vec<_>>().join(",")
}

/// Decoded query parameters, repeated ones joined by commas.
fn parameters(query: &str) -> Map<String, Value> {
    let mut map: Map<String, Value> = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let value = match map.get(&*name).and_then(Value::as_str) {
            Some(earlier) => format!("{earlier},{value}"),
            None => value.into_owned(),
        };
        map.insert(name.into_owned(), json!(value));
    }
    map
}

/// Bodies of types that are text are passed on as text, unless they are compressed.
fn as_text<'a>(headers: &HeaderMap, body: &'a [u8]) -> Option<&'a str> {
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
    let is_text = content_type.starts_with("text/")
        || ["application/json", "application/xml", "application/javascript"]
            .iter()
            .any(|text| content_type.starts_with(text));
    if !is_text || headers.contains_key(header::CONTENT_ENCODING) {
        return None;
    }
    std::str::from_utf8(body).ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn seen(request: http::request::Builder, body: &[u8]) -> Value {
        let parts = request.body(()).unwrap().into_parts().0;
        let event = event(&parts, body, [192, 0, 2, 7].into()).unwrap();
        serde_json::from_str(&event).unwrap()
    }

    #[test]
    fn a_request_becomes_payload_version_two() {
        let request = http::Request::post("/a%20b/c?x=1&x=2&y=%C3%A4")
            .header("content-type", "application/json")
            .header("accept", "a")
            .header("accept", "b")
            .header("cookie", "one=1; two=2")
            .header("x-forwarded-for", "10.0.0.1");
        let event = seen(request, b"{}");
        assert_eq!((&event["version"], &event["rawPath"]), (&json!("2.0"), &json!("/a%20b/c")));
        assert_eq!(event["rawQueryString"], "x=1&x=2&y=%C3%A4");
        assert_eq!(event["queryStringParameters"], json!({"x": "1,2", "y": "ä"}));
        assert_eq!(event["headers"]["accept"], "a,b");
        assert_eq!(event["headers"]["cookie"], Value::Null);
        assert_eq!(event["cookies"], json!(["one=1", "two=2"]));
        assert_eq!(event["headers"]["x-forwarded-for"], "10.0.0.1,192.0.2.7");
        assert_eq!(event["requestContext"]["http"]["sourceIp"], "192.0.2.7");
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("{}"), &json!(false)));
    }

    #[test]
    fn bytes_travel_in_base64() {
        let json = http::Request::post("/").header("content-type", "application/json");
        let event = seen(json.header("content-encoding", "gzip"), b"{}");
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("e30="), &json!(true)));
        let event = seen(http::Request::get("/"), b"");
        assert_eq!((event.get("body"), event.get("cookies")), (None, None));
    }

    #[test]
    fn the_limit_counts_base64() {
        let body = vec![0; LARGEST / 4 * 3];
        let parts = http::Request::post("/").body(()).unwrap().into_parts().0;
        assert!(event(&parts, &body, [127, 0, 0, 1].into()).is_none());
        assert!(event(&parts, &body[..LARGEST / 4 * 3 - 3000], [127, 0, 0, 1].into()).is_some());
    }
}
