//! The vendors' own clients, run against the real server: what they see, and what the API then tells of it.
//!
//! Each test starts a server and a provider emulator, runs one script of `tests/clients` and reads the API: once with a
//! local server, which asks for nothing, and once with a cloud, where the script has a Traceway key, calls one replica
//! and the other is asked. Those of the cloud need the services of `eval "$(scripts/services.sh start)"`.
#![expect(clippy::unwrap_used, reason = "tests")]

mod alike;
mod anthropic;
mod claude;
mod curl;
mod genai;
mod keys;
mod ollama;
mod openai;
mod openinference;
mod stage;
mod traceloop;
mod vercel;
