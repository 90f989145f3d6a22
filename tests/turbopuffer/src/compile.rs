//! Reads filters and checks them against the schema.

use std::time::Instant;

use http::StatusCode;
use serde_json::Value as Json;

use crate::error::{Failure, Outcome};
use crate::filter::{Comparison, Filter, Operand};
use crate::kind::{Kind, Scalar};
use crate::matcher::Matcher;
use crate::rows::{Field, Rows};
use crate::schema::{Attribute, Schema};
use crate::settings::Settings;
use crate::value::Value;

/// What a filter is read against.
#[derive(Clone, Copy)]
pub(crate) struct Compiler<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) rows: &'a Rows,
    pub(crate) settings: &'a Settings,
    /// Whether `$ref_new` has a meaning: only in the condition of a write.
    pub(crate) has_incoming: bool,
}

/// One filter of three or four parts.
pub(crate) struct Clause<'a> {
    pub(crate) name: &'a str,
    pub(crate) operator: &'a str,
    pub(crate) operand: &'a Json,
    pub(crate) options: Option<&'a Json>,
}

/// An attribute that a filter names.
struct Target<'a> {
    field: Field,
    kind: Kind,
    attribute: Option<&'a Attribute>,
}

impl<'a> Compiler<'a> {
    pub(crate) fn filter(&self, json: &Json) -> Outcome<Filter> {
        let parts = json.as_array().ok_or_else(|| malformed(json))?;
        match parts.as_slice() {
            [Json::String(word), Json::Array(filters)] if word == "And" => {
                Ok(Filter::All(filters.iter().map(|one| self.filter(one)).collect::<Outcome<_>>()?))
            }
            [Json::String(word), Json::Array(filters)] if word == "Or" => {
                Ok(Filter::Any(filters.iter().map(|one| self.filter(one)).collect::<Outcome<_>>()?))
            }
            [Json::String(word), filter] if word == "Not" => Ok(Filter::Not(Box::new(self.filter(filter)?))),
            [Json::String(name), Json::String(operator), operand, options @ ..] if options.len() < 2 => {
                self.clause(&Clause { name, operator, operand, options: options.first() })
            }
            _ => Err(malformed(json)),
        }
    }

    fn clause(&self, clause: &Clause<'_>) -> Outcome<Filter> {
        let target = self.target(clause.name)?;
        if let Some(negated) = negated(clause.operator) {
            let positive = Clause { operator: negated, ..*clause };
            let filter = self.positive(&target, &positive, clause.operator)?;
            return Ok(Filter::Not(Box::new(filter)));
        }
        self.positive(&target, clause, clause.operator)
    }

    /// Compiles an operator that is no negation; `shown` is how the request spelled it.
    fn positive(&self, target: &Target<'_>, clause: &Clause<'_>, shown: &str) -> Outcome<Filter> {
        let filter = match clause.operator {
            "Eq" => self.compare(target, clause, Comparison::Equal, shown),
            "Lt" => self.compare(target, clause, Comparison::Less, shown),
            "Lte" => self.compare(target, clause, Comparison::AtMost, shown),
            "Gt" => self.compare(target, clause, Comparison::Greater, shown),
            "Gte" => self.compare(target, clause, Comparison::AtLeast, shown),
            "AnyLt" => self.any_element(target, clause, Comparison::Less),
            "AnyLte" => self.any_element(target, clause, Comparison::AtMost),
            "AnyGt" => self.any_element(target, clause, Comparison::Greater),
            "AnyGte" => self.any_element(target, clause, Comparison::AtLeast),
            "In" => is_in(target, clause, shown),
            "Contains" => self.contains(target, clause, shown),
            "ContainsAny" => contains_any(target, clause, shown),
            "Glob" | "IGlob" | "Regex" | "Fuzzy" => pattern(target, clause, shown),
            "ContainsAllTokens" | "ContainsAnyToken" | "ContainsTokenSequence" => self.tokens(target, clause),
            other => return Err(Failure::filter(clause.name, &format!("unknown operator `{other}`"))),
        }?;
        self.check_built(target)?;
        Ok(filter)
    }

