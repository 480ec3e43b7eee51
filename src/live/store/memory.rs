//! A log in memory for the simulation: a lock per session as the fence, commits that may fail, hang, or be done without
//! anybody hearing of it. What goes wrong, and how long things take, comes from outside ([`Weather`]).
use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc, time::Duration};

use chrono::TimeDelta;
use parking_lot::Mutex;
use tokio::{
    sync::{Mutex as RowLock, OwnedMutexGuard, oneshot},
    time::sleep,
};

use super::roll::Roll;
use crate::{
    kernel::Moment,
    live::{
        core::{Event, NodeId, Participant, Session, SessionDocuments, SessionId},
        log::Logged,
        presence::ledger::{Held, Remains, Row, Sights},
        room::writer::Key,
    },
    runtime::Tasks,
};

/// Events read in one go; few, so that reading in several goes happens.
pub const CHUNK: usize = 8;
/// A question with this in it is refused by this database, whatever it is, as PostgreSQL refuses some text.
pub const INDIGESTIBLE: &str = "☠";

/// What is about to be done to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A connection, and a transaction on it.
    Begin,
    /// Read something.
    Read,
    /// Lock the head; the wait for whoever holds it comes on top.
    Lock,
    /// Append events.
    Append,
    /// Make it durable.
    Commit,
    /// Notice that whoever held the transaction is gone.
    Rollback,
    /// Store a snapshot.
    Snapshot,
}

/// How a step turns out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// Not done, and said so.
    Failed,
    /// Done, but the answer is an error.
    Unheard,
    /// Not done, and no answer ever.
    Silent,
}

/// How a step turns out, and how long that takes.
#[derive(Debug, Clone, Copy)]
pub struct Fate {
    /// Until the database does it.
    pub before: Duration,
    /// Until it is heard of.
    pub after: Duration,
    /// What comes of it.
    pub outcome: Outcome,
}

impl Fate {
    /// At once and well.
    pub const FINE: Self = Self { before: Duration::ZERO, after: Duration::ZERO, outcome: Outcome::Done };
}

/// Decides what becomes of each step of one node.
pub type Weather = Arc<dyn Fn(Key, Step) -> Fate + Send + Sync>;

/// One session as it is kept.
#[derive(Debug)]
struct Kept {
    lock: Arc<RowLock<()>>,
    events: Vec<Logged>,
    /// What the tables say.
    tables: Session,
    snapshot: Option<(u64, String)>,
    documents: SessionDocuments,
}

/// The database, as one node reaches it.
#[derive(Clone)]
pub struct Memory {
    kept: Arc<Mutex<BTreeMap<Key, Kept>>>,
    roll: Arc<Mutex<Roll>>,
    weather: Weather,
    /// The work of the database itself goes on when a node is gone.
    server: Tasks,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

fn broken() -> sqlx::Error {
    sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into())
}

/// Waits as a step takes; an error when it does not happen.
async fn until_done(fate: Fate) -> Result<(), sqlx::Error> {
    pause(fate.before).await;
    match fate.outcome {
        Outcome::Done | Outcome::Unheard => Ok(()),
        Outcome::Failed => Err(broken()),
        Outcome::Silent => std::future::pending().await,
    }
}

