//! Scores: BM25, attributes and filters, combined.

use std::collections::HashMap;

use serde_json::Value as Json;

use crate::compile::{Compiler, check_built, shown};
use crate::datetime;
use crate::error::{Failure, Outcome};
use crate::filter::Filter;
use crate::kind::{Kind, Scalar};
use crate::rows::{Field, Row, Slot};
use crate::value::Value;

/// How a document is scored; what is missing scores nothing.
#[derive(Debug)]
pub(crate) enum Score {
    Constant(f64),
    Text(HashMap<Slot, f64>),
    Sum(Vec<Score>),
    Max(Vec<Score>),
    Product(f64, Box<Score>),
    Filter(Filter),
    Attribute(Field),
    Distance { field: Field, origin: f64 },
    Saturate { of: Box<Score>, midpoint: f64, exponent: f64 },
    Decay { of: Box<Score>, midpoint: f64, exponent: f64 },
}

impl Score {
    /// The score of a document, or `None` when an attribute that it needs is missing.
    pub(crate) fn of(&self, slot: Slot, row: &Row) -> Option<f64> {
        match self {
            Self::Constant(number) => Some(*number),
            Self::Text(scores) => scores.get(&slot).copied(),
            Self::Sum(parts) => parts.iter().filter_map(|part| part.of(slot, row)).reduce(|a, b| a + b),
            Self::Max(parts) => parts.iter().filter_map(|part| part.of(slot, row)).reduce(f64::max),
            Self::Product(weight, part) => part.of(slot, row).map(|score| weight * score),
            Self::Filter(filter) => Some(if filter.matches(slot, row, None) { 1.0 } else { 0.0 }),
            Self::Attribute(field) => row.get(*field).and_then(Value::as_number),
            Self::Distance { field, origin } => {
                row.get(*field).and_then(Value::as_number).map(|number| (number - origin).abs())
            }
            Self::Saturate { of, midpoint, exponent } => {
                let (x, m) = (of.of(slot, row)?.powf(*exponent), midpoint.powf(*exponent));
                Some(x / (x + m))
            }
            Self::Decay { of, midpoint, exponent } => {
                let (x, m) = (of.of(slot, row)?.powf(*exponent), midpoint.powf(*exponent));
                Some(m / (x + m))
            }
        }
    }

    /// The only documents that can score above 0, unless any document can.
    pub(crate) fn slots(&self) -> Option<Vec<Slot>> {
        match self {
            Self::Text(scores) => Some(scores.keys().copied().collect()),
            Self::Product(_, part) => part.slots(),
            Self::Sum(parts) | Self::Max(parts) => {
                let lists: Option<Vec<_>> = parts.iter().map(Self::slots).collect();
                let mut slots = lists?.concat();
                slots.sort_unstable();
                slots.dedup();
                Some(slots)
            }
            Self::Constant(number) => (*number <= 0.0).then(Vec::new),
            Self::Filter(_)
            | Self::Attribute(_)
            | Self::Distance { .. }
            | Self::Saturate { .. }
            | Self::Decay { .. } => None,
        }
    }
}

