//! Leases and rows of presence in PostgreSQL (`0003_nodes.sql`): each call is one statement and one round trip.
use std::{collections::BTreeMap, time::Duration};

use uuid::Uuid;

use super::{Found, Held, Remains, Row, Sights};
use crate::{
    db::Db,
    kernel::Id,
    live::{
        core::{NodeId, ParticipantId, SessionId},
        log::to_seq,
        room::writer::Key,
    },
};

pub async fn hold(db: &Db, node: NodeId, fresh: bool, lease: Duration, rows: &[Row]) -> Result<Held, sqlx::Error> {
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
}

/// Arrays of different lengths cannot be sent as one array; as text they can.
fn array(people: &[ParticipantId]) -> String {
    let ids: Vec<String> = people.iter().map(ToString::to_string).collect();
    format!("{{{}}}", ids.join(","))
}

pub async fn release(db: &Db, node: NodeId) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT live_release($1)", node.uuid()).execute(&mut *db.bare().await?).await.map(drop)
}

pub async fn lost(db: &Db, node: NodeId) -> Result<Vec<Remains>, sqlx::Error> {
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
}

pub async fn bury(db: &Db, node: NodeId, remains: &Remains) -> Result<(), sqlx::Error> {
    let (session, lost) = (remains.key.session.uuid(), remains.node.uuid());
    let bury = sqlx::query!("SELECT live_bury($1, $2, $3)", node.uuid(), session, lost);
    bury.execute(&mut *db.bare().await?).await.map(drop)
}

pub async fn look(db: &Db, node: NodeId, sessions: &[(SessionId, i64)]) -> Result<Sights, sqlx::Error> {
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
}

pub async fn forsaken(db: &Db) -> Result<Vec<Key>, sqlx::Error> {
    let rows = sqlx::query!(r#"SELECT organization_id AS "organization!", id AS "id!" FROM live_forsaken()"#)
        .fetch_all(&mut *db.bare().await?)
        .await?;
    let key = |organization, session| Key { organization: Id::new(organization), session: Id::new(session) };
    Ok(rows.into_iter().map(|row| key(row.organization, row.id)).collect())
}
