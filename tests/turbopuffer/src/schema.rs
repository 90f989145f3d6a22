//! What a namespace knows of its attributes.

use std::time::Instant;

use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use crate::analysis::FullText;
use crate::error::{Failure, Outcome};
use crate::kind::{Element, Kind, Scalar};
use crate::settings::Limits;
use crate::vector::Metric;

/// Number of an attribute inside its namespace; never given twice.
pub(crate) type Column = u16;

/// The attributes of a namespace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema {
    /// `None` until the first write decides.
    pub(crate) id: Option<Scalar>,
    attributes: IndexMap<String, Attribute>,
    next_column: Column,
    /// The metric of the namespace, for vector columns that declare none.
    pub(crate) metric: Option<Metric>,
}

/// One attribute.
#[expect(clippy::struct_excessive_bools, reason = "each is an index that the service switches by itself")]
#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    pub(crate) column: Column,
    pub(crate) kind: Kind,
    /// `None` for vectors, which filters cannot use.
    pub(crate) filterable: Option<bool>,
    pub(crate) full_text: Option<FullText>,
    pub(crate) regex: bool,
    pub(crate) glob: bool,
    pub(crate) fuzzy: bool,
    pub(crate) ann: bool,
    pub(crate) metric: Option<Metric>,
    /// Until when an index that was asked for later is still being built.
    pub(crate) building_until: Option<Instant>,
}

/// What a request asks an attribute to be.
enum Declaration {
    Drop,
    Keep(Box<Wanted>),
}

struct Wanted {
    kind: Kind,
    options: Map<String, Json>,
}

