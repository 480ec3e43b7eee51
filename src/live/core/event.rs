//! What happens in a session: the words of the log.
use serde::{Deserialize, Serialize};

use super::{
    Choice, NodeId, ParticipantId, PollDraft, PollId, QuestionId, Role, Settings, Stage, Status, Timer, question,
    roster,
};
use crate::kernel::{Id, Moment, Refusal, caller};

/// What happened. Stored in `live_session_events` (`type` and `payload`), never changed afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "each event's fields are those of the command that caused it")]
pub enum Event {
    #[serde(rename = "session.created")]
    Created { settings: Settings },
    #[serde(rename = "session.status")]
    StatusChanged { status: Status, reason: Option<String> },
    #[serde(rename = "session.locked")]
    Locked { locked: bool },
    #[serde(rename = "session.configured")]
    Configured { settings: Settings },

    #[serde(rename = "participant.joined")]
    Joined { participant: ParticipantId, user: Id<caller::User>, name: Option<String>, role: Role },
    #[serde(rename = "participant.left")]
    Left { participant: ParticipantId },
    #[serde(rename = "participant.renamed")]
    Renamed { participant: ParticipantId, name: String },
    #[serde(rename = "participant.hand")]
    HandSet { participant: ParticipantId, raised: bool },
    #[serde(rename = "participant.removed")]
    Removed { participant: ParticipantId, banned: bool },
    #[serde(rename = "participant.unbanned")]
    Unbanned { participant: ParticipantId },
    #[serde(rename = "participant.role")]
    RoleSet { participant: ParticipantId, role: Role },
    #[serde(rename = "participant.permission")]
    Permitted { participant: ParticipantId, permission: roster::Right, granted: bool },
    /// These were connected to a node that was lost. Who is connected nowhere else is away from here on.
    #[serde(rename = "node.lost")]
    NodeLost { node: NodeId, people: Vec<ParticipantId> },

    #[serde(rename = "poll.created")]
    PollCreated { poll: PollId, draft: PollDraft, by: Option<ParticipantId> },
    #[serde(rename = "poll.edited")]
    PollEdited { poll: PollId, draft: PollDraft },
    #[serde(rename = "poll.ordered")]
    PollsOrdered { order: Vec<PollId> },
    #[serde(rename = "poll.opened")]
    PollOpened { poll: PollId, closes_at: Option<Moment> },
    #[serde(rename = "poll.closed")]
    PollClosed { poll: PollId },
    #[serde(rename = "poll.round")]
    RoundBegun { poll: PollId, round: u32, discarded: bool },
    #[serde(rename = "poll.revealed")]
    PollRevealed { poll: PollId, revealed: bool },
    #[serde(rename = "poll.archived")]
    PollArchived { poll: PollId, archived: bool },
    #[serde(rename = "poll.timer")]
    TimerSet { poll: PollId, timer: Option<Timer> },
    #[serde(rename = "poll.answerHidden")]
    AnswerHidden { poll: PollId, text: String, hidden: bool },
    #[serde(rename = "poll.voted")]
    Voted { poll: PollId, round: u32, participant: ParticipantId, choice: Choice },

    #[serde(rename = "question.asked")]
    Asked { question: QuestionId, participant: ParticipantId, body: String, anonymous: bool, pending: bool },
    #[serde(rename = "question.upvoted")]
    Upvoted { question: QuestionId, participant: ParticipantId, on: bool },
    #[serde(rename = "question.status")]
    QuestionMoved { question: QuestionId, status: question::QuestionStatus, by: Option<ParticipantId> },
    #[serde(rename = "question.answer")]
    AnswerGiven { question: QuestionId, text: Option<String>, by: Option<ParticipantId> },
    #[serde(rename = "question.archived")]
    QuestionArchived { question: QuestionId, archived: bool },
    #[serde(rename = "question.starred")]
    Starred { question: QuestionId, on: bool },
    #[serde(rename = "question.highlighted")]
    Highlighted { question: Option<QuestionId> },

    #[serde(rename = "stage.changed")]
    StageChanged { stage: Stage },
}

impl Event {
    /// May somebody do more or less after it, also in what else belongs to the session?
    pub const fn changes_rights(&self) -> bool {
        matches!(
            self,
            Self::StatusChanged { .. } | Self::Removed { .. } | Self::RoleSet { .. } | Self::Permitted { .. }
        )
    }
}

/// What a command comes to.
pub type Decision = Result<Vec<Event>, Refusal>;
