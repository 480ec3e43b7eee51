//! Tests of the core, rule by rule, and the small stage they play on.
mod audience;
mod lifecycle;
mod poll;
mod question;
mod roster;

use chrono::{DateTime, TimeDelta};
use uuid::Uuid;

use super::{
    Actor, Choice, Command, Decision, Event, OptionId, ParticipantId, PollDraft, PollId, PollOption, Role, Session,
    Settings, SystemCommand, apply, decide, decide_system,
    documents::SessionDocuments,
    lifecycle::{PollSettings, QaSettings},
    poll::{Poll, PollKind, Visibility},
    roster::Join,
};
use crate::kernel::{Code, Id, Moment};

/// A session on which a test plays, with its log and a clock that the test moves.
pub struct Room {
    pub state: Session,
    pub log: Vec<(Event, Moment)>,
    pub now: Moment,
}

/// The instructor of every room.
pub const ADA: u128 = 1;

pub fn id<T: ?Sized>(number: u128) -> Id<T> {
    Id::new(Uuid::from_u128(number))
}

/// Planned for half an hour after the start of every test, for one hour.
pub fn settings() -> Settings {
    let now = noon();
    Settings {
        title: "Workshop".to_owned(),
        description: None,
        scheduled_start: now + TimeDelta::minutes(30),
        scheduled_end: now + TimeDelta::minutes(90),
        max_participants: 10,
        needs_name: false,
        polls: PollSettings { enabled: true, max_open: 1 },
        qa: QaSettings { enabled: true, pre_moderated: false, anonymous_allowed: true, upvotes: true },
        documents: SessionDocuments::default(),
    }
}

pub fn noon() -> Moment {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

impl Room {
    /// Scheduled, nobody there.
    pub fn planned(settings: Settings) -> Self {
        Self { state: Session::new(id(99), settings), log: vec![], now: noon() }
    }
    /// Active, with Ada as instructor.
    pub fn active() -> Self {
        Self::active_with(settings())
    }
    pub fn active_with(settings: Settings) -> Self {
        let mut room = Self::planned(settings);
        let ada = room.joins(ADA, Role::Instructor);
        room.ok(ada, Command::Start {});
        room.ok(ada, Command::Go {});
        room
    }
    pub fn record(&mut self, decision: Decision) -> Decision {
        let events = decision?;
        for event in &events {
            apply(&mut self.state, event, self.now);
            self.log.push((event.clone(), self.now));
        }
        Ok(events)
    }
    pub fn act(&mut self, actor: Actor, command: &Command) -> Decision {
        let decision = decide(&self.state, actor, command, self.now);
        self.record(decision)
    }
    pub fn system(&mut self, command: &SystemCommand) -> Decision {
        let decision = decide_system(&self.state, command, self.now);
        self.record(decision)
    }
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "reads better in the tests")]
    pub fn ok(&mut self, who: ParticipantId, command: Command) -> Vec<Event> {
        self.act(Actor::Participant(who), &command).unwrap_or_else(|no| panic!("{command:?} refused: {:?}", no.code))
    }
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "reads better in the tests")]
    pub fn no(&mut self, who: ParticipantId, command: Command) -> Code {
        let before = self.state.clone();
        let refusal = self.act(Actor::Participant(who), &command).expect_err("should be refused");
        assert_eq!(self.state, before);
        refusal.code
    }
    /// The participant of user `number` has the same number.
    pub fn tries(&mut self, number: u128, role: Role) -> Decision {
        self.system(&SystemCommand::Join(Join { fresh: id(number), user: id(number), name: None, role }))
    }
    #[track_caller]
    pub fn joins(&mut self, number: u128, role: Role) -> ParticipantId {
        self.tries(number, role).expect("joins");
        id(number)
    }
    pub fn leaves(&mut self, who: ParticipantId) {
        self.system(&SystemCommand::Leave(vec![who])).expect("never refused");
    }
    pub fn wait(&mut self, seconds: i64) {
        self.now += TimeDelta::seconds(seconds);
    }
    /// Ada makes this poll and opens it.
    #[track_caller]
    pub fn asks(&mut self, number: u128, draft: PollDraft) -> PollId {
        let poll = id(number);
        self.ok(id(ADA), Command::CreatePoll { poll, draft });
        self.ok(id(ADA), Command::OpenPoll { poll, seconds: None });
        poll
    }
    pub fn poll(&self, poll: PollId) -> &Poll {
        &self.state.polls[&poll]
    }
}

/// A poll of this kind; single, multiple and rating have the options 1, 2, 3.
pub fn draft(kind: PollKind) -> PollDraft {
    let options: Vec<PollOption> =
        (1..=3).map(|number| PollOption { id: id(number), label: format!("Option {number}") }).collect();
    PollDraft {
        question: "Which?".to_owned(),
        kind,
        options: if kind.is_text() { vec![] } else { options },
        min_choices: None,
        max_choices: None,
        low_label: None,
        high_label: None,
        visibility: None,
        allow_change: None,
        seconds: None,
    }
}

pub fn seen(visibility: Visibility) -> PollDraft {
    PollDraft { visibility: Some(visibility), ..draft(PollKind::Single) }
}

pub fn options(numbers: &[u128]) -> Choice {
    Choice::Options(numbers.iter().map(|number| id(*number)).collect::<Vec<OptionId>>())
}

pub fn vote(poll: PollId, choice: Choice) -> Command {
    Command::Vote { poll, round: None, choice }
}
