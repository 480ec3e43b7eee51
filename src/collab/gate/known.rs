//! What is known of a document, as far as the gate needs it: how far each client has got, and how deep each piece lies.
use std::collections::HashMap;

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

/// Where a piece is: in a container at this depth (0 is a root), as an entry or in its sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) container: Container,
    pub(super) depth: u8,
    pub(super) entry: bool,
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

/// Pieces from `from` on are at `place`, until the next run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    from: u32,
    place: Place,
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
                history.push(run);
            }
        }
    }
    pub(super) fn place(&self, id: Id) -> Option<Place> {
        let history = self.clients.get(&id.client).filter(|history| id.clock < history.next)?;
        let after = history.runs.partition_point(|run| run.from <= id.clock);
        history.runs.get(after.checked_sub(1)?).map(|run| run.place)
    }
    /// The pieces from `from` up to `next` are at `place`. Only ever at the end.
    pub(super) fn extend(&mut self, client: u64, from: u32, next: u32, place: Place) {
        let history = self.clients.entry(client).or_default();
        history.push(Run { from, place });
        history.next = next;
    }
}

impl History {
    fn push(&mut self, run: Run) {
        if self.runs.last().is_none_or(|last| last.place != run.place) {
            self.runs.push(run);
        }
    }
}
