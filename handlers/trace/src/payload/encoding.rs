//! Skeletons as bytes, with parts named by small numbers.
//!
//! A version byte, then pieces: `0`, length, text; or `1`, count, ids. Numbers are LEB128. Ids are written as runs: the
//! difference to the id before (zigzag), then how many more follow that are each one higher. The parts of a conversation
//! are mostly stored one after the other, so a hundred of them take a few bytes.

use std::fmt::Write;

use super::{Piece, Skeleton};
use crate::json::Json;

const VERSION: u8 = 1;
const LITERAL: u8 = 0;
const PARTS: u8 = 1;

/// Bytes that are no skeleton, or a skeleton whose parts are gone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CorruptSkeleton {
    /// The bytes end early, name something unknown or are no UTF-8.
    #[error("the skeleton cannot be read")]
    Unreadable,
    /// A part the skeleton names is not there.
    #[error("part {0} is missing")]
    MissingPart(u64),
    /// Joined, it is no JSON.
    #[error("the joined payload is no JSON")]
    NoJson,
}

impl Skeleton<'_> {
    /// Returns the skeleton as bytes, with the n-th part named by the n-th of `ids`.
    pub fn encode(&self, ids: &[u64]) -> Vec<u8> {
        let mut out = vec![VERSION];
        let (mut rest, mut last) = (ids, 0);
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => {
                    out.push(LITERAL);
                    number(&mut out, text.len() as u64);
                    out.extend_from_slice(text.as_bytes());
                }
                Piece::Parts(count) => {
                    let (own, after) = rest.split_at((*count).min(rest.len()));
                    rest = after;
                    out.push(PARTS);
                    number(&mut out, own.len() as u64);
                    last = runs(&mut out, own, last);
                }
            }
        }
        out
    }
}

fn runs(out: &mut Vec<u8>, ids: &[u64], mut last: u64) -> u64 {
    let mut at = 0;
    while at < ids.len() {
        let more = ids[at..].windows(2).take_while(|pair| pair[1] == pair[0].wrapping_add(1)).count();
        let difference = ids[at].wrapping_sub(last).cast_signed();
        number(out, ((difference << 1) ^ (difference >> 63)).cast_unsigned());
        number(out, more as u64);
        last = ids[at + more];
        at += more + 1;
    }
    last
}

#[expect(clippy::cast_possible_truncation, reason = "seven bits at a time")]
fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A skeleton read back from bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored<'a> {
    pieces: Vec<Piece<'a>>,
    ids: Vec<u64>,
}

impl<'a> Stored<'a> {
    /// Reads the bytes of [`Skeleton::encode`].
    pub fn decode(bytes: &'a [u8]) -> Result<Self, CorruptSkeleton> {
        let mut reader = Reader(bytes);
        let mut stored = Self { pieces: Vec::new(), ids: Vec::new() };
        if reader.byte()? != VERSION {
            return Err(CorruptSkeleton::Unreadable);
        }
        let mut last = 0;
        while !reader.0.is_empty() {
            match reader.byte()? {
                LITERAL => {
                    let length = reader.length()?;
                    stored.pieces.push(Piece::Literal(reader.text(length)?));
                }
                PARTS => {
                    let count = reader.number()?;
                    let before = stored.ids.len();
                    last = reader.runs(count, last, &mut stored.ids)?;
                    stored.pieces.push(Piece::Parts(stored.ids.len() - before));
                }
                _ => return Err(CorruptSkeleton::Unreadable),
            }
        }
        Ok(stored)
    }

    /// Returns the numbers of the parts, in order; one that occurs twice is here twice.
    pub fn ids(&self) -> &[u64] {
        &self.ids
    }

    /// Returns the skeleton as bytes again, with its parts named anew, in order.
    pub fn rename(&self, ids: &[u64]) -> Vec<u8> {
        Skeleton { pieces: self.pieces.clone() }.encode(ids)
    }

    /// Returns the text that belongs to this payload alone, piece by piece.
    pub fn literals(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(text) => Some(*text),
            Piece::Parts(_) => None,
        })
    }

    /// Puts the payload together again from the texts of its parts.
    pub fn join<'p>(&self, part: impl Fn(u64) -> Option<&'p str>) -> Result<Json, CorruptSkeleton> {
        let mut out = String::new();
        let mut ids = self.ids.iter().copied();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Parts(count) => {
                    for (index, id) in ids.by_ref().take(*count).enumerate() {
                        let text = part(id).ok_or(CorruptSkeleton::MissingPart(id))?;
                        let comma = if index > 0 { "," } else { "" };
                        let _ = write!(out, "{comma}{text}");
                    }
                }
            }
        }
        Json::from_compact(out).map_err(|_| CorruptSkeleton::NoJson)
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, CorruptSkeleton> {
        let (first, rest) = self.0.split_first().ok_or(CorruptSkeleton::Unreadable)?;
        self.0 = rest;
        Ok(*first)
    }

    fn number(&mut self) -> Result<u64, CorruptSkeleton> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(CorruptSkeleton::Unreadable)
    }

    fn length(&mut self) -> Result<usize, CorruptSkeleton> {
        usize::try_from(self.number()?).map_err(|_| CorruptSkeleton::Unreadable)
    }

    fn text(&mut self, length: usize) -> Result<&'a str, CorruptSkeleton> {
        let (text, rest) = self.0.split_at_checked(length).ok_or(CorruptSkeleton::Unreadable)?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| CorruptSkeleton::Unreadable)
    }

    fn runs(&mut self, count: u64, mut last: u64, ids: &mut Vec<u64>) -> Result<u64, CorruptSkeleton> {
        // A corrupt count must not become a huge list: no payload has more parts than `split` makes.
        if count > super::MAX_PARTS.saturating_sub(ids.len()) as u64 {
            return Err(CorruptSkeleton::Unreadable);
        }
        let mut left = count;
        while left > 0 {
            let zigzag = self.number()?;
            let difference = (zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed());
            let more = self.number()?;
            if more >= left {
                return Err(CorruptSkeleton::Unreadable);
            }
            let first = last.wrapping_add(difference.cast_unsigned());
            ids.extend((0..=more).map(|step| first.wrapping_add(step)));
            last = first.wrapping_add(more);
            left -= more + 1;
        }
        Ok(last)
    }
}
