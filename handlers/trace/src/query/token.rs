//! Cuts a query into words and filters.

use super::is_key;

/// A piece of a query. Empty ones are not made.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Text.
    Word { negated: bool, text: String },
    /// A known key and its value, operator included.
    Filter { negated: bool, key: String, value: String },
}

/// Returns the tokens of `text` in order.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = Token> + '_ {
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
fn token(text: &str) -> (Option<Token>, &str) {
    let negated = text.len() > 1 && text.starts_with('-') && !text[1..].starts_with(char::is_whitespace);
    let body = if negated { &text[1..] } else { text };
    if let Some(quoted) = body.strip_prefix('"') {
        let (text, after) = unquote(quoted);
        return ((!text.is_empty()).then_some(Token::Word { negated, text }), after);
    }
    let end = body.find(char::is_whitespace).unwrap_or(body.len());
    if let Some((key, _)) = body[..end].split_once(':')
        && is_key(key)
    {
        let (value, after) = value(&body[key.len() + 1..]);
        let token = Token::Filter { negated, key: key.to_owned(), value };
        return (
            Some(token).filter(|token| !matches!(token, Token::Filter { value, .. } if value.is_empty())),
            after,
        );
    }
    (Some(Token::Word { negated, text: body[..end].to_owned() }), &body[end..])
}

/// Reads a value: quoted, bare, or an operator before either.
fn value(text: &str) -> (String, &str) {
    let operators = text.len() - text.trim_start_matches(['<', '>', '=']).len();
    if let Some(quoted) = text[operators..].strip_prefix('"') {
        let (value, after) = unquote(quoted);
        return (format!("{}{value}", &text[..operators]), after);
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (text[..end].to_owned(), &text[end..])
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
