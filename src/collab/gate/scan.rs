//! The first look at an update: is every byte of it what Yjs would write? And how far does each client get?
use std::collections::HashSet;

use super::{Bad, Container, Id, IdRange, Known, Limits, Missing};
use crate::collab::lib0::{Malformed, Reader, json_within};

/// Clocks beyond this are refused: yrs counts in 32 bits and computes differences of clocks with a sign.
const LAST_CLOCK: u64 = u32::MAX as u64 / 2;

/// The pieces of one client, in their order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section<'a> {
    pub(super) client: u64,
    /// The number of the first piece.
    pub(super) clock: u32,
    /// How many pieces.
    pub(super) count: u64,
    /// At the first piece.
    pub(super) reader: Reader<'a>,
    /// What is known of the client.
    pub(super) known: u32,
    /// What will be known of the client.
    pub(super) next: u32,
}

impl Section<'_> {
    pub(super) fn inserted(&self) -> Option<IdRange> {
        (self.next > self.known).then_some(IdRange { client: self.client, from: self.known, to: self.next })
    }
}

/// A struct of Yjs, without its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) length: u32,
    pub(super) body: Body<'a>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Body<'a> {
    /// Nothing: the sender left these numbers out.
    Skip,
    /// Deleted with all around it.
    Collected,
    /// Something at a place.
    Item { left: Option<Id>, right: Option<Id>, parent: Option<Parent<'a>>, kind: Kind },
}

/// Written only when there is no neighbour to take it from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parent<'a> {
    pub(super) of: ParentType<'a>,
    /// Under a key, not in the sequence.
    pub(super) key: Option<&'a str>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum ParentType<'a> {
    Root(&'a str),
    Id(Id),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Deleted,
    /// Characters, marks, and things among them.
    Text,
    /// JSON, binary.
    Value,
    Type {
        holds: Container,
        /// An element or a text of XML.
        node: bool,
    },
}

impl Kind {
    /// Does such a piece belong into such a container? What does not would throw in every browser that shows it.
    pub(super) const fn fits(self, container: Container, entry: bool) -> bool {
        match (self, container) {
            (Self::Deleted, _) | (_, Container::Anything) | (Self::Type { .. }, Container::Text | Container::List) => {
                true
            }
            (Self::Text, _) => matches!(container, Container::Text) && !entry,
            (Self::Value, _) => entry || matches!(container, Container::List),
            (Self::Type { .. }, Container::Map) => entry,
            (Self::Type { node, .. }, Container::Xml) => entry || node,
        }
    }
}

/// All sections of an update.
pub(super) struct Sections<'a> {
    pub(super) all: Vec<Section<'a>>,
    /// A section does not begin where the client stands, or has a gap.
    pub(super) missing: Option<Missing>,
    pub(super) pieces: usize,
}

/// Looks at every byte of all sections.
pub(super) fn sections<'a>(reader: &mut Reader<'a>, limits: &Limits, known: &Known) -> Result<Sections<'a>, Bad> {
    let (mut sections, mut seen, mut missing, mut pieces) = (Vec::new(), HashSet::new(), None, 0_usize);
    for _ in 0..reader.uint()? {
        let count = reader.uint()?;
        let client = reader.uint()?;
        let clock = clock(reader.uint()?)?;
        if !seen.insert(client) {
            return Err(Bad::ClientTwice);
        }
        if seen.len() > limits.clients {
            return Err(Bad::TooManyClients);
        }
        let have = known.next(client);
        let mut section = Section { client, clock, count, reader: *reader, known: have, next: have };
        let mut at = clock;
        for _ in 0..count {
            pieces += 1;
            if pieces > limits.pieces {
                return Err(Bad::TooManyPieces);
            }
            let piece = piece(reader, limits)?;
            let end = self::clock(u64::from(at) + u64::from(piece.length))?;
            if !matches!(piece.body, Body::Skip) {
                if at > section.next {
                    missing.get_or_insert(Missing { client, clock: section.next.into() });
                }
                section.next = section.next.max(end);
            }
            at = end;
        }
        sections.push(section);
    }
    Ok(Sections { all: sections, missing, pieces })
}

fn clock(number: u64) -> Result<u32, Bad> {
    u32::try_from(number).ok().filter(|clock| u64::from(*clock) <= LAST_CLOCK).ok_or(Bad::ClockRange)
}

/// What the update deletes.
pub(super) fn deletions(reader: &mut Reader<'_>) -> Result<Vec<IdRange>, Bad> {
    let mut deleted = Vec::new();
    for _ in 0..reader.uint()? {
        let client = reader.uint()?;
        for _ in 0..reader.uint()? {
            let from = clock(reader.uint()?)?;
            let length = reader.uint()?;
            if length == 0 {
                return Err(Bad::EmptyPiece);
            }
            let to = clock(u64::from(from).saturating_add(length))?;
            deleted.push(IdRange { client, from, to });
        }
    }
    Ok(deleted)
}

