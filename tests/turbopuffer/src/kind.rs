//! The types an attribute can have.

use std::fmt;

/// The type of a single value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    Text,
    Int,
    Uint,
    Float,
    Bool,
    Uuid,
    Datetime,
}

/// How a vector's numbers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    F32,
    F16,
    I8,
}

/// The type of an attribute, which never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    One(Scalar),
    Many(Scalar),
    Vector {
        dims: usize,
        element: Element,
    },
    /// Vectors of one document for late interaction.
    Vectors {
        dims: usize,
    },
    Sparse,
    Bytes,
}

impl Scalar {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "string" => Self::Text,
            "int" => Self::Int,
            "uint" => Self::Uint,
            "float" => Self::Float,
            "bool" => Self::Bool,
            "uuid" => Self::Uuid,
            "datetime" => Self::Datetime,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Uuid => "uuid",
            Self::Datetime => "datetime",
        }
    }
}

impl Kind {
    /// Reads a type as a schema spells it.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if let Some(scalar) = Scalar::parse(name) {
            return Some(Self::One(scalar));
        }
        match name {
            "{}f16" => return Some(Self::Sparse),
            "bytes" => return Some(Self::Bytes),
            _ => {}
        }
        let rest = name.strip_prefix('[')?;
        if let Some(rest) = rest.strip_prefix("][") {
            let (dims, element) = rest.split_once(']')?;
            return (element == "f32").then_some(Self::Vectors { dims: dims.parse().ok()? });
        }
        if let Some(element) = rest.strip_prefix(']') {
            return Scalar::parse(element).map(Self::Many);
        }
        let (dims, element) = rest.split_once(']')?;
        let element = match element {
            "f32" => Element::F32,
            "f16" => Element::F16,
            "i8" => Element::I8,
            _ => return None,
        };
        Some(Self::Vector { dims: dims.parse().ok()?, element })
    }

    pub(crate) fn is_dense(self) -> bool {
        matches!(self, Self::Vector { .. } | Self::Vectors { .. })
    }

    pub(crate) fn is_vector(self) -> bool {
        self.is_dense() || self == Self::Sparse
    }

    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::One(Scalar::Text) | Self::Many(Scalar::Text))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(scalar) => out.write_str(scalar.name()),
            Self::Many(scalar) => write!(out, "[]{}", scalar.name()),
            Self::Vector { dims, element } => {
                let element = match element {
                    Element::F32 => "f32",
                    Element::F16 => "f16",
                    Element::I8 => "i8",
                };
                write!(out, "[{dims}]{element}")
            }
            Self::Vectors { dims } => write!(out, "[][{dims}]f32"),
            Self::Sparse => out.write_str("{}f16"),
            Self::Bytes => out.write_str("bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn every_type_reads_as_it_is_written() {
        for name in ["string", "uint", "[]datetime", "[768]f16", "[2]i8", "[][4]f32", "{}f16", "bytes"] {
            assert_eq!(Kind::parse(name).map(|kind| kind.to_string()).as_deref(), Some(name));
        }
        for name in ["", "text", "[]", "[x]f32", "[2]f64", "[]vector", "[][2]f16"] {
            assert_eq!(Kind::parse(name), None, "{name}");
        }
    }
}
