//! The head of an HTTP answer, as functions send it before a streamed body.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What separates the head from the body.
const SEPARATOR: [u8; 8] = [0; 8];

/// Heads are small; a body without one must not be collected for ever.
const LONGEST: usize = 1024 * 1024;

/// Status and header fields.
#[derive(Clone, Debug)]
pub struct Prelude {
    /// The status.
    pub status: StatusCode,
    /// The header fields, with one `set-cookie` for each cookie.
    pub headers: HeaderMap,
}

/// The JSON of a head, which is also part of a buffered answer.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Head {
    status_code: Option<u16>,
    headers: Map<String, Value>,
    multi_value_headers: Map<String, Value>,
    cookies: Vec<String>,
}

impl Head {
    pub(crate) fn prelude(self) -> Result<Prelude, String> {
        let status = StatusCode::from_u16(self.status_code.unwrap_or(200)).map_err(wrong)?;
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers.into_iter().chain(self.multi_value_headers) {
            let name: HeaderName = name.parse().map_err(wrong)?;
            let values = match value {
                Value::Array(values) => values,
                value => vec![value],
            };
            let values: Vec<HeaderValue> = values.iter().map(field).collect::<Result<_, _>>()?;
            // The same field may be in both maps.
            headers.remove(&name);
            for value in values {
                headers.append(&name, value);
            }
        }
        for cookie in self.cookies {
            headers.append(http::header::SET_COOKIE, cookie.parse().map_err(wrong)?);
        }
        Ok(Prelude { status, headers })
    }
}

fn field(value: &Value) -> Result<HeaderValue, String> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().map_err(wrong)
}

fn wrong(error: impl fmt::Display) -> String {
    error.to_string()
}

/// Collects bytes until the head is complete.
#[derive(Default)]
pub(crate) struct PreludeParser {
    bytes: Vec<u8>,
}

impl PreludeParser {
    /// Adds a piece; once the head is complete, returns it with the first bytes of the body.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Option<(Prelude, Vec<u8>)>, String> {
        // The separator may begin in an earlier piece.
        let from = self.bytes.len().saturating_sub(SEPARATOR.len() - 1);
        self.bytes.extend_from_slice(piece);
        let Some(at) = self.bytes[from..].windows(SEPARATOR.len()).position(|eight| eight == SEPARATOR)
        else {
            let is_endless = self.bytes.len() > LONGEST;
            return if is_endless { Err("no eight NULs after the head".to_owned()) } else { Ok(None) };
        };
        let body = self.bytes.split_off(from + at + SEPARATOR.len());
        let head: Head = serde_json::from_slice(&self.bytes[..from + at]).map_err(wrong)?;
        Ok(Some((head.prelude()?, body)))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_head_may_come_in_any_pieces() {
        let whole =
            b"{\"statusCode\":201,\"headers\":{\"a\":\"b\"},\"cookies\":[\"c=1\",\"d=2\"]}\0\0\0\0\0\0\0\0body";
        for cut in 1..whole.len() {
            let mut parser = PreludeParser::default();
            let first = parser.push(&whole[..cut]).unwrap();
            let (prelude, mut body) = match first {
                Some((prelude, body)) => (prelude, [body, whole[cut..].to_vec()].concat()),
                None => parser.push(&whole[cut..]).unwrap().unwrap(),
            };
            assert_eq!(prelude.status, 201);
            assert_eq!(prelude.headers["a"], "b");
            assert_eq!(prelude.headers.get_all("set-cookie").iter().count(), 2);
            assert_eq!(String::from_utf8(std::mem::take(&mut body)).unwrap(), "body");
        }
    }

    #[test]
    fn a_head_that_is_no_json_is_refused() {
        assert!(PreludeParser::default().push(b"hello\0\0\0\0\0\0\0\0").is_err());
    }
}
