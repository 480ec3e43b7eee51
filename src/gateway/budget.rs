//! How much one connection, or one participant without a connection, may send: a token bucket.
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use dashmap::DashMap;

use crate::{identity::UserId, live::room::writer::Key, runtime::Limits};

/// A bucket of commands.
#[derive(Debug)]
pub struct Budget {
    per_second: f64,
    burst: f64,
    left: f64,
    since: Instant,
    refused: u32,
}

/// What to do with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spending {
    /// Take it.
    Fine,
    /// Say `retry` after so many milliseconds.
    Wait(u32),
    /// Far too many: close the connection.
    Abuse,
}

impl Budget {
    /// A full bucket.
    pub fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        let burst = f64::from(burst.max(1));
        Self { per_second: f64::from(per_second.max(1)), burst, left: burst, since: now, refused: 0 }
    }

    /// Spends one command.
    pub fn spend(&mut self, now: Instant) -> Spending {
        self.left = (self.left + now.duration_since(self.since).as_secs_f64() * self.per_second).min(self.burst);
        self.since = now;
        if self.left >= 1.0 {
            self.left -= 1.0;
            self.refused = self.refused.saturating_sub(1);
            return Spending::Fine;
        }
        self.refused += 1;
        if f64::from(self.refused) > self.burst * 10.0 {
            return Spending::Abuse;
        }
        let wait = (1.0 - self.left) / self.per_second * 1000.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
        Spending::Wait(wait.ceil() as u32 + 50)
    }
}

/// So many buckets, and those that have been full for a while are emptied out.
const MANY: usize = 4_096;
/// After this every bucket is full again.
const QUIET: Duration = Duration::from_mins(1);

/// The buckets of those who send commands one by one. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Budgets(Arc<DashMap<(Key, UserId), Budget>>);

impl Budgets {
    /// Spends one command of a participant.
    pub fn spend(&self, whose: (Key, UserId), limits: &Limits, now: Instant) -> Spending {
        if self.0.len() >= MANY && !self.0.contains_key(&whose) {
            self.0.retain(|_, budget| now.duration_since(budget.since) < QUIET);
        }
        let fresh = || Budget::new(limits.commands_per_second, limits.commands_burst, now);
        self.0.entry(whose).or_insert_with(fresh).spend(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Id;

    #[test]
    fn a_burst_passes_then_a_steady_rate_then_abuse_ends() {
        let start = Instant::now();
        let mut budget = Budget::new(20, 40, start);
        assert!((0..40).all(|_| budget.spend(start) == Spending::Fine));
        assert!(matches!(budget.spend(start), Spending::Wait(ms) if (50..=110).contains(&ms)));
        assert_eq!(budget.spend(start + Duration::from_millis(60)), Spending::Fine);
        assert!((0..401).any(|_| budget.spend(start + Duration::from_millis(60)) == Spending::Abuse));
    }

    #[test]
    fn everybody_has_a_bucket_of_their_own_and_the_quiet_ones_are_forgotten() {
        let (budgets, limits, start) = (Budgets::default(), Limits::default(), Instant::now());
        let whose = |n: u128| {
            let id = uuid::Uuid::from_u128(n);
            (Key { organization: Id::new(id), session: Id::new(id) }, Id::new(id))
        };
        assert!((0..40).all(|_| budgets.spend(whose(1), &limits, start) == Spending::Fine));
        assert!(matches!(budgets.spend(whose(1), &limits, start), Spending::Wait(_)));
        assert_eq!(budgets.spend(whose(2), &limits, start), Spending::Fine);
        for n in 0..MANY as u128 {
            budgets.spend(whose(n), &limits, start);
        }
        budgets.spend(whose(MANY as u128), &limits, start + QUIET);
        assert_eq!(budgets.0.len(), 1);
    }
}
