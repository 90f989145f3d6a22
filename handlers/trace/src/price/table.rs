use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use serde::Deserialize;

use super::Entry;

static BUILTIN: LazyLock<Arc<HashMap<Box<str>, Entry>>> = LazyLock::new(|| {
    let files = [include_str!("../../data/model-prices.json"), include_str!("../../data/older-models.json")];
    let read = |file| read(file).expect("the committed price files are sound");
    let entries: Vec<_> =
        files.into_iter().flat_map(read).filter(|(model, entry)| is_known(model, entry)).collect();
    Arc::new(entries.into_iter().collect())
});

/// Returns whether a built-in entry says what a call costs.
///
/// What fine-tuned models cost depends on more than their name. A plain name that costs nothing is one whose price its
/// collectors did not know, unlike `ollama/llama3` and other names of models that are free where they run.
fn is_known(model: &str, entry: &Entry) -> bool {
    !model.starts_with("ft:") && (model.contains('/') || !entry.is_free())
}

/// No entry that is longer, in bytes, is found as a prefix.
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
    /// An entry has no name, no input or output price, or a price that is none.
    #[error(
        "the prices of {0:?} must be US dollars per million tokens, from 0 to 1e9, with input or output given"
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
        let searched = &name[..name.floor_char_boundary(MAX_NAME)];
        let ends = searched.char_indices().map(|(at, _)| at).rev().filter(|at| is_boundary(name, *at));
        ends.map(|end| &name[..end]).find_map(get)
    }
}

/// Returns whether a model name may end at `at` with a variant following: `gpt-4o` ends in `gpt-4o-2024-08-06`, but
/// `gpt-4` neither in `gpt-4o` nor in `gpt-4.5`, which are other models at other prices.
fn is_boundary(name: &str, at: usize) -> bool {
    let (before, after) = name.as_bytes().split_at(at);
    let Some(last) = before.last() else { return false };
    let separates = |byte: &u8| byte.is_ascii() && !byte.is_ascii_alphanumeric();
    match after {
        [b'.', digit, ..] if digit.is_ascii_digit() => false,
        [next, ..] => separates(next) || separates(last),
        [] => true,
    }
}

#[derive(Deserialize)]
struct Named {
    model: String,
    #[serde(flatten)]
    entry: Entry,
}

/// Reads a table, in which every entry has a name and a price.
fn read(json: &str) -> Result<Vec<(Box<str>, Entry)>, InvalidPrices> {
    let named: Vec<Named> = serde_json::from_str(json)?;
    let checked = named.into_iter().map(|Named { model, entry }| {
        let name = model.to_lowercase().into_boxed_str();
        if entry.is_sound() && !name.is_empty() {
            Ok((name, entry))
        } else {
            Err(InvalidPrices::Entry(model))
        }
    });
    checked.collect()
}
