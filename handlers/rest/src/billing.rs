//! `/api/billing`: buying a plan, managing it, and hearing from the billing service.

mod webhook;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use trace::identity::Plan;
use trace::ports::{Billing, BillingError, Checkout};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::webhook::{InvalidWebhookSecret, WebhookSecret};
use crate::caller::{Admin, Session};
use crate::cloud::{Cloud, InCloud};
use crate::error::{ApiError, ErrorBody};
use crate::extract::Json;
use crate::router::Deps;

pub(crate) fn routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new().routes(routes!(check_out)).routes(routes!(open_portal))
}

/// Routes that need no credentials: webhooks carry a signature.
pub(crate) fn open_routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new().routes(routes!(webhook::take_webhook))
}

/// What to buy.
#[derive(Deserialize, ToSchema)]
struct Purchase {
    /// `pro` or `team`.
    plan: String,
}

/// Where to go on in the browser.
#[derive(Serialize, ToSchema)]
struct Destination {
    url: String,
}

impl From<BillingError> for ApiError {
    fn from(error: BillingError) -> Self {
        match error {
            BillingError::UnknownCustomer => Self::NotFound("subscription"),
            BillingError::NoProduct => Self::Unavailable("this plan is not for sale here"),
            BillingError::Failed(_) => Self::BadGateway { what: "the billing service", source: error.into() },
        }
    }
}

fn billing(cloud: &Cloud) -> Result<&Arc<dyn Billing>, ApiError> {
    cloud.billing.as_ref().ok_or(ApiError::Unavailable("billing is not configured on this server"))
}

/// Returns the URL where the plan can be bought.
#[utoipa::path(post, path = "/api/billing/checkout", tag = "billing", security(("session" = ["admin"])),
    request_body = Purchase,
    responses((status = 200, body = Destination), (status = 400, body = ErrorBody), (status = 502, body = ErrorBody),
        (status = 503, body = ErrorBody)))]
async fn check_out(
    session: Session<Admin>,
    InCloud(cloud): InCloud,
    Json(purchase): Json<Purchase>,
) -> Result<Json<Destination>, ApiError> {
    let plan = Plan::parse(&purchase.plan).ok().filter(|plan| matches!(plan, Plan::Pro | Plan::Team));
    let plan = plan.ok_or_else(|| ApiError::field("plan", "pro and team can be bought"))?;
    let billing = billing(&cloud)?;
    let members = cloud.orgs.list_members(session.scope.org).await?.len();
    let checkout = Checkout {
        org: session.scope.org,
        plan,
        seats: (members as u64).max(1),
        email: session.user.email,
        success_url: format!("{}/settings/billing?checkout=success", cloud.site.app_url),
    };
    Ok(Json(Destination { url: billing.checkout(checkout).await? }))
}

/// Returns the URL where payment method, invoices and the subscription can be managed.
#[utoipa::path(post, path = "/api/billing/portal", tag = "billing", security(("session" = ["admin"])),
    responses((status = 200, body = Destination), (status = 404, body = ErrorBody), (status = 502, body = ErrorBody),
        (status = 503, body = ErrorBody)))]
async fn open_portal(
    session: Session<Admin>,
    InCloud(cloud): InCloud,
) -> Result<Json<Destination>, ApiError> {
    Ok(Json(Destination { url: billing(&cloud)?.portal(session.scope.org).await? }))
}
