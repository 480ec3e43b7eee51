//! Where sessions are kept: PostgreSQL. In the simulation: memory that keeps the same promises and breaks as badly.
mod documents;
#[cfg(test)]
pub mod memory;
#[cfg(test)]
mod roll;

use std::{collections::BTreeMap, time::Duration};

use uuid::Uuid;

#[cfg(test)]
use self::memory::{Memory, MemoryTx};
use super::{
    core::{Session, SessionDocuments, SessionId},
    log::{self, Logged},
    projection::{self, Head},
    room::writer::Key,
};
use crate::{
    db::{Db, TenantTx},
    kernel::{Id, Moment},
};

/// A connection may be dead without anybody saying so: what takes longer is given up.
const DEADLINE: Duration = Duration::from_secs(5);
/// The same for a snapshot, which may be large: as long as any statement may take.
const SNAPSHOT: Duration = Duration::from_secs(15);
/// The same for what moves much; the database is asked for as much patience.
const LONG: Duration = Duration::from_secs(30);
const PATIENTLY: &str = "SET LOCAL statement_timeout = '30s'";

async fn within<T>(time: Duration, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let late = |_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
    tokio::time::timeout(time, work).await.unwrap_or_else(late)
}

/// Where sessions are kept. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Store {
    /// The database.
    Postgres(Db),
    /// The simulation's.
    #[cfg(test)]
    Memory(Memory),
}

/// A transaction on one session. Dropped without [`Transaction::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct Transaction {
    session: SessionId,
    head: Head,
    tx: Backend,
}

#[derive(Debug)]
enum Backend {
    Postgres(TenantTx),
    #[cfg(test)]
    Memory(Box<MemoryTx>),
}

impl From<Db> for Store {
    fn from(db: Db) -> Self {
        Self::Postgres(db)
    }
}

impl Store {
    /// Begins a transaction on one session.
    pub async fn begin(&self, key: Key) -> Result<Transaction, sqlx::Error> {
        let tx = match self {
            Self::Postgres(db) => Backend::Postgres(db.tenant_as(key.organization, None).await?),
            #[cfg(test)]
            Self::Memory(memory) => Backend::Memory(Box::new(memory.begin(key).await?)),
        };
        Ok(Transaction { session: key.session, head: Head::Behind, tx })
    }

    /// What the tables say about the notes and whiteboards of these sessions.
    pub async fn documents(
        &self,
        sessions: &[SessionId],
    ) -> Result<BTreeMap<SessionId, SessionDocuments>, sqlx::Error> {
        within(DEADLINE, async {
            match self {
                Self::Postgres(db) => documents::read(&mut *db.bare().await?, sessions).await,
                #[cfg(test)]
                Self::Memory(memory) => Ok(memory.documents(sessions)),
            }
        })
        .await
    }

    /// Sessions that nobody hosts any more.
    pub async fn overdue(&self, now: Moment) -> Result<Vec<Key>, sqlx::Error> {
        within(DEADLINE, async {
            match self {
                Self::Postgres(db) => {
                    let mut tx = db.system().await?;
                    let rows = sqlx::query!(
                        r#"SELECT organization_id AS "organization!", id AS "id!" FROM live_overdue($1)"#,
                        now
                    )
                    .fetch_all(&mut *tx)
                    .await?;
                    tx.commit().await?;
                    let keys = rows.into_iter();
                    Ok(keys
                        .map(|row| Key { organization: Id::new(row.organization), session: Id::new(row.id) })
                        .collect())
                }
                #[cfg(test)]
                Self::Memory(memory) => Ok(memory.overdue(now)),
            }
        })
        .await
    }

    /// Sessions that have been over since before then, and whose log is not archived, but for these; some of them, the
    /// oldest first.
    pub async fn archivable(&self, before: Moment, but: &[SessionId]) -> Result<Vec<Key>, sqlx::Error> {
        let but: Vec<Uuid> = but.iter().map(|session| session.uuid()).collect();
        within(DEADLINE, async {
            match self {
                Self::Postgres(db) => {
                    let mut tx = db.system().await?;
                    let rows = sqlx::query!(
                        r#"SELECT organization_id AS "organization!", id AS "id!" FROM live_archivable($1, $2)"#,
                        before,
                        &but
                    )
                    .fetch_all(&mut *tx)
                    .await?;
                    tx.commit().await?;
                    let keys = rows.into_iter();
                    Ok(keys
                        .map(|row| Key { organization: Id::new(row.organization), session: Id::new(row.id) })
                        .collect())
                }
                #[cfg(test)]
                Self::Memory(_) => Ok(Vec::new()),
            }
        })
        .await
    }

