//! Case folding of names and tags, so that a search for text in any case runs in SQL.
//!
//! SQLite's own `lower` knows ASCII only. It serves ASCII needles, and every text whose lower case it gets right;
//! where it does not, a second column holds the lower case.

/// Returns the lower case of a text where SQLite's own `lower` gives another.
pub(crate) fn beyond_ascii(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let folded = text.to_lowercase();
    (folded != text.to_ascii_lowercase()).then_some(folded)
}

/// Returns the SQL of a text in lower case, as a search for `needle` has to see it.
pub(crate) fn lowered(text: &str, folded: &str, needle: &str) -> String {
    if needle.is_ascii() { format!("lower({text})") } else { format!("coalesce({folded}, lower({text}))") }
}
