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
    source: Source,
}

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<AtomicI64>),
    #[cfg(test)]
    Simulated(Arc<Simulated>),
}

/// One node's clock in the simulation: goes with tokio's time, wrong by some skew, and counts its ids.
#[cfg(test)]
#[derive(Debug)]
struct Simulated {
    node: u64,
    start: i64,
    begun: tokio::time::Instant,
    skew: AtomicI64,
    ids: std::sync::atomic::AtomicU64,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self { source: Source::System }
    }
    /// A clock that stands still at `start` until [`Clock::advance`] moves it.
    pub fn manual(start: Moment) -> Self {
        Self { source: Source::Manual(Arc::new(AtomicI64::new(start.timestamp_micros()))) }
    }
    /// A clock that goes with tokio's time, from `start` at `begun`. Two with the same number make the same ids.
    #[cfg(test)]
    pub fn simulated(node: u64, start: Moment, begun: tokio::time::Instant) -> Self {
        let (start, skew, ids) = (start.timestamp_micros(), AtomicI64::new(0), 0.into());
        Self { source: Source::Simulated(Arc::new(Simulated { node, start, begun, skew, ids })) }
    }
    /// Now, in whole microseconds: what PostgreSQL can hold, so that a time read back equals the time written.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn now(&self) -> Moment {
        let micros = match &self.source {
            Source::System => Utc::now().timestamp_micros(),
            Source::Manual(manual) => manual.load(Ordering::SeqCst),
            #[cfg(test)]
            Source::Simulated(own) => {
                let passed = i64::try_from(own.begun.elapsed().as_micros()).unwrap_or(i64::MAX);
                own.start + passed + own.skew.load(Ordering::SeqCst)
            }
        };
        DateTime::from_timestamp_micros(micros).unwrap_or_default()
    }
    /// Moves a manual clock forward; does nothing to the system clock.
    pub fn advance(&self, by: TimeDelta) {
        let by = by.num_microseconds().unwrap_or(0);
        match &self.source {
            Source::System => {}
            Source::Manual(manual) => {
                manual.fetch_add(by, Ordering::SeqCst);
            }
            #[cfg(test)]
            Source::Simulated(own) => {
                own.skew.fetch_add(by, Ordering::SeqCst);
            }
        }
    }
    /// A fresh time-ordered id (UUID version 7).
    #[expect(clippy::disallowed_methods, reason = "this is the one place that makes ids")]
    pub fn id<T: ?Sized>(&self) -> Id<T> {
        #[cfg(test)]
        if let Source::Simulated(own) = &self.source {
            return Id::new(Uuid::from_u64_pair(own.node, own.ids.fetch_add(1, Ordering::SeqCst)));
        }
        Id::new(Uuid::now_v7())
    }
}
