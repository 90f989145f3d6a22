//! Names of namespaces: the one place that makes them.

use trace::id::Scope;

/// A prefix that namespaces cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a namespace prefix is 1 to 58 characters of A-Z a-z 0-9 . _ -")]
pub struct InvalidPrefix;

/// Makes the names of namespaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespaces {
    prefix: String,
}

/// What a project keeps apart, each in a namespace of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Companion {
    /// Spans and traces.
    Main,
    /// Datasets, datapoints, eval runs and results, file versions.
    Datasets,
    /// Payload parts.
    Parts,
}

/// A name has at most 128 characters: 66 for the ids and what joins them, 2 for the suffix, 2 to spare.
const MAX_PREFIX: usize = 58;

impl Namespaces {
    /// The prefix of an ordinary deployment.
    pub const DEFAULT_PREFIX: &str = "tw";

    /// Returns the names that start with `prefix`.
    pub fn new(prefix: &str) -> Result<Self, InvalidPrefix> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let fits = (1..=MAX_PREFIX).contains(&prefix.len()) && prefix.bytes().all(allowed);
        // A name of dots alone would be taken for another path.
        let safe = fits && prefix.bytes().any(|b| b.is_ascii_alphanumeric());
        if safe { Ok(Self { prefix: prefix.to_owned() }) } else { Err(InvalidPrefix) }
    }

    /// Returns the namespace of a project.
    pub fn of(&self, scope: &Scope, companion: Companion) -> String {
        let suffix = match companion {
            Companion::Main => "",
            Companion::Datasets => ".d",
            Companion::Parts => ".b",
        };
        format!("{}_{}_{}{suffix}", self.prefix, scope.org.0.simple(), scope.project.0.simple())
    }

    /// Returns the namespace that health checks write to. No project's name is that short.
    pub(crate) fn probe(&self) -> String {
        format!("{}_check", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use trace::id::{OrgId, ProjectId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_project_has_one_name_of_fixed_width_and_companions() {
        let scope = Scope { org: OrgId(Uuid::from_u128(0xab)), project: ProjectId(Uuid::from_u128(1)) };
        let names = Namespaces::new(Namespaces::DEFAULT_PREFIX).expect("a prefix");
        let main = names.of(&scope, Companion::Main);
        assert_eq!(main, "tw_000000000000000000000000000000ab_00000000000000000000000000000001");
        assert_eq!(names.of(&scope, Companion::Parts), format!("{main}.b"));
        assert_eq!(names.of(&scope, Companion::Datasets), format!("{main}.d"));
    }

    #[test]
    fn prefixes_that_would_break_a_name_are_refused() {
        for prefix in ["", "a b", "a/b", "..", &"x".repeat(59)] {
            assert_eq!(Namespaces::new(prefix), Err(InvalidPrefix), "{prefix:?}");
        }
    }
}
