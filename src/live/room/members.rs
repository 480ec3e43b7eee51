//! Who is connected to a room, here or on other nodes, and who has been away for how long.
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use super::writer::Ask;
use crate::live::{
    core::{Participant, ParticipantId, Role, Session, SystemCommand, audience::Audience},
    fanout::Line,
    protocol::close,
};

/// How long somebody may be without a connection before counting as gone (domain 6.7).
const GRACE: Duration = Duration::from_secs(30);
/// An instructor without a connection for longer is out of sight: an assistant may take over.
const UNSEEN: Duration = Duration::from_secs(5);
/// Who could not be let in again gets the next attempt after this.
const AGAIN: Duration = Duration::from_secs(1);

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

/// All connections of a room on this node, and all people connected to it on others.
#[derive(Debug, Default)]
pub struct Members {
    next: u64,
    /// In order: what is done to all is done in the same order each time.
    by_number: BTreeMap<u64, Member>,
    by_person: HashMap<ParticipantId, Vec<u64>>,
    elsewhere: BTreeSet<ParticipantId>,
    /// Present, but connected nowhere.
    away: BTreeMap<ParticipantId, Instant>,
    /// Connected, although they are said to have left; when they are to be let in again.
    strays: BTreeMap<ParticipantId, Instant>,
    /// Somebody came or went since it was asked for last.
    changed: bool,
}

impl Members {
    /// Nobody is connected here yet, but these should be, somewhere: their grace begins now.
    pub fn expecting(state: &Session, now: Instant) -> Self {
        let present = state.people.iter().filter(|(_, person)| person.is_present());
        Self { away: present.map(|(id, _)| (*id, now)).collect(), changed: true, ..Self::default() }
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
        self.changed = true;
        self.next
    }

    /// Takes a connection out.
    pub fn remove(&mut self, number: u64, now: Instant) -> Option<Member> {
        let member = self.by_number.remove(&number)?;
        self.changed = true;
        if let Some(person) = member.participant
            && let Some(numbers) = self.by_person.get_mut(&person)
        {
            numbers.retain(|known| *known != number);
            if numbers.is_empty() {
                self.by_person.remove(&person);
                self.strays.remove(&person);
                if !self.elsewhere.contains(&person) {
                    self.away.insert(person, now);
                }
            }
        }
        Some(member)
    }

    /// Is this person connected, anywhere?
    pub fn is_connected(&self, person: ParticipantId) -> bool {
        self.by_person.contains_key(&person) || self.elsewhere.contains(&person)
    }

    /// Somebody joined (over HTTP, or on another way) and has to connect within the grace.
    pub fn expect(&mut self, person: ParticipantId, now: Instant) {
        self.changed = true;
        self.strays.remove(&person);
        if !self.is_connected(person) {
            self.away.entry(person).or_insert(now);
        }
    }

    /// Somebody has left. Who is connected here has not: see [`Members::strays`].
    pub fn left(&mut self, person: ParticipantId, now: Instant) {
        self.changed = true;
        self.away.remove(&person);
        if self.by_person.contains_key(&person) {
            self.strays.insert(person, now);
        }
    }

    /// Somebody was put out.
    pub fn removed(&mut self, person: ParticipantId) {
        self.changed = true;
        self.away.remove(&person);
        self.strays.remove(&person);
    }

    /// Who has to be let in again: asked now and then, until it is done.
    pub fn strays(&mut self, now: Instant) -> Vec<ParticipantId> {
        let due = self.strays.iter_mut().filter(|(_, at)| **at <= now);
        due.map(|(person, at)| {
            *at = now + AGAIN;
            *person
        })
        .collect()
    }

    /// Who has come back between the end of the grace and this moment has not left.
    pub fn spare(&self, ask: &mut Ask) {
        if let Ask::System(SystemCommand::Leave(people)) = ask {
            people.retain(|person| !self.is_connected(*person));
        }
    }

    /// All have left.
    pub fn all_left(&mut self) {
        self.changed = true;
        self.away.clear();
        self.strays.clear();
    }

    /// Who is connected to other nodes now. Who is no more, and not here either, is away.
    pub fn meet(&mut self, elsewhere: BTreeSet<ParticipantId>, state: &Session, now: Instant) {
        let before = std::mem::replace(&mut self.elsewhere, elsewhere);
        self.away.retain(|person, _| !self.elsewhere.contains(person));
        for person in before {
            if !self.is_connected(person) && state.people.get(&person).is_some_and(Participant::is_present) {
                self.away.entry(person).or_insert(now);
            }
        }
    }

    /// Is anybody away whose grace is not over?
    pub fn anybody_away(&self) -> bool {
        !self.away.is_empty()
    }

    /// Those whose grace was over by then; asked once per absence.
    pub fn gone(&mut self, by: Instant) -> Vec<ParticipantId> {
        self.away.extract_if(.., |_, since| by.saturating_duration_since(*since) >= GRACE).map(|(id, _)| id).collect()
    }

    /// The instructors who were out of sight by then.
    pub fn unseen(&self, state: &Session, by: Instant) -> BTreeSet<ParticipantId> {
        let leads = |id: &ParticipantId| state.people.get(id).is_some_and(|person| person.role == Role::Instructor);
        let unseen = self.away.iter().filter(|(_, since)| by.saturating_duration_since(**since) >= UNSEEN);
        unseen.map(|(id, _)| *id).filter(leads).collect()
    }

