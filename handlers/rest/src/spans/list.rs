use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trace::filter::{Filter, NumberField, Range, SortBy, SortOrder, TextField};
use trace::ports::{Clock, PayloadStore, SpanStore};
use trace::time::Timestamp;
use utoipa::{IntoParams, ToSchema};

use crate::caller::{Caller, TracesRead};
use crate::error::{ApiError, ErrorBody};
use crate::extract::Query;
use crate::filters;
use crate::page::List;
use crate::pieces::{Reader, spans_and};
use crate::view::SpanView;

/// Which spans, in which order.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SpanParams {
    /// The query language.
    q: Option<String>,
    /// The trace, exactly.
    trace_id: Option<String>,
    /// The session, exactly.
    session_id: Option<String>,
    /// Part of a tag of the trace.
    tag: Option<String>,
    /// The kind's type, or a custom kind's own word.
    kind: Option<String>,
    /// The model, exactly.
    model: Option<String>,
    /// The provider, exactly.
    provider: Option<String>,
    /// `running`, `completed` or `failed`.
    status: Option<String>,
    /// Started at or after: RFC 3339, a date, or `<n>s|m|h|d` ago.
    since: Option<String>,
    /// Started at or before.
    until: Option<String>,
    /// Text in the name, any case.
    name_contains: Option<String>,
    /// Text in name, input or output, any case.
    text_contains: Option<String>,
    /// Text in the input, any case.
    input_contains: Option<String>,
    /// Text in the output, any case.
    output_contains: Option<String>,
    /// Milliseconds, inclusive; running spans never match.
    #[param(value_type = Option<f64>)]
    duration_min: Option<String>,
    /// Milliseconds, inclusive; running spans never match.
    #[param(value_type = Option<f64>)]
    duration_max: Option<String>,
    /// Input and output tokens together, inclusive.
    #[param(value_type = Option<f64>)]
    tokens_min: Option<String>,
    /// Input and output tokens together, inclusive.
    #[param(value_type = Option<f64>)]
    tokens_max: Option<String>,
    /// US dollars, inclusive.
    #[param(value_type = Option<f64>)]
    cost_min: Option<String>,
    /// US dollars, inclusive.
    #[param(value_type = Option<f64>)]
    cost_max: Option<String>,
    /// The path of a file span, exactly.
    path: Option<String>,
    /// `started_at` (default), `duration`, `tokens`, `cost` or `name`.
    sort_by: Option<String>,
    /// `asc` or `desc` (default).
    sort_order: Option<String>,
    /// 1 to 1000, 50 by default.
    #[param(value_type = Option<u64>, minimum = 1)]
    limit: Option<String>,
    /// From the page before.
    cursor: Option<String>,
    /// `full` (default), or `none` to leave `input` and `output` out.
    payload: Option<String>,
}

/// One page of spans.
#[derive(Serialize, ToSchema)]
pub(super) struct SpanPage {
    // Empty here: they are sent ahead of the other members, piece by piece.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required)]
    spans: Vec<SpanView>,
    /// Rows on this page.
    count: usize,
    #[schema(required)]
    cursor: Option<String>,
    /// The same as `cursor`.
    #[schema(required)]
    next_cursor: Option<String>,
    has_more: bool,
    /// Rows on all pages, where that is cheap to know.
    #[schema(required)]
    total: Option<u64>,
}

const SORTS: &[SortBy] = &[SortBy::StartedAt, SortBy::Duration, SortBy::Tokens, SortBy::Cost, SortBy::Name];

/// A number's field, the parameter that bounds it, its text, and which side it bounds.
type Bound<'a> = (NumberField, &'a str, &'a Option<String>, fn(f64) -> Range);

impl SpanParams {
    /// Returns the filter of the parameters and `q`, and the sort that `q` asks for.
    fn filter(&self, now: Timestamp) -> Result<(Filter, Option<SortBy>, Option<SortOrder>), ApiError> {
        let mut filter = Filter::default();
        filters::trace(&mut filter, self.trace_id.as_deref())?;
        filters::session(&mut filter, self.session_id.clone());
        filters::tag(&mut filter, self.tag.clone());
        filters::kind(&mut filter, self.kind.clone());
        filters::model(&mut filter, self.model.clone());
        filters::provider(&mut filter, self.provider.clone());
        filters::status(&mut filter, self.status.as_deref())?;
        filters::since_until(&mut filter, self.since.as_deref(), self.until.as_deref(), now)?;
        filters::name(&mut filter, self.name_contains.clone());
        filters::contains(&mut filter, TextField::Anywhere, self.text_contains.clone());
        filters::contains(&mut filter, TextField::Input, self.input_contains.clone());
        filters::contains(&mut filter, TextField::Output, self.output_contains.clone());
        let bounds: [Bound<'_>; 6] = [
            (NumberField::Duration, "duration_min", &self.duration_min, Range::at_least),
            (NumberField::Duration, "duration_max", &self.duration_max, Range::at_most),
            (NumberField::Tokens, "tokens_min", &self.tokens_min, Range::at_least),
            (NumberField::Tokens, "tokens_max", &self.tokens_max, Range::at_most),
            (NumberField::Cost, "cost_min", &self.cost_min, Range::at_least),
            (NumberField::Cost, "cost_max", &self.cost_max, Range::at_most),
        ];
        for (field, name, value, range) in bounds {
            filters::bound(&mut filter, field, name, value.as_deref(), range)?;
        }
        filters::path(&mut filter, self.path.clone());
        let language = filters::language(&mut filter, self.q.as_deref(), now)?;
        Ok((filter, language.sort_by, language.sort_order))
    }
}

/// Lists spans, the newest first. All filters must hold.
#[utoipa::path(get, path = "/api/spans", tag = "spans", security(("bearer" = ["traces_read"])), params(SpanParams),
    responses((status = 200, body = SpanPage), (status = 400, body = ErrorBody)))]
pub(super) async fn list_spans(
    State(spans): State<Arc<dyn SpanStore>>,
    State(payloads): State<Arc<dyn PayloadStore>>,
    State(clock): State<Arc<dyn Clock>>,
    caller: Caller<TracesRead>,
    Query(params): Query<SpanParams>,
) -> Result<Response, ApiError> {
    let choice = filters::payloads(params.payload.as_deref())?;
    let (filter, asked_by, asked_order) = params.filter(clock.now())?;
    let sort_by = filters::sort_by(params.sort_by.as_deref(), asked_by, SORTS)?;
    let sort_order = filters::sort_order(params.sort_order.as_deref())?.or(asked_order).unwrap_or_default();
    let query =
        List::Spans.query(filter, sort_by, sort_order, params.limit.as_deref(), params.cursor.as_deref())?;
    let found = spans.list(&caller.scope, &query).await?;
    let cursor = found.next.as_ref().map(|position| List::Spans.cursor(position, &query));
    let rest = SpanPage {
        spans: Vec::new(),
        count: found.items.len(),
        has_more: cursor.is_some(),
        next_cursor: cursor.clone(),
        cursor,
        total: found.total,
    };
    spans_and(Reader { spans, payloads, scope: caller.scope }, found.items, choice, &rest).await
}
