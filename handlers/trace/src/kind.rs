//! What a span did: a model call, a file access, or anything else.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::count;
use crate::nul;
use crate::price::Prices;

/// Attributes of a custom kind, or what an OpenTelemetry span carried besides.
pub type Attributes = Map<String, Value>;

/// What a span did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SpanKind {
    /// A call of a language or embedding model.
    LlmCall(LlmCall),
    /// Anything else, named by `kind`: `tool_call`, `retrieval`, `agent` and so on.
    Custom {
        /// The word that names the kind.
        #[serde(default = "custom_word")]
        kind: String,
        /// Free-form members.
        #[serde(default)]
        attributes: Attributes,
    },
    /// A file was read.
    FsRead {
        /// The file's path.
        path: String,
        /// Bytes read.
        #[serde(default, deserialize_with = "count::or_zero")]
        bytes_read: u64,
        /// The content hash that was read, when known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file_version: Option<String>,
    },
    /// A file was written.
    FsWrite {
        /// The file's path.
        path: String,
        /// Bytes written.
        #[serde(default, deserialize_with = "count::or_zero")]
        bytes_written: u64,
        /// The content hash that was written, empty when unknown.
        #[serde(default)]
        file_version: String,
    },
}

fn custom_word() -> String {
    "custom".to_owned()
}

/// A call of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LlmCall {
    /// The model, `unknown` when the sender did not say.
    #[serde(default = "unknown_model")]
    pub model: String,
    /// Who serves the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Tokens by class.
    #[serde(flatten)]
    pub usage: Usage,
    /// The provider's service tier, such as `batch`, `flex` or `priority`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
    /// What the call cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// The start of the input, where only a preview was captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_preview: Option<String>,
    /// The start of the output, where only a preview was captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_preview: Option<String>,
}

/// The model of a call whose sender did not say.
pub const UNKNOWN_MODEL: &str = "unknown";

fn unknown_model() -> String {
    UNKNOWN_MODEL.to_owned()
}

/// Tokens of a call by class. A missing count is unknown, which prices as 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// The whole prompt: cached, cache-write and audio tokens included.
    #[serde(default, deserialize_with = "count::optional", skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// The whole answer: reasoning and audio tokens included.
    #[serde(default, deserialize_with = "count::optional", skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// The part of the prompt read from the provider's cache.
    #[serde(default, deserialize_with = "count::optional", skip_serializing_if = "Option::is_none")]
    pub cached_input_tokens: Option<u64>,
    /// The part of the prompt written to the provider's cache for five minutes.
    #[serde(default, deserialize_with = "count::optional", skip_serializing_if = "Option::is_none")]
    pub cache_write_tokens: Option<u64>,
    /// The part of the prompt written to the provider's cache for an hour.
    #[serde(default, deserialize_with = "count::optional", skip_serializing_if = "Option::is_none")]
    pub cache_write_1h_tokens: Option<u64>,
    /// The part of the answer spent on reasoning.
    #[serde(default, deserialize_with = "count::optional", skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
    /// The part of the prompt that was audio.
    #[serde(default, deserialize_with = "count::optional", skip_serializing_if = "Option::is_none")]
    pub audio_input_tokens: Option<u64>,
    /// The part of the answer that was audio.
    #[serde(default, deserialize_with = "count::optional", skip_serializing_if = "Option::is_none")]
    pub audio_output_tokens: Option<u64>,
}

impl Usage {
    fn counts(&self) -> [Option<u64>; 8] {
        [
            self.input_tokens,
            self.output_tokens,
            self.cached_input_tokens,
            self.cache_write_tokens,
            self.cache_write_1h_tokens,
            self.reasoning_tokens,
            self.audio_input_tokens,
            self.audio_output_tokens,
        ]
    }

    /// Adds what the cache took to a prompt that was counted without it.
    #[must_use]
    pub(crate) fn with_cache_beside(self) -> Self {
        let cache = self.of_cache();
        Self { input_tokens: self.input_tokens.map(|input| sum([input, cache])), ..self }
    }

    /// Returns the counts with totals that hold their parts: parts larger than their whole were counted beside it.
    #[must_use]
    pub(crate) fn completed(self) -> Self {
        let counted = if self.input_tokens.is_some_and(|input| self.of_cache() > input) {
            self.with_cache_beside()
        } else {
            self
        };
        let reasoning = counted.reasoning_tokens.unwrap_or(0);
        let output = |output| if reasoning > output { sum([output, reasoning]) } else { output };
        Self { output_tokens: counted.output_tokens.map(output), ..counted }
    }

