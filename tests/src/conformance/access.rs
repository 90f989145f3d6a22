//! Hosts, origins and the dashboard: what a browser may do on both ports.

use serde_json::json;

use super::answer::Answer;
use super::case::cases;
use super::ctx::Call;
use super::upstream::Upstream;
use super::{Case, Ctx};
use crate::mount::{Capability, StartOptions};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("access", &[Capability::LocalAccess];
        local_hosts_are_accepted,
        foreign_hosts_are_refused_by_name,
        pages_of_this_machine_may_call,
        foreign_pages_get_no_permission,
        foreign_pages_cannot_write,
        preflights_of_local_pages_are_answered,
        preflights_of_foreign_pages_get_no_permission,
        the_event_stream_has_the_same_rules,
        the_caller_of_a_local_server_may_do_everything,
        a_local_server_says_so,
        tokens_in_the_query_are_ignored,
        credentials_are_not_asked_for_and_not_judged,
    );
    cases.extend(cases!("access", &[Capability::LocalAccess, Capability::Proxy];
        the_proxy_accepts_local_hosts_only,
        the_proxy_answers_preflights_of_local_pages,
        the_proxy_marks_answers_for_local_pages,
        the_proxy_gives_foreign_pages_no_permission,
    ));
    cases.extend(cases!("access", &[Capability::LocalAccess, Capability::Fresh, Capability::Settings];
        listed_origins_may_call_with_credentials,
        other_origins_than_the_listed_may_not,
        listed_hosts_are_accepted,
    ));
    cases.extend(cases!("access", &[Capability::Dashboard];
        the_root_is_the_dashboard,
        what_the_page_refers_to_is_served,
        browsers_get_the_dashboard_on_any_path,
        programs_get_404_on_dashboard_paths,
        only_reads_get_the_dashboard,
    ));
    cases
}

const LOCAL_PAGES: [&str; 5] = [
    "http://localhost:5173",
    "http://localhost",
    "http://127.0.0.1:8080",
    "http://[::1]:3000",
    "http://LOCALHOST:1",
];
const FOREIGN_PAGES: [&str; 5] = [
    "https://evil.example",
    "http://localhost.evil.example",
    "null",
    "http://127.0.0.1.evil.example",
    "http://evil.example:3000",
];
const LOCAL_HOSTS: [&str; 12] = [
    "localhost",
    "localhost:3000",
    "LOCALHOST:3000",
    "127.0.0.1:3000",
    "192.168.1.7:3000",
    "[::1]:3000",
    "traceway",
    "traceway:3000",
    "app.localhost:3000",
    "printer.local",
    "svc.ns.internal:80",
    "203.0.113.9",
];
const FOREIGN_HOSTS: [&str; 6] = [
    "evil.example",
    "evil.example:3000",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "internal.example",
    "local.example:80",
];

fn permission(answer: &Answer) -> &str {
    answer.header("access-control-allow-origin")
}

async fn local_hosts_are_accepted(t: Ctx) {
    for host in LOCAL_HOSTS {
        t.call("GET", "/api/stats").header("host", host).send().await.expect(200);
        t.call("POST", "/api/traces").header("host", host).send().await.expect(201);
    }
}

async fn foreign_hosts_are_refused_by_name(t: Ctx) {
    for host in FOREIGN_HOSTS {
        for (method, path) in
            [("GET", "/api/stats"), ("POST", "/api/traces"), ("GET", "/"), ("GET", "/api/events")]
        {
            let body = t.call(method, path).header("host", host).send().await.error(403, "forbidden");
            let message = body["error"].as_str().unwrap_or_default();
            assert!(message.contains("TRACEWAY_ALLOWED_HOSTS"), "the message names the setting: {message}");
        }
    }
}

