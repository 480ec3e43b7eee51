//! Who may know what.
use super::{
    super::{
        Choice, Command, PollDraft, PollId, QuestionId, Role, Settings,
        audience::{
            Audience, Change, Entity, audience_of, my_question, my_vote, progress, sees_tally, snapshot, touched, view,
            watcher, you,
        },
        lifecycle::QaSettings,
        poll::{PollKind, Visibility},
        roster::Right,
    },
    ADA, Room, draft, id, options, seen, settings, vote,
};

const PIA: u128 = 3;
const EVERYBODY: [Audience; 3] = [Audience::Hosts, Audience::Participants, Audience::Observers];

fn room() -> Room {
    let mut room = Room::active();
    room.joins(PIA, Role::Participant);
    room.joins(5, Role::Observer);
    room
}

/// Who sees the result: hosts, participants, participants who voted, observers.
fn seers(room: &Room, poll: PollId) -> [bool; 4] {
    let poll = room.poll(poll);
    [
        sees_tally(poll, Audience::Hosts, false),
        sees_tally(poll, Audience::Participants, false),
        sees_tally(poll, Audience::Participants, true),
        sees_tally(poll, Audience::Observers, true),
    ]
}

#[test]
fn results_show_to_whom_and_when_the_poll_says() {
    let table = [
        // while open, once closed
        (Visibility::Always, [true, true, true, true], [true, true, true, true]),
        (Visibility::AfterVote, [true, false, true, false], [true, true, true, true]),
        (Visibility::AfterClose, [true, false, false, false], [true, true, true, true]),
        (Visibility::Never, [true, false, false, false], [true, false, false, false]),
    ];
    for (visibility, open, closed) in table {
        let mut room = room();
        let poll = room.asks(1, seen(visibility));
        room.ok(id(PIA), vote(poll, options(&[1])));
        assert_eq!(seers(&room, poll), open, "{visibility:?} while open");
        room.ok(id(ADA), Command::ClosePoll { poll });
        assert_eq!(seers(&room, poll), closed, "{visibility:?} once closed");
        room.ok(id(ADA), Command::RevealPoll { poll, revealed: true });
        assert_eq!(seers(&room, poll), [true; 4], "{visibility:?} revealed");
        for audience in EVERYBODY {
            let shown = snapshot(&room.state, audience).polls[0].tally.clone().expect("visible");
            assert_eq!((shown.voters, shown.counts), (1, vec![1, 0, 0]));
        }
        room.ok(id(ADA), Command::ArchivePoll { poll, archived: true });
        assert_eq!(seers(&room, poll), [true, false, false, false], "{visibility:?} archived");
    }
}

#[test]
fn a_new_round_is_not_shown_because_the_last_one_was() {
    let mut room = room();
    let poll = room.asks(1, seen(Visibility::AfterClose));
    room.ok(id(PIA), vote(poll, options(&[1])));
    room.ok(id(ADA), Command::ClosePoll { poll });
    room.ok(id(ADA), Command::RevealPoll { poll, revealed: true });
    room.ok(id(ADA), Command::Revote { poll, round: None });
    let shown = &snapshot(&room.state, Audience::Participants).polls[0];
    assert_eq!((shown.round, &shown.tally, shown.past.len()), (2, &None, 0));
    let hosts = &snapshot(&room.state, Audience::Hosts).polls[0];
    assert_eq!((hosts.past.len(), hosts.past[0].voters), (1, 1));
}

#[test]
fn hidden_texts_reach_only_hosts() {
    let mut room = room();
    let poll = room.asks(1, draft(PollKind::OpenText));
    room.ok(id(PIA), vote(poll, Choice::Text("Rude".to_owned())));
    room.ok(id(ADA), Command::HideAnswer { poll, text: "Rude".to_owned(), hidden: true });
    room.ok(id(ADA), Command::Revote { poll, round: None });
    room.ok(id(PIA), vote(poll, Choice::Text("rude".to_owned())));
    for (audience, texts) in EVERYBODY.into_iter().zip([1, 0, 0]) {
        let shown = &snapshot(&room.state, audience).polls[0];
        assert_eq!(shown.tally.as_ref().unwrap().texts.len(), texts);
        assert_eq!(shown.past[0].texts.len(), texts);
    }
}

#[test]
fn drafts_and_archived_polls_are_for_hosts() {
    let mut room = room();
    let poll: PollId = id(1);
    let look = |room: &Room, audience| view(&room.state, audience, Entity::Poll(poll));
    room.ok(id(ADA), Command::CreatePoll { poll, draft: PollDraft { seconds: Some(30), ..draft(PollKind::Single) } });
    assert!(matches!(look(&room, Audience::Hosts), Some(Change::Poll(_))));
    assert_eq!(look(&room, Audience::Participants), None, "never was there");
    room.ok(id(ADA), Command::OpenPoll { poll, seconds: None });
    assert!(matches!(look(&room, Audience::Observers), Some(Change::Poll(_))));
    room.ok(id(ADA), Command::ClosePoll { poll });
    room.ok(id(ADA), Command::ArchivePoll { poll, archived: true });
    assert_eq!(look(&room, Audience::Participants), Some(Change::PollGone(poll)));
    assert!(snapshot(&room.state, Audience::Participants).polls.is_empty());
    assert_eq!(view(&room.state, Audience::Hosts, Entity::Poll(id(9))), None);
}

