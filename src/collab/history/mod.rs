//! Versions of documents: whole states that are kept, and who wrote which piece of the text.
//!
//! A version is what the log gives up to a number, so it can be made on any node without the room; only the one before a
//! restore is made by the room, in the transaction of the restore, so that nothing typed can fall between the two.
pub mod authorship;
mod thin;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;
use uuid::Uuid;

use self::thin::{Kept, thinned};
use super::{
    DocumentId, Kind,
    document::Document,
    files,
    schema::{COMMENTS, Content},
    store::{self, Unread},
};
use crate::{
    db::TenantTx,
    kernel::{Clock, Id, Moment, caller},
};

/// Versions with a name of one document, at most.
const MOST_NAMED: i64 = 500;
/// How many authors a version names, at most.
const MOST_AUTHORS: i64 = 100;

/// Why a version was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(rename = "VersionReason", export_to = "VersionReason.ts")]
#[schema(as = VersionReason)]
pub enum Reason {
    /// Somebody gave it a name.
    Manual,
    /// The plan was handed in.
    Submit,
    /// The plan was accepted.
    Accept,
    /// The summary was approved.
    Approve,
    /// It was published.
    Publish,
    /// An older version was put in its place.
    Restore,
    /// By itself, after a while of writing.
    Scheduled,
}

impl Reason {
    const ALL: [Self; 7] =
        [Self::Manual, Self::Submit, Self::Accept, Self::Approve, Self::Publish, Self::Restore, Self::Scheduled];

    const fn key(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Submit => "submit",
            Self::Accept => "accept",
            Self::Approve => "approve",
            Self::Publish => "publish",
            Self::Restore => "restore",
            Self::Scheduled => "scheduled",
        }
    }
    fn by_key(key: &str) -> Self {
        Self::ALL.into_iter().find(|reason| reason.key() == key).unwrap_or(Self::Scheduled)
    }
}

/// A version that is to be kept.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    /// Why.
    pub reason: Reason,
    /// Its name, if it has one.
    pub label: Option<&'a str>,
    /// Who asked for it; none: nobody.
    pub by: Option<Id<caller::User>>,
}

/// A version, without its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Which.
    pub id: Uuid,
    /// The last update that is in it.
    pub seq: u64,
    /// Why it was kept.
    pub reason: Reason,
    /// Its name.
    pub label: Option<String>,
    /// Who wrote since the version before.
    pub authors: Vec<Uuid>,
    /// Who asked for it.
    pub created_by: Option<Uuid>,
    /// When.
    pub created_at: Moment,
}

/// Why a version was not kept, or not read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The database is away.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// No such document, or no such version of it.
    #[error("there is no such thing")]
    Gone,
    /// Too many versions with names.
    #[error("there are too many versions with names")]
    TooMany,
    /// What is stored cannot be read.
    #[error("the state cannot be read")]
    Broken,
}

impl From<Unread> for HistoryError {
    fn from(error: Unread) -> Self {
        match error {
            Unread::Database(error) => Self::Database(error),
            Unread::Hole => Self::Broken,
        }
    }
}

/// Keeps what the log has now as a version.
pub async fn keep(tx: &mut TenantTx, clock: &Clock, id: DocumentId, draft: &Draft<'_>) -> Result<Uuid, HistoryError> {
    if draft.reason == Reason::Manual {
        let named = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM collab_checkpoints WHERE document_id = $1 AND reason = 'manual'"#,
            id.uuid()
        );
        if named.fetch_one(&mut **tx).await? >= MOST_NAMED {
            return Err(HistoryError::TooMany);
        }
    }
    let (seq, state) = merged(tx, id).await?;
    let kept = insert(tx, clock, id, seq, &state, draft).await?;
    thin(tx, clock, id).await?;
    Ok(kept)
}

/// Keeps a version if the first change that none holds was made `every` ago. True: it did.
pub async fn keep_scheduled(
    tx: &mut TenantTx,
    clock: &Clock,
    id: DocumentId,
    every: Duration,
) -> Result<bool, HistoryError> {
    if unkept_for(tx, id).await?.is_none_or(|age| age < every) {
        return Ok(false);
    }
    // Read first, so that the lock, which all writing waits for, is short.
    let (seq, state) = merged(tx, id).await?;
    store::lock(tx, id).await?;
    if unkept_for(tx, id).await?.is_none_or(|age| age < every) {
        return Ok(false);
    }
    insert(tx, clock, id, seq, &state, &Draft { reason: Reason::Scheduled, label: None, by: None }).await?;
    thin(tx, clock, id).await?;
    Ok(true)
}

/// How long ago the first change was made that no version holds. None: there is no such change.
pub async fn unkept_for(tx: &mut TenantTx, id: DocumentId) -> Result<Option<Duration>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT d.head_seq > coalesce(v.seq, 0) AS "unkept!",
                  (SELECT greatest(extract(epoch FROM now() - u.created_at), 0)::float8 FROM collab_updates u
                   WHERE u.document_id = d.id AND u.seq > coalesce(v.seq, 0) ORDER BY u.seq LIMIT 1) AS age
           FROM collab_documents d
           LEFT JOIN LATERAL (SELECT max(c.seq) AS seq FROM collab_checkpoints c WHERE c.document_id = d.id) v ON true
           WHERE d.id = $1"#,
        id.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    // Where the updates are cut already, they are older than a day.
    let age = |age: Option<f64>| Duration::try_from_secs_f64(age.unwrap_or(86_400.0)).unwrap_or_default();
    Ok(row.filter(|row| row.unkept).map(|row| age(row.age)))
}

