//! Who is calling, and what the matrix of roles lets them do (domain 4.6).
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use super::Id;

/// Marker of a user's id.
pub struct User;
/// Marker of an organization's (tenant's) id.
pub struct Organization;

/// A right inside an organization. Written as `area.verb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
pub enum Permission {
    /// Create live sessions.
    #[serde(rename = "live.create")]
    LiveCreate,
    /// Run live sessions: start, pause, end, moderate.
    #[serde(rename = "live.host")]
    LiveHost,
    /// Join live sessions.
    #[serde(rename = "live.join")]
    LiveJoin,
    /// Manage the organization.
    #[serde(rename = "org.manage")]
    OrgManage,
    /// See plans of trainings.
    #[serde(rename = "builder.read")]
    BuilderRead,
    /// Make plans of trainings and write in them.
    #[serde(rename = "builder.edit")]
    BuilderEdit,
    /// Publish plans, take them back, throw them away.
    #[serde(rename = "builder.publish")]
    BuilderPublish,
    /// Coach: one's own clients and summaries.
    #[serde(rename = "coaching.own")]
    CoachingOwn,
    /// See and change the summaries of all coaches.
    #[serde(rename = "coaching.all")]
    CoachingAll,
}

impl Permission {
    /// The stored key, as in `roles.permissions`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::LiveCreate => "live.create",
            Self::LiveHost => "live.host",
            Self::LiveJoin => "live.join",
            Self::OrgManage => "org.manage",
            Self::BuilderRead => "builder.read",
            Self::BuilderEdit => "builder.edit",
            Self::BuilderPublish => "builder.publish",
            Self::CoachingOwn => "coaching.own",
            Self::CoachingAll => "coaching.all",
        }
    }
}

/// An authenticated user, bound to one organization.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The person, or the machine account.
    pub user: Id<User>,
    /// The tenant the token is bound to; never taken from a message.
    pub organization: Id<Organization>,
    /// The permission keys of all roles held.
    pub permissions: Vec<String>,
}

impl Caller {
    /// Does any role of the caller give this right?
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.iter().any(|held| held == permission.key())
    }
}
