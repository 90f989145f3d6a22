//! Parts of payloads: cut out and compressed on the caller's task, numbered by the writer.
//!
//! The new parts of one trace in one batch go into chunks, compressed together: they are often alike, and one frame
//! costs less than many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trace::id::TraceId;
use trace::json::Json;
use trace::payload::{self, Stored};
use trace::ports::StoreError;

use crate::pack::{pack, unpack};

/// The first half of a BLAKE3 hash: plenty to tell the parts of a file apart.
pub(crate) type Hash = [u8; 16];

/// Parts of one chunk at most: as many as a column has bits, less the sign.
const CHUNK_PARTS: usize = 62;

/// Bytes of text after which a chunk is full: whoever wants one part unpacks its whole chunk.
const CHUNK_BYTES: usize = 48 << 10;

/// Parts remembered before the oldest half is forgotten.
const GENERATION: usize = 32_768;

/// Where a part is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The number of the chunk, which is that of its first part.
    pub(crate) chunk: i64,
    /// Which of its parts.
    pub(crate) index: u8,
}

impl Place {
    /// Returns the number of the part.
    pub(crate) fn number(self) -> i64 {
        self.chunk + i64::from(self.index)
    }

    /// Returns the part as one of the bits of its chunk.
    pub(crate) fn bit(self) -> i64 {
        1 << self.index
    }
}

/// What the writer knows of a part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) place: Place,
    /// The trace that used it last.
    pub(crate) trace: i64,
}

/// The parts met lately. Shared, so that callers do not compress what is stored already.
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

    /// Returns which of the parts are stored already.
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

/// One side of a payload on its way to the writer: a skeleton with parts named by their place.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    skeleton: Vec<u8>,
    parts: Vec<Cut>,
    /// The parts that are stored already, one after the other, should they turn out not to be.
    known: String,
}

/// Where a part of a side is to be found.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// In a chunk of the same batch.
    New { chunk: u32, index: u8 },
    /// Stored before; if not after all, the text lies there among the known ones.
    Known { hash: Hash, start: usize, end: usize },
}

impl Side {
    /// Returns about how many bytes will be stored.
    pub(crate) fn bytes(&self) -> usize {
        self.skeleton.len()
    }

    /// Returns how many bytes are held besides, for parts that are stored already.
    pub(crate) fn known_bytes(&self) -> usize {
        self.known.len()
    }

    /// Returns the bytes to store; `place` answers where each part is.
    pub(crate) fn number(&self, mut place: impl FnMut(Wanted<'_>) -> Place) -> Result<Vec<u8>, StoreError> {
        if self.parts.is_empty() {
            return Ok(self.skeleton.clone());
        }
        let ids = self.parts.iter().map(|part| {
            let wanted = match part {
                Cut::New { chunk, index } => Wanted::New { chunk: *chunk, index: *index },
                Cut::Known { hash, start, end } => Wanted::Known { hash, text: &self.known[*start..*end] },
            };
            place(wanted).number().cast_unsigned()
        });
        let ids: Vec<u64> = ids.collect();
        let stored = Stored::decode(&self.skeleton).map_err(|error| StoreError::corrupt("payload", error))?;
        Ok(pack(&stored.rename(&ids)))
    }
}

/// A part whose place is asked for.
pub(crate) enum Wanted<'a> {
    /// In a chunk of the same batch.
    New {
        /// Which chunk of the batch.
        chunk: u32,
        /// Which of its parts.
        index: u8,
    },
    /// Stored before.
    Known {
        /// Names it.
        hash: &'a Hash,
        /// What it says, should it not be there after all.
        text: &'a str,
    },
}

/// Parts that are stored together.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub(crate) hashes: Vec<Hash>,
    pub(crate) packed: Vec<u8>,
}

impl Chunk {
    /// Compresses parts together.
    pub(crate) fn of(parts: &[(Hash, &str)]) -> Self {
        let mut open = Open::default();
        for (hash, text) in parts {
            open.add(*hash, text);
        }
        open.close()
    }

    /// Returns how many parts there are, which is how many numbers it takes.
    pub(crate) fn len(&self) -> i64 {
        i64::try_from(self.hashes.len()).unwrap_or(i64::MAX)
    }

    /// Returns the hashes as they are stored.
    pub(crate) fn stored_hashes(&self) -> Vec<u8> {
        self.hashes.concat()
    }
}

/// Returns the hashes that were stored.
pub(crate) fn read_hashes(bytes: &[u8]) -> impl Iterator<Item = Hash> + '_ {
    bytes.chunks_exact(16).map(|hash| *hash.first_chunk().expect("chunks of 16 bytes"))
}

/// Returns the texts of a stored chunk; a part that is gone is empty.
pub(crate) fn read_chunk(packed: &[u8]) -> Result<Vec<String>, StoreError> {
    let corrupt = || StoreError::corrupt("payload", "a chunk ends early");
    let bytes = unpack(packed)?;
    let (count, mut rest) = bytes.split_first().ok_or_else(corrupt)?;
    let mut lengths = Vec::with_capacity(usize::from(*count));
    for _ in 0..*count {
        let (length, after) = rest.split_first_chunk::<4>().ok_or_else(corrupt)?;
        lengths.push(u32::from_le_bytes(*length) as usize);
        rest = after;
    }
    let mut texts = Vec::with_capacity(lengths.len());
    for length in lengths {
        let (text, after) = rest.split_at_checked(length).ok_or_else(corrupt)?;
        let text = std::str::from_utf8(text).map_err(|error| StoreError::corrupt("payload", error))?;
        texts.push(text.to_owned());
        rest = after;
    }
    Ok(texts)
}

