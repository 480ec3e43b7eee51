//! The gate before a document: reads an update of somebody else before yrs does, and lets it pass only if yrs will take
//! the whole of it. Pure; recursion, memory and time are bounded by us, never by the author of the bytes.
//!
//! yrs 0.28 overflows its stack on deeply nested values and types, integrates past gaps, keeps halves of updates for
//! later, stops in the middle of an update whose parent is no type, never comes back from reading text among elements,
//! and puts a piece whose neighbours were never beside each other wherever it happens to look first. None of that can be
//! undone or caught; all of it can be seen in the bytes and in what is [`Known`] of the document.
mod known;
mod resolve;
mod scan;
#[cfg(test)]
pub(super) mod tests;

pub use self::known::{Container, Id, IdRange, Known};
use self::scan::Section;
use super::lib0::{Malformed, Reader};

/// What an update may be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Its size.
    pub bytes: usize,
    /// How deep values (JSON, arrays, maps) may be nested.
    pub values: u32,
    /// How deep types may be nested in types. Whole subtrees are deleted recursively, here and in browsers.
    pub types: u8,
    /// Of how many clients it may bring something.
    pub clients: usize,
    /// How many pieces it may consist of.
    pub pieces: usize,
}

impl Limits {
    /// For what is typed now.
    pub const UPDATE: Self = Self { bytes: 1 << 20, values: 100, types: 100, clients: 1 << 10, pieces: 1 << 16 };
    /// For what somebody brings who was away.
    pub const STEP2: Self = Self { bytes: 8 << 20, values: 100, types: 100, clients: 1 << 13, pieces: 1 << 20 };
    /// For what comes from our own log.
    pub const OWN: Self = Self { bytes: usize::MAX, values: 100, types: 100, clients: usize::MAX, pieces: usize::MAX };
}

/// What the gate says of a well-formed update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All that it refers to is there, or in it.
    Ready(Ready),
    /// Something has to come first.
    Missing(Missing),
}

/// An update that may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// What it brings that was not known, one range for each client.
    pub inserted: Vec<IdRange>,
    /// What it says is deleted, known or not.
    pub deleted: Vec<IdRange>,
    /// Of how many pieces it consists.
    pub pieces: usize,
    brought: Known,
}

/// The update needs the piece `clock` of `client`, which the document does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it builds on number {clock} of client {client}, which is not known here")]
pub struct Missing {
    /// Whose piece.
    pub client: u64,
    /// The first number that is missing.
    pub clock: u64,
}

/// Why an update may not pass. No honest client makes such updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Bad {
    /// More bytes than the limit.
    #[error("it is too large")]
    TooLarge,
    /// More pieces than the limit.
    #[error("it has too many pieces")]
    TooManyPieces,
    /// More clients than the limit.
    #[error("it has too many clients")]
    TooManyClients,
    /// Not the encoding of an update.
    #[error("it cannot be read: {0}")]
    Malformed(#[from] Malformed),
    /// A client has two sections.
    #[error("a client is listed twice")]
    ClientTwice,
    /// A piece of no length.
    #[error("a piece is empty")]
    EmptyPiece,
    /// A number beyond what yrs can count.
    #[error("a clock is out of range")]
    ClockRange,
    /// Content that Yjs does not have.
    #[error("a piece has unknown content")]
    UnknownContent,
    /// A type that Yjs does not have, or that yrs cannot read.
    #[error("a piece is of an unknown type")]
    UnknownType,
    /// A document inside of the document.
    #[error("it brings a sub-document")]
    SubDocument,
    /// A value nested deeper than the limit.
    #[error("a value is nested too deep")]
    ValueTooDeep,
    /// A type nested deeper than the limit.
    #[error("types are nested too deep")]
    TypeTooDeep,
    /// A piece refers to itself or to a later piece of its own client.
    #[error("a piece depends on a later one")]
    Backwards,
    /// A piece claims to be between something and itself.
    #[error("a piece is between something and itself")]
    NoRoom,
    /// A piece claims to be between two others that were never beside each other.
    #[error("a piece is between others that are not neighbours")]
    NotNeighbours,
    /// Pieces of several clients depend on each other in a circle.
    #[error("pieces depend on each other in a circle")]
    Circle,
    /// The parent of a piece cannot have children.
    #[error("the parent of a piece is not a type")]
    ParentNoType,
    /// A piece is in a container that cannot hold such content: text in a map, values among elements.
    #[error("a piece is where it does not belong")]
    WrongPlace,
    /// A piece that is known in part claims another place than the known part has.
    #[error("a piece is torn")]
    Torn,
    /// yrs could not read it, although we could.
    #[error("yrs cannot read it")]
    Undecodable,
}

impl Bad {
    /// A short name, for a metric.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::TooManyPieces => "too_many_pieces",
            Self::TooManyClients => "too_many_clients",
            Self::Malformed(_) => "malformed",
            Self::ClientTwice => "client_twice",
            Self::EmptyPiece => "empty_piece",
            Self::ClockRange => "clock_range",
            Self::UnknownContent => "unknown_content",
            Self::UnknownType => "unknown_type",
            Self::SubDocument => "sub_document",
            Self::ValueTooDeep => "value_too_deep",
            Self::TypeTooDeep => "type_too_deep",
            Self::Backwards => "backwards",
            Self::NoRoom => "no_room",
            Self::NotNeighbours => "not_neighbours",
            Self::Circle => "circle",
            Self::ParentNoType => "parent_no_type",
            Self::WrongPlace => "wrong_place",
            Self::Torn => "torn",
            Self::Undecodable => "undecodable",
        }
    }
}

/// Looks at an update (version 1 of the encoding) for a document of which `known` is known.
pub fn check(update: &[u8], limits: &Limits, known: &Known) -> Result<Verdict, Bad> {
    if update.len() > limits.bytes {
        return Err(Bad::TooLarge);
    }
    let mut reader = Reader::new(update);
    let scan::Sections { all: sections, missing, pieces } = scan::sections(&mut reader, limits, known)?;
    let deleted = scan::deletions(&mut reader)?;
    reader.end()?;
    if let Some(missing) = missing {
        return Ok(Verdict::Missing(missing));
    }
    let inserted: Vec<_> = sections.iter().filter_map(Section::inserted).collect();
    let brought = match resolve::places(sections, &deleted, limits, known)? {
        Ok(brought) => brought,
        Err(missing) => return Ok(Verdict::Missing(missing)),
    };
    for range in &deleted {
        let next = brought.next(range.client).max(known.next(range.client));
        if range.to > next {
            return Ok(Verdict::Missing(Missing { client: range.client, clock: next.into() }));
        }
    }
    Ok(Verdict::Ready(Ready { inserted, deleted, pieces, brought }))
}
