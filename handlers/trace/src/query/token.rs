//! Cuts a query into words and filters.

use super::is_key;

/// A piece of a query. Empty ones are not made.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Text.
    Word { negated: bool, text: String },
    /// A known key and its value.
    Filter { negated: bool, key: &'a str, operator: Operator, value: String },
}

/// What stands between a key and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    None,
    Equal,
    Above,
    AtLeast,
    Below,
    AtMost,
}

impl Operator {
    /// The longer ones first, so that `>=` is not read as `>`.
    const ALL: [Self; 5] = [Self::AtLeast, Self::AtMost, Self::Above, Self::Below, Self::Equal];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Equal => "=",
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
        }
    }

    fn read(text: &str) -> (Self, &str) {
        let found = Self::ALL.into_iter().find_map(|own| Some((own, text.strip_prefix(own.as_str())?)));
        found.unwrap_or((Self::None, text))
    }
}

/// Returns the tokens of `text` in order.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                return None;
            }
            let (token, after) = token(rest);
            rest = after;
            if token.is_some() {
                return token;
            }
        }
    })
}

/// Reads one token; `None` for one that says nothing, such as `model:`.
fn token(text: &str) -> (Option<Token<'_>>, &str) {
    let negated = text.len() > 1 && text.starts_with('-') && !text[1..].starts_with(char::is_whitespace);
    let body = if negated { &text[1..] } else { text };
    if let Some(quoted) = body.strip_prefix('"') {
        let (text, after) = unquote(quoted);
        return ((!text.is_empty()).then_some(Token::Word { negated, text }), after);
    }
    let (bare, after) = bare(body);
    let Some((key, rest)) = bare.split_once(':') else {
        return (Some(Token::Word { negated, text: bare.to_owned() }), after);
    };
    if is_key(key) {
        let (operator, value) = Operator::read(&body[key.len() + 1..]);
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => (self::bare(value).0.to_owned(), after),
        };
        let says_nothing = value.is_empty() && matches!(operator, Operator::None | Operator::Equal);
        return ((!says_nothing).then_some(Token::Filter { negated, key, operator, value }), after);
    }
    // A quote after an unknown key still protects spaces: the whole token is one word.
    if rest.starts_with('"') && !key.is_empty() {
        let (value, after) = unquote(&body[key.len() + 2..]);
        return (Some(Token::Word { negated, text: format!("{key}:{value}") }), after);
    }
    (Some(Token::Word { negated, text: bare.to_owned() }), after)
}

/// Reads to the next space.
fn bare(text: &str) -> (&str, &str) {
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

/// Reads to the closing quote, or to the end when there is none; `\"` stands for a quote.
fn unquote(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (out, &text[at + 1..]),
            '\\' if chars.peek().is_some_and(|(_, next)| *next == '"') => {
                out.push('"');
                chars.next();
            }
            c => out.push(c),
        }
    }
    (out, "")
}
