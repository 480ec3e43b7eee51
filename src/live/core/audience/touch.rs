//! Who must look again after an event.
use super::{
    super::{Event, ParticipantId, QuestionId, Session, Status},
    Audience, Entity,
    own::draws_by_right,
    show::audience_of,
};

/// What looks different after `event`; `state` is the state after it. Empty for votes and upvotes, whose numbers travel
/// as running results.
pub fn touched(event: &Event, state: &Session) -> Vec<Entity> {
    match event {
        Event::Created { .. } => vec![Entity::Session, Entity::Stage],
        Event::Locked { .. } | Event::Configured { .. } => vec![Entity::Session],
        Event::StatusChanged { status, .. } => status_changed(*status, state),
        Event::Joined { participant, .. } | Event::Renamed { participant, .. } => {
            let asked = state.questions.iter().filter(|(_, known)| known.author == *participant && !known.anonymous);
            let asked = asked.map(|(id, _)| Entity::Question(*id));
            std::iter::once(Entity::Person(*participant)).chain(asked).collect()
        }
        Event::Left { participant }
        | Event::HandSet { participant, .. }
        | Event::Removed { participant, .. }
        | Event::Unbanned { participant }
        | Event::RoleSet { participant, .. }
        | Event::Permitted { participant, .. } => vec![Entity::Person(*participant)],
        Event::PollsOrdered { .. } => state.polls.keys().copied().map(Entity::Poll).collect(),
        Event::PollCreated { poll, .. }
        | Event::PollEdited { poll, .. }
        | Event::PollOpened { poll, .. }
        | Event::PollClosed { poll }
        | Event::RoundBegun { poll, .. }
        | Event::PollRevealed { poll, .. }
        | Event::PollArchived { poll, .. }
        | Event::TimerSet { poll, .. }
        | Event::AnswerHidden { poll, .. } => vec![Entity::Poll(*poll)],
        Event::Voted { .. } | Event::Upvoted { .. } | Event::NodeLost { .. } => vec![],
        Event::Asked { question, .. }
        | Event::QuestionMoved { question, .. }
        | Event::AnswerGiven { question, .. }
        | Event::QuestionArchived { question, .. }
        | Event::Starred { question, .. } => vec![Entity::Question(*question)],
        Event::Highlighted { .. } | Event::StageChanged { .. } => vec![Entity::Stage],
    }
}

/// Pausing and going on change the timers of polls; the end marks everybody left.
fn status_changed(status: Status, state: &Session) -> Vec<Entity> {
    let timed = state.polls.iter().filter(|(_, poll)| poll.timer.is_some()).map(|(id, _)| Entity::Poll(*id));
    let mut entities = vec![Entity::Session];
    entities.extend(timed);
    if status.is_final() {
        entities.extend(state.people.keys().copied().map(Entity::Person));
    }
    entities
}

/// Whose name, role, rights, hand or own whiteboard changed: send them their `You`. They may belong to another audience now.
pub fn touched_people(event: &Event, state: &Session) -> Vec<ParticipantId> {
    match event {
        // The whiteboard may be there for some only.
        Event::Configured { .. } => {
            state.people.keys().copied().filter(|person| draws_by_right(state, *person)).collect()
        }
        Event::Joined { participant, .. }
        | Event::Left { participant }
        | Event::Renamed { participant, .. }
        | Event::HandSet { participant, .. }
        | Event::Removed { participant, .. }
        | Event::RoleSet { participant, .. }
        | Event::Permitted { participant, .. } => vec![*participant],
        _ => vec![],
    }
}

/// Who may belong to another audience after this event.
pub fn may_move(event: &Event) -> Option<ParticipantId> {
    match event {
        Event::Joined { participant, .. }
        | Event::RoleSet { participant, .. }
        | Event::Permitted { participant, .. } => Some(*participant),
        _ => None,
    }
}

/// Whose own question changed, and which: its author may see it even when others do not.
pub fn touched_own(event: &Event, state: &Session) -> Option<(ParticipantId, QuestionId)> {
    match event {
        Event::Asked { question, .. }
        | Event::QuestionMoved { question, .. }
        | Event::AnswerGiven { question, .. }
        | Event::QuestionArchived { question, .. } => Some((state.questions.get(question)?.author, *question)),
        // A star is for hosts, and a host may be the author.
        Event::Starred { question, .. } => {
            let author = state.questions.get(question)?.author;
            (audience_of(state, author) == Audience::Hosts).then_some((author, *question))
        }
        _ => None,
    }
}
