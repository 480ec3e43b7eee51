//! Documents in PostgreSQL: a numbered log of updates, the merged state below it, and who may do what.
//!
//! A number is given under the lock of the document's row, so that two nodes cannot both give the next one.
use std::{collections::HashMap, sync::Arc};

use uuid::Uuid;

use super::{DocumentId, Kind, Name, files, gate::IdRange, materialise::Patience};
use crate::{
    db::{SystemTx, TenantTx},
    kernel::{Id, Moment, caller},
};

/// How many updates are read in one go.
const CHUNK: i64 = 1_000;
/// Updates of one document that are kept for a look, at most; the newest.
const MOST_QUARANTINED: i64 = 20;
/// So often a document is read anew when its log was cut meanwhile.
const ATTEMPTS: u32 = 3;

/// A document's row, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Which document.
    pub id: DocumentId,
    /// The last number given.
    pub seq: u64,
    /// The last number that the snapshot holds.
    pub snapshot_seq: u64,
    /// Bytes of the updates above the snapshot.
    pub tail_bytes: u64,
    /// Since when it is read only.
    pub frozen_at: Option<Moment>,
    /// How often has changed what people may do with it.
    pub rights: u64,
}

/// One durable update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its number.
    pub seq: u64,
    /// Yjs, version 1.
    pub payload: Vec<u8>,
}

/// An update that is to be written.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Yjs, version 1; what the document has integrated.
    pub payload: Vec<u8>,
    /// Who wrote it; none: the server.
    pub author: Option<Id<caller::User>>,
    /// Where it comes from.
    pub origin: Origin,
    /// What is new in it: its author's.
    pub inserted: Vec<IdRange>,
    /// The clients among them that are certainly its author's own.
    pub claims: Vec<u64>,
    /// The whole state before it, where that is to be kept as a version.
    pub before: Option<Arc<[u8]>>,
}

/// Where an update comes from (domain: `collab_origin`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// An editor.
    Client,
    /// Somebody who is no editor, through this server.
    Server,
    /// The columns that were there before the document.
    Import,
}

impl Origin {
    const fn key(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Import => "import",
        }
    }
}

/// The document of a subject, if it has one.
pub async fn find(tx: &mut TenantTx, name: Name) -> Result<Option<DocumentId>, sqlx::Error> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM collab_documents WHERE subject_type = $1 AND subject_id = $2",
        name.kind.key(),
        name.subject
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(id.map(DocumentId::new))
}

/// Makes the document of a subject, empty, unless it has one. Of any number of simultaneous calls exactly one makes it;
/// the others wait for that one's transaction.
pub async fn create(tx: &mut TenantTx, id: DocumentId, name: Name) -> Result<bool, sqlx::Error> {
    let made = sqlx::query!(
        "INSERT INTO collab_documents (id, organization_id, subject_type, subject_id) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
        id.uuid(),
        tx.organization(),
        name.kind.key(),
        name.subject,
    );
    Ok(made.execute(&mut **tx).await?.rows_affected() == 1)
}

/// The live session that a document belongs to, if it does.
pub async fn session(tx: &mut TenantTx, id: DocumentId) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT coalesce(n.live_session_id, b.live_session_id) AS session
           FROM collab_documents d
           LEFT JOIN live_notes n ON d.subject_type = 'live_notes' AND n.id = d.subject_id
           LEFT JOIN live_whiteboards b ON d.subject_type = 'live_whiteboard' AND b.id = d.subject_id
           WHERE d.id = $1"#,
        id.uuid()
    )
    .fetch_optional(&mut **tx)
    .await
    .map(Option::flatten)
}

/// The columns of a [`Head`].
struct HeadRow {
    id: Uuid,
    head_seq: i64,
    snapshot_seq: i64,
    tail_bytes: i64,
    frozen_at: Option<Moment>,
    rights_seq: i64,
}

impl From<HeadRow> for Head {
    fn from(row: HeadRow) -> Self {
        Self {
            id: DocumentId::new(row.id),
            seq: from_signed(row.head_seq),
            snapshot_seq: from_signed(row.snapshot_seq),
            tail_bytes: from_signed(row.tail_bytes),
            frozen_at: row.frozen_at,
            rights: from_signed(row.rights_seq),
        }
    }
}