/// A chunk that still takes parts.
#[derive(Debug, Default)]
struct Open {
    hashes: Vec<Hash>,
    lengths: Vec<u8>,
    text: Vec<u8>,
}

impl Open {
    fn add(&mut self, hash: Hash, text: &str) -> u8 {
        self.hashes.push(hash);
        self.lengths.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.text.extend_from_slice(text.as_bytes());
        u8::try_from(self.hashes.len() - 1).expect("a chunk has fewer than 63 parts")
    }

    fn is_full(&self) -> bool {
        self.hashes.len() >= CHUNK_PARTS || self.text.len() >= CHUNK_BYTES
    }

    fn close(self) -> Chunk {
        let count = u8::try_from(self.hashes.len()).expect("a chunk has fewer than 63 parts");
        let packed = pack(&[&[count], self.lengths.as_slice(), &self.text].concat());
        Chunk { hashes: self.hashes, packed }
    }
}

/// Cuts the payloads of one batch.
pub(crate) struct Cutter<'a> {
    recent: &'a Recent,
    project: Option<i64>,
    chunks: Vec<Open>,
    /// The chunk of each trace that still takes parts.
    open: HashMap<TraceId, u32>,
    /// Parts of the batch itself.
    own: HashMap<Hash, (u32, u8)>,
}

impl<'a> Cutter<'a> {
    /// Returns a cutter; `project` is the number of the batch's project, where it has one already.
    pub(crate) fn new(recent: &'a Recent, project: Option<i64>) -> Self {
        Self { recent, project, chunks: Vec::new(), open: HashMap::new(), own: HashMap::new() }
    }

    /// Cuts one side of a payload of a span of `trace`, where the caller named that.
    pub(crate) fn cut(&mut self, json: &Json, trace: Option<&TraceId>) -> Side {
        let split = payload::split(json);
        let known = self.recent.seem_known(self.project, &split.parts);
        let places: Vec<u64> = (0..split.parts.len() as u64).collect();
        let mut skeleton = split.skeleton.encode(&places);
        if split.parts.is_empty() {
            skeleton = pack(&skeleton);
        }
        let mut texts = String::new();
        let mut parts = Vec::with_capacity(split.parts.len());
        for (part, known) in split.parts.iter().zip(known) {
            let hash = short(&part.hash);
            if known {
                let start = texts.len();
                texts.push_str(part.text);
                parts.push(Cut::Known { hash, start, end: texts.len() });
            } else {
                let (chunk, index) = self.own(hash, part.text, trace);
                parts.push(Cut::New { chunk, index });
            }
        }
        Side { skeleton, parts, known: texts }
    }

    /// Returns where a part is in the chunks of the batch, adding it when it is in none.
    fn own(&mut self, hash: Hash, text: &str, trace: Option<&TraceId>) -> (u32, u8) {
        if let Some(place) = self.own.get(&hash) {
            return *place;
        }
        let open = trace.and_then(|trace| self.open.get(trace)).copied();
        let chunk = open.unwrap_or_else(|| {
            self.chunks.push(Open::default());
            u32::try_from(self.chunks.len() - 1).unwrap_or(u32::MAX)
        });
        let open = &mut self.chunks[chunk as usize];
        let index = open.add(hash, text);
        if let Some(trace) = trace {
            if open.is_full() {
                self.open.remove(trace);
            } else {
                self.open.insert(trace.clone(), chunk);
            }
        }
        self.own.insert(hash, (chunk, index));
        (chunk, index)
    }

    /// Returns the chunks of the batch, compressed.
    pub(crate) fn finish(self) -> Vec<Chunk> {
        self.chunks.into_iter().map(Open::close).collect()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn message(number: usize) -> Json {
        let text = format!("message {number} that is long enough to become a part of its own {number}");
        Json::from_serialize(&serde_json::json!([{ "role": "user", "content": text }]))
    }

    #[test]
    fn parts_of_a_trace_share_chunks_and_come_back() {
        let (recent, trace) = (Recent::default(), TraceId::parse("t").unwrap());
        let mut cutter = Cutter::new(&recent, Some(1));
        for number in 0..200 {
            cutter.cut(&message(number % 150), Some(&trace));
        }
        let chunks = cutter.finish();
        assert_eq!(chunks.len(), 3);
        let texts: Vec<String> = chunks.iter().flat_map(|chunk| read_chunk(&chunk.packed).unwrap()).collect();
        assert_eq!(texts.len(), 150);
        assert!(texts[149].contains("message 149 "));
        assert_eq!(read_hashes(&chunks[0].stored_hashes()).collect::<Vec<_>>(), chunks[0].hashes);
    }

    #[test]
    fn a_damaged_chunk_is_corrupt_and_never_a_panic() {
        for bytes in [&[][..], &[0], &[0, 1], &[0, 1, 9, 0, 0, 0, b'a'], &[0, 1, 1, 0, 0, 0, 255]] {
            assert!(read_chunk(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn old_parts_are_forgotten_and_used_ones_stay() {
        let recent = Recent::default();
        let known = Known { place: Place { chunk: 1, index: 0 }, trace: 1 };
        let hash = |number: usize| -> Hash { (number as u128).to_le_bytes() };
        recent.put(1, hash(0), known);
        for number in 1..3 * GENERATION {
            recent.put(1, hash(number), known);
            assert!(!number.is_multiple_of(1_000) || recent.get(1, &hash(0)).is_some());
        }
        assert!(recent.get(1, &hash(1)).is_none());
        assert!(recent.get(2, &hash(0)).is_none());
    }
}