async fn pages_of_this_machine_may_call(t: Ctx) {
    for page in LOCAL_PAGES {
        let answer = t.call("GET", "/api/stats").header("origin", page).send().await.expect(200);
        assert_eq!(permission(&answer), page);
        let answer = t.call("POST", "/api/traces").header("origin", page).send().await.expect(201);
        assert_eq!(permission(&answer), page);
        let answer = t.call("GET", "/api/nothing").header("origin", page).send().await.expect(404);
        assert_eq!(permission(&answer), page, "errors can be read too");
    }
}

async fn foreign_pages_get_no_permission(t: Ctx) {
    for page in FOREIGN_PAGES {
        let answer = t.call("GET", "/api/stats").header("origin", page).send().await;
        for name in ["access-control-allow-origin", "access-control-allow-credentials"] {
            assert_eq!(answer.header(name), "", "{page}: {name}");
        }
    }
}

async fn foreign_pages_cannot_write(t: Ctx) {
    // A page may send simple requests without asking first, and it does not need to read the answer.
    for page in FOREIGN_PAGES {
        let body = json!({"id": t.id("foreign")}).to_string();
        let call = t.call("POST", "/api/traces").header("origin", page).body("text/plain", body);
        let answer = call.send().await;
        assert!(answer.status >= 400, "{page}: {}", answer.status);
        let call = t.call("POST", "/api/traces").header("origin", page);
        let answer = call.send().await;
        assert_eq!(permission(&answer), "");
    }
    t.get(&format!("/api/traces/{}", t.id("foreign"))).await.error(404, "not_found");
}

/// A preflight as browsers send it.
fn asking(call: Call, page: &str, method: &str, headers: &str) -> Call {
    let call = call.header("origin", page).header("access-control-request-method", method);
    if headers.is_empty() { call } else { call.header("access-control-request-headers", headers) }
}

#[track_caller]
fn assert_allows(answer: &Answer, page: &str, method: &str, headers: &[&str]) {
    assert!([200, 204].contains(&answer.status), "{}: {}", answer.asked, answer.status);
    assert_eq!(permission(answer), page);
    let methods = answer.header("access-control-allow-methods").to_ascii_uppercase();
    assert!(methods == "*" || methods.contains(method), "{method} in {methods:?}");
    let allowed = answer.header("access-control-allow-headers").to_ascii_lowercase();
    for name in headers {
        assert!(allowed == "*" || allowed.contains(name), "{name} in {allowed:?}");
    }
}

async fn preflights_of_local_pages_are_answered(t: Ctx) {
    for (method, path) in
        [("POST", "/api/spans"), ("DELETE", "/api/traces"), ("GET", "/api/events"), ("POST", "/v1/traces")]
    {
        let call = asking(t.call("OPTIONS", path), LOCAL_PAGES[0], method, "content-type,x-anything");
        assert_allows(&call.send().await, LOCAL_PAGES[0], method, &["content-type", "x-anything"]);
    }
}

async fn preflights_of_foreign_pages_get_no_permission(t: Ctx) {
    for page in FOREIGN_PAGES {
        let answer = asking(t.call("OPTIONS", "/api/spans"), page, "POST", "content-type").send().await;
        assert_eq!(permission(&answer), "", "{page}");
    }
}

async fn the_event_stream_has_the_same_rules(t: Ctx) {
    let stream = t.open_events(t.call("GET", "/api/events").header("origin", LOCAL_PAGES[0])).await;
    let allowed = stream.headers().get("access-control-allow-origin").and_then(|value| value.to_str().ok());
    assert_eq!(allowed, Some(LOCAL_PAGES[0]));
    let stream = t.open_events(t.call("GET", "/api/events").header("origin", FOREIGN_PAGES[0])).await;
    assert_eq!(stream.headers().get("access-control-allow-origin"), None);
}

async fn the_caller_of_a_local_server_may_do_everything(t: Ctx) {
    let me = t.get("/api/auth/me").await.ok();
    let nil = "00000000-0000-0000-0000-000000000000";
    assert_eq!((&me["org_id"], &me["project_id"]), (&json!(nil), &json!(nil)));
    assert_eq!(me["is_local_mode"], true);
    let scopes = me["scopes"].as_array().expect("scopes");
    for scope in ["traces_read", "traces_write", "datasets_read", "datasets_write", "analytics_read", "admin"]
    {
        assert!(scopes.iter().any(|held| held == scope), "{scope} in {me}");
    }
}