/// Locks a document's row for this transaction. None: no such document here.
pub async fn lock(tx: &mut TenantTx, id: DocumentId) -> Result<Option<Head>, sqlx::Error> {
    let row = sqlx::query_as!(
        HeadRow,
        "SELECT id, head_seq, snapshot_seq, tail_bytes, frozen_at, rights_seq FROM collab_documents
         WHERE id = $1 FOR UPDATE",
        id.uuid()
    );
    Ok(row.fetch_optional(&mut **tx).await?.map(Head::from))
}

/// The head as it is now, which nobody keeps from moving on. None: no such document here.
pub async fn head(tx: &mut TenantTx, id: DocumentId) -> Result<Option<Head>, sqlx::Error> {
    let row = sqlx::query_as!(
        HeadRow,
        "SELECT id, head_seq, snapshot_seq, tail_bytes, frozen_at, rights_seq FROM collab_documents WHERE id = $1",
        id.uuid()
    );
    Ok(row.fetch_optional(&mut **tx).await?.map(Head::from))
}

/// The merged state and its number, and the number of the last update. None: no such document here.
async fn snapshot(tx: &mut TenantTx, id: DocumentId) -> Result<Option<Snapshot>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT head_seq, snapshot_seq, snapshot, subject_type FROM collab_documents WHERE id = $1",
        id.uuid()
    );
    Ok(row.fetch_optional(&mut **tx).await?.and_then(|row| {
        // A kind that this version does not know does not exist for it.
        let kind = Kind::by_key(&row.subject_type)?;
        let (seq, head) = (from_signed(row.snapshot_seq), from_signed(row.head_seq));
        Some(Snapshot { kind, state: row.snapshot, seq, head })
    }))
}

/// The merged state of a document.
struct Snapshot {
    kind: Kind,
    state: Option<Vec<u8>>,
    seq: u64,
    head: u64,
}

/// The updates after a number, at most a chunk of them; call again until none come.
pub async fn read(tx: &mut TenantTx, id: DocumentId, after: u64) -> Result<Vec<Stored>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT seq, payload FROM collab_updates WHERE document_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        id.uuid(),
        to_signed(after),
        CHUNK
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| Stored { seq: from_signed(row.seq), payload: row.payload }).collect())
}

/// Why there are no parts of a document that exists.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// The database is away.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// Some of its updates are neither in the log nor in the merged state.
    #[error("the log has a hole")]
    Hole,
}

/// All that there is of a document: its kind, its last number, the merged state and the updates after it. None: no such
/// document here.
pub async fn parts(tx: &mut TenantTx, id: DocumentId) -> Result<Option<(Kind, u64, Vec<Vec<u8>>)>, Unread> {
    for _ in 0..ATTEMPTS {
        let Some(Snapshot { kind, state, mut seq, head }) = snapshot(tx, id).await? else { return Ok(None) };
        let (mut parts, mut cut) = (Vec::from_iter(state), false);
        loop {
            let some = read(tx, id, seq).await?;
            let (Some(first), Some(last)) = (some.first(), some.last()) else { break };
            // Numbers are given without gaps.
            cut |= first.seq != seq + 1 || last.seq - first.seq + 1 != some.len() as u64;
            seq = last.seq;
            parts.extend(some.into_iter().map(|stored| stored.payload));
        }
        cut |= seq < head;
        // If not, the log was merged and cut in between: there is a newer state.
        if !cut {
            return Ok(Some((kind, seq, parts)));
        }
    }
    Err(Unread::Hole)
}

