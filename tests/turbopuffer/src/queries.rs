//! Queries: several at once, their slots, and their bills.

use http::StatusCode;
use serde_json::{Map, Value as Json, json};

use crate::api::Call;
use crate::compile::Compiler;
use crate::error::{Failure, Outcome};
use crate::faults::Fault;
use crate::fusion::fused;
use crate::namespace::Namespace;
use crate::query::Answer;
use crate::reply::Reply;
use crate::request::{self, Level, Query, QueryRequest};
use crate::writes::LEAST_QUERIED;

/// What a request to query gives, before it becomes JSON.
struct Answered {
    content: Map<String, Json>,
    bytes_returned: u64,
    rows_returned: u64,
    queries: u64,
    namespace_bytes: u64,
    namespace_rows: usize,
    last_write_at: String,
}

impl Call<'_> {
    pub(crate) async fn query(&self) -> Outcome<Reply> {
        let request: QueryRequest = request::parse(&self.body)?;
        if let Some(Fault::IndexBuilding { status }) = self.fault {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::CONFLICT);
            let message = "💔 the index needed by this query is still being built; retry later";
            return Err(Failure::new(status, message));
        }
        let place = self.service.place(self.namespace);
        if place.read().is_none() {
            return Err(Failure::no_namespace(self.namespace));
        }
        let weight = match &request.queries {
            Some(queries) => queries.iter().map(Compiler::slots).sum(),
            None => Compiler::slots(&request.query),
        };
        let (slots, in_use) = place.take_slots(weight, &self.settings).await?;
        self.service.count(self.namespace, |tally| tally.most_slots = tally.most_slots.max(in_use));
        let is_cold = place.warm_up();
        let started = std::time::Instant::now();
        let mut latency = self.settings.latency.query.sample();
        if is_cold {
            latency += self.settings.latency.cold.sample();
        }
        tokio::time::sleep(latency).await;
        let answered = place
            .with_view(request.consistency, &self.settings, |namespace| self.answered(&request, namespace));
        let answered = answered.ok_or_else(|| Failure::no_namespace(self.namespace))??;
        drop(slots);
        let executed = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX).max(3);
        Ok(Reply::ok(&self.billed(answered, is_cold, executed)))
    }

    fn answered(&self, request: &QueryRequest, namespace: &Namespace) -> Outcome<Answered> {
        let (unindexed, _) = namespace.unindexed(&self.settings);
        if request.consistency.level == Level::Strong && unindexed > self.settings.limits.unindexed_bytes {
            let message = "🚦 too many bytes are not indexed yet for a strongly consistent query";
            return Err(Failure::throttled(message));
        }
        let compiler = Compiler {
            schema: &namespace.schema,
            rows: &namespace.rows,
            settings: &self.settings,
            has_incoming: false,
        };
        let mut answered = Answered {
            content: Map::new(),
            bytes_returned: 0,
            rows_returned: 0,
            queries: 1,
            namespace_bytes: namespace.rows.bytes(),
            namespace_rows: namespace.rows.len(),
            last_write_at: namespace.about.last_write_at.clone(),
        };
        let Some(queries) = &request.queries else {
            let answer = compiler.run(&request.query, request.vector_encoding)?;
            answered.add(&answer);
            answered.content.insert(answer.name.to_owned(), answer.content);
            return Ok(answered);
        };
        check_queries(queries, &request.query, self.settings.limits.sub_queries)?;
        answered.queries = queries.len() as u64;
        let results = if request.query.rerank_by.is_some() {
            let answer = fused(&compiler, queries, &request.query, request.vector_encoding)?;
            answered.add(&answer);
            vec![json!({answer.name: answer.content})]
        } else {
            let mut results = Vec::new();
            for query in queries {
                let answer = compiler.run(query, request.vector_encoding)?;
                answered.add(&answer);
                results.push(json!({answer.name: answer.content}));
            }
            results
        };
        answered.content.insert("results".to_owned(), Json::Array(results));
        Ok(answered)
    }

    fn billed(&self, answered: Answered, is_cold: bool, executed: u64) -> Json {
        let queried = answered.queries * answered.namespace_bytes.max(LEAST_QUERIED);
        self.service.count(self.namespace, |tally| {
            tally.queries += answered.queries;
            tally.rows_returned += answered.rows_returned;
            tally.bytes_queried += queried;
            tally.bytes_returned += answered.bytes_returned;
        });
        let is_cold = is_cold && self.settings.latency.cold.median_ms > 0.0;
        let mut content = answered.content;
        content.insert(
            "billing".to_owned(),
            json!({
                "billable_logical_bytes_queried": queried,
                "billable_logical_bytes_returned": answered.bytes_returned,
            }),
        );
        content.insert(
            "performance".to_owned(),
            json!({
                "cache_hit_ratio": if is_cold { 0.0 } else { 1.0 },
                "cache_temperature": if is_cold { "cold" } else { "hot" },
                "server_total_ms": self.millis(),
                "query_execution_ms": executed,
                "exhaustive_search_count": answered.namespace_rows,
                "approx_namespace_size": answered.namespace_rows,
                "last_included_write_at": answered.last_write_at,
            }),
        );
        Json::Object(content)
    }

    /// Says how a query would be run.
    pub(crate) fn explain(&self) -> Outcome<Reply> {
        let request: QueryRequest = request::parse(&self.body)?;
        let place = self.service.place(self.namespace);
        let guard = place.read();
        let namespace = guard.as_ref().ok_or_else(|| Failure::no_namespace(self.namespace))?;
        let compiler = Compiler {
            schema: &namespace.schema,
            rows: &namespace.rows,
            settings: &self.settings,
            has_incoming: false,
        };
        let filter = request.query.filters.as_ref().map(|filter| compiler.filter(filter)).transpose()?;
        if let Some(rank) = &request.query.rank_by {
            compiler.rank(rank, filter.is_some())?;
        }
        let most = namespace.rows.len() / 2;
        let plan =
            filter.as_ref().and_then(|filter| namespace.rows.candidates(filter, &namespace.schema, most));
        let plan = match plan {
            Some(slots) => format!("look at {} candidates found by index", slots.len()),
            None => format!("scan {} documents", namespace.rows.len()),
        };
        Ok(Reply::ok(&json!({"plan_text": plan})))
    }
}

impl Answered {
    fn add(&mut self, answer: &Answer) {
        self.bytes_returned += answer.bytes;
        if answer.name == "rows" {
            self.rows_returned += answer.content.as_array().map_or(0, |rows| rows.len() as u64);
        }
    }
}

fn check_queries(queries: &[Query], root: &Query, most: usize) -> Outcome<()> {
    if queries.is_empty() || queries.len() > most {
        let message = format!("💔 a multi-query has 1 to {most} queries, got {}", queries.len());
        return Err(Failure::invalid(message));
    }
    if root.rank_by.is_some() || root.filters.is_some() || root.aggregate_by.is_some() {
        return Err(Failure::invalid("💔 rank_by, filters and aggregate_by belong into the queries"));
    }
    if root.rerank_by.is_none() && (root.limit.is_some() || root.offset.is_some()) {
        return Err(Failure::invalid("💔 limit and offset of a multi-query require rerank_by"));
    }
    Ok(())
}
