//! Who sent spans: the resource and the instrumentation they came from.

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::resource::v1::Resource as ProtoResource;
use serde_json::Value;

use super::value;
use crate::kind::Attributes as Map;

/// The process or host that sent spans.
#[derive(Default)]
pub(super) struct Resource {
    /// Its attributes as every span of it keeps them.
    members: Vec<(String, Value)>,
    /// The name of its service.
    pub(super) service: Option<String>,
    /// The id or name of its host.
    pub(super) machine: Option<String>,
    /// The model provider all its spans call, where it says so.
    pub(super) provider: Option<String>,
}

impl Resource {
    pub(super) fn new(resource: Option<ProtoResource>) -> Self {
        let attributes = resource.map(|resource| resource.attributes).unwrap_or_default();
        Self {
            service: first_text(&attributes, &["service.name"]),
            machine: first_text(&attributes, &["host.id", "host.name"]),
            provider: first_text(&attributes, &["gen_ai.provider.name", "gen_ai.system"]),
            members: prefixed("resource.", attributes),
        }
    }

    /// Adds the resource's attributes to those of a span.
    pub(super) fn add_to(&self, map: &mut Map) {
        add(&self.members, map);
    }
}

/// The library that made spans.
#[derive(Default)]
pub(super) struct Scope {
    /// Its name.
    pub(super) name: String,
    members: Vec<(String, Value)>,
}

impl Scope {
    pub(super) fn new(scope: Option<InstrumentationScope>) -> Self {
        let scope = scope.unwrap_or_default();
        let (name, version) = (value::clean(scope.name), value::clean(scope.version));
        // The names OpenTelemetry gives these where a format has no place for them.
        let own = [("otel.scope.name", &name), ("otel.scope.version", &version)];
        let named = own.into_iter().filter(|(_, text)| !text.is_empty());
        let mut members: Vec<(String, Value)> =
            named.map(|(key, text)| (key.to_owned(), Value::from(text.as_str()))).collect();
        members.extend(prefixed("otel.scope.", scope.attributes));
        Self { name, members }
    }

    /// Adds the library's name, version and attributes to those of a span.
    pub(super) fn add_to(&self, map: &mut Map) {
        add(&self.members, map);
    }
}

fn add(members: &[(String, Value)], map: &mut Map) {
    for (key, value) in members {
        map.entry(key.as_str()).or_insert_with(|| value.clone());
    }
}

fn prefixed(prefix: &str, attributes: Vec<KeyValue>) -> Vec<(String, Value)> {
    let member = |KeyValue { key, value, .. }: KeyValue| {
        let value = value.and_then(|any| any.value)?;
        Some((format!("{prefix}{}", value::clean(key)), value::attribute(value)))
    };
    attributes.into_iter().filter_map(member).collect()
}

fn first_text(attributes: &[KeyValue], keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| {
        let found = attributes.iter().find(|attribute| attribute.key == *key)?;
        match found.value.as_ref()?.value.as_ref()? {
            Any::StringValue(text) if !text.is_empty() => Some(value::clean(text.clone())),
            _ => None,
        }
    })
}
