//! A cloud, and calls for which its replicas take turns.

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use conformance::cloud::{Stack, StackOptions, Tenant};
use http::HeaderMap;
use serde_json::{Value, json};
use service_emulators::Sent;

/// How long what happens "at once" on another replica may take on a busy machine; far less than anything is
/// remembered for.
const AT_ONCE: Duration = Duration::from_secs(3);

/// How long a mail may take.
const MAIL: Duration = Duration::from_secs(30);

/// A running cloud and a client of it.
pub(crate) struct Stage {
    pub(crate) stack: Stack,
    client: reqwest::Client,
    turn: AtomicUsize,
    /// The address calls claim to come from, so that tests which share a Redis do not limit each other.
    ip: String,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// Starts a cloud with further environment variables.
    pub(crate) async fn with(env: &[(&str, &str)]) -> Self {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let stack = Stack::start(StackOptions { env, ..StackOptions::default() }).await.unwrap();
        Self { stack, client: reqwest::Client::new(), turn: AtomicUsize::new(0), ip: new_ip() }
    }

    /// Prepares a call of the replica whose turn it is.
    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.on(turn % self.stack.replicas.len(), method, path)
    }

    /// Prepares a call of one replica.
    pub(crate) fn on(&self, replica: usize, method: &str, path: &str) -> Call {
        let url = format!("{}{path}", self.stack.replicas[replica].api);
        let request = self.client.request(method.parse().unwrap(), url);
        Call(request.header("x-forwarded-for", &self.ip).timeout(Duration::from_mins(2)))
    }

    /// Signs up on the free plan and creates the one key it allows.
    pub(crate) async fn tenant(&self, name: &str) -> Tenant {
        Tenant::sign_up(&self.stack.replicas[0].api, name).await.unwrap()
    }

    /// Signs up and gets a plan.
    pub(crate) async fn tenant_on(&self, plan: &str, name: &str) -> Tenant {
        let tenant = self.tenant(name).await;
        tenant.set_plan(&self.stack, plan).await.unwrap();
        tenant
    }

    /// Invites somebody and returns the token that was mailed.
    pub(crate) async fn invite(&self, by: &Tenant, email: &str, role: &str) -> String {
        let wish = json!({"email": email, "role": role});
        let answer = self.call("POST", "/api/org/invites").bearer(&by.token).json(&wish).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        self.mail(email).await.token().unwrap().to_owned()
    }

    /// Lets somebody without an account join, and returns what they are told.
    pub(crate) async fn join(&self, owner: &Tenant, email: &str, role: &str) -> Answer {
        let token = self.invite(owner, email, role).await;
        let wish = json!({"token": token, "password": conformance::cloud::PASSWORD, "name": "Joined"});
        let answer = self.call("POST", "/api/auth/accept-invite").json(&wish).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer
    }

    /// Returns the mails that somebody got.
    pub(crate) fn mails(&self, to: &str) -> Vec<Sent> {
        let mut sent = self.stack.resend.sent();
        sent.retain(|mail| mail.to.iter().any(|address| address == to));
        sent
    }

    /// Waits for somebody's newest mail.
    pub(crate) async fn mail(&self, to: &str) -> Sent {
        self.mails_of(to, 1).await.pop().unwrap()
    }

    /// Waits until somebody has so many mails.
    pub(crate) async fn mails_of(&self, to: &str, count: usize) -> Vec<Sent> {
        let started = Instant::now();
        loop {
            let mails = self.mails(to);
            if mails.len() >= count {
                return mails;
            }
            assert!(
                started.elapsed() < MAIL,
                "{to} has {} mails of {count}\n{}",
                mails.len(),
                self.stack.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Says how many spans an organisation has used this month.
    pub(crate) async fn use_up(&self, tenant: &Tenant, spans: i64) {
        let statement = "INSERT INTO usage_months (org_id, month, spans)
            VALUES ($1::uuid, date_trunc('month', now() AT TIME ZONE 'UTC')::date, $2)
            ON CONFLICT (org_id, month) DO UPDATE SET spans = excluded.spans";
        let mut connection = self.stack.database.connect().await.unwrap();
        let query = sqlx::query(statement).bind(&tenant.org_id).bind(spans);
        query.execute(&mut connection).await.unwrap();
    }
}

/// Returns an address nobody else uses.
pub(crate) fn new_ip() -> String {
    let [a, b, c, ..] = *uuid::Uuid::new_v4().as_bytes();
    format!("10.{a}.{b}.{c}")
}

/// Returns an e-mail nobody else uses: resets are counted by it, in the Redis that tests share.
pub(crate) fn new_email(name: &str) -> String {
    format!("{name}-{}@example.net", uuid::Uuid::new_v4().simple())
}

/// Asks until an answer is as expected, for no longer than "at once".
#[track_caller]
pub(crate) fn soon<F>(what: &str, ask: impl Fn() -> F) -> impl Future<Output = ()>
where
    F: Future<Output = Result<(), String>>,
{
    let caller = std::panic::Location::caller();
    async move {
        let started = Instant::now();
        while let Err(instead) = ask().await {
            assert!(started.elapsed() < AT_ONCE, "{what} ({caller}): {instead}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A call to be sent.
pub(crate) struct Call(reqwest::RequestBuilder);

impl Call {
    pub(crate) fn bearer(self, token: &str) -> Self {
        Self(self.0.bearer_auth(token))
    }

    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    pub(crate) async fn json(self, body: &Value) -> Answer {
        Self(self.0.json(body)).send().await
    }

    pub(crate) async fn body(self, body: String) -> Answer {
        Self(self.0.body(body)).send().await
    }

    pub(crate) async fn send(self) -> Answer {
        let response = self.open().await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer { status, headers, text, body }
    }

    /// Sends it and leaves the body to be read.
    pub(crate) async fn open(self) -> reqwest::Response {
        self.0.send().await.unwrap()
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// Null when it is no JSON.
    pub(crate) body: Value,
}

impl Answer {
    /// Returns the status and the code of an error.
    pub(crate) fn code(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or_default())
    }

    /// Returns a text of the body.
    pub(crate) fn text_of(&self, member: &str) -> String {
        self.body[member].as_str().unwrap_or_else(|| panic!("no {member} in {}", self.text)).to_owned()
    }

    /// Returns `Ok` when the error has this status and code.
    pub(crate) fn is(&self, status: u16, code: &str) -> Result<(), String> {
        if self.code() == (status, code) { Ok(()) } else { Err(format!("{} {}", self.status, self.text)) }
    }

    /// Returns the first `Set-Cookie`.
    pub(crate) fn cookie(&self) -> &str {
        self.headers.get("set-cookie").and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Deref for Answer {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.body
    }
}
