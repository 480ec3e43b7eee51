//! Who is looking at a document, and where their cursors are: what clients say of themselves, kept as long as they stay.
//! Pure: connections, nodes and times come in, announcements come out. Nothing of this is ever stored.
//!
//! A client is a number that an open document made for itself. It is *held* by the connection that introduced it, which
//! is the one whose first words it was in: clients of y-websocket repeat to the server whatever they hear of each other,
//! so later mentions prove nothing. Held clients are believed on their own connection only. Another person cannot take
//! them over; the same person can, with a new connection, because a lost connection is noticed on its own end first.
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    lib0::{Malformed, json_within},
    ysync::{self, Entry},
};

/// The largest state of one client, in bytes.
pub const MOST_BYTES: usize = 8 << 10;
/// How deep a state may be nested.
pub const MOST_DEPTH: u32 = 32;
/// The most clients in one update, and the most that are seen in one document.
pub const MOST_CLIENTS: usize = 2_048;
/// The most clients that one connection can introduce.
pub const MOST_INTRODUCED: usize = 8;
/// Clients renew what they say every 15 s and forget each other after this time; so does the server.
pub const SILENCE: Duration = Duration::from_secs(30);
/// How long the clock of a client that is gone is remembered. One that comes back repeats its last words, which
/// everybody has heard; only with a higher clock do they show again.
pub const MEMORY: Duration = Duration::from_hours(1);
/// The most clients that are remembered when gone.
const MOST_GONE: usize = 4_096;
/// No honest client counts that far, and a higher one can always be given.
const LAST_CLOCK: u64 = u32::MAX as u64;

/// A connection of this node to this document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Connection(pub u64);

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer {
    /// On which connection.
    pub connection: Connection,
    /// The user whose connection it is.
    pub person: Uuid,
}

/// With whom a client looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looks {
    /// The user who introduced it.
    pub person: Uuid,
    /// It is held by a connection, here or on another node.
    pub live: bool,
}

/// What is to be told: a client and what it says, or that it is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    /// The client.
    pub client: u64,
    /// Counts what was told of it.
    pub clock: u64,
    /// Whose client it is, where that is known. For other nodes; clients do not see it.
    pub person: Option<Uuid>,
    /// A JSON object; none when the client is gone.
    pub state: Option<Arc<str>>,
}

/// Why an awareness update was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Bad {
    /// Not the encoding of one.
    #[error("it cannot be read: {0}")]
    Malformed(#[from] Malformed),
    /// It speaks of too many clients.
    #[error("it speaks of more than {MOST_CLIENTS} clients")]
    TooMany,
    /// A state is larger than [`MOST_BYTES`].
    #[error("a state is larger than {MOST_BYTES} bytes")]
    TooLarge,
    /// A state is neither a JSON object nor null. It would throw in every browser.
    #[error("a state is not a JSON object")]
    NotJson,
    /// A state is nested deeper than [`MOST_DEPTH`].
    #[error("a state is nested too deep")]
    TooDeep,
    /// A clock that no client reaches by counting.
    #[error("a clock is out of range")]
    ClockRange,
}

/// A JSON object; none when the client is gone.
type State = Option<Arc<str>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    /// It is gone, or was only mentioned.
    Nobody,
    Here(Connection),
    Elsewhere(Uuid),
}

#[derive(Debug)]
struct Client {
    clock: u64,
    /// The last clock that its holder said. Behind `clock` if that was raised here.
    heard: u64,
    state: State,
    holder: Holder,
    person: Option<Uuid>,
    since: Instant,
}

/// Everybody who looks at one document.
#[derive(Debug, Default)]
pub struct Awareness {
    clients: HashMap<u64, Client>,
    /// Connections that have spoken, and how many clients they introduced.
    introduced: HashMap<Connection, usize>,
    leases: HashMap<Uuid, Instant>,
    /// The connection whose first words were of a client that is known already.
    back: Option<Connection>,
}

