//! Polls: what their events do to the state.
use std::collections::BTreeSet;

use super::{
    super::{Choice, Event, ParticipantId, PollId, Session, Timer, wording::normalised},
    Ballot, Counts, Poll, PollDraft, PollStatus, Round,
};
use crate::kernel::Moment;

/// Takes the next step of the state.
pub(in super::super) fn apply(state: &mut Session, event: &Event, at: Moment) {
    match event {
        Event::PollCreated { poll, draft, .. } => create(state, *poll, draft),
        Event::PollsOrdered { order } => reorder(state, order),
        Event::PollEdited { poll, .. }
        | Event::PollOpened { poll, .. }
        | Event::PollClosed { poll }
        | Event::RoundBegun { poll, .. }
        | Event::PollRevealed { poll, .. }
        | Event::PollArchived { poll, .. }
        | Event::TimerSet { poll, .. }
        | Event::AnswerHidden { poll, .. }
        | Event::Voted { poll, .. } => {
            if let Some(poll) = state.polls.get_mut(poll) {
                change(poll, event, at);
            }
        }
        _ => {}
    }
}

fn change(poll: &mut Poll, event: &Event, at: Moment) {
    match event {
        Event::PollEdited { draft, .. } => poll.draft = draft.clone(),
        Event::PollOpened { closes_at, .. } => {
            poll.status = PollStatus::Open;
            poll.opened_at.get_or_insert(at);
            poll.timer = closes_at.map(Timer::EndsAt);
        }
        Event::PollClosed { .. } if poll.status == PollStatus::Open => {
            poll.status = PollStatus::Closed;
            poll.closed_at = Some(at);
            poll.timer = None;
        }
        Event::RoundBegun { round, discarded, .. } => begin(poll, *round, *discarded),
        Event::PollRevealed { revealed, .. } => poll.revealed = *revealed,
        Event::PollArchived { archived: true, .. } => {
            poll.status = PollStatus::Archived;
            poll.timer = None;
        }
        Event::PollArchived { archived: false, .. } if poll.status == PollStatus::Archived => {
            poll.status = if poll.opened_at.is_some() { PollStatus::Closed } else { PollStatus::Draft };
        }
        Event::TimerSet { timer, .. } => poll.timer = *timer,
        Event::AnswerHidden { text, hidden, .. } => {
            let key = normalised(text);
            if *hidden {
                poll.hidden.insert(key);
            } else {
                poll.hidden.remove(&key);
            }
            poll.version = poll.version.saturating_add(1);
        }
        Event::Voted { round, participant, choice, .. } if *round == poll.round => {
            record(poll, *participant, choice, at);
        }
        _ => {}
    }
}

/// Sets a ballot and keeps the count right, in the size of the answer.
fn record(poll: &mut Poll, participant: ParticipantId, choice: &Choice, at: Moment) {
    if let Some(before) = poll.ballots.insert(participant, Ballot { choice: choice.clone(), at }) {
        poll.counts.remove(&before.choice);
    }
    poll.counts.add(choice);
    poll.version = poll.version.saturating_add(1);
}

/// The ballots go to the past. A new round shows its results by the poll's own rule again, revealed or not before.
fn begin(poll: &mut Poll, round: u32, discarded: bool) {
    let ballots = std::mem::take(&mut poll.ballots);
    poll.past.push(Round { round: poll.round, discarded, ballots });
    poll.round = round;
    poll.counts = Counts::default();
    poll.version = poll.version.saturating_add(1);
    poll.revealed = false;
}

fn create(state: &mut Session, id: PollId, draft: &PollDraft) {
    let position = u32::try_from(state.polls.len()).unwrap_or(u32::MAX);
    state.polls.entry(id).or_insert_with(|| Poll {
        draft: draft.clone(),
        status: PollStatus::Draft,
        position,
        revealed: false,
        round: 1,
        ballots: std::collections::BTreeMap::new(),
        past: vec![],
        version: 0,
        counts: Counts::default(),
        hidden: BTreeSet::new(),
        opened_at: None,
        closed_at: None,
        timer: None,
    });
}

/// Numbers all polls from 0 in this order; those it does not name follow as they were.
fn reorder(state: &mut Session, order: &[PollId]) {
    let named: BTreeSet<PollId> = order.iter().copied().collect();
    let mut all: Vec<PollId> = vec![];
    for id in order {
        if state.polls.contains_key(id) && !all.contains(id) {
            all.push(*id);
        }
    }
    all.extend(in_order(state).into_iter().filter(|id| !named.contains(id)));
    for (position, id) in (0..).zip(all) {
        if let Some(poll) = state.polls.get_mut(&id) {
            poll.position = position;
        }
    }
}

/// All polls by position.
pub(in super::super) fn in_order(state: &Session) -> Vec<PollId> {
    let mut ids: Vec<PollId> = state.polls.keys().copied().collect();
    ids.sort_by_key(|id| state.polls.get(id).map(|poll| poll.position));
    ids
}
