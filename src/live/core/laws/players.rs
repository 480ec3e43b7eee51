//! The people and things that random histories are made of.
use proptest::{
    collection::{btree_set, vec},
    option,
    prelude::*,
    sample::select,
};

use super::super::{
    Actor, Choice, Command, ParticipantId, PollDraft, PollId, PollOption, QuestionId, Role, SessionBoard,
    SessionDocuments, SessionNotes, Stage, SystemCommand,
    lifecycle::Configure,
    poll::{PollKind, Visibility},
    roster::{Join, Right},
    tests::{Room, id, noon, settings},
};
use crate::kernel::document::ParticipantsMay;

/// Something that happens.
#[derive(Debug, Clone)]
pub enum Step {
    Do(Actor, Command),
    System(SystemCommand),
    Wait(i64),
}

const KINDS: [PollKind; 5] =
    [PollKind::Single, PollKind::Multiple, PollKind::Rating, PollKind::OpenText, PollKind::WordCloud];

const SEEN: [Visibility; 4] = [Visibility::Always, Visibility::AfterVote, Visibility::AfterClose, Visibility::Never];

/// An active session for at most four participants with one host of each kind, two participants and an observer,
/// a poll of every kind, and two questions.
pub fn room() -> Room {
    let mut room = Room::planned(settings());
    let ada = room.joins(1, Role::Instructor);
    let few =
        Configure { max_participants: Some(4), max_open: Some(3), pre_moderated: Some(true), ..Configure::default() };
    room.ok(ada, Command::Configure(few));
    room.ok(ada, Command::Start {});
    for (number, role) in [(2, Role::Assistant), (3, Role::Participant), (4, Role::Participant), (5, Role::Observer)] {
        room.joins(number, role);
    }
    room.ok(ada, Command::Go {});
    for number in 0..5 {
        let visibility = SEEN[usize::try_from(number).unwrap() % 4];
        let plain = make_draft(number, visibility, Some(number != 0), None, 'A');
        room.ok(ada, Command::CreatePoll { poll: id(number + 1), draft: plain });
    }
    room.ok(id(3), Command::Ask { question: id(1), body: "Why?".to_owned(), anonymous: false });
    room.ok(id(4), Command::Ask { question: id(2), body: "How?".to_owned(), anonymous: true });
    room.ok(ada, Command::Approve { question: id(1) });
    room
}

fn make_draft(
    number: u128,
    visibility: Visibility,
    allow_change: Option<bool>,
    seconds: Option<u32>,
    letter: char,
) -> PollDraft {
    let kind = KINDS[usize::try_from(number).unwrap() % 5];
    let options = (1..=3).map(|option| PollOption { id: id(option), label: format!("{letter}{option}") }).collect();
    PollDraft {
        question: format!("{letter}?"),
        kind,
        options: if kind.is_text() { vec![] } else { options },
        min_choices: None,
        max_choices: None,
        low_label: None,
        high_label: None,
        visibility: Some(visibility),
        allow_change,
        seconds,
    }
}

fn draft() -> impl Strategy<Value = PollDraft> {
    let parts = (0..5_u128, select(&SEEN[..]), any::<Option<bool>>(), seconds(), select(vec!['A', 'B']));
    parts.prop_map(|(number, visibility, change, seconds, letter)| {
        make_draft(number, visibility, change, seconds, letter)
    })
}

fn seconds() -> impl Strategy<Value = Option<u32>> {
    option::of(select(vec![5_u32, 30, 3]))
}

fn person() -> impl Strategy<Value = ParticipantId> {
    (1..=9_u128).prop_map(id)
}

fn victim() -> impl Strategy<Value = ParticipantId> {
    (5..=6_u128).prop_map(id)
}

fn poll() -> impl Strategy<Value = PollId> {
    (1..=6_u128).prop_map(id)
}

fn question() -> impl Strategy<Value = QuestionId> {
    (1..=5_u128).prop_map(id)
}

/// Mostly hosts for what hosts do; but everybody tries.
fn host() -> impl Strategy<Value = Actor> {
    let person = |number: u128| Actor::Participant(id(number));
    let hosts = vec![person(1), person(1), person(1), person(2), person(2), person(3), person(5), Actor::Admin];
    select(hosts)
}

fn anyone() -> impl Strategy<Value = Actor> {
    prop_oneof![
        20 => (1..=4_u128).prop_map(|number| Actor::Participant(id(number))),
        5 => person().prop_map(Actor::Participant),
        1 => Just(Actor::Admin),
    ]
}