    fn target(&self, name: &str) -> Outcome<Target<'a>> {
        if name == "id" {
            let kind = Kind::One(self.schema.id.unwrap_or(Scalar::Text));
            return Ok(Target { field: Field::Id, kind, attribute: None });
        }
        let attribute = self.schema.find(name);
        let attribute = attribute.ok_or_else(|| Failure::filter(name, "attribute not found"))?;
        Ok(Target {
            field: Field::Column(attribute.column),
            kind: attribute.kind,
            attribute: Some(attribute),
        })
    }

    fn compare(
        &self,
        target: &Target<'_>,
        clause: &Clause<'_>,
        comparison: Comparison,
        shown: &str,
    ) -> Outcome<Filter> {
        require_filterable(target, clause.name)?;
        let is_ordered = matches!(
            target.kind,
            Kind::One(
                Scalar::Text | Scalar::Int | Scalar::Uint | Scalar::Float | Scalar::Datetime | Scalar::Uuid
            )
        );
        if comparison != Comparison::Equal && !is_ordered {
            let message = format!("{shown} is not supported on type {}", target.kind);
            return Err(Failure::filter(clause.name, &message));
        }
        let operand = self.operand(target.kind, clause, shown)?;
        Ok(Filter::Compare { field: target.field, comparison, operand })
    }

    fn any_element(
        &self,
        target: &Target<'_>,
        clause: &Clause<'_>,
        comparison: Comparison,
    ) -> Outcome<Filter> {
        require_filterable(target, clause.name)?;
        let scalar = array_element(target, clause, clause.operator)?;
        let operand = self.operand(Kind::One(scalar), clause, clause.operator)?;
        Ok(Filter::AnyElement { field: target.field, comparison, operand })
    }

    fn contains(&self, target: &Target<'_>, clause: &Clause<'_>, shown: &str) -> Outcome<Filter> {
        require_filterable(target, clause.name)?;
        let scalar = array_element(target, clause, shown)?;
        if let Some(field) = self.incoming(clause.operand, clause.name)? {
            let (field, operand) = (target.field, Operand::Incoming(field));
            return Ok(Filter::AnyElement { field, comparison: Comparison::Equal, operand });
        }
        one_element(target, clause, scalar, shown)
    }

    fn tokens(&self, target: &Target<'_>, clause: &Clause<'_>) -> Outcome<Filter> {
        let full_text = target.attribute.and_then(|attribute| attribute.full_text.as_ref());
        let (Some(analysis), Field::Column(column)) = (full_text, target.field) else {
            let message = format!("{} requires the attribute to have full_text_search", clause.operator);
            return Err(Failure::filter(clause.name, &message));
        };
        let expected = if analysis.is_pre_tokenized() { "[]string" } else { "string" };
        let words = analysis.query_tokens(clause.operand);
        let words = words.ok_or_else(|| mismatch(clause.name, clause.operator, expected, clause.operand))?;
        let last_as_prefix =
            clause.options.and_then(|options| options.get("last_as_prefix")) == Some(&Json::Bool(true));
        let slots = match clause.operator {
            "ContainsAllTokens" => {
                self.rows.with_text(column, analysis, |index| index.with_all(&words, last_as_prefix))
            }
            "ContainsAnyToken" => {
                self.rows.with_text(column, analysis, |index| index.with_any(&words, last_as_prefix))
            }
            _ => self.rows.with_phrase(column, analysis, &words),
        };
        Ok(Filter::Slots(slots))
    }

    fn operand(&self, kind: Kind, clause: &Clause<'_>, shown: &str) -> Outcome<Operand> {
        if clause.operand.is_null() {
            return Ok(Operand::Value(None));
        }
        if let Some(field) = self.incoming(clause.operand, clause.name)? {
            let other = self.kind_of(field);
            if !is_comparable(kind, other) {
                let message = format!("type mismatch, {shown} expects {kind}, but got {other}");
                return Err(Failure::filter(clause.name, &message));
            }
            return Ok(Operand::Incoming(field));
        }
        let value = Value::parse(clause.operand, kind);
        let value = value.ok_or_else(|| mismatch(clause.name, shown, &kind.to_string(), clause.operand))?;
        Ok(Operand::Value(Some(value)))
    }

    /// Reads `{"$ref_new": "attribute"}`.
    fn incoming(&self, operand: &Json, name: &str) -> Outcome<Option<Field>> {
        let Some(reference) = operand.as_object().and_then(|operand| operand.get("$ref_new")) else {
            return Ok(None);
        };
        if !self.has_incoming {
            return Err(Failure::filter(name, "$ref_new can only be used in the condition of a write"));
        }
        let reference =
            reference.as_str().ok_or_else(|| Failure::filter(name, "$ref_new expects an attribute name"))?;
        Ok(Some(self.target(reference)?.field))
    }

    fn kind_of(&self, field: Field) -> Kind {
        let by_column = |column| self.schema.iter().find(|(_, attribute)| attribute.column == column);
        match field {
            Field::Id => Kind::One(self.schema.id.unwrap_or(Scalar::Text)),
            Field::Column(column) => by_column(column).map_or(Kind::Bytes, |(_, attribute)| attribute.kind),
        }
    }

    fn check_built(&self, target: &Target<'_>) -> Outcome<()> {
        match target.attribute {
            Some(attribute) => check_built(attribute, self.settings),
            None => Ok(()),
        }
    }
}

