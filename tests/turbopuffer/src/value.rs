//! Values of attributes and ids: read from JSON, compared, measured and written back.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use serde_json::{Number, Value as Json};

use crate::datetime;
use crate::kind::{Kind, Scalar};
use crate::vector;

/// A value that is there; a missing one is an `Option`.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Uuid(u128),
    /// Milliseconds since 1970.
    Datetime(i64),
    Text(Box<str>),
    Many(Vec<Value>),
    Vector(Vec<f32>),
    Vectors(Vec<Vec<f32>>),
    Sparse(Vec<(Box<str>, f32)>),
    Bytes(Box<[u8]>),
}

impl Value {
    /// Reads a value of a known type; `None` is a mismatch.
    pub(crate) fn parse(json: &Json, kind: Kind) -> Option<Self> {
        match kind {
            Kind::One(scalar) => Self::parse_scalar(json, scalar),
            Kind::Many(scalar) => {
                let items = json.as_array()?;
                let items: Option<Vec<_>> =
                    items.iter().map(|item| Self::parse_scalar(item, scalar)).collect();
                items.map(Self::Many)
            }
            Kind::Vector { dims, element } => {
                let numbers = vector::parse(json)?;
                (numbers.len() == dims).then(|| Self::Vector(vector::rounded(numbers, element)))
            }
            Kind::Vectors { dims } => {
                let all: Option<Vec<_>> = json.as_array()?.iter().map(vector::parse).collect();
                all.filter(|all| all.iter().all(|one| one.len() == dims)).map(Self::Vectors)
            }
            Kind::Sparse => vector::parse_sparse(json).map(Self::Sparse),
            Kind::Bytes => vector::decode_base64(json.as_str()?).map(|bytes| Self::Bytes(bytes.into())),
        }
    }

    pub(crate) fn parse_scalar(json: &Json, scalar: Scalar) -> Option<Self> {
        Some(match scalar {
            Scalar::Text => Self::Text(json.as_str()?.into()),
            Scalar::Int => Self::Int(json.as_i64()?),
            Scalar::Uint => Self::Uint(json.as_u64()?),
            Scalar::Float => Self::Float(json.as_f64()?),
            Scalar::Bool => Self::Bool(json.as_bool()?),
            Scalar::Uuid => Self::Uuid(uuid::Uuid::try_parse(json.as_str()?).ok()?.as_u128()),
            Scalar::Datetime => Self::Datetime(datetime::parse(json.as_str()?)?),
        })
    }

    pub(crate) fn to_json(&self) -> Json {
        match self {
            Self::Bool(flag) => Json::Bool(*flag),
            Self::Int(number) => (*number).into(),
            Self::Uint(number) => (*number).into(),
            Self::Float(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
            Self::Uuid(bits) => uuid::Uuid::from_u128(*bits).to_string().into(),
            Self::Datetime(millis) => datetime::text(*millis).into(),
            Self::Text(text) => Json::String(text.to_string()),
            Self::Many(items) => items.iter().map(Self::to_json).collect(),
            Self::Vector(numbers) => vector::to_json(numbers),
            Self::Vectors(all) => all.iter().map(|one| vector::to_json(one)).collect(),
            Self::Sparse(weights) => {
                Json::Object(weights.iter().map(|(dim, w)| (dim.to_string(), vector::shortest(*w))).collect())
            }
            Self::Bytes(bytes) => vector::encode_base64(bytes).into(),
        }
    }

    /// Bytes that are billed for the value, before its indexes.
    pub(crate) fn bytes(&self) -> u64 {
        let count = match self {
            Self::Bool(_) => 1,
            Self::Int(_) | Self::Uint(_) | Self::Float(_) | Self::Datetime(_) => 8,
            Self::Uuid(_) => 16,
            Self::Text(text) => text.len(),
            Self::Many(items) => return items.iter().map(Self::bytes).sum(),
            Self::Vector(numbers) => 4 * numbers.len(),
            Self::Vectors(all) => all.iter().map(|one| 4 * one.len()).sum(),
            Self::Sparse(weights) => weights.iter().map(|(dim, _)| 2 + dim.len()).sum(),
            Self::Bytes(bytes) => bytes.len(),
        };
        count as u64
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value as a number, for scores and sums of floats.
    #[expect(clippy::cast_precision_loss, reason = "a score is a float")]
    pub(crate) fn as_number(&self) -> Option<f64> {
        Some(match self {
            Self::Int(number) | Self::Datetime(number) => *number as f64,
            Self::Uint(number) => *number as f64,
            Self::Float(number) => *number,
            _ => return None,
        })
    }

    /// The elements of an array; a single value is its own element.
    pub(crate) fn elements(&self) -> &[Self] {
        match self {
            Self::Many(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Int(_) | Self::Uint(_) | Self::Float(_) => 1,
            Self::Datetime(_) => 2,
            Self::Uuid(_) => 3,
            Self::Text(_) => 4,
            Self::Many(_) => 5,
            Self::Vector(_) => 6,
            Self::Vectors(_) => 7,
            Self::Sparse(_) => 8,
            Self::Bytes(_) => 9,
        }
    }
}

/// Orders numbers of different types by value, so that a condition can compare an `int` to a `uint`.
fn compare_numbers(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Uint(a), Value::Uint(b)) => a.cmp(b),
        (Value::Int(a), Value::Uint(b)) => i128::from(*a).cmp(&i128::from(*b)),
        (Value::Uint(a), Value::Int(b)) => i128::from(*a).cmp(&i128::from(*b)),
        (a, b) => {
            let (a, b) = (a.as_number().unwrap_or(f64::NAN), b.as_number().unwrap_or(f64::NAN));
            // Zeros of both signs are equal to the service, but not to `total_cmp`.
            (a + 0.0).total_cmp(&(b + 0.0))
        }
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Uuid(a), Self::Uuid(b)) => a.cmp(b),
            (Self::Datetime(a), Self::Datetime(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Many(a), Self::Many(b)) => a.cmp(b),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            (Self::Vector(a), Self::Vector(b)) => vector::compare(a, b),
            (a, b) if a.rank() == 1 && b.rank() == 1 => compare_numbers(a, b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rank().hash(state);
        match self {
            Self::Bool(flag) => flag.hash(state),
            Self::Int(number) => i128::from(*number).hash(state),
            Self::Uint(number) => i128::from(*number).hash(state),
            // A float may equal an integer, so floats share one hash.
            Self::Float(_) | Self::Vector(_) | Self::Vectors(_) | Self::Sparse(_) => {}
            Self::Uuid(bits) => bits.hash(state),
            Self::Datetime(millis) => millis.hash(state),
            Self::Text(text) => text.hash(state),
            Self::Many(items) => items.hash(state),
            Self::Bytes(bytes) => bytes.hash(state),
        }
    }
}
