//! What an open document weighs, and when it was used: what is needed to choose one that may go.
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

/// Counts uses of all documents of this process.
static USES: AtomicU64 = AtomicU64::new(1);

/// The metric of what all open documents weigh.
const RESIDENT: &str = "atelier_collab_resident_bytes";
/// What every open document costs besides its content.
const ROOM_BYTES: usize = 16 << 10;

/// What is seen of a room from outside.
#[derive(Debug, Default)]
pub struct Seen {
    seq: AtomicU64,
    bytes: AtomicUsize,
    used: AtomicU64,
    people: AtomicUsize,
    unsaved: AtomicBool,
    looking: AtomicUsize,
}

impl Seen {
    /// The last number that is integrated.
    pub fn seq(&self) -> u64 {
        self.seq.load(Ordering::Acquire)
    }
    /// What it takes of this process's memory, roughly.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
    /// Smaller is longer ago.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
    /// Does nobody have it open here, and is everything in it saved?
    pub fn may_go(&self) -> bool {
        self.people.load(Ordering::Relaxed) == 0 && !self.unsaved.load(Ordering::Relaxed)
    }
}

/// The room's side; what it weighs is counted until it is dropped.
pub(super) struct Resident(Arc<Seen>);

impl Resident {
    pub(super) fn new(seq: u64, memory: usize) -> Self {
        let resident = Self(Arc::new(Seen::default()));
        metrics::gauge!("atelier_collab_documents_open").increment(1.0);
        resident.shows(seq);
        resident.weighs(memory);
        resident.is_used();
        resident
    }
    pub(super) fn seen(&self) -> Arc<Seen> {
        self.0.clone()
    }
    pub(super) fn shows(&self, seq: u64) {
        self.0.seq.store(seq, Ordering::Release);
    }
    pub(super) fn is_used(&self) {
        self.0.used.store(USES.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }
    pub(super) fn is_saved(&self, saved: bool) {
        self.0.unsaved.store(!saved, Ordering::Relaxed);
    }
    pub(super) fn has_people(&self, count: usize) {
        self.0.people.store(count, Ordering::Relaxed);
    }
    /// So many clients are seen, here and elsewhere.
    pub(super) fn is_looked_at_by(&self, clients: usize) {
        let before = self.0.looking.swap(clients, Ordering::Relaxed);
        if clients != before {
            gauge("atelier_collab_awareness_clients", clients, before);
        }
    }
    pub(super) fn weighs(&self, memory: usize) {
        let bytes = memory + ROOM_BYTES;
        let before = self.0.bytes.swap(bytes, Ordering::Relaxed);
        if bytes != before {
            gauge(RESIDENT, bytes, before);
        }
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        metrics::gauge!("atelier_collab_documents_open").decrement(1.0);
        gauge(RESIDENT, 0, self.0.bytes());
        self.is_looked_at_by(0);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge; nobody has that much memory")]
fn gauge(name: &'static str, now: usize, before: usize) {
    metrics::gauge!(name).increment(now as f64 - before as f64);
}
