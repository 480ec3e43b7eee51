//! What a document is called on the wire: its kind, a colon, and the id of what it is about.
use std::{fmt, str::FromStr};

use uuid::Uuid;

use super::Kind;

/// The name of a document, as `summary:0198c0de-0000-7000-8000-000000000001`. Which organization it belongs to is not
/// part of it: that is decided by who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name {
    /// The kind.
    pub kind: Kind,
    /// The row that it is about.
    pub subject: Uuid,
}

/// Not the name of any document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a document is called kind:id, with a lower-case id and one of the kinds that there are")]
pub struct NameError;

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.subject.hyphenated())
    }
}

impl FromStr for Name {
    type Err = NameError;

    /// Strict: one document has one name, so that no two connections miss each other.
    fn from_str(name: &str) -> Result<Self, NameError> {
        let (kind, id) = name.split_once(':').ok_or(NameError)?;
        let found =
            Self { kind: Kind::by_key(kind).ok_or(NameError)?, subject: Uuid::try_parse(id).map_err(|_| NameError)? };
        if found.to_string() == name { Ok(found) } else { Err(NameError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_one_name() {
        let name = "live_notes:0198c0de-0000-7000-8000-0000000000ab";
        let parsed: Name = name.parse().unwrap();
        assert_eq!((parsed.kind, parsed.to_string().as_str()), (Kind::LiveNotes, name));
        for other in [
            "",
            "live_notes",
            "live_notes:",
            ":0198c0de-0000-7000-8000-0000000000ab",
            "live_notes:0198C0DE-0000-7000-8000-0000000000AB",
            "live_notes:0198c0de00007000800000000000 00ab",
            "live_notes:0198c0de0000700080000000000000ab",
            "live_notes:{0198c0de-0000-7000-8000-0000000000ab}",
            "live_notes:urn:uuid:0198c0de-0000-7000-8000-0000000000ab",
            "LIVE_NOTES:0198c0de-0000-7000-8000-0000000000ab",
            " live_notes:0198c0de-0000-7000-8000-0000000000ab",
            "live_notes:0198c0de-0000-7000-8000-0000000000ab\0session",
            "live_notes:0198c0de-0000-7000-8000-0000000000ab/",
            "notes:0198c0de-0000-7000-8000-0000000000ab",
        ] {
            assert_eq!(other.parse::<Name>(), Err(NameError), "{other}");
        }
    }
}
