//! Laws that hold for every history: random people do random things, and after each the laws are checked.
mod players;

use std::collections::{BTreeMap, BTreeSet};

use proptest::{prelude::*, sample::Index};

use super::{
    Command, Event, ParticipantId, PollId, Session, Stage, Status, SystemCommand, apply,
    audience::{
        Audience, Change, Entity, SessionState, sees_tally, snapshot, touched, touched_own, touched_people, view, you,
    },
    decide, decide_system, next_deadline,
    poll::{Choice, Counts, PollStatus},
    question::QuestionStatus,
    tests::{Room, id, noon},
};
use crate::kernel::{Code, Moment, document::ParticipantsMay};
use players::{Step, history, room};

const AUDIENCES: [Audience; 3] = [Audience::Hosts, Audience::Participants, Audience::Observers];

/// Does one step; a refusal changes nothing, and what was done is done when it is asked for again.
fn play(room: &mut Room, step: &Step) -> Vec<Event> {
    let before = room.state.clone();
    let decision = match step {
        Step::Do(actor, command) => room.act(*actor, command),
        Step::System(command) => room.system(command),
        Step::Wait(seconds) => {
            room.wait(*seconds);
            Ok(vec![])
        }
    };
    let Ok(events) = decision else {
        assert_eq!(room.state, before, "a refusal changed the state");
        return vec![];
    };
    let again = match step {
        Step::Do(_, Command::ExtendTimer { .. }) | Step::Wait(_) => Ok(vec![]),
        Step::Do(actor, command) => decide(&room.state, *actor, command, room.now),
        Step::System(command) => decide_system(&room.state, command, room.now),
    };
    assert_eq!(again, Ok(vec![]), "sent twice: {step:?}");
    events
}

fn may_move(from: Status, to: Status) -> bool {
    use Status::{Active, Cancelled, Ended, Paused, Scheduled, Starting};
    matches!(
        (from, to),
        (Scheduled, Starting | Cancelled)
            | (Starting | Paused, Active)
            | (Active, Paused | Ended | Cancelled)
            | (Starting, Cancelled)
    )
}

/// What holds in every state.
fn check(state: &Session) {
    assert!(state.participants_present() <= state.settings.max_participants as usize, "too many people");
    let places: BTreeSet<u32> = state.polls.values().map(|poll| poll.position).collect();
    assert!(places.iter().copied().eq((0..).take(state.polls.len())), "places are not dense");
    for poll in state.polls.values() {
        let fold = Counts::of(&poll.ballots);
        assert_eq!(poll.counts.options, fold.options);
        let numbers = |counts: &Counts| -> BTreeMap<String, u32> {
            counts.texts.iter().map(|(key, (count, _))| (key.clone(), *count)).collect()
        };
        assert_eq!(numbers(&poll.counts), numbers(&fold));
        assert!(poll.timer.is_none() || poll.status == PollStatus::Open, "only open polls have timers");
        assert!(poll.status != PollStatus::Open || matches!(state.status, Status::Active | Status::Paused));
    }
    match &state.stage {
        Stage::Poll { poll } => assert!(state.polls[poll].is_public(), "a hidden poll on the stage"),
        Stage::Question { question } => assert!(state.questions[question].is_public(), "a hidden question on stage"),
        _ => {}
    }
    assert!(state.highlighted.is_none_or(|question| state.questions[&question].is_public()));
    for (id, person) in &state.people {
        assert_eq!(state.by_user[&person.user], *id);
    }
    for question in state.questions.values() {
        assert!(!question.upvotes.contains(&question.author));
    }
}

/// The ballots that the log tells of: the last of each person in each round.
fn ballots_by_log(log: &[(Event, Moment)]) -> BTreeMap<(PollId, u32, ParticipantId), Choice> {
    let votes = log.iter().filter_map(|(event, _)| match event {
        Event::Voted { poll, round, participant, choice } => Some(((*poll, *round, *participant), choice.clone())),
        _ => None,
    });
    votes.collect()
}

fn ballots_by_state(state: &Session) -> BTreeMap<(PollId, u32, ParticipantId), Choice> {
    let mut all = BTreeMap::new();
    for (id, poll) in &state.polls {
        let current = std::iter::once((poll.round, &poll.ballots));
        let rounds = current.chain(poll.past.iter().map(|round| (round.round, &round.ballots)));
        for (round, ballots) in rounds {
            for (person, ballot) in ballots {
                assert!(all.insert((*id, round, *person), ballot.choice.clone()).is_none(), "two ballots");
            }
        }
    }
    all
}

/// A client: puts what it is told in place of what it holds.
fn follow(held: &mut SessionState, change: Change) {
    match change {
        Change::Session(view) => held.session = view,
        Change::Stage(view) => held.stage = view,
        Change::Person(view) => {
            held.people.retain(|known| known.id != view.id);
            held.people.push(view);
        }
        Change::Poll(view) => {
            held.polls.retain(|known| known.id != view.id);
            held.polls.push(view);
        }
        Change::PollGone(id) => held.polls.retain(|known| known.id != id),
        Change::Question(view) => {
            held.questions.retain(|known| known.id != view.id);
            held.questions.push(view);
        }
        Change::QuestionGone(id) => held.questions.retain(|known| known.id != id),
    }
}

