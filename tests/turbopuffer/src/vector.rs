//! Vectors: their encodings and distances.

use std::cmp::Ordering;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value as Json};

use crate::kind::Element;

/// How near two vectors are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Metric {
    CosineDistance,
    EuclideanSquared,
}

/// Reads numbers, or base64 of little-endian `f32`.
#[expect(clippy::cast_possible_truncation, reason = "vectors are kept as f32")]
pub(crate) fn parse(json: &Json) -> Option<Vec<f32>> {
    if let Some(text) = json.as_str() {
        let bytes = decode_base64(text)?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        return rest.is_empty().then(|| numbers.iter().map(|four| f32::from_le_bytes(*four)).collect());
    }
    json.as_array()?.iter().map(|number| number.as_f64().map(|number| number as f32)).collect()
}

/// Reads dimensions and their weights, which are kept as `f16`.
pub(crate) fn parse_sparse(json: &Json) -> Option<Vec<(Box<str>, f32)>> {
    let weights = json.as_object()?.iter().map(|(dim, weight)| {
        let weight = half::f16::from_f64(weight.as_f64()?);
        Some((dim.as_str().into(), weight.to_f32()))
    });
    weights.collect()
}

/// The numbers as an element type keeps them.
pub(crate) fn rounded(numbers: Vec<f32>, element: Element) -> Vec<f32> {
    match element {
        Element::F32 => numbers,
        Element::F16 => numbers.into_iter().map(|number| half::f16::from_f32(number).to_f32()).collect(),
        Element::I8 => numbers.into_iter().map(|number| number.round().clamp(-128.0, 127.0)).collect(),
    }
}

pub(crate) fn to_json(numbers: &[f32]) -> Json {
    numbers.iter().map(|number| shortest(*number)).collect()
}

pub(crate) fn to_base64(numbers: &[f32]) -> Json {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    encode_base64(&bytes).into()
}

/// The shortest decimal that reads back as the same `f32`.
pub(crate) fn shortest(number: f32) -> Json {
    let decimal = number.to_string().parse().ok().and_then(Number::from_f64);
    decimal.map_or(Json::Null, Json::Number)
}

pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn compare(a: &[f32], b: &[f32]) -> Ordering {
    let unequal = a.iter().zip(b).map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne());
    unequal.unwrap_or_else(|| a.len().cmp(&b.len()))
}

pub(crate) fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

pub(crate) fn distance(a: &[f32], b: &[f32], metric: Metric) -> f64 {
    match metric {
        Metric::CosineDistance => {
            let lengths = (dot(a, a) * dot(b, b)).sqrt();
            if lengths == 0.0 { 1.0 } else { (1.0 - dot(a, b) / lengths).max(0.0) }
        }
        Metric::EuclideanSquared => {
            a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
        }
    }
}

/// Late interaction: each query vector meets the document's best one; the nearer, the smaller.
pub(crate) fn late_interaction(query: &[Vec<f32>], document: &[Vec<f32>]) -> f64 {
    let best = |one: &Vec<f32>| document.iter().map(|other| dot(one, other)).fold(f64::MIN, f64::max);
    -query.iter().map(best).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Metric, distance, parse, shortest, to_base64};

    #[test]
    fn numbers_come_back_as_they_were_sent() {
        assert_eq!(shortest(0.7).to_string(), "0.7");
        assert_eq!(shortest(1.0).to_string(), "1.0");
    }

    #[test]
    fn base64_is_little_endian() {
        assert_eq!(to_base64(&[1.0]), json!("AACAPw=="));
        assert_eq!(parse(&json!("AACAPw==")), Some(vec![1.0]));
        assert_eq!(parse(&json!("AACA")), None);
    }

    #[test]
    fn distances_are_the_documented_ones() {
        assert!((distance(&[1.0, 0.0], &[0.0, 2.0], Metric::CosineDistance) - 1.0).abs() < 1e-9);
        assert!((distance(&[1.0, 0.0], &[0.0, 2.0], Metric::EuclideanSquared) - 5.0).abs() < 1e-9);
    }
}
