//! The only source of time and fresh ids. Everything else is handed a [`Moment`].
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::Id;

/// A point in time, UTC, written as RFC 3339.
pub type Moment = DateTime<Utc>;

/// A clock handle; cheap to clone. `manual` is for tests that must move time themselves.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    manual: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self { manual: None }
    }
    /// A clock that stands still at `start` until [`Clock::advance`] moves it.
    pub fn manual(start: Moment) -> Self {
        Self { manual: Some(Arc::new(AtomicI64::new(start.timestamp_micros()))) }
    }
    /// Now, in whole microseconds: what PostgreSQL can hold, so that a time read back equals the time written.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn now(&self) -> Moment {
        let micros = match &self.manual {
            Some(manual) => manual.load(Ordering::SeqCst),
            None => Utc::now().timestamp_micros(),
        };
        DateTime::from_timestamp_micros(micros).unwrap_or_default()
    }
    /// Moves a manual clock forward; does nothing to the system clock.
    pub fn advance(&self, by: TimeDelta) {
        if let Some(manual) = &self.manual {
            manual.fetch_add(by.num_microseconds().unwrap_or(0), Ordering::SeqCst);
        }
    }
    /// A fresh time-ordered id (UUID version 7).
    #[expect(clippy::disallowed_methods, reason = "this is the one place that makes ids")]
    pub fn id<T: ?Sized>(&self) -> Id<T> {
        Id::new(Uuid::now_v7())
    }
}
