//! Leases and rows of presence in the database (`0003_nodes.sql`). Each call is one statement and one round trip, and has
//! a deadline.
use std::{collections::BTreeMap, future::Future, time::Duration};

use uuid::Uuid;

use super::board::People;
use crate::{
    kernel::Id,
    live::{
        core::{NodeId, ParticipantId, SessionId},
        log::to_seq,
        room::writer::Key,
        store::Store,
    },
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
    let call = async {
        let db = match store {
            Store::Postgres(db) => db,
            #[cfg(test)]
            Store::Memory(memory) => return memory.hold(node, fresh, lease, rows).await,
        };
        let organizations: Vec<Uuid> = rows.iter().map(|(key, _)| key.organization.uuid()).collect();
        let sessions: Vec<Uuid> = rows.iter().map(|(key, _)| key.session.uuid()).collect();
        let people: Vec<Option<String>> = rows.iter().map(|(_, people)| people.as_deref().map(array)).collect();
        let held = sqlx::query!(
            r#"SELECT held AS "held!", nodes AS "nodes!", lapsed AS "lapsed!"
               FROM live_hold($1, $2, $3, $4, $5, $6)"#,
            node.uuid(),
            fresh,
            lease.as_secs_f64(),
            &organizations,
            &sessions,
            &people as &[Option<String>],
        )
        .fetch_one(&mut *db.bare().await?)
        .await?;
        let number = |count: i32| u32::try_from(count).unwrap_or(0);
        Ok(Held { ours: held.held, nodes: number(held.nodes), lapsed: number(held.lapsed) })
    };
    in_time(call).await
}

/// Arrays of different lengths cannot be sent as one array; as text they can.
fn array(people: &[ParticipantId]) -> String {
    let ids: Vec<String> = people.iter().map(ToString::to_string).collect();
    format!("{{{}}}", ids.join(","))
}

/// Gives a lease up.
pub async fn release(store: &Store, node: NodeId) -> Result<(), sqlx::Error> {
    let call = async {
        match store {
            Store::Postgres(db) => {
                let mut connection = db.bare().await?;
                sqlx::query!("SELECT live_release($1)", node.uuid()).execute(&mut *connection).await.map(drop)
            }
            #[cfg(test)]
            Store::Memory(memory) => memory.release(node).await,
        }
    };
    in_time(call).await
}

/// Some of what this node has to bury.
pub async fn lost(store: &Store, node: NodeId) -> Result<Vec<Remains>, sqlx::Error> {
    let call = async {
        let db = match store {
            Store::Postgres(db) => db,
            #[cfg(test)]
            Store::Memory(memory) => return memory.lost(node).await,
        };
        let rows = sqlx::query!(
            r#"SELECT organization_id AS "organization!", live_session_id AS "session!", node_id AS "node!",
                   people AS "people!"
               FROM live_lost($1)"#,
            node.uuid(),
        )
        .fetch_all(&mut *db.bare().await?)
        .await?;
        let remains = rows.into_iter().map(|row| Remains {
            key: Key { organization: Id::new(row.organization), session: Id::new(row.session) },
            node: Id::new(row.node),
            people: row.people.into_iter().map(Id::new).collect(),
        });
        Ok(remains.collect())
    };
    in_time(call).await
}

/// Replaces a lost node's row by one of ours.
pub async fn bury(store: &Store, node: NodeId, remains: &Remains) -> Result<(), sqlx::Error> {
    let call = async {
        match store {
            Store::Postgres(db) => {
                let (session, lost) = (remains.key.session.uuid(), remains.node.uuid());
                let mut connection = db.bare().await?;
                let bury = sqlx::query!("SELECT live_bury($1, $2, $3)", node.uuid(), session, lost);
                bury.execute(&mut *connection).await.map(drop)
            }
            #[cfg(test)]
            Store::Memory(memory) => memory.bury(node, remains).await,
        }
    };
    in_time(call).await
}

/// Looks at these sessions, at each from where its last look ended.
pub async fn look(store: &Store, node: NodeId, sessions: &[(SessionId, i64)]) -> Result<Sights, sqlx::Error> {
    let call = async {
        let db = match store {
            Store::Postgres(db) => db,
            #[cfg(test)]
            Store::Memory(memory) => return memory.look(node, sessions).await,
        };
        let ids: Vec<Uuid> = sessions.iter().map(|(session, _)| session.uuid()).collect();
        let since: Vec<i64> = sessions.iter().map(|(_, since)| *since).collect();
        let rows = sqlx::query!(
            r#"SELECT live_session_id AS session, node_id AS node, seq AS "seq!", people FROM live_look($1, $2, $3)"#,
            node.uuid(),
            &ids,
            &since,
        )
        .fetch_all(&mut *db.bare().await?)
        .await?;
        let (mut found, mut next) = (BTreeMap::<SessionId, Found>::new(), 0);
        for row in rows {
            match (row.session, row.node) {
                (Some(session), None) => found.entry(Id::new(session)).or_default().head = Some(to_seq(row.seq)),
                (Some(session), Some(node)) => {
                    let people = row.people.unwrap_or_default().into_iter().map(Id::new).collect();
                    found.entry(Id::new(session)).or_default().rows.push((Id::new(node), people));
                }
                (None, _) => next = row.seq,
            }
        }
        Ok((found, next))
    };
    in_time(call).await
}

/// Sessions with people in them that no node sees to.
pub async fn forsaken(store: &Store) -> Result<Vec<Key>, sqlx::Error> {
    let call = async {
        let db = match store {
            Store::Postgres(db) => db,
            #[cfg(test)]
            Store::Memory(memory) => return Ok(memory.forsaken()),
        };
        let rows = sqlx::query!(r#"SELECT organization_id AS "organization!", id AS "id!" FROM live_forsaken()"#)
            .fetch_all(&mut *db.bare().await?)
            .await?;
        let key = |organization, session| Key { organization: Id::new(organization), session: Id::new(session) };
        Ok(rows.into_iter().map(|row| key(row.organization, row.id)).collect())
    };
    in_time(call).await
}