async fn a_local_server_says_so(t: Ctx) {
    let config = t.get("/api/auth/config").await.ok();
    assert_eq!(config["mode"], "local");
    assert!(config["features"].is_array(), "{config}");
}

async fn tokens_in_the_query_are_ignored(t: Ctx) {
    t.get("/api/stats?token=tw_sk_whatever").await.expect(200);
    t.open_events(t.call("GET", "/api/events?token=nonsense")).await;
}

async fn credentials_are_not_asked_for_and_not_judged(t: Ctx) {
    for credentials in ["Bearer tw_sk_whatever", "Bearer", "Basic eDp5", "nonsense"] {
        t.call("GET", "/api/stats").header("authorization", credentials).send().await.expect(200);
        t.call("POST", "/api/traces").header("authorization", credentials).send().await.expect(201);
    }
}

async fn the_proxy_accepts_local_hosts_only(t: Ctx) {
    let upstream = Upstream::json(200, &json!({"data": []})).await;
    for host in LOCAL_HOSTS {
        t.proxied(&upstream.url, "GET", "/v1/models").header("host", host).send().await.expect(200);
    }
    for host in FOREIGN_HOSTS {
        let answer = t.proxied(&upstream.url, "GET", "/v1/models").header("host", host).send().await;
        answer.error(403, "forbidden");
    }
    assert_eq!(upstream.received().len(), LOCAL_HOSTS.len(), "nothing refused is forwarded");
}

async fn the_proxy_answers_preflights_of_local_pages(t: Ctx) {
    let upstream = Upstream::json(200, &json!({})).await;
    let call = t.proxied(&upstream.url, "OPTIONS", "/v1/chat/completions");
    let answer =
        asking(call, LOCAL_PAGES[0], "POST", "authorization,content-type,x-stainless-lang").send().await;
    assert_allows(&answer, LOCAL_PAGES[0], "POST", &["authorization", "content-type", "x-stainless-lang"]);
    assert!(upstream.received().is_empty(), "a preflight is not forwarded");
}

async fn the_proxy_marks_answers_for_local_pages(t: Ctx) {
    let upstream = Upstream::json(200, &json!({})).await;
    let answer = t
        .proxied(&upstream.url, "GET", "/v1/models")
        .header("origin", LOCAL_PAGES[1])
        .send()
        .await
        .expect(200);
    assert_eq!(permission(&answer), LOCAL_PAGES[1]);
}

async fn the_proxy_gives_foreign_pages_no_permission(t: Ctx) {
    let upstream = Upstream::answering("200 OK\r\naccess-control-allow-origin: *", "{}").await;
    for page in FOREIGN_PAGES {
        let answer = t.proxied(&upstream.url, "GET", "/v1/models").header("origin", page).send().await;
        assert_eq!(permission(&answer), "", "{page}: not even what the provider would allow");
        let call = t.proxied(&upstream.url, "OPTIONS", "/v1/chat/completions");
        let answer = asking(call, page, "POST", "authorization").send().await;
        assert_eq!(permission(&answer), "", "{page}");
    }
}

async fn with_origins(t: &Ctx) -> Ctx {
    let options =
        StartOptions::default().with("ALLOWED_ORIGINS", "https://app.example, http://other.example:8080");
    t.fresh_with(options).await
}

async fn listed_origins_may_call_with_credentials(t: Ctx) {
    let t = with_origins(&t).await;
    for page in ["https://app.example", "http://other.example:8080"] {
        let answer = t.call("GET", "/api/stats").header("origin", page).send().await.expect(200);
        assert_eq!(permission(&answer), page);
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let headers = "content-type,authorization,last-event-id,x-traceway-session-id";
            let answer = asking(t.call("OPTIONS", "/api/traces"), page, method, headers).send().await;
            let names: Vec<&str> = headers.split(',').collect();
            assert_allows(&answer, page, method, &names);
        }
        t.call("POST", "/api/traces").header("origin", page).send().await.expect(201);
    }
}