/// Reads one piece. Called again for the second look, which finds the same.
pub(super) fn piece<'a>(reader: &mut Reader<'a>, limits: &Limits) -> Result<Piece<'a>, Bad> {
    let info = reader.byte()?;
    let (length, body) = match info & 0x1f {
        0 => (reader.uint()?, Body::Collected),
        10 => (reader.uint()?, Body::Skip),
        content => {
            let left = if info & 0x80 == 0 { None } else { Some(id(reader)?) };
            let right = if info & 0x40 == 0 { None } else { Some(id(reader)?) };
            if left.is_some() && left == right {
                return Err(Bad::NoRoom);
            }
            let parent = if info & 0xc0 == 0 { Some(parent(reader, info & 0x20 != 0)?) } else { None };
            let (length, kind) = content_of(content, reader, limits)?;
            (length, Body::Item { left, right, parent, kind })
        }
    };
    match u32::try_from(length) {
        Ok(0) => Err(Bad::EmptyPiece),
        Ok(length) => Ok(Piece { length, body }),
        Err(_) => Err(Bad::ClockRange),
    }
}

fn id(reader: &mut Reader<'_>) -> Result<Id, Bad> {
    Ok(Id { client: reader.uint()?, clock: clock(reader.uint()?)? })
}

fn parent<'a>(reader: &mut Reader<'a>, entry: bool) -> Result<Parent<'a>, Bad> {
    let of = if reader.uint()? == 1 { ParentType::Root(reader.text()?) } else { ParentType::Id(id(reader)?) };
    let key = if entry { Some(reader.text()?) } else { None };
    Ok(Parent { of, key })
}

/// Reads over the content; answers with its length as Yjs counts it.
fn content_of(content: u8, reader: &mut Reader<'_>, limits: &Limits) -> Result<(u64, Kind), Bad> {
    Ok(match content {
        1 => (reader.uint()?, Kind::Deleted),
        2 => {
            let count = reader.uint()?;
            for _ in 0..count {
                json(reader, limits)?;
            }
            (count, Kind::Value)
        }
        3 => {
            reader.bytes()?;
            (1, Kind::Value)
        }
        4 => (reader.text()?.encode_utf16().count() as u64, Kind::Text),
        5 => {
            // A string would be text that counts as one character.
            if json(reader, limits)?.trim_ascii_start().starts_with('"') {
                return Err(Bad::UnknownContent);
            }
            (1, Kind::Text)
        }
        6 => {
            reader.text()?;
            json(reader, limits)?;
            (1, Kind::Text)
        }
        7 => (1, type_of(reader)?),
        8 => {
            let count = reader.uint()?;
            for _ in 0..count {
                value(reader, limits.values)?;
            }
            (count, Kind::Value)
        }
        9 => return Err(Bad::SubDocument),
        _ => return Err(Bad::UnknownContent),
    })
}

fn type_of(reader: &mut Reader<'_>) -> Result<Kind, Bad> {
    let (holds, node) = match reader.uint()? {
        0 => (Container::List, false),
        1 => (Container::Map, false),
        2 => (Container::Text, false),
        3 => {
            reader.text()?;
            (Container::Xml, true)
        }
        4 => (Container::Xml, false),
        // 5, XmlHook, is nothing that yrs can read.
        6 => (Container::Text, true),
        _ => return Err(Bad::UnknownType),
    };
    Ok(Kind::Type { holds, node })
}

fn json<'a>(reader: &mut Reader<'a>, limits: &Limits) -> Result<&'a str, Bad> {
    let json = reader.text()?;
    if json_within(json, limits.values) { Ok(json) } else { Err(Bad::ValueTooDeep) }
}

/// Reads over a value of lib0. Recurses no deeper than `levels`.
fn value(reader: &mut Reader<'_>, levels: u32) -> Result<(), Bad> {
    let levels = levels.checked_sub(1).ok_or(Bad::ValueTooDeep)?;
    match reader.byte()? {
        // Undefined, null, false, true.
        127 | 126 | 121 | 120 => {}
        125 => drop(reader.int()?),
        124 => drop(reader.take(4)?),
        123 | 122 => drop(reader.take(8)?),
        119 => drop(reader.text()?),
        116 => drop(reader.bytes()?),
        118 => {
            for _ in 0..reader.uint()? {
                reader.text()?;
                value(reader, levels)?;
            }
        }
        117 => {
            for _ in 0..reader.uint()? {
                value(reader, levels)?;
            }
        }
        kind => return Err(Malformed::Kind(kind.into()).into()),
    }
    Ok(())
}