/// Refuses a query whose index is not built yet.
pub(crate) fn check_built(attribute: &Attribute, settings: &Settings) -> Outcome<()> {
    if attribute.building_until.is_none_or(|until| Instant::now() >= until) {
        return Ok(());
    }
    let status = StatusCode::from_u16(settings.index_building_status).unwrap_or(StatusCode::CONFLICT);
    Err(Failure::new(status, "💔 the index needed by this query is still being built; retry later"))
}

fn negated(operator: &str) -> Option<&'static str> {
    Some(match operator {
        "NotEq" => "Eq",
        "NotIn" => "In",
        "NotContains" => "Contains",
        "NotContainsAny" => "ContainsAny",
        "NotGlob" => "Glob",
        "NotIGlob" => "IGlob",
        _ => return None,
    })
}

fn require_filterable(target: &Target<'_>, name: &str) -> Outcome<()> {
    match target.attribute {
        Some(attribute) if attribute.filterable != Some(true) => {
            Err(Failure::filter(name, "attribute is not filterable"))
        }
        _ => Ok(()),
    }
}

fn is_in(target: &Target<'_>, clause: &Clause<'_>, shown: &str) -> Outcome<Filter> {
    require_filterable(target, clause.name)?;
    match target.kind {
        Kind::One(scalar) => one_of(target, clause, scalar, shown),
        Kind::Many(scalar) if clause.operand.is_array() => one_of(target, clause, scalar, shown),
        // A bare operand is accepted for arrays.
        Kind::Many(scalar) => one_element(target, clause, scalar, shown),
        other => Err(Failure::filter(clause.name, &format!("{shown} is not supported on type {other}"))),
    }
}

fn contains_any(target: &Target<'_>, clause: &Clause<'_>, shown: &str) -> Outcome<Filter> {
    require_filterable(target, clause.name)?;
    let scalar = array_element(target, clause, shown)?;
    one_of(target, clause, scalar, shown)
}

fn pattern(target: &Target<'_>, clause: &Clause<'_>, shown: &str) -> Outcome<Filter> {
    let mismatch = || mismatch(clause.name, shown, "string", clause.operand);
    if !target.kind.is_text() {
        let message = format!("{shown} is not supported on type {}", target.kind);
        return Err(Failure::filter(clause.name, &message));
    }
    let (is_indexed, index) = match (clause.operator, target.attribute) {
        (_, None) => (true, "filterable"),
        ("Regex", Some(attribute)) => (attribute.regex, "regex"),
        ("Fuzzy", Some(attribute)) => (attribute.fuzzy, "fuzzy"),
        (_, Some(attribute)) => (attribute.glob || attribute.filterable == Some(true), "glob"),
    };
    if !is_indexed {
        let message = format!("{shown} requires the attribute to be indexed with `{index}: true`");
        return Err(Failure::filter(clause.name, &message));
    }
    let text = clause.operand.as_str().ok_or_else(mismatch)?;
    let matcher = match clause.operator {
        "Glob" => Matcher::glob(text, false),
        "IGlob" => Matcher::glob(text, true),
        "Regex" => Matcher::regex(text),
        _ => {
            let Some(matcher) = fuzzy(text, clause)? else { return Ok(Filter::Any(Vec::new())) };
            Ok(matcher)
        }
    };
    let matcher = matcher.map_err(|error| Failure::filter(clause.name, &error))?;
    Ok(Filter::Matches { field: target.field, matcher })
}

