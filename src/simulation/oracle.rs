//! What must be true when everything is mended and quiet, whatever happened before.
use std::{borrow::Cow, collections::BTreeMap};

use super::{
    agreement,
    client::{Held, Standing},
    deeds, ids,
    outbox::{Entry, Settled},
};
use crate::{
    kernel::Code,
    live::{
        core::{self, Actor, Choice, Command, Event, ParticipantId, PollId, Session},
        log::Logged,
        store::memory::INDIGESTIBLE,
    },
};

/// What is wrong with one session.
pub struct Judge<'a> {
    /// Its number.
    pub session: usize,
    /// Everything in its log.
    pub log: &'a [Logged],
    /// Its people, by number.
    pub people: BTreeMap<usize, &'a Held>,
    /// What is wrong.
    pub faults: Vec<String>,
    /// How many times each command of each person is in the log.
    done: BTreeMap<(usize, usize), u32>,
    /// What each person has voted in each poll, since it was last empty.
    votes: BTreeMap<(usize, PollId), Vec<Choice>>,
}

/// What a session says somewhere: its number and its state.
pub type Seen = (u64, Session);

impl<'a> Judge<'a> {
    /// Looks at nothing yet.
    pub fn new(session: usize, log: &'a [Logged], people: BTreeMap<usize, &'a Held>) -> Self {
        Self { session, log, people, faults: Vec::new(), done: BTreeMap::new(), votes: BTreeMap::new() }
    }

    fn fault(&mut self, what: impl AsRef<str>) {
        self.faults.push(format!("s{}: {}", self.session, what.as_ref()));
    }

    /// Replays the log, and holds everything that was answered against it on the way.
    pub fn replay(&mut self) -> Option<Seen> {
        let numbers = self.log.iter().map(|logged| logged.seq);
        if !numbers.eq(1..=self.log.len() as u64) {
            self.fault("the numbers in the log are not 1, 2, 3 …");
        }
        let Some(Event::Created { settings }) = self.log.first().map(|logged| &logged.event) else {
            self.fault("the log has no beginning");
            return None;
        };
        let mut state = Session::new(ids::session(self.session).session, settings.clone());
        let (mut explained, mut seq) = (1, 1);
        let mut acks = self.acks();
        for (place, logged) in self.log.iter().enumerate().skip(1) {
            if let Some(what) = idle(&state, &logged.event) {
                self.fault(format!("{} happened twice: {what}", logged.seq));
            }
            if place >= explained {
                explained = place + self.explain(&state, place);
            }
            core::apply(&mut state, &logged.event, logged.at);
            seq = logged.seq;
            self.stands(&state, acks.remove(&seq));
        }
        for (seq, acked) in acks {
            self.fault(format!("{} commands were acknowledged at {seq}, which is not in the log", acked.len()));
        }
        self.refusals();
        Some((seq, state))
    }

    fn acks(&self) -> BTreeMap<u64, Vec<(usize, Entry)>> {
        let mut acks: BTreeMap<u64, Vec<(usize, Entry)>> = BTreeMap::new();
        for (person, held) in &self.people {
            for entry in &held.outbox.entries {
                if let Some(Settled::Acked { seq, .. }) = entry.settled {
                    acks.entry(seq).or_default().push((*person, entry.clone()));
                }
            }
        }
        acks
    }

    /// What was acknowledged at a number is so in the state at that number: asked again, it would change nothing.
    fn stands(&mut self, state: &Session, acked: Option<Vec<(usize, Entry)>>) {
        for (person, entry) in acked.unwrap_or_default() {
            let Some(Settled::Acked { seq, at }) = entry.settled else { continue };
            let actor = Actor::Participant(ids::participant(person));
            let again = core::decide(state, actor, &informed(&entry.command, state), at);
            if again.as_ref().is_ok_and(Vec::is_empty) {
                continue;
            }
            self.fault(format!(
                "p{person} has an ack at {seq} for {:?}, but asked again there: {again:?}",
                entry.command
            ));
        }
    }

