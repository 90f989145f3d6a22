//! The vendors' own clients, run against the real server: what they see, and what the API then tells of it.
//!
//! Each test starts the server and a provider emulator, runs one script of `tests/clients` and reads the API.
#![expect(clippy::unwrap_used, reason = "tests")]

mod alike;
mod anthropic;
mod claude;
mod curl;
mod genai;
mod ollama;
mod openai;
mod openinference;
mod stage;
mod traceloop;
mod vercel;
