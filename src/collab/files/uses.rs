//! Who refers to which image, and the end of those to which nobody does.
//!
//! What an update brings is noted in its own transaction, so an image that comes back is in use from that moment. That
//! something is gone is found out by looking at the whole document, now and then. An image goes when no document and no
//! version of one has referred to it for a while, and only under the lock of the document that was the last to do so.
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    collab::{
        DocumentId,
        document::Document,
        room::Key,
        store::{self, Unread},
    },
    db::{Db, SystemTx, TenantTx},
    kernel::{Clock, Id, Moment, caller},
};

/// What stands before the secret in an address.
const BEFORE: &[u8] = b"/files/";
/// How often the images of a document are looked at.
const OFTEN: TimeDelta = TimeDelta::hours(1);
/// So many documents, or fewer with several images, in one go.
const MOST_SWEPT: i32 = 200;
/// A document takes no longer.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long a secret is.
pub(super) const SECRET: usize = 43;

/// The hash of a secret, as it is stored.
pub(super) type Hash = Vec<u8>;

pub(super) fn hash(secret: &[u8]) -> Hash {
    Sha256::digest(secret).to_vec()
}

/// The hashes of all that may be the address of an image in these bytes: a document's, or an update's. Yjs keeps the
/// value of an attribute and of a map in one piece. Also what is part of something longer is taken for one: an image that
/// stays without need costs less than one that is missing.
pub fn mentions(bytes: &[u8]) -> HashSet<Hash> {
    let mut found = HashSet::new();
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == b'/') {
        rest = &rest[at..];
        if let Some(secret) = rest.strip_prefix(BEFORE).and_then(|behind| behind.get(..SECRET))
            && secret.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        {
            found.insert(hash(secret));
        }
        rest = &rest[1..];
    }
    found
}

fn hashes<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Hash> {
    let all: HashSet<Hash> = pieces.into_iter().flat_map(mentions).collect();
    all.into_iter().collect()
}

/// Notes the images that a document refers to from now on; its row is locked.
pub async fn note<'a>(
    tx: &mut TenantTx,
    document: DocumentId,
    updates: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(), sqlx::Error> {
    let hashes = hashes(updates);
    if hashes.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO collab_file_uses (organization_id, document_id, file_id)
         SELECT f.organization_id, $1, f.id FROM collab_files f WHERE f.secret_hash = ANY ($2) ORDER BY f.id
         ON CONFLICT (document_id, file_id) DO UPDATE SET unused_since = NULL, only_versions = false",
        document.uuid(),
        &hashes
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// Notes the images that a version refers to, as long as it is kept.
pub async fn note_version(tx: &mut TenantTx, version: Uuid, state: &[u8]) -> Result<(), sqlx::Error> {
    let hashes = hashes([state]);
    if hashes.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO collab_version_files (organization_id, checkpoint_id, file_id)
         SELECT f.organization_id, $1, f.id FROM collab_files f WHERE f.secret_hash = ANY ($2) ORDER BY f.id
         ON CONFLICT DO NOTHING",
        version,
        &hashes
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// Documents of any tenant whose images were last looked at before `before`.
async fn due(
    tx: &mut SystemTx,
    before: Moment,
    most: i32,
) -> Result<Vec<(Id<caller::Organization>, DocumentId)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id!", organization_id AS "organization!" FROM collab_files_due($1, $2)"#,
        before,
        most
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (Id::new(row.organization), DocumentId::new(row.id))).collect())
}

/// Why the images of a document were not looked at.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The database is away.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// No answer in time.
    #[error("no answer from the database in time")]
    Deadline,
    /// The document is gone, or cannot be read.
    #[error("the document cannot be read")]
    Unread,
}

impl From<Unread> for CheckError {
    fn from(error: Unread) -> Self {
        match error {
            Unread::Database(error) => Self::Database(error),
            Unread::Hole => Self::Unread,
        }
    }
}

/// Looks which images a document refers to. Those to which neither it nor a version of it has referred for `grace` are
/// not its images any more, and are deleted if they are no other document's either. Answers with how many were.
async fn check(db: &Db, clock: &Clock, key: Key, grace: Duration) -> Result<u64, CheckError> {
    let began = Instant::now();
    let mut tx = db.tenant_as(key.organization, None).await?;
    if is_as_it_was(&mut tx, clock.now(), key.document, grace).await? {
        tx.commit().await?;
        return Ok(0);
    }
    // The long part, without keeping anybody from writing.
    let (kind, mut seq, parts) = store::parts(&mut tx, key.document).await?.ok_or(CheckError::Unread)?;
    tx.commit().await?;
    let looking = tokio::task::spawn_blocking(move || {
        let document = Document::load(kind.schema(), 0, parts.iter().map(Vec::as_slice)).ok()?;
        document.state().ok().map(|state| mentions(&state))
    });
    let mut shown = looking.await.ok().flatten().ok_or(CheckError::Unread)?;
    // From here on nobody writes: what came in between is all that there can be more.
    let mut tx = db.tenant_as(key.organization, None).await?;
    let head = store::lock(&mut tx, key.document).await?.ok_or(CheckError::Unread)?;
    while seq < head.seq {
        let some = store::read(&mut tx, key.document, seq).await?;
        let next = some.first().map_or(0, |first| first.seq);
        let last = some.last().map(|last| last.seq).filter(|_| next == seq + 1).ok_or(CheckError::Unread)?;
        seq = last;
        shown.extend(some.iter().flat_map(|stored| mentions(&stored.payload)));
    }
    mark(&mut tx, clock.now(), key.document, seq, &shown).await?;
    let gone = let_go(&mut tx, clock.now(), key.document, grace).await?;
    tx.commit().await?;
    metrics::counter!("atelier_collab_images_deleted_total").increment(gone);
    metrics::histogram!("atelier_collab_images_checked_seconds").record(began.elapsed().as_secs_f64());
    Ok(gone)
}

