//! How often is too often: per visitor, and for signing in also per e-mail address.
use std::{
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use dashmap::DashMap;
use governor::{
    NotUntil, Quota, RateLimiter, clock::Reference, middleware::NoOpMiddleware, nanos::Nanos,
    state::keyed::DashMapStateStore,
};

use super::{ClientAddr, UserId};
use crate::{
    http::Problem,
    kernel::{Clock, Code, Moment},
    runtime::{Rate, Rates},
};

/// All of a rate's times at once if need be, then evenly.
fn quota(rate: Rate) -> Quota {
    let count = NonZeroU32::new(rate.times).unwrap_or(NonZeroU32::MIN);
    let every = rate.per.checked_div(count.get()).unwrap_or_default().max(Duration::from_nanos(1));
    Quota::with_period(every).unwrap_or_else(|| Quota::per_second(count)).allow_burst(count)
}

/// Counts attempts. Each method either lets one through or answers `rate_limited` with the seconds to wait.
#[derive(Clone, Debug)]
pub struct Limits(Arc<Buckets>);

#[derive(Debug)]
struct Buckets {
    login: Bucket<IpAddr>,
    login_email: Bucket<String>,
    register: Bucket<IpAddr>,
    join: Bucket<IpAddr>,
    codes: Guesses,
    tokens: Guesses,
    diagnose: Bucket<IpAddr>,
    documents: Bucket<UserId>,
}

impl Limits {
    /// Fresh counters.
    pub fn new(settings: &Rates, clock: &Clock) -> Self {
        Self(Arc::new(Buckets {
            login: Bucket::new(settings.login, clock),
            login_email: Bucket::new(settings.login_email, clock),
            register: Bucket::new(settings.register, clock),
            join: Bucket::new(settings.join, clock),
            codes: Guesses::new(settings.join_unknown, clock),
            tokens: Guesses::new(settings.token_refused, clock),
            diagnose: Bucket::new(settings.diagnose, clock),
            documents: Bucket::new(settings.documents, clock),
        }))
    }
    /// One attempt to sign in.
    pub fn login(&self, from: ClientAddr, email: &str) -> Result<(), Problem> {
        self.0.login.take(&from.visitor())?;
        self.0.login_email.take(&email.to_lowercase())
    }
    /// One new account.
    pub fn register(&self, from: ClientAddr) -> Result<(), Problem> {
        self.0.register.take(&from.visitor())
    }
    /// One request of a diagnosis.
    pub fn diagnose(&self, from: ClientAddr) -> Result<(), Problem> {
        self.0.diagnose.take(&from.visitor())
    }
    /// One costly question about a document.
    pub fn documents(&self, asker: UserId) -> Result<(), Problem> {
        self.0.documents.take(&asker)
    }
    /// One attempt to join, or to look up a code.
    pub fn join(&self, from: ClientAddr) -> Result<(), Problem> {
        self.0.codes.may_ask(from)?;
        self.0.join.take(&from.visitor())
    }
    /// What to answer to a code that no session has: `code_unknown`, or `rate_limited` to whoever keeps guessing. A
    /// guesser learns nothing more for a while, not even that a code is right.
    pub fn unknown_code(&self, from: ClientAddr) -> Problem {
        self.0.codes.wrong(from).unwrap_or_else(|| Code::CodeUnknown.into())
    }
    /// One token that is to be looked up. Only those that are refused count, see [`Limits::refused_token`].
    pub fn token(&self, from: ClientAddr) -> Result<(), Problem> {
        self.0.tokens.may_ask(from)
    }
    /// A token was refused. Whoever brings many of them is not asked for a while.
    pub fn refused_token(&self, from: ClientAddr) {
        if self.0.tokens.wrong(from).is_some() {
            metrics::counter!("atelier_identity_token_guessers_total").increment(1);
        }
    }
}

/// Visitors who guess: so many wrong ones, and for a while nothing is looked up for them.
#[derive(Debug)]
struct Guesses {
    wrong: Bucket<IpAddr>,
    until: DashMap<IpAddr, Moment>,
    clock: Clock,
}

impl Guesses {
    fn new(rate: Rate, clock: &Clock) -> Self {
        Self { wrong: Bucket::new(rate, clock), until: DashMap::new(), clock: clock.clone() }
    }

    fn may_ask(&self, from: ClientAddr) -> Result<(), Problem> {
        let visitor = from.visitor();
        let until = self.until.get(&visitor).map(|until| *until);
        if let Some(left) = until.map(|until| until - self.clock.now()) {
            if left > chrono::TimeDelta::zero() {
                let seconds = u32::try_from(left.num_seconds()).unwrap_or(0) + 1;
                return Err(Problem::new(Code::RateLimited).retry_after(seconds));
            }
            self.until.remove(&visitor);
        }
        Ok(())
    }

    /// A wrong guess: a problem if it was one too many.
    fn wrong(&self, from: ClientAddr) -> Option<Problem> {
        let problem = self.wrong.take(&from.visitor()).err()?;
        let wait = chrono::TimeDelta::seconds(i64::from(problem.retry_after.unwrap_or(1)));
        let now = self.clock.now();
        if self.until.len() >= 4_096 {
            self.until.retain(|_, until| *until > now);
        }
        self.until.insert(from.visitor(), now + wait);
        Some(problem)
    }
}

/// Every so many attempts the keys of those who have been quiet are dropped.
const SWEEP: u32 = 4_096;

struct Bucket<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, DashMapStateStore<K>, Ticks, NoOpMiddleware<Nanos>>,
    clock: Ticks,
    taken: AtomicU32,
}

