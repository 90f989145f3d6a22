//! `/api/analytics/summary`: what all spans add up to.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use trace::filter::Filter;
use trace::ports::{Clock, ModelRow, Rollups, Summary, SummaryQuery};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::{AnalyticsRead, Caller};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Json, Query};
use crate::filters;
use crate::router::Deps;

pub(crate) fn routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new().routes(routes!(summary))
}

/// Which spans.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SummaryParams {
    /// The query language.
    q: Option<String>,
    /// Started at or after: RFC 3339, a date, or `<n>s|m|h|d` ago.
    since: Option<String>,
    /// Started at or before.
    until: Option<String>,
}

/// What the selected spans add up to.
#[derive(Serialize, ToSchema)]
#[schema(as = AnalyticsSummary)]
struct SummaryView {
    total_traces: u64,
    total_spans: u64,
    total_llm_calls: u64,
    /// US dollars.
    total_cost: f64,
    total_tokens: u64,
    /// Mean duration of ended spans in milliseconds; null when none has ended.
    #[schema(required)]
    avg_latency_ms: Option<f64>,
    error_count: u64,
    /// Failed spans divided by spans.
    error_rate: f64,
    /// By model.
    models: BTreeMap<String, ModelUse>,
    models_used: Vec<String>,
    providers_used: Vec<String>,
    /// The dearest model first.
    cost_by_model: Vec<ModelCost>,
    /// The model with most tokens first.
    tokens_by_model: Vec<ModelTokens>,
}

/// How much a model was used.
#[derive(Clone, Default, Serialize, ToSchema)]
struct ModelUse {
    count: u64,
    /// US dollars.
    cost: f64,
    tokens: u64,
}

/// What a model cost.
#[derive(Serialize, ToSchema)]
struct ModelCost {
    model: String,
    /// US dollars.
    cost: f64,
    span_count: u64,
}

/// The tokens of a model.
#[derive(Clone, Default, Serialize, ToSchema)]
struct ModelTokens {
    model: String,
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
}

impl From<Summary> for SummaryView {
    fn from(summary: Summary) -> Self {
        let mut by_model: BTreeMap<String, (ModelUse, ModelTokens)> = BTreeMap::new();
        let mut by_provider: BTreeMap<String, u64> = BTreeMap::new();
        for row in summary.models {
            add(&mut by_model, &mut by_provider, row);
        }
        let tokens = by_model.values().map(|(used, _)| used.tokens).sum();
        let mut cost_by_model: Vec<ModelCost> = by_model
            .iter()
            .map(|(model, (used, _))| ModelCost {
                model: model.clone(),
                cost: used.cost,
                span_count: used.count,
            })
            .collect();
        cost_by_model.sort_by(|a, b| b.cost.total_cmp(&a.cost));
        let mut tokens_by_model: Vec<ModelTokens> =
            by_model.values().map(|(_, tokens)| tokens.clone()).collect();
        tokens_by_model.sort_by_key(|row| std::cmp::Reverse(row.total_tokens));
        let mut models_used: Vec<(&String, u64)> =
            by_model.iter().map(|(model, (used, _))| (model, used.count)).collect();
        models_used.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let models_used = models_used.into_iter().map(|(model, _)| model.clone()).collect();
        let mut providers_used: Vec<(String, u64)> = by_provider.into_iter().collect();
        providers_used.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Self {
            total_traces: summary.traces,
            total_spans: summary.spans,
            total_llm_calls: summary.llm_calls,
            total_cost: summary.cost,
            total_tokens: tokens,
            avg_latency_ms: summary.avg_latency_ms,
            error_count: summary.failed,
            error_rate: ratio(summary.failed, summary.spans),
            models: by_model.into_iter().map(|(model, (used, _))| (model, used)).collect(),
            models_used,
            providers_used: providers_used.into_iter().map(|(provider, _)| provider).collect(),
            cost_by_model,
            tokens_by_model,
        }
    }
}

fn add(
    models: &mut BTreeMap<String, (ModelUse, ModelTokens)>,
    providers: &mut BTreeMap<String, u64>,
    row: ModelRow,
) {
    if let Some(provider) = row.provider {
        *providers.entry(provider).or_default() += row.calls;
    }
    let (used, tokens) = models.entry(row.model.clone()).or_default();
    let total = row.input_tokens + row.output_tokens;
    used.count += row.calls;
    used.cost += row.cost;
    used.tokens += total;
    tokens.model = row.model;
    tokens.input_tokens += row.input_tokens;
    tokens.output_tokens += row.output_tokens;
    tokens.total_tokens += total;
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Returns what the selected spans add up to.
#[utoipa::path(get, path = "/api/analytics/summary", tag = "analytics", security(("bearer" = ["analytics_read"])),
    params(SummaryParams),
    responses((status = 200, body = SummaryView), (status = 400, body = ErrorBody)))]
async fn summary(
    State(rollups): State<Arc<dyn Rollups>>,
    State(clock): State<Arc<dyn Clock>>,
    caller: Caller<AnalyticsRead>,
    Query(params): Query<SummaryParams>,
) -> Result<Json<SummaryView>, ApiError> {
    let now = clock.now();
    let mut filter = Filter::default();
    filters::since_until(&mut filter, params.since.as_deref(), params.until.as_deref(), now)?;
    filters::language(&mut filter, params.q.as_deref(), now)?;
    let summary = rollups.summary(&caller.scope, &SummaryQuery { filter }).await?;
    Ok(Json(summary.into()))
}