#[test]
fn pending_questions_are_for_hosts_and_their_author() {
    let held = QaSettings { pre_moderated: true, ..settings().qa };
    let mut room = Room::active_with(Settings { qa: held, ..settings() });
    let pia = room.joins(PIA, Role::Participant);
    let question: QuestionId = id(1);
    let look = |room: &Room, audience| view(&room.state, audience, Entity::Question(question));
    room.ok(pia, Command::Ask { question, body: "Why?".to_owned(), anonymous: true });
    assert_eq!(look(&room, Audience::Participants), None);
    assert_eq!(you(&room.state, pia).questions.len(), 1);
    assert_eq!(my_question(&room.state, id(ADA), question), None);
    room.ok(id(ADA), Command::Star { question, on: true });
    room.ok(id(ADA), Command::Approve { question });
    for audience in EVERYBODY {
        let Some(Change::Question(shown)) = look(&room, audience) else { panic!("everybody sees it") };
        assert_eq!(shown.author, None, "anonymous for {audience:?}");
        assert_eq!(shown.starred, audience == Audience::Hosts);
    }
    assert!(!my_question(&room.state, pia, question).unwrap().starred);
    room.ok(id(ADA), Command::Archive { question });
    assert_eq!(look(&room, Audience::Participants), Some(Change::QuestionGone(question)));
    assert!(matches!(look(&room, Audience::Hosts), Some(Change::Question(_))));
}

#[test]
fn people_are_shown_to_hosts_with_hands_first() {
    let mut room = room();
    for number in 10..=19 {
        room.state.settings.max_participants = 1000;
        room.wait(1);
        room.joins(number, Role::Participant);
    }
    room.ok(id(PIA), Command::Hand { participant: id(PIA), raised: true });
    let people: Vec<u32> = snapshot(&room.state, Audience::Hosts).people.iter().map(|person| person.number).collect();
    assert_eq!(&people[..3], &[2, 1, 13], "a hand, a host, then the newest");
    for number in 1000..1600 {
        room.joins(number, Role::Participant);
    }
    assert_eq!(snapshot(&room.state, Audience::Hosts).people.len(), 500);
    assert!(snapshot(&room.state, Audience::Participants).people.is_empty());
    assert_eq!(view(&room.state, Audience::Observers, Entity::Person(id(PIA))), None);
}

#[test]
fn a_new_name_reaches_the_questions_under_it() {
    let mut room = room();
    let pia = id(PIA);
    room.ok(pia, Command::Ask { question: id(1), body: "Why?".to_owned(), anonymous: false });
    room.ok(pia, Command::Ask { question: id(2), body: "How?".to_owned(), anonymous: true });
    let events = room.ok(pia, Command::Rename { participant: pia, name: "Pia".to_owned() });
    assert_eq!(touched(&events[0], &room.state), vec![Entity::Person(pia), Entity::Question(id(1))]);
}

#[test]
fn everybody_belongs_to_one_audience() {
    let mut room = room();
    assert_eq!(audience_of(&room.state, id(ADA)), Audience::Hosts);
    assert_eq!(audience_of(&room.state, id(PIA)), Audience::Participants);
    assert_eq!(audience_of(&room.state, id(5)), Audience::Observers);
    assert_eq!(audience_of(&room.state, id(77)), Audience::Observers);
    room.ok(id(ADA), Command::Permit { participant: id(PIA), permission: Right::CanCreatePolls, granted: true });
    assert_eq!(audience_of(&room.state, id(PIA)), Audience::Hosts);
    assert_eq!(you(&room.state, id(77)), watcher());
}

#[test]
fn ones_own_ballot_is_of_the_current_round() {
    let mut room = room();
    let poll = room.asks(1, seen(Visibility::Never));
    room.ok(id(PIA), vote(poll, options(&[2])));
    let mine = my_vote(&room.state, id(PIA), poll).unwrap();
    assert_eq!((mine.round, &mine.choice), (1, &options(&[2])));
    assert_eq!(you(&room.state, id(PIA)).votes, vec![mine]);
    assert!(you(&room.state, id(ADA)).votes.is_empty());
    room.ok(id(ADA), Command::Revote { poll, round: None });
    assert!(you(&room.state, id(PIA)).votes.is_empty());
}

#[test]
fn progress_counts_participants() {
    let mut room = room();
    let tom = room.joins(4, Role::Participant);
    let poll = room.asks(1, draft(PollKind::Single));
    room.ok(id(PIA), vote(poll, options(&[1])));
    room.ok(id(ADA), vote(poll, options(&[1])));
    room.joins(6, Role::Participant);
    room.leaves(tom);
    let counts = progress(&room.state);
    assert_eq!(counts.poll, Some(poll));
    assert_eq!((counts.joined, counts.present, counts.answered, counts.unanswered), (3, 2, 1, 1));
}