    /// Returns the tokens of the prompt that the cache gave or took.
    fn of_cache(&self) -> u64 {
        let parts = [self.cached_input_tokens, self.cache_write_tokens, self.cache_write_1h_tokens];
        sum(parts.map(|part| part.unwrap_or(0)))
    }

    /// Returns input plus output, or `None` when neither is known.
    pub fn total(&self) -> Option<u64> {
        match (self.input_tokens, self.output_tokens) {
            (None, None) => None,
            (input, output) => Some(input.unwrap_or(0).saturating_add(output.unwrap_or(0))),
        }
    }
}

/// Adds counts up to the largest there is.
fn sum<const N: usize>(counts: [u64; N]) -> u64 {
    counts.into_iter().fold(0, u64::saturating_add).min(count::MAX)
}

/// US dollars of a call, and who said so. A JSON number outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cost {
    /// The client named it; it is kept, also when 0.
    Given(f64),
    /// Worked out from the price table; worked out again when the counts change.
    Estimated(f64),
}

impl Cost {
    /// The largest cost a client may name. Sums of costs up to here keep their meaning.
    pub const MAX_USD: f64 = 1e12;

    /// Returns US dollars.
    pub fn usd(self) -> f64 {
        match self {
            Self::Given(usd) | Self::Estimated(usd) => usd,
        }
    }
}

impl Serialize for Cost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.usd().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Cost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let usd = f64::deserialize(deserializer)?;
        if usd.is_finite() && usd >= 0.0 {
            Ok(Self::Given(usd))
        } else {
            Err(serde::de::Error::custom("a cost is a number of US dollars, not below 0"))
        }
    }
}

impl SpanKind {
    /// Returns the `type` tag.
    pub fn type_word(&self) -> &'static str {
        match self {
            Self::LlmCall(_) => "llm_call",
            Self::Custom { .. } => "custom",
            Self::FsRead { .. } => "fs_read",
            Self::FsWrite { .. } => "fs_write",
        }
    }

    /// Returns whether the `kind` filter word selects this kind: its type, or a custom kind's own word.
    pub fn is_called(&self, word: &str) -> bool {
        self.type_word() == word || self.custom_word() == Some(word)
    }

    /// Returns a custom kind's own word.
    pub fn custom_word(&self) -> Option<&str> {
        match self {
            Self::Custom { kind, .. } => Some(kind),
            _ => None,
        }
    }

    /// Returns the model call, if it is one.
    pub fn llm(&self) -> Option<&LlmCall> {
        match self {
            Self::LlmCall(call) => Some(call),
            _ => None,
        }
    }

    /// Returns the path of a file access.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::FsRead { path, .. } | Self::FsWrite { path, .. } => Some(path),
            _ => None,
        }
    }

    /// Returns whether sums of the kind's numbers keep their meaning. For what clients write, not for what we worked
    /// out from it.
    fn check(&self) -> Result<(), InvalidKind> {
        let counts = match self {
            Self::LlmCall(call) => call.usage.counts().to_vec(),
            Self::FsRead { bytes_read: bytes, .. } | Self::FsWrite { bytes_written: bytes, .. } => {
                vec![Some(*bytes)]
            }
            Self::Custom { .. } => Vec::new(),
        };
        if counts.into_iter().flatten().any(|count| count > count::MAX) {
            return Err(InvalidKind(format!("kind: a count is at most {}", count::MAX)));
        }
        match self.llm().and_then(|call| call.cost) {
            Some(cost) if cost.usd() > Cost::MAX_USD => {
                Err(InvalidKind(format!("kind: a cost is at most {} US dollars", Cost::MAX_USD)))
            }
            _ => Ok(()),
        }
    }

    /// Works out the cost of a model call unless the client named one, as [`Span::estimate_cost`] does for a span without
    /// attributes.
    ///
    /// [`Span::estimate_cost`]: crate::span::Span::estimate_cost
    pub fn estimate_cost(&mut self, prices: &Prices) {
        self.estimate_cost_with(prices, &Attributes::new());
    }

    pub(crate) fn estimate_cost_with(&mut self, prices: &Prices, attributes: &Attributes) {
        if let Self::LlmCall(call) = self
            && !matches!(call.cost, Some(Cost::Given(_)))
        {
            call.cost = prices.estimate_call(call, attributes).map(Cost::Estimated);
        }
    }
}

