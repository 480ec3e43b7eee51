//! The people of a session: roles, permissions, limit, kick, ban, rename, hands (domain 6.7).
use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use super::ParticipantId;
use crate::kernel::{Id, Moment, caller};

/// The part somebody plays in one session; not a role of the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS, JsonSchema, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Role.ts")]
pub enum Role {
    /// Leads; may do everything.
    Instructor,
    /// Helps; may do everything but end roles of instructors.
    Assistant,
    /// Votes and asks. The only role that counts towards the limit.
    Participant,
    /// Only watches.
    Observer,
}

impl Role {
    /// The stored word.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Instructor => "instructor",
            Self::Assistant => "assistant",
            Self::Participant => "participant",
            Self::Observer => "observer",
        }
    }
    /// Instructor or assistant.
    pub const fn is_host(self) -> bool {
        matches!(self, Self::Instructor | Self::Assistant)
    }
}

/// The five permissions of domain 4.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[ts(export_to = "Right.ts")]
#[expect(clippy::enum_variant_names, reason = "the stated names of the permissions")]
pub enum Right {
    /// May speak.
    CanSpeak,
    /// May share a screen.
    CanShareScreen,
    /// May draw.
    CanUseWhiteboard,
    /// May prepare, open and close polls.
    CanCreatePolls,
    /// May moderate people and questions, drive the stage, pause.
    CanModerate,
}

impl Right {
    /// The stored word.
    pub const fn key(self) -> &'static str {
        match self {
            Self::CanSpeak => "can_speak",
            Self::CanShareScreen => "can_share_screen",
            Self::CanUseWhiteboard => "can_use_whiteboard",
            Self::CanCreatePolls => "can_create_polls",
            Self::CanModerate => "can_moderate",
        }
    }
}

/// One person in one session, however often the connection changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Participant {
    /// Who this is outside the session.
    pub user: Id<caller::User>,
    /// What others see; absent: did not give a name.
    pub name: Option<String>,
    /// A number in order of arrival, from 1; shown for people without a name ("Guest 12").
    pub number: u32,
    /// The part played.
    pub role: Role,
    /// Permissions held.
    pub rights: BTreeSet<Right>,
    /// First join.
    pub joined_at: Moment,
    /// Set while away for longer than the grace.
    pub left_at: Option<Moment>,
    /// Set while the hand is up.
    pub hand_raised_at: Option<Moment>,
    /// Put out; with `banned` for good.
    pub removed_at: Option<Moment>,
    /// May not come back.
    pub banned: bool,
}

/// A join that has been checked outside the core.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// A fresh id, used when this user has no participant here yet.
    pub fresh: ParticipantId,
    /// Who.
    pub user: Id<caller::User>,
    /// The name given, already known to be wanted; cleaned by the core.
    pub name: Option<String>,
    /// The role for a first join. Coming back keeps the role held, except that a higher role asked for by somebody
    /// entitled to it (checked outside) is taken.
    pub role: Role,
}
