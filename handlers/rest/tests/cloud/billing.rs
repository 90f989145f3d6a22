//! Buying a plan, and hearing that it was bought.

use std::sync::Arc;

use adapter_polar::{Polar, Products};
use http::StatusCode;
use serde_json::{Value, json};
use service_emulators::{Event, SignedWebhook};
use trace::ports::Clock;

use crate::stage::{Answer, Login, Stage, WEBHOOK_SECRET, Wishes};

async fn stage() -> (service_emulators::Polar, Stage) {
    let service = service_emulators::Polar::start("polar_oat_1").await.unwrap();
    let products = Products { pro: Some("prod_pro".to_owned()), team: None };
    let polar = Polar::new(&service.url, "polar_oat_1".to_owned(), products).unwrap();
    let wishes =
        Wishes { billing: Some(Arc::new(polar)), webhook_secret: Some(WEBHOOK_SECRET), ..Wishes::default() };
    (service, Stage::with(wishes).await)
}

async fn post(stage: &Stage, login: &Login, path: &str, body: Value) -> Answer {
    stage.call("POST", path).bearer(&login.token).json(&body).await
}

#[tokio::test]
async fn a_plan_is_bought_and_managed_at_the_billing_service() {
    let (polar, stage) = stage().await;
    let login = stage.sign_up("ann@x.org").await;
    let config = stage.call("GET", "/api/auth/config").send().await.body;
    assert_eq!(config["features"][3], "billing");
    let answer = post(&stage, &login, "/api/billing/checkout", json!({"plan": "pro"})).await;
    assert_eq!(answer.body, json!({"url": "https://polar.example/checkout/1"}));
    let checkout = &polar.checkouts()[0];
    assert_eq!(checkout["success_url"], "https://app.example/settings/billing?checkout=success");
    assert_eq!((&checkout["seats"], &checkout["customer_email"]), (&json!(1), &json!("ann@x.org")));
    assert_eq!(checkout["external_customer_id"], json!(login.org));
    for plan in ["free", "enterprise", "x"] {
        let answer = post(&stage, &login, "/api/billing/checkout", json!({"plan": plan})).await;
        assert_eq!((answer.code(), &answer.body["field"]), ((400, "invalid_request"), &json!("plan")));
    }
    let unsold = post(&stage, &login, "/api/billing/checkout", json!({"plan": "team"})).await;
    assert_eq!(unsold.code(), (503, "unavailable"));
    polar.fail_next(500);
    let failed = post(&stage, &login, "/api/billing/checkout", json!({"plan": "pro"})).await;
    assert_eq!(failed.code(), (502, "bad_gateway"));
    let portal = post(&stage, &login, "/api/billing/portal", json!({})).await;
    assert_eq!(portal.code(), (404, "not_found"));
    polar.add_customer(&login.org);
    let portal = post(&stage, &login, "/api/billing/portal", json!({})).await;
    assert_eq!(portal.body, json!({"url": format!("https://polar.example/portal/{}", login.org)}));
}

#[tokio::test]
async fn without_billing_nothing_is_sold_and_no_webhook_believed() {
    let stage = Stage::new().await;
    let login = stage.sign_up("ann@x.org").await;
    for path in ["/api/billing/checkout", "/api/billing/portal"] {
        let answer = post(&stage, &login, path, json!({"plan": "pro"})).await;
        assert_eq!(answer.code(), (503, "unavailable"), "{path}");
    }
    let body = Event::new("active", "active", &login.org, "Pro").body();
    let answer = deliver(&stage, &SignedWebhook::new(WEBHOOK_SECRET, "w", now(&stage), body)).await;
    assert_eq!(answer.code(), (503, "unavailable"));
}

fn now(stage: &Stage) -> i64 {
    stage.clock.now().as_micros() / 1_000_000
}

async fn deliver(stage: &Stage, webhook: &SignedWebhook) -> Answer {
    let call = stage.call("POST", "/api/billing/polar/webhook");
    let call = webhook.headers.iter().fold(call, |call, (name, value)| call.header(name, value));
    call.body(webhook.body.clone()).await
}

async fn tell(stage: &Stage, id: &str, event: &Event) -> Answer {
    deliver(stage, &SignedWebhook::new(WEBHOOK_SECRET, id, now(stage), event.body())).await
}

async fn plan(stage: &Stage, login: &Login) -> Value {
    stage.call("GET", "/api/org").bearer(&login.token).send().await.body["plan"].clone()
}

#[tokio::test]
async fn a_subscription_changes_the_plan_until_it_is_revoked() {
    let (_polar, stage) = stage().await;
    let login = stage.sign_up("ann@x.org").await;
    stage.use_up(&login, 10_000).await;
    let span = json!({"trace_id": "t", "name": "n"});
    assert_eq!(post(&stage, &login, "/api/spans", span.clone()).await.code(), (402, "plan_limit_exceeded"));
    let event = |kind: &str, status: &str| Event::new(kind, status, &login.org, "Traceway Pro");
    let answer = tell(&stage, "1", &event("active", "active")).await;
    assert_eq!((answer.status, &answer.body), (StatusCode::OK, &json!({"ok": true})));
    assert_eq!(plan(&stage, &login).await, "pro");
    assert_eq!(post(&stage, &login, "/api/spans", span).await.status, StatusCode::CREATED, "at once");
    assert_eq!(tell(&stage, "2", &event("revoked", "canceled")).await.status, StatusCode::OK);
    assert_eq!(plan(&stage, &login).await, "free");
}