/// The whole state as the log has it, and the number up to which.
async fn merged(tx: &mut TenantTx, id: DocumentId) -> Result<(u64, Vec<u8>), HistoryError> {
    let (kind, seq, parts) = store::parts(tx, id).await?.ok_or(HistoryError::Gone)?;
    let merging = tokio::task::spawn_blocking(move || {
        Document::load(kind.schema(), 0, parts.iter().map(Vec::as_slice)).ok()?.state().ok()
    });
    let state = merging.await.ok().flatten().ok_or(HistoryError::Broken)?;
    Ok((seq, state))
}

/// Writes a version down. The same state for the same reason is one version; the last name counts.
pub async fn insert(
    tx: &mut TenantTx,
    clock: &Clock,
    id: DocumentId,
    seq: u64,
    state: &[u8],
    draft: &Draft<'_>,
) -> Result<Uuid, sqlx::Error> {
    let version = sqlx::query_scalar!(
        "INSERT INTO collab_checkpoints AS c
             (id, organization_id, document_id, seq, reason, label, state, created_by_id, created_at, authors)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, ARRAY(
             SELECT DISTINCT u.actor_user_id FROM collab_updates u
             WHERE u.document_id = $3 AND u.seq <= $4 AND u.actor_user_id IS NOT NULL AND u.seq > coalesce(
                 (SELECT max(v.seq) FROM collab_checkpoints v WHERE v.document_id = $3 AND v.seq <= $4), 0)
             LIMIT $10))
         ON CONFLICT (document_id, seq, reason) DO UPDATE SET label = coalesce(EXCLUDED.label, c.label)
         RETURNING c.id",
        clock.id::<()>().uuid(),
        tx.organization(),
        id.uuid(),
        store::to_signed(seq),
        draft.reason.key(),
        draft.label,
        state,
        draft.by.map(Id::uuid),
        clock.now(),
        MOST_AUTHORS,
    )
    .fetch_one(&mut **tx)
    .await?;
    files::note_version(tx, version, state).await?;
    Ok(version)
}

/// Lets go of automatic versions that are no longer worth their room.
pub async fn thin(tx: &mut TenantTx, clock: &Clock, id: DocumentId) -> Result<(), sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT id, reason, created_at, authors, octet_length(state) AS "bytes!" FROM collab_checkpoints
           WHERE document_id = $1 ORDER BY seq DESC, id DESC"#,
        id.uuid()
    )
    .fetch_all(&mut **tx)
    .await?;
    let versions: Vec<Kept> = rows
        .into_iter()
        .map(|row| Kept {
            id: row.id,
            reason: Reason::by_key(&row.reason),
            at: row.created_at,
            bytes: u64::from(row.bytes.unsigned_abs()),
            authors: row.authors,
        })
        .collect();
    let thinned = thinned(&versions, clock.now());
    for (heir, authors) in &thinned.heirs {
        sqlx::query!("UPDATE collab_checkpoints SET authors = $2 WHERE id = $1", heir, authors)
            .execute(&mut **tx)
            .await?;
    }
    if !thinned.gone.is_empty() {
        sqlx::query!("DELETE FROM collab_checkpoints WHERE id = ANY ($1)", &thinned.gone).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Where a page of versions begins: behind this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    /// Its number.
    pub seq: u64,
    /// Its id.
    pub id: Uuid,
}

/// The versions of a document, the newest first.
pub async fn list(
    tx: &mut TenantTx,
    id: DocumentId,
    after: Option<After>,
    limit: i64,
) -> Result<Vec<Version>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT id, seq, reason, label, authors, created_by_id, created_at FROM collab_checkpoints
         WHERE document_id = $1 AND ($2::bigint IS NULL OR (seq, id) < ($2, $3))
         ORDER BY seq DESC, id DESC LIMIT $4",
        id.uuid(),
        after.map(|after| store::to_signed(after.seq)),
        after.map(|after| after.id),
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    let version = rows.into_iter().map(|row| Version {
        id: row.id,
        seq: store::from_signed(row.seq),
        reason: Reason::by_key(&row.reason),
        label: row.label,
        authors: row.authors,
        created_by: row.created_by_id,
        created_at: row.created_at,
    });
    Ok(version.collect())
}

/// The state of a version of this document.
pub async fn state(tx: &mut TenantTx, id: DocumentId, version: Uuid) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar!("SELECT state FROM collab_checkpoints WHERE document_id = $1 AND id = $2", id.uuid(), version)
        .fetch_optional(&mut **tx)
        .await
}

/// What a version says. Remarks are no part of it: they belong to the document as it is now.
pub async fn content(kind: Kind, state: Vec<u8>) -> Result<Content, HistoryError> {
    let reading =
        tokio::task::spawn_blocking(move || Document::load(kind.schema(), 0, [state.as_slice()]).ok()?.read().ok());
    let mut content = reading.await.ok().flatten().ok_or(HistoryError::Broken)?;
    content.fields.remove(COMMENTS);
    Ok(content)
}
