//! Questions and answers: upvotes, pre-moderation, answer, star, highlight, archive and undo (domain 10.2, 6.8).
use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{
    Decision, Event, ParticipantId, QuestionId, Session,
    actor::{Who, allowed},
    lifecycle::running_for,
    roster::Right,
    stage,
};
use crate::kernel::{Code, Moment, Refusal, text};

/// Where a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "QuestionStatus.ts")]
pub enum QuestionStatus {
    /// Waits for a moderator; only hosts and its author see it.
    Pending,
    /// Everybody sees it.
    Open,
    /// Answered, in writing or aloud.
    Answered,
    /// Turned down or withdrawn; only hosts and its author see it.
    Dismissed,
}

impl QuestionStatus {
    /// The stored word.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Open => "open",
            Self::Answered => "answered",
            Self::Dismissed => "dismissed",
        }
    }
}

/// A question with its supporters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Who asked.
    pub author: ParticipantId,
    /// What.
    pub body: String,
    /// The name is hidden from everybody.
    pub anonymous: bool,
    /// Where it stands.
    pub status: QuestionStatus,
    /// Where it stood before the last step; what undo returns to.
    pub before: QuestionStatus,
    /// Put away by a host.
    pub archived: bool,
    /// Marked for the speaker; only hosts see it.
    pub starred: bool,
    /// Who supports it; never its author.
    pub upvotes: BTreeSet<ParticipantId>,
    /// The written answer.
    pub answer: Option<String>,
    /// When answered.
    pub answered_at: Option<Moment>,
    /// When asked.
    pub asked_at: Moment,
}

/// How many unanswered questions one author may have.
const MOST_UNANSWERED: u32 = 5;
/// How many questions may wait for an answer at once: more than anybody can read, and a snapshot still carries them.
const MOST_WAITING: u32 = 1_000;
/// How many questions a session may hold altogether, put away ones included.
const MOST_EVER: u32 = 5_000;

impl Question {
    /// Everybody may see it.
    pub fn is_public(&self) -> bool {
        !self.archived && matches!(self.status, QuestionStatus::Open | QuestionStatus::Answered)
    }
    /// Participants may have seen it before, though they may not now.
    pub(super) fn was_public(&self) -> bool {
        match self.status {
            QuestionStatus::Pending => false,
            QuestionStatus::Open | QuestionStatus::Answered => true,
            QuestionStatus::Dismissed => self.before != QuestionStatus::Pending,
        }
    }
    fn is_unanswered(&self) -> bool {
        !self.archived && matches!(self.status, QuestionStatus::Pending | QuestionStatus::Open)
    }
}

/// Asks a question; pending when the session is pre-moderated, except from moderators.
pub(super) fn ask(state: &Session, who: &Who<'_>, id: QuestionId, body: &str, anonymous: bool) -> Decision {
    let author = who.voice()?;
    let body = text::required_block(body, 1000)?;
    if let Some(known) = state.questions.get(&id) {
        let same = known.author == author && known.body == body && known.anonymous == anonymous;
        return if same { Ok(vec![]) } else { Err(Code::Conflict.into()) };
    }
    switched_on(state)?;
    running_for(state, who)?;
    if anonymous && !state.settings.qa.anonymous_allowed {
        return Err(Code::AnonymousNotAllowed.into());
    }
    let unanswered = state.questions.values().filter(|known| known.author == author && known.is_unanswered());
    if unanswered.count() >= MOST_UNANSWERED as usize {
        return Err(Refusal::with_limit(Code::TooManyQuestions, MOST_UNANSWERED));
    }
    let waiting = state.questions.values().filter(|known| known.is_unanswered() && !known.archived).count();
    if waiting >= MOST_WAITING as usize || state.questions.len() >= MOST_EVER as usize {
        return Err(Refusal::with_limit(Code::TooManyQuestions, MOST_WAITING));
    }
    let pending = state.settings.qa.pre_moderated && !who.moderates();
    Ok(vec![Event::Asked { question: id, participant: author, body, anonymous, pending }])
}

/// Supports a question or takes the support back.
pub(super) fn upvote(state: &Session, who: &Who<'_>, id: QuestionId, on: bool) -> Decision {
    let participant = who.voice()?;
    let question = find(state, id)?;
    if question.author == participant {
        return Err(Code::OwnQuestion.into());
    }
    if question.upvotes.contains(&participant) == on && (on || question.is_public()) {
        return Ok(vec![]);
    }
    if !question.is_public() {
        return Err(Code::QuestionUnknown.into());
    }
    switched_on(state)?;
    if !state.settings.qa.upvotes {
        return Err(Code::FeatureDisabled.into());
    }
    running_for(state, who)?;
    Ok(vec![Event::Upvoted { question: id, participant, on }])
}

/// pending → open.
pub(super) fn approve(state: &Session, who: &Who<'_>, id: QuestionId) -> Decision {
    let question = moderated(state, who, id)?;
    match question.status {
        QuestionStatus::Open | QuestionStatus::Answered => Ok(vec![]),
        QuestionStatus::Pending if !question.archived => Ok(vec![moved(who, id, QuestionStatus::Open)]),
        QuestionStatus::Pending | QuestionStatus::Dismissed => Err(Code::WrongState.into()),
    }
}

