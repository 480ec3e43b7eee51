//! Changes of some fields (RFC 7396): what is absent stays, null empties.
use serde::{Deserialize, Deserializer};

/// What becomes of a field. Needs `#[serde(default)]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// It was not mentioned.
    #[default]
    Keep,
    /// Null.
    Clear,
    /// A value.
    Set(T),
}

impl<T> Patch<T> {
    /// Is it mentioned?
    pub const fn is_given(&self) -> bool {
        !matches!(self, Self::Keep)
    }
    /// What it becomes, if it is mentioned and not null.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(value)?.map_or(Self::Clear, Self::Set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Wish {
        #[serde(default)]
        minutes: Patch<u32>,
    }

    #[test]
    fn null_is_something_else_than_nothing() {
        let of = |text| serde_json::from_str::<Wish>(text).expect("reads").minutes;
        assert_eq!(
            [of("{}"), of(r#"{"minutes":null}"#), of(r#"{"minutes":3}"#)],
            [Patch::Keep, Patch::Clear, Patch::Set(3)]
        );
    }
}