/// A kind as a client sent it: only the members it wrote, so that it can be laid over another.
#[derive(Clone, Debug, PartialEq)]
pub struct KindInput(Map<String, Value>);

/// A kind that is none of the known types, or has a member of the wrong type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidKind(String);

const SHORTHANDS: [&str; 3] = ["tool_call", "retrieval", "embedding"];

impl KindInput {
    /// Reads the `kind` member of a request, resolving shorthand types, and checks it.
    pub fn parse(value: Value) -> Result<Self, InvalidKind> {
        let Value::Object(mut members) = value else {
            return Err(InvalidKind("kind must be an object with a type".to_owned()));
        };
        let word = match members.get("type") {
            Some(Value::String(word)) => word.clone(),
            Some(_) => return Err(InvalidKind("kind.type must be a string".to_owned())),
            None => return Err(InvalidKind("kind.type is missing".to_owned())),
        };
        if SHORTHANDS.contains(&word.as_str()) {
            members.remove("type");
            let attributes = match (members.len(), members.remove("attributes")) {
                (1, Some(Value::Object(attributes))) => attributes,
                (_, Some(other)) => {
                    members.insert("attributes".to_owned(), other);
                    members
                }
                (_, None) => members,
            };
            members = Map::from_iter([
                ("type".to_owned(), Value::from("custom")),
                ("kind".to_owned(), Value::from(word)),
                ("attributes".to_owned(), Value::Object(attributes)),
            ]);
        }
        // Members set to null say nothing, as if they were absent.
        members.retain(|_, value| !value.is_null());
        nul::replace_in_object(&mut members);
        Self(members).checked()
    }

    /// Returns the kind if it still is one, such as after members were filled in.
    pub fn checked(self) -> Result<Self, InvalidKind> {
        self.kind()?.check()?;
        Ok(self)
    }

    /// Returns the kind with defaults for what is absent.
    pub fn kind(&self) -> Result<SpanKind, InvalidKind> {
        serde_json::from_value(Value::Object(self.0.clone())).map_err(|e| InvalidKind(format!("kind: {e}")))
    }

    /// Fills a member of a model call that the sender left out.
    pub fn fill(&mut self, member: &str, value: Value) {
        if !value.is_null() && self.0.get("type").is_some_and(|t| t == "llm_call") {
            self.0.entry(member.to_owned()).or_insert(value);
        }
    }

    /// Lays this kind over `old`: members of the same type merge one by one and the new value wins;
    /// another type replaces the old kind whole.
    pub fn laid_over(&self, old: &SpanKind) -> SpanKind {
        let fresh = || self.kind().unwrap_or_else(|_| old.clone());
        if self.0.get("type").and_then(Value::as_str) != Some(old.type_word()) {
            return fresh();
        }
        let Ok(Value::Object(mut merged)) = serde_json::to_value(old) else {
            return fresh();
        };
        for (member, value) in &self.0 {
            match (merged.get_mut(member), value) {
                (Some(Value::Object(old)), Value::Object(new)) => {
                    old.extend(new.iter().map(|(k, v)| (k.clone(), v.clone())));
                }
                _ => {
                    merged.insert(member.clone(), value.clone());
                }
            }
        }
        let mut kind = Self(merged).kind().unwrap_or_else(|_| fresh());
        restore_estimate(&mut kind, old, self.0.contains_key("cost"));
        kind
    }
}

