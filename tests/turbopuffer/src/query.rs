//! Runs one query on a namespace.

use serde_json::{Map, Value as Json, json};

use crate::aggregate::Aggregation;
use crate::compile::Compiler;
use crate::error::{Failure, Outcome};
use crate::filter::Filter;
use crate::order::OrderKey;
use crate::rank::{Nearest, Rank};
use crate::request::{Include, Limit, Per, Query, VectorEncoding};
use crate::rows::{Field, Row, Slot};
use crate::schema::{Attribute, Schema};
use crate::score::Score;
use crate::value::Value;
use crate::vector;

/// What the service returns for a query without a limit.
const DEFAULT_LIMIT: usize = 10;

/// A document of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Hit<'a> {
    pub(crate) slot: Slot,
    pub(crate) row: &'a Row,
    /// Distance or score; absent in an order by attributes.
    pub(crate) dist: Option<f64>,
}

/// The answer of one query.
#[derive(Debug)]
pub(crate) struct Answer {
    /// `rows`, `aggregations` or `aggregation_groups`.
    pub(crate) name: &'static str,
    pub(crate) content: Json,
    /// Bytes returned, as they are billed.
    pub(crate) bytes: u64,
}

/// The documents of a query, and what is shown of each.
pub(crate) struct Hits<'a> {
    pub(crate) hits: Vec<Hit<'a>>,
    shown: Shown<'a>,
}

/// The attributes that an answer shows.
struct Shown<'a> {
    attributes: Vec<(&'a str, &'a Attribute)>,
    computed: Vec<(&'a str, Computed)>,
    encoding: VectorEncoding,
}

enum Computed {
    Distance(Nearest),
    Score(Score),
}

impl<'a> Compiler<'a> {
    pub(crate) fn run(&self, query: &Query, encoding: VectorEncoding) -> Outcome<Answer> {
        if query.aggregate_by.is_some() {
            return self.aggregate(query);
        }
        self.hits(query, encoding).map(|hits| hits.answer())
    }

    /// Slots that a query takes from its namespace's share.
    pub(crate) fn slots(query: &Query) -> u32 {
        if query.aggregate_by.is_some() {
            return 4;
        }
        let operator = query.rank_by.as_ref().and_then(|rank| rank.get(1)).and_then(Json::as_str);
        if operator == Some("kNN") { 2 } else { 1 }
    }