fn array_element(target: &Target<'_>, clause: &Clause<'_>, shown: &str) -> Outcome<Scalar> {
    match target.kind {
        Kind::Many(scalar) => Ok(scalar),
        other => {
            Err(Failure::filter(clause.name, &format!("{shown} requires an array, but the type is {other}")))
        }
    }
}

fn one_of(target: &Target<'_>, clause: &Clause<'_>, scalar: Scalar, shown: &str) -> Outcome<Filter> {
    let kind = Kind::Many(scalar);
    let mismatch = || mismatch(clause.name, shown, &kind.to_string(), clause.operand);
    let items = clause.operand.as_array().ok_or_else(mismatch)?;
    let or_missing = items.iter().any(Json::is_null);
    let present = items.iter().filter(|item| !item.is_null());
    let values: Option<Vec<_>> = present.map(|item| Value::parse_scalar(item, scalar)).collect();
    let mut values = values.ok_or_else(mismatch)?;
    values.sort_unstable();
    values.dedup();
    Ok(Filter::OneOf { field: target.field, values, or_missing })
}

fn one_element(target: &Target<'_>, clause: &Clause<'_>, scalar: Scalar, shown: &str) -> Outcome<Filter> {
    let value = Value::parse_scalar(clause.operand, scalar);
    let value = value.ok_or_else(|| mismatch(clause.name, shown, scalar.name(), clause.operand))?;
    Ok(Filter::OneOf { field: target.field, values: vec![value], or_missing: false })
}

/// The matcher of a `Fuzzy` filter; `None` when the query is too short for any distance.
fn fuzzy(query: &str, clause: &Clause<'_>) -> Outcome<Option<Matcher>> {
    let thresholds = clause.options.and_then(|options| options.get("max_edit_distance")?.as_array());
    let thresholds =
        thresholds.ok_or_else(|| Failure::filter(clause.name, "Fuzzy expects max_edit_distance"))?;
    let length = query.chars().count() as u64;
    let mut allowed = None;
    for threshold in thresholds {
        let number = |key: &str| threshold.get(key).and_then(Json::as_u64);
        let (Some(chars), Some(distance)) = (number("min_query_chars"), number("distance")) else {
            return Err(Failure::filter(clause.name, "Fuzzy expects min_query_chars and distance"));
        };
        if distance > 2 || chars < 3 * (distance + 1) {
            let message = "distance must be 0 to 2 and min_query_chars at least 3 * (distance + 1)";
            return Err(Failure::filter(clause.name, message));
        }
        if length >= chars {
            allowed = allowed.max(Some(distance));
        }
    }
    let case_sensitive =
        clause.options.and_then(|options| options.get("case_sensitive")) != Some(&Json::Bool(false));
    let distance = allowed.and_then(|distance| usize::try_from(distance).ok());
    Ok(distance.map(|distance| Matcher::fuzzy(query, distance, case_sensitive)))
}

fn is_comparable(a: Kind, b: Kind) -> bool {
    let is_number = |kind| matches!(kind, Kind::One(Scalar::Int | Scalar::Uint | Scalar::Float));
    a == b || (is_number(a) && is_number(b))
}

fn malformed(json: &Json) -> Failure {
    Failure::invalid(format!("invalid filter: expected [attribute, operator, value], got {json}"))
}

pub(crate) fn mismatch(name: &str, operator: &str, expected: &str, got: &Json) -> Failure {
    let got = shown(got);
    Failure::filter(name, &format!("type mismatch, {operator} expects {expected}, but got '{got}'"))
}

/// A value as the service shows it in messages: without quotes, arrays in brackets.
pub(crate) fn shown(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
