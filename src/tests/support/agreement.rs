//! Does somebody's copy say what a fresh snapshot would say to the same person? And where does it not?
use atelier::live::core::{
    ParticipantId, Session,
    audience::{self, Audience, SessionState, You},
};
use serde_json::{Value, json};

use super::copy::Copy;

/// What somebody's copy must be. Nobody in particular: the big screen's.
pub fn wanted(session: &Session, participant: Option<ParticipantId>) -> (SessionState, You) {
    let Some(id) = participant else {
        return (audience::snapshot(session, Audience::Observers), audience::watcher());
    };
    let seen_by = audience::audience_of(session, id);
    let mut state = audience::snapshot(session, seen_by);
    for view in &mut state.polls {
        let poll = &session.polls[&view.id];
        let voted = poll.ballots.contains_key(&id);
        if audience::sees_tally(poll, seen_by, voted) {
            view.tally = Some(audience::tally(poll, seen_by == Audience::Hosts));
        }
    }
    (state, audience::you(session, id))
}

/// Does this copy hold exactly what it may know of a session at `seq`?
pub fn agrees(copy: &Copy, session: &Session, seq: u64) -> bool {
    let (state, you) = wanted(session, participant(copy));
    copy.seq == seq
        && copy.state.clone().map(sorted) == Some(sorted(state))
        && copy.you.clone().map(|you| current(you, session)) == Some(own(you))
}

/// Where it does not.
pub fn differences(copy: &Copy, session: &Session, seq: u64) -> Vec<String> {
    let (state, you) = wanted(session, participant(copy));
    let held_state = copy.state.clone().map(sorted);
    let held_you = copy.you.clone().map(|you| current(you, session));
    let mut faults = Vec::new();
    differ("seq", &json!(copy.seq), &json!(seq), &mut faults);
    differ("state", &json!(held_state), &json!(sorted(state)), &mut faults);
    differ("you", &json!(held_you), &json!(own(you)), &mut faults);
    faults
}

fn participant(copy: &Copy) -> Option<ParticipantId> {
    copy.you.as_ref().and_then(|you| you.participant)
}

/// In one order, without what depends on it.
fn sorted(mut state: SessionState) -> SessionState {
    state.people.sort_by_key(|person| person.id);
    state.polls.sort_by_key(|poll| poll.id);
    state.questions.sort_by_key(|question| question.id);
    state
}

/// Without the votes of rounds that are over.
fn current(mut you: You, session: &Session) -> You {
    you.votes.retain(|vote| session.polls.get(&vote.poll).is_some_and(|poll| poll.round == vote.round));
    own(you)
}

/// In one order.
fn own(mut you: You) -> You {
    you.upvoted.sort();
    you.votes.sort_by_key(|vote| vote.poll);
    you.questions.sort_by_key(|question| question.id);
    you
}

/// The places where two documents differ.
fn differ(place: &str, held: &Value, wanted: &Value, faults: &mut Vec<String>) {
    match (held, wanted) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let inner = format!("{place}/{key}");
                differ(&inner, a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null), faults);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                differ(&format!("{place}/{at}"), a, b, faults);
            }
        }
        _ if held != wanted => faults.push(format!("{place}: {held} ≠ {wanted}")),
        _ => {}
    }
}