async fn other_origins_than_the_listed_may_not(t: Ctx) {
    let t = with_origins(&t).await;
    for page in [
        "https://evil.example",
        "http://app.example",
        "https://app.example:444",
        "https://sub.app.example",
        "http://localhost:5173",
    ] {
        let answer = t.call("GET", "/api/stats").header("origin", page).send().await;
        assert_eq!(permission(&answer), "", "{page}");
        let answer = asking(t.call("OPTIONS", "/api/traces"), page, "POST", "content-type").send().await;
        assert_eq!(permission(&answer), "", "{page}");
    }
}

async fn listed_hosts_are_accepted(t: Ctx) {
    let options = StartOptions::default().with("TRACEWAY_ALLOWED_HOSTS", "traces.example, other.example");
    let t = t.fresh_with(options).await;
    for host in ["traces.example", "TRACES.example:8443", "other.example:1"] {
        t.call("GET", "/api/stats").header("host", host).send().await.expect(200);
    }
    t.call("GET", "/api/stats").header("host", "sub.traces.example").send().await.error(403, "forbidden");
    if t.can(Capability::Proxy) {
        let upstream = Upstream::json(200, &json!({})).await;
        t.proxied(&upstream.url, "GET", "/v1/models")
            .header("host", "traces.example")
            .send()
            .await
            .expect(200);
    }
}

fn assert_page(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.asked);
    assert!(answer.header("content-type").starts_with("text/html"), "{}: {:?}", answer.asked, answer.headers);
    assert!(
        answer.text().to_ascii_lowercase().starts_with("<!doctype html"),
        "{}: {}",
        answer.asked,
        answer.text()
    );
}

async fn the_root_is_the_dashboard(t: Ctx) {
    assert_page(&t.get("/").await);
    assert_page(&t.call("GET", "/").header("accept", "text/html,*/*").send().await);
}

/// Returns the paths on this server that a page refers to.
fn references(page: &str) -> Vec<String> {
    let starts = ["src=", "href="].into_iter().flat_map(|attribute| page.match_indices(attribute));
    let values = starts.map(|(at, attribute)| page[at + attribute.len()..].trim_start_matches('"'));
    let paths = values.map(|value| value.split(['"', '>', ' ']).next().unwrap_or_default().to_owned());
    paths.filter(|path| path.starts_with('/') && !path.starts_with("//")).collect()
}

async fn what_the_page_refers_to_is_served(t: Ctx) {
    let paths = references(&t.get("/").await.expect(200).text());
    assert!(!paths.is_empty(), "the page refers to nothing");
    for path in paths {
        let answer = t.call("GET", &path).header("accept", "text/html,*/*").send().await.expect(200);
        assert!(!answer.header("content-type").starts_with("text/html"), "{path} is the page again");
    }
}

async fn browsers_get_the_dashboard_on_any_path(t: Ctx) {
    for path in ["/traces", "/traces/01JA/spans", "/settings", "/a/b/c"] {
        let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert_page(&t.call("GET", path).header("accept", accept).send().await);
        let head = t.call("HEAD", path).header("accept", "text/html").send().await.expect(200);
        assert!(head.body.is_empty());
    }
}

async fn programs_get_404_on_dashboard_paths(t: Ctx) {
    for accept in ["application/json", "*/*", "text/plain"] {
        t.call("GET", "/traces").header("accept", accept).send().await.error(404, "not_found");
    }
}

async fn only_reads_get_the_dashboard(t: Ctx) {
    for method in ["POST", "PUT", "DELETE"] {
        t.call(method, "/traces").header("accept", "text/html").send().await.error(404, "not_found");
    }
}
