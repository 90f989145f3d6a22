use serde::ser::{Serialize, SerializeTuple, Serializer};
use serde_json::Value;
use uuid::Uuid;

/// A condition on rows.
///
/// `less` and `at_most` ask for a value that is present: the service itself lets them match rows without one.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All hold.
    And(Vec<Filter>),
    /// At least one holds.
    Or(Vec<Filter>),
    /// It does not hold; what lacks the attribute is then kept.
    Not(Box<Filter>),
    /// An attribute compared with a value.
    Test(&'static str, Operator, Operand),
    /// Every word is among those of a full-text attribute; the last may be the start of one.
    Words(&'static str, Vec<String>, LastWord),
    /// Matches no row.
    Nothing,
    /// Matches every row.
    Everything,
}

/// How an attribute is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Equal, or missing where the value is null.
    Eq,
    /// Not equal, or present where the value is null.
    NotEq,
    /// One of several.
    In,
    /// Below, or missing.
    Lt,
    /// At most, or missing.
    Lte,
    /// Above.
    Gt,
    /// At least.
    Gte,
    /// Like a pattern.
    Glob,
}

/// What an attribute is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A value.
    Value(Value),
    /// The value of this attribute in the row about to be written.
    New(&'static str),
}

/// What the last word of a search may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastWord {
    /// A whole word.
    Whole,
    /// A whole word or the start of one.
    Start,
}

impl Filter {
    /// Returns what matches when all of `filters` do.
    pub fn all(filters: impl IntoIterator<Item = Self>) -> Self {
        let mut kept = Vec::new();
        for filter in filters {
            match filter {
                Self::Nothing => return Self::Nothing,
                Self::Everything => {}
                Self::And(more) => kept.extend(more),
                other => kept.push(other),
            }
        }
        match kept.len() {
            0 => Self::Everything,
            1 => kept.remove(0),
            _ => Self::And(kept),
        }
    }

    /// Returns what matches when one of `filters` does.
    pub fn any(filters: impl IntoIterator<Item = Self>) -> Self {
        let mut kept = Vec::new();
        for filter in filters {
            match filter {
                Self::Everything => return Self::Everything,
                Self::Nothing => {}
                Self::Or(more) => kept.extend(more),
                other => kept.push(other),
            }
        }
        match kept.len() {
            0 => Self::Nothing,
            1 => kept.remove(0),
            _ => Self::Or(kept),
        }
    }

    /// Returns the opposite: what lacks an attribute is then kept.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Nothing => Self::Everything,
            Self::Everything => Self::Nothing,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Equal to a value.
    pub fn eq(attribute: &'static str, value: impl Into<Value>) -> Self {
        Self::Test(attribute, Operator::Eq, Operand::Value(value.into()))
    }

    /// Equal to an id.
    pub fn is(attribute: &'static str, id: Uuid) -> Self {
        Self::eq(attribute, id.to_string())
    }

    /// One of several ids; of none, nothing.
    pub fn one_of(attribute: &'static str, ids: impl IntoIterator<Item = Uuid>) -> Self {
        Self::among(attribute, ids.into_iter().map(|id| id.to_string()))
    }

    /// One of several texts; of none, nothing.
    pub fn among(attribute: &'static str, values: impl IntoIterator<Item = String>) -> Self {
        let values: Vec<Value> = values.into_iter().map(Value::from).collect();
        if values.is_empty() {
            return Self::Nothing;
        }
        Self::Test(attribute, Operator::In, Operand::Value(values.into()))
    }

    /// Present.
    pub fn present(attribute: &'static str) -> Self {
        Self::Test(attribute, Operator::NotEq, Operand::Value(Value::Null))
    }

    /// Present and below a value.
    pub fn less(attribute: &'static str, value: impl Into<Value>) -> Self {
        let test = Self::Test(attribute, Operator::Lt, Operand::Value(value.into()));
        Self::And(vec![Self::present(attribute), test])
    }

    /// Present and at most a value.
    pub fn at_most(attribute: &'static str, value: impl Into<Value>) -> Self {
        let test = Self::Test(attribute, Operator::Lte, Operand::Value(value.into()));
        Self::And(vec![Self::present(attribute), test])
    }

    /// Above a value.
    pub fn greater(attribute: &'static str, value: impl Into<Value>) -> Self {
        Self::Test(attribute, Operator::Gt, Operand::Value(value.into()))
    }

    /// At least a value.
    pub fn at_least(attribute: &'static str, value: impl Into<Value>) -> Self {
        Self::Test(attribute, Operator::Gte, Operand::Value(value.into()))
    }

    /// Like a pattern.
    pub fn glob(attribute: &'static str, pattern: String) -> Self {
        Self::Test(attribute, Operator::Glob, Operand::Value(pattern.into()))
    }
}

impl Operator {
    fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "Eq",
            Self::NotEq => "NotEq",
            Self::In => "In",
            Self::Lt => "Lt",
            Self::Lte => "Lte",
            Self::Gt => "Gt",
            Self::Gte => "Gte",
            Self::Glob => "Glob",
        }
    }
}

impl Serialize for Operand {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::New(attribute) => serializer.collect_map([("$ref_new", attribute)]),
        }
    }
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::And(filters) => ("And", filters).serialize(serializer),
            Self::Or(filters) => ("Or", filters).serialize(serializer),
            Self::Not(filter) => ("Not", filter).serialize(serializer),
            Self::Test(attribute, operator, operand) => {
                (attribute, operator.as_str(), operand).serialize(serializer)
            }
            Self::Words(attribute, words, last) => {
                let mut tuple = serializer.serialize_tuple(if *last == LastWord::Start { 4 } else { 3 })?;
                tuple.serialize_element(attribute)?;
                tuple.serialize_element("ContainsAllTokens")?;
                tuple.serialize_element(words)?;
                if *last == LastWord::Start {
                    tuple.serialize_element(&serde_json::json!({"last_as_prefix": true}))?;
                }
                tuple.end()
            }
            // Every row has an id.
            Self::Nothing => ("id", "Eq", Value::Null).serialize(serializer),
            Self::Everything => ("id", "NotEq", Value::Null).serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn filters_are_written_as_arrays() {
        let filter = Filter::all([
            Filter::eq("kind", "span"),
            Filter::any([Filter::less("ver", 3), Filter::glob("name", "*a*".to_owned()).negated()]),
            Filter::Words("in_w", vec!["a".to_owned(), "b".to_owned()], LastWord::Start),
            Filter::Test("ver", Operator::Lt, Operand::New("ver")),
        ]);
        let wanted = json!(["And", [
            ["kind", "Eq", "span"],
            ["Or", [["And", [["ver", "NotEq", null], ["ver", "Lt", 3]]], ["Not", ["name", "Glob", "*a*"]]]],
            ["in_w", "ContainsAllTokens", ["a", "b"], {"last_as_prefix": true}],
            ["ver", "Lt", {"$ref_new": "ver"}],
        ]]);
        assert_eq!(serde_json::to_value(filter).ok(), Some(wanted));
    }

    #[test]
    fn what_is_always_or_never_true_goes_away() {
        let one = || Filter::eq("a", 1);
        assert_eq!(Filter::all([one(), Filter::Everything]), one());
        assert_eq!(Filter::all([one(), Filter::one_of("b", [])]), Filter::Nothing);
        assert_eq!(Filter::any([one(), Filter::Nothing]), one());
        assert_eq!(Filter::any([one(), Filter::Nothing.negated()]), Filter::Everything);
        assert_eq!(Filter::any([]), Filter::Nothing);
    }
}
