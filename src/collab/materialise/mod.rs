//! From documents to columns, and once from columns to a document (domain 11.3).
//!
//! Columns say what the document said when all of it was last valid. They are written from what is saved, never from
//! what is only in memory; by one node at a time, under an advisory lock; and never backwards.
mod columns;

use uuid::Uuid;

use super::{
    DocumentId, Kind, Name, Shut,
    document::Document,
    room::Key,
    schema::{Content, Fault, Why, check},
    store::{self, Draft, Head, Origin, Progress, Unread},
};
use crate::{
    coaching,
    db::{Db, TenantTx},
    kernel::{
        Clock, Moment,
        document::{DocumentError, DocumentErrorCode, DocumentFault, DocumentFaultWhy},
    },
};

/// Who is said to have written what was in columns before there was a document.
const NODE: &str = "columns";
/// So many faults are named.
const MOST_FAULTS: usize = 20;

/// Writes into a document that was made in this transaction what its columns say.
pub(super) async fn fill(tx: &mut TenantTx, id: DocumentId, name: Name, now: Moment) -> Result<(), Shut> {
    let Some(content) = columns::read(tx, name).await? else { return Ok(()) };
    let mut document = Document::new(name.kind.schema(), rand::random());
    let written = document.write(&content, "import").map_err(|error| {
        tracing::error!(%name, %error, "columns did not become a document");
        Shut::Unavailable
    })?;
    let Some(delta) = written else { return Ok(()) };
    let head = Head { id, seq: 0, snapshot_seq: 0, tail_bytes: 0, frozen_at: None, rights: 0 };
    let (payload, inserted) = (delta.bytes, delta.inserted);
    let draft = Draft { payload, author: None, origin: Origin::Import, inserted, claims: vec![], before: None };
    let seq = store::append(tx, &head, &[draft], NODE).await?;
    store::set_materialised(tx, id, seq, None, now).await?;
    Ok(())
}

/// How far the columns are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projected {
    /// The number of the last update that was looked at.
    pub seq: u64,
    /// Why the columns do not say what it says, if so.
    pub error: Option<DocumentError>,
}

/// What to do when another node is at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Leave it to that node.
    Leave,
    /// Wait, and look what is left to do.
    Wait,
}

/// Why columns were not brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The database is away, or refused.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// No such document, or none that has columns.
    #[error("there is no such document")]
    Gone,
    /// What is stored of it cannot be read.
    #[error("the document cannot be read")]
    Broken,
}

impl ProjectError {
    /// What editors are told if it will be so every time, until somebody writes something else.
    fn lasting(&self) -> Option<DocumentErrorCode> {
        match self {
            Self::Broken => Some(DocumentErrorCode::DocumentUnreadable),
            // What is written is not what the columns take, though the rules of the schema let it through.
            Self::Database(sqlx::Error::Database(error)) => {
                let refused = error.code().filter(|code| code.starts_with("22") || code.starts_with("23"));
                refused.map(|_| DocumentErrorCode::DocumentRefused)
            }
            Self::Database(_) | Self::Gone => None,
        }
    }
}

impl From<Unread> for ProjectError {
    fn from(error: Unread) -> Self {
        match error {
            Unread::Database(error) => Self::Database(error),
            Unread::Hole => Self::Broken,
        }
    }
}

/// Brings the columns up to date. None: another node is at it.
pub async fn project(db: &Db, clock: &Clock, key: Key, patience: Patience) -> Result<Option<Projected>, ProjectError> {
    let mut tx = db.tenant_as(key.organization, None).await?;
    if !store::hold(&mut tx, key.document, patience).await? {
        return Ok(None);
    }
    let progress = store::progress(&mut tx, key.document).await?.ok_or(ProjectError::Gone)?;
    let head = progress.head;
    // Some constraints are looked at when it is committed.
    let tried = match project_from(&mut tx, clock, key.document, progress).await {
        Ok(projected) => tx.commit().await.map(|()| projected).map_err(ProjectError::from),
        Err(error) => tx.rollback().await.map_err(ProjectError::from).and(Err(error)),
    };
    match tried {
        Ok(projected) => Ok(Some(projected)),
        Err(error) => match error.lasting() {
            Some(code) => give_up(db, clock, key, patience, (head, code, &error)).await,
            None => Err(error),
        },
    }
}