impl Awareness {
    /// Nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A connection sent an awareness update. Answers with what everybody shall be told: all connections, the sender's
    /// too, which may learn a new clock, and all other nodes.
    pub fn heard(&mut self, peer: Peer, update: &[u8], now: Instant) -> Result<Vec<Announcement>, Bad> {
        let entries = validated(update)?;
        let first = !entries.is_empty() && !self.introduced.contains_key(&peer.connection);
        if first {
            self.introduced.insert(peer.connection, 0);
        }
        let mut news = Vec::new();
        for (entry, state) in entries {
            let known = self.clients.contains_key(&entry.client);
            let held = if first { self.introduce(peer, entry.client, now) } else { self.holds(peer, entry.client) };
            if first && held && known {
                self.back = Some(peer.connection);
            }
            let told =
                if held { self.holder_says(entry, state, now) } else { self.somebody_says(peer, entry, state, now) };
            news.extend(told);
        }
        Ok(news)
    }

    /// To be asked after each [`Awareness::heard`]. One that comes back has forgotten everybody else, but not their
    /// clocks, and believes only higher ones: answers with what it and all other nodes shall be told.
    pub fn again(&mut self) -> Vec<Announcement> {
        let Some(back) = self.back.take() else { return Vec::new() };
        let here = |client: &Client| matches!(client.holder, Holder::Here(connection) if connection != back);
        for client in self.clients.values_mut().filter(|client| client.state.is_some() && here(client)) {
            client.clock += 1;
        }
        self.seen(here)
    }

    /// Who looks with this client, or did a while ago.
    pub fn looks(&self, client: u64) -> Option<Looks> {
        let client = self.clients.get(&client)?;
        Some(Looks { person: client.person?, live: client.holder != Holder::Nobody })
    }

