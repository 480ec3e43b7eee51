//! Lifecycle (domain 6.6): scheduled → starting → active ⇄ paused → ended | cancelled, and the session's settings.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::kernel::Moment;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(export_to = "Status.ts")]
pub enum Status {
    /// Planned; people see a waiting page.
    Scheduled,
    /// The lobby is open; features are still closed.
    Starting,
    /// Running.
    Active,
    /// Standing still; timers stop.
    Paused,
    /// Over; final.
    Ended,
    /// Called off; final.
    Cancelled,
}

impl Status {
    /// The stored word.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Starting => "starting",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
        }
    }
    /// Ended or cancelled.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Ended | Self::Cancelled)
    }
}

/// What a session is called and how it behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Settings.ts")]
pub struct Settings {
    /// 1 to 200 characters.
    pub title: String,
    /// Up to 4,000 characters.
    pub description: Option<String>,
    /// Planned start.
    pub scheduled_start: Moment,
    /// Planned end, after the start.
    pub scheduled_end: Moment,
    /// How many connected people with the role participant at most, 1 to 100,000.
    pub max_participants: u32,
    /// Ask for a name when joining.
    pub needs_name: bool,
    /// The poll feature.
    pub polls: PollSettings,
    /// The Q&A feature.
    pub qa: QaSettings,
}

/// Configuration of polls (domain 10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "PollSettings.ts")]
pub struct PollSettings {
    /// Off: poll commands are refused with `feature_disabled`.
    pub enabled: bool,
    /// How many polls may be open at once, 1 to 10.
    pub max_open: u32,
}

/// Configuration of Q&A (domain 10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "QaSettings.ts")]
pub struct QaSettings {
    /// Off: question commands are refused with `feature_disabled`.
    pub enabled: bool,
    /// Questions wait for a moderator before others see them.
    pub pre_moderated: bool,
    /// Questions may be asked without a name.
    pub anonymous_allowed: bool,
    /// Questions may be supported.
    pub upvotes: bool,
}

/// A change of settings while the session lives; absent fields stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[ts(export_to = "Configure.ts", optional_fields)]
#[expect(missing_docs, reason = "the fields are those of Settings")]
pub struct Configure {
    pub title: Option<String>,
    pub max_participants: Option<u32>,
    pub needs_name: Option<bool>,
    pub polls_enabled: Option<bool>,
    pub max_open: Option<u32>,
    pub qa_enabled: Option<bool>,
    pub pre_moderated: Option<bool>,
    pub anonymous_allowed: Option<bool>,
    pub upvotes: Option<bool>,
}

/// A change of the plan before the start; absent fields stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the fields are those of Settings")]
pub struct Plan {
    pub title: Option<String>,
    pub description: Option<String>,
    pub scheduled_start: Option<chrono::DateTime<chrono::Utc>>,
    pub scheduled_end: Option<chrono::DateTime<chrono::Utc>>,
    pub max_participants: Option<u32>,
    pub needs_name: Option<bool>,
}
