//! What people do: every kind of command, mostly ones that make sense.
use std::collections::BTreeSet;

use super::{
    chance::Chance,
    ids,
    plan::{Deed, Person},
};
use crate::live::{
    core::{
        Choice, Command, PollDraft, PollId, PollOption, QuestionId, Role, Stage,
        lifecycle::Configure,
        poll::{PollKind, Visibility},
        roster::Right,
    },
    store::memory::INDIGESTIBLE,
};

/// Polls that each session begins with; a few more may be made.
pub const POLLS: usize = 4;
/// Questions that one person may ask.
const QUESTIONS: usize = 3;

/// What all of them do until the end, and a last word each afterwards, when everything works again.
pub fn all(chance: &mut Chance, people: &[Person], length: u64) -> Vec<Deed> {
    let count = chance.within(10, 50);
    let mut deeds = Vec::new();
    let most = chance.pick(&[0, 0, 20, 60]);
    // In half of the runs everybody acts at a few moments, as people do who are asked something.
    let moments: Vec<u64> = (0..chance.pick(&[0, 0, 3, 6])).map(|_| chance.within(100, length)).collect();
    // In some, one speaks and the others only listen.
    let speaker = chance.strikes(150).then(|| chance.place(people.len()));
    for _ in 0..count {
        let person = speaker.unwrap_or_else(|| chance.place(people.len()));
        let Some(role) = people[person].role else { continue };
        let at = match moments.len() {
            0 => chance.within(100, length),
            count => moments[chance.place(count)] + chance.below(60),
        };
        // Now and then somebody tries what others may do.
        let as_host = role.is_host() != chance.strikes(40);
        let command = if as_host { hosts(chance, people, person, most) } else { participants(chance, people, person) };
        deeds.push(Deed { at, person, command });
        // Impatient people, and bursts.
        if chance.strikes(100) {
            let again = participants(chance, people, person);
            deeds.push(Deed { at: at + chance.below(3), person, command: again });
        }
    }
    // Not always: a last word would also repair what nobody would have noticed.
    let last_word = speaker.is_none() && chance.strikes(400);
    for (person, known) in people.iter().enumerate().filter(|(_, known)| last_word && known.role.is_some()) {
        let at = length + 1_000 + chance.below(50);
        let command = if chance.strikes(500) {
            vote(chance, known.session)
        } else {
            Command::Hand { participant: ids::participant(person), raised: chance.strikes(500) }
        };
        deeds.push(Deed { at, person, command });
    }
    deeds.sort_by_key(|deed| deed.at);
    deeds
}

/// The draft of the poll with this number, in one of two wordings.
pub fn draft(number: usize, other: bool) -> PollDraft {
    let kinds = [PollKind::Single, PollKind::Multiple, PollKind::OpenText, PollKind::WordCloud, PollKind::Rating];
    let seen = [Visibility::Always, Visibility::AfterVote, Visibility::AfterClose, Visibility::Never];
    let kind = kinds[number % kinds.len()];
    let options = (0..3).map(|at| PollOption { id: ids::option(number, at), label: format!("{at}") }).collect();
    PollDraft {
        question: if other { "Other?".to_owned() } else { format!("Poll {number}?") },
        kind,
        options: if kind.is_text() { vec![] } else { options },
        min_choices: None,
        max_choices: None,
        low_label: None,
        high_label: None,
        visibility: Some(seen[(number + usize::from(other)) % seen.len()]),
        allow_change: Some(number != 3),
        seconds: None,
    }
}

fn poll(chance: &mut Chance, session: usize) -> (usize, PollId) {
    let number = chance.place(POLLS + 1);
    (number, ids::poll(session, number))
}

fn question(chance: &mut Chance, people: &[Person], session: usize) -> QuestionId {
    let there: Vec<usize> = (0..people.len()).filter(|person| people[*person].session == session).collect();
    ids::question(chance.pick(&there), chance.place(2))
}

fn vote(chance: &mut Chance, session: usize) -> Command {
    let (number, poll) = poll(chance, session);
    let kind = draft(number, false).kind;
    let mark = chance.below(5);
    let choice = match kind {
        PollKind::OpenText => Choice::Text(format!("Word {mark}")),
        PollKind::WordCloud => Choice::Words(vec![format!("w{mark}"), "same".to_owned()]),
        PollKind::Multiple => Choice::Options(vec![ids::option(number, 0), ids::option(number, 1 + chance.place(2))]),
        PollKind::Single | PollKind::Rating => Choice::Options(vec![ids::option(number, chance.place(3))]),
    };
    // Whoever votes means the round he sees: filled in then.
    Command::Vote { poll, round: chance.strikes(700).then_some(0), choice }
}

/// A vote for one option of the first poll.
pub fn mark(session: usize, option: usize) -> Command {
    let choice = Choice::Options(vec![ids::option(0, option)]);
    Command::Vote { poll: ids::poll(session, 0), round: Some(0), choice }
}

