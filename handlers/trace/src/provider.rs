//! What providers' requests, answers and streams say: model, tokens, output, error.
//!
//! Everything here works on bytes already received and never fails: what cannot be understood is kept as
//! text. Formats are told by their shape, not by who sent them, since most providers copy one of four:
//! `OpenAI` chat, `OpenAI` responses, Anthropic messages, Ollama. Time is linear in the bytes, and no
//! recursion depends on how deep they nest.

mod anthropic;
mod choices;
mod error;
mod members;
mod merge;
mod name;
mod object;
mod ollama;
mod request;
mod response;
mod responses;
mod sse;
mod stream;
mod usage;

pub use error::error_message;
pub use name::provider_of;
pub use request::{RequestFacts, is_generation_path, read_request};
pub use response::{ResponseFacts, body_json, body_text, read_response};
pub use stream::{Framing, StreamFacts, StreamReader};
