//! Reciprocal rank fusion of the lists of several queries.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::compile::Compiler;
use crate::error::{Failure, Outcome};
use crate::query::{Answer, Hit};
use crate::request::{Limit, Query, VectorEncoding};

#[derive(Deserialize)]
#[serde(default)]
struct Options {
    rank_constant: u32,
    weights: Option<Vec<f64>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { rank_constant: 60, weights: None }
    }
}

/// One list out of several: the earlier and the more often a document appears, the better.
pub(crate) fn fused(
    compiler: &Compiler<'_>,
    queries: &[Query],
    root: &Query,
    encoding: VectorEncoding,
) -> Outcome<Answer> {
    let options = options(root, queries)?;
    let lists: Vec<_> = queries.iter().map(|query| compiler.hits(query, encoding)).collect::<Outcome<_>>()?;
    let mut places: HashMap<u32, (f64, usize, usize)> = HashMap::new();
    for (number, list) in lists.iter().enumerate() {
        let weight = options.weights.as_ref().map_or(1.0, |weights| weights[number]);
        for (place, hit) in list.hits.iter().enumerate() {
            let rank = u32::try_from(place + 1).unwrap_or(u32::MAX);
            let score = weight / (f64::from(options.rank_constant) + f64::from(rank));
            places.entry(hit.slot).or_insert((0.0, number, place)).0 += score;
        }
    }
    let mut best: Vec<_> = places.into_values().collect();
    let row = |(_, list, place): &(f64, usize, usize)| &lists[*list].hits[*place].row.id;
    best.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| row(a).cmp(row(b))));
    let most = compiler.settings.limits.rows;
    let total = match (&root.limit, root.top_k) {
        (Some(Limit::Total(total) | Limit::Options { total, .. }), _) => *total,
        (None, Some(top_k)) => top_k,
        (None, None) if root.offset.is_some() => {
            return Err(Failure::invalid("💔 offset requires rerank_by and limit"));
        }
        (None, None) => most,
    };
    let mut bytes = 0;
    let shown = best.into_iter().skip(root.offset.unwrap_or(0)).take(total.min(most));
    let rows = shown.map(|(score, list, place)| {
        let hit = Hit { dist: Some(score), ..lists[list].hits[place].clone() };
        let (row, size) = lists[list].show(&hit);
        bytes += size;
        row
    });
    let content = rows.collect();
    Ok(Answer { name: "rows", content, bytes })
}

fn options(root: &Query, queries: &[Query]) -> Outcome<Options> {
    let parts = root.rerank_by.as_ref().and_then(Json::as_array).map(Vec::as_slice);
    let options = match parts {
        Some([Json::String(word)]) if word == "RRF" => Options::default(),
        Some([Json::String(word), options]) if word == "RRF" => serde_json::from_value(options.clone())
            .map_err(|error| Failure::unprocessable(error.to_string()))?,
        _ => return Err(Failure::invalid("💔 rerank_by of a multi-query expects [\"RRF\", …]")),
    };
    if queries.len() < 2 || queries.iter().any(|query| query.aggregate_by.is_some()) {
        return Err(Failure::invalid("💔 RRF requires at least two queries and no aggregates"));
    }
    if options.rank_constant == 0 {
        return Err(Failure::invalid("💔 rank_constant must be greater than zero"));
    }
    if let Some(weights) = &options.weights
        && (weights.len() != queries.len() || weights.iter().any(|weight| *weight <= 0.0))
    {
        return Err(Failure::invalid("💔 weights must be positive, one for each query"));
    }
    Ok(options)
}
