//! Query parameters of lists, as terms of the one filter.

use serde::Deserialize;
use trace::filter::{Filter, NumberField, Range, SortBy, SortOrder, Test, TextField};
use trace::query::{self, Query};
use trace::span::StatusWord;
use trace::time::Timestamp;
use utoipa::IntoParams;

use crate::error::ApiError;

/// Whether inputs and outputs are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payloads {
    /// With `input` and `output`.
    Full,
    /// Without, which is what lists on a screen need.
    None,
}

/// Whether inputs and outputs are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PayloadChoice {
    /// `full` (default), or `none` to leave `input` and `output` out.
    payload: Option<String>,
}

impl PayloadChoice {
    pub(crate) fn parse(&self) -> Result<Payloads, ApiError> {
        payloads(self.payload.as_deref())
    }
}

pub(crate) fn payloads(text: Option<&str>) -> Result<Payloads, ApiError> {
    match given(text) {
        None | Some("full") => Ok(Payloads::Full),
        Some("none") => Ok(Payloads::None),
        Some(_) => Err(ApiError::field("payload", "payload must be full or none")),
    }
}

/// An empty parameter says nothing, as if it were absent.
fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

pub(crate) fn language(filter: &mut Filter, q: Option<&str>, now: Timestamp) -> Result<Query, ApiError> {
    let parsed = query::parse(q.unwrap_or_default(), now)
        .map_err(|error| ApiError::InvalidQuery { field: error.field, message: error.message })?;
    filter.terms.extend(parsed.filter.terms.iter().cloned());
    filter.relative.extend(parsed.filter.relative.iter().cloned());
    Ok(parsed)
}

pub(crate) fn since_until(
    filter: &mut Filter,
    since: Option<&str>,
    until: Option<&str>,
    now: Timestamp,
) -> Result<(), ApiError> {
    let mut time = |field: &str, text: &str| {
        filter.relative.extend(query::relative_time(text, now));
        query::parse_time(text, now).ok_or_else(|| {
            ApiError::field(
                field,
                format!("{field} must be a time such as 2025-03-01T10:00:00Z, a date, or 24h"),
            )
        })
    };
    let since = given(since).map(|text| time("since", text)).transpose()?;
    let until = given(until).map(|text| time("until", text)).transpose()?;
    for test in since.map(Test::Since).into_iter().chain(until.map(Test::Until)) {
        filter.and(test);
    }
    Ok(())
}

pub(crate) fn status(filter: &mut Filter, text: Option<&str>) -> Result<(), ApiError> {
    if let Some(text) = given(text) {
        let word = StatusWord::parse(text)
            .ok_or_else(|| ApiError::field("status", "status must be running, completed or failed"))?;
        filter.and(Test::Status(word));
    }
    Ok(())
}

fn text(filter: &mut Filter, value: Option<String>, test: impl FnOnce(String) -> Test) {
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        filter.and(test(value));
    }
}

pub(crate) fn name(filter: &mut Filter, value: Option<String>) {
    text(filter, value, Test::Name);
}

pub(crate) fn tag(filter: &mut Filter, value: Option<String>) {
    text(filter, value, Test::Tag);
}

pub(crate) fn session(filter: &mut Filter, value: Option<String>) {
    text(filter, value, Test::Session);
}

pub(crate) fn model(filter: &mut Filter, value: Option<String>) {
    text(filter, value, Test::Model);
}

pub(crate) fn provider(filter: &mut Filter, value: Option<String>) {
    text(filter, value, Test::Provider);
}

pub(crate) fn kind(filter: &mut Filter, value: Option<String>) {
    text(filter, value, Test::Kind);
}

pub(crate) fn path(filter: &mut Filter, value: Option<String>) {
    text(filter, value, Test::Path);
}

pub(crate) fn contains(filter: &mut Filter, field: TextField, value: Option<String>) {
    text(filter, value, |needle| Test::Text(field, needle));
}

pub(crate) fn trace(filter: &mut Filter, value: Option<&str>) -> Result<(), ApiError> {
    if let Some(value) = given(value) {
        let id = trace::id::TraceId::parse(value)
            .map_err(|error| ApiError::field("trace_id", error.to_string()))?;
        filter.and(Test::Trace(id));
    }
    Ok(())
}

/// Adds an inclusive bound of a number, read from the parameter `name`.
pub(crate) fn bound(
    filter: &mut Filter,
    field: NumberField,
    name: &str,
    value: Option<&str>,
    range: fn(f64) -> Range,
) -> Result<(), ApiError> {
    if let Some(text) = given(value) {
        let number: f64 = text
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .ok_or_else(|| ApiError::field(name, format!("{name} must be a number")))?;
        filter.and(Test::Number(field, range(number)));
    }
    Ok(())
}

/// Returns what a list is sorted by: what the parameter says, else what the query asks for, else the start.
pub(crate) fn sort_by(
    text: Option<&str>,
    asked: Option<SortBy>,
    known: &[SortBy],
) -> Result<SortBy, ApiError> {
    let words = || known.iter().map(|sort| sort.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(unknown) = asked.filter(|sort| !known.contains(sort)) {
        let message = format!("sort: {} is none of {}", unknown.as_str(), words());
        return Err(ApiError::InvalidQuery { field: "sort".to_owned(), message });
    }
    let Some(text) = given(text) else {
        return Ok(asked.unwrap_or_default());
    };
    let found = known.iter().copied().find(|sort| sort.as_str() == text);
    found.ok_or_else(|| ApiError::field("sort_by", format!("sort_by must be one of {}", words())))
}

/// Refuses an order that a query asks of a list which has only the one that `known` says.
pub(crate) fn unsorted(query: &Query, known: &str) -> Result<(), ApiError> {
    let asked = query.sort_by.map(|_| "sort").or(query.sort_order.map(|_| "order"));
    let Some(field) = asked else { return Ok(()) };
    Err(ApiError::InvalidQuery { field: field.to_owned(), message: format!("{field}: {known}") })
}

pub(crate) fn sort_order(text: Option<&str>) -> Result<Option<SortOrder>, ApiError> {
    match given(text) {
        None => Ok(None),
        Some("asc") => Ok(Some(SortOrder::Asc)),
        Some("desc") => Ok(Some(SortOrder::Desc)),
        Some(_) => Err(ApiError::field("sort_order", "sort_order must be asc or desc")),
    }
}
