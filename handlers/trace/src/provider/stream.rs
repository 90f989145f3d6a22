//! What a streamed answer says, read as it came or afterwards.

use std::borrow::Cow;

use super::choices::{Choices, Kind};
use super::error::message_of;
use super::members::Members;
use super::ollama;
use super::response::{ResponseFacts, UNTOLD, facts_of};
use super::sse::{Events, Lines};
use super::{anthropic, object, responses};
use crate::json::Json;

/// How a stream is cut into messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Events,
    /// One JSON value per line.
    Lines,
}

impl Framing {
    /// Returns the framing of a content type, or `None` when it is no stream.
    pub fn of(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "text/event-stream" => Some(Self::Events),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Some(Self::Lines),
            _ => None,
        }
    }
}

/// What a streamed answer says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamFacts {
    /// The answer as one value, as far as it came; `None` when the format is unknown.
    pub output: Option<Json>,
    /// Tokens and tier.
    pub facts: ResponseFacts,
    /// What the provider said went wrong in the middle of the stream.
    pub error: Option<String>,
    /// Whether the answer came to its end, as its own messages tell it.
    pub ended: bool,
}

/// Reads a stream from chunks that may end anywhere. It keeps what the answer consists of, not the bytes.
pub struct StreamReader {
    framing: Framing,
    lines: Lines,
    events: Events,
    answer: Answer,
}

impl StreamReader {
    /// Returns a reader that has seen nothing.
    pub fn new(framing: Framing) -> Self {
        Self { framing, lines: Lines::default(), events: Events::default(), answer: Answer::default() }
    }

    /// Reads the next bytes.
    pub fn push(&mut self, chunk: &[u8]) {
        let (framing, events, answer) = (self.framing, &mut self.events, &mut self.answer);
        self.lines.push(chunk, |line| match framing {
            Framing::Events => events.line(line, &mut |data| answer.add(data)),
            Framing::Lines => answer.add(line),
        });
    }

    /// Returns what the stream said, whether or not it came to its end.
    pub fn finish(mut self) -> StreamFacts {
        let rest = self.lines.rest();
        let answer = &mut self.answer;
        match self.framing {
            Framing::Events => {
                if !rest.is_empty() {
                    self.events.line(&rest, &mut |data| answer.add(data));
                }
                self.events.finish(&mut |data| answer.add(data));
            }
            Framing::Lines => answer.add(&rest),
        }
        self.answer.facts()
    }
}

/// The answer so far.
#[derive(Default)]
struct Answer {
    shape: Option<Shape>,
    error: Option<String>,
    done: bool,
}

enum Shape {
    Choices(Choices),
    Responses(responses::Response),
    Message(anthropic::Message),
    Ollama(ollama::Lines),
}

impl Answer {
    fn add(&mut self, data: &[u8]) {
        if data.trim_ascii() == b"[DONE]" {
            self.done = true;
            return;
        }
        let text = String::from_utf8_lossy(data);
        let Some(event) = Members::read(&text) else { return };
        let word = event.text("type").unwrap_or_default();
        if self.shape.is_none() {
            self.shape = Shape::of(&word, &event);
        }
        match &mut self.shape {
            Some(Shape::Choices(choices)) if event.get("choices").is_some() => choices.add(&event),
            Some(Shape::Responses(response)) => response.add(&word, &event),
            Some(Shape::Message(message)) => message.add(&word, &event),
            Some(Shape::Ollama(lines)) => lines.add(&event),
            Some(Shape::Choices(_)) | None => {}
        }
        if self.error.is_none() {
            self.error = error_in(&word, &event);
        }
    }

    fn facts(&self) -> StreamFacts {
        let (text, ended) = match &self.shape {
            None => return StreamFacts { error: self.error.clone(), ended: true, ..StreamFacts::default() },
            Some(Shape::Choices(choices)) => (choices.json(), choices.ended()),
            Some(Shape::Responses(response)) => (response.json(), response.ended()),
            Some(Shape::Message(message)) => (message.json(), message.ended()),
            Some(Shape::Ollama(lines)) => (lines.json(), lines.ended()),
        };
        let facts = Members::read(&text).map(|members| facts_of(&members)).unwrap_or_default();
        StreamFacts {
            output: Some(object::value(&text)),
            facts,
            error: self.error.clone(),
            ended: ended || self.done,
        }
    }
}

impl Shape {
    fn of(word: &str, event: &Members<'_>) -> Option<Self> {
        if responses::is_event(word) {
            return Some(Self::Responses(responses::Response::default()));
        }
        if anthropic::is_event(word) {
            return Some(Self::Message(anthropic::Message::default()));
        }
        if ollama::is_line(event) {
            return Some(Self::Ollama(ollama::Lines::default()));
        }
        Kind::of(event).map(|kind| Self::Choices(Choices::new(kind)))
    }
}

/// Returns the error an event reports, whichever provider sent it.
fn error_in(word: &str, event: &Members<'_>) -> Option<String> {
    let fallback = || UNTOLD.to_owned();
    if word == "response.failed" {
        let response = event.object("response");
        return Some(response.and_then(|r| message_of(&r)).map_or_else(fallback, Cow::into_owned));
    }
    if word == "error" || (!word.starts_with("response.") && event.some("error").is_some()) {
        return Some(message_of(event).map_or_else(fallback, Cow::into_owned));
    }
    None
}

#[cfg(test)]
mod tests;