    /// Who is connected here, in order, if anything has changed since it was asked for last.
    pub fn take_changed(&mut self) -> Option<Vec<ParticipantId>> {
        std::mem::take(&mut self.changed).then(|| {
            let mut here: Vec<ParticipantId> = self.by_person.keys().copied().collect();
            here.sort_unstable();
            here
        })
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

    /// All people who are connected, anywhere, each once.
    fn connected(&self) -> impl Iterator<Item = &ParticipantId> {
        self.by_person.keys().chain(self.elsewhere.iter().filter(|id| !self.by_person.contains_key(id)))
    }

    /// How many people with the role participant are connected.
    pub fn online(&self, state: &Session) -> u32 {
        self.count(state, |_| true)
    }

    /// Of the connected participants, how many fulfil a condition.
    pub fn count(&self, state: &Session, condition: impl Fn(&ParticipantId) -> bool) -> u32 {
        let count = self
            .connected()
            .filter(|id| state.people.get(id).is_some_and(|person| person.role == Role::Participant))
            .filter(|id| condition(id))
            .count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Is nobody connected here?
    pub fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kernel::{Id, Moment},
        live::{
            core::{self, Event},
            fanout::Line,
        },
    };
    use uuid::Uuid;

    fn id<T>(number: u128) -> Id<T> {
        Id::new(Uuid::from_u128(number))
    }
    /// Ada leads, the others take part.
    fn session() -> Session {
        let settings = serde_json::json!({
            "title": "Intro", "description": null, "maxParticipants": 50, "needsName": false,
            "scheduledStart": "2026-01-01T00:00:00Z", "scheduledEnd": "2026-01-01T01:00:00Z",
            "polls": { "enabled": true, "maxOpen": 1 },
            "qa": { "enabled": true, "preModerated": false, "anonymousAllowed": true, "upvotes": true },
        });
        let mut state = Session::new(id(1), serde_json::from_value(settings).expect("settings"));
        for number in 1..=3 {
            let role = if number == 1 { Role::Instructor } else { Role::Participant };
            let event = Event::Joined { participant: id(number), user: id(number), name: None, role };
            core::apply(&mut state, &event, Moment::default());
        }
        state
    }
    fn member(number: u128) -> Member {
        Member { line: Line::new(), audience: Audience::Participants, participant: Some(id(number)) }
    }
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_grace_is_thirty_seconds_without_any_connection() {
        let (state, start) = (session(), Instant::now());
        let mut members = Members::expecting(&state, start);
        let first = members.add(member(2), 3);
        let second = members.add(member(2), 3);
        members.meet([id(3)].into(), &state, start);
        assert_eq!(members.online(&state), 2);
        members.remove(first, start + SECOND);
        assert_eq!(members.gone(start + SECOND * 29), []);
        assert_eq!(members.gone(start + SECOND * 30), [id(1)], "never came");
        assert_eq!(members.gone(start + SECOND * 60), [], "asked once");
        members.remove(second, start + SECOND * 60);
        members.meet([].into(), &state, start + SECOND * 70);
        assert_eq!(members.online(&state), 0);
        assert_eq!(members.gone(start + SECOND * 90), [id(2)]);
        let third = members.add(member(3), 3);
        members.remove(third, start + SECOND * 95);
        assert_eq!(members.gone(start + SECOND * 100), [], "the grace began anew");
        members.meet([id(3)].into(), &state, start + SECOND * 120);
        assert!(!members.anybody_away(), "found elsewhere in time");
        let fourth = members.add(member(3), 3);
        members.remove(fourth, start + SECOND * 121);
        assert!(!members.anybody_away(), "one of two tabs");
    }

    #[test]
    fn who_is_connected_and_said_to_have_left_is_let_in_again_until_it_is_done() {
        let (state, start) = (session(), Instant::now());
        let mut members = Members::expecting(&state, start);
        let number = members.add(member(2), 3);
        let mut ask = Ask::System(SystemCommand::Leave(vec![id(2), id(3)]));
        members.spare(&mut ask);
        assert!(matches!(&ask, Ask::System(SystemCommand::Leave(people)) if people == &[id(3)]));
        members.left(id(2), start);
        members.left(id(3), start);
        assert_eq!(members.strays(start), [id(2)]);
        assert_eq!(members.strays(start), []);
        assert_eq!(members.strays(start + AGAIN), [id(2)]);
        members.expect(id(2), start + AGAIN);
        assert_eq!(members.strays(start + AGAIN * 2), [], "let in");
        members.left(id(2), start + AGAIN * 2);
        members.remove(number, start + AGAIN * 2);
        assert_eq!(members.strays(start + AGAIN * 4), [], "gone after all");
    }

    #[test]
    fn an_instructor_is_out_of_sight_after_some_seconds_and_changes_are_told_once() {
        let (state, start) = (session(), Instant::now());
        let mut members = Members::expecting(&state, start);
        assert_eq!(members.take_changed(), Some(vec![]));
        assert_eq!(members.take_changed(), None);
        assert!(members.unseen(&state, start + SECOND * 4).is_empty());
        assert_eq!(members.unseen(&state, start + UNSEEN), [id(1)].into());
        members.add(member(3), 3);
        members.add(member(2), 3);
        assert_eq!(members.take_changed(), Some(vec![id(2), id(3)]));
        members.meet([id(1)].into(), &state, start);
        assert!(members.unseen(&state, start + UNSEEN).is_empty());
        assert_eq!(members.take_changed(), None, "what others say is theirs to write");
    }
}
