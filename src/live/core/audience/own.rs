//! What only one viewer is told about himself, and how many have answered.
use super::{
    super::{
        ParticipantId, PollId, QuestionId, Role, Session, documents::SessionBoard, poll::PollStatus, roster::Right,
    },
    MyVote, QuestionView, You,
    show::{audience_of, question},
};

/// What somebody is told about himself. Somebody unknown only watches.
pub fn you(state: &Session, participant: ParticipantId) -> You {
    let Some(person) = state.people.get(&participant) else { return watcher() };
    // Those that are put away, too: they may come back, and nobody is told his own support twice.
    let upvoted = state.questions.iter().filter(|(_, known)| known.upvotes.contains(&participant)).map(|(id, _)| *id);
    let mut questions: Vec<QuestionView> =
        state.questions.keys().filter_map(|id| my_question(state, participant, *id)).collect();
    questions.sort_by_key(|question| (question.asked_at, question.id));
    You {
        participant: Some(participant),
        name: person.name.clone(),
        number: person.number,
        role: person.role,
        rights: person.rights.iter().copied().collect(),
        hand_raised_at: person.hand_raised_at,
        votes: state.polls.keys().filter_map(|poll| my_vote(state, participant, *poll)).collect(),
        upvoted: upvoted.collect(),
        questions,
        whiteboard: own_whiteboard(state, participant),
    }
}

/// The whiteboard, where one sees it by a right of one's own.
fn own_whiteboard(state: &Session, participant: ParticipantId) -> Option<SessionBoard> {
    let board = state.settings.documents.whiteboard.as_ref()?;
    let audience = audience_of(state, participant);
    let common = state.settings.documents.seen_by(audience).whiteboard.is_some();
    (!common && draws_by_right(state, participant)).then(|| board.clone())
}

/// May somebody use the whiteboard, whatever participants may?
pub(super) fn draws_by_right(state: &Session, participant: ParticipantId) -> bool {
    state.people.get(&participant).is_some_and(|person| person.rights.contains(&Right::CanUseWhiteboard))
}

/// The `You` of a read-only link: nobody, who watches.
pub fn watcher() -> You {
    You {
        participant: None,
        name: None,
        number: 0,
        role: Role::Observer,
        rights: vec![],
        hand_raised_at: None,
        votes: vec![],
        upvoted: vec![],
        questions: vec![],
        whiteboard: None,
    }
}

/// Somebody's own question, whatever its status; nothing when it is somebody else's.
pub fn my_question(state: &Session, participant: ParticipantId, id: QuestionId) -> Option<QuestionView> {
    let known = state.questions.get(&id).filter(|known| known.author == participant)?;
    Some(question(state, id, known, audience_of(state, participant)))
}

/// Somebody's own ballot in the current round.
pub fn my_vote(state: &Session, participant: ParticipantId, id: PollId) -> Option<MyVote> {
    let poll = state.polls.get(&id)?;
    let ballot = poll.ballots.get(&participant)?;
    Some(MyVote { poll: id, round: poll.round, choice: ballot.choice.clone(), at: ballot.at })
}

/// How many have come and how many have answered, of the people with the role participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Ever joined and were not removed.
    pub joined: u32,
    /// Here now, by the state: away for no longer than the grace.
    pub present: u32,
    /// The open poll that was opened last, if any.
    pub poll: Option<PollId>,
    /// Of those present, how many have a ballot in it.
    pub answered: u32,
    /// Of those present, how many have none.
    pub unanswered: u32,
}

/// Counts for the integrity panel, from the state alone.
pub fn progress(state: &Session) -> Progress {
    let open = state.polls.iter().filter(|(_, poll)| poll.status == PollStatus::Open);
    let newest = open.max_by_key(|(id, poll)| (poll.opened_at, **id));
    let mut progress = Progress { joined: 0, present: 0, poll: newest.map(|(id, _)| *id), answered: 0, unanswered: 0 };
    for (id, person) in state.people.iter().filter(|(_, person)| person.role == Role::Participant) {
        if person.removed_at.is_some() {
            continue;
        }
        progress.joined += 1;
        if person.left_at.is_some() {
            continue;
        }
        progress.present += 1;
        match newest.map(|(_, poll)| poll.ballots.contains_key(id)) {
            Some(true) => progress.answered += 1,
            Some(false) => progress.unanswered += 1,
            None => {}
        }
    }
    progress
}
