//! How fast somebody may go on: a bucket that fills evenly.
use std::time::{Duration, Instant};

/// A bucket that is full at first.
#[derive(Debug, Clone)]
pub struct Pace {
    per_second: f64,
    most: f64,
    /// Below zero: in debt.
    left: f64,
    since: Instant,
}

impl Pace {
    /// So many a second, so many at once after a pause.
    pub fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        let most = f64::from(burst.max(1));
        Self { per_second: f64::from(per_second.max(1)), most, left: most, since: now }
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since).as_secs_f64();
        self.left = (self.left + passed * self.per_second).min(self.most);
        self.since = now;
    }

    /// Takes one if there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        self.fill(now);
        let there = self.left >= 1.0;
        if there {
            self.left -= 1.0;
        }
        there
    }

    /// Takes one in any case. Answers with how long to pause before the next.
    pub fn spend(&mut self, now: Instant) -> Duration {
        self.fill(now);
        self.left -= 1.0;
        Duration::try_from_secs_f64(-self.left / self.per_second).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_then_it_goes_evenly() {
        let start = Instant::now();
        let mut pace = Pace::new(50, 200, start);
        assert!((0..200).all(|_| pace.spend(start).is_zero()));
        assert_eq!(pace.spend(start), Duration::from_millis(20));
        assert_eq!(pace.spend(start), Duration::from_millis(40));
        assert!(pace.spend(start + Duration::from_secs(1)).is_zero());
        let mut pace = Pace::new(20, 2, start);
        assert_eq!([pace.take(start), pace.take(start), pace.take(start)], [true, true, false]);
        assert!(pace.take(start + Duration::from_millis(50)));
    }
}
