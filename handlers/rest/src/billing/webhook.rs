//! What the billing service tells: signed as Standard Webhooks are, each handled once.

use std::fmt;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::Sha256;
use trace::id::OrgId;
use trace::identity::Plan;
use trace::ports::{Clock, Revocation};
use trace::time::Timestamp;
use utoipa::ToSchema;

use crate::cloud::InCloud;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Json, parse};

/// How far a webhook's time may be from ours, in seconds.
const TOLERANCE_SECS: i64 = 300;

/// Base64 with or without padding, as secrets are handed out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What webhooks are signed with: one key, or two when the secret can be read in two ways.
#[derive(Clone)]
pub struct WebhookSecret(Vec<Vec<u8>>);

/// A text that is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook secret is not empty, and base64 after `whsec_`")]
pub struct InvalidWebhookSecret;

impl WebhookSecret {
    /// Reads a secret: base64 after `whsec_`; any other may be meant as it is written or as base64.
    pub fn parse(text: &str) -> Result<Self, InvalidWebhookSecret> {
        let text = text.trim();
        let keys: Vec<Vec<u8>> = match text.strip_prefix("whsec_") {
            Some(encoded) => vec![LENIENT.decode(encoded).map_err(|_| InvalidWebhookSecret)?],
            None => std::iter::once(text.as_bytes().to_vec()).chain(LENIENT.decode(text).ok()).collect(),
        };
        if keys.iter().any(Vec::is_empty) { Err(InvalidWebhookSecret) } else { Ok(Self(keys)) }
    }

    /// Returns the webhook's id and time when one of its signatures is ours.
    fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Option<(String, Timestamp)> {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let id = text("webhook-id").filter(|id| !id.is_empty())?;
        let written = text("webhook-timestamp")?;
        let seconds: i64 = written.parse().ok()?;
        let sent_at = Timestamp::from_micros(seconds.saturating_mul(1_000_000));
        let is_recent =
            now.as_micros().abs_diff(sent_at.as_micros()) <= TOLERANCE_SECS.unsigned_abs() * 1_000_000;
        let signatures: Vec<Vec<u8>> = text("webhook-signature")?
            .split(' ')
            .filter_map(|entry| STANDARD.decode(entry.strip_prefix("v1,")?).ok())
            .collect();
        let is_ours = |key: &Vec<u8>| {
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return false };
            for part in [id.as_bytes(), b".", written.as_bytes(), b".", body] {
                mac.update(part);
            }
            signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
        };
        (is_recent && self.0.iter().any(is_ours)).then(|| (id.to_owned(), sent_at))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What every webhook says.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    /// When it happened. A webhook sent again has a newer header, but happened when it did.
    timestamp: Option<Timestamp>,
}

/// What a webhook about a subscription says.
#[derive(Deserialize)]
struct About {
    data: Subscription,
}

#[derive(Deserialize)]
struct Subscription {
    status: Option<String>,
    #[serde(default)]
    cancel_at_period_end: Option<bool>,
    product: Option<Product>,
    customer: Option<Customer>,
    metadata: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Product {
    #[serde(default)]
    name: String,
    metadata: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Customer {
    external_id: Option<String>,
    metadata: Option<Map<String, Value>>,
}

fn member<'a>(metadata: Option<&'a Map<String, Value>>, name: &str) -> Option<&'a str> {
    metadata?.get(name)?.as_str().filter(|text| !text.is_empty())
}

impl Subscription {
    fn org(&self) -> Option<&str> {
        let customer = self.customer.as_ref();
        member(self.metadata.as_ref(), "org_id")
            .or_else(|| customer?.external_id.as_deref().filter(|id| !id.is_empty()))
            .or_else(|| member(customer?.metadata.as_ref(), "org_id"))
    }

    /// Returns the plan the organisation has from now on; `None` when it keeps its own.
    fn plan(&self, event: &str) -> Result<Option<Plan>, ApiError> {
        let is_paid = matches!(self.status.as_deref(), Some("active" | "trialing"));
        let ends_later = self.cancel_at_period_end == Some(true);
        let is_over = !ends_later && (event == "canceled" || self.status.as_deref() == Some("canceled"));
        match event {
            "created" | "active" | "uncanceled" | "updated" if is_paid => self.bought().map(Some),
            "updated" | "canceled" if is_over => Ok(Some(Plan::Free)),
            "revoked" => Ok(Some(Plan::Free)),
            _ => Ok(None),
        }
    }

