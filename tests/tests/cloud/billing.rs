//! Buying a plan, and webhooks of the billing service.

use conformance::cloud::{Tenant, WEBHOOK_SECRET};
use serde_json::{Value, json};
use service_emulators::{Event, SignedWebhook};

use crate::stage::{Answer, Stage, soon};

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

async fn deliver(stage: &Stage, replica: usize, webhook: &SignedWebhook) -> Answer {
    let call = stage.on(replica, "POST", "/api/billing/polar/webhook");
    let call = webhook.headers.iter().fold(call, |call, (name, value)| call.header(name, value));
    call.body(webhook.body.clone()).await
}

/// Delivers an event to one replica.
async fn tell(stage: &Stage, replica: usize, id: &str, event: &Event) -> Answer {
    deliver(stage, replica, &SignedWebhook::new(WEBHOOK_SECRET, id, now(), event.body())).await
}

async fn plan(stage: &Stage, tenant: &Tenant) -> String {
    let [one, other] =
        [0, 1].map(|replica| stage.on(replica, "GET", "/api/org").bearer(&tenant.token).send());
    let (one, other) = (one.await.text_of("plan"), other.await.text_of("plan"));
    assert_eq!(one, other);
    one
}

#[tokio::test]
async fn a_plan_is_bought_and_managed_at_the_billing_service() {
    let stage = Stage::with(&[("APP_URL", "https://app.example")]).await;
    let ann = stage.tenant("ann").await;
    let post =
        async |path: &str, token: &str, body: Value| stage.call("POST", path).bearer(token).json(&body).await;
    let bought = post("/api/billing/checkout", &ann.token, json!({"plan": "team"})).await;
    assert_eq!(bought.body, json!({"url": "https://polar.example/checkout/1"}));
    let checkout = &stage.stack.polar.checkouts()[0];
    let expected = json!({
        "products": ["product-team"], "success_url": "https://app.example/settings/billing?checkout=success",
        "seats": 1, "customer_email": ann.email, "external_customer_id": ann.org_id,
        "metadata": {"org_id": ann.org_id},
    });
    assert_eq!(checkout, &expected);
    assert_eq!(
        post("/api/billing/checkout", &ann.api_key, json!({"plan": "pro"})).await.code(),
        (403, "forbidden")
    );
    let other = post("/api/billing/checkout", &ann.token, json!({"plan": "enterprise"})).await;
    assert_eq!(other.code(), (400, "invalid_request"));
    stage.stack.polar.fail_next(500);
    let failed = post("/api/billing/checkout", &ann.token, json!({"plan": "pro"})).await;
    assert_eq!(failed.code(), (502, "bad_gateway"));
    let portal = post("/api/billing/portal", &ann.token, json!({})).await;
    assert_eq!(portal.code(), (404, "not_found"), "never subscribed");
    stage.stack.polar.add_customer(&ann.org_id);
    let portal = post("/api/billing/portal", &ann.token, json!({})).await;
    assert_eq!(portal.body, json!({"url": format!("https://polar.example/portal/{}", ann.org_id)}));
    assert_eq!(plan(&stage, &ann).await, "free", "a checkout alone changes nothing");
}

#[tokio::test]
async fn a_subscription_counts_at_once_on_all_replicas() {
    let stage = Stage::new().await;
    let ann = stage.tenant("ann").await;
    stage.use_up(&ann, 10_000).await;
    let create = async |replica: usize| {
        let span = json!({"trace_id": "t", "name": "n"});
        stage.on(replica, "POST", "/api/spans").bearer(&ann.api_key).json(&span).await
    };
    for replica in 0..2 {
        assert_eq!(create(replica).await.code(), (402, "plan_limit_exceeded"));
    }
    let event = |kind: &str, status: &str| Event::new(kind, status, &ann.org_id, "Traceway Pro");
    assert_eq!(tell(&stage, 0, "begin", &event("active", "active")).await.body, json!({"ok": true}));
    for replica in 0..2 {
        soon("the new plan has room", || async {
            let answer = create(replica).await;
            if answer.status == 201 { Ok(()) } else { Err(answer.text) }
        })
        .await;
    }
    assert_eq!(plan(&stage, &ann).await, "pro");
    assert_eq!(tell(&stage, 1, "end", &event("revoked", "canceled")).await.status, 200);
    for replica in 0..2 {
        soon("the old plan is full", || async { create(replica).await.is(402, "plan_limit_exceeded") }).await;
    }
    assert_eq!(plan(&stage, &ann).await, "free");
}

