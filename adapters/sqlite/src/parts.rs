//! Parts of payloads: cut out on the caller's task, numbered by the writer, stored once while they keep coming.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trace::json::Json;
use trace::payload::{self, Stored};
use trace::ports::StoreError;

use crate::pack::pack;

/// The first half of a BLAKE3 hash: plenty to tell the parts of a file apart.
pub(crate) type Hash = [u8; 16];

/// Parts remembered before the oldest half is forgotten.
const GENERATION: usize = 32_768;

/// One side of a payload, cut into parts, on its way to the writer.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    json: Json,
    /// With parts named by their place.
    skeleton: Vec<u8>,
    parts: Vec<Cut>,
}

/// A part on its way to the writer.
#[derive(Clone, Debug)]
struct Cut {
    hash: Hash,
    /// Where it is in the payload.
    range: Range<usize>,
    /// Packed ahead, unless it seemed to be stored already.
    packed: Option<Vec<u8>>,
}

/// What the writer knows of a part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) id: i64,
    /// The trace that used it last.
    pub(crate) trace: i64,
}

/// The parts met lately. Shared, so that callers need not pack what is stored already.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent(Arc<Mutex<Generations>>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<(i64, Hash), Known>,
    old: HashMap<(i64, Hash), Known>,
}

impl Recent {
    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what is known of a part, and keeps it from being forgotten soon.
    pub(crate) fn get(&self, project: i64, hash: &Hash) -> Option<Known> {
        let mut generations = self.lock();
        let key = (project, *hash);
        if let Some(known) = generations.young.get(&key) {
            return Some(*known);
        }
        let known = generations.old.remove(&key)?;
        generations.put(key, known);
        Some(known)
    }

    pub(crate) fn put(&self, project: i64, hash: Hash, known: Known) {
        self.lock().put((project, hash), known);
    }

    pub(crate) fn remove(&self, project: i64, hash: &Hash) {
        let mut generations = self.lock();
        generations.young.remove(&(project, *hash));
        generations.old.remove(&(project, *hash));
    }

    pub(crate) fn clear(&self) {
        *self.lock() = Generations::default();
    }

    /// Returns which of the parts seem to be stored in any project. Packing one in vain does no harm.
    fn seem_known(&self, project: Option<i64>, parts: &[payload::Part<'_>]) -> Vec<bool> {
        let Some(project) = project else {
            return vec![false; parts.len()];
        };
        let generations = self.lock();
        let known = |part: &payload::Part<'_>| {
            let key = (project, short(&part.hash));
            generations.young.contains_key(&key) || generations.old.contains_key(&key)
        };
        parts.iter().map(known).collect()
    }
}

impl Generations {
    fn put(&mut self, key: (i64, Hash), known: Known) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, known);
    }
}

fn short(hash: &[u8; 32]) -> Hash {
    *hash.first_chunk().expect("a hash has 32 bytes")
}

/// A part that is not stored yet.
pub(crate) struct NewPart {
    pub(crate) hash: Hash,
    pub(crate) packed: Vec<u8>,
}

impl Side {
    /// Cuts a side of a payload into parts and packs those that seem new.
    pub(crate) fn cut(json: &Json, recent: &Recent, project: Option<i64>) -> Self {
        let split = payload::split(json);
        let known = recent.seem_known(project, &split.parts);
        let start = json.as_str().as_ptr().addr();
        let parts = split.parts.iter().zip(known).map(|(part, known)| {
            let from = part.text.as_ptr().addr() - start;
            Cut {
                hash: short(&part.hash),
                range: from..from + part.text.len(),
                packed: (!known).then(|| pack(part.text.as_bytes())),
            }
        });
        let parts: Vec<Cut> = parts.collect();
        let places: Vec<u64> = (0..parts.len() as u64).collect();
        let mut skeleton = split.skeleton.encode(&places);
        if parts.is_empty() {
            skeleton = pack(&skeleton);
        }
        Self { json: json.clone(), skeleton, parts }
    }

    /// Returns about how many bytes will be stored.
    pub(crate) fn bytes(&self) -> usize {
        let packed = self.parts.iter().filter_map(|part| part.packed.as_ref()).map(Vec::len).sum::<usize>();
        self.skeleton.len() + packed
    }

    /// Returns the bytes to store, with each part named by what `number` answers for it.
    pub(crate) fn number(
        &mut self,
        mut number: impl FnMut(&Hash, &mut dyn FnMut() -> NewPart) -> i64,
    ) -> Result<Vec<u8>, StoreError> {
        if self.parts.is_empty() {
            return Ok(self.skeleton.clone());
        }
        let text = self.json.as_str();
        let mut ids = Vec::with_capacity(self.parts.len());
        for part in &mut self.parts {
            let Cut { hash, range, packed } = part;
            let mut new = || NewPart {
                hash: *hash,
                packed: packed.clone().unwrap_or_else(|| pack(text[range.clone()].as_bytes())),
            };
            ids.push(number(hash, &mut new).cast_unsigned());
        }
        let stored = Stored::decode(&self.skeleton).map_err(|error| StoreError::corrupt("payload", error))?;
        Ok(pack(&stored.rename(&ids)))
    }
}