    pub(crate) fn hits<'q>(&self, query: &'q Query, encoding: VectorEncoding) -> Outcome<Hits<'q>>
    where
        'a: 'q,
    {
        let rank = query
            .rank_by
            .as_ref()
            .ok_or_else(|| Failure::invalid("💔 rank_by is required unless aggregate_by is given"))?;
        if query.rerank_by.is_some() {
            return Err(Failure::invalid("💔 rerank_by: no reranking model is available"));
        }
        let (total, per) = self.limit(query)?;
        let filter = query.filters.as_ref().map(|filter| self.filter(filter)).transpose()?;
        let rank = self.rank(rank, filter.is_some())?;
        let shown = self.shown(query, encoding)?;
        let offset = query.offset.unwrap_or(0);
        let per = per.map(|per| Ok::<_, Failure>((self.per_fields(per)?, per.limit))).transpose()?;
        // A limit per value may pass over any number of rows.
        let count = if per.is_some() { usize::MAX } else { offset.saturating_add(total) };
        let mut hits = self.ranked(&rank, filter.as_ref(), count);
        if let Some((fields, limit)) = per {
            let mut seen = std::collections::HashMap::new();
            hits.retain(|hit| {
                let key: Vec<_> = fields.iter().map(|field| hit.row.get(*field).cloned()).collect();
                let count = seen.entry(key).or_insert(0);
                *count += 1;
                *count <= limit
            });
        }
        let hits = hits.into_iter().skip(offset).take(total).collect();
        Ok(Hits { hits, shown })
    }

    fn ranked(&self, rank: &Rank, filter: Option<&Filter>, count: usize) -> Vec<Hit<'a>> {
        match rank {
            Rank::Order(keys) => {
                let rows = self.rows.first(filter, keys, self.schema, count);
                rows.into_iter().map(|(slot, row)| Hit { slot, row, dist: None }).collect()
            }
            Rank::Nearest(nearest) => {
                let rows = self.rows.matching(filter, self.schema).into_iter();
                let near = rows
                    .filter_map(|(slot, row)| Some(Hit { slot, row, dist: Some(nearest.distance(row)?) }));
                best(near.collect(), count, nearest.is_descending())
            }
            Rank::Score(score) => best(self.scored(score, filter), count, true),
        }
    }

    fn scored(&self, score: &Score, filter: Option<&Filter>) -> Vec<Hit<'a>> {
        let hit = |(slot, row): (Slot, &'a Row)| {
            let dist = score.of(slot, row).filter(|dist| *dist > 0.0)?;
            Some(Hit { slot, row, dist: Some(dist) })
        };
        let Some(slots) = score.slots() else {
            return self.rows.matching(filter, self.schema).into_iter().filter_map(hit).collect();
        };
        let rows = slots.into_iter().filter_map(|slot| Some((slot, &**self.rows.at(slot)?)));
        let rows = rows.filter(|(slot, row)| filter.is_none_or(|filter| filter.matches(*slot, row, None)));
        rows.filter_map(hit).collect()
    }

    fn limit<'q>(&self, query: &'q Query) -> Outcome<(usize, Option<&'q Per>)> {
        let (total, per) = match (&query.limit, query.top_k) {
            (Some(_), Some(_)) => return Err(Failure::invalid("💔 give either limit or top_k, not both")),
            (Some(Limit::Total(total)), None) => (*total, None),
            (None, Some(top_k)) => (top_k, None),
            (Some(Limit::Options { total, per }), None) => (*total, per.as_ref()),
            (None, None) if query.offset.is_some() => {
                return Err(Failure::invalid("💔 offset requires rank_by and a limit"));
            }
            (None, None) => (DEFAULT_LIMIT, None),
        };
        let most = self.settings.limits.rows;
        if total == 0 || total > most {
            return Err(Failure::invalid(format!("💔 limit must be between 1 and {most}, got {total}")));
        }
        Ok((total, per))
    }

    fn per_fields(&self, per: &Per) -> Outcome<Vec<Field>> {
        let field = |name: &String| {
            let attribute = self.schema.find(name).ok_or_else(|| {
                Failure::invalid(format!("limit error in key `{name}`: attribute not found"))
            })?;
            Ok(Field::Column(attribute.column))
        };
        per.attributes.iter().map(field).collect()
    }

    fn shown<'q>(&self, query: &'q Query, encoding: VectorEncoding) -> Outcome<Shown<'q>>
    where
        'a: 'q,
    {
        let all = || self.schema.iter().map(|(name, attribute)| (name.as_str(), attribute)).collect();
        let attributes = match (&query.include_attributes, &query.exclude_attributes) {
            (Some(_), Some(_)) => {
                let message = "💔 include_attributes and exclude_attributes cannot be used together";
                return Err(Failure::invalid(message));
            }
            (Some(Include::All(false)) | None, None) => Vec::new(),
            (Some(Include::All(true)), None) => all(),
            (Some(Include::Names(names)), None) => included(names, self.schema)?,
            (None, Some(excluded)) => {
                let mut rest: Vec<(&str, &Attribute)> = all();
                rest.retain(|(name, _)| !excluded.iter().any(|other| other == name));
                rest
            }
        };
        let computed = query.compute_attributes.iter().flatten();
        let computed = computed.map(|(name, json)| Ok((name.as_str(), self.computed(json)?)));
        Ok(Shown { attributes, computed: computed.collect::<Outcome<_>>()?, encoding })
    }

    fn computed(&self, json: &Json) -> Outcome<Computed> {
        let parts = json.as_array().map(Vec::as_slice);
        match parts {
            Some([Json::String(word), ..]) if word == "Highlight" => {
                Err(Failure::invalid("💔 compute_attributes: Highlight is not available"))
            }
            Some([Json::String(name), Json::String(word), operand]) if word == "VectorDist" => {
                Ok(Computed::Distance(self.nearest(name, operand)?))
            }
            _ => match self.rank(json, true)? {
                Rank::Score(score) => Ok(Computed::Score(score)),
                Rank::Nearest(nearest) => Ok(Computed::Distance(nearest)),
                Rank::Order(_) => Err(Failure::invalid("💔 compute_attributes: an order has no score")),
            },
        }
    }

    /// Reads the keys of an order by attributes.
    pub(crate) fn order(&self, keys: &[Json]) -> Outcome<Vec<OrderKey>> {
        if keys.len() > self.settings.limits.order_keys {
            let message = format!("💔 rank_by has at most {} keys", self.settings.limits.order_keys);
            return Err(Failure::invalid(message));
        }
        keys.iter().map(|key| self.order_key(key)).collect()
    }
}

