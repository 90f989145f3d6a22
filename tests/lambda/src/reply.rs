//! What a function answers.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::prelude::{Head, Prelude};

/// Pieces of a streamed answer that may wait for a slow client.
const PIECES: usize = 16;

/// What a function answers.
pub enum Reply {
    /// The whole answer, JSON in most cases.
    Buffered(Bytes),
    /// An answer as it comes.
    Streamed {
        /// The head, when the function sends HTTP.
        prelude: Option<Prelude>,
        /// The rest.
        body: StreamedBody,
    },
}

impl Reply {
    /// Returns the JSON of a buffered answer.
    pub fn json(self) -> Result<Value, Failure> {
        match self {
            Self::Buffered(bytes) if bytes.is_empty() => Ok(Value::Null),
            Self::Buffered(bytes) => {
                serde_json::from_slice(&bytes).map_err(|error| Failure::Malformed(error.to_string()))
            }
            Self::Streamed { .. } => Err(Failure::Malformed("a stream instead of JSON".to_owned())),
        }
    }
}

/// The rest of a streamed answer, piece by piece.
pub struct StreamedBody(mpsc::Receiver<Piece>);

pub(crate) enum Piece {
    Bytes(Bytes),
    End,
}

impl StreamedBody {
    pub(crate) fn channel() -> (mpsc::Sender<Piece>, Self) {
        let (sender, receiver) = mpsc::channel(PIECES);
        (sender, Self(receiver))
    }

    /// Returns the next piece, `None` at the end, or an error when the function breaks off.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        match self.0.recv().await {
            Some(Piece::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Piece::End) => Ok(None),
            None => Err(Failure::Died("the answer breaks off".to_owned())),
        }
    }
}

/// A buffered answer as HTTP: payload version 2.0, or any JSON, which then is the body.
pub(crate) fn buffered(bytes: &Bytes) -> Result<(Prelude, Bytes), Failure> {
    use base64::Engine as _;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        #[serde(flatten)]
        head: Head,
        #[serde(default)]
        body: Option<String>,
        #[serde(default)]
        is_base64_encoded: bool,
    }

    let malformed = |error: String| Failure::Malformed(error);
    let value: Value = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    if value.get("statusCode").is_none() {
        let headers = serde_json::json!({"headers": {"content-type": "application/json"}});
        let head: Head = serde_json::from_value(headers).map_err(|error| malformed(error.to_string()))?;
        return Ok((head.prelude().map_err(malformed)?, bytes.clone()));
    }
    let answer: Answer = serde_json::from_value(value).map_err(|error| malformed(error.to_string()))?;
    let body = answer.body.unwrap_or_default();
    let body = if answer.is_base64_encoded {
        let decoded = base64::engine::general_purpose::STANDARD.decode(body);
        decoded.map_err(|error| malformed(error.to_string()))?
    } else {
        body.into_bytes()
    };
    Ok((answer.head.prelude().map_err(malformed)?, body.into()))
}
