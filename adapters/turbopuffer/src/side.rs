//! One side of a payload as its span's row keeps it: where the text is, and which words it has.

use trace::json::Json;

use crate::client::Row;
use crate::manifest;
use crate::parts::NewParts;
use crate::words::Words;

/// The input or output of a span, ready to be stored or as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Side {
    /// The text, or which parts it is made of.
    manifest: String,
    words: Words,
}

/// Which side of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Input,
    Output,
}

impl Which {
    pub(crate) fn manifest(self) -> &'static str {
        match self {
            Self::Input => "in_io",
            Self::Output => "out_io",
        }
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Input => "in_w",
            Self::Output => "out_w",
        }
    }

    pub(crate) fn many(self) -> &'static str {
        match self {
            Self::Input => "in_many",
            Self::Output => "out_many",
        }
    }
}

/// The attributes of both sides, for reading rows that are to be written again.
pub(crate) const ATTRIBUTES: [&str; 6] = ["in_io", "in_w", "in_many", "out_io", "out_w", "out_many"];

impl Side {
    /// Makes a payload ready to be stored; what other payloads may share goes to `parts`.
    pub(crate) fn of(json: &Json, parts: &mut NewParts) -> Self {
        Self { manifest: manifest::of(json, parts), words: Words::of(json) }
    }

    /// Takes a side out of a row.
    pub(crate) fn take(row: &mut Row, which: Which) -> Option<Self> {
        let manifest = row.take_text(which.manifest())?;
        let words =
            if row.flag(which.many()) { Words::Many } else { Words::Known(row.take_texts(which.words())) };
        Some(Self { manifest, words })
    }

    /// Sets the attributes of the side.
    pub(crate) fn set(&self, row: &mut Row, which: Which) {
        row.set(which.manifest(), self.manifest.clone());
        match &self.words {
            Words::Known(words) if words.is_empty() => {}
            Words::Known(words) => row.set(which.words(), words.clone()),
            Words::Many => row.set(which.many(), true),
        }
    }

    /// Returns about how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.manifest.len() + self.words.bytes()
    }
}
