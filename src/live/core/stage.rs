//! The stage: what the big screen shows.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{PollId, QuestionId};

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