async fn until_heard(fate: Fate) -> Result<(), sqlx::Error> {
    pause(fate.after).await;
    if fate.outcome == Outcome::Done { Ok(()) } else { Err(broken()) }
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

impl Memory {
    /// An empty database.
    pub fn new(server: Tasks) -> Self {
        Self { kept: Arc::default(), roll: Arc::default(), weather: Arc::new(|_, _| Fate::FINE), server }
    }

    /// The same database in other weather.
    pub fn in_weather(&self, weather: Weather) -> Self {
        Self { weather, ..self.clone() }
    }

    /// Puts a session there whose log begins with these events, the first of which creates it.
    pub fn create(&self, key: Key, state: Session, events: Vec<Logged>) {
        let kept = Kept {
            lock: Arc::default(),
            events,
            tables: state,
            snapshot: None,
            documents: SessionDocuments::default(),
        };
        self.kept.lock().insert(key, kept);
    }

    /// The whole log of a session.
    pub fn log(&self, key: Key) -> Vec<Logged> {
        self.kept.lock().get(&key).map(|kept| kept.events.clone()).unwrap_or_default()
    }

    /// Somebody changes what the tables say about a session's documents.
    pub fn put_documents(&self, key: Key, documents: SessionDocuments) {
        if let Some(kept) = self.kept.lock().get_mut(&key) {
            kept.documents = documents;
        }
    }

    /// As `live_documents`.
    pub(super) fn documents(&self, sessions: &[SessionId]) -> BTreeMap<SessionId, SessionDocuments> {
        let kept = self.kept.lock();
        let asked = kept.iter().filter(|(key, _)| sessions.contains(&key.session));
        asked.map(|(key, kept)| (key.session, kept.documents.clone())).collect()
    }

    /// Loses an event, as a database does that was mended by hand.
    pub fn lose(&self, key: Key, seq: u64) {
        if let Some(kept) = self.kept.lock().get_mut(&key) {
            kept.events.retain(|logged| logged.seq != seq);
        }
    }

    /// The last number given.
    pub fn head_of(&self, key: Key) -> u64 {
        self.kept.lock().get(&key).and_then(|kept| kept.events.last()).map_or(0, |logged| logged.seq)
    }

    /// What the tables say.
    pub fn tables(&self, key: Key) -> Option<Session> {
        self.kept.lock().get(&key).map(|kept| kept.tables.clone())
    }

    /// Begins a transaction.
    pub(super) async fn begin(&self, key: Key) -> Result<MemoryTx, sqlx::Error> {
        let tx = MemoryTx { memory: self.clone(), key, guard: None, appended: None };
        tx.step(Step::Begin).await?;
        Ok(tx)
    }

    /// Does something about leases and rows of presence, in the weather of that step.
    async fn enroll<T>(&self, step: Step, act: impl FnOnce(&mut Roll) -> T) -> Result<T, sqlx::Error> {
        let key = self.kept.lock().keys().next().copied();
        let fate = key.map_or(Fate::FINE, |key| (self.weather)(key, step));
        until_done(fate).await?;
        let done = act(&mut self.roll.lock());
        until_heard(fate).await?;
        Ok(done)
    }

    /// As `live_hold`.
    pub async fn hold(&self, node: NodeId, fresh: bool, lease: Duration, rows: &[Row]) -> Result<Held, sqlx::Error> {
        self.enroll(Step::Snapshot, |roll| roll.hold(node, fresh, lease, rows)).await
    }

    /// As `live_release`.
    pub async fn release(&self, node: NodeId) -> Result<(), sqlx::Error> {
        self.enroll(Step::Snapshot, |roll| roll.release(node)).await
    }

    /// As `live_lost`.
    pub async fn lost(&self, node: NodeId) -> Result<Vec<Remains>, sqlx::Error> {
        self.enroll(Step::Read, |roll| roll.lost(node)).await
    }

    /// As `live_bury`.
    pub async fn bury(&self, node: NodeId, remains: &Remains) -> Result<(), sqlx::Error> {
        self.enroll(Step::Snapshot, |roll| roll.bury(node, remains)).await
    }

    /// As `live_look`.
    pub async fn look(&self, node: NodeId, sessions: &[(SessionId, i64)]) -> Result<Sights, sqlx::Error> {
        let look = |roll: &mut Roll| {
            let (mut found, since) = roll.look(node, sessions);
            for (key, kept) in self.kept.lock().iter() {
                if let Some(found) = found.get_mut(&key.session) {
                    found.head = Some(kept.events.last().map_or(0, |logged| logged.seq));
                }
            }
            (found, since)
        };
        self.enroll(Step::Read, look).await
    }

    /// As `live_forsaken`.
    pub fn forsaken(&self) -> Vec<Key> {
        let roll = self.roll.lock();
        let alone = |key: &Key, kept: &Kept| {
            !kept.tables.status.is_final()
                && kept.tables.people.values().any(Participant::is_present)
                && !roll.has(key.session)
        };
        self.kept.lock().iter().filter(|(key, kept)| alone(key, kept)).map(|(key, _)| *key).collect()
    }

    pub(super) fn overdue(&self, now: Moment) -> Vec<Key> {
        let over = |kept: &Kept| {
            let state = &kept.tables;
            !state.status.is_final() && state.settings.scheduled_end + TimeDelta::minutes(30) < now
        };
        self.kept.lock().iter().filter(|(_, kept)| over(kept)).map(|(key, _)| *key).collect()
    }

    pub(super) async fn keep_snapshot(&self, key: Key, seq: u64, json: String) -> Result<(), sqlx::Error> {
        let fate = (self.weather)(key, Step::Snapshot);
        until_done(fate).await?;
        if let Some(kept) = self.kept.lock().get_mut(&key)
            && kept.snapshot.as_ref().is_none_or(|(known, _)| *known < seq)
        {
            kept.snapshot = Some((seq, json));
        }
        until_heard(fate).await
    }
}

/// A transaction.
pub struct MemoryTx {
    memory: Memory,
    key: Key,
    guard: Option<OwnedMutexGuard<()>>,
    appended: Option<(Vec<Logged>, Session)>,
}

impl fmt::Debug for MemoryTx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryTx({:?})", self.key)
    }
}

