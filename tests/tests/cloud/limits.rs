//! What else a plan limits: members, keys, calls of a second, and how long traces are kept.

use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::{Stage, soon};

#[tokio::test]
async fn the_free_plan_has_one_member_and_one_key() {
    let stage = Stage::new().await;
    let ann = stage.tenant("ann").await;
    for replica in 0..2 {
        let key = stage.on(replica, "POST", "/api/org/api-keys").bearer(&ann.token);
        let key = key.json(&json!({"name": "second"})).await;
        assert_eq!((key.code(), &key["limit"]), ((403, "plan_limit_reached"), &json!(1)), "{}", key.text);
        let invite = stage.on(replica, "POST", "/api/org/invites").bearer(&ann.token);
        let invite = invite.json(&json!({"email": "bob@example.net"})).await;
        assert_eq!((invite.code(), &invite["limit"]), ((403, "plan_limit_reached"), &json!(1)));
        let month = || jiff::Timestamp::now().to_string()[..7].to_owned();
        let before = month();
        let usage = stage.on(replica, "GET", "/api/org/usage").bearer(&ann.token).send().await;
        let one = json!({"used": 1, "limit": 1});
        assert_eq!((&usage["members"], &usage["api_keys"]), (&one, &one), "{}", usage.text);
        let begins = [before, month()].map(|month| json!(format!("{month}-01T00:00:00Z")));
        assert!(begins.contains(&usage["period_start"]), "{}", usage.text);
        let org = stage.on(replica, "GET", "/api/org").bearer(&ann.token).send().await;
        let limits = json!({
            "spans_per_month": 10_000, "max_team_members": 1, "max_api_keys": 1, "retention_days": 7,
        });
        assert_eq!((&org["plan"], &org["plan_limits"]), (&json!("free"), &limits));
    }
    assert_eq!(stage.mails("bob@example.net"), []);
}

#[tokio::test]
async fn calls_beyond_the_rate_are_told_when_to_come_back() {
    let stage = Stage::with(&[("TRACEWAY_RATE_LIMIT", "5")]).await;
    let (ann, bob) = (stage.tenant("ann").await, stage.tenant("bob").await);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let mut waits = Vec::new();
    let started = std::time::Instant::now();
    let call = || stage.call("GET", "/api/org").bearer(&ann.api_key).send();
    let answers = futures_util::future::join_all((0..40).map(|_| call())).await;
    let seconds = usize::try_from(started.elapsed().as_secs()).unwrap() + 1;
    for answer in &answers {
        if answer.status != 200 {
            assert_eq!(answer.code(), (429, "rate_limited"), "{}", answer.text);
            waits.push(answer.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap());
            assert_eq!(answer["retry_after"], json!(waits.last()));
        }
    }
    let allowed = answers.len() - waits.len();
    assert!(
        (5..=5 * (seconds + 1)).contains(&allowed),
        "{allowed} of 40 calls in {seconds} s over both replicas"
    );
    assert!(!waits.is_empty() && waits.iter().all(|wait| *wait == 1), "{waits:?}");
    let other = stage.call("GET", "/api/org").bearer(&bob.api_key).send().await;
    assert_eq!(other.status, 200, "each organisation has its own");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(call().await.status, 200);
}

#[tokio::test]
async fn old_traces_are_swept_as_plan_and_project_say() {
    let mut stage = Stage::new().await;
    let (free, pro) = (stage.tenant("free").await, stage.tenant_on("pro", "pro").await);
    let path = format!("/api/projects/{}", pro.project_id);
    let two_days = json!({"settings": {"retention_days": 2}});
    assert_eq!(stage.call("PATCH", &path).bearer(&pro.token).json(&two_days).await.status, 200);
    let now = jiff::Timestamp::now();
    let days = [("new", 0), ("one", 1), ("three", 3), ("eight", 8)];
    for key in [&free.api_key, &pro.api_key] {
        let traces: Vec<Value> = days
            .iter()
            .map(|(id, days)| {
                let started = now - jiff::SignedDuration::from_hours(24 * days + 1);
                json!({"id": id, "started_at": started.to_string()})
            })
            .collect();
        let spans: Vec<Value> = traces
            .iter()
            .map(|t| json!({"id": t["id"], "trace_id": t["id"], "name": "n", "started_at": t["started_at"]}))
            .collect();
        let body = json!({"traces": traces, "spans": spans});
        let answer = stage.call("POST", "/api/ingest").bearer(key).json(&body).await;
        assert_eq!(answer["accepted_spans"], 4, "{}", answer.text);
    }
    // A sweep runs every hour, in one replica of all: a new one takes the lease that is made to end.
    let mut connection = stage.stack.database.connect().await.unwrap();
    let done =
        sqlx::query("DELETE FROM leases WHERE name = 'retention'").execute(&mut connection).await.unwrap();
    assert_eq!(done.rows_affected(), 1);
    stage.stack.add_replica().await.unwrap();
    // First pages of the usual length may be remembered for a minute; longer ones are not.
    let kept = async |replica: usize, key: &str, list: &str| -> Vec<String> {
        let answer = stage.on(replica, "GET", &format!("/api/{list}?limit=1000")).bearer(key).send().await;
        let mut ids: Vec<String> =
            answer[list].as_array().unwrap().iter().map(|t| t["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    for replica in 0..3 {
        for list in ["traces", "spans"] {
            for (key, expected) in
                [(&free.api_key, vec!["new", "one", "three"]), (&pro.api_key, vec!["new", "one"])]
            {
                soon("old traces are gone", || async {
                    let kept = kept(replica, key, list).await;
                    if kept == expected { Ok(()) } else { Err(format!("{list} {kept:?}")) }
                })
                .await;
            }
        }
    }
}
