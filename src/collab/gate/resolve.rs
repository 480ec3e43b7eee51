//! The second look at an update: does every piece find what it builds on, and how deep will it lie? Walks the pieces in
//! the order in which they can be integrated, as Yjs does: where a piece needs one of another client that comes later in
//! the update, that client goes first.
use std::collections::HashMap;

use super::{
    Bad, Id, IdRange, Known, Limits, Missing,
    known::{Link, Place, Sequence, Spot, joined},
    scan::{Body, Kind, Parent, ParentType, Piece, Section, piece},
};

/// The places of all pieces that are new.
pub(super) fn places(
    sections: Vec<Section<'_>>,
    deleted: &[IdRange],
    limits: &Limits,
    known: &Known,
) -> Result<Result<Known, Missing>, Bad> {
    let index = sections.iter().enumerate().map(|(at, section)| (section.client, at)).collect();
    let waiting = vec![false; sections.len()];
    let deleted = joined(deleted);
    let mut walk = Walk { sections, index, waiting, deleted, limits, known, brought: Known::default() };
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
    /// What the update deletes, in order and each piece once.
    deleted: Vec<IdRange>,
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
                    Ok((place, link)) => {
                        self.brought.extend(section.client, section.clock.max(section.known), end, place, link);
                    }
                    Err(wait) => return Ok(Err(wait)),
                }
            }
            let section = &mut self.sections[at];
            (section.reader, section.clock, section.count) = (reader, end, section.count - 1);
        }
        Ok(Ok(()))
    }

    fn place(&self, section: &Section<'_>, piece: Piece<'_>) -> Result<Result<(Place, Link), Wait>, Bad> {
        let nowhere = (Place::Collected, Link::FIRST);
        let Body::Item { left, right, parent, kind } = piece.body else { return Ok(Ok(nowhere)) };
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
        let mut left = left;
        if section.clock < section.known {
            // What is new of it is behind what is known of it.
            let last = Id { client: section.client, clock: section.known - 1 };
            let known = self.look(last).and_then(Place::spot);
            if !self.agree(known, spot) {
                return Err(Bad::Torn);
            }
            left = Some(last);
        }
        self.are_neighbours(left, right)?;
        let Some(spot) = spot else { return Ok(Ok(nowhere)) };
        if !kind.fits(spot.container, spot.entry) {
            return Err(Bad::WrongPlace);
        }
        let place = match kind {
            Kind::Text | Kind::Value => Place::Content(spot),
            Kind::Deleted => Place::Deleted(spot),
            Kind::Type { holds, .. } if spot.depth < self.limits.types => Place::Type(spot, holds),
            Kind::Type { .. } => return Err(Bad::TypeTooDeep),
        };
        let first = Id { client: section.client, clock: section.clock.max(section.known) };
        Ok(Ok((place, self.behind(left, first))))
    }

    fn behind(&self, left: Option<Id>, first: Id) -> Link {
        let before = left.and_then(|id| self.link(id));
        Link {
            behind: left,
            steps: before.map_or(0, |link| link.steps).saturating_add(1),
            unbroken: before
                .filter(|_| left.is_some_and(|id| id.precedes(first)))
                .map_or(first.clock, |link| link.unbroken),
        }
    }

    /// Can it be that somebody saw these two beside each other, and nothing between them? Then they are in one sequence;
    /// and the right one is either the first of those behind the left one (seen as a tree), or it is no further from the
    /// beginning than the left one. All others would be put into different places by different readers, depending on
    /// what they got first.
    fn are_neighbours(&self, left: Option<Id>, right: Option<Id>) -> Result<(), Bad> {
        let Some(right) = right else { return Ok(()) };
        let spot = |id| self.look(id).and_then(Place::spot);
        if left.is_some_and(|left| !self.agree(spot(left), spot(right))) {
            return Err(Bad::NotNeighbours);
        }
        if spot(right).is_none() || left.is_some_and(|left| spot(left).is_none()) {
            return Ok(());
        }
        let link = self.link(right).unwrap_or(Link::FIRST);
        if link.behind == left {
            return Ok(());
        }
        let possible = left.and_then(|id| Some((id, self.link(id)?))).is_some_and(|(left, before)| {
            // What one client wrote in one go may be one block in yrs; where it has to split that at both neighbours, it
            // takes for granted that it knows which of them is on the left.
            let around = left.client == right.client && (before.unbroken..=left.clock).contains(&right.clock);
            link.steps <= before.steps && !around
        });
        if possible { Ok(()) } else { Err(Bad::NotNeighbours) }
    }

    /// Can two pieces be in one sequence? Of a piece that was collected with all around it, nobody knows where it was;
    /// but then the other one is about to be collected too.
    fn agree(&self, one: Option<Spot>, other: Option<Spot>) -> bool {
        match (one, other) {
            (None, None) => true,
            (Some(one), Some(other)) => one.sequence == other.sequence,
            (Some(spot), None) | (None, Some(spot)) => self.is_gone(spot),
        }
    }

    /// Is what contains it deleted, or will be by this update?
    fn is_gone(&self, mut spot: Spot) -> bool {
        while let Some(parent) = spot.sequence.parent {
            let after =
                self.deleted.partition_point(|range| (range.client, range.from) <= (parent.client, parent.clock));
            let last = after.checked_sub(1).map(|at| self.deleted[at]);
            if last.is_some_and(|range| range.client == parent.client && parent.clock < range.to) {
                return true;
            }
            match self.look(parent) {
                Some(Place::Type(around, _)) => spot = around,
                Some(Place::Content(_) | Place::Deleted(_) | Place::Collected) | None => return true,
            }
        }
        false
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
        self.which(id).place(id)
    }

    fn link(&self, id: Id) -> Option<Link> {
        self.which(id).link(id)
    }

    /// Where to look for a piece: it is known already, or was brought by this update.
    fn which(&self, id: Id) -> &Known {
        if id.clock < self.known.next(id.client) { self.known } else { &self.brought }
    }

    fn inside(&self, parent: Parent<'_>) -> Result<Option<Spot>, Bad> {
        let entry = parent.key.is_some();
        let id = match parent.of {
            ParentType::Root(name) => {
                let sequence = Sequence::of_root(name, parent.key);
                return Ok(Some(Spot { container: self.known.root(name), depth: 0, entry, sequence }));
            }
            ParentType::Id(id) => id,
        };
        match self.look(id) {
            Some(Place::Type(spot, container)) => {
                let sequence = Sequence::of_type(id, parent.key);
                Ok(Some(Spot { container, depth: spot.depth + 1, entry, sequence }))
            }
            Some(Place::Content(_)) => Err(Bad::ParentNoType),
            Some(Place::Deleted(_) | Place::Collected) | None => Ok(None),
        }
    }
}