/// A cost that passed through JSON looks given; one we had only estimated goes back to that.
fn restore_estimate(kind: &mut SpanKind, old: &SpanKind, cost_is_new: bool) {
    if let (SpanKind::LlmCall(call), Some(LlmCall { cost: Some(Cost::Estimated(usd)), .. })) =
        (kind, old.llm())
        && !cost_is_new
    {
        call.cost = Some(Cost::Estimated(*usd));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use serde_json::json;

    use super::*;

    fn parse(value: Value) -> SpanKind {
        KindInput::parse(value).unwrap().kind().unwrap()
    }

    #[test]
    fn shorthand_types_become_custom_kinds() {
        let kind = parse(json!({"type": "tool_call", "tool_name": "search"}));
        let wanted = json!({"type": "custom", "kind": "tool_call", "attributes": {"tool_name": "search"}});
        assert_eq!(serde_json::to_value(kind).unwrap(), wanted);
    }

    #[test]
    fn defaults_fill_what_a_sender_leaves_out() {
        let shown = |value| serde_json::to_value(parse(value)).unwrap();
        assert_eq!(shown(json!({"type": "llm_call"})), json!({"type": "llm_call", "model": "unknown"}));
        let custom = json!({"type": "custom", "kind": "custom", "attributes": {}});
        assert_eq!(shown(json!({"type": "custom"})), custom);
        let write = json!({"type": "fs_write", "path": "a", "bytes_written": 0, "file_version": ""});
        assert_eq!(shown(json!({"type": "fs_write", "path": "a"})), write);
    }

    #[test]
    fn unknown_types_and_numbers_that_make_no_sense_are_refused() {
        for bad in [
            json!({"type": "video"}),
            json!({}),
            json!([]),
            json!({"type": "llm_call", "input_tokens": -1}),
            json!({"type": "llm_call", "cost": -0.5}),
            json!({"type": "llm_call", "cost": 1.7e308}),
            json!({"type": "llm_call", "input_tokens": u64::MAX}),
            json!({"type": "llm_call", "output_tokens": 1.5}),
            json!({"type": "llm_call", "output_tokens": 1e300}),
            json!({"type": "fs_read", "path": "a", "bytes_read": u64::MAX}),
            json!({"type": "fs_read"}),
        ] {
            assert!(KindInput::parse(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn whole_numbers_may_be_written_as_floats() {
        let call = parse(json!({"type": "llm_call", "input_tokens": 10.0, "reasoning_tokens": 2e3}));
        let usage = call.llm().unwrap().usage;
        assert_eq!(
            (usage.input_tokens, usage.reasoning_tokens, usage.output_tokens),
            (Some(10), Some(2_000), None)
        );
        let read = parse(json!({"type": "fs_read", "path": "a", "bytes_read": 7.0}));
        assert!(matches!(read, SpanKind::FsRead { bytes_read: 7, .. }));
    }

    #[test]
    fn nul_becomes_the_replacement_character() {
        let kind = parse(json!({"type": "custom", "kind": "a\0", "attributes": {"b\0": ["\0"]}}));
        let wanted =
            json!({"type": "custom", "kind": "a\u{fffd}", "attributes": {"b\u{fffd}": ["\u{fffd}"]}});
        assert_eq!(serde_json::to_value(kind).unwrap(), wanted);
    }

    #[test]
    fn a_cost_worked_out_may_be_larger_than_one_named() {
        let mut old = parse(json!({"type": "llm_call", "model": "m"}));
        if let SpanKind::LlmCall(call) = &mut old {
            call.cost = Some(Cost::Estimated(5e12));
        }
        let merged =
            KindInput::parse(json!({"type": "llm_call", "output_tokens": 7})).unwrap().laid_over(&old);
        assert_eq!(merged.llm().unwrap().cost, Some(Cost::Estimated(5e12)));
    }

    #[test]
    fn the_same_type_merges_and_another_replaces() {
        let old = parse(json!({"type": "llm_call", "model": "gpt-4o", "input_tokens": 5}));
        let over = |value| KindInput::parse(value).unwrap().laid_over(&old);
        let merged = over(json!({"type": "llm_call", "output_tokens": 7}));
        let call = merged.llm().unwrap();
        assert_eq!(
            (call.model.as_str(), call.usage.input_tokens, call.usage.output_tokens),
            ("gpt-4o", Some(5), Some(7))
        );
        assert_eq!(over(json!({"type": "custom", "kind": "x"})).custom_word(), Some("x"));
    }

    #[test]
    fn an_estimate_stays_an_estimate_when_merged() {
        let mut old = parse(json!({"type": "llm_call", "model": "m"}));
        if let SpanKind::LlmCall(call) = &mut old {
            call.cost = Some(Cost::Estimated(0.5));
        }
        let merged =
            KindInput::parse(json!({"type": "llm_call", "output_tokens": 7})).unwrap().laid_over(&old);
        assert_eq!(merged.llm().unwrap().cost, Some(Cost::Estimated(0.5)));
        let given = KindInput::parse(json!({"type": "llm_call", "cost": 0.0})).unwrap().laid_over(&old);
        assert_eq!(given.llm().unwrap().cost, Some(Cost::Given(0.0)));
    }
}
