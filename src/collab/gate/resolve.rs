//! The second look at an update: does every piece find what it builds on, and how deep will it lie? Walks the pieces in
//! the order in which they can be integrated, as Yjs does: where a piece needs one of another client that comes later in
//! the update, that client goes first.
use std::collections::HashMap;

use super::{
    Bad, Id, Known, Limits, Missing,
    known::{Place, Spot},
    scan::{Body, Kind, Parent, ParentType, Piece, Section, piece},
};

/// The places of all pieces that are new.
pub(super) fn places(
    sections: Vec<Section<'_>>,
    limits: &Limits,
    known: &Known,
) -> Result<Result<Known, Missing>, Bad> {
    let index = sections.iter().enumerate().map(|(at, section)| (section.client, at)).collect();
    let waiting = vec![false; sections.len()];
    let mut walk = Walk { sections, index, waiting, limits, known, brought: Known::default() };
    for at in 0..walk.sections.len() {
        if let Err(missing) = walk.finish(at)? {
            return Ok(Err(missing));
        }
    }
    Ok(Ok(walk.brought))
}

struct Walk<'a> {
    sections: Vec<Section<'a>>,
    index: HashMap<u64, usize>,
    /// Sections that were left because another one must go first.
    waiting: Vec<bool>,
    limits: &'a Limits,
    known: &'a Known,
    brought: Known,
}

/// What a piece builds on is not there yet.
enum Wait {
    /// It is in another section, at this number.
    For(usize, u32),
    /// It is nowhere.
    Missing(Missing),
}

impl Walk<'_> {
    /// Walks one section to its end, and others just as far as that needs: their later pieces may build on it.
    fn finish(&mut self, first: usize) -> Result<Result<(), Missing>, Bad> {
        let mut stack = vec![(first, u32::MAX)];
        while let Some(&(at, until)) = stack.last() {
            match self.advance(at, until)? {
                Ok(()) => {
                    stack.pop();
                    self.waiting[at] = false;
                }
                Err(Wait::For(other, _)) if self.waiting[other] || other == at => return Err(Bad::Circle),
                Err(Wait::For(other, clock)) => {
                    self.waiting[at] = true;
                    stack.push((other, clock));
                }
                Err(Wait::Missing(missing)) => return Ok(Err(missing)),
            }
        }
        Ok(Ok(()))
    }

    /// Walks one section past `until`, to its end, or to where something must come first.
    fn advance(&mut self, at: usize, until: u32) -> Result<Result<(), Wait>, Bad> {
        while self.sections[at].count > 0 && self.sections[at].clock <= until {
            let mut reader = self.sections[at].reader;
            let piece = piece(&mut reader, self.limits)?;
            let section = self.sections[at];
            let end = section.clock + piece.length;
            if !matches!(piece.body, Body::Skip) && end > section.known {
                match self.place(&section, piece)? {
                    Ok(place) => {
                        self.brought.extend(section.client, section.clock.max(section.known), end, place);
                    }
                    Err(wait) => return Ok(Err(wait)),
                }
            }
            let section = &mut self.sections[at];
            (section.reader, section.clock, section.count) = (reader, end, section.count - 1);
        }
        Ok(Ok(()))
    }

    fn place(&self, section: &Section<'_>, piece: Piece<'_>) -> Result<Result<Place, Wait>, Bad> {
        let Body::Item { left, right, parent, kind } = piece.body else { return Ok(Ok(Place::Collected)) };
        let parent_id = match parent.map(|parent| parent.of) {
            Some(ParentType::Id(id)) => Some(id),
            Some(ParentType::Root(_)) | None => None,
        };
        for id in [left, right, parent_id].into_iter().flatten() {
            if let Err(wait) = self.reach(section, id)? {
                return Ok(Err(wait));
            }
        }
        let spot = match parent {
            Some(parent) => self.inside(parent)?,
            // As Yjs: the left neighbour says where, and the right one if there is no left one.
            None => [left, right].into_iter().flatten().find_map(|id| self.look(id)?.spot()),
        };
        if section.clock < section.known {
            let known = self.look(Id { client: section.client, clock: section.known - 1 }).and_then(Place::spot);
            if known.is_some() && spot.is_some() && known != spot {
                return Err(Bad::Torn);
            }
        }
        let Some(spot) = spot else { return Ok(Ok(Place::Collected)) };
        if !kind.fits(spot.container, spot.entry) {
            return Err(Bad::WrongPlace);
        }
        Ok(Ok(match kind {
            Kind::Text | Kind::Value => Place::Content(spot),
            Kind::Deleted => Place::Deleted(spot),
            Kind::Type { holds, .. } if spot.depth < self.limits.types => Place::Type(spot, holds),
            Kind::Type { .. } => return Err(Bad::TypeTooDeep),
        }))
    }

    /// Is the piece there already?
    fn reach(&self, section: &Section<'_>, id: Id) -> Result<Result<(), Wait>, Bad> {
        if id.client == section.client {
            return if id.clock < section.clock { Ok(Ok(())) } else { Err(Bad::Backwards) };
        }
        if id.clock < self.known.next(id.client) || id.clock < self.brought.next(id.client) {
            return Ok(Ok(()));
        }
        let next = match self.index.get(&id.client) {
            Some(&other) if id.clock < self.sections[other].next => {
                return Ok(Err(Wait::For(other, id.clock)));
            }
            Some(&other) => self.sections[other].next,
            None => self.known.next(id.client),
        };
        Ok(Err(Wait::Missing(Missing { client: id.client, clock: next.into() })))
    }

    fn look(&self, id: Id) -> Option<Place> {
        if id.clock < self.known.next(id.client) { self.known.place(id) } else { self.brought.place(id) }
    }

    fn inside(&self, parent: Parent<'_>) -> Result<Option<Spot>, Bad> {
        let entry = parent.entry;
        let id = match parent.of {
            ParentType::Root(name) => {
                return Ok(Some(Spot { container: self.known.root(name), depth: 0, entry }));
            }
            ParentType::Id(id) => id,
        };
        match self.look(id) {
            Some(Place::Type(spot, container)) => Ok(Some(Spot { container, depth: spot.depth + 1, entry })),
            Some(Place::Content(_)) => Err(Bad::ParentNoType),
            Some(Place::Deleted(_) | Place::Collected) | None => Ok(None),
        }
    }
}