/// Notes that what the document said up to a number does not come into columns, so that nobody tries it again.
async fn give_up(
    db: &Db,
    clock: &Clock,
    key: Key,
    patience: Patience,
    (seq, code, why): (u64, DocumentErrorCode, &ProjectError),
) -> Result<Option<Projected>, ProjectError> {
    let mut tx = db.tenant_as(key.organization, None).await?;
    if !store::hold(&mut tx, key.document, patience).await? {
        return Ok(None);
    }
    let error = DocumentError { code, fields: Vec::new() };
    let text = serde_json::to_string(&error).ok();
    store::set_materialised(&mut tx, key.document, seq, text.as_deref(), clock.now()).await?;
    tx.commit().await?;
    tracing::error!(document = %key.document, seq, error = %why, "columns not written; not tried again until it changes");
    metrics::counter!("atelier_collab_projections_total", "result" => "refused").increment(1);
    Ok(Some(Projected { seq, error: Some(error) }))
}

/// The same in a transaction that holds the document's advisory lock.
pub async fn project_in(tx: &mut TenantTx, clock: &Clock, id: DocumentId) -> Result<Projected, ProjectError> {
    let progress = store::progress(tx, id).await?.ok_or(ProjectError::Gone)?;
    project_from(tx, clock, id, progress).await
}

async fn project_from(
    tx: &mut TenantTx,
    clock: &Clock,
    id: DocumentId,
    progress: Progress,
) -> Result<Projected, ProjectError> {
    if !progress.name.kind.has_columns() {
        return Err(ProjectError::Gone);
    }
    if progress.materialised >= progress.head {
        let error = progress.error.as_deref().map(DocumentError::of);
        return Ok(Projected { seq: progress.head, error });
    }
    let started = std::time::Instant::now();
    let (content, seq) = read(tx, id).await?;
    let faults = check::faults(progress.name.kind.schema(), &content);
    let author = store::last_author(tx, id).await?;
    if faults.is_empty() {
        columns::write(tx, progress.name, &content, author).await?;
    }
    began(tx, clock, progress.name, author).await?;
    let error = (!faults.is_empty()).then(|| invalid(&faults));
    let text = error.as_ref().and_then(|error| serde_json::to_string(error).ok());
    store::set_materialised(tx, id, seq, text.as_deref(), clock.now()).await?;
    let result = if error.is_some() { "invalid" } else { "written" };
    metrics::counter!("atelier_collab_projections_total", "result" => result).increment(1);
    metrics::histogram!("atelier_collab_projection_seconds").record(started.elapsed().as_secs_f64());
    Ok(Projected { seq, error })
}

/// Whatever was typed, valid or not, is the first edit.
async fn began(tx: &mut TenantTx, clock: &Clock, name: Name, author: Option<Uuid>) -> Result<(), sqlx::Error> {
    match name.kind {
        Kind::Summary => coaching::begin_refinement(tx, clock, name.subject, author).await,
        Kind::BuilderSession | Kind::LiveNotes | Kind::LiveWhiteboard => Ok(()),
    }
}

/// What is saved of a document, and the number of the last update in that.
async fn read(tx: &mut TenantTx, id: DocumentId) -> Result<(Content, u64), ProjectError> {
    let (kind, seq, parts) = store::parts(tx, id).await?.ok_or(ProjectError::Gone)?;
    let reading = tokio::task::spawn_blocking(move || {
        let document = Document::load(kind.schema(), 0, parts.iter().map(Vec::as_slice)).ok()?;
        document.read().ok()
    });
    let content = reading.await.ok().flatten().ok_or(ProjectError::Broken)?;
    Ok((content, seq))
}

/// As it is kept with the document, and told to editors.
fn invalid(faults: &[Fault]) -> DocumentError {
    let fields =
        faults.iter().take(MOST_FAULTS).map(|fault| DocumentFault { field: fault.field.clone(), why: why(fault.why) });
    DocumentError { code: DocumentErrorCode::DocumentInvalid, fields: fields.collect() }
}

const fn why(why: Why) -> DocumentFaultWhy {
    match why {
        Why::Blank => DocumentFaultWhy::Blank,
        Why::TooMuch(_) => DocumentFaultWhy::TooMuch,
        Why::NotPositive => DocumentFaultWhy::NotPositive,
        Why::NotADate => DocumentFaultWhy::NotADate,
        Why::NoId => DocumentFaultWhy::NoId,
        Why::Unknown | Why::Shape | Why::TooDeep | Why::Unfit(_) | Why::TooLarge(_) | Why::IdTwice => {
            DocumentFaultWhy::Invalid
        }
    }
}
