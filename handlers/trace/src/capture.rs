//! How much of a proxied call's text is kept.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::json::Json;

/// How much of a call's input and output is kept. Model, provider, tokens, cost, times and status always are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum CaptureMode {
    /// Everything.
    #[default]
    Full,
    /// The first characters of each side, as many as said.
    Preview(usize),
    /// Nothing.
    Off,
}

/// Characters of a preview that does not say how many.
pub const PREVIEW_CHARACTERS: usize = 500;

/// A text that names no capture mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a capture mode is full, preview, preview:N or off")]
pub struct InvalidCaptureMode;

/// What a capture mode leaves of one side of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// The payload to store.
    pub payload: Option<Json>,
    /// The same text for the kind, when it is only a preview.
    pub preview: Option<String>,
}

impl CaptureMode {
    /// Returns what is kept of a body: `text` is how it reads, `whole` makes the value kept in full.
    pub fn keep(self, text: &str, whole: impl FnOnce() -> Json) -> Captured {
        match self {
            Self::Full => Captured { payload: Some(whole()), preview: None },
            Self::Preview(limit) => {
                let preview = first_characters(text, limit);
                Captured { payload: Some(Json::string(&preview)), preview: Some(preview) }
            }
            Self::Off => Captured::default(),
        }
    }
}

/// Returns the first `limit` characters of `text`, with `…` when something was cut; NUL becomes U+FFFD.
fn first_characters(text: &str, limit: usize) -> String {
    let (kept, mark) = match text.char_indices().nth(limit) {
        Some((end, _)) => (&text[..end], "…"),
        None => (text, ""),
    };
    format!("{}{mark}", kept.replace('\0', "\u{fffd}"))
}

impl FromStr for CaptureMode {
    type Err = InvalidCaptureMode;

    /// Reads `full`, `off`, `preview`, `preview:N` or `Preview(N)`, in any case.
    fn from_str(text: &str) -> Result<Self, InvalidCaptureMode> {
        let text = text.trim().to_ascii_lowercase();
        match text.as_str() {
            "full" => return Ok(Self::Full),
            "off" => return Ok(Self::Off),
            "preview" => return Ok(Self::Preview(PREVIEW_CHARACTERS)),
            _ => {}
        }
        let rest = text.strip_prefix("preview").ok_or(InvalidCaptureMode)?;
        let parenthesised = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let number = rest.strip_prefix(':').or(parenthesised).ok_or(InvalidCaptureMode)?;
        number.trim().parse().map(Self::Preview).map_err(|_| InvalidCaptureMode)
    }
}

impl TryFrom<String> for CaptureMode {
    type Error = InvalidCaptureMode;

    fn try_from(text: String) -> Result<Self, InvalidCaptureMode> {
        text.parse()
    }
}

impl From<CaptureMode> for String {
    fn from(mode: CaptureMode) -> Self {
        mode.to_string()
    }
}

impl fmt::Display for CaptureMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("full"),
            Self::Preview(limit) => write!(f, "preview:{limit}"),
            Self::Off => f.write_str("off"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn every_spelling_of_a_mode_is_read() {
        for (text, mode) in [
            ("full", CaptureMode::Full),
            ("FULL", CaptureMode::Full),
            (" off ", CaptureMode::Off),
            ("preview", CaptureMode::Preview(500)),
            ("preview:12", CaptureMode::Preview(12)),
            ("Preview(7)", CaptureMode::Preview(7)),
        ] {
            assert_eq!(text.parse(), Ok(mode), "{text}");
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        for text in ["", "none", "preview:", "preview:-1", "preview(3", "previewed", "preview 3"] {
            assert_eq!(text.parse::<CaptureMode>(), Err(InvalidCaptureMode), "{text}");
        }
    }

    #[test]
    fn a_preview_counts_characters_and_marks_the_cut() {
        let kept = CaptureMode::Preview(3).keep("äöü…x", || unreachable!());
        assert_eq!(kept.preview.as_deref(), Some("äöü…"));
        assert_eq!(kept.payload.unwrap().as_str(), "\"äöü…\"");
        let whole = CaptureMode::Preview(3).keep("äöü", || unreachable!());
        assert_eq!(whole.preview.as_deref(), Some("äöü"));
    }

    #[test]
    fn off_keeps_nothing_and_full_keeps_the_value() {
        assert_eq!(CaptureMode::Off.keep("a", || unreachable!()), Captured::default());
        let kept = CaptureMode::Full.keep("{}", || Json::parse("{}").unwrap());
        assert_eq!((kept.payload.unwrap().as_str(), kept.preview), ("{}", None));
    }
}