#[tokio::test]
async fn a_webhook_has_its_effect_once_and_never_undoes_a_newer_one() {
    let (_polar, stage) = stage().await;
    let login = stage.sign_up("ann@x.org").await;
    let event = |kind: &str, status: &str, at: &str| Event {
        timestamp: Some(format!("2025-01-01T00:00:{at}Z")),
        ..Event::new(kind, status, &login.org, "Team")
    };
    tell(&stage, "1", &event("active", "active", "01")).await;
    tell(&stage, "2", &event("revoked", "canceled", "03")).await;
    let again = tell(&stage, "1", &event("active", "active", "01")).await;
    assert_eq!((again.status, again.body["ok"].clone()), (StatusCode::OK, json!(true)));
    assert_eq!(plan(&stage, &login).await, "free");
    assert_eq!(tell(&stage, "3", &event("updated", "active", "02")).await.status, StatusCode::OK);
    assert_eq!(plan(&stage, &login).await, "free", "an older event that came late");
    tell(&stage, "4", &event("active", "active", "04")).await;
    assert_eq!(plan(&stage, &login).await, "team");
}

#[tokio::test]
async fn the_organisation_is_found_in_three_places() {
    let (_polar, stage) = stage().await;
    let login = stage.sign_up("ann@x.org").await;
    let named = |data: Value, product: &str| {
        let mut event = Event::new("active", "active", "", product);
        event.data["metadata"] = json!({});
        event.data["customer"] = json!({"email": "x@x.org"});
        for (name, value) in data.as_object().unwrap() {
            event.data[name] = value.clone();
        }
        event
    };
    let customer = json!({"customer": {"external_id": login.org}});
    tell(&stage, "1", &named(customer, "Pro")).await;
    assert_eq!(plan(&stage, &login).await, "pro");
    let customer = json!({"customer": {"external_id": null, "metadata": {"org_id": login.org}}});
    tell(&stage, "2", &named(customer, "Team")).await;
    assert_eq!(plan(&stage, &login).await, "team");
    for data in [json!({}), json!({"metadata": {"org_id": "x"}}), json!({"metadata": {"org_id": login.user}})]
    {
        let answer = tell(&stage, "3", &named(data, "Pro")).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.body["skipped"].is_string(), "{}", answer.body);
    }
    assert_eq!(plan(&stage, &login).await, "team");
}

#[tokio::test]
async fn forged_stale_and_broken_webhooks_are_refused() {
    let (_polar, stage) = stage().await;
    let login = stage.sign_up("ann@x.org").await;
    let body = Event::new("active", "active", &login.org, "Pro").body();
    let signed = |secret: &str, at: i64| SignedWebhook::new(secret, "w", at, body.clone());
    let now = now(&stage);
    let mut refused = vec![
        signed("another secret", now),
        signed(WEBHOOK_SECRET, now - 301),
        signed(WEBHOOK_SECRET, now + 301),
    ];
    for place in 0..3 {
        let mut webhook = signed(WEBHOOK_SECRET, now);
        webhook.headers[place].1.push('0');
        refused.push(webhook);
    }
    let mut changed = signed(WEBHOOK_SECRET, now);
    changed.body = changed.body.replace("Pro", "Team");
    refused.push(changed);
    for webhook in &refused {
        assert_eq!(deliver(&stage, webhook).await.code(), (403, "forbidden"), "{webhook:?}");
    }
    let unsigned = stage.call("POST", "/api/billing/polar/webhook").body(body.clone()).await;
    assert_eq!(unsigned.code(), (403, "forbidden"));
    assert_eq!(plan(&stage, &login).await, "free");
    for (text, code) in [
        ("{", "invalid_json"),
        ("{}", "invalid_request"),
        ("{\"type\":\"subscription.active\"}", "invalid_request"),
    ] {
        let webhook = SignedWebhook::new(WEBHOOK_SECRET, "w", now, text.to_owned());
        assert_eq!(deliver(&stage, &webhook).await.code(), (400, code), "{text}");
    }
    let other =
        SignedWebhook::new(WEBHOOK_SECRET, "w", now, "{\"type\":\"order.paid\",\"data\":[]}".to_owned());
    assert!(deliver(&stage, &other).await.body["skipped"].is_string());
    let mut rotated = signed(WEBHOOK_SECRET, now - 299);
    rotated.headers[2].1 = format!("v1,AAAA v2,xx {}", rotated.headers[2].1);
    assert_eq!(deliver(&stage, &rotated).await.status, StatusCode::OK, "one of several signatures is enough");
}

#[tokio::test]
async fn secrets_in_base64_sign_as_well() {
    for (secret, signs) in
        [("whsec_c2VjcmV0LWtleS0x", "whsec_c2VjcmV0LWtleS0x"), ("c2VjcmV0LWtleS0x", "whsec_c2VjcmV0LWtleS0x")]
    {
        let stage = Stage::with(Wishes { webhook_secret: Some(secret), ..Wishes::default() }).await;
        let login = stage.sign_up("ann@x.org").await;
        let body = Event::new("active", "active", &login.org, "Pro").body();
        let answer = deliver(&stage, &SignedWebhook::new(signs, "w", now(&stage), body)).await;
        assert_eq!((answer.status, plan(&stage, &login).await), (StatusCode::OK, json!("pro")), "{secret}");
    }
}
