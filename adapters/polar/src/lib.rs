//! Plans sold through Polar.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use trace::id::OrgId;
use trace::identity::Plan;
use trace::ports::{Billing, BillingError, Checkout};

/// Where Polar is.
pub const BASE_URL: &str = "https://api.polar.sh";

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The products of the plans that can be bought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Products {
    /// The product of the pro plan.
    pub pro: Option<String>,
    /// The product of the team plan.
    pub team: Option<String>,
}

/// Sells plans through Polar's HTTP API.
#[derive(Clone)]
pub struct Polar {
    client: reqwest::Client,
    base_url: String,
    access_token: String,
    products: Products,
}

impl fmt::Debug for Polar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Polar");
        debug.field("base_url", &self.base_url).field("products", &self.products).finish_non_exhaustive()
    }
}

/// The client could not be built.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the HTTP client for Polar")]
pub struct SetupError(#[from] reqwest::Error);

#[derive(Serialize)]
struct NewCheckout<'a> {
    products: [&'a str; 1],
    success_url: &'a str,
    seats: u64,
    customer_email: &'a str,
    external_customer_id: String,
    metadata: Metadata,
}

#[derive(Serialize)]
struct Metadata {
    org_id: String,
}

#[derive(Deserialize)]
struct CheckoutAnswer {
    url: String,
}

#[derive(Serialize)]
struct NewSession {
    external_customer_id: String,
}

#[derive(Deserialize)]
struct SessionAnswer {
    customer_portal_url: String,
}

/// What came of a call that did not succeed.
enum Failure {
    Status(StatusCode, String),
    Transport(String),
}

impl From<Failure> for BillingError {
    fn from(failure: Failure) -> Self {
        Self::Failed(match failure {
            Failure::Status(status, body) => format!("{status}: {body}"),
            Failure::Transport(error) => error,
        })
    }
}

impl Polar {
    /// Returns billing that finds Polar at `base_url`, which is [`BASE_URL`] but for tests.
    pub fn new(base_url: &str, access_token: String, products: Products) -> Result<Self, SetupError> {
        // A redirect would turn the POST into a GET.
        let client = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none());
        let base_url = base_url.trim_end_matches('/').to_owned();
        Ok(Self { client: client.build()?, base_url, access_token, products })
    }

    async fn post<T: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let transport = |error: reqwest::Error| Failure::Transport(error.to_string());
        let request = self.client.post(format!("{}{path}", self.base_url)).bearer_auth(&self.access_token);
        let response = request.json(body).send().await.map_err(transport)?;
        let status = response.status();
        if status.is_success() {
            return response.json().await.map_err(transport);
        }
        let told = response.text().await.unwrap_or_default();
        Err(Failure::Status(status, told.chars().take(500).collect()))
    }
}

#[async_trait]
impl Billing for Polar {
    async fn checkout(&self, checkout: Checkout) -> Result<String, BillingError> {
        let product = match checkout.plan {
            Plan::Pro => self.products.pro.as_deref(),
            Plan::Team => self.products.team.as_deref(),
            Plan::Free | Plan::Enterprise => None,
        };
        let body = NewCheckout {
            products: [product.ok_or(BillingError::NoProduct)?],
            success_url: &checkout.success_url,
            seats: checkout.seats,
            customer_email: checkout.email.as_str(),
            external_customer_id: checkout.org.0.to_string(),
            metadata: Metadata { org_id: checkout.org.0.to_string() },
        };
        let answer: CheckoutAnswer = self.post("/v1/checkouts/", &body).await?;
        Ok(answer.url)
    }

    async fn portal(&self, org: OrgId) -> Result<String, BillingError> {
        let body = NewSession { external_customer_id: org.0.to_string() };
        let answer: Result<SessionAnswer, Failure> = self.post("/v1/customer-sessions/", &body).await;
        match answer {
            Ok(answer) => Ok(answer.customer_portal_url),
            // Polar validates the customer before anything else, so both say that there is none.
            Err(Failure::Status(StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY, _)) => {
                Err(BillingError::UnknownCustomer)
            }
            Err(failure) => Err(failure.into()),
        }
    }
}
