//! The event log in PostgreSQL: the row lock on the session's head is the fence, the log behind it the truth.
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::core::{Actor, Event, ParticipantId, Session, SessionId};
use crate::{db::TenantTx, kernel::Moment};

/// Shape of [`Session`] in `live_session_snapshots.state`. Raise it when the shape changes: older snapshots are then
/// ignored and the log is read from its beginning.
pub const SNAPSHOT_VERSION: i32 = 1;

/// How many events are read in one go.
const CHUNK: i64 = 5_000;

/// An event with its number and time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logged {
    /// 1, 2, 3 … per session.
    pub seq: u64,
    /// When it was decided.
    pub at: Moment,
    /// Who caused it; none: the server or an administrator.
    pub actor: Option<ParticipantId>,
    /// What happened.
    pub event: Event,
}

/// Who stands in the log as the cause.
pub fn actor_id(actor: Actor) -> Option<ParticipantId> {
    match actor {
        Actor::Participant(id) => Some(id),
        Actor::Admin | Actor::System => None,
    }
}

/// Locks the session's head for this transaction and says the last number given. None: no such session here.
pub async fn lock_head(tx: &mut TenantTx, session: SessionId) -> Result<Option<u64>, sqlx::Error> {
    let head = sqlx::query_scalar!("SELECT event_seq FROM live_sessions WHERE id = $1 FOR UPDATE", session.uuid())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(head.map(to_seq))
}

/// Locks the session's head and moves it from one number to another in one statement. False: it does not stand there.
pub async fn take_head(tx: &mut TenantTx, session: SessionId, from: u64, to: u64) -> Result<bool, sqlx::Error> {
    let moved = sqlx::query!(
        "UPDATE live_sessions SET event_seq = $3 WHERE id = $1 AND event_seq = $2",
        session.uuid(),
        to_db(from),
        to_db(to)
    )
    .execute(&mut **tx)
    .await?;
    Ok(moved.rows_affected() == 1)
}

/// The last number given, without a lock.
pub async fn head(tx: &mut TenantTx, session: SessionId) -> Result<Option<u64>, sqlx::Error> {
    let head = sqlx::query_scalar!("SELECT event_seq FROM live_sessions WHERE id = $1", session.uuid())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(head.map(to_seq))
}

/// The events after a number, at most a chunk of them; call again until the head is reached. Where the log begins later,
/// or not at all, they come from the archive.
pub async fn read(tx: &mut TenantTx, session: SessionId, after: u64, head: u64) -> Result<Vec<Logged>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT seq, payload, actor_participant_id, created_at FROM live_session_events
         WHERE live_session_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        session.uuid(),
        to_db(after),
        CHUNK,
    )
    .fetch_all(&mut **tx)
    .await?;
    if after < head && rows.first().is_none_or(|first| to_seq(first.seq) > after + 1) {
        let archived = read_archive(tx, session, after).await?;
        if !archived.is_empty() {
            return Ok(archived);
        }
    }
    rows.into_iter()
        .map(|row| {
            let event = serde_json::from_value(row.payload).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            let actor = row.actor_participant_id.map(ParticipantId::new);
            Ok(Logged { seq: to_seq(row.seq), at: row.created_at, actor, event })
        })
        .collect()
}

async fn read_archive(tx: &mut TenantTx, session: SessionId, after: u64) -> Result<Vec<Logged>, sqlx::Error> {
    let chunk = sqlx::query_scalar!(
        r#"SELECT events::text AS "events!" FROM live_session_archive
           WHERE live_session_id = $1 AND to_seq > $2 ORDER BY to_seq LIMIT 1"#,
        session.uuid(),
        to_db(after),
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(chunk) = chunk else { return Ok(Vec::new()) };
    let mut events: Vec<Logged> = serde_json::from_str(&chunk).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    events.retain(|logged| logged.seq > after);
    Ok(events)
}

/// Appends events that carry the next numbers. The head must be locked; [`super::projection`] moves it.
pub async fn append(tx: &mut TenantTx, session: SessionId, events: &[Logged]) -> Result<(), sqlx::Error> {
    let mut seqs = Vec::with_capacity(events.len());
    let mut types = Vec::with_capacity(events.len());
    let mut actors: Vec<Option<Uuid>> = Vec::with_capacity(events.len());
    let mut payloads = Vec::with_capacity(events.len());
    let mut times = Vec::with_capacity(events.len());
    for logged in events {
        let payload = serde_json::to_value(&logged.event).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        seqs.push(to_db(logged.seq));
        types.push(payload.get("type").and_then(Value::as_str).unwrap_or("unknown").to_owned());
        actors.push(logged.actor.map(ParticipantId::uuid));
        payloads.push(payload);
        times.push(logged.at);
    }
    sqlx::query!(
        "INSERT INTO live_session_events
             (organization_id, live_session_id, seq, type, actor_participant_id, payload, created_at)
         SELECT $1, $2, * FROM unnest($3::bigint[], $4::text[], $5::uuid[], $6::jsonb[], $7::timestamptz[])",
        tx.organization(),
        session.uuid(),
        &seqs,
        &types,
        &actors as &[Option<Uuid>],
        &payloads,
        &times,
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// The newest usable snapshot with its number.
pub async fn load_snapshot(tx: &mut TenantTx, session: SessionId) -> Result<Option<(u64, Session)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT seq, state::text AS "state!" FROM live_session_snapshots WHERE live_session_id = $1 AND version = $2"#,
        session.uuid(),
        SNAPSHOT_VERSION,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.and_then(|row| match serde_json::from_str(&row.state) {
        Ok(state) => Some((to_seq(row.seq), state)),
        Err(error) => {
            tracing::warn!(%session, %error, "snapshot not readable; reading the whole log instead");
            None
        }
    }))
}

/// Keeps a snapshot, given as JSON; an older one never replaces a newer one.
pub async fn store_snapshot(tx: &mut TenantTx, session: SessionId, seq: u64, state: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO live_session_snapshots (organization_id, live_session_id, seq, version, state)
         VALUES ($1, $2, $3, $4, $5::text::jsonb)
         ON CONFLICT (live_session_id) DO UPDATE SET seq = EXCLUDED.seq, version = EXCLUDED.version,
             state = EXCLUDED.state, created_at = now()
         WHERE live_session_snapshots.seq < EXCLUDED.seq OR live_session_snapshots.version <> EXCLUDED.version",
        tx.organization(),
        session.uuid(),
        to_db(seq),
        SNAPSHOT_VERSION,
        state,
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// A number as PostgreSQL's bigint.
pub fn to_db(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// A bigint that is never negative, as a number.
pub fn to_seq(seq: i64) -> u64 {
    u64::try_from(seq).unwrap_or(0)
}
