//! Webhooks of the billing service, sent often, out of order, and to a cloud that fails.

use conformance::cloud::{WEBHOOK_SECRET, send_webhook};
use jiff::{Span, Timestamp};
use service_emulators::{Event, SignedWebhook};
use tokio::task::JoinSet;

use crate::stage::{Stage, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_repeated_out_of_order_and_through_an_outage_leave_the_newest_plan() {
    let stage = Stage::new().await;
    let now = Timestamp::now();
    let webhook = |id: &str, kind: &str, product: &str, seconds_ago: i64| {
        let status = if kind == "revoked" { "canceled" } else { "active" };
        let mut event = Event::new(kind, status, &stage.tenant.org_id, product);
        event.timestamp = Some((now - Span::new().seconds(seconds_ago)).to_string());
        SignedWebhook::new(WEBHOOK_SECRET, id, now.as_second(), event.body())
    };
    let history = [
        webhook("newest", "updated", "Traceway Team", 1),
        webhook("older", "revoked", "Traceway Pro", 2),
        webhook("oldest", "active", "Traceway Pro", 3),
    ];
    stage.stack.postgres.as_ref().unwrap().cut().await;
    let refused = send_webhook(&stage.stack.replicas[0].api, &history[0]).await.unwrap();
    assert_eq!(refused.status(), 503, "a webhook that cannot be noted is asked for again");
    stage.stack.postgres.as_ref().unwrap().restore().await;
    eventually("a login", async || stage.log_in(0).await.ok()).await;
    eventually("a login", async || stage.log_in(1).await.ok()).await;
    let mut sending = JoinSet::new();
    for n in 0..30 {
        let (api, webhook) = (stage.stack.replicas[n % 2].api.clone(), history[n % 3].clone());
        sending.spawn(async move { send_webhook(&api, &webhook).await.unwrap().status() });
    }
    while let Some(status) = sending.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    for replica in 0..2 {
        eventually("the plan", async || {
            let org = stage.get(replica, "/api/org").await;
            if org.body["plan"] == "team" { Ok(()) } else { Err(org.text) }
        })
        .await;
    }
    stage.assert_calm();
}