fn choice() -> impl Strategy<Value = Choice> {
    let words = || select(vec!["Yes", " yes", "no", "", "maybe"]).prop_map(str::to_owned);
    prop_oneof![
        (1..=4_u128).prop_map(|option| Choice::Options(vec![id(option)])),
        vec((1..=3_u128).prop_map(id), 0..3).prop_map(Choice::Options),
        words().prop_map(Choice::Text),
        vec(words(), 0..4).prop_map(Choice::Words),
    ]
}

/// Mostly answers that fit their poll.
fn ballot() -> impl Strategy<Value = (PollId, Choice)> {
    prop_oneof![
        4 => (select(vec![1, 1, 1, 3]), 1..=3_u128).prop_map(|(poll, one)| (id(poll), Choice::Options(vec![id(one)]))),
        2 => (1..=2_u128).prop_map(|one| (id(2), Choice::Options(vec![id(one + 1), id(one)]))),
        3 => select(vec!["Yes", "no"]).prop_map(|text| (id(4), Choice::Text(text.to_owned()))),
        3 => select(vec!["Yes", "yes"]).prop_map(|word| (id(5), Choice::Words(vec![word.to_owned(), "no".to_owned()]))),
        3 => (poll(), choice()),
    ]
}

fn lifecycle() -> impl Strategy<Value = Command> {
    let reason = "Rain".to_owned();
    let limit = option::of(1..6_u32);
    let configure =
        (limit, any::<Option<bool>>(), option::of(1..5_u32), option::weighted(0.3, select(vec![true, true, false])));
    prop_oneof![
        20 => Just(Command::Pause {}),
        40 => Just(Command::Resume {}),
        4 => select(vec![Command::Start {}, Command::Go {}]),
        1 => select(vec![Command::End {}, Command::Cancel { reason }]),
        8 => any::<bool>().prop_map(|locked| Command::Lock { locked }),
        16 => configure.prop_map(|(max_participants, pre_moderated, max_open, polls_enabled)| {
            let change = Configure { max_participants, polls_enabled, max_open, pre_moderated, ..Configure::default() };
            Command::Configure(change)
        }),
    ]
}

fn people() -> impl Strategy<Value = Command> {
    let roles = vec![Role::Instructor, Role::Assistant, Role::Participant, Role::Participant, Role::Observer];
    let rights = vec![Right::CanModerate, Right::CanCreatePolls, Right::CanSpeak, Right::CanUseWhiteboard];
    let names = vec!["Bo", "Cy ", ""];
    prop_oneof![
        (person(), select(names))
            .prop_map(|(participant, name)| Command::Rename { participant, name: name.to_owned() }),
        (person(), any::<bool>()).prop_map(|(participant, raised)| Command::Hand { participant, raised }),
        person().prop_map(|participant| Command::Kick { participant }),
        btree_set(person(), 0..3).prop_map(|unseen| Command::TakeOver { unseen }),
        victim().prop_map(|participant| Command::Ban { participant }),
        victim().prop_map(|participant| Command::Unban { participant }),
        (person(), select(roles)).prop_map(|(participant, role)| Command::SetRole { participant, role }),
        (person(), select(rights), any::<bool>()).prop_map(|(participant, permission, granted)| Command::Permit {
            participant,
            permission,
            granted
        }),
    ]
}

fn polls() -> impl Strategy<Value = Command> {
    prop_oneof![
        1 => (poll(), draft()).prop_map(|(poll, draft)| Command::CreatePoll { poll, draft }),
        3 => (poll(), draft()).prop_map(|(poll, draft)| Command::EditPoll { poll, draft }),
        2 => (poll(), 0..8_u32).prop_map(|(poll, position)| Command::MovePoll { poll, position }),
        8 => (poll(), seconds()).prop_map(|(poll, seconds)| Command::OpenPoll { poll, seconds }),
        4 => poll().prop_map(|poll| Command::ClosePoll { poll }),
        5 => poll().prop_map(|poll| Command::Revote { poll, round: None }),
        2 => poll().prop_map(|poll| Command::ResetPoll { poll, round: None }),
        2 => (poll(), any::<bool>()).prop_map(|(poll, revealed)| Command::RevealPoll { poll, revealed }),
        2 => (poll(), any::<bool>()).prop_map(|(poll, archived)| Command::ArchivePoll { poll, archived }),
        3 => (poll(), seconds()).prop_map(|(poll, seconds)| Command::SetTimer { poll, seconds }),
        3 => poll().prop_map(|poll| Command::ExtendTimer { poll, seconds: 10, seen: None }),
        4 => (select(vec![id(4), id(5)]), any::<bool>())
            .prop_map(|(poll, hidden)| Command::HideAnswer { poll, text: "YES".to_owned(), hidden }),
    ]
}

