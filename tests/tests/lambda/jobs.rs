//! Jobs: the database has them, the queue only wakes the worker.

use std::net::IpAddr;
use std::time::Duration;

use conformance::cloud::FunctionsOptions;
use serde_json::{Value, json};

use crate::stage::{Stage, eventually, send, with_relays};

/// Asks for a mail from an address of its own: one address may ask for so many in an hour, whoever it asks for.
async fn ask_for_mail(stage: &Stage) {
    let wish = json!({"email": stage.tenant.email});
    let url = format!("{}/api/auth/forgot-password", stage.functions.api.url);
    let [a, b, ..] = *uuid::Uuid::new_v4().as_bytes();
    let client = reqwest::Client::builder().local_address(IpAddr::from([127, 1, a, b.max(1)]));
    let answer = send(client.build().unwrap().post(url).json(&wish)).await;
    assert_eq!(answer.0, 200, "{}", stage.why(&answer));
}

async fn mail_comes(stage: &Stage) {
    eventually("a mail", async || {
        let sent = stage.functions.stack.resend.sent();
        let is_there =
            sent.iter().any(|mail| mail.to.contains(&stage.tenant.email) && mail.token().is_some());
        if is_there { Ok(()) } else { Err(format!("{sent:?}\n{}", stage.functions.log())) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nudge_wakes_the_worker() {
    // The clock does not strike during the test.
    let options = FunctionsOptions { drain_every: Duration::from_hours(1), ..FunctionsOptions::default() };
    let stage = Stage::new(options).await;
    ask_for_mail(&stage).await;
    mail_comes(&stage).await;
    eventually("the message is deleted", async || match stage.functions.jobs.messages().len() {
        0 => Ok(()),
        left => Err(format!("{left} messages")),
    })
    .await;
    assert_eq!(stage.functions.services.refused(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_nudge_is_made_up_for_by_the_clock() {
    let options = FunctionsOptions { drain_every: Duration::from_secs(2), ..FunctionsOptions::default() };
    let stage = Stage::new(options).await;
    stage.functions.jobs.lose(true);
    ask_for_mail(&stage).await;
    mail_comes(&stage).await;
    assert!(stage.functions.jobs.sent() > 0, "the worker was nudged");
    assert!(stage.functions.jobs.messages().is_empty(), "and the nudge was lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_cannot_be_done_ends_dead_and_holds_up_no_other() {
    let stage = Stage::new(FunctionsOptions::default()).await;
    let mut connection = stage.functions.stack.database.connect().await.unwrap();
    let statement = "INSERT INTO jobs (org_id, project_id, kind, payload, run_at, due_at, max_attempts)
        VALUES ($1::uuid, $2::uuid, 'record', '{\"poison\":true}', now(), now(), 20) RETURNING id";
    let id: i64 = sqlx::query_scalar(statement)
        .bind(&stage.tenant.org_id)
        .bind(&stage.tenant.project_id)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    ask_for_mail(&stage).await;
    stage.functions.task("drain").await.unwrap();
    mail_comes(&stage).await;
    let dead = stage.functions.task("dead").await.unwrap();
    let listed: Vec<&Value> = dead["dead"].as_array().unwrap().iter().collect();
    assert_eq!((listed.len(), &listed[0]["job"]), (1, &json!(id.to_string())), "{dead}");
    assert!(listed[0]["error"].as_str().is_some_and(|error| !error.is_empty()), "{dead}");
    assert!(stage.functions.dead_letters.messages().is_empty(), "the message itself was served");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_a_worker_that_cannot_work_come_again_and_end_as_dead_letters() {
    let options = FunctionsOptions {
        visibility: Duration::from_secs(1),
        max_receives: 2,
        drain_every: Duration::from_hours(1),
        ..with_relays()
    };
    let stage = Stage::new(options).await;
    let functions = &stage.functions;
    functions.stack.postgres.as_ref().unwrap().cut().await;
    functions.jobs.send("{\"task\":\"drain\"}", Duration::ZERO);
    eventually("the message is a dead letter", async || match functions.dead_letters.messages().len() {
        1 => Ok(()),
        _ => Err(format!("{:?}", functions.jobs.messages())),
    })
    .await;
    functions.stack.postgres.as_ref().unwrap().restore().await;
    ask_for_mail(&stage).await;
    mail_comes(&stage).await;
}