/// The best hits, with ties in the order of ids.
fn best(mut hits: Vec<Hit<'_>>, count: usize, is_descending: bool) -> Vec<Hit<'_>> {
    let compare = |a: &Hit<'_>, b: &Hit<'_>| {
        let (x, y) = (a.dist.unwrap_or_default(), b.dist.unwrap_or_default());
        let order = if is_descending { y.total_cmp(&x) } else { x.total_cmp(&y) };
        order.then_with(|| a.row.id.cmp(&b.row.id))
    };
    if count < hits.len() {
        hits.select_nth_unstable_by(count, compare);
        hits.truncate(count);
    }
    hits.sort_unstable_by(compare);
    hits
}

fn included<'q>(names: &'q [String], schema: &'q Schema) -> Outcome<Vec<(&'q str, &'q Attribute)>> {
    let names = names.iter().filter(|name| *name != "id");
    let find = |name: &'q String| {
        let attribute = schema.find(name).ok_or_else(|| {
            Failure::invalid(format!("include_attributes error in key `{name}`: attribute not found"))
        })?;
        Ok((name.as_str(), attribute))
    };
    names.map(find).collect()
}

impl Hits<'_> {
    pub(crate) fn answer(&self) -> Answer {
        let mut bytes = 0;
        let rows = self.hits.iter().map(|hit| {
            let (row, size) = self.shown.row(hit);
            bytes += size;
            row
        });
        let content = rows.collect();
        Answer { name: "rows", content, bytes }
    }

    /// A document as this query shows it, and its billed bytes.
    pub(crate) fn show(&self, hit: &Hit<'_>) -> (Json, u64) {
        self.shown.row(hit)
    }
}

impl Shown<'_> {
    fn row(&self, hit: &Hit<'_>) -> (Json, u64) {
        let mut row = Map::new();
        let mut bytes = hit.row.id.bytes();
        if let Some(dist) = hit.dist {
            row.insert("$dist".to_owned(), json!(dist));
            bytes += 4;
        }
        row.insert("id".to_owned(), hit.row.id.to_json());
        for (name, attribute) in &self.attributes {
            if let Some(value) = hit.row.column(attribute.column) {
                bytes += value.bytes();
                row.insert((*name).to_owned(), self.encode(value));
            }
        }
        for (name, computed) in &self.computed {
            let number = match computed {
                Computed::Distance(nearest) => nearest.distance(hit.row),
                Computed::Score(score) => Some(score.of(hit.slot, hit.row).unwrap_or_default()),
            };
            if let Some(number) = number {
                bytes += 8;
                row.insert((*name).to_owned(), json!(number));
            }
        }
        (Json::Object(row), bytes)
    }

    fn encode(&self, value: &Value) -> Json {
        match value {
            Value::Vector(numbers) if self.encoding == VectorEncoding::Base64 => vector::to_base64(numbers),
            other => other.to_json(),
        }
    }
}

/// The answer of an aggregation.
impl From<Aggregation> for Answer {
    fn from(aggregation: Aggregation) -> Self {
        let bytes = aggregation.content.to_string().len() as u64;
        Self { name: aggregation.name, content: aggregation.content, bytes }
    }
}
