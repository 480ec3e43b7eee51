//! Polls: one ballot per person and round.
use super::{
    super::{Choice, Decision, Event, PollId, Session, actor::Who, lifecycle::running_for},
    check,
    decide::switched_on,
};
use crate::kernel::{Code, Moment};

/// Sets a ballot. The ballot that is already recorded for that round is "already so" whatever has happened since: the
/// voter did not see the answer and asks again.
pub(in super::super) fn vote(
    state: &Session,
    who: &Who<'_>,
    id: PollId,
    round: Option<u32>,
    choice: &Choice,
    now: Moment,
) -> Decision {
    let participant = who.voice()?;
    let poll = state.polls.get(&id).ok_or(Code::PollUnknown)?;
    let round = round.unwrap_or(poll.round);
    let checked = check::choice(&poll.draft, choice);
    let held = poll.ballots_of(round).and_then(|ballots| ballots.get(&participant));
    if let (Some(held), Ok(choice)) = (held, &checked)
        && held.choice == *choice
    {
        return Ok(vec![]);
    }
    switched_on(state)?;
    running_for(state, who)?;
    if round != poll.round {
        return Err(if round < poll.round { Code::PollRoundOver } else { Code::Invalid }.into());
    }
    poll.takes_votes(now)?;
    if held.is_some() && !poll.draft.allow_change() {
        return Err(Code::AlreadyVoted.into());
    }
    Ok(vec![Event::Voted { poll: id, round, participant, choice: checked? }])
}