impl MemoryTx {
    async fn step(&self, step: Step) -> Result<(), sqlx::Error> {
        let fate = (self.memory.weather)(self.key, step);
        until_done(fate).await?;
        until_heard(fate).await
    }

    fn look<R>(&self, look: impl FnOnce(&Kept) -> R) -> Option<R> {
        self.memory.kept.lock().get(&self.key).map(look)
    }

    pub(super) async fn lock_head(&mut self) -> Result<Option<u64>, sqlx::Error> {
        self.step(Step::Lock).await?;
        let Some(lock) = self.look(|kept| kept.lock.clone()) else { return Ok(None) };
        self.guard = Some(lock.lock_owned().await);
        self.head().await
    }

    pub(super) async fn take_head(&mut self, from: u64) -> Result<bool, sqlx::Error> {
        let mine = self.lock_head().await? == Some(from);
        if !mine {
            self.guard = None;
        }
        Ok(mine)
    }

    pub(super) async fn head(&mut self) -> Result<Option<u64>, sqlx::Error> {
        self.step(Step::Read).await?;
        Ok(self.look(|kept| kept.events.last().map_or(0, |logged| logged.seq)))
    }

    pub(super) async fn documents(&mut self) -> Result<BTreeMap<SessionId, SessionDocuments>, sqlx::Error> {
        self.step(Step::Read).await?;
        Ok(self.memory.documents(&[self.key.session]))
    }

    pub(super) async fn read(&mut self, after: u64) -> Result<Vec<Logged>, sqlx::Error> {
        self.step(Step::Read).await?;
        let chunk = |kept: &Kept| {
            let from = kept.events.partition_point(|logged| logged.seq <= after);
            kept.events[from..].iter().take(CHUNK).cloned().collect()
        };
        Ok(self.look(chunk).unwrap_or_default())
    }

    pub(super) async fn append(&mut self, state: &Session, events: &[Logged], _: u64) -> Result<(), sqlx::Error> {
        self.step(Step::Append).await?;
        let head = self.look(|kept| kept.events.last().map_or(0, |logged| logged.seq)).unwrap_or(0);
        if events.iter().any(|logged| logged.seq <= head) {
            return Err(sqlx::Error::Database(Box::new(Complaint("23505"))));
        }
        if events.iter().any(|logged| matches!(&logged.event, Event::Asked { body, .. } if body.contains(INDIGESTIBLE)))
        {
            return Err(sqlx::Error::Database(Box::new(Complaint("22P05"))));
        }
        self.appended = Some((events.to_vec(), state.clone()));
        Ok(())
    }

    pub(super) async fn load_snapshot(&mut self) -> Result<Option<(u64, Session)>, sqlx::Error> {
        self.step(Step::Read).await?;
        let kept = self.look(|kept| kept.snapshot.clone()).flatten();
        Ok(kept.and_then(|(seq, json)| serde_json::from_str(&json).ok().map(|state| (seq, state))))
    }

