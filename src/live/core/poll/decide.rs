//! Polls: what hosts may do with them (domain 6.8, 10.1).
use chrono::TimeDelta;

use super::{
    super::{
        Decision, Event, PollId, Session, Stage, Status, Timer,
        actor::{Who, allowed},
        lifecycle::running,
        roster::Right,
        stage,
        timer::later,
        wording::normalised,
    },
    Counts, Poll, PollDraft, PollStatus,
    apply::in_order,
    check,
};
use crate::kernel::{Code, Moment, Refusal};

/// How many polls a session holds at most.
const MOST_POLLS: u32 = 200;

/// Prepares a poll, last in the run of show.
pub(in super::super) fn create(state: &Session, who: &Who<'_>, id: PollId, draft: &PollDraft) -> Decision {
    who.needs(Right::CanCreatePolls)?;
    switched_on(state)?;
    let draft = check::draft(draft)?;
    if let Some(known) = state.polls.get(&id) {
        return if known.draft == draft { Ok(vec![]) } else { Err(Code::Conflict.into()) };
    }
    if state.polls.len() >= MOST_POLLS as usize {
        return Err(Refusal::with_limit(Code::TooManyPolls, MOST_POLLS));
    }
    Ok(vec![Event::PollCreated { poll: id, draft, by: who.id() }])
}

/// Changes a poll; kind and options only while nobody has voted, in any round.
pub(in super::super) fn edit(state: &Session, who: &Who<'_>, id: PollId, draft: &PollDraft) -> Decision {
    let poll = prepared(state, who, id)?;
    let draft = check::draft(draft)?;
    if poll.draft == draft {
        return Ok(vec![]);
    }
    if poll.status == PollStatus::Archived {
        return Err(Code::WrongState.into());
    }
    if poll.has_votes() && (poll.draft.kind != draft.kind || poll.draft.options != draft.options) {
        return Err(Code::PollLocked.into());
    }
    Ok(vec![Event::PollEdited { poll: id, draft }])
}

/// Moves a poll in the run of show.
pub(in super::super) fn move_to(state: &Session, who: &Who<'_>, id: PollId, position: u32) -> Decision {
    prepared(state, who, id)?;
    let before = in_order(state);
    let mut order: Vec<PollId> = before.iter().copied().filter(|other| *other != id).collect();
    order.insert(order.len().min(position as usize), id);
    Ok(if order == before { vec![] } else { vec![Event::PollsOrdered { order }] })
}

/// Opens a poll and puts it on the stage. One that is open stays as it is, its timer too.
pub(in super::super) fn open(
    state: &Session,
    who: &Who<'_>,
    id: PollId,
    seconds: Option<u32>,
    now: Moment,
) -> Decision {
    let poll = prepared(state, who, id)?;
    let seconds = seconds.map(|value| check::seconds(value, check::LONGEST)).transpose()?;
    match poll.status {
        PollStatus::Open if !poll.is_due(now) => Ok(vec![]),
        PollStatus::Archived => Err(Code::WrongState.into()),
        PollStatus::Draft | PollStatus::Open | PollStatus::Closed => {
            opened(state, id, seconds.or(poll.draft.seconds), now)
        }
    }
}

/// The events that open a poll that is not open: those whose time is over close first.
fn opened(state: &Session, id: PollId, seconds: Option<u32>, now: Moment) -> Decision {
    running(state)?;
    let most = state.settings.polls.max_open;
    let open = state.polls.values().filter(|poll| poll.status == PollStatus::Open && !poll.is_due(now));
    if open.count() >= most as usize {
        return Err(Refusal::with_limit(Code::TooManyOpenPolls, most));
    }
    let mut events = close_due(state, now);
    events.push(Event::PollOpened { poll: id, closes_at: seconds.map(|seconds| from_now(now, seconds)) });
    events.extend(stage::changed(state, Stage::Poll { poll: id }));
    Ok(events)
}

/// Closes a poll.
pub(in super::super) fn close(state: &Session, who: &Who<'_>, id: PollId) -> Decision {
    match prepared(state, who, id)?.status {
        PollStatus::Open => Ok(vec![Event::PollClosed { poll: id }]),
        PollStatus::Closed => Ok(vec![]),
        PollStatus::Draft => Err(Code::PollNotOpen.into()),
        PollStatus::Archived => Err(Code::WrongState.into()),
    }
}

/// Begins another round and opens the poll. When the current round is newer than 1 and nobody has voted in it yet, it
/// is that other round: a retry does not make two. (A retry that arrives after the first vote of the new round does.)
pub(in super::super) fn revote(state: &Session, who: &Who<'_>, id: PollId, seen: Option<u32>, now: Moment) -> Decision {
    let poll = prepared(state, who, id)?;
    if seen.is_some_and(|seen| seen < poll.round) {
        return Ok(vec![]);
    }
    let is_open = match poll.status {
        PollStatus::Open => !poll.is_due(now),
        PollStatus::Closed => false,
        PollStatus::Draft => return Err(Code::PollNotOpen.into()),
        PollStatus::Archived => return Err(Code::WrongState.into()),
    };
    let begun = poll.round > 1 && poll.ballots.is_empty();
    if begun && is_open {
        return Ok(vec![]);
    }
    running(state)?;
    let mut events = vec![];
    if !begun {
        events.push(Event::RoundBegun { poll: id, round: poll.round.saturating_add(1), discarded: false });
    }
    if !is_open {
        events.extend(opened(state, id, poll.draft.seconds, now)?);
        return Ok(events);
    }
    let timer = poll.draft.seconds.map(|seconds| Timer::EndsAt(from_now(now, seconds)));
    if timer != poll.timer {
        events.push(Event::TimerSet { poll: id, timer });
    }
    events.extend(stage::changed(state, Stage::Poll { poll: id }));
    Ok(events)
}

