//! The HTTP face of shared documents: where they are, who may write, what they say and what they said.
mod attribution;
mod change;
mod collaborators;
mod content;
mod costly;
mod files;
mod subjects;
mod ticket;
mod versions;
mod whiteboard;

pub use attribution::Attribution;
pub use collaborators::{CollabLevel, Collaborator, Invitation};
pub use files::{FileView, images};
pub use versions::{KeptVersion, NewVersion, VersionDiff, VersionView};
pub use whiteboard::{WhiteboardChange, WhiteboardView};

use axum::{
    Json as Answer,
    extract::{FromRef, State},
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Collab, Kind, Name, Scope,
    access::{self, Asker},
};
use crate::{
    db::{Db, TenantTx},
    http::{
        Problem,
        extract::{Json, Path},
    },
    identity::{Identity, MaybeIdentity, Presented},
    kernel::{Clock, Code, document::ParticipantsMay},
};

/// The shared notes of a live session.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "NotesView.ts")]
pub struct NotesView {
    /// The document's name, for `/collab/hocuspocus` and `/collab/yjs/{document}`.
    pub document: String,
    /// What participants may do with it.
    pub participants_may: ParticipantsMay,
    /// May the caller write?
    pub may_write: bool,
}

/// A change of the notes' settings.
#[derive(Debug, Clone, Deserialize, ToSchema, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(export_to = "NotesChange.ts")]
pub struct NotesChange {
    /// What participants may do with it from now on.
    pub participants_may: ParticipantsMay,
}

/// What there is to write in and draw on in a live session, for one caller.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "SharedDocuments.ts")]
pub struct SharedDocuments {
    /// The notes; null: none that the caller may see.
    pub notes: Option<NotesView>,
    /// The whiteboard; null: none that the caller may see.
    pub whiteboard: Option<WhiteboardView>,
}

/// All routes of this room.
pub fn router<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Collab: FromRef<S>,
    Identity: FromRef<S>,
    Db: FromRef<S>,
    Clock: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(notes, change_notes))
        .routes(routes!(whiteboard::whiteboard, whiteboard::change_whiteboard))
        .routes(routes!(shared))
        .merge(content::router())
        .routes(routes!(ticket::ticket))
        .merge(subjects::router())
        .merge(collaborators::router())
        .routes(routes!(versions::list, versions::keep))
        .routes(routes!(versions::content))
        .routes(routes!(versions::diff))
        .routes(routes!(versions::restore))
        .routes(routes!(attribution::attribution))
        .merge(files::router())
}

fn asker(presented: &Presented) -> Result<Asker, Problem> {
    Asker::of(presented).ok_or_else(|| Code::Forbidden.into())
}

/// The notes of a session; made when a host asks for the first time. And whether that was now.
async fn find(tx: &mut TenantTx, clock: &Clock, asker: &Asker, session: Uuid) -> Result<(Uuid, bool), Problem> {
    let known = sqlx::query_scalar!("SELECT id FROM live_notes WHERE live_session_id = $1", session);
    if let Some(id) = known.fetch_optional(&mut **tx).await? {
        return Ok((id, false));
    }
    if !access::hosts(tx, asker, session).await? {
        return Err(access::refusal(tx, asker, session).await?.into());
    }
    sqlx::query!(
        "INSERT INTO live_notes (id, organization_id, live_session_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        clock.id::<()>().uuid(),
        tx.organization(),
        session
    )
    .execute(&mut **tx)
    .await?;
    let made = sqlx::query_scalar!("SELECT id FROM live_notes WHERE live_session_id = $1", session);
    Ok((made.fetch_one(&mut **tx).await?, true))
}

async fn view(tx: &mut TenantTx, asker: &Asker, session: Uuid, id: Uuid) -> Result<NotesView, Problem> {
    let name = Name { kind: Kind::LiveNotes, subject: id };
    let Some(scope) = access::scope(tx, asker, name).await? else {
        return Err(access::refusal(tx, asker, session).await?.into());
    };
    let may = sqlx::query_scalar!("SELECT participants_may FROM live_notes WHERE id = $1", id);
    let participants_may = ParticipantsMay::of(&may.fetch_one(&mut **tx).await?);
    Ok(NotesView { document: name.to_string(), participants_may, may_write: scope == Scope::ReadWrite })
}

