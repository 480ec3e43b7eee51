//! The stage: what the big screen shows.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{
    Decision, Event, PollId, QuestionId, Session,
    actor::Who,
    roster::Right,
    wording::{optional_block, optional_line},
};
use crate::kernel::{Code, Refusal, text};

/// What the big screen shows. The code and the QR are always there; a highlighted question lies over a poll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
#[ts(export_to = "Stage.ts")]
pub enum Stage {
    /// Title, code and how many are here.
    Lobby {},
    /// A poll, with results as far as they may be seen.
    Poll {
        /// Which; open or closed.
        poll: PollId,
    },
    /// One question, large.
    Question {
        /// Which; open or answered.
        question: QuestionId,
    },
    /// The open questions, most supported first.
    Questions {},
    /// A text.
    Text {
        /// 1 to 200 characters.
        title: String,
        /// Up to 1,000 characters.
        body: Option<String>,
    },
    /// A countdown.
    Timer {
        /// What it is for, up to 200 characters.
        title: Option<String>,
        /// Server time at which it ends.
        ends_at: crate::kernel::Moment,
    },
    /// Nothing but the code.
    Blank {},
}

/// Chooses what the big screen shows. Only what everybody may see can stand there.
pub(super) fn show(state: &Session, who: &Who<'_>, wanted: &Stage) -> Decision {
    who.needs(Right::CanModerate)?;
    let wanted = checked(wanted)?;
    match &wanted {
        Stage::Poll { poll } => {
            let poll = state.polls.get(poll).ok_or(Code::PollUnknown)?;
            if !poll.is_public() {
                return Err(Code::WrongState.into());
            }
        }
        Stage::Question { question } => {
            let question = state.questions.get(question).ok_or(Code::QuestionUnknown)?;
            if !question.is_public() {
                return Err(Code::WrongState.into());
            }
        }
        _ => {}
    }
    Ok(changed(state, wanted).into_iter().collect())
}

/// The texts cleaned and within their bounds.
fn checked(wanted: &Stage) -> Result<Stage, Refusal> {
    Ok(match wanted {
        Stage::Text { title, body } => {
            Stage::Text { title: text::required(title, 200)?, body: optional_block(body.as_deref(), 1000)? }
        }
        Stage::Timer { title, ends_at } => {
            Stage::Timer { title: optional_line(title.as_deref(), 200)?, ends_at: *ends_at }
        }
        other => other.clone(),
    })
}

/// The event that brings this onto the stage, unless it stands there.
pub(super) fn changed(state: &Session, wanted: Stage) -> Option<Event> {
    (state.stage != wanted).then_some(Event::StageChanged { stage: wanted })
}

/// Takes a poll off the stage: back to the lobby.
pub(super) fn without_poll(state: &Session, poll: PollId) -> Option<Event> {
    (state.stage == Stage::Poll { poll }).then_some(Event::StageChanged { stage: Stage::Lobby {} })
}

/// Takes a question off the stage and its highlight away.
pub(super) fn without_question(state: &Session, question: QuestionId) -> Vec<Event> {
    let mut events = vec![];
    if state.highlighted == Some(question) {
        events.push(Event::Highlighted { question: None });
    }
    if state.stage == (Stage::Question { question }) {
        events.push(Event::StageChanged { stage: Stage::Lobby {} });
    }
    events
}
