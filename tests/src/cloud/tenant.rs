//! An organisation as a user makes one.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use service_emulators::{Event, SignedWebhook};

use super::{Stack, WEBHOOK_SECRET};

/// An organisation with its owner and an API key that may do everything.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// The organisation.
    pub org_id: String,
    /// Its default project.
    pub project_id: String,
    /// The owner.
    pub user_id: String,
    /// The owner's address.
    pub email: String,
    /// The owner's session, as a Bearer token.
    pub token: String,
    /// A key of the default project.
    pub api_key: String,
    /// The id of that key.
    pub key_id: String,
}

/// Returns a key that only its last character tells from a valid one.
pub fn wrong_key(key: &str) -> String {
    let (rest, last) = key.split_at(key.len() - 1);
    format!("{rest}{}", if last == "A" { "B" } else { "A" })
}

/// The password of every owner.
pub const PASSWORD: &str = "correct horse battery";

impl Tenant {
    /// Signs up on the free plan and creates a key.
    pub async fn sign_up(api: &str, name: &str) -> anyhow::Result<Self> {
        let email = format!("{name}-{}@example.com", uuid::Uuid::new_v4().simple());
        Self::sign_up_as(api, &email, name, &format!("{name} Inc")).await
    }

    /// Signs up with this address on the free plan and creates a key.
    pub async fn sign_up_as(api: &str, email: &str, name: &str, org_name: &str) -> anyhow::Result<Self> {
        let client = reqwest::Client::new();
        let signup = json!({"email": email, "password": PASSWORD, "name": name, "org_name": org_name});
        let account = post(&client, &format!("{api}/api/auth/signup"), None, &signup).await?;
        let text = |value: &Value, member: &str| {
            value[member].as_str().map(str::to_owned).with_context(|| format!("no {member} in {value}"))
        };
        let token = text(&account, "token")?;
        let wish = json!({"name": "tests", "scopes": ["admin"]});
        let key = post(&client, &format!("{api}/api/org/api-keys"), Some(&token), &wish).await?;
        Ok(Self {
            org_id: text(&account, "org_id")?,
            project_id: text(&account, "project_id")?,
            user_id: text(&account, "user_id")?,
            email: email.to_owned(),
            token,
            api_key: text(&key, "key")?,
            key_id: text(&key, "id")?,
        })
    }

    /// Signs up, and gets the plan that has no limits, which only an operator gives.
    pub async fn unlimited(stack: &Stack, name: &str) -> anyhow::Result<Self> {
        let tenant = Self::sign_up(&stack.replicas[0].api, name).await?;
        tenant.set_plan(stack, "enterprise").await?;
        Ok(tenant)
    }

    /// Sets the plan as an operator does. What a replica remembers of the old one ends within a minute.
    pub async fn set_plan(&self, stack: &Stack, plan: &str) -> anyhow::Result<()> {
        let mut connection = stack.database.connect().await?;
        let done = sqlx::query("UPDATE organizations SET plan = $1 WHERE id = $2::uuid")
            .bind(plan)
            .bind(&self.org_id)
            .execute(&mut connection)
            .await?;
        ensure!(done.rows_affected() == 1, "there is no such organisation");
        Ok(())
    }

    /// Gets a plan as a buyer does, by a webhook of the billing service, which holds at once.
    pub async fn subscribe(&self, api: &str, plan: &str) -> anyhow::Result<()> {
        let mut event = Event::new("active", "active", &self.org_id, plan);
        let now = jiff::Timestamp::now();
        event.timestamp = Some(now.to_string());
        let id = uuid::Uuid::new_v4().to_string();
        let webhook = SignedWebhook::new(WEBHOOK_SECRET, &id, now.as_second(), event.body());
        let answer = send_webhook(api, &webhook).await?.text().await?;
        ensure!(answer == "{\"ok\":true}", "the webhook changed nothing: {answer}");
        Ok(())
    }
}

/// Sends a webhook of the billing service.
pub async fn send_webhook(api: &str, webhook: &SignedWebhook) -> reqwest::Result<reqwest::Response> {
    let url = format!("{api}/api/billing/polar/webhook");
    let request = reqwest::Client::new().post(url).header("content-type", "application/json");
    let headers = webhook.headers.iter();
    let request = headers.fold(request, |request, (name, value)| request.header(*name, value));
    request.body(webhook.body.clone()).send().await
}

async fn post(
    client: &reqwest::Client,
    url: &str,
    token: Option<&str>,
    body: &Value,
) -> anyhow::Result<Value> {
    let mut request = client.post(url).json(body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await?;
    let status = response.status();
    let text = response.text().await?;
    ensure!(status.is_success(), "{url}: {status} {text}");
    Ok(serde_json::from_str(&text)?)
}
