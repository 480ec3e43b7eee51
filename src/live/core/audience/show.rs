//! What an audience sees of each thing, and of everything.
use std::cmp::Reverse;

use super::{
    super::{
        ParticipantId, Poll, PollId, Question, QuestionId, Role, Session, Settings,
        poll::{PollStatus, Visibility, tally},
        roster::{Participant, Right},
    },
    Audience, Author, Change, Entity, PersonView, PollView, QuestionView, SessionState, SessionView, StageView,
};

/// How many people a snapshot holds at most.
const MOST_PEOPLE: usize = 500;

/// To which audience somebody belongs.
pub fn audience_of(state: &Session, participant: ParticipantId) -> Audience {
    match state.people.get(&participant) {
        Some(person) if sees_as_host(person) => Audience::Hosts,
        Some(person) if person.role != Role::Observer => Audience::Participants,
        _ => Audience::Observers,
    }
}

fn sees_as_host(person: &Participant) -> bool {
    person.role.is_host()
        || person.rights.contains(&Right::CanModerate)
        || person.rights.contains(&Right::CanCreatePolls)
}

/// May the current result be seen? `voted`: by one viewer who has a ballot in the current round. An audience as a whole
/// has not voted; those who have are told one by one.
pub fn sees_tally(poll: &Poll, audience: Audience, voted: bool) -> bool {
    if audience == Audience::Hosts {
        return true;
    }
    if !poll.is_public() {
        return false;
    }
    let closed = poll.status == PollStatus::Closed;
    poll.revealed
        || match poll.draft.visibility() {
            Visibility::Always => true,
            Visibility::AfterVote => closed || (voted && audience == Audience::Participants),
            Visibility::AfterClose => closed,
            Visibility::Never => false,
        }
}

/// How one thing looks now to an audience; nothing when there is nothing to say about it.
pub fn view(state: &Session, audience: Audience, entity: Entity) -> Option<Change> {
    let hosts = audience == Audience::Hosts;
    match entity {
        Entity::Session => Some(Change::Session(session(state, audience))),
        Entity::Stage => Some(Change::Stage(stage(state))),
        Entity::Person(id) => state.people.get(&id).filter(|_| hosts).map(|known| Change::Person(person(id, known))),
        Entity::Poll(id) => {
            let known = state.polls.get(&id)?;
            if hosts || known.is_public() {
                return Some(Change::Poll(poll(id, known, audience)));
            }
            // What never was open was never seen, and its id says that there is something.
            known.opened_at.map(|_| Change::PollGone(id))
        }
        Entity::Question(id) => {
            let known = state.questions.get(&id)?;
            if hosts || known.is_public() {
                return Some(Change::Question(question(state, id, known, audience)));
            }
            known.was_public().then_some(Change::QuestionGone(id))
        }
    }
}

/// Everything an audience may know.
pub fn snapshot(state: &Session, audience: Audience) -> SessionState {
    let hosts = audience == Audience::Hosts;
    let visible = state.polls.iter().filter(|(_, known)| hosts || known.is_public());
    let mut polls: Vec<PollView> = visible.map(|(id, known)| poll(*id, known, audience)).collect();
    polls.sort_by_key(|poll| (poll.position, poll.id));
    let visible = state.questions.iter().filter(|(_, known)| hosts || known.is_public());
    let mut questions: Vec<QuestionView> = visible.map(|(id, known)| question(state, *id, known, audience)).collect();
    questions.sort_by_key(|question| (question.asked_at, question.id));
    let people = if hosts { people(state) } else { vec![] };
    SessionState { session: session(state, audience), stage: stage(state), polls, questions, people }
}

/// Hosts and raised hands first, then the newest.
fn people(state: &Session) -> Vec<PersonView> {
    let mut all: Vec<(&ParticipantId, &Participant)> = state.people.iter().collect();
    all.sort_by_key(|(id, known)| {
        let first = known.role.is_host() || known.hand_raised_at.is_some();
        (Reverse(first), Reverse(known.joined_at), Reverse(known.number), **id)
    });
    all.into_iter().take(MOST_PEOPLE).map(|(id, known)| person(*id, known)).collect()
}

fn session(state: &Session, audience: Audience) -> SessionView {
    SessionView {
        id: state.id,
        settings: Settings { documents: state.settings.documents.seen_by(audience), ..state.settings.clone() },
        status: state.status,
        locked: state.locked,
        started_at: state.started_at,
        ended_at: state.ended_at,
        reason: state.reason.clone(),
        paused_at: state.paused_at,
    }
}

fn stage(state: &Session) -> StageView {
    StageView { show: state.stage.clone(), highlighted: state.highlighted }
}

fn person(id: ParticipantId, known: &Participant) -> PersonView {
    PersonView {
        id,
        name: known.name.clone(),
        number: known.number,
        role: known.role,
        rights: known.rights.iter().copied().collect(),
        joined_at: known.joined_at,
        left_at: known.left_at,
        hand_raised_at: known.hand_raised_at,
        removed_at: known.removed_at,
        banned: known.banned,
    }
}

fn poll(id: PollId, known: &Poll, audience: Audience) -> PollView {
    let hosts = audience == Audience::Hosts;
    let results = sees_tally(known, audience, false);
    let (min_choices, max_choices) = known.draft.bounds();
    PollView {
        id,
        question: known.draft.question.clone(),
        kind: known.draft.kind,
        options: known.draft.options.clone(),
        min_choices,
        max_choices,
        low_label: known.draft.low_label.clone(),
        high_label: known.draft.high_label.clone(),
        visibility: known.draft.visibility(),
        revealed: known.revealed,
        allow_change: known.draft.allow_change(),
        seconds: known.draft.seconds,
        status: known.status,
        position: known.position,
        round: known.round,
        opened_at: known.opened_at,
        closed_at: known.closed_at,
        timer: known.timer,
        tally: results.then(|| tally::tally(known, hosts)),
        past: if results { tally::past(known, hosts) } else { vec![] },
    }
}

/// A question as an audience sees it. Nobody is told who asked an anonymous one.
pub(super) fn question(state: &Session, id: QuestionId, known: &Question, audience: Audience) -> QuestionView {
    let author = state.people.get(&known.author).filter(|_| !known.anonymous);
    QuestionView {
        id,
        body: known.body.clone(),
        author: author.map(|person| Author { name: person.name.clone(), number: person.number }),
        status: known.status,
        archived: known.archived,
        starred: known.starred && audience == Audience::Hosts,
        upvotes: u32::try_from(known.upvotes.len()).unwrap_or(u32::MAX),
        answer: known.answer.clone(),
        asked_at: known.asked_at,
        answered_at: known.answered_at,
    }
}