    /// Does this say nothing of clients that this connection holds, or could come to hold?
    pub fn repeats(&self, connection: Connection, update: &[u8]) -> bool {
        let others = |entry: &Entry<'_>| {
            self.clients.get(&entry.client).is_some_and(|client| client.holder != Holder::Here(connection))
        };
        self.introduced.contains_key(&connection)
            && ysync::entries(update).is_ok_and(|entries| !entries.is_empty() && entries.iter().all(others))
    }

    /// A connection is over. Answers with what everybody else shall be told.
    pub fn left(&mut self, connection: Connection, now: Instant) -> Vec<Announcement> {
        self.introduced.remove(&connection);
        self.release(|client| client.holder == Holder::Here(connection), now)
    }

    /// Another node told something. Answers with what the connections of this node shall be told.
    pub fn told(&mut self, node: Uuid, news: &[Announcement], now: Instant) -> Vec<Announcement> {
        news.iter().filter_map(|entry| self.node_says(node, entry, now)).collect()
    }

    /// A node is there until `until` and will say so again before. One that never has a lease holds nothing for long:
    /// its clients fall silent. True: it had none.
    pub fn lease(&mut self, node: Uuid, until: Instant) -> bool {
        let known = self.leases.contains_key(&node);
        let lease = self.leases.entry(node).or_insert(until);
        *lease = (*lease).max(until);
        !known
    }

    /// A node is gone. Answers with what the connections of this node shall be told.
    pub fn node_left(&mut self, node: Uuid, now: Instant) -> Vec<Announcement> {
        self.leases.remove(&node);
        self.release(|client| client.holder == Holder::Elsewhere(node), now)
    }

    /// Ends what has fallen silent: nodes without a lease, clients without a word. Answers with what the connections of
    /// this node shall be told; every other node finds the same by itself.
    pub fn expire(&mut self, now: Instant) -> Vec<Announcement> {
        let lapsed: HashSet<Uuid> = self.leases.extract_if(|_, until| *until <= now).map(|(node, _)| node).collect();
        let mut news =
            self.release(|client| matches!(client.holder, Holder::Elsewhere(node) if lapsed.contains(&node)), now);
        for (id, client) in &mut self.clients {
            if client.state.is_some() && now.saturating_duration_since(client.since) >= SILENCE {
                // Its connection keeps it: a browser lets hidden pages speak once a minute.
                client.state = None;
                news.push(client.announcement(*id));
            }
        }
        self.forget(now);
        news.sort_by_key(|entry| entry.client);
        news
    }

    /// Everybody who is seen, for a connection that is new.
    pub fn everybody(&self) -> Vec<Announcement> {
        self.seen(|_| true)
    }

    /// Everybody who is seen through a connection of this node, for a node that is new.
    pub fn ours(&self) -> Vec<Announcement> {
        self.seen(|client| matches!(client.holder, Holder::Here(_)))
    }

    /// The same for a node that has given them up: it believes only higher clocks.
    pub fn ours_again(&mut self) -> Vec<Announcement> {
        let here = |client: &Client| matches!(client.holder, Holder::Here(_));
        for client in self.clients.values_mut().filter(|client| client.state.is_some() && here(client)) {
            client.clock += 1;
        }
        self.seen(here)
    }

    /// How many clients are seen, and how many are remembered.
    pub fn counts(&self) -> (usize, usize) {
        let seen = self.clients.values().filter(|client| client.state.is_some()).count();
        (seen, self.clients.len() - seen)
    }

    fn seen(&self, wanted: impl Fn(&Client) -> bool) -> Vec<Announcement> {
        let mut seen: Vec<_> = self
            .clients
            .iter()
            .filter(|(_, client)| client.state.is_some() && wanted(client))
            .map(|(id, client)| client.announcement(*id))
            .collect();
        seen.sort_by_key(|entry| entry.client);
        seen
    }

    fn holds(&self, peer: Peer, id: u64) -> bool {
        self.clients.get(&id).is_some_and(|client| client.holder == Holder::Here(peer.connection))
    }

    /// The first words of a connection: does it hold this client from now on?
    fn introduce(&mut self, peer: Peer, id: u64, now: Instant) -> bool {
        if self.clients.len() >= MOST_CLIENTS + MOST_GONE {
            self.forget(now);
        }
        let room = self.clients.len() < MOST_CLIENTS + MOST_GONE || self.clients.contains_key(&id);
        let introduced = self.introduced.entry(peer.connection).or_insert(0);
        if *introduced >= MOST_INTRODUCED || !room {
            return false;
        }
        let client = self.clients.entry(id).or_insert_with(|| Client::unknown(now));
        if client.person.is_some_and(|person| person != peer.person) {
            return false;
        }
        *introduced += 1;
        if client.holder != Holder::Here(peer.connection) {
            // What it said on another connection it may say again on this one.
            client.heard = 0;
        }
        client.holder = Holder::Here(peer.connection);
        client.person = Some(peer.person);
        true
    }

    fn holder_says(&mut self, entry: Entry<'_>, state: State, now: Instant) -> Option<Announcement> {
        let client = self.clients.get_mut(&entry.client)?;
        let news = entry.clock > client.heard;
        client.heard = client.heard.max(entry.clock);
        match state {
            Some(state) => {
                client.since = now;
                if entry.clock > client.clock {
                    client.clock = entry.clock;
                } else if client.clock > 0 && (client.state.is_none() || news) {
                    // It is back, or has not yet learnt the clock it was given when it came back.
                    client.clock += 1;
                } else {
                    return None;
                }
                client.state = Some(state);
            }
            None if client.state.is_some() && entry.clock >= client.heard => {
                client.clock = client.clock.max(entry.clock);
                client.state = None;
                client.since = now;
            }
            None => return None,
        }
        Some(client.announcement(entry.client))
    }

    /// Somebody speaks of a client that his connection does not hold: mostly a repetition. Believed by the rule of Yjs,
    /// and only if no connection holds the client and it never was another person's.
    fn somebody_says(&mut self, peer: Peer, entry: Entry<'_>, state: State, now: Instant) -> Option<Announcement> {
        if !self.clients.contains_key(&entry.client) && (state.is_none() || self.clients.len() >= MOST_CLIENTS) {
            return None;
        }
        let client = self.clients.entry(entry.client).or_insert_with(|| Client::unknown(now));
        let foreign = client.person.is_some_and(|person| person != peer.person);
        if foreign || client.holder != Holder::Nobody || !client.accepts(entry.clock, state.as_ref()) {
            return None;
        }
        (client.clock, client.state, client.since) = (entry.clock, state, now);
        Some(client.announcement(entry.client))
    }

    fn node_says(&mut self, node: Uuid, entry: &Announcement, now: Instant) -> Option<Announcement> {
        let client = self.clients.entry(entry.client).or_insert_with(|| Client::unknown(now));
        if let Holder::Here(_) = client.holder {
            let moved = entry.state.is_some() && entry.person == client.person && entry.clock > client.clock;
            if !moved {
                // It is here and will be given a higher clock with its next word.
                client.clock = client.clock.max(entry.clock);
                return None;
            }
        }
        if !client.accepts(entry.clock, entry.state.as_ref()) {
            return None;
        }
        (client.clock, client.heard) = (entry.clock, entry.clock);
        client.holder = if entry.state.is_some() { Holder::Elsewhere(node) } else { Holder::Nobody };
        (client.state, client.since) = (entry.state.clone(), now);
        client.person = entry.person.or(client.person);
        Some(client.announcement(entry.client))
    }

    fn release(&mut self, lost: impl Fn(&Client) -> bool, now: Instant) -> Vec<Announcement> {
        let mut news = Vec::new();
        for (id, client) in self.clients.iter_mut().filter(|(_, client)| lost(client)) {
            client.holder = Holder::Nobody;
            client.since = now;
            if client.state.take().is_some() {
                news.push(client.announcement(*id));
            }
        }
        news.sort_by_key(|entry| entry.client);
        news
    }

    fn forget(&mut self, now: Instant) {
        let gone = |client: &Client| client.state.is_none() && client.holder == Holder::Nobody;
        self.clients.retain(|_, client| !gone(client) || now.saturating_duration_since(client.since) < MEMORY);
        let mut all: Vec<_> = self.clients.iter().filter(|(_, client)| gone(client)).collect();
        if all.len() > MOST_GONE {
            all.sort_unstable_by_key(|(_, client)| client.since);
            let oldest: Vec<u64> = all[..all.len() - MOST_GONE].iter().map(|(id, _)| **id).collect();
            for id in oldest {
                self.clients.remove(&id);
            }
        }
    }
}

