//! The traces of a request, put together from their spans.

use std::collections::HashMap;

use serde_json::Value;

use super::Any;
use super::attributes::Attributes;
use super::names::{Family, Name};
use super::source::Resource;
use super::value;
use crate::id::TraceId;
use crate::kind::Attributes as Map;
use crate::time::Timestamp;
use crate::trace::{NameRank, NewTrace, OnExisting, add_tags};

/// The traces of a request, in the order their first spans came.
#[derive(Default)]
pub(super) struct Traces {
    by_id: HashMap<[u8; 16], usize>,
    drafts: Vec<Draft>,
}

/// A trace as far as the spans seen so far tell.
pub(super) struct Draft {
    pub(super) id: TraceId,
    root: Option<(Timestamp, String)>,
    service: Option<String>,
    tags: Vec<String>,
    session_id: Option<String>,
    metadata: Map,
    machine_id: Option<String>,
    started_at: Timestamp,
}

/// What a span tells of its trace besides its attributes.
pub(super) struct Sighting<'a> {
    pub(super) name: &'a str,
    pub(super) is_root: bool,
    pub(super) started_at: Timestamp,
    pub(super) resource: &'a Resource,
}

impl Traces {
    /// Returns the draft of a trace, which is new when `id` was not seen before.
    pub(super) fn of(&mut self, id: [u8; 16], started_at: Timestamp) -> Option<&mut Draft> {
        let at = if let Some(at) = self.by_id.get(&id) {
            *at
        } else {
            let draft = Draft::new(TraceId::parse(&super::span::hex(&id)).ok()?, started_at);
            self.drafts.push(draft);
            self.by_id.insert(id, self.drafts.len() - 1);
            self.drafts.len() - 1
        };
        self.drafts.get_mut(at)
    }

    pub(super) fn finish(self) -> Vec<NewTrace> {
        self.drafts.into_iter().map(Draft::finish).collect()
    }
}

impl Draft {
    fn new(id: TraceId, started_at: Timestamp) -> Self {
        Self {
            id,
            root: None,
            service: None,
            tags: Vec::new(),
            session_id: None,
            metadata: Map::new(),
            machine_id: None,
            started_at,
        }
    }

    /// Adds what a span tells, and takes the attributes that the trace now carries for it.
    pub(super) fn see(&mut self, seen: &Sighting<'_>, attributes: &mut Attributes) {
        self.started_at = self.started_at.min(seen.started_at);
        if self.service.is_none() {
            self.service.clone_from(&seen.resource.service);
        }
        if self.machine_id.is_none() {
            self.machine_id.clone_from(&seen.resource.machine);
        }
        if seen.is_root {
            let name =
                attributes.text(Name::AiFunctionId).filter(|name| !name.is_empty()).unwrap_or(seen.name);
            let earlier = self.root.as_ref().is_none_or(|(start, _)| seen.started_at < *start);
            if earlier && !name.is_empty() {
                self.root = Some((seen.started_at, value::clean(name.to_owned())));
            }
        }
        self.see_members(attributes);
        for name in [Name::SessionId, Name::ConversationId] {
            if let Some(session) = attributes.get(name) {
                let session = value::text(session.clone());
                if *self.session_id.get_or_insert_with(|| session.clone()) == session {
                    attributes.take(name);
                }
            }
        }
        if let Some(tags) = attributes.take(Name::TagTags) {
            add_tags(&mut self.tags, tags_of(tags));
        }
        if let Some(user) = attributes.get(Name::UserId) {
            let user = value::attribute(user.clone());
            if *self.metadata.entry("user_id").or_insert_with(|| user.clone()) == user {
                attributes.take(Name::UserId);
            }
        }
        self.see_metadata(attributes);
    }

    /// Adds the members that the AI SDK and `OpenLLMetry` spread over attributes.
    fn see_members(&mut self, attributes: &mut Attributes) {
        // The names of one convention outrank those of the next, whatever order they came in.
        let mut session: Option<(u8, String)> = None;
        for family in [Family::Associations, Family::AiMetadata] {
            if !attributes.has_family(family) {
                continue;
            }
            let members: Vec<(u32, String)> =
                attributes.family(family).map(|(at, key, _)| (at, key.to_owned())).collect();
            for (at, key) in members {
                let Some(value) = attributes.peek_at(at) else { continue };
                let rank = match (family, key.as_str()) {
                    (_, "") => continue,
                    (Family::Associations, "tags") => {
                        let tags = attributes.take_at(at).map(tags_of).unwrap_or_default();
                        add_tags(&mut self.tags, tags);
                        continue;
                    }
                    (Family::Associations, "session_id") => Some(0),
                    (Family::AiMetadata, "sessionId") => Some(1),
                    (Family::AiMetadata, "session_id") => Some(2),
                    _ => None,
                };
                if let Some(rank) = rank
                    && session.as_ref().is_none_or(|(best, _)| rank < *best)
                {
                    session = Some((rank, value::text(value.clone())));
                }
                let value = value::attribute(value.clone());
                let kept = self.metadata.entry(value::clean(key)).or_insert_with(|| value.clone());
                if *kept == value {
                    attributes.take_at(at);
                }
            }
        }
        let outranked = [Name::SessionId, Name::ConversationId].iter().any(|name| attributes.has(*name));
        if !outranked && self.session_id.is_none() {
            self.session_id = session.map(|(_, session)| session);
        }
    }

    /// Adds the members of the `metadata` object.
    fn see_metadata(&mut self, attributes: &mut Attributes) {
        let Some(metadata) = attributes.get(Name::Metadata) else { return };
        let is_object = match metadata {
            Any::KvlistValue(_) => true,
            Any::StringValue(text) => {
                value::looks_structured(text) && text.trim_ascii_start().starts_with('{')
            }
            _ => false,
        };
        if !is_object {
            return;
        }
        let Value::Object(members) = value::attribute(metadata.clone()) else { return };
        let mut all_kept = true;
        for (key, value) in members {
            let kept = self.metadata.entry(value::clean(key)).or_insert_with(|| value.clone());
            all_kept &= *kept == value;
        }
        if all_kept {
            attributes.take(Name::Metadata);
        }
    }

    fn finish(self) -> NewTrace {
        let name = match (self.root, self.service) {
            (Some((_, name)), _) => (name, NameRank::Root),
            (None, Some(service)) => (service, NameRank::Service),
            (None, None) => ("otlp-trace".to_owned(), NameRank::Fallback),
        };
        let mut tags = vec!["otlp".to_owned()];
        add_tags(&mut tags, self.tags);
        NewTrace {
            id: self.id,
            name: Some(name),
            tags,
            session_id: self.session_id,
            metadata: self.metadata,
            machine_id: self.machine_id,
            started_at: self.started_at,
            on_existing: OnExisting::Merge,
        }
    }
}

/// Returns tags sent as a list, as a JSON list in text, or as one text.
fn tags_of(value: Any) -> Vec<String> {
    let texts = match value::attribute(value) {
        Value::Array(list) => list,
        one => vec![one],
    };
    let tags = texts.into_iter().filter_map(|tag| match tag {
        Value::String(text) => Some(text),
        Value::Null => None,
        other => Some(other.to_string()),
    });
    tags.filter(|tag| !tag.trim().is_empty()).collect()
}
