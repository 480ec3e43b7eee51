//! A timer that stands still while the session is paused.
use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::kernel::Moment;

/// A timer that stops while the session is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Timer.ts")]
pub enum Timer {
    /// Runs out at this server time.
    EndsAt(Moment),
    /// Stands still with so many milliseconds left.
    Remaining(i64),
}

impl Timer {
    /// Has it run out? A frozen timer never has.
    pub fn is_over(self, now: Moment) -> bool {
        matches!(self, Self::EndsAt(end) if end <= now)
    }
    /// Stands still from `at` on.
    #[must_use]
    pub fn frozen(self, at: Moment) -> Self {
        match self {
            Self::EndsAt(end) => Self::Remaining(end.signed_duration_since(at).num_milliseconds().max(0)),
            Self::Remaining(left) => Self::Remaining(left),
        }
    }
    /// Runs on from `at`.
    #[must_use]
    pub fn running(self, at: Moment) -> Self {
        match self {
            Self::EndsAt(end) => Self::EndsAt(end),
            Self::Remaining(left) => Self::EndsAt(later(at, TimeDelta::try_milliseconds(left).unwrap_or_default())),
        }
    }
    /// So many seconds more.
    #[must_use]
    pub fn plus(self, seconds: u32) -> Self {
        match self {
            Self::EndsAt(end) => Self::EndsAt(later(end, TimeDelta::seconds(i64::from(seconds)))),
            Self::Remaining(left) => Self::Remaining(left.saturating_add(i64::from(seconds) * 1000)),
        }
    }
}

/// `at` plus `by`; the end of time when there is no such moment.
pub(super) fn later(at: Moment, by: TimeDelta) -> Moment {
    at.checked_add_signed(by).unwrap_or(Moment::MAX_UTC)
}