fn moderation() -> impl Strategy<Value = Command> {
    let texts = || option::of(Just("So.".to_owned()));
    let stages = prop_oneof![
        poll().prop_map(|poll| Stage::Poll { poll }),
        question().prop_map(|question| Stage::Question { question }),
        Just(Stage::Blank {}),
        texts().prop_map(|title| Stage::Timer { title, ends_at: noon() }),
    ];
    prop_oneof![
        question().prop_map(|question| Command::Approve { question }),
        question().prop_map(|question| Command::Dismiss { question }),
        (question(), texts()).prop_map(|(question, text)| Command::Answer { question, text }),
        question().prop_map(|question| Command::Archive { question }),
        question().prop_map(|question| Command::Restore { question }),
        (question(), any::<bool>()).prop_map(|(question, on)| Command::Star { question, on }),
        option::of(question()).prop_map(|question| Command::Highlight { question }),
        stages.prop_map(|stage| Command::Show { stage }),
    ]
}

fn audience() -> impl Strategy<Value = Command> {
    let bodies = vec!["Why?", "How?", " "];
    prop_oneof![
        14 => (ballot(), option::weighted(0.5, select(vec![1, 1, 1, 2, 2, 3])))
            .prop_map(|((poll, choice), round)| Command::Vote { poll, round, choice }),
        1 => (question(), select(bodies), any::<bool>())
            .prop_map(|(question, body, anonymous)| Command::Ask { question, body: body.to_owned(), anonymous }),
        1 => (question(), any::<bool>()).prop_map(|(question, on)| Command::Upvote { question, on }),
        1 => person().prop_map(|participant| Command::Hand { participant, raised: true }),
        1 => question().prop_map(|question| Command::Dismiss { question }),
    ]
}

/// What the tables may say.
fn documents() -> impl Strategy<Value = SessionDocuments> {
    let may = || select(vec![ParticipantsMay::Nothing, ParticipantsMay::Read, ParticipantsMay::Edit]);
    let notes = option::of(may()).prop_map(|participants_may| {
        participants_may.map(|participants_may| SessionNotes { document: "live_notes:1".to_owned(), participants_may })
    });
    let board = (option::of(may()), any::<bool>()).prop_map(|(participants_may, is_locked)| {
        participants_may.map(|participants_may| SessionBoard {
            document: "live_whiteboard:1".to_owned(),
            title: "Plan".to_owned(),
            is_locked,
            participants_may,
        })
    });
    (notes, board).prop_map(|(notes, whiteboard)| SessionDocuments { notes, whiteboard })
}

fn system() -> impl Strategy<Value = SystemCommand> {
    let roles = vec![Role::Participant, Role::Participant, Role::Observer, Role::Assistant];
    let join = (1..=9_u128, select(roles), option::of(Just("Di".to_owned())));
    prop_oneof![
        6 => join.prop_map(|(number, role, name)| {
            SystemCommand::Join(Join { fresh: id(number), user: id(number), name, role })
        }),
        2 => vec(person(), 0..3).prop_map(SystemCommand::Leave),
        1 => (1..=20_u128, vec(person(), 0..3))
            .prop_map(|(node, people)| SystemCommand::NodeLost { node: id(node), people }),
        1 => Just(SystemCommand::CloseDue),
        1 => Just(SystemCommand::Expire),
        2 => documents().prop_map(SystemCommand::Documents),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (host(), lifecycle()).prop_map(|(actor, command)| Step::Do(actor, command)),
        3 => (host(), people()).prop_map(|(actor, command)| Step::Do(actor, command)),
        8 => (host(), polls()).prop_map(|(actor, command)| Step::Do(actor, command)),
        5 => (host(), moderation()).prop_map(|(actor, command)| Step::Do(actor, command)),
        12 => (anyone(), audience()).prop_map(|(actor, command)| Step::Do(actor, command)),
        5 => system().prop_map(Step::System),
        2 => select(vec![1, 7, 60, 1800]).prop_map(Step::Wait),
    ]
}

/// A history of up to 160 steps.
pub fn history() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 10..160)
}