/// Throws the current round's votes away and begins a new round; an open poll stays open, a closed one closed. When
/// nobody has voted in the current round there is nothing to throw away, so a retry does not make two rounds.
pub(in super::super) fn reset(state: &Session, who: &Who<'_>, id: PollId, seen: Option<u32>) -> Decision {
    let poll = prepared(state, who, id)?;
    if poll.ballots.is_empty() || seen.is_some_and(|seen| seen < poll.round) {
        return Ok(vec![]);
    }
    if poll.status == PollStatus::Archived {
        return Err(Code::WrongState.into());
    }
    Ok(vec![Event::RoundBegun { poll: id, round: poll.round.saturating_add(1), discarded: true }])
}

/// Shows or hides the results.
pub(in super::super) fn reveal(state: &Session, who: &Who<'_>, id: PollId, revealed: bool) -> Decision {
    let poll = prepared(state, who, id)?;
    Ok(if poll.revealed == revealed { vec![] } else { vec![Event::PollRevealed { poll: id, revealed }] })
}

/// Puts a poll away, or brings it back: as a draft when it was never open, else closed.
pub(in super::super) fn archive(state: &Session, who: &Who<'_>, id: PollId, archived: bool) -> Decision {
    let poll = prepared(state, who, id)?;
    if (poll.status == PollStatus::Archived) == archived {
        return Ok(vec![]);
    }
    if poll.status == PollStatus::Open {
        return Err(Code::WrongState.into());
    }
    let mut events = vec![Event::PollArchived { poll: id, archived }];
    events.extend(stage::without_poll(state, id));
    Ok(events)
}

/// Sets the timer of an open poll from now, or takes it off. In a pause it stands still.
pub(in super::super) fn set_timer(
    state: &Session,
    who: &Who<'_>,
    id: PollId,
    seconds: Option<u32>,
    now: Moment,
) -> Decision {
    let poll = prepared(state, who, id)?;
    poll.takes_votes(now)?;
    let timer = match seconds.map(|value| check::seconds(value, check::LONGEST)).transpose()? {
        Some(seconds) if state.status == Status::Paused => Some(Timer::Remaining(i64::from(seconds) * 1000)),
        Some(seconds) => Some(Timer::EndsAt(from_now(now, seconds))),
        None => None,
    };
    Ok(if poll.timer == timer { vec![] } else { vec![Event::TimerSet { poll: id, timer }] })
}

/// Gives more time. The one command that adds: sent twice, it counts twice.
pub(in super::super) fn extend_timer(
    state: &Session,
    who: &Who<'_>,
    id: PollId,
    (seconds, seen): (u32, Option<Timer>),
    now: Moment,
) -> Decision {
    let poll = prepared(state, who, id)?;
    if seen.is_some() && seen != poll.timer {
        return Ok(vec![]);
    }
    poll.takes_votes(now)?;
    let seconds = check::seconds(seconds, 3600)?;
    let timer = poll.timer.ok_or(Code::WrongState)?;
    Ok(vec![Event::TimerSet { poll: id, timer: Some(timer.plus(seconds)) }])
}

/// Hides a text from everybody but hosts, or shows it again.
pub(in super::super) fn hide_answer(state: &Session, who: &Who<'_>, id: PollId, text: &str, hidden: bool) -> Decision {
    allowed(who.moderates() || who.may(Right::CanCreatePolls))?;
    switched_on(state)?;
    let poll = find(state, id)?;
    if !poll.draft.kind.is_text() {
        return Err(Code::ChoiceWrongKind.into());
    }
    let text = normalised(text);
    if poll.hidden.contains(&text) == hidden {
        return Ok(vec![]);
    }
    let known = poll.counts.texts.contains_key(&text)
        || poll.past.iter().any(|round| Counts::of(&round.ballots).texts.contains_key(&text));
    if hidden && !known {
        return Err(Code::OptionUnknown.into());
    }
    Ok(vec![Event::AnswerHidden { poll: id, text, hidden }])
}

/// Closes the polls whose time is over.
pub(in super::super) fn close_due(state: &Session, now: Moment) -> Vec<Event> {
    let due = state.polls.iter().filter(|(_, poll)| poll.is_due(now));
    due.map(|(id, _)| Event::PollClosed { poll: *id }).collect()
}

/// Closes all open polls.
pub(in super::super) fn close_all(state: &Session) -> Vec<Event> {
    let open = state.polls.iter().filter(|(_, poll)| poll.status == PollStatus::Open);
    open.map(|(id, _)| Event::PollClosed { poll: *id }).collect()
}

/// When the next poll closes by itself.
pub(in super::super) fn next_due(state: &Session) -> Option<Moment> {
    let ends =
        state.polls.values().filter(|poll| poll.status == PollStatus::Open).filter_map(|poll| match poll.timer {
            Some(Timer::EndsAt(end)) => Some(end),
            Some(Timer::Remaining(_)) | None => None,
        });
    ends.min()
}

/// `feature_disabled` when the session has no polls.
pub(super) fn switched_on(state: &Session) -> Result<(), Refusal> {
    if state.settings.polls.enabled { Ok(()) } else { Err(Code::FeatureDisabled.into()) }
}

fn prepared<'a>(state: &'a Session, who: &Who<'_>, id: PollId) -> Result<&'a Poll, Refusal> {
    who.needs(Right::CanCreatePolls)?;
    switched_on(state)?;
    find(state, id)
}

fn find(state: &Session, id: PollId) -> Result<&Poll, Refusal> {
    Ok(state.polls.get(&id).ok_or(Code::PollUnknown)?)
}

fn from_now(now: Moment, seconds: u32) -> Moment {
    later(now, TimeDelta::seconds(i64::from(seconds)))
}
