//! Identifiers: parsed once at the edge, compared and echoed byte for byte.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A client-supplied id was not 1–128 characters of `[A-Za-z0-9._:-]`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is 1 to 128 characters of A-Z a-z 0-9 . _ : -")]
pub struct InvalidId;

/// The longest id a client may choose, in characters.
pub const MAX_ID_LENGTH: usize = 128;

fn check(text: &str) -> Result<(), InvalidId> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
    let fits = (1..=MAX_ID_LENGTH).contains(&text.len());
    if fits && text.bytes().all(allowed) { Ok(()) } else { Err(InvalidId) }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Returns the id if it is well formed.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                check(text).map(|()| Self(Arc::from(text)))
            }

            /// Returns the id as its sender wrote it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                check(&text).map(|()| Self(Arc::from(text)))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }
    };
}

text_id! {
    /// The id of a trace: a ULID of ours, or whatever the client chose.
    TraceId
}

text_id! {
    /// The id of a span. Unique inside its trace only, as OpenTelemetry promises no more.
    SpanId
}

/// The organisation that owns data; nil in local mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrgId(pub Uuid);

/// The project that data belongs to; nil in local mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProjectId(pub Uuid);

/// The tenant of a call. Every port method takes it first; nothing is read or written outside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    /// The organisation.
    pub org: OrgId,
    /// The project of that organisation.
    pub project: ProjectId,
}

impl Scope {
    /// The one tenant of local mode: nil organisation, nil project.
    pub const LOCAL: Self = Self { org: OrgId(Uuid::nil()), project: ProjectId(Uuid::nil()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_to_128_allowed_characters_are_kept_as_written() {
        for text in ["a", "01JA", "7f3C-aa:b._", &"x".repeat(128)] {
            assert_eq!(SpanId::parse(text).map(String::from), Ok(text.to_owned()));
        }
    }

    #[test]
    fn empty_long_and_foreign_ids_are_refused() {
        for text in ["", &"x".repeat(129), "a b", "a/b", "é", "a\n"] {
            assert_eq!(SpanId::parse(text), Err(InvalidId), "{text:?}");
        }
    }
}
