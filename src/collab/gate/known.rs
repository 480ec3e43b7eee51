//! What is known of a document, as far as the gate needs it: how far each client has got, and how deep each piece lies.
use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::LazyLock,
};

use super::Ready;

/// Names one piece: the `clock`th of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    /// The client that made it.
    pub client: u64,
    /// Counts the client's pieces.
    pub clock: u32,
}

/// The pieces `from..to` of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdRange {
    /// The client that made them.
    pub client: u64,
    /// The first.
    pub from: u32,
    /// The first that is not in it.
    pub to: u32,
}

impl Id {
    /// Is it the one before, of the same client?
    pub(super) const fn precedes(self, id: Self) -> bool {
        self.client == id.client && self.clock < id.clock && id.clock - self.clock == 1
    }
}

/// The same pieces, in order and each one once.
pub(super) fn joined(ranges: &[IdRange]) -> Vec<IdRange> {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable();
    let mut joined: Vec<IdRange> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match joined.last_mut() {
            Some(last) if last.client == range.client && range.from <= last.to => last.to = last.to.max(range.to),
            _ => joined.push(range),
        }
    }
    joined
}

/// What a type holds. A root is what the kind of document says, whoever writes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Container {
    /// Text with formats and embedded things: `Y.Text`, `Y.XmlText`.
    Text,
    /// Elements and texts: `Y.XmlFragment`, `Y.XmlElement`.
    Xml,
    /// Values: `Y.Array`.
    List,
    /// Entries only: `Y.Map`.
    Map,
    /// A root that no kind of document has. Nobody reads it, so it may hold anything.
    Anything,
}

/// Roots and keys are told apart by a hash that nobody outside can foresee: names would need memory.
static NAMES: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Pieces that lie in a row: the sequence of a container, or all that was ever put under one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sequence {
    /// The type it belongs to; none for a root.
    pub(super) parent: Option<Id>,
    name: u64,
}

impl Sequence {
    pub(super) fn of_root(root: &str, key: Option<&str>) -> Self {
        Self { parent: None, name: NAMES.hash_one((root, key)) }
    }
    pub(super) fn of_type(parent: Id, key: Option<&str>) -> Self {
        Self { parent: Some(parent), name: NAMES.hash_one(key) }
    }
}

/// Where a piece is: in a container at this depth (0 is a root), as an entry or in its sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) container: Container,
    pub(super) depth: u8,
    pub(super) entry: bool,
    pub(super) sequence: Sequence,
}

/// What a piece was written behind, its left neighbour then. Each piece is behind one other or the first of its
/// sequence; so the pieces of a sequence are a tree, and they are shown in the order in which one walks a tree: a piece,
/// then what is behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) behind: Option<Id>,
    /// How far from the beginning of the sequence, in steps of `behind`. At least 1.
    pub(super) steps: u32,
    /// From this number on, its client wrote each piece behind the one before, up to this one.
    pub(super) unbroken: u32,
}

impl Link {
    /// The first of its sequence, as its author saw it.
    pub(super) const FIRST: Self = Self { behind: None, steps: 1, unbroken: u32::MAX };
}

/// What a piece is, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Text, values, formatting.
    Content(Spot),
    /// A type, and what it holds.
    Type(Spot, Container),
    /// Deleted, and maybe it was a type.
    Deleted(Spot),
    /// Deleted with all around it; nobody knows where it was.
    Collected,
}

impl Place {
    pub(super) const fn spot(self) -> Option<Spot> {
        match self {
            Self::Content(spot) | Self::Type(spot, _) | Self::Deleted(spot) => Some(spot),
            Self::Collected => None,
        }
    }
}

/// Pieces from `from` on are at `place`, each behind the one before, until the next run. A type is a run of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    from: u32,
    place: Place,
    link: Link,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct History {
    next: u32,
    runs: Vec<Run>,
}

/// What is known of a document. Grows with each update that was let in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    clients: HashMap<u64, History>,
    roots: Vec<(&'static str, Container)>,
}

impl Known {
    /// Of an empty document with these roots.
    pub fn new(roots: impl IntoIterator<Item = (&'static str, Container)>) -> Self {
        Self { clients: HashMap::new(), roots: roots.into_iter().collect() }
    }
    pub(super) fn root(&self, name: &str) -> Container {
        self.roots.iter().find(|(root, _)| *root == name).map_or(Container::Anything, |(_, container)| *container)
    }
    /// The next number of a client; 0 if it is not known.
    pub fn next(&self, client: u64) -> u32 {
        self.clients.get(&client).map_or(0, |history| history.next)
    }
    /// Of all clients the next number.
    pub fn clocks(&self) -> impl Iterator<Item = (u64, u64)> {
        self.clients.iter().map(|(client, history)| (*client, history.next.into()))
    }
    /// How many clients ever wrote something.
    pub fn client_count(&self) -> usize {
        self.clients.len()
    }
    /// Takes note of an update that was integrated.
    pub fn admit(&mut self, ready: Ready) {
        for (client, brought) in ready.brought.clients {
            let history = self.clients.entry(client).or_default();
            history.next = history.next.max(brought.next);
            for run in brought.runs {
                history.push(client, run);
            }
        }
        for range in joined(&ready.deleted) {
            if let Some(history) = self.clients.get_mut(&range.client) {
                history.bury(range.from, range.to);
            }
        }
    }
    pub(super) fn place(&self, id: Id) -> Option<Place> {
        self.run(id).map(|run| run.place)
    }
    /// What the piece is behind.
    pub(super) fn link(&self, id: Id) -> Option<Link> {
        let run = self.run(id)?;
        Some(match id.clock - run.from {
            0 => run.link,
            further => Link {
                behind: Some(Id { client: id.client, clock: id.clock - 1 }),
                steps: run.link.steps.saturating_add(further),
                unbroken: run.link.unbroken,
            },
        })
    }
    fn run(&self, id: Id) -> Option<&Run> {
        let history = self.clients.get(&id.client).filter(|history| id.clock < history.next)?;
        let after = history.runs.partition_point(|run| run.from <= id.clock);
        history.runs.get(after.checked_sub(1)?)
    }
    /// The pieces from `from` up to `next` are at `place`, the first of them behind something, the others behind each
    /// other. Only ever at the end.
    pub(super) fn extend(&mut self, client: u64, from: u32, next: u32, place: Place, link: Link) {
        let history = self.clients.entry(client).or_default();
        history.push(client, Run { from, place, link });
        history.next = next;
    }
}

impl History {
    fn push(&mut self, client: u64, run: Run) {
        let previous = run.from.checked_sub(1).map(|clock| Id { client, clock });
        let goes_on = |last: &Run| match run.place {
            Place::Type(..) => false,
            Place::Collected => last.place == Place::Collected,
            Place::Content(_) | Place::Deleted(_) => last.place == run.place && run.link.behind == previous,
        };
        if !self.runs.last().is_some_and(goes_on) {
            self.runs.push(run);
        }
    }
    /// Types that are deleted hold nothing any more.
    fn bury(&mut self, from: u32, to: u32) {
        let first = self.runs.partition_point(|run| run.from < from);
        for run in self.runs[first..].iter_mut().take_while(|run| run.from < to) {
            if let Place::Type(spot, _) = run.place {
                run.place = Place::Deleted(spot);
            }
        }
    }
}