impl Client {
    const fn unknown(now: Instant) -> Self {
        Self { clock: 0, heard: 0, state: None, holder: Holder::Nobody, person: None, since: now }
    }
    /// The rule of Yjs. A client that is not known counts as one with clock 0.
    fn accepts(&self, clock: u64, state: Option<&Arc<str>>) -> bool {
        clock > self.clock || clock == self.clock && state.is_none() && self.state.is_some()
    }
    fn announcement(&self, client: u64) -> Announcement {
        Announcement { client, clock: self.clock, person: self.person, state: self.state.clone() }
    }
}

/// The bytes of an awareness update.
pub fn encode(news: &[Announcement]) -> Vec<u8> {
    ysync::awareness_update(news.iter().map(|entry| Entry {
        client: entry.client,
        clock: entry.clock,
        state: entry.state.as_deref().unwrap_or("null"),
    }))
}

fn validated(update: &[u8]) -> Result<Vec<(Entry<'_>, State)>, Bad> {
    let entries = ysync::entries(update)?;
    if entries.len() > MOST_CLIENTS {
        return Err(Bad::TooMany);
    }
    entries.into_iter().map(|entry| Ok((entry, state(&entry)?))).collect()
}

fn state(entry: &Entry<'_>) -> Result<State, Bad> {
    if entry.clock > LAST_CLOCK {
        return Err(Bad::ClockRange);
    }
    let json = entry.state.trim_ascii();
    if json.len() > MOST_BYTES {
        return Err(Bad::TooLarge);
    }
    if json == "null" {
        return Ok(None);
    }
    if !json_within(json, MOST_DEPTH) {
        return Err(Bad::TooDeep);
    }
    if !json.starts_with('{') || serde_json::from_str::<serde::de::IgnoredAny>(json).is_err() {
        return Err(Bad::NotJson);
    }
    Ok(Some(json.into()))
}