/// Nothing was written since the last look, and nothing is to go by now: then that was a look, too.
async fn is_as_it_was(tx: &mut TenantTx, now: Moment, id: DocumentId, grace: Duration) -> Result<bool, sqlx::Error> {
    let same = sqlx::query!(
        "UPDATE collab_file_uses u SET checked_at = $2 FROM collab_documents d
         WHERE u.document_id = $1 AND d.id = u.document_id AND NOT EXISTS (
             SELECT FROM collab_file_uses o
             WHERE o.document_id = d.id AND (o.unused_since <= $3 OR o.checked_seq <> d.head_seq))",
        id.uuid(),
        now,
        before(now, grace)
    );
    Ok(same.execute(&mut **tx).await?.rows_affected() > 0)
}

fn before(now: Moment, grace: Duration) -> Moment {
    now - TimeDelta::from_std(grace).unwrap_or_default()
}

/// Notes what was seen of a document up to a number.
async fn mark(
    tx: &mut TenantTx,
    now: Moment,
    id: DocumentId,
    seq: u64,
    shown: &HashSet<Hash>,
) -> Result<(), sqlx::Error> {
    let shown: Vec<Hash> = shown.iter().cloned().collect();
    sqlx::query!(
        "UPDATE collab_file_uses u SET checked_at = $2, checked_seq = $3,
             only_versions = NOT s.shown AND s.kept,
             unused_since = CASE WHEN s.shown OR s.kept THEN NULL ELSE coalesce(u.unused_since, $2) END
         FROM (SELECT f.id, f.secret_hash = ANY ($4) AS shown, EXISTS (
                   SELECT FROM collab_version_files v JOIN collab_checkpoints c ON c.id = v.checkpoint_id
                   WHERE v.file_id = f.id AND c.document_id = $1) AS kept
               FROM collab_files f JOIN collab_file_uses o ON o.file_id = f.id WHERE o.document_id = $1) s
         WHERE u.document_id = $1 AND s.id = u.file_id",
        id.uuid(),
        now,
        store::to_signed(seq),
        &shown
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}

async fn let_go(tx: &mut TenantTx, now: Moment, id: DocumentId, grace: Duration) -> Result<u64, sqlx::Error> {
    let given_up = sqlx::query_scalar!(
        "DELETE FROM collab_file_uses WHERE document_id = $1 AND unused_since <= $2 RETURNING file_id",
        id.uuid(),
        before(now, grace)
    )
    .fetch_all(&mut **tx)
    .await?;
    if given_up.is_empty() {
        return Ok(0);
    }
    // Should another document refer to one of them in this very moment, the foreign key refuses: then it is tried again in
    // an hour, and seen.
    let gone = sqlx::query!(
        "DELETE FROM collab_files f WHERE f.id = ANY ($1)
           AND NOT EXISTS (SELECT FROM collab_file_uses u WHERE u.file_id = f.id)
           AND NOT EXISTS (SELECT FROM collab_version_files v WHERE v.file_id = f.id)",
        &given_up
    );
    Ok(gone.execute(&mut **tx).await?.rows_affected())
}

/// Looks at the images of documents of all tenants at which nobody has looked for an hour, those first that were looked at
/// longest ago.
pub async fn sweep(db: &Db, clock: &Clock, grace: Duration) {
    loop {
        let found = async {
            let mut tx = db.system().await?;
            let found = due(&mut tx, clock.now() - OFTEN, MOST_SWEPT).await?;
            tx.commit().await?;
            Ok::<_, sqlx::Error>(found)
        };
        let found = match found.await {
            Ok(found) if found.is_empty() => return,
            Ok(found) => found,
            Err(error) => return tracing::debug!(%error, "sweep of images failed; the next one comes soon"),
        };
        for (organization, document) in found {
            let key = Key { organization, document };
            let Err(error) = check_in_time(db, clock, key, grace).await else { continue };
            tracing::warn!(%document, %error, "images of a document were not looked at; others first");
            if let Err(error) = pass_over(db, clock, key).await {
                return tracing::debug!(%error, "sweep of images failed; the next one comes soon");
            }
        }
    }
}

/// [`check`], which takes longer than this only when something is wrong.
pub async fn check_in_time(db: &Db, clock: &Clock, key: Key, grace: Duration) -> Result<u64, CheckError> {
    tokio::time::timeout(DEADLINE, check(db, clock, key, grace)).await.unwrap_or(Err(CheckError::Deadline))
}

/// Puts a document that cannot be read behind the others.
async fn pass_over(db: &Db, clock: &Clock, key: Key) -> Result<(), sqlx::Error> {
    let mut tx = db.tenant_as(key.organization, None).await?;
    let now = clock.now();
    sqlx::query!("UPDATE collab_file_uses SET checked_at = $2 WHERE document_id = $1", key.document.uuid(), now)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_wherever_they_stand() {
        let secret = "aZ09-_bcdefghijklmnopqrstuvwxyzABCDEFGHIJKL";
        let own = HashSet::from([hash(secret.as_bytes())]);
        for text in [
            format!("/files/{secret}"),
            format!("\u{0}//files/files//files/{secret}\u{7f}"),
            format!("https://workshops.example.org/files/{secret}?x"),
            format!("/files/{secret}longer"),
            format!("/files/{secret} and /files/{secret}"),
        ] {
            assert_eq!(mentions(text.as_bytes()), own, "{text}");
        }
        for text in ["", "/", "/files/", "files/", &format!("/files/{}", &secret[..42]), &format!("/files/ {secret}")] {
            assert!(mentions(text.as_bytes()).is_empty(), "{text}");
        }
    }
}