/// Find the notes of a session
///
/// A document for editors; made when a host asks for the first time. Guests ask with the token of their seat.
#[utoipa::path(get, path = "/live-sessions/{id}/notes", tag = "documents", params(("id" = Uuid, Path)), responses(
    (status = 200, description = "Where they are.", body = NotesView),
    (status = 403, description = "A session of the organization in which you have no part.", body = Problem),
    (status = 404, description = "No such session, or no notes that you may see.", body = Problem),
))]
async fn notes(
    MaybeIdentity(presented): MaybeIdentity,
    State(db): State<Db>,
    State(clock): State<Clock>,
    State(collab): State<Collab>,
    Path(id): Path<Uuid>,
) -> Result<Answer<NotesView>, Problem> {
    let presented = presented.ok_or(Code::Unauthenticated)?;
    let asker = asker(&presented)?;
    let mut tx = db.tenant_as(presented.organization, Some(presented.user)).await?;
    let (notes, is_new) = find(&mut tx, &clock, &asker, id).await?;
    let view = view(&mut tx, &asker, id, notes).await?;
    tx.commit().await?;
    if is_new {
        collab.tell_session(presented.organization, id);
    }
    Ok(Answer(view))
}

/// Change who may read and write the notes
///
/// Hosts only. Takes effect at once, also for those who have them open.
#[utoipa::path(patch, path = "/live-sessions/{id}/notes", tag = "documents", params(("id" = Uuid, Path)),
    request_body = NotesChange, responses(
    (status = 200, description = "Changed.", body = NotesView),
    (status = 403, description = "Hosts only.", body = Problem),
    (status = 404, description = "No such session, or not for you.", body = Problem),
))]
async fn change_notes(
    MaybeIdentity(presented): MaybeIdentity,
    State(db): State<Db>,
    State(clock): State<Clock>,
    State(collab): State<Collab>,
    Path(id): Path<Uuid>,
    Json(change): Json<NotesChange>,
) -> Result<Answer<NotesView>, Problem> {
    let presented = presented.ok_or(Code::Unauthenticated)?;
    let asker = asker(&presented)?;
    let mut tx = db.tenant_as(presented.organization, Some(presented.user)).await?;
    let (notes, _) = find(&mut tx, &clock, &asker, id).await?;
    if !access::hosts(&mut tx, &asker, id).await? {
        return Err(Code::Forbidden.into());
    }
    let may = change.participants_may.key();
    sqlx::query!("UPDATE live_notes SET participants_may = $2 WHERE id = $1", notes, may).execute(&mut *tx).await?;
    let view = view(&mut tx, &asker, id, notes).await?;
    tx.commit().await?;
    collab.tell_session(presented.organization, id);
    collab.rights_changed(presented.organization, Name { kind: Kind::LiveNotes, subject: notes }).await;
    Ok(Answer(view))
}

/// List the shared documents of a session
///
/// Those that exist and that the caller may see. Makes none. Guests ask with the token of their seat.
#[utoipa::path(get, path = "/live-sessions/{id}/documents", tag = "documents", params(("id" = Uuid, Path)), responses(
    (status = 200, description = "What there is.", body = SharedDocuments),
    (status = 403, description = "A session of the organization in which you have no part.", body = Problem),
    (status = 404, description = "No such session, or not for you.", body = Problem),
))]
async fn shared(
    MaybeIdentity(presented): MaybeIdentity,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
) -> Result<Answer<SharedDocuments>, Problem> {
    let presented = presented.ok_or(Code::Unauthenticated)?;
    let asker = asker(&presented)?;
    let mut tx = db.tenant_as(presented.organization, Some(presented.user)).await?;
    let known = sqlx::query_scalar!("SELECT id FROM live_notes WHERE live_session_id = $1", id);
    let notes = match known.fetch_optional(&mut *tx).await? {
        Some(notes) => seen(view(&mut tx, &asker, id, notes).await)?,
        None => None,
    };
    let known = sqlx::query_scalar!("SELECT id FROM live_whiteboards WHERE live_session_id = $1", id);
    let whiteboard = match known.fetch_optional(&mut *tx).await? {
        Some(board) => seen(whiteboard::view(&mut tx, &asker, id, board).await)?,
        None => None,
    };
    let belongs = asker.only_session == Some(id) || access::hosts(&mut tx, &asker, id).await?;
    if notes.is_none() && whiteboard.is_none() && !belongs {
        return Err(access::refusal(&mut tx, &asker, id).await?.into());
    }
    Ok(Answer(SharedDocuments { notes, whiteboard }))
}

/// What may not be seen is not there.
fn seen<T>(view: Result<T, Problem>) -> Result<Option<T>, Problem> {
    match view {
        Ok(view) => Ok(Some(view)),
        Err(problem) if matches!(problem.code, Code::NotFound | Code::Forbidden) => Ok(None),
        Err(problem) => Err(problem),
    }
}
