//! The writing half of a room: one transaction per batch. Lock the head, catch up, decide, append, project, commit.
use std::time::Duration;

use super::acts::{Acts, Knowledge};
use crate::{
    kernel::{Clock, Code, Id, Moment, Refusal, caller},
    live::{
        core::{self, Actor, Command, Event, ParticipantId, Session, SessionId, SystemCommand},
        log::{self, Logged},
        store::{Store, Transaction},
    },
};

/// A transaction that takes longer is given up; its fate is learnt from the head's number.
const DEADLINE: Duration = Duration::from_secs(10);
/// After so many batches between which nobody else has written, the next is decided before the head is taken.
const ALONE: u32 = 8;

/// Which session, of whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The tenant.
    pub organization: Id<caller::Organization>,
    /// The session.
    pub session: SessionId,
}

/// One thing to decide.
#[derive(Debug, Clone)]
pub enum Ask {
    /// A command of somebody.
    Command(Actor, Command),
    /// A command of somebody who says what they know. Not decided when they have done something since.
    Knowing(ParticipantId, Command, Knowledge),
    /// A command of the server.
    System(SystemCommand),
    /// Say what the tables say about notes and whiteboard.
    Documents,
}

/// What became of one [`Ask`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Done, or already so; durable. The number includes its effect.
    Done {
        /// The session's number.
        seq: u64,
        /// When.
        at: Moment,
    },
    /// Final no.
    Refused(Refusal),
    /// Not done: its sender has done something that they did not know of when they sent it. Theirs to send again.
    Late,
}

/// The state that the next batch is decided against: always the database's, never older while the head is locked.
#[derive(Debug)]
pub struct Writer {
    store: Store,
    clock: Clock,
    key: Key,
    draft: Session,
    seq: u64,
    /// Batches written since somebody else last wrote.
    alone: u32,
    acts: Acts,
}

/// What a batch came to.
#[derive(Debug, Default)]
pub struct Batch {
    /// Everything new: first what other nodes wrote, then ours.
    pub events: Vec<Logged>,
    /// How many of the events others wrote.
    pub others: usize,
    /// One verdict per ask, in order.
    pub verdicts: Vec<Verdict>,
    /// There is more to read than is read in one go; until then nothing is decided, and there are no verdicts.
    pub behind: bool,
}

/// Why a batch could not be written. Nothing was acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The database is away, or refused to go on.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// Another node wrote while this batch was decided: [`Writer::reset`], and again.
    #[error("another node was faster")]
    Overtaken,
    /// The log ends before what was believed to be in it: the database has lost something, or somebody has lied on the
    /// bus. The room has to begin anew.
    #[error("the log is shorter than what was shown")]
    Deceived,
    /// Neither the log nor the archive tells what comes next: nobody can know the state.
    #[error("the log has a gap: {head} events were written, but what follows {after} is missing")]
    Torn {
        /// The last number that could be read.
        after: u64,
        /// The last number given.
        head: u64,
    },
    /// No answer in time.
    #[error("no answer from the database in time")]
    Deadline,
    /// The session does not exist (any more) in this organization.
    #[error("the session does not exist")]
    Gone,
}

impl WriteError {
    /// Could one ask of the batch be to blame, rather than the database as a whole?
    pub fn may_be_one_asks_fault(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(db)) => {
                db.code().is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)))
            }
            Self::Database(sqlx::Error::Encode(_)) => true,
            _ => false,
        }
    }
}

impl Writer {
    /// Reads a session: the newest snapshot and the events after it.
    pub async fn load(store: Store, clock: Clock, key: Key) -> Result<Self, WriteError> {
        let deadline = DEADLINE * if planted!(NoDeadline) { 1_000 } else { 1 };
        tokio::time::timeout(deadline, Self::read(store, clock, key)).await.map_err(|_| WriteError::Deadline)?
    }

    async fn read(store: Store, clock: Clock, key: Key) -> Result<Self, WriteError> {
        let mut tx = store.begin(key).await?;
        let head = tx.head().await?.ok_or(WriteError::Gone)?;
        let (mut seq, mut state) = match tx.load_snapshot().await? {
            Some((seq, state)) if seq <= head => (seq, Some(state)),
            _ => (0, None),
        };
        while seq < head {
            let events = read(&mut tx, seq, head).await?;
            for logged in &events {
                seq = logged.seq;
                match (&mut state, &logged.event) {
                    (Some(state), event) => core::apply(state, event, logged.at),
                    (none, Event::Created { settings }) => *none = Some(Session::new(key.session, settings.clone())),
                    _ => {}
                }
            }
        }
        tx.commit().await?;
        let draft = state.ok_or(WriteError::Gone)?;
        Ok(Self { store, clock, key, draft, seq, alone: 0, acts: Acts::after(seq) })
    }

