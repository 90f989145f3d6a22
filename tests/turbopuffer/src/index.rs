//! Inverted indexes, built when a query first needs them and kept up to date from then on.

use std::collections::{BTreeMap, HashMap};

use crate::analysis::FullText;
use crate::rows::{Row, Rows, Slot};
use crate::schema::{Attribute, Column, Schema};
use crate::value::Value;

/// The indexes of a namespace that were needed so far.
#[derive(Debug, Default)]
pub(crate) struct Indexes {
    values: HashMap<Column, ValueIndex>,
    texts: HashMap<Column, TextIndex>,
}

/// Slots by value; slots of documents that lack the attribute come first, under `None`.
#[derive(Debug, Default)]
pub(crate) struct ValueIndex {
    pub(crate) slots: BTreeMap<Option<Value>, Vec<Slot>>,
}

/// Slots by token.
#[derive(Debug)]
pub(crate) struct TextIndex {
    analysis: FullText,
    /// Slots in ascending order, each with how often it has the token.
    pub(crate) postings: BTreeMap<Box<str>, Vec<(Slot, u32)>>,
    /// Number of tokens of every document that has the attribute.
    pub(crate) lengths: HashMap<Slot, u32>,
    pub(crate) total_length: u64,
}

impl Indexes {
    pub(crate) fn values(&self, column: Column) -> Option<&ValueIndex> {
        self.values.get(&column)
    }

    pub(crate) fn text(&self, column: Column) -> Option<&TextIndex> {
        self.texts.get(&column)
    }

    pub(crate) fn build_values(&mut self, column: Column, rows: &Rows) {
        let mut index = ValueIndex::default();
        for (slot, row) in rows.iter() {
            index.add(slot, row.column(column));
        }
        self.values.insert(column, index);
    }

    pub(crate) fn build_text(&mut self, column: Column, analysis: &FullText, rows: &Rows) {
        let mut index = TextIndex {
            analysis: analysis.clone(),
            postings: BTreeMap::new(),
            lengths: HashMap::new(),
            total_length: 0,
        };
        for (slot, row) in rows.iter() {
            index.add(slot, row.column(column));
        }
        self.texts.insert(column, index);
    }

    pub(crate) fn add(&mut self, slot: Slot, row: &Row, schema: &Schema) {
        self.keep_declared(schema);
        for (column, index) in &mut self.values {
            index.add(slot, row.column(*column));
        }
        for (column, index) in &mut self.texts {
            index.add(slot, row.column(*column));
        }
    }

    pub(crate) fn remove(&mut self, slot: Slot, row: &Row, schema: &Schema) {
        self.keep_declared(schema);
        for (column, index) in &mut self.values {
            index.remove(slot, row.column(*column));
        }
        for (column, index) in &mut self.texts {
            index.remove(slot, row.column(*column));
        }
    }

    pub(crate) fn replace(&mut self, slot: Slot, old: &Row, new: &Row, schema: &Schema) {
        self.keep_declared(schema);
        for (column, index) in &mut self.values {
            let (old, new) = (old.column(*column), new.column(*column));
            if old != new {
                index.remove(slot, old);
                index.add(slot, new);
            }
        }
        for (column, index) in &mut self.texts {
            let (old, new) = (old.column(*column), new.column(*column));
            if old != new {
                index.remove(slot, old);
                index.add(slot, new);
            }
        }
    }

    /// A text index whose options changed is built anew when it is next needed.
    fn keep_declared(&mut self, schema: &Schema) {
        if !self.texts.is_empty() {
            self.texts.retain(|column, index| {
                let is_current = |attribute: &Attribute| {
                    attribute.column == *column && attribute.full_text.as_ref() == Some(&index.analysis)
                };
                schema.iter().any(|(_, attribute)| is_current(attribute))
            });
        }
    }
}

impl ValueIndex {
    fn add(&mut self, slot: Slot, value: Option<&Value>) {
        each_key(value, |key| insert(self.slots.entry(key).or_default(), slot));
    }

    fn remove(&mut self, slot: Slot, value: Option<&Value>) {
        each_key(value, |key| {
            let Some(slots) = self.slots.get_mut(&key) else { return };
            if let Ok(place) = slots.binary_search(&slot) {
                slots.remove(place);
            }
            if slots.is_empty() {
                self.slots.remove(&key);
            }
        });
    }

    pub(crate) fn get(&self, value: Option<&Value>) -> &[Slot] {
        self.slots.get(&value.cloned()).map_or(&[], Vec::as_slice)
    }
}

/// An array is found by each of its elements.
fn each_key(value: Option<&Value>, mut visit: impl FnMut(Option<Value>)) {
    let Some(value) = value else { return visit(None) };
    for element in value.elements() {
        visit(Some(element.clone()));
    }
}

fn insert(slots: &mut Vec<Slot>, slot: Slot) {
    match slots.last() {
        Some(last) if *last >= slot => {
            if let Err(place) = slots.binary_search(&slot) {
                slots.insert(place, slot);
            }
        }
        _ => slots.push(slot),
    }
}

impl TextIndex {
    fn add(&mut self, slot: Slot, value: Option<&Value>) {
        let Some(value) = value else { return };
        let tokens = self.analysis.tokens(value);
        let length = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
        self.lengths.insert(slot, length);
        self.total_length += u64::from(length);
        for token in tokens {
            let postings = self.postings.entry(token.word).or_default();
            match postings.last_mut() {
                Some((last, count)) if *last == slot => *count += 1,
                Some((last, _)) if *last > slot => {
                    match postings.binary_search_by_key(&slot, |(slot, _)| *slot) {
                        Ok(place) => postings[place].1 += 1,
                        Err(place) => postings.insert(place, (slot, 1)),
                    }
                }
                _ => postings.push((slot, 1)),
            }
        }
    }

    fn remove(&mut self, slot: Slot, value: Option<&Value>) {
        let Some(value) = value else { return };
        if let Some(length) = self.lengths.remove(&slot) {
            self.total_length -= u64::from(length);
        }
        for token in self.analysis.tokens(value) {
            let Some(postings) = self.postings.get_mut(&token.word) else { continue };
            if let Ok(place) = postings.binary_search_by_key(&slot, |(slot, _)| *slot) {
                postings.remove(place);
            }
            if postings.is_empty() {
                self.postings.remove(&token.word);
            }
        }
    }

    pub(crate) fn analysis(&self) -> &FullText {
        &self.analysis
    }

    pub(crate) fn is_for(&self, analysis: &FullText) -> bool {
        self.analysis == *analysis
    }

    /// Slots that have a token, in ascending order.
    pub(crate) fn with_token(&self, token: &str) -> Vec<Slot> {
        self.postings.get(token).map_or_else(Vec::new, |found| found.iter().map(|(slot, _)| *slot).collect())
    }

    /// Slots that have a token starting like this, in ascending order.
    pub(crate) fn with_prefix(&self, prefix: &str) -> Vec<Slot> {
        let from_prefix = self
            .postings
            .range::<str, _>((std::ops::Bound::Included(prefix), std::ops::Bound::<&str>::Unbounded));
        let found = from_prefix.take_while(|(token, _)| token.starts_with(prefix));
        let mut slots: Vec<_> = found.flat_map(|(_, found)| found.iter().map(|(slot, _)| *slot)).collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }
}
