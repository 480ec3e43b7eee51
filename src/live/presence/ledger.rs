//! Leases and rows of presence, wherever sessions are kept. Each call has a deadline.
mod postgres;

use std::{collections::BTreeMap, future::Future, time::Duration};

use super::board::People;
use crate::live::{
    core::{NodeId, ParticipantId, SessionId},
    room::writer::Key,
    store::Store,
};

/// A statement that takes longer is given up: half of a lease.
const DEADLINE: Duration = Duration::from_secs(5);

/// A room's row: who is connected; none: the row goes.
pub type Row = (Key, Option<People>);

/// What came of [`hold`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The lease is ours. If not, another node buries it.
    pub ours: bool,
    /// Leases in force.
    pub nodes: u32,
    /// Lost nodes that we have to bury.
    pub lapsed: u32,
}

/// A row of a lost node.
#[derive(Debug, Clone)]
pub struct Remains {
    /// Of which session.
    pub key: Key,
    /// Of which node.
    pub node: NodeId,
    /// Who was connected to it.
    pub people: Vec<ParticipantId>,
}

/// What one look has found about a session.
#[derive(Debug, Default)]
pub struct Found {
    /// The newest number; none: there is no such session.
    pub head: Option<u64>,
    /// Who is connected elsewhere, where that may have changed.
    pub rows: Vec<(NodeId, People)>,
}

/// What [`look`] has found about each session, and where the next looks begin.
pub type Sights = (BTreeMap<SessionId, Found>, i64);

async fn in_time<T>(call: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let late = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
    tokio::time::timeout(DEADLINE, call).await.map_err(late)?
}

/// Takes (`fresh`) or renews a lease, and writes rows.
pub async fn hold(
    store: &Store,
    node: NodeId,
    fresh: bool,
    lease: Duration,
    rows: &[Row],
) -> Result<Held, sqlx::Error> {
    match store {
        Store::Postgres(db) => in_time(postgres::hold(db, node, fresh, lease, rows)).await,
        #[cfg(test)]
        Store::Memory(memory) => in_time(memory.hold(node, fresh, lease, rows)).await,
    }
}

/// Gives a lease up.
pub async fn release(store: &Store, node: NodeId) -> Result<(), sqlx::Error> {
    match store {
        Store::Postgres(db) => in_time(postgres::release(db, node)).await,
        #[cfg(test)]
        Store::Memory(memory) => in_time(memory.release(node)).await,
    }
}

/// Some of what this node has to bury.
pub async fn lost(store: &Store, node: NodeId) -> Result<Vec<Remains>, sqlx::Error> {
    match store {
        Store::Postgres(db) => in_time(postgres::lost(db, node)).await,
        #[cfg(test)]
        Store::Memory(memory) => in_time(memory.lost(node)).await,
    }
}

/// Replaces a lost node's row by one of ours.
pub async fn bury(store: &Store, node: NodeId, remains: &Remains) -> Result<(), sqlx::Error> {
    match store {
        Store::Postgres(db) => in_time(postgres::bury(db, node, remains)).await,
        #[cfg(test)]
        Store::Memory(memory) => in_time(memory.bury(node, remains)).await,
    }
}

/// Looks at these sessions, at each from where its last look ended.
pub async fn look(store: &Store, node: NodeId, sessions: &[(SessionId, i64)]) -> Result<Sights, sqlx::Error> {
    match store {
        Store::Postgres(db) => in_time(postgres::look(db, node, sessions)).await,
        #[cfg(test)]
        Store::Memory(memory) => in_time(memory.look(node, sessions)).await,
    }
}

/// Sessions with people in them that no node sees to.
pub async fn forsaken(store: &Store) -> Result<Vec<Key>, sqlx::Error> {
    match store {
        Store::Postgres(db) => in_time(postgres::forsaken(db)).await,
        #[cfg(test)]
        Store::Memory(memory) => Ok(memory.forsaken()),
    }
}