impl Compiler<'_> {
    pub(crate) fn score(&self, json: &Json) -> Outcome<Score> {
        self.score_part(json, false)
    }

    fn score_part(&self, json: &Json, is_floored: bool) -> Outcome<Score> {
        if let Some(number) = json.as_f64() {
            return Ok(Score::Constant(number));
        }
        let parts = json.as_array().ok_or_else(|| malformed(json))?;
        match parts.as_slice() {
            [Json::String(word), Json::Array(clauses)] if word == "Sum" => {
                self.all(clauses, false).map(Score::Sum)
            }
            [Json::String(word), Json::Array(clauses)] if word == "Max" => self.max(clauses),
            [Json::String(word), clauses @ ..] if word == "Max" => self.max(clauses),
            [Json::String(word), Json::Number(weight), clause]
            | [Json::String(word), clause, Json::Number(weight)]
                if word == "Product" =>
            {
                let weight = weight.as_f64().filter(|weight| *weight >= 0.0);
                let weight = weight.ok_or_else(|| failure("Product expects a weight of at least 0"))?;
                Ok(Score::Product(weight, Box::new(self.score_part(clause, is_floored)?)))
            }
            [Json::String(word), Json::String(name)] if word == "Attribute" => {
                self.attribute(name, is_floored)
            }
            [Json::String(word), clause, origin] if word == "Dist" => self.distance(clause, origin),
            [Json::String(word), clause, options] if word == "Saturate" => {
                let (of, midpoint, exponent) = self.curve(clause, options)?;
                Ok(Score::Saturate { of, midpoint, exponent })
            }
            [Json::String(word), clause, options] if word == "Decay" => {
                let (of, midpoint, exponent) = self.curve(clause, options)?;
                Ok(Score::Decay { of, midpoint, exponent })
            }
            [Json::String(name), Json::String(word), query, options @ ..] if word == "BM25" => {
                let last_as_prefix = options.first().and_then(|options| options.get("last_as_prefix"));
                self.bm25(name, query, last_as_prefix == Some(&Json::Bool(true)))
            }
            _ => self.filter(json).map(Score::Filter),
        }
    }

    fn all(&self, clauses: &[Json], is_floored: bool) -> Outcome<Vec<Score>> {
        clauses.iter().map(|clause| self.score_part(clause, is_floored)).collect()
    }

    fn max(&self, clauses: &[Json]) -> Outcome<Score> {
        let clauses = match clauses {
            [Json::Number(_), Json::Array(inner)] if inner.first().is_some_and(Json::is_array) => {
                [&clauses[..1], inner].concat()
            }
            other => other.to_vec(),
        };
        let is_floored = clauses.iter().any(|clause| clause.as_f64().is_some_and(|number| number >= 0.0));
        self.all(&clauses, is_floored).map(Score::Max)
    }

    fn bm25(&self, name: &str, query: &Json, last_as_prefix: bool) -> Outcome<Score> {
        let attribute = self.schema.find(name).ok_or_else(|| unknown(name))?;
        let Some(analysis) = &attribute.full_text else {
            return Err(failure(&format!(
                "invalid rank_by: attribute `{name}` is not indexed for full-text search"
            )));
        };
        let words = analysis.query_tokens(query).ok_or_else(|| {
            let expected = if analysis.is_pre_tokenized() { "[]string" } else { "string" };
            let got = shown(query);
            failure(&format!("invalid input '{got}' for rank_by field \"{name}\", expecting {expected}"))
        })?;
        let limit = self.settings.limits.text_query_chars;
        if query.as_str().is_some_and(|query| query.chars().count() > limit) {
            return Err(failure(&format!("full-text queries have at most {limit} characters")));
        }
        check_built(attribute, self.settings)?;
        Ok(Score::Text(
            self.rows.with_text(attribute.column, analysis, |index| index.scores(&words, last_as_prefix)),
        ))
    }

    fn attribute(&self, name: &str, is_floored: bool) -> Outcome<Score> {
        let attribute = self.schema.find(name).ok_or_else(|| unknown(name))?;
        match attribute.kind {
            Kind::One(Scalar::Uint) => {}
            Kind::One(Scalar::Int | Scalar::Float) if is_floored => {}
            Kind::One(Scalar::Int | Scalar::Float) => {
                return Err(failure(&format!("signed attribute `{name}` must be inside [\"Max\", 0, …]")));
            }
            other => return Err(failure(&format!("attribute `{name}` of type {other} cannot be a score"))),
        }
        Ok(Score::Attribute(Field::Column(attribute.column)))
    }

    fn distance(&self, clause: &Json, origin: &Json) -> Outcome<Score> {
        let Some([Json::String(word), Json::String(name)]) = clause.as_array().map(Vec::as_slice) else {
            return Err(failure("Dist expects [\"Attribute\", name]"));
        };
        if word != "Attribute" {
            return Err(failure("Dist expects [\"Attribute\", name]"));
        }
        let attribute = self.schema.find(name).ok_or_else(|| unknown(name))?;
        let origin = match (attribute.kind, origin) {
            (Kind::One(Scalar::Datetime), Json::String(text)) => datetime::parse(text).map(Value::Datetime),
            (Kind::One(Scalar::Datetime | Scalar::Int | Scalar::Uint | Scalar::Float), number) => {
                number.as_f64().map(Value::Float)
            }
            _ => None,
        };
        let origin = origin.and_then(|origin| origin.as_number());
        let origin = origin.ok_or_else(|| {
            failure(&format!(
                "Dist from attribute `{name}` of type {} needs a matching origin",
                attribute.kind
            ))
        })?;
        Ok(Score::Distance { field: Field::Column(attribute.column), origin })
    }

    fn curve(&self, clause: &Json, options: &Json) -> Outcome<(Box<Score>, f64, f64)> {
        let midpoint = match options.get("midpoint") {
            Some(Json::String(length)) => datetime::parse_duration(length),
            Some(number) => number.as_f64(),
            None => None,
        };
        let midpoint = midpoint.filter(|midpoint| *midpoint > 0.0);
        let midpoint =
            midpoint.ok_or_else(|| failure("midpoint must be a positive number or length of time"))?;
        let exponent = match options.get("exponent") {
            None | Some(Json::Null) => Some(1.0),
            Some(number) => number.as_f64().filter(|exponent| *exponent > 0.0),
        };
        let exponent = exponent.ok_or_else(|| failure("exponent must be a positive number"))?;
        Ok((Box::new(self.score_part(clause, false)?), midpoint, exponent))
    }
}

fn failure(message: &str) -> Failure {
    Failure::invalid(format!("💔 {message}"))
}

fn unknown(name: &str) -> Failure {
    Failure::invalid(format!("rank_by error in key `{name}`: attribute not found"))
}

fn malformed(json: &Json) -> Failure {
    failure(&format!("invalid rank_by: {json}"))
}
