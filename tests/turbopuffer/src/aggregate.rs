//! Counts and sums, of all documents or of groups.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::compile::Compiler;
use crate::error::{Failure, Outcome};
use crate::kind::{Kind, Scalar};
use crate::query::Answer;
use crate::request::Query;
use crate::rows::{Field, Row};
use crate::value::Value;

/// The result of an aggregate query.
pub(crate) struct Aggregation {
    /// `aggregations` or `aggregation_groups`.
    pub(crate) name: &'static str,
    pub(crate) content: Json,
}

#[derive(Clone, Copy)]
enum Function {
    Count,
    CountPresent(Field),
    Sum(Field),
}

/// What a function has seen so far.
#[derive(Clone, Copy, Default)]
struct Total {
    count: u64,
    integers: i128,
    floats: f64,
    has_floats: bool,
}

/// One part of a group's key.
struct Key<'a> {
    name: &'a str,
    field: Field,
    /// Each element of the array is a group of its own.
    is_unnested: bool,
}

impl Compiler<'_> {
    pub(crate) fn aggregate(&self, query: &Query) -> Outcome<Answer> {
        self.check_shape(query)?;
        let functions = query.aggregate_by.iter().flatten();
        let functions = functions.map(|(label, json)| Ok((label.as_str(), self.function(json)?)));
        let functions: Vec<_> = functions.collect::<Outcome<_>>()?;
        let filter = query.filters.as_ref().map(|filter| self.filter(filter)).transpose()?;
        let keys = query.group_by.as_ref().map(|keys| self.keys(keys)).transpose()?;
        let rows = self.rows.matching(filter.as_ref(), self.schema);
        let Some(keys) = keys else {
            let totals = functions.iter().map(|(label, function)| {
                let mut total = Total::default();
                for (_, row) in &rows {
                    total.add(*function, row);
                }
                ((*label).to_owned(), total.result(*function))
            });
            let content = Json::Object(totals.collect());
            return Ok(Aggregation { name: "aggregations", content }.into());
        };
        let mut groups: BTreeMap<Vec<Option<Value>>, Vec<Total>> = BTreeMap::new();
        for (_, row) in rows {
            for key in group_keys(&keys, row) {
                let totals = groups.entry(key).or_insert_with(|| vec![Total::default(); functions.len()]);
                for (total, (_, function)) in totals.iter_mut().zip(&functions) {
                    total.add(*function, row);
                }
            }
        }
        let most = query.top_k.unwrap_or(self.settings.limits.rows);
        let groups = groups.into_iter().take(most).map(|(key, totals)| {
            let parts = keys.iter().zip(key).map(|(part, value)| {
                (part.name.to_owned(), value.map_or(Json::Null, |value| value.to_json()))
            });
            let results = functions
                .iter()
                .zip(totals)
                .map(|((label, function), total)| ((*label).to_owned(), total.result(*function)));
            Json::Object(parts.chain(results).collect::<Map<_, _>>())
        });
        Ok(Aggregation { name: "aggregation_groups", content: groups.collect() }.into())
    }

    fn check_shape(&self, query: &Query) -> Outcome<()> {
        let functions = query.aggregate_by.as_ref().map_or(0, indexmap::IndexMap::len);
        let is_strict = self.settings.strict_aggregates;
        let complaint = if functions == 0 || (is_strict && functions > 1) {
            "aggregate_by currently requires exactly one function"
        } else if query.rank_by.is_some() || query.include_attributes.is_some() {
            "aggregate_by cannot be used with rank_by or include_attributes"
        } else if is_strict && query.limit.is_some() {
            "limit cannot be used with aggregate_by; use top_k to cap groups"
        } else if is_strict && query.top_k.is_some() && query.group_by.is_none() {
            "top_k requires group_by in an aggregate query"
        } else if query.top_k.is_some_and(|top_k| top_k == 0 || top_k > self.settings.limits.rows) {
            "top_k is out of range"
        } else {
            return Ok(());
        };
        Err(Failure::invalid(format!("💔 {complaint}")))
    }

    fn function(&self, json: &Json) -> Outcome<Function> {
        match json.as_array().map(Vec::as_slice) {
            Some([Json::String(word)]) if word == "Count" => Ok(Function::Count),
            Some([Json::String(word), Json::String(name)]) if word == "Count" => {
                self.aggregated(name).map(|(field, _)| Function::CountPresent(field))
            }
            Some([Json::String(word), Json::String(name)]) if word == "Sum" => {
                let (field, kind) = self.aggregated(name)?;
                if !matches!(kind, Kind::One(Scalar::Int | Scalar::Uint | Scalar::Float)) {
                    let message = format!("💔 aggregate_by error in key `{name}`: cannot sum type {kind}");
                    return Err(Failure::invalid(message));
                }
                Ok(Function::Sum(field))
            }
            _ => Err(Failure::invalid(format!("💔 invalid aggregate function {json}"))),
        }
    }

    fn keys<'q>(&self, keys: &'q [Json]) -> Outcome<Vec<Key<'q>>> {
        let key = |json: &'q Json| {
            if let Some(name) = json.as_str() {
                let (field, kind) = self.aggregated(name)?;
                if !matches!(kind, Kind::One(_)) {
                    let message =
                        format!("💔 group_by error in key `{name}`: type {kind} needs ForEachUnique");
                    return Err(Failure::invalid(message));
                }
                return Ok(Key { name, field, is_unnested: false });
            }
            let malformed = || Failure::invalid(format!("💔 invalid group_by {json}"));
            let (label, function) =
                json.as_object().and_then(|object| object.iter().next()).ok_or_else(malformed)?;
            match function.as_array().map(Vec::as_slice) {
                Some([Json::String(word), Json::String(name)]) if word == "ForEachUnique" => {
                    let (field, _) = self.aggregated(name)?;
                    Ok(Key { name: label, field, is_unnested: true })
                }
                _ => Err(malformed()),
            }
        };
        keys.iter().map(key).collect()
    }

    fn aggregated(&self, name: &str) -> Outcome<(Field, Kind)> {
        if name == "id" {
            return Ok((Field::Id, Kind::One(self.schema.id.unwrap_or(Scalar::Text))));
        }
        let attribute = self.schema.find(name).ok_or_else(|| {
            Failure::invalid(format!("aggregate_by error in key `{name}`: attribute not found"))
        })?;
        if attribute.filterable != Some(true) {
            let message = format!("aggregate_by error in key `{name}`: attribute is not filterable");
            return Err(Failure::invalid(message));
        }
        crate::compile::check_built(attribute, self.settings)?;
        Ok((Field::Column(attribute.column), attribute.kind))
    }
}