    fn bought(&self) -> Result<Plan, ApiError> {
        let product = self.product.as_ref();
        let product = product.ok_or_else(|| ApiError::field("data.product", "a product is expected"))?;
        Ok(Plan::of_product(&product.name, member(product.metadata.as_ref(), "traceway_plan")))
    }
}

/// What a webhook is told.
#[derive(Serialize, ToSchema)]
pub(super) struct Taken {
    ok: bool,
    /// Why it changed nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<&'static str>,
}

fn skipped(why: &'static str) -> Json<Taken> {
    Json(Taken { ok: true, skipped: Some(why) })
}

/// Takes a webhook of the billing service. Each is handled once; an older one never undoes a newer one.
#[utoipa::path(post, path = "/api/billing/polar/webhook", tag = "billing", request_body = Object,
    responses((status = 200, body = Taken), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 503, body = ErrorBody)))]
pub(super) async fn take_webhook(
    InCloud(cloud): InCloud,
    State(clock): State<Arc<dyn Clock>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Taken>, ApiError> {
    let secret = cloud.webhook_secret.as_ref();
    let secret = secret.ok_or(ApiError::Unavailable("this server has no secret to check webhooks with"))?;
    let verified = secret.verify(&headers, &body, clock.now());
    let forged = || ApiError::Forbidden("the webhook's signature or time is not valid".to_owned());
    let (id, sent_at) = verified.ok_or_else(forged)?;
    let Envelope { kind, timestamp } = parse(&body)?;
    let Some(event) = kind.strip_prefix("subscription.") else {
        return Ok(skipped("not about a subscription"));
    };
    let subscription = parse::<About>(&body)?.data;
    let org = subscription.org().and_then(|id| id.parse().ok()).map(OrgId);
    let Some(org) = org else { return Ok(skipped("no organisation is named")) };
    if cloud.orgs.find_org(org).await?.is_none() {
        return Ok(skipped("the organisation is unknown"));
    }
    let plan = subscription.plan(event)?;
    let change = plan.map(|plan| (org, plan));
    if !cloud.orgs.apply_webhook(&id, change, timestamp.unwrap_or(sent_at)).await? {
        return Ok(skipped("handled before"));
    }
    if let Some(plan) = plan {
        tracing::info!(org.id = %org.0, plan = plan.as_str(), event, "a subscription changed the plan");
        cloud.revoke(Revocation::Org { id: org }).await;
    }
    Ok(Json(Taken { ok: true, skipped: None }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn plan(event: &str, status: &str, ends_later: bool) -> Option<Plan> {
        let data = serde_json::json!({
            "status": status,
            "cancel_at_period_end": ends_later,
            "product": {"name": "Traceway Pro", "metadata": {}},
        });
        serde_json::from_value::<Subscription>(data).unwrap().plan(event).unwrap()
    }

    #[test]
    fn events_change_the_plan_as_the_contract_lists() {
        for event in ["created", "active", "uncanceled", "updated"] {
            assert_eq!(plan(event, "active", false), Some(Plan::Pro), "{event}");
            assert_eq!(plan(event, "trialing", false), Some(Plan::Pro), "{event}");
            assert_eq!(plan(event, "past_due", false), None, "{event}");
        }
        assert_eq!(plan("updated", "canceled", false), Some(Plan::Free));
        assert_eq!(plan("updated", "canceled", true), None);
        assert_eq!(plan("updated", "active", true), Some(Plan::Pro));
        assert_eq!(plan("canceled", "active", true), None);
        assert_eq!(plan("canceled", "canceled", false), Some(Plan::Free));
        assert_eq!(plan("revoked", "canceled", true), Some(Plan::Free));
        assert_eq!(plan("past_due", "past_due", false), None);
    }

    #[test]
    fn secrets_are_read_in_both_ways() {
        assert_eq!(WebhookSecret::parse("whsec_c2VjcmV0").unwrap().0, [b"secret".to_vec()]);
        assert_eq!(WebhookSecret::parse("c2VjcmV0").unwrap().0, [b"c2VjcmV0".to_vec(), b"secret".to_vec()]);
        assert_eq!(WebhookSecret::parse("polar_whs_x").unwrap().0, [b"polar_whs_x".to_vec()]);
        for text in ["", " ", "whsec_", "whsec_!"] {
            assert!(WebhookSecret::parse(text).is_err(), "{text:?}");
        }
    }
}
