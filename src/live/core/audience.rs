//! Who may know what: the views of a session, and which of them an event changes.
//!
//! A snapshot is every entity viewed; a change is one entity viewed again. Both use the same functions, so a client
//! that followed the changes holds exactly what a fresh snapshot would give.
mod own;
mod show;
mod touch;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{
    Choice, ParticipantId, PollId, PollOption, QuestionId, Role, SessionId, Settings, Stage, Status, Timer,
    documents::SessionBoard,
    poll::{PollKind, PollStatus, Tally, Visibility},
    question::QuestionStatus,
    roster::Right,
};
use crate::kernel::Moment;

pub use super::poll::tally::tally;
pub use own::{Progress, my_question, my_vote, progress, watcher, you};
pub use show::{audience_of, sees_tally, snapshot, view};
pub use touch::{may_move, touched, touched_own, touched_people};

/// A group of viewers who all see the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Audience {
    /// Instructor and assistants, and whoever holds `can_moderate` or `can_create_polls`.
    Hosts,
    /// Participants.
    Participants,
    /// Observers and the big screen.
    Observers,
}

/// One thing that viewers hold a copy of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Entity {
    Session,
    Stage,
    Person(ParticipantId),
    Poll(PollId),
    Question(QuestionId),
}

/// "This is how it is now." Replaces what the client held under the same id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[ts(export_to = "Change.ts")]
pub enum Change {
    /// The session itself.
    Session(SessionView),
    /// What the big screen shows.
    Stage(StageView),
    /// A person (hosts only).
    Person(PersonView),
    /// A poll.
    Poll(PollView),
    /// A poll is not visible any more.
    PollGone(PollId),
    /// A question.
    Question(QuestionView),
    /// A question is not visible any more.
    QuestionGone(QuestionId),
}

/// Everything a viewer may know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "SessionState.ts")]
pub struct SessionState {
    /// The session itself.
    pub session: SessionView,
    /// What the big screen shows.
    pub stage: StageView,
    /// Polls, by position.
    pub polls: Vec<PollView>,
    /// Questions, oldest first.
    pub questions: Vec<QuestionView>,
    /// People: hosts only, at most 500 (hosts and raised hands first, then the newest); the rest over HTTP.
    pub people: Vec<PersonView>,
}

/// The session as everybody sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "SessionView.ts")]
pub struct SessionView {
    /// Which session.
    pub id: SessionId,
    /// Title, plan, switches.
    pub settings: Settings,
    /// Where it stands.
    pub status: Status,
    /// Door closed.
    pub locked: bool,
    /// First active.
    pub started_at: Option<Moment>,
    /// Ended or cancelled.
    pub ended_at: Option<Moment>,
    /// Why it was cancelled; absent unless it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reason: Option<String>,
    /// Set while paused.
    pub paused_at: Option<Moment>,
}

/// What the big screen shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "StageView.ts")]
pub struct StageView {
    /// The main content.
    pub show: Stage,
    /// The highlighted question, if any.
    pub highlighted: Option<QuestionId>,
}

/// A poll as its audience sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "PollView.ts")]
#[expect(missing_docs, reason = "the fields are those of Poll and PollDraft")]
pub struct PollView {
    pub id: PollId,
    pub question: String,
    pub kind: PollKind,
    pub options: Vec<PollOption>,
    pub min_choices: u32,
    pub max_choices: u32,
    pub low_label: Option<String>,
    pub high_label: Option<String>,
    pub visibility: Visibility,
    pub revealed: bool,
    pub allow_change: bool,
    /// The draft's timer, for a host who opens it.
    pub seconds: Option<u32>,
    pub status: PollStatus,
    pub position: u32,
    pub round: u32,
    pub opened_at: Option<Moment>,
    pub closed_at: Option<Moment>,
    pub timer: Option<Timer>,
    /// The current round's result; null when this audience may not see it (or not before voting).
    pub tally: Option<Tally>,
    /// Earlier rounds that were not thrown away; empty when this audience may not see results.
    pub past: Vec<Tally>,
}

/// A question as its audience sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "QuestionView.ts")]
pub struct QuestionView {
    /// Which.
    pub id: QuestionId,
    /// What was asked.
    pub body: String,
    /// Who asked; null when anonymous, for everybody.
    pub author: Option<Author>,
    /// Where it stands.
    pub status: QuestionStatus,
    /// Put away.
    pub archived: bool,
    /// Marked for the speaker; always false for others than hosts.
    pub starred: bool,
    /// How many support it.
    pub upvotes: u32,
    /// The written answer.
    pub answer: Option<String>,
    /// When asked.
    pub asked_at: Moment,
    /// When answered.
    pub answered_at: Option<Moment>,
}

/// The name under a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Author.ts")]
pub struct Author {
    /// The name given; null: none was given.
    pub name: Option<String>,
    /// Number in order of arrival, for "Guest 12".
    pub number: u32,
}

/// A person as hosts see them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "PersonView.ts")]
#[expect(missing_docs, reason = "the fields are those of Participant")]
pub struct PersonView {
    pub id: ParticipantId,
    pub name: Option<String>,
    pub number: u32,
    pub role: Role,
    pub rights: Vec<Right>,
    pub joined_at: Moment,
    pub left_at: Option<Moment>,
    pub hand_raised_at: Option<Moment>,
    pub removed_at: Option<Moment>,
    pub banned: bool,
}

/// What only the viewer himself is told about himself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "You.ts")]
pub struct You {
    /// Null for the big screen and other read-only links.
    pub participant: Option<ParticipantId>,
    /// The name given.
    pub name: Option<String>,
    /// Number in order of arrival.
    pub number: u32,
    /// The part played.
    pub role: Role,
    /// Permissions held.
    pub rights: Vec<Right>,
    /// One's own hand.
    pub hand_raised_at: Option<Moment>,
    /// One's ballots in the current rounds.
    pub votes: Vec<MyVote>,
    /// Questions one supports.
    pub upvoted: Vec<QuestionId>,
    /// One's own questions, pending and dismissed ones included.
    pub questions: Vec<QuestionView>,
    /// The whiteboard, for who may use it though others do not see it; else absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub whiteboard: Option<SessionBoard>,
}

/// One's own ballot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "MyVote.ts")]
pub struct MyVote {
    /// Which poll.
    pub poll: PollId,
    /// Which round.
    pub round: u32,
    /// The answer.
    pub choice: Choice,
    /// When it was recorded.
    pub at: Moment,
}