impl Schema {
    pub(crate) fn find(&self, name: &str) -> Option<&Attribute> {
        self.attributes.get(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Attribute)> {
        self.attributes.iter()
    }

    /// Columns that every document must carry.
    pub(crate) fn vectors(&self) -> impl Iterator<Item = (&String, &Attribute)> {
        self.attributes.iter().filter(|(_, attribute)| attribute.kind.is_dense())
    }

    /// Merges the schema of a request; gives the columns that it drops.
    ///
    /// `has_rows` says whether vector columns can still be added and whether a new index has to be built.
    pub(crate) fn declare(
        &mut self,
        entries: &Map<String, Json>,
        has_rows: bool,
        build: Option<Instant>,
        limits: &Limits,
    ) -> Outcome<Vec<Column>> {
        let mut dropped = Vec::new();
        for (name, entry) in entries {
            if name == "id" {
                self.declare_id(entry)?;
                continue;
            }
            match parse_entry(entry)? {
                Declaration::Drop => {
                    dropped.extend(self.attributes.shift_remove(name).map(|gone| gone.column));
                }
                Declaration::Keep(wanted) => self.declare_one(name, &wanted, has_rows, build, limits)?,
            }
        }
        Ok(dropped)
    }

    fn declare_id(&mut self, entry: &Json) -> Outcome<()> {
        let Declaration::Keep(wanted) = parse_entry(entry)? else {
            return Err(Failure::schema("id", "the id cannot be dropped"));
        };
        let Kind::One(scalar @ (Scalar::Uint | Scalar::Uuid | Scalar::Text)) = wanted.kind else {
            return Err(Failure::schema("id", &format!("id cannot have type {}", wanted.kind)));
        };
        match self.id {
            Some(known) if known != scalar => {
                let (from, to) = (known.name(), scalar.name());
                Err(Failure::schema("id", &format!("cannot change attribute type from {from} to {to}")))
            }
            _ => {
                self.id = Some(scalar);
                Ok(())
            }
        }
    }

    fn declare_one(
        &mut self,
        name: &str,
        wanted: &Wanted,
        has_rows: bool,
        build: Option<Instant>,
        limits: &Limits,
    ) -> Outcome<()> {
        let Some(known) = self.attributes.get_mut(name) else {
            if has_rows && wanted.kind.is_dense() {
                return Err(Failure::schema(name, "cannot add a vector attribute to an existing namespace"));
            }
            let mut attribute = self.add(name, wanted.kind, limits)?;
            attribute.apply(name, &wanted.options)?;
            if wanted.kind.is_vector() && wanted.kind != Kind::Sparse && !attribute.ann && name != "vector" {
                return Err(Failure::schema(name, "vector attributes must be declared with `ann`"));
            }
            self.attributes.insert(name.to_owned(), attribute);
            return Ok(());
        };
        if known.kind != wanted.kind {
            let message = format!("cannot change attribute type from {} to {}", known.kind, wanted.kind);
            return Err(Failure::schema(name, &message));
        }
        let before = known.clone();
        known.apply(name, &wanted.options)?;
        if has_rows && known.has_more_indexes_than(&before) {
            known.building_until = build;
        }
        Ok(())
    }

    /// The attribute of this name, made from a first value when it is new.
    pub(crate) fn infer(
        &mut self,
        name: &str,
        value: &Json,
        has_rows: bool,
        limits: &Limits,
    ) -> Outcome<&Attribute> {
        if !self.attributes.contains_key(name) {
            let kind = infer_kind(name, value).ok_or_else(|| {
                Failure::invalid(format!("💔 cannot infer the type of attribute `{name}` from {value}"))
            })?;
            if kind.is_dense() && has_rows {
                let message = format!("💔 attribute `{name}`: this namespace was created without vectors");
                return Err(Failure::invalid(message));
            }
            let attribute = self.add(name, kind, limits)?;
            self.attributes.insert(name.to_owned(), attribute);
        }
        Ok(&self.attributes[name])
    }

    fn add(&mut self, name: &str, kind: Kind, limits: &Limits) -> Outcome<Attribute> {
        if name.is_empty() || name.len() > limits.attribute_name_bytes || name.starts_with('$') {
            return Err(Failure::invalid(format!(
                "💔 invalid attribute name `{name}`: must have 1 to {} bytes and not start with $",
                limits.attribute_name_bytes
            )));
        }
        if self.attributes.len() >= limits.attributes {
            let message = format!("💔 too many attributes: a namespace has at most {}", limits.attributes);
            return Err(Failure::invalid(message));
        }
        if let Kind::Vector { dims, .. } | Kind::Vectors { dims } = kind {
            if dims == 0 || dims > limits.vector_dims {
                return Err(Failure::schema(
                    name,
                    &format!("vectors have 1 to {} dimensions", limits.vector_dims),
                ));
            }
            if self.vectors().count() >= limits.vector_columns {
                let message = format!("a namespace has at most {} vector attributes", limits.vector_columns);
                return Err(Failure::schema(name, &message));
            }
        }
        let column = self.next_column;
        self.next_column += 1;
        Ok(Attribute {
            column,
            kind,
            filterable: (!kind.is_vector()).then_some(true),
            full_text: None,
            regex: false,
            glob: false,
            fuzzy: false,
            ann: kind.is_dense() && name == "vector",
            metric: None,
            building_until: None,
        })
    }

    /// The map of `GET /v1/…/schema`, nulls included.
    pub(crate) fn to_v1(&self) -> Json {
        let id = self.id.map(|id| ("id".to_owned(), bare(id.name())));
        let rest = self.attributes.iter().map(|(name, attribute)| {
            let mut entry = bare(&attribute.kind.to_string());
            entry["filterable"] = json!(attribute.filterable);
            entry["full_text_search"] = json!(attribute.full_text);
            if attribute.kind.is_dense() {
                entry["ann"] = json!(attribute.ann);
            }
            attribute.add_flags(&mut entry);
            (name.clone(), entry)
        });
        Json::Object(id.into_iter().chain(rest).collect())
    }

    /// The map inside the metadata, nulls left out.
    pub(crate) fn to_v2(&self) -> Json {
        let id = self.id.map(|id| ("id".to_owned(), json!({"type": id.name()})));
        let rest = self.attributes.iter().map(|(name, attribute)| {
            let mut entry = json!({"type": attribute.kind.to_string()});
            if attribute.kind.is_dense() && attribute.ann {
                let metric = attribute.metric.or(self.metric).unwrap_or(Metric::CosineDistance);
                entry["ann"] = json!({"distance_metric": metric});
            }
            if let Some(filterable) = attribute.filterable {
                entry["filterable"] = json!(filterable);
            }
            if let Some(full_text) = &attribute.full_text {
                entry["full_text_search"] = json!(full_text);
            }
            attribute.add_flags(&mut entry);
            (name.clone(), entry)
        });
        Json::Object(id.into_iter().chain(rest).collect())
    }
}

impl Attribute {
    fn apply(&mut self, name: &str, options: &Map<String, Json>) -> Outcome<()> {
        let had_text_index = self.has_text_index();
        let flag = |key: &str| match options.get(key) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => {
                Err(Failure::unprocessable(format!("{key}: invalid type: {other}, expected a boolean")))
            }
        };
        if let Some(embed) = options.get("embed").filter(|embed| !embed.is_null()) {
            return Err(Failure::schema(name, &format!("embedding model {embed} is not available")));
        }
        if let Some(full_text) = options.get("full_text_search") {
            self.full_text = FullText::parse(name, full_text)?;
        }
        self.regex = flag("regex")?.unwrap_or(self.regex);
        self.glob = flag("glob")?.unwrap_or(self.glob);
        self.fuzzy = flag("fuzzy")?.unwrap_or(self.fuzzy);
        if self.has_text_index() && !self.kind.is_text() {
            let message = format!("text indexes need type string or []string, not {}", self.kind);
            return Err(Failure::schema(name, &message));
        }
        if self.full_text.as_ref().is_some_and(FullText::is_pre_tokenized) != self.is_pre_tokenized_kind() {
            return Err(Failure::schema(name, "tokenizer pre_tokenized_array needs type []string"));
        }
        match flag("filterable")? {
            _ if self.kind.is_vector() => {}
            Some(filterable) => self.filterable = Some(filterable),
            // A text index replaces the inverted one unless both are asked for.
            None if self.has_text_index() && !had_text_index => self.filterable = Some(false),
            None => {}
        }
        match options.get("ann") {
            None | Some(Json::Null) => {}
            Some(_) if !self.kind.is_dense() => {
                return Err(Failure::schema(name, &format!("ann needs a vector, not {}", self.kind)));
            }
            Some(Json::Bool(ann)) => self.ann = *ann,
            Some(config) => {
                self.ann = true;
                if let Some(metric) = config.get("distance_metric") {
                    let metric = serde_json::from_value(metric.clone());
                    self.metric = Some(metric.map_err(|error| Failure::unprocessable(error.to_string()))?);
                }
            }
        }
        Ok(())
    }