    /// How many events from this place on are explained by one command of whoever is named as the cause.
    fn explain(&mut self, state: &Session, place: usize) -> usize {
        let first = &self.log[place];
        let Some(actor) = first.actor else { return 1 };
        let found = (0..)
            .zip(self.people.iter())
            .find_map(|(_, (person, held))| (ids::participant(*person) == actor).then_some((*person, *held)));
        let Some((person, held)) = found else {
            self.fault(format!("{} was caused by {actor}, who is not here", first.seq));
            return 1;
        };
        let mut asked = Vec::new();
        for (number, entry) in held.outbox.entries.iter().enumerate() {
            if entry.attempts == 0 || !may_cause(&entry.command, &first.event) {
                continue;
            }
            let decided = core::decide(state, Actor::Participant(actor), &informed(&entry.command, state), first.at);
            let events = decided.unwrap_or_default();
            if !events.is_empty() && same(&events, &self.log[place..], actor) {
                let refused = matches!(entry.settled, Some(Settled::Refused(_))) && entry.attempts == 1;
                asked.push((refused, number, events.len()));
            }
        }
        self.overturned(state, person, &first.event, asked.len());
        // Of several that would explain it, a refused one is the last to be believed.
        let Some((_, number, length)) = asked.into_iter().min() else {
            self.fault(format!("nobody asked for {}: {:?}", first.seq, first.event));
            return 1;
        };
        *self.done.entry((person, number)).or_default() += 1;
        length
    }

    /// A vote is given once. It may be sent twice, but never comes back behind another one of the same person.
    fn overturned(&mut self, state: &Session, person: usize, event: &Event, asked: usize) {
        let Event::Voted { poll, participant, choice, .. } = event else { return };
        let votes = self.votes.entry((person, *poll)).or_default();
        if state.polls.get(poll).is_none_or(|poll| !poll.ballots.contains_key(participant)) {
            votes.clear();
        }
        votes.push(choice.clone());
        let times = votes.iter().filter(|vote| *vote == choice).count();
        if asked > 0 && times > asked {
            let fault = format!("p{person} voted {choice:?} {asked} times, but it was done {times} times: {votes:?}");
            self.fault(fault);
        }
    }

    /// A refusal is final: nothing of it is in the log.
    fn refusals(&mut self) {
        let mut faults = Vec::new();
        for (person, held) in &self.people {
            for (number, entry) in held.outbox.entries.iter().enumerate() {
                let Some(Settled::Refused(code)) = entry.settled else { continue };
                if entry.attempts == 1 && self.done.contains_key(&(*person, number)) {
                    faults.push(format!("p{person} was refused ({code:?}), but it was done: {:?}", entry.command));
                }
                let poison = matches!(&entry.command, Command::Ask { body, .. } if body.contains(INDIGESTIBLE));
                if code == Code::Internal && !poison {
                    faults.push(format!("p{person} paid for another's command: {:?}", entry.command));
                }
            }
        }
        for fault in faults {
            self.fault(fault);
        }
    }

    /// What somebody says must be what the log says.
    pub fn same(&mut self, who: &str, seen: Option<&Seen>, truth: &Seen) {
        match seen {
            None => self.fault(format!("{who} says nothing")),
            Some(seen) if seen.0 != truth.0 => self.fault(format!("{who} is at {}, the log at {}", seen.0, truth.0)),
            Some(seen) if seen.1 != truth.1 => self.fault(format!("{who} has another state than the log")),
            Some(_) => {}
        }
    }

    /// Each client holds what a fresh snapshot would give it, and nothing went wrong on the way.
    pub fn clients(&mut self, truth: &Seen) {
        let people: Vec<(usize, &Held)> = self.people.iter().map(|(person, held)| (*person, *held)).collect();
        for (person, held) in people {
            for fault in held.faults.iter().chain(&held.copy.broken) {
                self.fault(format!("p{person}: {fault}"));
            }
            let compare = match held.standing {
                Standing::Attached => true,
                Standing::Over => held.copy.seq == truth.0,
                Standing::Late | Standing::GivenUp | Standing::Gone => false,
                Standing::Outside => {
                    self.fault(format!("p{person} does not get in"));
                    false
                }
            };
            if compare && !agreement::agrees(&held.copy, &truth.1, truth.0) {
                for difference in agreement::differences(&held.copy, &truth.1, truth.0) {
                    self.fault(format!("p{person} holds other than it should: {difference}"));
                }
            }
        }
    }
}

