//! Documents on their way in: typed and checked against every limit.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::error::{Failure, Outcome};
use crate::kind::{Kind, Scalar};
use crate::request::{Columns, JsonRow};
use crate::rows::Row;
use crate::schema::{Attribute, Column, Schema};
use crate::settings::Limits;
use crate::value::Value;

/// Attributes to set on a document, or to remove from it.
pub(crate) struct Incoming {
    pub(crate) id: Value,
    pub(crate) changes: Vec<(Column, Option<Value>)>,
}

/// Reads documents and extends the schema by what it learns from them.
pub(crate) struct Parser<'a> {
    pub(crate) schema: &'a mut Schema,
    /// Whether the namespace already holds documents, so that no vector can be added.
    pub(crate) has_rows: bool,
    pub(crate) limits: &'a Limits,
}

impl Parser<'_> {
    pub(crate) fn upserts(
        &mut self,
        rows: Option<&[JsonRow]>,
        columns: Option<&Columns>,
    ) -> Outcome<Vec<Row>> {
        let rows = all_rows(rows, columns, "upsert")?;
        rows.iter().map(|row| self.upsert(row)).collect()
    }

    pub(crate) fn patches(
        &mut self,
        rows: Option<&[JsonRow]>,
        columns: Option<&Columns>,
    ) -> Outcome<Vec<Incoming>> {
        let rows = all_rows(rows, columns, "patch")?;
        rows.iter().map(|row| Ok(Incoming { id: self.id_of(row)?, changes: self.changes(row)? })).collect()
    }

    /// Reads an id, whose type the first id of a namespace fixes.
    pub(crate) fn id(&mut self, json: &Json) -> Outcome<Value> {
        let sent = match json {
            Json::String(_) => Scalar::Text,
            Json::Number(number) if number.is_u64() => Scalar::Uint,
            other => {
                let message = format!("💔 invalid document ID {other}: expected a uint, a uuid or a string");
                return Err(Failure::invalid(message));
            }
        };
        let kind = *self.schema.id.get_or_insert(sent);
        let value = Value::parse_scalar(json, kind).ok_or_else(|| {
            Failure::invalid(format!(
                "💔 namespace ID type is {}, but you sent {}; all IDs of a namespace have one type: {json}",
                kind.name(),
                sent.name()
            ))
        })?;
        let most = self.limits.id_bytes;
        if value.as_text().is_some_and(|id| id.len() > most || id.is_empty()) {
            return Err(Failure::invalid(format!("💔 document ID must have 1 to {most} bytes: {json}")));
        }
        Ok(value)
    }

    /// Reads the attributes of a patch.
    pub(crate) fn changes(&mut self, row: &JsonRow) -> Outcome<Vec<(Column, Option<Value>)>> {
        let mut changes = Vec::with_capacity(row.len());
        for (name, json) in row.iter().filter(|(name, _)| *name != "id") {
            if self.schema.find(name).is_some_and(|attribute| attribute.kind.is_vector()) {
                return Err(Failure::invalid("💔 patching vectors is currently unsupported"));
            }
            if let Some((column, value)) = self.cell(name, json)? {
                changes.push((column, value));
            }
        }
        Ok(changes)
    }

    fn upsert(&mut self, row: &JsonRow) -> Outcome<Row> {
        let id = self.id_of(row)?;
        let mut cells = Vec::with_capacity(row.len());
        for (name, json) in row.iter().filter(|(name, _)| *name != "id") {
            if let Some((column, Some(value))) = self.cell(name, json)? {
                cells.push((column, value));
            }
        }
        let row = Row::new(id, cells);
        if row.bytes() > self.limits.row_bytes {
            let (id, size, most) = (row.id.to_json(), row.bytes(), self.limits.row_bytes);
            return Err(Failure::invalid(format!("💔 document {id} has {size} bytes, more than {most}")));
        }
        Ok(row)
    }

    fn id_of(&mut self, row: &JsonRow) -> Outcome<Value> {
        let id = row.get("id").ok_or_else(|| Failure::unprocessable("missing field `id`"))?;
        self.id(id)
    }

    /// Reads one attribute; `None` when it is null and its type is unknown.
    fn cell(&mut self, name: &str, json: &Json) -> Outcome<Option<(Column, Option<Value>)>> {
        if json.is_null() || is_untyped(json) {
            let known = self.schema.find(name);
            let value = known.and_then(|attribute| Value::parse(json, attribute.kind));
            return Ok(known.map(|attribute| (attribute.column, value)));
        }
        let attribute = self.schema.infer(name, json, self.has_rows, self.limits)?;
        let value = Value::parse(json, attribute.kind).ok_or_else(|| {
            Failure::invalid(format!(
                "💔 attribute `{name}`: type mismatch, expected {}, but got {}",
                attribute.kind,
                shortened(json)
            ))
        })?;
        check_size(name, attribute, &value, self.limits)?;
        Ok(Some((attribute.column, Some(value))))
    }
}

/// An empty array tells nothing about the type of its elements.
fn is_untyped(json: &Json) -> bool {
    json.as_array().is_some_and(Vec::is_empty)
}

fn check_size(name: &str, attribute: &Attribute, value: &Value, limits: &Limits) -> Outcome<()> {
    let size = value.bytes();
    if size > limits.value_bytes && !attribute.kind.is_vector() {
        let most = limits.value_bytes;
        return Err(Failure::invalid(format!("💔 attribute `{name}` has {size} bytes, more than {most}")));
    }
    let is_inverted = attribute.filterable == Some(true) && !matches!(attribute.kind, Kind::Bytes);
    let largest = value.elements().iter().map(Value::bytes).max().unwrap_or(0);
    if is_inverted && largest > limits.filterable_bytes {
        let most = limits.filterable_bytes;
        return Err(Failure::invalid(format!(
            "💔 filterable attribute `{name}` has a value of {largest} bytes, more than {most}; \
             set `filterable: false` to store it"
        )));
    }
    Ok(())
}

fn all_rows<'a>(
    rows: Option<&'a [JsonRow]>,
    columns: Option<&Columns>,
    name: &str,
) -> Outcome<Cow<'a, [JsonRow]>> {
    match (rows, columns) {
        (Some(_), Some(_)) => {
            Err(Failure::invalid(format!("💔 give either {name}_rows or {name}_columns, not both")))
        }
        (Some(rows), None) => Ok(Cow::Borrowed(rows)),
        (None, Some(columns)) => from_columns(columns).map(Cow::Owned),
        (None, None) => Ok(Cow::Borrowed(&[])),
    }
}

fn from_columns(columns: &Columns) -> Outcome<Vec<JsonRow>> {
    let ids = columns.get("id").ok_or_else(|| Failure::unprocessable("missing field `id`"))?;
    for (name, values) in columns {
        if values.len() != ids.len() {
            let (found, wanted) = (values.len(), ids.len());
            let message = format!("💔 column `{name}` has {found} values, but there are {wanted} IDs");
            return Err(Failure::invalid(message));
        }
    }
    let row = |place: usize| columns.iter().map(move |(name, values)| (name.clone(), values[place].clone()));
    Ok((0..ids.len()).map(|place| row(place).collect()).collect())
}

fn shortened(json: &Json) -> String {
    let text = json.to_string();
    match text.char_indices().nth(100) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