/// Appends updates after the head, which must be locked, and moves it. Returns the new head's number.
pub async fn append(tx: &mut TenantTx, head: &Head, drafts: &[Draft], node: &str) -> Result<u64, sqlx::Error> {
    let seqs: Vec<i64> = (1..).take(drafts.len()).map(|n| to_signed(head.seq + n)).collect();
    let payloads: Vec<&[u8]> = drafts.iter().map(|draft| draft.payload.as_slice()).collect();
    let authors: Vec<Option<Uuid>> = drafts.iter().map(|draft| draft.author.map(Id::uuid)).collect();
    let origins: Vec<&str> = drafts.iter().map(|draft| draft.origin.key()).collect();
    let bytes: usize = payloads.iter().map(|payload| payload.len()).sum();
    sqlx::query!(
        "INSERT INTO collab_updates (organization_id, document_id, node_id, seq, payload, actor_user_id, origin)
         SELECT $1, $2, $3, * FROM unnest($4::bigint[], $5::bytea[], $6::uuid[], $7::text[])",
        tx.organization(),
        head.id.uuid(),
        node,
        &seqs,
        &payloads as &[&[u8]],
        &authors as &[Option<Uuid>],
        &origins as &[&str],
    )
    .execute(&mut **tx)
    .await?;
    files::note(tx, head.id, payloads.iter().copied()).await?;
    let seq = head.seq + drafts.len() as u64;
    sqlx::query!(
        "UPDATE collab_documents SET head_seq = $2, tail_bytes = tail_bytes + $3 WHERE id = $1",
        head.id.uuid(),
        to_signed(seq),
        size(bytes)
    )
    .execute(&mut **tx)
    .await?;
    Ok(seq)
}

/// What the head check compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newest {
    /// The last number given to an update.
    pub seq: u64,
    /// So often has changed what people may do.
    pub rights: u64,
}

/// The newest of each of these documents.
pub async fn heads(tx: &mut SystemTx, documents: &[Uuid]) -> Result<HashMap<Uuid, Newest>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id!", head_seq AS "seq!", rights_seq AS "rights!" FROM collab_heads_and_rights($1)"#,
        documents
    )
    .fetch_all(&mut **tx)
    .await?;
    let newest =
        rows.into_iter().map(|row| (row.id, Newest { seq: from_signed(row.seq), rights: from_signed(row.rights) }));
    Ok(newest.collect())
}

/// How often has changed what people may do with it. None: no such document here.
pub async fn rights(tx: &mut TenantTx, id: DocumentId) -> Result<Option<u64>, sqlx::Error> {
    let rights = sqlx::query_scalar!("SELECT rights_seq FROM collab_documents WHERE id = $1", id.uuid());
    Ok(rights.fetch_optional(&mut **tx).await?.map(from_signed))
}

/// Replaces the snapshot by a newer one, and cuts the updates that it has held for a day already.
pub async fn compact(tx: &mut TenantTx, id: DocumentId, upto: u64, state: &[u8]) -> Result<(), sqlx::Error> {
    let moved = sqlx::query!(
        "UPDATE collab_documents d SET snapshot = $3, snapshot_seq = $2, tail_bytes = (
             SELECT coalesce(sum(octet_length(u.payload)), 0) FROM collab_updates u
             WHERE u.document_id = d.id AND u.seq > $2)
         WHERE d.id = $1 AND d.snapshot_seq < $2",
        id.uuid(),
        to_signed(upto),
        state
    )
    .execute(&mut **tx)
    .await?;
    if moved.rows_affected() > 0 {
        sqlx::query!(
            "DELETE FROM collab_updates WHERE document_id = $1 AND seq <= $2 AND created_at < now() - interval '1 day'",
            id.uuid(),
            to_signed(upto)
        )
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// How far a document and its columns are.
#[derive(Debug, Clone)]
pub struct Progress {
    /// What it is about.
    pub name: Name,
    /// The last number given.
    pub head: u64,
    /// The last number that was looked at for the columns.
    pub materialised: u64,
    /// Why the columns do not say the same.
    pub error: Option<String>,
}

/// How far a document and its columns are. None: no such document here, or of a kind that this version does not know.
pub async fn progress(tx: &mut TenantTx, id: DocumentId) -> Result<Option<Progress>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT subject_type, subject_id, head_seq, materialised_seq, materialise_error FROM collab_documents
         WHERE id = $1",
        id.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.and_then(|row| {
        Some(Progress {
            name: Name { kind: Kind::by_key(&row.subject_type)?, subject: row.subject_id },
            head: from_signed(row.head_seq),
            materialised: from_signed(row.materialised_seq),
            error: row.materialise_error,
        })
    }))
}