/// Running numbers travel apart; that a result is or is not there does not.
fn settled(mut state: SessionState) -> SessionState {
    for poll in &mut state.polls {
        if let Some(tally) = &mut poll.tally {
            (tally.version, tally.voters) = (0, 0);
            tally.counts.clear();
            tally.texts.clear();
        }
    }
    for question in &mut state.questions {
        question.upvotes = 0;
    }
    state.polls.sort_by_key(|poll| poll.id);
    state.questions.sort_by_key(|question| question.id);
    state.people.sort_by_key(|person| person.id);
    state
}

fn is_running_number(event: &Event) -> bool {
    matches!(event, Event::Voted { .. } | Event::Upvoted { .. })
}

/// Everybody whose `You` changed in more than votes, upvotes and questions was named.
fn check_people_named(before: &Session, after: &Session, events: &[Event]) {
    let named: BTreeSet<ParticipantId> = events.iter().flat_map(|event| touched_people(event, after)).collect();
    let own: BTreeSet<_> = events.iter().filter_map(|event| touched_own(event, after)).collect();
    for person in after.people.keys() {
        let (was, is) = (you(before, *person), you(after, *person));
        let same = (was.participant, &was.name, was.role, &was.rights, was.hand_raised_at, &was.whiteboard)
            == (is.participant, &is.name, is.role, &is.rights, is.hand_raised_at, &is.whiteboard);
        assert!(same || named.contains(person), "{person} was not told");
        for question in is.questions {
            let known = was.questions.iter().find(|known| known.id == question.id);
            let same =
                known.is_some_and(|known| (known.status, known.archived) == (question.status, question.archived));
            assert!(same || own.contains(&(*person, question.id)), "{person} was not told of {}", question.id);
        }
    }
}

/// The same session with other secrets: what neither participants nor observers may know is different.
fn with_other_secrets(state: &Session) -> Session {
    let mut other = state.clone();
    let documents = &mut other.settings.documents;
    documents.notes = documents.notes.take().filter(|notes| notes.participants_may != ParticipantsMay::Nothing);
    documents.whiteboard =
        documents.whiteboard.take().filter(|board| board.participants_may != ParticipantsMay::Nothing);
    for poll in other.polls.values_mut() {
        if !poll.is_public() {
            "Another question?".clone_into(&mut poll.draft.question);
            poll.revealed = !poll.revealed;
        }
        if !sees_tally(poll, Audience::Participants, false) {
            poll.ballots.clear();
            poll.counts = Counts::default();
            poll.version += 7;
            for round in &mut poll.past {
                round.ballots.clear();
            }
        }
        let hidden = poll.hidden.clone();
        for (key, (count, text)) in &mut poll.counts.texts {
            if hidden.contains(key) {
                *count += 3;
                text.push('!');
            }
        }
    }
    for question in other.questions.values_mut() {
        question.starred = !question.starred;
        if !question.is_public() {
            "Another question!".clone_into(&mut question.body);
            question.upvotes.clear();
        }
        if question.anonymous {
            question.author = id(4242);
        }
    }
    for person in other.people.values_mut() {
        person.hand_raised_at = person.hand_raised_at.xor(Some(noon()));
        person.rights.clear();
    }
    other
}

