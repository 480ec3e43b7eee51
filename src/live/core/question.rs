//! Questions and answers: upvotes, pre-moderation, answer, star, highlight, archive and undo (domain 10.2, 6.8).
use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::ParticipantId;
use crate::kernel::Moment;

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