/// Takes the advisory lock of whoever writes a document's columns, for this transaction. False: another has it.
pub async fn hold(tx: &mut TenantTx, id: DocumentId, patience: Patience) -> Result<bool, sqlx::Error> {
    // Reading a large document takes a while, and until then nothing is asked in this transaction.
    sqlx::query!("SET LOCAL idle_in_transaction_session_timeout = '30s'").execute(&mut **tx).await?;
    // The random half of the id.
    let lock = id.uuid().as_u64_pair().1.cast_signed();
    match patience {
        Patience::Leave => {
            let got = sqlx::query_scalar!(r#"SELECT pg_try_advisory_xact_lock($1) AS "got!""#, lock);
            got.fetch_one(&mut **tx).await
        }
        Patience::Wait => {
            sqlx::query!("SELECT pg_advisory_xact_lock($1)", lock).execute(&mut **tx).await?;
            Ok(true)
        }
    }
}

/// Who wrote the last update that somebody wrote.
pub async fn last_author(tx: &mut TenantTx, id: DocumentId) -> Result<Option<Uuid>, sqlx::Error> {
    let author = sqlx::query_scalar!(
        r#"SELECT actor_user_id AS "author!" FROM collab_updates
           WHERE document_id = $1 AND actor_user_id IS NOT NULL ORDER BY seq DESC LIMIT 1"#,
        id.uuid()
    );
    author.fetch_optional(&mut **tx).await
}

/// Can this document only be read?
pub async fn is_frozen(tx: &mut TenantTx, id: DocumentId) -> Result<bool, sqlx::Error> {
    let frozen = sqlx::query_scalar!(
        r#"SELECT frozen_at IS NOT NULL AS "frozen!" FROM collab_documents WHERE id = $1"#,
        id.uuid()
    );
    Ok(frozen.fetch_optional(&mut **tx).await?.unwrap_or(false))
}

/// Makes a document read only, or writable again.
pub async fn set_frozen(tx: &mut TenantTx, id: DocumentId, since: Option<Moment>) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE collab_documents SET frozen_at = $2 WHERE id = $1", id.uuid(), since)
        .execute(&mut **tx)
        .await
        .map(drop)
}

/// Documents of any tenant that should have become columns before `before`, but for these; the oldest first.
pub async fn dirty(
    tx: &mut SystemTx,
    before: Moment,
    most: i32,
    but: &[DocumentId],
) -> Result<Vec<(Id<caller::Organization>, DocumentId)>, sqlx::Error> {
    let but: Vec<Uuid> = but.iter().map(|document| document.uuid()).collect();
    let kinds: Vec<&str> = Kind::ALL.into_iter().filter(|kind| kind.has_columns()).map(Kind::key).collect();
    let rows = sqlx::query!(
        r#"SELECT id AS "id!", organization_id AS "organization!" FROM collab_dirty($1, $2, $3, $4)"#,
        &kinds as &[&str],
        before,
        most,
        &but as &[Uuid],
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (Id::new(row.organization), DocumentId::new(row.id))).collect())
}

/// Notes how far the columns are, and why they are not further. Never backwards.
pub async fn set_materialised(
    tx: &mut TenantTx,
    id: DocumentId,
    seq: u64,
    error: Option<&str>,
    now: Moment,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE collab_documents SET materialised_seq = $2, materialised_at = $3, materialise_error = $4
         WHERE id = $1 AND materialised_seq < $2",
        id.uuid(),
        to_signed(seq),
        now,
        error
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// Keeps what could not be applied, for an operator to look at.
pub async fn quarantine(
    tx: &mut TenantTx,
    id: DocumentId,
    payload: &[u8],
    reason: &str,
    author: Option<Id<caller::User>>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO collab_quarantine (organization_id, document_id, payload, reason, actor_user_id)
         VALUES ($1, $2, $3, $4, $5)",
        tx.organization(),
        id.uuid(),
        payload,
        reason,
        author.map(Id::uuid)
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "DELETE FROM collab_quarantine WHERE document_id = $1 AND id NOT IN (
             SELECT id FROM collab_quarantine WHERE document_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2)",
        id.uuid(),
        MOST_QUARANTINED
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "UPDATE collab_documents SET quarantined_at = coalesce(quarantined_at, now()) WHERE id = $1",
        id.uuid()
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}

fn size(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A number as the database has it.
pub fn to_signed(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// A number from the database.
pub fn from_signed(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