/// Every group that a document belongs to.
fn group_keys(keys: &[Key<'_>], row: &Row) -> Vec<Vec<Option<Value>>> {
    let mut all = vec![Vec::new()];
    for key in keys {
        let value = row.get(key.field);
        let mut parts: Vec<Option<Value>> = match value {
            Some(value) if key.is_unnested => value.elements().iter().cloned().map(Some).collect(),
            None if key.is_unnested => Vec::new(),
            other => vec![other.cloned()],
        };
        parts.sort_unstable();
        parts.dedup();
        all = all
            .into_iter()
            .flat_map(|start: Vec<_>| {
                parts.iter().map(move |part| start.iter().chain([part]).cloned().collect())
            })
            .collect();
    }
    all
}

impl Total {
    fn add(&mut self, function: Function, row: &Row) {
        match function {
            Function::Count => self.count += 1,
            Function::CountPresent(field) => self.count += u64::from(row.get(field).is_some()),
            Function::Sum(field) => match row.get(field) {
                Some(Value::Int(number)) => self.integers += i128::from(*number),
                Some(Value::Uint(number)) => self.integers += i128::from(*number),
                Some(Value::Float(number)) => {
                    self.has_floats = true;
                    self.floats += number;
                }
                _ => {}
            },
        }
    }

    /// Integers sum exactly as far as JSON integers of the service reach.
    #[expect(clippy::cast_precision_loss, reason = "beyond 64 bits only a float is left")]
    fn result(self, function: Function) -> Json {
        match function {
            Function::Count | Function::CountPresent(_) => json!(self.count),
            Function::Sum(_) if self.has_floats => json!(self.floats),
            Function::Sum(_) => match (i64::try_from(self.integers), u64::try_from(self.integers)) {
                (Ok(sum), _) => json!(sum),
                (_, Ok(sum)) => json!(sum),
                _ => json!(self.integers as f64),
            },
        }
    }
}
