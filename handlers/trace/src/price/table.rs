use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use serde::Deserialize;

use super::Entry;

static BUILTIN: LazyLock<Arc<HashMap<Box<str>, Entry>>> = LazyLock::new(|| {
    let files = [include_str!("../../data/model-prices.json"), include_str!("../../data/older-models.json")];
    let mut entries = HashMap::with_capacity(4096);
    for file in files {
        for (model, entry) in read(file).expect("the committed price files are sound") {
            entries.entry(model).or_insert(entry);
        }
    }
    Arc::new(entries)
});

/// No model name is longer than this; a longer text is not searched for a prefix.
const MAX_NAME: usize = 256;

/// The price table: models and what their tokens cost.
#[derive(Clone, Debug)]
pub struct Prices {
    builtin: Arc<HashMap<Box<str>, Entry>>,
    own: HashMap<Box<str>, Entry>,
}

/// A text that is no price table.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPrices {
    /// It is not a list of entries.
    #[error("a price table is a JSON array of objects with a model: {0}")]
    Json(#[from] serde_json::Error),
    /// An entry has no input or output price, or one below 0.
    #[error(
        "the prices of {0:?} must be numbers of US dollars per million tokens, with input or output given"
    )]
    Entry(String),
}

impl Default for Prices {
    fn default() -> Self {
        Self::builtin()
    }
}

impl Prices {
    /// Returns the built-in table. Read once per process, which takes a few milliseconds.
    pub fn builtin() -> Self {
        Self { builtin: Arc::clone(&BUILTIN), own: HashMap::new() }
    }

    /// Returns the built-in table under the entries of `json`, which has the same form.
    pub fn with_overrides(json: &str) -> Result<Self, InvalidPrices> {
        Ok(Self { own: read(json)?.into_iter().collect(), ..Self::builtin() })
    }

    /// Finds the entry of a model: of its whole name, else the longest that its name begins with, else the same for what
    /// follows its vendor.
    pub(super) fn find(&self, model: &str) -> Option<&Entry> {
        let name = model.to_lowercase();
        self.lookup(&name).or_else(|| self.lookup(name.rsplit_once('/')?.1))
    }

    fn lookup(&self, name: &str) -> Option<&Entry> {
        let get = |name: &str| self.own.get(name).or_else(|| self.builtin.get(name));
        if let Some(entry) = get(name) {
            return Some(entry);
        }
        if name.len() > MAX_NAME {
            return None;
        }
        let mut ends = name.char_indices().map(|(at, _)| at).rev().filter(|at| is_boundary(name, *at));
        ends.find_map(|end| get(&name[..end]))
    }
}

/// Returns whether a model name may end at `at` with a variant following: `gpt-4o` ends in `gpt-4o-2024-08-06`, but
/// `gpt-4` neither in `gpt-4o` nor in `gpt-4.5`, which are other models at other prices.
fn is_boundary(name: &str, at: usize) -> bool {
    let bytes = name.as_bytes();
    match bytes.get(at) {
        Some(b'.') => !bytes.get(at + 1).is_some_and(u8::is_ascii_digit),
        Some(byte) => !byte.is_ascii_alphanumeric() && byte.is_ascii(),
        None => true,
    }
}

#[derive(Deserialize)]
struct Named {
    model: String,
    #[serde(flatten)]
    entry: Entry,
}

/// Reads a table. Built-in entries without a price are left out, others are an error.
fn read(json: &str) -> Result<Vec<(Box<str>, Entry)>, InvalidPrices> {
    let named: Vec<Named> = serde_json::from_str(json)?;
    let checked = named.into_iter().map(|Named { model, entry }| {
        let name = model.to_lowercase().into_boxed_str();
        if entry.is_sound() { Ok((name, entry)) } else { Err(InvalidPrices::Entry(model)) }
    });
    checked.collect()
}
