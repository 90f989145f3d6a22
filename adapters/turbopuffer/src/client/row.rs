use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trace::ports::StoreError;
use uuid::Uuid;

/// A row, on its way in or out: its id and its attributes by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Row(Map<String, Value>);

impl Row {
    /// Returns an empty row.
    pub fn new(id: Uuid) -> Self {
        let mut row = Self(Map::with_capacity(32));
        row.set("id", id.to_string());
        row
    }

    /// Sets an attribute.
    pub fn set(&mut self, attribute: &'static str, value: impl Into<Value>) {
        self.0.insert(attribute.to_owned(), value.into());
    }

    /// Sets an attribute when there is a value.
    pub fn set_some(&mut self, attribute: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(attribute, value);
        }
    }

    /// Returns the id.
    pub fn id(&self) -> Result<Uuid, StoreError> {
        self.uuid("id")
    }

    /// Returns an attribute that is an id.
    pub fn uuid(&self, attribute: &'static str) -> Result<Uuid, StoreError> {
        Uuid::parse_str(self.text(attribute)?).map_err(|error| StoreError::corrupt("row", error))
    }

    /// Returns an attribute that is text.
    pub fn text(&self, attribute: &'static str) -> Result<&str, StoreError> {
        self.find_text(attribute).ok_or_else(|| missing(attribute))
    }

    /// Returns an attribute that is text, or `None` when the row lacks it.
    pub fn find_text(&self, attribute: &'static str) -> Option<&str> {
        self.0.get(attribute)?.as_str()
    }

    /// Takes an attribute that is text out of the row.
    pub fn take_text(&mut self, attribute: &'static str) -> Option<String> {
        match self.0.get_mut(attribute)?.take() {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Takes an attribute that lists texts out of the row.
    pub fn take_texts(&mut self, attribute: &'static str) -> Vec<String> {
        let Some(Value::Array(values)) = self.0.get_mut(attribute).map(Value::take) else {
            return Vec::new();
        };
        let text = |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        };
        values.into_iter().filter_map(text).collect()
    }

    /// Returns an attribute that is a whole number.
    pub fn integer(&self, attribute: &'static str) -> Result<i64, StoreError> {
        self.0.get(attribute).and_then(Value::as_i64).ok_or_else(|| missing(attribute))
    }

    /// Returns an attribute that is a whole number not below 0.
    pub fn unsigned(&self, attribute: &'static str) -> Result<u64, StoreError> {
        self.0.get(attribute).and_then(Value::as_u64).ok_or_else(|| missing(attribute))
    }

    /// Returns whether an attribute is there and true.
    pub fn flag(&self, attribute: &'static str) -> bool {
        self.0.get(attribute) == Some(&Value::Bool(true))
    }
}

fn missing(attribute: &'static str) -> StoreError {
    StoreError::corrupt("row", format!("attribute {attribute} is missing or of another type"))
}
