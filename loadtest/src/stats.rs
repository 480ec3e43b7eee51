//! What all clients of a run count together, and the schedule that latency is measured against.
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use crate::oracle::Mark;

/// So many histograms side by side, so that threads do not wait for each other.
const SHARDS: usize = 8;

/// The intended time of each step. Fixed before the first is sent: a server that lags does not slow the schedule.
#[derive(Debug)]
pub struct Plan {
    /// When the first step is due.
    pub epoch: Instant,
    /// Time between steps.
    pub interval: Duration,
    /// Number of the first step.
    pub first: u32,
    last_seen: Vec<AtomicU64>,
}

impl Plan {
    /// So many steps, one each interval, beginning at `epoch`.
    pub fn new(epoch: Instant, interval: Duration, first: u32, steps: u32) -> Self {
        Self { epoch, interval, first, last_seen: (0..steps).map(|_| AtomicU64::new(0)).collect() }
    }
    /// When a step is due.
    pub fn due(&self, step: u32) -> Instant {
        self.epoch + self.interval * step.saturating_sub(self.first)
    }
    /// Per step, how long it took until the last client had it.
    pub fn until_last(&self) -> Histogram<u64> {
        let mut histogram = new_histogram();
        for seen in &self.last_seen {
            histogram.saturating_record(seen.load(Relaxed));
        }
        histogram
    }
}

/// Microseconds, up to ten minutes, three digits.
pub fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 3).unwrap_or_else(|_| unreachable!("the bounds are constant and good"))
}

#[derive(Debug)]
struct Sharded([Mutex<Histogram<u64>>; SHARDS]);

