//! Who has a document open on this node, and how to speak to them.
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    collab::{
        awareness::{Connection, Peer as Speaker},
        hocuspocus::{Address, Reply, Scope, SyncStatus, ToClient},
        ysync::{Message, Sync},
    },
    kernel::{Id, caller},
    runtime::Pace,
    socket::{Frame, Outbox},
};

/// Updates that wait for what they build on, per connection.
const MOST_HELD: usize = 64;
/// The same in bytes.
const MOST_HELD_BYTES: usize = 1 << 20;
/// An update that has waited so long for what it builds on waits in vain.
const HELD_FOR: Duration = Duration::from_secs(10);

/// What a document says to a connection.
#[derive(Debug, Clone, Copy)]
pub enum Said<'a> {
    /// "This is what I have."
    Step1(&'a [u8]),
    /// "This is what you lack."
    Step2(&'a [u8]),
    /// Something new.
    Update(&'a [u8]),
    /// Who is looking.
    Awareness(&'a [u8]),
    /// What became of a change.
    Status(SyncStatus),
    /// All that was sent before this mark is saved.
    Mark(u64),
    /// News for the application, as JSON.
    Stateless(&'a str),
}

/// The protocol of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Wire {
    /// Hocuspocus; every message begins with the address that the provider used.
    Hocuspocus(String),
    /// y-websocket. It has no word for what is saved, but answers marks.
    YWebsocket,
}

impl Wire {
    /// The frame, if this protocol has a word for it.
    fn frame(&self, said: Said<'_>) -> Option<Frame> {
        let bytes = match self {
            Self::Hocuspocus(address) => ToClient::At(Address::new(address), reply(said)?).encode(),
            Self::YWebsocket => message(said)?.frame(),
        };
        Some(Frame::binary(&bytes))
    }
}

fn reply(said: Said<'_>) -> Option<Reply<'_>> {
    Some(match said {
        Said::Step1(vector) => Reply::Sync(Sync::Step1(vector)),
        Said::Step2(update) => Reply::Sync(Sync::Step2(update)),
        Said::Update(update) => Reply::Sync(Sync::Update(update)),
        Said::Awareness(update) => Reply::Awareness(update),
        Said::Status(status) => Reply::SyncStatus(status),
        Said::Stateless(news) => Reply::Stateless(news),
        Said::Mark(_) => return None,
    })
}

fn message(said: Said<'_>) -> Option<Message<'_>> {
    Some(match said {
        Said::Step1(vector) => Message::Sync(Sync::Step1(vector)),
        Said::Step2(update) => Message::Sync(Sync::Step2(update)),
        Said::Update(update) => Message::Sync(Sync::Update(update)),
        Said::Awareness(update) => Message::Awareness(update),
        Said::Mark(mark) => Message::Mark(mark),
        Said::Status(_) | Said::Stateless(_) => return None,
    })
}

/// One connection to the document.
#[derive(Debug)]
pub struct Peer {
    /// What is written to its socket.
    pub outbox: Arc<Outbox>,
    /// How it is spoken to.
    pub wire: Wire,
    /// Whose it is.
    pub user: Id<caller::User>,
    /// What it may do.
    pub scope: Scope,
    /// Updates that build on something that is not here yet.
    held: VecDeque<(Instant, Held)>,
    held_bytes: usize,
    /// How often it may say where it looks.
    pub awareness: Pace,
    /// The last that it said too soon.
    pub later: Option<Vec<u8>>,
    /// Updates that no honest client makes.
    pub strikes: u32,
    /// Something of it was refused: it is never told again that everything is saved.
    pub refused: bool,
    /// The mark that waits for what is held.
    pub mark: Option<u64>,
}

/// An update that waits.
#[derive(Debug)]
pub struct Held {
    /// From whom.
    pub from: Connection,
    /// Its bytes.
    pub update: Vec<u8>,
}

impl Peer {
    /// A connection that has just come.
    pub fn new(outbox: Arc<Outbox>, wire: Wire, user: Id<caller::User>, scope: Scope) -> Self {
        // The room gives it its pace.
        let awareness = Pace::new(1, 1, Instant::now());
        let (held, later) = (VecDeque::new(), None);
        Self {
            outbox,
            wire,
            user,
            scope,
            held,
            held_bytes: 0,
            awareness,
            later,
            strikes: 0,
            refused: false,
            mark: None,
        }
    }
}

/// All connections to the document on this node.
#[derive(Debug, Default)]
pub struct Peers {
    next: u64,
    all: BTreeMap<Connection, Peer>,
}

impl Peers {
    /// Somebody comes.
    pub fn add(&mut self, peer: Peer) -> Connection {
        self.next += 1;
        let connection = Connection(self.next);
        self.all.insert(connection, peer);
        connection
    }
    /// Somebody goes.
    pub fn remove(&mut self, connection: Connection) -> Option<Peer> {
        self.all.remove(&connection)
    }
    /// One of them.
    pub fn get(&self, connection: Connection) -> Option<&Peer> {
        self.all.get(&connection)
    }
    /// One of them.
    pub fn get_mut(&mut self, connection: Connection) -> Option<&mut Peer> {
        self.all.get_mut(&connection)
    }
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = (Connection, &Peer)> {
        self.all.iter().map(|(connection, peer)| (*connection, peer))
    }
    /// Is nobody here?
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
    /// How many they are.
    pub fn count(&self) -> usize {
        self.all.len()
    }
    /// Who speaks on a connection.
    pub fn speaker(&self, connection: Connection) -> Option<Speaker> {
        self.get(connection).map(|peer| Speaker { connection, person: peer.user.uuid() })
    }

    /// Says something to one connection.
    pub fn tell(&self, connection: Connection, said: Said<'_>) {
        if let Some(peer) = self.get(connection)
            && let Some(frame) = peer.wire.frame(said)
        {
            peer.outbox.send(frame);
        }
    }

    /// Says something to everybody but one; encoded once for each way of saying it.
    pub fn tell_all(&self, said: Said<'_>, except: Option<Connection>) {
        let mut frames: HashMap<&Wire, Option<Frame>> = HashMap::new();
        for (_, peer) in self.all().filter(|(connection, _)| Some(*connection) != except) {
            if let Some(frame) = frames.entry(&peer.wire).or_insert_with(|| peer.wire.frame(said)) {
                peer.outbox.send(frame.clone());
            }
        }
    }

    /// What was said too soon about where people look, of those who may say it now.
    pub fn ripe_looks(&mut self, now: Instant) -> Vec<(Connection, Vec<u8>)> {
        let mut ripe = vec![];
        for (connection, peer) in &mut self.all {
            if peer.later.is_some() && peer.awareness.take(now) {
                ripe.extend(peer.later.take().map(|update| (*connection, update)));
            }
        }
        ripe
    }

    /// Keeps an update until what it builds on is here. False: too many wait already.
    pub fn hold(&mut self, connection: Connection, update: Vec<u8>, now: Instant) -> bool {
        let Some(peer) = self.all.get_mut(&connection) else { return true };
        peer.held_bytes += update.len();
        peer.held.push_back((now, Held { from: connection, update }));
        peer.held.len() <= MOST_HELD && peer.held_bytes <= MOST_HELD_BYTES
    }

    /// Does anything wait?
    pub fn holds(&self) -> bool {
        self.all.values().any(|peer| !peer.held.is_empty())
    }

    /// Marks before which nothing is held or was refused; they are given out once.
    pub fn ripe_marks(&mut self) -> Vec<(Connection, u64)> {
        let ripe = self.all.iter_mut().filter(|(_, peer)| peer.held.is_empty() && !peer.refused);
        ripe.filter_map(|(connection, peer)| Some((*connection, peer.mark.take()?))).collect()
    }

    /// Everything that waits, to be tried again; what has waited too long names its connection instead.
    pub fn release(&mut self, now: Instant) -> (Vec<(Instant, Held)>, Vec<Connection>) {
        let (mut held, mut late) = (Vec::new(), Vec::new());
        for (connection, peer) in &mut self.all {
            if peer.held.front().is_some_and(|(since, _)| now.duration_since(*since) > HELD_FOR) {
                late.push(*connection);
            }
            peer.held_bytes = 0;
            held.extend(peer.held.drain(..));
        }
        (held, late)
    }

    /// Puts back what still has to wait, with its first time.
    pub fn hold_again(&mut self, since: Instant, held: Held) {
        if let Some(peer) = self.all.get_mut(&held.from) {
            peer.held_bytes += held.update.len();
            peer.held.push_back((since, held));
        }
    }
}
