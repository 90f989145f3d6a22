//! What `rank_by` can ask for.

use serde_json::Value as Json;

use crate::compile::Compiler;
use crate::error::{Failure, Outcome};
use crate::kind::Kind;
use crate::order::OrderKey;
use crate::rows::{Field, Row};
use crate::schema::{Attribute, Column};
use crate::score::Score;
use crate::value::Value;
use crate::vector::{self, Metric};

/// How documents are ranked.
#[derive(Debug)]
pub(crate) enum Rank {
    Order(Vec<OrderKey>),
    Nearest(Nearest),
    Score(Score),
}

/// Nearness to a vector.
#[derive(Debug)]
pub(crate) struct Nearest {
    column: Column,
    to: Value,
    metric: Metric,
}

impl Nearest {
    pub(crate) fn distance(&self, row: &Row) -> Option<f64> {
        Some(match (&self.to, row.column(self.column)?) {
            (Value::Vector(query), Value::Vector(stored)) => vector::distance(query, stored, self.metric),
            // Several query vectors: the nearest of them counts.
            (Value::Vectors(queries), Value::Vector(stored)) => queries
                .iter()
                .map(|query| vector::distance(query, stored, self.metric))
                .fold(f64::INFINITY, f64::min),
            (Value::Vectors(query), Value::Vectors(stored)) => vector::late_interaction(query, stored),
            (Value::Sparse(query), Value::Sparse(stored)) => {
                let weight = |dim: &str| stored.iter().find(|(other, _)| **other == *dim).map(|(_, w)| *w);
                let shared = query.iter().filter_map(|(dim, a)| Some((*a, weight(dim)?)));
                shared.map(|(a, b)| f64::from(a) * f64::from(b)).reduce(|a, b| a + b)?
            }
            _ => return None,
        })
    }

    /// A dot product is the better, the larger.
    pub(crate) fn is_descending(&self) -> bool {
        matches!(self.to, Value::Sparse(_))
    }
}

impl Compiler<'_> {
    pub(crate) fn rank(&self, json: &Json, is_filtered: bool) -> Outcome<Rank> {
        let parts = json.as_array().ok_or_else(|| malformed(json))?;
        match parts.as_slice() {
            [] => Err(malformed(json)),
            [Json::Array(_), ..] => self.order(parts).map(Rank::Order),
            [Json::String(_), Json::String(word)] if word == "asc" || word == "desc" => {
                self.order(std::slice::from_ref(json)).map(Rank::Order)
            }
            [Json::String(name), Json::String(word), operand] if word == "ANN" || word == "SparseKNN" => {
                self.nearest(name, operand).map(Rank::Nearest)
            }
            [Json::String(name), Json::String(word), operand] if word == "kNN" => {
                if !is_filtered {
                    return Err(Failure::invalid("💔 kNN requires filters"));
                }
                self.nearest(name, operand).map(Rank::Nearest)
            }
            _ => self.score(json).map(Rank::Score),
        }
    }

    pub(crate) fn order_key(&self, json: &Json) -> Outcome<OrderKey> {
        let Some([Json::String(name), Json::String(direction)]) = json.as_array().map(Vec::as_slice) else {
            return Err(malformed(json));
        };
        let is_descending = match direction.as_str() {
            "asc" => false,
            "desc" => true,
            _ => return Err(malformed(json)),
        };
        if name == "id" {
            return Ok(OrderKey { field: Field::Id, is_descending });
        }
        let attribute = self.attribute_of(name)?;
        if !matches!(attribute.kind, Kind::One(_)) {
            let message =
                format!("💔 rank_by error in key `{name}`: type {} cannot be ordered", attribute.kind);
            return Err(Failure::invalid(message));
        }
        if attribute.filterable != Some(true) {
            let message = format!("💔 rank_by error in key `{name}`: attribute is not filterable");
            return Err(Failure::invalid(message));
        }
        crate::compile::check_built(attribute, self.settings)?;
        Ok(OrderKey { field: Field::Column(attribute.column), is_descending })
    }

    pub(crate) fn nearest(&self, name: &str, operand: &Json) -> Outcome<Nearest> {
        let attribute = self.attribute_of(name)?;
        if operand.get(0).and_then(Json::as_str) == Some("Embed") {
            return Err(Failure::invalid("💔 Embed: no embedding model is available"));
        }
        let is_several = operand.get(0).is_some_and(Json::is_array);
        let kind = match attribute.kind {
            Kind::Vector { dims, .. } if is_several => Kind::Vectors { dims },
            other => other,
        };
        if !kind.is_vector() {
            let message = format!("💔 rank_by error in key `{name}`: type {kind} is not a vector");
            return Err(Failure::invalid(message));
        }
        let to = Value::parse(operand, kind).ok_or_else(|| {
            Failure::invalid(format!("💔 invalid vector for rank_by field \"{name}\", expecting {kind}"))
        })?;
        let metric = attribute.metric.or(self.schema.metric).unwrap_or(Metric::CosineDistance);
        Ok(Nearest { column: attribute.column, to, metric })
    }

    fn attribute_of(&self, name: &str) -> Outcome<&Attribute> {
        self.schema
            .find(name)
            .ok_or_else(|| Failure::invalid(format!("rank_by error in key `{name}`: attribute not found")))
    }
}

fn malformed(json: &Json) -> Failure {
    Failure::invalid(format!("💔 invalid rank_by: {json}"))
}