    fn has_text_index(&self) -> bool {
        self.full_text.is_some() || self.regex || self.glob || self.fuzzy
    }

    /// `pre_tokenized_array` is refused on a string; other tokenizers take both.
    fn is_pre_tokenized_kind(&self) -> bool {
        self.kind == Kind::Many(Scalar::Text)
            && self.full_text.as_ref().is_some_and(FullText::is_pre_tokenized)
    }

    fn has_more_indexes_than(&self, before: &Self) -> bool {
        (self.filterable == Some(true) && before.filterable != Some(true))
            || (self.full_text.is_some() && self.full_text != before.full_text)
            || (self.regex && !before.regex)
            || (self.glob && !before.glob)
            || (self.fuzzy && !before.fuzzy)
    }

    /// How many indexes hold the value, which decides what its bytes cost.
    pub(crate) fn indexes(&self) -> u64 {
        let flags = [
            self.filterable == Some(true),
            self.full_text.is_some(),
            self.regex || self.glob || self.fuzzy,
            self.ann,
            self.kind == Kind::Sparse,
        ];
        flags.into_iter().map(u64::from).sum()
    }

    fn add_flags(&self, entry: &mut Json) {
        for (name, on) in [("regex", self.regex), ("glob", self.glob), ("fuzzy", self.fuzzy)] {
            if on {
                entry[name] = json!(true);
            }
        }
        if self.kind == Kind::Sparse {
            entry["sparse_knn"] = json!({"distance_metric": "dot_product"});
        }
    }
}

fn bare(kind: &str) -> Json {
    json!({"type": kind, "filterable": null, "full_text_search": null})
}

fn parse_entry(entry: &Json) -> Outcome<Declaration> {
    let (name, options) = match entry {
        Json::String(name) => (name.as_str(), Map::new()),
        Json::Object(options) => {
            if options.get("drop") == Some(&Json::Bool(true)) {
                return Ok(Declaration::Drop);
            }
            let name = options.get("type").ok_or_else(|| Failure::unprocessable("missing field `type`"))?;
            let name = name.as_str().ok_or_else(|| {
                Failure::unprocessable(format!("invalid type: {name}, expected a string for field `type`"))
            })?;
            (name, options.clone())
        }
        other => {
            let message = format!("invalid type: {other}, expected an attribute type or its configuration");
            return Err(Failure::unprocessable(message));
        }
    };
    let kind = Kind::parse(name)
        .ok_or_else(|| Failure::unprocessable(format!("unknown attribute type `{name}`")))?;
    Ok(Declaration::Keep(Box::new(Wanted { kind, options })))
}

/// The type that a first value gives its attribute.
fn infer_kind(name: &str, value: &Json) -> Option<Kind> {
    if name == "vector" {
        let dims = crate::vector::parse(value)?.len();
        return Some(Kind::Vector { dims, element: Element::F32 });
    }
    match value {
        Json::Array(items) => infer_scalar(items.first()?).map(Kind::Many),
        one => infer_scalar(one).map(Kind::One),
    }
}

fn infer_scalar(value: &Json) -> Option<Scalar> {
    match value {
        Json::String(_) => Some(Scalar::Text),
        Json::Bool(_) => Some(Scalar::Bool),
        Json::Number(number) if number.is_f64() => Some(Scalar::Float),
        Json::Number(_) => Some(Scalar::Int),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}
