//! Who is connected to a room, and who has been away for how long.
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use crate::live::{
    core::{ParticipantId, Role, Session, audience::Audience},
    fanout::Line,
    protocol::close,
};

/// How long somebody may be without a connection before counting as gone (domain 6.7).
const GRACE: Duration = Duration::from_secs(30);

/// One connection.
#[derive(Debug)]
pub struct Member {
    /// Its line.
    pub line: Arc<Line>,
    /// What it sees.
    pub audience: Audience,
    /// Whose it is; none for read-only links.
    pub participant: Option<ParticipantId>,
}

/// All connections of a room on this node.
#[derive(Debug, Default)]
pub struct Members {
    next: u64,
    /// In order: what is done to all is done in the same order each time.
    by_number: BTreeMap<u64, Member>,
    by_person: HashMap<ParticipantId, Vec<u64>>,
    away: HashMap<ParticipantId, Instant>,
}

impl Members {
    /// Nobody is connected yet, but these should be: their grace begins now.
    pub fn expecting(state: &Session, now: Instant) -> Self {
        let present = state.people.iter().filter(|(_, p)| p.left_at.is_none() && p.removed_at.is_none());
        Self { away: present.map(|(id, _)| (*id, now)).collect(), ..Self::default() }
    }

    /// Adds a connection and gives it a number. The oldest of a person goes when there are more than `most`.
    pub fn add(&mut self, member: Member, most: usize) -> u64 {
        self.next += 1;
        if let Some(person) = member.participant {
            self.away.remove(&person);
            let numbers = self.by_person.entry(person).or_default();
            // Those that have to go count no more, even while they are still saying goodbye.
            while numbers.len() >= most.max(1) {
                let oldest = numbers.remove(0);
                if let Some(member) = self.by_number.get(&oldest) {
                    member.line.close(close::REPLACED);
                }
            }
            numbers.push(self.next);
        }
        self.by_number.insert(self.next, member);
        self.next
    }

    /// Takes a connection out.
    pub fn remove(&mut self, number: u64, now: Instant) -> Option<Member> {
        let member = self.by_number.remove(&number)?;
        if let Some(person) = member.participant
            && let Some(numbers) = self.by_person.get_mut(&person)
        {
            numbers.retain(|known| *known != number);
            if numbers.is_empty() {
                self.by_person.remove(&person);
                self.away.insert(person, now);
            }
        }
        Some(member)
    }

    /// Somebody joined (over HTTP, or on another way) and has to connect within the grace.
    pub fn expect(&mut self, person: ParticipantId, now: Instant) {
        if !self.by_person.contains_key(&person) {
            self.away.entry(person).or_insert(now);
        }
    }

    /// Those whose grace is over; asked once per absence.
    pub fn gone(&mut self, now: Instant) -> Vec<ParticipantId> {
        let mut over: Vec<_> =
            self.away.iter().filter(|(_, since)| now.duration_since(**since) >= GRACE).map(|(id, _)| *id).collect();
        over.sort_unstable();
        for person in &over {
            self.away.remove(person);
        }
        over
    }

    /// The lines of one person.
    pub fn lines_of(&self, person: ParticipantId) -> impl Iterator<Item = &Arc<Line>> {
        let numbers = self.by_person.get(&person).map(Vec::as_slice).unwrap_or_default();
        numbers.iter().filter_map(|number| self.by_number.get(number)).map(|member| &member.line)
    }

    /// The numbers of all connections, in order.
    pub fn numbers(&self) -> Vec<u64> {
        let mut numbers: Vec<u64> = self.by_number.keys().copied().collect();
        numbers.sort_unstable();
        numbers
    }

    /// One connection.
    pub fn get(&self, number: u64) -> Option<&Member> {
        self.by_number.get(&number)
    }

    /// All connections.
    pub fn all(&self) -> impl Iterator<Item = &Member> {
        self.by_number.values()
    }

    /// How many people with the role participant are connected.
    pub fn online(&self, state: &Session) -> u32 {
        let count = self
            .by_person
            .keys()
            .filter(|id| state.people.get(id).is_some_and(|person| person.role == Role::Participant))
            .count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Of the connected participants, how many fulfil a condition.
    pub fn count(&self, state: &Session, condition: impl Fn(&ParticipantId) -> bool) -> u32 {
        let count = self
            .by_person
            .keys()
            .filter(|id| state.people.get(id).is_some_and(|person| person.role == Role::Participant))
            .filter(|id| condition(id))
            .count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Is nobody connected?
    pub fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }
}