fn shown(state: &Session, audience: Audience) -> String {
    let mut entities = vec![Entity::Session, Entity::Stage];
    entities.extend(state.polls.keys().copied().map(Entity::Poll));
    entities.extend(state.questions.keys().copied().map(Entity::Question));
    entities.extend(state.people.keys().copied().map(Entity::Person));
    let changes: Vec<Option<Change>> = entities.into_iter().map(|entity| view(state, audience, entity)).collect();
    serde_json::to_string(&(snapshot(state, audience), changes)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_keeps_the_laws(steps in history()) {
        let mut room = room();
        let mut clients: Vec<SessionState> = AUDIENCES.iter().map(|audience| snapshot(&room.state, *audience)).collect();
        for step in &steps {
            let before = room.state.clone();
            let events = play(&mut room, step);
            check(&room.state);
            let mut status = before.status;
            for event in &events {
                if let Event::StatusChanged { status: next, .. } = event {
                    prop_assert!(may_move(status, *next), "{:?} → {:?}", status, next);
                    status = *next;
                }
            }
            if events.iter().any(|event| matches!(event, Event::PollOpened { .. })) {
                let open = room.state.polls.values().filter(|poll| poll.status == PollStatus::Open).count();
                prop_assert!(open <= room.state.settings.polls.max_open as usize);
            }
            check_people_named(&before, &room.state, &events);
            let entities: BTreeSet<Entity> = events.iter().flat_map(|event| touched(event, &room.state)).collect();
            prop_assert!(entities.is_empty() || !events.iter().all(is_running_number));
            for (client, audience) in clients.iter_mut().zip(AUDIENCES) {
                for change in entities.iter().filter_map(|entity| view(&room.state, audience, *entity)) {
                    follow(client, change);
                }
                prop_assert_eq!(settled(client.clone()), settled(snapshot(&room.state, audience)));
            }
        }
    }

    #[test]
    fn the_log_is_the_state(steps in history()) {
        let mut room = room();
        for step in &steps {
            play(&mut room, step);
        }
        let stored = serde_json::to_string(&room.log).unwrap();
        let log: Vec<(Event, Moment)> = serde_json::from_str(&stored).unwrap();
        let mut replayed = Session::new(room.state.id, super::tests::settings());
        for (event, at) in &log {
            apply(&mut replayed, event, *at);
        }
        prop_assert_eq!(&replayed, &room.state);
        let snapshot: Session = serde_json::from_str(&serde_json::to_string(&room.state).unwrap()).unwrap();
        prop_assert_eq!(&snapshot, &room.state);
        prop_assert_eq!(ballots_by_log(&log), ballots_by_state(&room.state));
    }

    #[test]
    fn secrets_do_not_show(steps in history()) {
        let mut room = room();
        for step in &steps {
            play(&mut room, step);
        }
        let other = with_other_secrets(&room.state);
        prop_assert_ne!(shown(&room.state, Audience::Hosts), shown(&other, Audience::Hosts));
        for audience in [Audience::Participants, Audience::Observers] {
            prop_assert_eq!(shown(&room.state, audience), shown(&other, audience));
        }
    }

    #[test]
    fn what_is_due_is_done_once(steps in history()) {
        let mut room = room();
        for step in &steps {
            play(&mut room, step);
            let Some(due) = next_deadline(&room.state) else { continue };
            if due > room.now {
                let early = due - chrono::TimeDelta::milliseconds(1);
                prop_assert_eq!(decide_system(&room.state, &SystemCommand::CloseDue, early), Ok(vec![]));
                prop_assert_eq!(decide_system(&room.state, &SystemCommand::Expire, early), Ok(vec![]));
            }
            let mut later = Room { state: room.state.clone(), log: vec![], now: due.max(room.now) };
            let closed = later.system(&SystemCommand::CloseDue).unwrap();
            let expired = later.system(&SystemCommand::Expire).unwrap();
            prop_assert!(!closed.is_empty() || !expired.is_empty());
            prop_assert!(next_deadline(&later.state).is_none_or(|next| next > later.now));
        }
    }

    #[test]
    fn any_event_can_be_applied(steps in history(), swaps in proptest::collection::vec(any::<Index>(), 60), far in any::<bool>()) {
        let mut room = room();
        for step in &steps {
            play(&mut room, step);
        }
        let mut log = room.log.clone();
        for (place, swap) in swaps.iter().enumerate() {
            let length = log.len();
            log.swap(place % length, swap.index(length));
        }
        let mut state = Session::new(id(99), super::tests::settings());
        for (event, at) in &log {
            apply(&mut state, event, if far { Moment::MAX_UTC } else { *at });
            for audience in AUDIENCES {
                let changes = touched(event, &state).into_iter().filter_map(|entity| view(&state, audience, entity));
                drop(changes.collect::<Vec<Change>>());
            }
        }
        for poll in state.polls.values() {
            prop_assert_eq!(&poll.counts.options, &Counts::of(&poll.ballots).options);
        }
    }
}

/// The histories are worth something: they reach what the laws speak of.
#[test]
fn histories_reach_every_corner() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let (mut kinds, mut codes) = (BTreeSet::new(), Vec::<Code>::new());
    for _ in 0..192 {
        let mut room = room();
        for step in history().new_tree(&mut runner).unwrap().current() {
            match &step {
                Step::Do(actor, command) => {
                    codes.extend(decide(&room.state, *actor, command, room.now).err().map(|no| no.code));
                }
                Step::System(command) => {
                    codes.extend(decide_system(&room.state, command, room.now).err().map(|no| no.code));
                }
                Step::Wait(_) => {}
            }
            play(&mut room, &step);
        }
        for (event, _) in &room.log {
            kinds.insert(serde_json::to_value(event).unwrap()["type"].as_str().unwrap().to_owned());
        }
        let dismissed = room.state.questions.values().filter(|known| known.status == QuestionStatus::Dismissed);
        kinds.extend(dismissed.map(|_| "dismissed".to_owned()));
    }
    assert_eq!(kinds.len(), 32, "every event but session.created, and a dismissed question: {kinds:?}");
    for code in [
        Code::SessionFull,
        Code::AlreadyVoted,
        Code::PollRoundOver,
        Code::PollLocked,
        Code::Removed,
        Code::InstructorHere,
    ] {
        assert!(codes.contains(&code), "{code:?} was never given");
    }
}
