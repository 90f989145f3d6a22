//! `/api/org/usage`: what has been used of what the plan allows.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use trace::ports::Clock;
use trace::time::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::{Caller, Known};
use crate::cloud::InCloud;
use crate::error::{ApiError, ErrorBody};
use crate::extract::Json;
use crate::router::Deps;

pub(crate) fn routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new().routes(routes!(get_usage))
}

/// What the organisation has used since the month began.
#[derive(Serialize, ToSchema)]
#[schema(as = Usage)]
struct UsageView {
    #[schema(value_type = String, format = DateTime)]
    period_start: Timestamp,
    spans: Metered,
    traces: Counted,
    eval_runs: Counted,
    storage_bytes: u64,
    members: Metered,
    api_keys: Metered,
}

/// How many, of how many.
#[derive(Serialize, ToSchema)]
#[schema(as = Metered)]
struct Metered {
    used: u64,
    /// `null` is unlimited.
    #[schema(required)]
    limit: Option<u64>,
}

/// How many.
#[derive(Serialize, ToSchema)]
#[schema(as = Counted)]
struct Counted {
    used: u64,
}

/// Returns the first moment of the calendar month.
fn month_of(now: Timestamp) -> Timestamp {
    let day = now.to_string();
    Timestamp::parse(&format!("{}-01", &day[..7])).unwrap_or(now)
}

/// Returns what the organisation has used. Deleting spans does not lower their number.
#[utoipa::path(get, path = "/api/org/usage", tag = "org", security(("bearer" = [])),
    responses((status = 200, body = UsageView), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn get_usage(
    InCloud(cloud): InCloud,
    State(clock): State<Arc<dyn Clock>>,
    caller: Caller<Known>,
) -> Result<Json<UsageView>, ApiError> {
    let (id, now) = (caller.scope.org, clock.now());
    let limits = cloud.org(id).await?.plan.limits();
    let used = cloud.meter.usage(id, now).await?;
    let invites = cloud.invites.list_invites(id, now).await?.len();
    let members = cloud.orgs.list_members(id).await?.len() + invites;
    let keys = cloud.keys.list_keys(id).await?.len();
    Ok(Json(UsageView {
        period_start: month_of(now),
        spans: Metered { used: used.spans, limit: limits.spans_per_month },
        traces: Counted { used: used.traces },
        eval_runs: Counted { used: used.eval_runs },
        storage_bytes: used.storage_bytes,
        members: Metered { used: members as u64, limit: limits.max_team_members },
        api_keys: Metered { used: keys as u64, limit: limits.max_api_keys },
    }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_month_begins_on_its_first_day_in_utc() {
        let now = Timestamp::parse("2025-02-28T23:59:59.999999Z").unwrap();
        assert_eq!(month_of(now).to_string(), "2025-02-01T00:00:00Z");
    }
}
