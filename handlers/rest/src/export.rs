//! `/api/export/json`: everything the project holds, streamed as one JSON document.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::Stream;
use http::header;
use serde::{Deserialize, Serialize};
use trace::filter::{Filter, ListQuery, SortBy, SortOrder};
use trace::id::{Scope, TraceId};
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
use crate::router::Deps;
use crate::spans::views;
use crate::view::{SpanView, TraceView};

/// Traces read at a time.
const TRACES: usize = 200;
/// Spans whose payloads are in memory at a time.
const SPANS: usize = 200;

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
#[utoipa::path(get, path = "/api/export/json", tag = "system", security(("bearer" = ["traces_read"])), params(ExportParams),
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
        None => Body::from_stream(document(reader, now)),
        Some(id) => {
            // An id that could not be one names no trace, as an unknown one.
            let trace = match TraceId::parse(&id) {
                Ok(id) => reader.spans.find_trace(&reader.scope, &id).await?,
                Err(_) => None,
            };
            Body::from_stream(one_trace(reader, now, trace))
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"traceway-export.json\""),
    ];
    Ok((headers, body).into_response())
}

struct Reader {
    spans: Arc<dyn SpanStore>,
    payloads: Arc<dyn PayloadStore>,
    scope: Scope,
}

impl Reader {
    async fn traces(
        &self,
        after: Option<trace::filter::Position>,
    ) -> Result<trace::filter::Page<Trace>, ApiError> {
        let query = ListQuery {
            filter: Filter::default(),
            sort_by: SortBy::StartedAt,
            sort_order: SortOrder::Asc,
            after,
            limit: TRACES,
        };
        Ok(self.spans.list_traces(&self.scope, &query).await?)
    }

    /// Streams `"<id>":[…spans…]`.
    fn member<'a>(&'a self, id: &'a TraceId) -> impl Stream<Item = Result<Bytes, ApiError>> + 'a {
        async_stream::try_stream! {
            let mut found = self.spans.list_of_traces(&self.scope, std::slice::from_ref(id)).await?.into_iter();
            yield piece(id)?;
            yield Bytes::from_static(b":[");
            let mut first = true;
            loop {
                let chunk: Vec<_> = found.by_ref().take(SPANS).collect();
                if chunk.is_empty() {
                    break;
                }
                let chunk = views(&*self.payloads, &self.scope, chunk, Payloads::Full).await?;
                yield joined(&chunk, &mut first)?;
            }
            yield Bytes::from_static(b"]");
        }
    }
}

fn document(reader: Reader, now: Timestamp) -> impl Stream<Item = Result<Bytes, ApiError>> {
    async_stream::try_stream! {
        yield head(now);
        let (mut after, mut first) = (None, true);
        loop {
            let page = reader.traces(after).await?;
            for trace in &page.items {
                if !std::mem::take(&mut first) {
                    yield Bytes::from_static(b",");
                }
                for await part in reader.member(&trace.id) {
                    yield part?;
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        yield Bytes::from_static(b"},\"trace_list\":[");
        let (mut after, mut first) = (None, true);
        loop {
            let page = reader.traces(after).await?;
            let list: Vec<TraceView> = page.items.into_iter().map(TraceView::from).collect();
            yield joined(&list, &mut first)?;
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
        if let Some(trace) = &trace {
            for await part in reader.member(&trace.id) {
                yield part?;
            }
        }
        yield Bytes::from_static(b"},\"trace_list\":[");
        if let Some(trace) = trace {
            yield piece(&TraceView::from(trace))?;
        }
        yield Bytes::from_static(b"],\"datasets\":[],\"datapoints\":[]}");
    }
}

fn head(now: Timestamp) -> Bytes {
    Bytes::from(format!("{{\"version\":1,\"exported_at\":\"{now}\",\"traces\":{{"))
}

fn piece<T: Serialize>(value: &T) -> Result<Bytes, ApiError> {
    serde_json::to_vec(value).map(Bytes::from).map_err(|_| ApiError::Internal)
}

/// Returns the values separated by commas, with one in front unless they are the `first` of their list.
fn joined<T: Serialize>(values: &[T], first: &mut bool) -> Result<Bytes, ApiError> {
    let mut out = Vec::new();
    for value in values {
        if !std::mem::take(first) {
            out.push(b',');
        }
        serde_json::to_writer(&mut out, value).map_err(|_| ApiError::Internal)?;
    }
    Ok(Bytes::from(out))
}