fn same(events: &[Event], log: &[Logged], actor: ParticipantId) -> bool {
    events.len() <= log.len()
        && events
            .iter()
            .zip(log)
            .all(|(event, logged)| *event == logged.event && logged.actor == Some(actor) && logged.at == log[0].at)
}

/// Whom a room had not seen for a while is not in the log: it may have been anybody.
fn informed<'a>(command: &'a Command, state: &Session) -> Cow<'a, Command> {
    match command {
        Command::TakeOver { .. } => Cow::Owned(Command::TakeOver { unseen: state.people.keys().copied().collect() }),
        other => Cow::Borrowed(other),
    }
}

/// A cheap first look: could this command lead to this event?
fn may_cause(command: &Command, event: &Event) -> bool {
    match (command, event) {
        (Command::Vote { poll, .. }, Event::Voted { poll: voted, .. }) => poll == voted,
        (Command::Ask { question, .. }, Event::Asked { question: asked, .. }) => question == asked,
        (Command::Upvote { question, .. }, Event::Upvoted { question: upvoted, .. }) => question == upvoted,
        (Command::Hand { participant, .. }, Event::HandSet { participant: hand, .. }) => participant == hand,
        (Command::Vote { .. } | Command::Ask { .. } | Command::Upvote { .. } | Command::Hand { .. }, _)
        | (_, Event::Voted { .. } | Event::Asked { .. } | Event::Upvoted { .. } | Event::HandSet { .. }) => false,
        _ => true,
    }
}

/// An event that changes nothing was written twice, or decided against something else than the truth.
fn idle(state: &Session, event: &Event) -> Option<String> {
    let idle = match event {
        Event::Voted { poll, round, participant, choice } => state.polls.get(poll).is_none_or(|poll| {
            poll.round != *round || poll.ballots.get(participant).is_some_and(|ballot| ballot.choice == *choice)
        }),
        Event::Upvoted { question, participant, on } => {
            state.questions.get(question).is_none_or(|question| question.upvotes.contains(participant) == *on)
        }
        Event::HandSet { participant, raised } => {
            state.people.get(participant).is_none_or(|person| person.hand_raised_at.is_some() == *raised)
        }
        Event::RoundBegun { poll, round, .. } => state.polls.get(poll).is_none_or(|poll| poll.round + 1 != *round),
        Event::Left { participant } => state.people.get(participant).is_none_or(|person| !person.is_present()),
        Event::Joined { participant, role, .. } => {
            state.people.get(participant).is_some_and(|person| person.is_present() && person.role == *role)
        }
        Event::StatusChanged { status, .. } => state.status == *status,
        Event::PollOpened { poll, .. } => {
            state.polls.get(poll).is_none_or(|known| known.status == core::poll::PollStatus::Open)
        }
        other => {
            let mut after = state.clone();
            core::apply(&mut after, other, super::world::dawn());
            after == *state
        }
    };
    idle.then(|| format!("{event:?}"))
}

/// The first events of every session: made, polls prepared, open to all.
pub fn beginning(session: usize) -> Vec<Event> {
    use core::{
        Settings, Status,
        lifecycle::{PollSettings, QaSettings},
    };
    let now = super::world::dawn();
    let settings = Settings {
        title: format!("Session {session}"),
        description: None,
        scheduled_start: now,
        scheduled_end: now + chrono::TimeDelta::hours(3),
        max_participants: 50,
        needs_name: false,
        polls: PollSettings { enabled: true, max_open: 3 },
        qa: QaSettings { enabled: true, pre_moderated: session == 1, anonymous_allowed: true, upvotes: true },
        documents: core::SessionDocuments::default(),
    };
    let mut events = vec![Event::Created { settings }];
    events.extend((0..deeds::POLLS).map(|number| Event::PollCreated {
        poll: ids::poll(session, number),
        draft: deeds::draft(number, false),
        by: None,
    }));
    events.push(Event::StatusChanged { status: Status::Starting, reason: None });
    events.push(Event::StatusChanged { status: Status::Active, reason: None });
    // Two are open from the start: votes should find something.
    events.extend((0..2).map(|number| Event::PollOpened { poll: ids::poll(session, number), closes_at: None }));
    events
}