    /// Moves the log of a session that is over, up to its snapshot, into the archive. Returns how many events.
    pub async fn archive(&self, key: Key) -> Result<i64, sqlx::Error> {
        within(LONG, async {
            match self {
                Self::Postgres(db) => {
                    let mut tx = db.system().await?;
                    sqlx::query(PATIENTLY).execute(&mut *tx).await?;
                    let moved = sqlx::query_scalar!(
                        r#"SELECT live_archive($1, $2) AS "moved!""#,
                        key.organization.uuid(),
                        key.session.uuid()
                    )
                    .fetch_one(&mut *tx)
                    .await?;
                    tx.commit().await?;
                    Ok(moved)
                }
                #[cfg(test)]
                Self::Memory(_) => Ok(0),
            }
        })
        .await
    }

    /// Keeps a snapshot. The state is turned into JSON on a thread of its own: that of a large session takes a while.
    pub async fn keep_snapshot(&self, key: Key, seq: u64, state: Session) -> Result<(), String> {
        let json = match self {
            Self::Postgres(_) => tokio::task::spawn_blocking(move || serde_json::to_string(&state)).await,
            #[cfg(test)]
            Self::Memory(_) => Ok(serde_json::to_string(&state)),
        };
        let json = json.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let stored = within(SNAPSHOT, async {
            match self {
                Self::Postgres(db) => {
                    let mut tx = db.tenant_as(key.organization, None).await?;
                    log::store_snapshot(&mut tx, key.session, seq, &json).await?;
                    tx.commit().await
                }
                #[cfg(test)]
                Self::Memory(memory) => memory.keep_snapshot(key, seq, json).await,
            }
        });
        stored.await.map_err(|error| error.to_string())
    }
}

impl Transaction {
    /// Locks the session's head for this transaction and says the last number given. None: no such session here.
    pub async fn lock_head(&mut self) -> Result<Option<u64>, sqlx::Error> {
        match &mut self.tx {
            Backend::Postgres(tx) => log::lock_head(tx, self.session).await,
            #[cfg(test)]
            Backend::Memory(tx) => tx.lock_head().await,
        }
    }

    /// What the tables say about the session's notes and whiteboard. What is read behind the lock of the head is never
    /// older than what somebody else has said in the session.
    pub async fn documents(&mut self) -> Result<SessionDocuments, sqlx::Error> {
        let session = self.session;
        let mut found = match &mut self.tx {
            Backend::Postgres(tx) => documents::read(tx, &[session]).await?,
            #[cfg(test)]
            Backend::Memory(tx) => tx.documents().await?,
        };
        Ok(found.remove(&session).unwrap_or_default())
    }

    /// The last number given, without a lock.
    pub async fn head(&mut self) -> Result<Option<u64>, sqlx::Error> {
        match &mut self.tx {
            Backend::Postgres(tx) => log::head(tx, self.session).await,
            #[cfg(test)]
            Backend::Memory(tx) => tx.head().await,
        }
    }

    /// Locks the session's head and moves it from one number to another. False: it does not stand there.
    pub async fn take_head(&mut self, from: u64, to: u64) -> Result<bool, sqlx::Error> {
        self.head = Head::There;
        match &mut self.tx {
            Backend::Postgres(tx) => log::take_head(tx, self.session, from, to).await,
            #[cfg(test)]
            Backend::Memory(tx) => tx.take_head(from).await,
        }
    }

    /// The events after a number, at most a chunk of them; call again until the head is reached.
    pub async fn read(&mut self, after: u64, head: u64) -> Result<Vec<Logged>, sqlx::Error> {
        match &mut self.tx {
            Backend::Postgres(tx) => log::read(tx, self.session, after, head).await,
            #[cfg(test)]
            Backend::Memory(tx) => tx.read(after).await,
        }
    }

    /// Appends events that carry the next numbers, writes the tables, moves the head to `seq`; it must be locked.
    /// `state` is the state after them.
    pub async fn append(&mut self, state: &Session, events: &[Logged], seq: u64) -> Result<(), sqlx::Error> {
        match &mut self.tx {
            Backend::Postgres(tx) => {
                log::append(tx, self.session, events).await?;
                projection::project(tx, state, events, seq, self.head).await
            }
            #[cfg(test)]
            Backend::Memory(tx) => tx.append(state, events, seq).await,
        }
    }

    /// The newest usable snapshot with its number.
    pub async fn load_snapshot(&mut self) -> Result<Option<(u64, Session)>, sqlx::Error> {
        match &mut self.tx {
            Backend::Postgres(tx) => log::load_snapshot(tx, self.session).await,
            #[cfg(test)]
            Backend::Memory(tx) => tx.load_snapshot().await,
        }
    }

    /// Makes it durable.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        match self.tx {
            Backend::Postgres(tx) => tx.commit().await,
            #[cfg(test)]
            Backend::Memory(tx) => tx.commit().await,
        }
    }
}