impl Sharded {
    fn new() -> Self {
        Self(std::array::from_fn(|_| Mutex::new(new_histogram())))
    }
    fn record(&self, client: usize, took: Duration) {
        lock(&self.0[client % SHARDS]).saturating_record(micros(took).max(1));
    }
    fn take(&self) -> Histogram<u64> {
        let mut all = new_histogram();
        for shard in &self.0 {
            let mut shard = lock(shard);
            // Same bounds, so it always fits.
            let _ = all.add(&*shard);
            shard.reset();
        }
        all
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A duration in whole microseconds.
pub fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Counted since the beginning.
        #[derive(Debug, Default)]
        struct Counters { $($name: AtomicU64),+ }
        /// Counts as of a moment.
        #[derive(Debug, Default, Clone, Copy)]
        pub struct Counts { $($(#[$doc])* pub $name: u64),+ }
        impl Counters {
            fn read(&self) -> Counts { Counts { $($name: self.$name.load(Relaxed)),+ } }
        }
        impl Counts {
            /// What was added after `earlier`.
            pub fn since(self, earlier: Self) -> Self { Self { $($name: self.$name.saturating_sub(earlier.$name)),+ } }
        }
    };
}

counters! {
    /// Clients that have had a welcome and what follows it.
    seated,
    /// Clients that gave up.
    gave_up,
    /// Clients that ended.
    left,
    /// Frames received.
    frames,
    /// Bytes of those frames.
    bytes,
    /// Numbers told in `events` frames.
    numbers,
    /// Changes made by the tester that arrived.
    delivered,
    /// Commands acknowledged.
    acked,
    /// Commands refused.
    refused,
    /// Commands the server asked to send again.
    retried,
    /// Commands sent again.
    resent,
    /// Connections after the first.
    reconnected,
    /// Of those, continued without a snapshot.
    resumed,
    /// Failed connection attempts.
    failed,
}

/// Somebody lost the connection and came back.
#[derive(Debug, Clone, Copy)]
pub struct Return {
    /// When it was lost.
    pub lost: Instant,
    /// When the new one was asked for, at last with success.
    pub tried: Instant,
    /// When everything missed was there.
    pub back: Instant,
}

/// Counters and histograms of a run.
#[derive(Debug)]
pub struct Stats {
    counters: Counters,
    delivery: Sharded,
    ack: Sharded,
    seat: Sharded,
    plan: RwLock<Option<Arc<Plan>>>,
    words: Mutex<BTreeMap<String, u64>>,
    returns: Mutex<Vec<Return>>,
}

impl Stats {
    /// All zero.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            counters: Counters::default(),
            delivery: Sharded::new(),
            ack: Sharded::new(),
            seat: Sharded::new(),
            plan: RwLock::default(),
            words: Mutex::default(),
            returns: Mutex::default(),
        })
    }
    /// Counts until now.
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }
    /// From now on, latency of deliveries is measured against this schedule.
    pub fn follow(&self, plan: &Arc<Plan>) {
        *self.plan.write().unwrap_or_else(PoisonError::into_inner) = Some(plan.clone());
    }
    /// Latencies of deliveries since the last call.
    pub fn take_delivery(&self) -> Histogram<u64> {
        self.delivery.take()
    }
    /// Latencies of acknowledgements since the last call.
    pub fn take_ack(&self) -> Histogram<u64> {
        self.ack.take()
    }
    /// Times until the first snapshot, since the last call.
    pub fn take_seat(&self) -> Histogram<u64> {
        self.seat.take()
    }
    /// Errors, close codes and refusals with their counts.
    pub fn words(&self) -> BTreeMap<String, u64> {
        lock(&self.words).clone()
    }

    fn word(&self, word: String) {
        *lock(&self.words).entry(word).or_default() += 1;
    }
    /// A frame came.
    pub fn frame(&self, bytes: usize) {
        self.counters.frames.fetch_add(1, Relaxed);
        self.counters.bytes.fetch_add(bytes as u64, Relaxed);
    }
    /// So many numbers were told.
    pub fn events(&self, numbers: u64) {
        self.counters.numbers.fetch_add(numbers, Relaxed);
    }
    /// A change of ours arrived at a client.
    pub fn delivered(&self, mark: Mark, now: Instant, client: usize) {
        self.counters.delivered.fetch_add(1, Relaxed);
        let plan = self.plan.read().unwrap_or_else(PoisonError::into_inner);
        let Some(plan) = plan.as_ref() else { return };
        let Some(step) = mark.step.checked_sub(plan.first).and_then(|step| usize::try_from(step).ok()) else { return };
        if let Some(last) = plan.last_seen.get(step) {
            let took = now.saturating_duration_since(plan.due(mark.step));
            last.fetch_max(micros(took), Relaxed);
            self.delivery.record(client, took);
        }
    }
    /// A command was acknowledged.
    pub fn acked(&self, took: Duration, client: usize) {
        self.counters.acked.fetch_add(1, Relaxed);
        self.ack.record(client, took);
    }
    /// A command was refused.
    pub fn refused(&self, code: &str) {
        self.counters.refused.fetch_add(1, Relaxed);
        self.word(format!("refused: {code}"));
    }
    /// The server asks to send again.
    pub fn retried(&self) {
        self.counters.retried.fetch_add(1, Relaxed);
    }
    /// Sent again.
    pub fn resent(&self) {
        self.counters.resent.fetch_add(1, Relaxed);
    }
    /// A client has its first welcome.
    pub fn seated(&self, took: Duration, client: usize) {
        self.seat.record(client, took);
        self.counters.seated.fetch_add(1, Relaxed);
    }
    /// A connection continues where the last one was lost.
    pub fn resumed(&self) {
        self.counters.resumed.fetch_add(1, Relaxed);
    }
    /// A client connects again.
    pub fn reconnected(&self) {
        self.counters.reconnected.fetch_add(1, Relaxed);
    }
    /// Somebody is back.
    pub fn returned(&self, there: Return) {
        lock(&self.returns).push(there);
    }
    /// Who came back since the last call.
    pub fn take_returns(&self) -> Vec<Return> {
        std::mem::take(&mut lock(&self.returns))
    }
    /// A connection attempt failed.
    pub fn failed(&self, error: &anyhow::Error) {
        self.counters.failed.fetch_add(1, Relaxed);
        self.word(format!("{error:#}"));
    }
    /// The server closed a connection.
    pub fn closed(&self, code: u16) {
        self.word(format!("closed with {code}"));
    }
    /// A client will not come back.
    pub fn gave_up(&self) {
        self.counters.gave_up.fetch_add(1, Relaxed);
    }
    /// A client's task ended.
    pub fn left(&self, seated: bool) {
        self.counters.left.fetch_add(u64::from(seated), Relaxed);
    }
}
