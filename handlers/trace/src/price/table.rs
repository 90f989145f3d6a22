use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use serde::Deserialize;

use super::{Entry, seller};

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

    /// Finds the entry of a call whose model has the given names, the most telling first: the first whose whole name has an
    /// entry of one's own, else the first that has any.
    pub(super) fn find<'a>(
        &self,
        models: impl IntoIterator<Item = &'a str>,
        provider: Option<&str>,
    ) -> Option<&Entry> {
        let mut first = None;
        for found in models.into_iter().filter_map(|model| self.find_model(model, provider)) {
            if found.is_own && found.is_whole {
                return Some(found.entry);
            }
            first = first.or(Some(found.entry));
        }
        first
    }

    /// Finds the entry of a model: that of what its provider sells by this name or of the name itself, whichever stands for
    /// more of it; of two that stand for as much one's own, else the provider's.
    fn find_model(&self, model: &str, provider: Option<&str>) -> Option<Found<'_>> {
        let name = model.to_lowercase();
        let is_local = provider.is_some_and(seller::is_local);
        let builtin = if is_local { None } else { Some(&*self.builtin) };
        let tables = Tables { own: &self.own, builtin };
        let vendor = provider.filter(|provider| !provider.is_empty()).map(seller::vendor);
        let sold = vendor.as_ref().map(|vendor| format!("{vendor}/{name}"));
        // No entry stands for more than a whole name, which is found at once: this runs for every span shown.
        let whole = |text: &str| tables.get(text, text.len());
        if let Some(found) = sold.as_deref().and_then(whole).filter(|found| found.is_own) {
            return Some(found);
        }
        let exact = whole(&name);
        if let Some(found) = exact.filter(|found| found.is_own || sold.as_deref().and_then(whole).is_none()) {
            return Some(found);
        }
        let sold = sold.zip(vendor).and_then(|(sold, vendor)| {
            let found = tables.lookup(&sold)?;
            // An entry that ends within the vendor says nothing of the model.
            let length = found.length.checked_sub(vendor.len() + 1)?;
            Some(Found { length, ..found })
        });
        let named = tables.lookup(&name).or_else(|| {
            let (vendor, model) = name.rsplit_once('/')?;
            let found = tables.lookup(model)?;
            Some(Found { length: vendor.len() + 1 + found.length, ..found })
        });
        match (sold, named) {
            (Some(sold), Some(named)) => {
                let tells_more = (named.length, named.is_own) > (sold.length, sold.is_own);
                Some(if tells_more { named } else { sold })
            }
            (sold, named) => sold.or(named),
        }
    }
}

/// The entries that may price a model.
struct Tables<'a> {
    own: &'a HashMap<Box<str>, Entry>,
    builtin: Option<&'a HashMap<Box<str>, Entry>>,
}

/// An entry that was found.
#[derive(Clone, Copy)]
struct Found<'a> {
    entry: &'a Entry,
    is_own: bool,
    /// How much of the name it stands for.
    length: usize,
    is_whole: bool,
}

impl<'a> Tables<'a> {
    /// Returns the entry of the first `end` bytes of a name.
    fn get(&self, name: &str, end: usize) -> Option<Found<'a>> {
        let (own, length, is_whole) = (self.own.get(&name[..end]), end, end == name.len());
        let builtin = || self.builtin.and_then(|builtin| builtin.get(&name[..end]));
        let entry = own.or_else(builtin)?;
        Some(Found { entry, is_own: own.is_some(), length, is_whole })
    }

    /// Finds the entry of a whole name, else the longest that the name begins with.
    fn lookup(&self, name: &str) -> Option<Found<'a>> {
        let get = |end: usize| self.get(name, end);
        get(name.len()).or_else(|| {
            let searched = &name[..name.floor_char_boundary(MAX_NAME)];
            let ends = searched.char_indices().map(|(at, _)| at).rev();
            ends.filter(|end| is_boundary(name, *end)).find_map(get)
        })
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