#[tokio::test]
async fn forged_and_stale_webhooks_change_nothing() {
    let stage = Stage::new().await;
    let ann = stage.tenant("ann").await;
    let body = Event::new("active", "active", &ann.org_id, "Pro").body();
    let signed = |secret: &str, at: i64| SignedWebhook::new(secret, "w", at, body.clone());
    let other_secret = "whsec_YW5vdGhlciBzZWNyZXQgZW50aXJlbHk=";
    let mut refused = vec![
        signed(other_secret, now()),
        signed(WEBHOOK_SECRET, now() - 310),
        signed(WEBHOOK_SECRET, now() + 310),
    ];
    for place in 0..3 {
        let mut webhook = signed(WEBHOOK_SECRET, now());
        webhook.headers[place].1.push('0');
        refused.push(webhook);
    }
    let mut changed = signed(WEBHOOK_SECRET, now());
    changed.body = changed.body.replace("Pro", "Enterprise");
    refused.push(changed);
    for webhook in &refused {
        for replica in 0..2 {
            assert_eq!(deliver(&stage, replica, webhook).await.code(), (403, "forbidden"), "{webhook:?}");
        }
    }
    let unsigned = stage.call("POST", "/api/billing/polar/webhook").body(body.clone()).await;
    assert_eq!(unsigned.code(), (403, "forbidden"));
    assert_eq!(plan(&stage, &ann).await, "free");
    let broken = SignedWebhook::new(WEBHOOK_SECRET, "b", now(), "{".to_owned());
    assert_eq!(deliver(&stage, 0, &broken).await.status, 400);
    let mut rotated = signed(WEBHOOK_SECRET, now());
    rotated.headers[2].1 = format!("v1,AAAA {} v2,x", rotated.headers[2].1);
    assert_eq!(deliver(&stage, 1, &rotated).await.status, 200, "one signature of several is enough");
    assert_eq!(plan(&stage, &ann).await, "pro");
}

#[tokio::test]
async fn repeated_and_reordered_webhooks_leave_the_newest_state() {
    let stage = Stage::new().await;
    let ann = stage.tenant("ann").await;
    let event = |kind: &str, status: &str, second: u8| Event {
        timestamp: Some(format!("2026-01-01T00:00:{second:02}Z")),
        ..Event::new(kind, status, &ann.org_id, "Team")
    };
    let (begin, end) = (event("active", "active", 1), event("revoked", "canceled", 3));
    tell(&stage, 0, "1", &begin).await;
    assert_eq!(plan(&stage, &ann).await, "team");
    tell(&stage, 1, "3", &end).await;
    assert_eq!(plan(&stage, &ann).await, "free");
    for replica in 0..2 {
        let again = tell(&stage, replica, "1", &begin).await;
        assert_eq!((again.status, &again["ok"]), (200, &json!(true)));
        let late = tell(&stage, replica, "2", &event("updated", "active", 2)).await;
        assert_eq!(late.status, 200);
        assert_eq!(plan(&stage, &ann).await, "free");
    }
    let repeats = (0..20).map(|turn| {
        let stage = &stage;
        async move {
            let event = event("active", "active", 4);
            tell(stage, turn % 2, "4", &event).await
        }
    });
    let answers = futures_util::future::join_all(repeats).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let effects = answers.iter().filter(|answer| answer.body == json!({"ok": true})).count();
    assert_eq!(
        (effects, plan(&stage, &ann).await.as_str()),
        (1, "team"),
        "delivered twenty times, done once"
    );
}

#[tokio::test]
async fn events_set_the_plan_of_the_product() {
    let stage = Stage::new().await;
    let ann = stage.tenant("ann").await;
    let mut number = 0;
    let mut second = 0;
    for (kind, status, ends_later, product, metadata, expected) in [
        ("created", "active", false, "Traceway PRO monthly", json!({}), "pro"),
        ("updated", "active", false, "Team", json!({}), "team"),
        ("updated", "past_due", false, "Pro", json!({}), "team"),
        ("updated", "canceled", true, "Pro", json!({}), "team"),
        ("canceled", "active", true, "Team", json!({}), "team"),
        ("uncanceled", "trialing", false, "Enterprise team pro", json!({}), "enterprise"),
        ("updated", "canceled", false, "Pro", json!({}), "free"),
        ("active", "trialing", false, "Anything", json!({"traceway_plan": "team"}), "team"),
        ("canceled", "canceled", false, "Team", json!({}), "free"),
        ("active", "active", false, "Pro", json!({}), "pro"),
        ("updated", "active", false, "Hobby", json!({}), "free"),
        ("active", "incomplete", false, "Pro", json!({}), "free"),
    ] {
        let mut event = Event::new(kind, status, &ann.org_id, product);
        event.data["cancel_at_period_end"] = json!(ends_later);
        event.data["product"]["metadata"] = metadata;
        second += 1;
        event.timestamp = Some(format!("2026-02-01T00:00:{second:02}Z"));
        number += 1;
        let answer = tell(&stage, number % 2, &number.to_string(), &event).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(plan(&stage, &ann).await, expected, "{kind} {status} {product}");
    }
    let stranger = Event::new("active", "active", &uuid::Uuid::new_v4().to_string(), "Pro");
    let skipped = tell(&stage, 0, "stranger", &stranger).await;
    assert_eq!((skipped.status, skipped["skipped"].is_string()), (200, true));
    let order = Event { kind: "order.created".to_owned(), ..Event::new("x", "active", &ann.org_id, "Pro") };
    assert_eq!(tell(&stage, 0, "order", &order).await.status, 200);
    assert_eq!(plan(&stage, &ann).await, "free");
}