    /// From here on it is in the hands of the database: it happens, or not, whether or not anybody waits for it.
    pub(super) async fn commit(mut self) -> Result<(), sqlx::Error> {
        let fate = (self.memory.weather)(self.key, Step::Commit);
        let (guard, appended) = (self.guard.take(), self.appended.take());
        let (memory, key) = (self.memory.clone(), self.key);
        let (tell, told) = oneshot::channel();
        self.memory.server.spawn("database commit", async move {
            pause(fate.before).await;
            let happens = matches!(fate.outcome, Outcome::Done | Outcome::Unheard);
            if let Some((events, state)) = appended.filter(|_| happens)
                && let Some(kept) = memory.kept.lock().get_mut(&key)
            {
                kept.events.extend(events);
                kept.tables = state;
            }
            drop(guard);
            // The node may be gone.
            let _ = tell.send(if fate.outcome == Outcome::Failed { Err(broken()) } else { Ok(()) });
        });
        if fate.outcome == Outcome::Silent {
            return std::future::pending().await;
        }
        told.await.unwrap_or_else(|_| Err(broken()))?;
        until_heard(fate).await
    }
}

impl Drop for MemoryTx {
    fn drop(&mut self) {
        let Some(guard) = self.guard.take() else { return };
        let noticed = (self.memory.weather)(self.key, Step::Rollback).before;
        if !noticed.is_zero() {
            self.memory.server.spawn("database rollback", async move {
                sleep(noticed).await;
                drop(guard);
            });
        }
    }
}

/// An error that PostgreSQL would report.
#[derive(Debug)]
struct Complaint(&'static str);

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SQLSTATE {}", self.0)
    }
}

impl std::error::Error for Complaint {}

impl sqlx::error::DatabaseError for Complaint {
    fn message(&self) -> &str {
        self.0
    }
    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.0.into())
    }
    fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self
    }
    fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
        self
    }
    fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
        self
    }
    fn kind(&self) -> sqlx::error::ErrorKind {
        sqlx::error::ErrorKind::Other
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use chrono::DateTime;

    use super::*;
    use crate::{
        kernel::{Clock, Id},
        live::{
            core::{
                Actor, Command, Settings,
                lifecycle::{PollSettings, QaSettings},
            },
            room::writer::{Ask, Writer},
            store::Store,
        },
    };

    fn a_session() -> (Key, Memory, Clock) {
        let (key, memory) = (
            Key { organization: Id::new(uuid::Uuid::nil()), session: Id::new(uuid::Uuid::nil()) },
            Memory::new(Tasks::new()),
        );
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let settings = Settings {
            title: "Workshop".to_owned(),
            description: None,
            scheduled_start: at,
            scheduled_end: at + TimeDelta::hours(1),
            max_participants: 9,
            needs_name: false,
            polls: PollSettings { enabled: true, max_open: 1 },
            qa: QaSettings { enabled: true, pre_moderated: false, anonymous_allowed: true, upvotes: true },
            documents: SessionDocuments::default(),
        };
        let created = Logged { seq: 1, at, actor: None, event: Event::Created { settings: settings.clone() } };
        memory.create(key, Session::new(key.session, settings), vec![created]);
        (key, memory, Clock::manual(at))
    }

    #[tokio::test(start_paused = true)]
    async fn a_commit_happens_whether_or_not_it_is_heard_of() {
        for (outcome, head) in [(Outcome::Done, 2), (Outcome::Failed, 1), (Outcome::Unheard, 2), (Outcome::Silent, 1)] {
            let (key, memory, clock) = a_session();
            let fate = Fate { outcome, ..Fate::FINE };
            let storm = Arc::new(AtomicBool::new(false));
            let begun = storm.clone();
            let rough = memory.in_weather(Arc::new(move |_, step| {
                if step == Step::Commit && begun.load(Ordering::SeqCst) { fate } else { Fate::FINE }
            }));
            let mut writer = Writer::load(Store::Memory(rough), clock.clone(), key).await.unwrap();
            storm.store(true, Ordering::SeqCst);
            let lock = [Ask::Command(Actor::System, Command::Lock { locked: true })];
            assert_eq!(writer.commit(&lock).await.is_ok(), outcome == Outcome::Done);
            assert_eq!(memory.head_of(key), head, "{outcome:?}");
            // The lock is free again, and whoever comes next decides against what happened.
            let mut other = Writer::load(Store::Memory(memory.clone()), clock, key).await.unwrap();
            assert_eq!(other.commit(&lock).await.unwrap().events.len(), usize::from(head == 1));
            assert_eq!((memory.head_of(key), memory.tables(key)), (2, Some(other.state())));
        }
    }
}