/// pending or open → dismissed, by a moderator or by the author.
pub(super) fn dismiss(state: &Session, who: &Who<'_>, id: QuestionId) -> Decision {
    if !who.moderates() {
        let own = state.questions.get(&id).is_some_and(|question| who.is(question.author));
        allowed(own && who.voice().is_ok())?;
    }
    switched_on(state)?;
    let question = find(state, id)?;
    match question.status {
        QuestionStatus::Dismissed => Ok(vec![]),
        QuestionStatus::Pending | QuestionStatus::Open if !question.archived => {
            let mut events = vec![moved(who, id, QuestionStatus::Dismissed)];
            events.extend(stage::without_question(state, id));
            Ok(events)
        }
        _ => Err(Code::WrongState.into()),
    }
}

/// open → answered, or another text for the answer.
pub(super) fn answer(state: &Session, who: &Who<'_>, id: QuestionId, raw: Option<&str>) -> Decision {
    let question = moderated(state, who, id)?;
    let answer = raw.map(|raw| text::required_block(raw, 4000)).transpose()?;
    let moves = match question.status {
        QuestionStatus::Open if !question.archived => true,
        QuestionStatus::Answered => false,
        _ => return Err(Code::WrongState.into()),
    };
    let mut events = vec![];
    if answer.is_some() && answer != question.answer {
        events.push(Event::AnswerGiven { question: id, text: answer, by: who.id() });
    }
    if moves {
        events.push(moved(who, id, QuestionStatus::Answered));
    }
    Ok(events)
}

/// Puts a question away.
pub(super) fn archive(state: &Session, who: &Who<'_>, id: QuestionId) -> Decision {
    let question = moderated(state, who, id)?;
    if question.archived {
        return Ok(vec![]);
    }
    let mut events = vec![Event::QuestionArchived { question: id, archived: true }];
    events.extend(stage::without_question(state, id));
    Ok(events)
}

/// Brings a question back among the living, in one step, so that a retry does not take a second one: out of the
/// archive; answered becomes open (the answer stays); dismissed becomes what it was before.
pub(super) fn restore(state: &Session, who: &Who<'_>, id: QuestionId) -> Decision {
    let question = moderated(state, who, id)?;
    let mut events = vec![];
    if question.archived {
        events.push(Event::QuestionArchived { question: id, archived: false });
    }
    match (question.status, question.before) {
        (QuestionStatus::Pending | QuestionStatus::Open, _) => {}
        (QuestionStatus::Dismissed, QuestionStatus::Pending) => events.push(moved(who, id, QuestionStatus::Pending)),
        _ => events.push(moved(who, id, QuestionStatus::Open)),
    }
    Ok(events)
}

/// Marks for the speaker.
pub(super) fn star(state: &Session, who: &Who<'_>, id: QuestionId, on: bool) -> Decision {
    let question = moderated(state, who, id)?;
    Ok(if question.starred == on { vec![] } else { vec![Event::Starred { question: id, on }] })
}

/// Lays exactly one question over the stage, or none.
pub(super) fn highlight(state: &Session, who: &Who<'_>, question: Option<QuestionId>) -> Decision {
    who.needs(Right::CanModerate)?;
    switched_on(state)?;
    if let Some(id) = question
        && !find(state, id)?.is_public()
    {
        return Err(Code::WrongState.into());
    }
    Ok(if state.highlighted == question { vec![] } else { vec![Event::Highlighted { question }] })
}

fn moderated<'a>(state: &'a Session, who: &Who<'_>, id: QuestionId) -> Result<&'a Question, Refusal> {
    who.needs(Right::CanModerate)?;
    switched_on(state)?;
    find(state, id)
}

fn find(state: &Session, id: QuestionId) -> Result<&Question, Refusal> {
    Ok(state.questions.get(&id).ok_or(Code::QuestionUnknown)?)
}

fn switched_on(state: &Session) -> Result<(), Refusal> {
    if state.settings.qa.enabled { Ok(()) } else { Err(Code::FeatureDisabled.into()) }
}

fn moved(who: &Who<'_>, question: QuestionId, status: QuestionStatus) -> Event {
    Event::QuestionMoved { question, status, by: who.id() }
}

/// Takes the next step of the state.
pub(super) fn apply(state: &mut Session, event: &Event, at: Moment) {
    match event {
        Event::Asked { question, participant, body, anonymous, pending } => {
            let status = if *pending { QuestionStatus::Pending } else { QuestionStatus::Open };
            state.questions.entry(*question).or_insert_with(|| Question {
                author: *participant,
                body: body.clone(),
                anonymous: *anonymous,
                status,
                before: status,
                archived: false,
                starred: false,
                upvotes: BTreeSet::new(),
                answer: None,
                answered_at: None,
                asked_at: at,
            });
        }
        Event::Upvoted { question, .. }
        | Event::QuestionMoved { question, .. }
        | Event::AnswerGiven { question, .. }
        | Event::QuestionArchived { question, .. }
        | Event::Starred { question, .. } => {
            if let Some(question) = state.questions.get_mut(question) {
                change(question, event, at);
            }
        }
        _ => {}
    }
}

fn change(question: &mut Question, event: &Event, at: Moment) {
    match event {
        Event::Upvoted { participant, on: true, .. } if *participant != question.author => {
            question.upvotes.insert(*participant);
        }
        Event::Upvoted { participant, .. } => {
            question.upvotes.remove(participant);
        }
        Event::QuestionMoved { status, .. } => {
            question.before = std::mem::replace(&mut question.status, *status);
            question.answered_at = (*status == QuestionStatus::Answered).then_some(at);
        }
        Event::AnswerGiven { text, .. } => question.answer.clone_from(text),
        Event::QuestionArchived { archived, .. } => question.archived = *archived,
        Event::Starred { on, .. } => question.starred = *on,
        _ => {}
    }
}