    /// The last number known.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// A copy of the state, for the reading half.
    pub fn state(&self) -> Session {
        self.draft.clone()
    }

    /// Takes in what another node has committed and published, when it comes next.
    pub fn learn(&mut self, events: &[Logged]) {
        for logged in events {
            // Also when the draft is to be thrown away.
            self.acts.learn(logged);
            if logged.seq == self.seq + 1 {
                core::apply(&mut self.draft, &logged.event, logged.at);
                self.seq = logged.seq;
                self.alone = 0;
            }
        }
    }

    /// Forgets what may not have been committed.
    pub fn reset(&mut self, committed: &Session, seq: u64) {
        self.draft = committed.clone();
        self.seq = seq;
        self.alone = 0;
        self.acts.reset(seq);
    }

    /// Decides and writes a batch. On error nothing of it may be believed: [`Writer::reset`] before the next.
    pub async fn commit(&mut self, asks: &[Ask]) -> Result<Batch, WriteError> {
        tokio::time::timeout(DEADLINE, self.transaction(asks)).await.map_err(|_| WriteError::Deadline)?
    }

    /// As [`Writer::commit`], each ask in a transaction of its own: one whose data the database refuses is refused
    /// alone (`internal`) and cannot hold up the others.
    pub async fn commit_singly(&mut self, asks: &[Ask]) -> Result<Batch, WriteError> {
        let mut whole = Batch::default();
        for ask in asks {
            let (mut before, mut seq) = (self.draft.clone(), self.seq);
            self.alone = 0;
            let mut result = self.commit(std::slice::from_ref(ask)).await;
            while let Ok(Batch { behind: true, events, .. }) = &mut result {
                whole.events.append(events);
                (before, seq) = (self.draft.clone(), self.seq);
                result = self.commit(std::slice::from_ref(ask)).await;
            }
            match result {
                Ok(batch) => {
                    whole.events.extend(batch.events);
                    whole.verdicts.extend(batch.verdicts);
                }
                Err(error) if error.may_be_one_asks_fault() => {
                    tracing::error!(session = %self.key.session, %error, ?ask, "the database refused this");
                    self.reset(&before, seq);
                    whole.verdicts.push(Verdict::Refused(Refusal::new(Code::Internal)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(whole)
    }

    /// Two ways to the same end. Alone, the batch is decided first and the head taken with its new number in one
    /// statement, which fails if somebody was faster. With others, the head is locked first, and what they wrote is read.
    async fn transaction(&mut self, asks: &[Ask]) -> Result<Batch, WriteError> {
        let batch = if asks.is_empty() {
            self.read_on().await?
        } else if self.alone >= ALONE && !asks.iter().any(|ask| matches!(ask, Ask::Documents)) {
            metrics::counter!("atelier_live_batches_total", "path" => "optimistic").increment(1);
            self.decide_first(asks).await?
        } else {
            metrics::counter!("atelier_live_batches_total", "path" => "locked").increment(1);
            self.lock_first(asks).await?
        };
        // A batch that fails is reset.
        self.acts.keep();
        if batch.others > 0 {
            self.alone = 0;
        } else if !asks.is_empty() {
            self.alone = self.alone.saturating_add(1);
        }
        Ok(batch)
    }

    /// Nothing is to be decided, so that nobody has to wait for a lock.
    async fn read_on(&mut self) -> Result<Batch, WriteError> {
        let mut tx = self.store.begin(self.key).await?;
        let head = tx.head().await?.ok_or(WriteError::Gone)?;
        let batch = self.catch_up(&mut tx, head).await?;
        tx.commit().await?;
        Ok(batch)
    }

    async fn decide_first(&mut self, asks: &[Ask]) -> Result<Batch, WriteError> {
        let (before, mut batch) = (self.seq, Batch::default());
        self.decide(asks, None, &mut batch);
        let mut tx = self.store.begin(self.key).await?;
        let mine = if batch.events.is_empty() {
            // What was refused, or is already so, must be so now.
            tx.head().await? == Some(before)
        } else {
            tx.take_head(before, self.seq).await?
        };
        if !mine && !planted!(OvertakenUnnoticed) {
            return Err(WriteError::Overtaken);
        }
        if !batch.events.is_empty() {
            tx.append(&self.draft, &batch.events, self.seq).await?;
        }
        tx.commit().await?;
        Ok(batch)
    }

    async fn lock_first(&mut self, asks: &[Ask]) -> Result<Batch, WriteError> {
        let mut tx = self.store.begin(self.key).await?;
        let head = tx.lock_head().await?.ok_or(WriteError::Gone)?;
        let head = if planted!(FenceIgnored) { self.seq } else { head };
        let mut batch = self.catch_up(&mut tx, head).await?;
        if !batch.behind {
            let looks = asks.iter().any(|ask| matches!(ask, Ask::Documents));
            let documents = if looks { Some(SystemCommand::Documents(tx.documents().await?)) } else { None };
            self.decide(asks, documents.as_ref(), &mut batch);
        }
        let own = &batch.events[batch.others..];
        if !own.is_empty() {
            tx.append(&self.draft, own, self.seq).await?;
        }
        tx.commit().await?;
        Ok(batch)
    }

    /// Decides each ask against the state that the ones before it have left. `documents`: what the tables say about them,
    /// if that was asked for.
    fn decide(&mut self, asks: &[Ask], documents: Option<&SystemCommand>, batch: &mut Batch) {
        let at = self.clock.now();
        for ask in asks {
            let (actor, knows, decision) = match ask {
                Ask::Command(actor, command) => {
                    (log::actor_id(*actor), None, core::decide(&self.draft, *actor, command, at))
                }
                Ask::Knowing(person, command, knows) => {
                    let decision = core::decide(&self.draft, Actor::Participant(*person), command, at);
                    (Some(*person), Some((*person, *knows)), decision)
                }
                Ask::System(command) => (None, None, core::decide_system(&self.draft, command, at)),
                Ask::Documents => {
                    let say = documents.map(|command| core::decide_system(&self.draft, command, at));
                    (None, None, say.unwrap_or_else(|| Ok(Vec::new())))
                }
            };
            let late = knows.is_some_and(|(person, knows)| self.acts.overtake(person, knows)) && !planted!(LateIsDone);
            batch.verdicts.push(match decision {
                Ok(events) if late && !events.is_empty() => Verdict::Late,
                Ok(events) => {
                    for event in events {
                        core::apply(&mut self.draft, &event, at);
                        self.seq += 1;
                        let logged = Logged { seq: self.seq, at, actor, event };
                        self.acts.draft(&logged, knows.and_then(|(_, knows)| knows.connection));
                        batch.events.push(logged);
                    }
                    Verdict::Done { seq: self.seq, at }
                }
                Err(refusal) => Verdict::Refused(refusal),
            });
        }
    }

    /// Reads what others wrote, in one go: a room that is far behind shows that before it reads on.
    async fn catch_up(&mut self, tx: &mut Transaction, head: u64) -> Result<Batch, WriteError> {
        if head < self.seq {
            return Err(WriteError::Deceived);
        }
        let events = if self.seq < head { read(tx, self.seq, head).await? } else { Vec::new() };
        for logged in &events {
            core::apply(&mut self.draft, &logged.event, logged.at);
            self.seq = logged.seq;
            self.acts.learn(logged);
        }
        Ok(Batch { others: events.len(), events, verdicts: Vec::new(), behind: self.seq < head })
    }
}

/// Some of the events up to the head: at least one, and none left out.
async fn read(tx: &mut Transaction, after: u64, head: u64) -> Result<Vec<Logged>, WriteError> {
    let events = tx.read(after, head).await?;
    if events.is_empty() || !events.iter().zip(after + 1..).all(|(logged, seq)| logged.seq == seq) {
        return Err(WriteError::Torn { after, head });
    }
    Ok(events)
}

/// Keeps a snapshot. Failure costs only time at the next load.
pub async fn snapshot(store: Store, key: Key, state: Session, seq: u64) {
    if let Err(error) = store.keep_snapshot(key, seq + u64::from(planted!(SnapshotOneOff)), state).await {
        tracing::warn!(session = %key.session, error, "snapshot not written");
    }
}

#[cfg(test)]
mod tests;
