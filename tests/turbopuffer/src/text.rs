//! Full-text search: which documents have which tokens, and how well.

use std::collections::{BTreeMap, HashMap};

use crate::analysis::FullText;
use crate::index::TextIndex;
use crate::rows::{Rows, Slot};
use crate::schema::Column;
use crate::value::Value;

impl Rows {
    /// Reads the text index of a column, which is built when it is missing.
    pub(crate) fn with_text<T>(
        &self,
        column: Column,
        analysis: &FullText,
        read: impl FnOnce(&TextIndex) -> T,
    ) -> T {
        self.with_indexes(
            |indexes| indexes.text(column).is_some_and(|index| index.is_for(analysis)),
            |indexes| indexes.build_text(column, analysis, self),
            |indexes| read(indexes.text(column).expect("the index was just built")),
        )
    }

    /// Documents that have the words one after the other.
    pub(crate) fn with_phrase(&self, column: Column, analysis: &FullText, words: &[Box<str>]) -> Vec<Slot> {
        let mut slots = self.with_text(column, analysis, |index| index.with_all(words, false));
        slots.retain(|slot| {
            let value = self.at(*slot).and_then(|row| row.column(column));
            value.is_some_and(|value| has_phrase(analysis, value, words))
        });
        slots
    }
}

fn has_phrase(analysis: &FullText, value: &Value, words: &[Box<str>]) -> bool {
    let tokens = analysis.tokens(value);
    tokens.windows(words.len().max(1)).any(|window| {
        window.iter().zip(words).all(|(token, word)| token.word == *word)
            && window.windows(2).all(|pair| pair[1].position == pair[0].position + 1)
    })
}

impl TextIndex {
    /// Documents that have every token; no token at all matches none.
    pub(crate) fn with_all(&self, words: &[Box<str>], last_as_prefix: bool) -> Vec<Slot> {
        let mut lists = self.lists(words, last_as_prefix);
        lists.sort_by_key(Vec::len);
        let mut lists = lists.into_iter();
        let Some(mut slots) = lists.next() else { return Vec::new() };
        for list in lists {
            slots.retain(|slot| list.binary_search(slot).is_ok());
        }
        slots
    }

    /// Documents that have some token.
    pub(crate) fn with_any(&self, words: &[Box<str>], last_as_prefix: bool) -> Vec<Slot> {
        let mut slots = self.lists(words, last_as_prefix).concat();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    fn lists(&self, words: &[Box<str>], last_as_prefix: bool) -> Vec<Vec<Slot>> {
        let last = words.len().checked_sub(1).filter(|_| last_as_prefix);
        let found = words.iter().enumerate().map(|(place, word)| {
            if last == Some(place) { self.with_prefix(word) } else { self.with_token(word) }
        });
        found.collect()
    }

    /// The BM25 score of every document that has some of the words.
    #[expect(clippy::cast_precision_loss, reason = "a score is a float")]
    pub(crate) fn scores(&self, words: &[Box<str>], last_as_prefix: bool) -> HashMap<Slot, f64> {
        let FullText { k1, k3, b, .. } = *self.analysis();
        let documents = self.lengths.len() as f64;
        let mean_length = self.total_length as f64 / documents.max(1.0);
        let (exact, prefix) = match words.split_last() {
            Some((last, rest)) if last_as_prefix => (rest, Some(last)),
            _ => (words, None),
        };
        let mut frequencies: BTreeMap<&str, f64> = BTreeMap::new();
        for word in exact {
            *frequencies.entry(word).or_default() += 1.0;
        }
        let mut scores = HashMap::new();
        for (word, in_query) in frequencies {
            let Some(postings) = self.postings.get(word) else { continue };
            let found = postings.len() as f64;
            let rarity = (1.0 + (documents - found + 0.5) / (found + 0.5)).ln();
            let weight = rarity * in_query * (k3 + 1.0) / (in_query + k3);
            for (slot, count) in postings {
                let count = f64::from(*count);
                let length = f64::from(self.lengths.get(slot).copied().unwrap_or(0));
                let norm = k1 * (1.0 - b + b * length / mean_length.max(f64::MIN_POSITIVE));
                *scores.entry(*slot).or_default() += weight * count * (k1 + 1.0) / (count + norm);
            }
        }
        // A prefix says nothing about rarity: each match counts the same.
        for slot in prefix.map_or_else(Vec::new, |prefix| self.with_prefix(prefix)) {
            *scores.entry(slot).or_default() += 1.0;
        }
        scores
    }
}
