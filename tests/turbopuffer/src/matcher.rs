//! Patterns of text: globs, regular expressions and misspellings.

use globset::{GlobBuilder, GlobMatcher};
use regex::Regex;

/// A compiled pattern.
#[derive(Debug)]
pub(crate) enum Matcher {
    Glob(GlobMatcher),
    Regex(Regex),
    Fuzzy { query: Vec<char>, distance: usize, case_sensitive: bool },
}

impl Matcher {
    pub(crate) fn glob(pattern: &str, case_insensitive: bool) -> Result<Self, String> {
        let glob = GlobBuilder::new(pattern).case_insensitive(case_insensitive).build();
        glob.map(|glob| Self::Glob(glob.compile_matcher())).map_err(|error| error.to_string())
    }

    pub(crate) fn regex(pattern: &str) -> Result<Self, String> {
        Regex::new(pattern).map(Self::Regex).map_err(|error| error.to_string())
    }

    pub(crate) fn fuzzy(query: &str, distance: usize, case_sensitive: bool) -> Self {
        Self::Fuzzy { query: characters(query, case_sensitive), distance, case_sensitive }
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Glob(glob) => glob.is_match(text),
            Self::Regex(regex) => regex.is_match(text),
            Self::Fuzzy { query, distance, case_sensitive } => {
                nearest_part(query, &characters(text, *case_sensitive)) <= *distance
            }
        }
    }
}

fn characters(text: &str, case_sensitive: bool) -> Vec<char> {
    if case_sensitive { text.chars().collect() } else { text.to_lowercase().chars().collect() }
}

/// Edits between the query and the part of the text that is most like it.
fn nearest_part(query: &[char], text: &[char]) -> usize {
    // A row of Levenshtein's matrix; an empty query matches anywhere, so its row is all zeros.
    let mut costs: Vec<usize> = vec![0; text.len() + 1];
    for (row, wanted) in query.iter().enumerate() {
        let mut diagonal = costs[0];
        costs[0] = row + 1;
        for (column, found) in text.iter().enumerate() {
            let substituted = diagonal + usize::from(wanted != found);
            diagonal = costs[column + 1];
            costs[column + 1] = substituted.min(diagonal + 1).min(costs[column] + 1);
        }
    }
    costs.into_iter().min().unwrap_or(query.len())
}

#[cfg(test)]
mod tests {
    use super::Matcher;

    #[test]
    fn glob_covers_the_whole_text() {
        let glob = Matcher::glob("gpt-4*", false).expect("pattern");
        assert!(glob.matches("gpt-4o/mini"));
        assert!(!glob.matches("my gpt-4o"));
        assert!(Matcher::glob("GPT-*", true).expect("pattern").matches("gpt-4o"));
        assert!(Matcher::glob("a[", false).is_err());
    }

    #[test]
    fn fuzzy_forgives_edits_inside_a_text() {
        assert!(Matcher::fuzzy("refnud", 2, true).matches("please refund me"));
        assert!(!Matcher::fuzzy("refnud", 1, true).matches("please refund me"));
        assert!(Matcher::fuzzy("REFUND", 0, false).matches("please refund me"));
    }
}