impl<K: Hash + Eq + Clone> std::fmt::Debug for Bucket<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bucket").field("keys", &self.limiter.len()).finish_non_exhaustive()
    }
}

impl<K: Hash + Eq + Clone> Bucket<K> {
    fn new(rate: Rate, clock: &Clock) -> Self {
        let clock = Ticks(clock.clone());
        let limiter = RateLimiter::dashmap_with_clock(quota(rate), clock.clone());
        Self { limiter, clock, taken: AtomicU32::new(0) }
    }

    fn take(&self, key: &K) -> Result<(), Problem> {
        if self.taken.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        self.limiter.check_key(key).map_err(|not_until| self.refuse(&not_until))
    }

    fn refuse(&self, not_until: &NotUntil<Nanos>) -> Problem {
        let wait =
            Duration::from(not_until.earliest_possible().duration_since(governor::clock::Clock::now(&self.clock)));
        let seconds = u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
        Problem::new(Code::RateLimited).retry_after(seconds)
    }
}

/// Our clock, as the limiter wants to read it.
#[derive(Clone, Debug)]
struct Ticks(Clock);

impl governor::clock::Clock for Ticks {
    type Instant = Nanos;
    fn now(&self) -> Nanos {
        let nanos = self.0.now().timestamp_nanos_opt().unwrap_or(0);
        Nanos::from(u64::try_from(nanos).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;

    fn clock() -> Clock {
        Clock::manual(DateTime::from_timestamp(1_700_000_000, 0).expect("a time"))
    }
    fn visitor(text: &str) -> ClientAddr {
        ClientAddr(text.parse().expect("address"))
    }

    #[test]
    fn an_address_is_protected_whoever_tries() {
        let clock = clock();
        let limits = Limits::new(&Rates::default(), &clock);
        for n in 1..=5 {
            limits.login(visitor(&format!("192.0.2.{n}")), "Ada@Example.org").expect("five tries");
        }
        let refused = limits.login(visitor("192.0.2.6"), "ada@example.org").expect_err("the sixth");
        assert_eq!((refused.code, refused.retry_after), (Code::RateLimited, Some(12)));
        limits.login(visitor("192.0.2.6"), "bob@example.org").expect("others are free");
        clock.advance(TimeDelta::seconds(12));
        limits.login(visitor("192.0.2.6"), "ada@example.org").expect("after the wait");
    }

    #[test]
    fn an_auditorium_behind_one_address_gets_in() {
        let limits = Limits::new(&Rates::default(), &clock());
        for _ in 0..6_000 {
            limits.join(visitor("192.0.2.1")).expect("2,000 people and some reloads");
        }
        assert!(limits.join(visitor("192.0.2.1")).is_err());
        limits.join(visitor("192.0.2.2")).expect("the neighbour");
    }

    #[test]
    fn guessing_codes_ends() {
        let limits = Limits::new(&Rates::default(), &clock());
        let guesser = visitor("192.0.2.1");
        let answers: Vec<Code> = (0..301).map(|_| limits.unknown_code(guesser).code).collect();
        assert_eq!(answers[299..], [Code::CodeUnknown, Code::RateLimited]);
        assert_eq!(limits.join(guesser).expect_err("a right code, too, is not looked up").code, Code::RateLimited);
        limits.join(visitor("192.0.2.2")).expect("others are not meant");
    }

    #[test]
    fn quiet_keys_are_forgotten() {
        let clock = clock();
        let bucket = Bucket::new(Rate { times: 1, per: Duration::from_mins(1) }, &clock);
        for n in 0..SWEEP - 1 {
            bucket.take(&n).expect("each key once");
        }
        clock.advance(TimeDelta::minutes(2));
        bucket.take(&SWEEP).expect("one more");
        assert_eq!(bucket.limiter.len(), 1);
    }
}