fn participants(chance: &mut Chance, people: &[Person], person: usize) -> Command {
    let session = people[person].session;
    match chance.below(20) {
        0..=9 => vote(chance, session),
        10..=12 => {
            let number = chance.place(QUESTIONS);
            let body = match chance.below(20) {
                0 => " ".to_owned(),
                1 => format!("Why{INDIGESTIBLE}?"),
                _ => format!("Why {person} {number}?"),
            };
            Command::Ask { question: ids::question(person, number), body, anonymous: chance.strikes(300) }
        }
        13..=15 => Command::Upvote { question: question(chance, people, session), on: chance.strikes(700) },
        16 | 17 => Command::Hand { participant: ids::participant(person), raised: chance.strikes(600) },
        18 => Command::Rename { participant: ids::participant(person), name: format!("Name {}", chance.below(3)) },
        _ => Command::Dismiss { question: ids::question(person, chance.place(2)) },
    }
}

fn hosts(chance: &mut Chance, people: &[Person], person: usize, most: u64) -> Command {
    let session = people[person].session;
    match chance.below(30) {
        0..=8 => about_polls(chance, session),
        9..=13 => about_questions(chance, people, session),
        14..=18 => about_people(chance, people, session, most),
        19 => Command::Pause {},
        20 | 21 => Command::Resume {},
        22 => Command::Lock { locked: chance.strikes(300) },
        23 => {
            let max_participants = chance.pick(&[None, Some(2), Some(3), Some(50)]);
            let pre_moderated = chance.pick(&[None, Some(true), Some(false)]);
            Command::Configure(Configure { max_participants, pre_moderated, ..Configure::default() })
        }
        24 => {
            let (_, poll) = poll(chance, session);
            let question = question(chance, people, session);
            let stages = [Stage::Poll { poll }, Stage::Question { question }, Stage::Questions {}, Stage::Blank {}];
            Command::Show { stage: stages[chance.place(4)].clone() }
        }
        25 | 26 if people[person].role == Some(Role::Assistant) => Command::TakeOver { unseen: BTreeSet::new() },
        25 if chance.strikes(most) => Command::End {},
        _ => participants(chance, people, person),
    }
}

fn about_polls(chance: &mut Chance, session: usize) -> Command {
    let (number, poll) = poll(chance, session);
    let on = chance.strikes(600);
    match chance.below(20) {
        0..=6 => Command::OpenPoll { poll, seconds: chance.pick(&[None, None, None, Some(5)]) },
        7 | 8 => Command::ClosePoll { poll },
        9 | 10 => Command::Revote { poll, round: Some(0) },
        11 => Command::ResetPoll { poll, round: Some(0) },
        12 | 13 => Command::RevealPoll { poll, revealed: on },
        14 => Command::ArchivePoll { poll, archived: on },
        15 => Command::EditPoll { poll, draft: draft(number, on) },
        16 => Command::MovePoll { poll, position: u32::try_from(chance.below(4)).unwrap_or(0) },
        17 => Command::SetTimer { poll, seconds: chance.pick(&[None, Some(5), Some(30)]) },
        18 => Command::ExtendTimer { poll, seconds: 10, seen: None },
        _ if on => Command::HideAnswer { poll, text: format!("word {}", chance.below(5)), hidden: chance.strikes(700) },
        _ => Command::CreatePoll { poll, draft: draft(number, false) },
    }
}

fn about_questions(chance: &mut Chance, people: &[Person], session: usize) -> Command {
    let question = question(chance, people, session);
    let on = chance.strikes(600);
    match chance.below(8) {
        0 | 1 => Command::Approve { question },
        2 => Command::Dismiss { question },
        3 => Command::Answer { question, text: on.then(|| format!("So {}.", chance.below(3))) },
        4 => Command::Archive { question },
        5 => Command::Restore { question },
        6 => Command::Star { question, on },
        _ => Command::Highlight { question: on.then_some(question) },
    }
}

fn about_people(chance: &mut Chance, people: &[Person], session: usize, most: u64) -> Command {
    let there: Vec<usize> = (0..people.len()).filter(|person| people[*person].session == session).collect();
    let participant = ids::participant(chance.pick(&there));
    let rights = [Right::CanModerate, Right::CanCreatePolls, Right::CanSpeak];
    let roles = [Role::Instructor, Role::Assistant, Role::Participant, Role::Participant, Role::Observer];
    match chance.below(8) {
        0 | 1 => Command::SetRole { participant, role: chance.pick(&roles) },
        2..=4 => Command::Permit { participant, permission: chance.pick(&rights), granted: chance.strikes(650) },
        5 => Command::Kick { participant },
        6 if chance.strikes(most * 10) => Command::Ban { participant },
        7 => Command::Unban { participant },
        _ => Command::Hand { participant, raised: false },
    }
}
