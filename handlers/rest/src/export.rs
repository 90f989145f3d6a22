//! `/api/export/json`: everything the project holds, streamed as one JSON document.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::Stream;
use http::header;
use serde::{Deserialize, Serialize};
use trace::filter::{Filter, ListQuery, Page, Position, SortBy, SortOrder};
use trace::id::TraceId;
use trace::ports::{Clock, PayloadStore, SpanStore};
use trace::time::Timestamp;
use trace::trace::Trace;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::{Caller, TracesRead};
use crate::error::ApiError;
use crate::extract::Query;
use crate::filters::Payloads;
use crate::pieces::{Reader, body, join, traces_with_spans};
use crate::router::Deps;
use crate::view::{SpanView, TraceView};

/// Traces read at a time.
const TRACES: usize = 200;

pub(crate) fn routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new().routes(routes!(export))
}

/// What to export.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ExportParams {
    /// Only this trace, and no datasets.
    trace_id: Option<String>,
}

/// Everything the project holds.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a document that is streamed piece by piece")]
struct Export {
    version: u32,
    #[schema(value_type = String, format = DateTime)]
    exported_at: Timestamp,
    /// Spans by trace id, each list by start.
    #[schema(value_type = std::collections::HashMap<String, Vec<SpanView>>)]
    traces: (),
    trace_list: Vec<TraceView>,
    datasets: Vec<serde_json::Value>,
    datapoints: Vec<serde_json::Value>,
}

/// Streams everything as one JSON document. It ends early only when the store fails, which breaks the connection.
#[utoipa::path(get, path = "/api/export/json", tag = "system", security(("bearer" = ["traces_read"])),
    params(ExportParams),
    responses((status = 200, body = Export)))]
async fn export(
    State(spans): State<Arc<dyn SpanStore>>,
    State(payloads): State<Arc<dyn PayloadStore>>,
    State(clock): State<Arc<dyn Clock>>,
    caller: Caller<TracesRead>,
    Query(params): Query<ExportParams>,
) -> Result<Response, ApiError> {
    let reader = Reader { spans, payloads, scope: caller.scope };
    let now = clock.now();
    let body = match params.trace_id.filter(|id| !id.is_empty()) {
        None => body(document(reader, now)),
        Some(id) => {
            // An id that could not be one names no trace, as an unknown one.
            let trace = match TraceId::parse(&id) {
                Ok(id) => reader.spans.find_trace(&reader.scope, &id).await?,
                Err(_) => None,
            };
            body(one_trace(reader, now, trace))
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"traceway-export.json\""),
    ];
    Ok((headers, body).into_response())
}

async fn traces_after(reader: &Reader, after: Option<Position>) -> Result<Page<Trace>, ApiError> {
    let query = ListQuery {
        filter: Filter::default(),
        sort_by: SortBy::StartedAt,
        sort_order: SortOrder::Asc,
        after,
        limit: TRACES,
    };
    Ok(reader.spans.list_traces(&reader.scope, &query).await?)
}

/// Streams `"<id>":[…spans…]` for each trace.
fn members(reader: &Reader, traces: Vec<Trace>) -> impl Stream<Item = Result<Bytes, ApiError>> + use<> {
    let open = |trace: &Trace| {
        let mut piece = piece(&trace.id)?;
        piece.extend_from_slice(b":[");
        Ok(piece)
    };
    traces_with_spans(reader.clone(), traces, Payloads::Full, open, b"]")
}

fn document(reader: Reader, now: Timestamp) -> impl Stream<Item = Result<Bytes, ApiError>> {
    async_stream::try_stream! {
        yield head(now);
        let (mut after, mut first) = (None, true);
        loop {
            let page = traces_after(&reader, after).await?;
            if !page.items.is_empty() && !std::mem::take(&mut first) {
                yield Bytes::from_static(b",");
            }
            for await part in members(&reader, page.items) {
                yield part?;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        yield Bytes::from_static(b"},\"trace_list\":[");
        let (mut after, mut first) = (None, true);
        loop {
            let page = traces_after(&reader, after).await?;
            let list: Vec<TraceView> = page.items.into_iter().map(TraceView::from).collect();
            let mut piece = Vec::new();
            join(&mut piece, &list, &mut first)?;
            yield Bytes::from(piece);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        yield Bytes::from_static(b"],\"datasets\":[],\"datapoints\":[]}");
    }
}

fn one_trace(
    reader: Reader,
    now: Timestamp,
    trace: Option<Trace>,
) -> impl Stream<Item = Result<Bytes, ApiError>> {
    async_stream::try_stream! {
        yield head(now);
        for await part in members(&reader, trace.iter().cloned().collect()) {
            yield part?;
        }
        yield Bytes::from_static(b"},\"trace_list\":[");
        if let Some(trace) = trace {
            yield Bytes::from(piece(&TraceView::from(trace))?);
        }
        yield Bytes::from_static(b"],\"datasets\":[],\"datapoints\":[]}");
    }
}

fn head(now: Timestamp) -> Bytes {
    Bytes::from(format!("{{\"version\":1,\"exported_at\":\"{now}\",\"traces\":{{"))
}

fn piece<T: Serialize>(value: &T) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(value).map_err(|_| ApiError::Internal)
}
