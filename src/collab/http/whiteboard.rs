//! The shared drawing of a live session: where it is, what it is called, who may draw.
use axum::{Json as Answer, extract::State};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;
use uuid::Uuid;

use super::asker;
use crate::{
    collab::{
        Collab, Kind, Name, Scope,
        access::{self, Asker},
    },
    db::{Db, TenantTx},
    http::{
        Problem,
        extract::{Json, Path},
    },
    identity::MaybeIdentity,
    kernel::{Clock, Code, document::ParticipantsMay, text},
};

/// The longest title of a whiteboard.
const MOST_TITLE: u32 = 120;

/// The shared drawing of a live session.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "WhiteboardView.ts")]
pub struct WhiteboardView {
    /// The document's name, for `/collab/hocuspocus` and `/collab/yjs/{document}`.
    pub document: String,
    /// What it is called.
    pub title: String,
    /// Only hosts draw.
    pub is_locked: bool,
    /// What participants may do with it; whoever has the right `can_use_whiteboard` draws anyway.
    pub participants_may: ParticipantsMay,
    /// May the caller draw now?
    pub may_draw: bool,
}

/// A change of the whiteboard's settings; absent fields stay as they are.
#[derive(Debug, Clone, Default, Deserialize, ToSchema, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[ts(export_to = "WhiteboardChange.ts", optional_fields)]
pub struct WhiteboardChange {
    /// 1 to 120 characters.
    pub title: Option<String>,
    /// Only hosts draw from now on.
    pub is_locked: Option<bool>,
    /// What participants may do with it from now on.
    pub participants_may: Option<ParticipantsMay>,
}

/// The whiteboard of a session; made when a host asks for the first time. And whether that was now.
async fn find(tx: &mut TenantTx, clock: &Clock, asker: &Asker, session: Uuid) -> Result<(Uuid, bool), Problem> {
    let known = sqlx::query_scalar!("SELECT id FROM live_whiteboards WHERE live_session_id = $1", session);
    if let Some(id) = known.fetch_optional(&mut **tx).await? {
        return Ok((id, false));
    }
    if !access::hosts(tx, asker, session).await? {
        return Err(access::refusal(tx, asker, session).await?.into());
    }
    sqlx::query!(
        "INSERT INTO live_whiteboards (id, organization_id, live_session_id) VALUES ($1, $2, $3)
         ON CONFLICT DO NOTHING",
        clock.id::<()>().uuid(),
        tx.organization(),
        session
    )
    .execute(&mut **tx)
    .await?;
    let made = sqlx::query_scalar!("SELECT id FROM live_whiteboards WHERE live_session_id = $1", session);
    Ok((made.fetch_one(&mut **tx).await?, true))
}

pub(super) async fn view(tx: &mut TenantTx, asker: &Asker, session: Uuid, id: Uuid) -> Result<WhiteboardView, Problem> {
    let name = Name { kind: Kind::LiveWhiteboard, subject: id };
    let Some(scope) = access::scope(tx, asker, name).await? else {
        return Err(access::refusal(tx, asker, session).await?.into());
    };
    let row = sqlx::query!("SELECT title, is_locked, participants_may FROM live_whiteboards WHERE id = $1", id);
    let row = row.fetch_one(&mut **tx).await?;
    Ok(WhiteboardView {
        document: name.to_string(),
        title: row.title,
        is_locked: row.is_locked,
        participants_may: ParticipantsMay::of(&row.participants_may),
        may_draw: scope == Scope::ReadWrite,
    })
}

/// Find the whiteboard of a session
///
/// A document for editors; made when a host asks for the first time. Guests ask with the token of their seat.
#[utoipa::path(get, path = "/live-sessions/{id}/whiteboard", tag = "documents", params(("id" = Uuid, Path)), responses(
    (status = 200, description = "Where it is.", body = WhiteboardView),
    (status = 403, description = "A session of the organization in which you have no part.", body = Problem),
    (status = 404, description = "No such session, or no whiteboard that you may see.", body = Problem),
))]
pub(super) async fn whiteboard(
    MaybeIdentity(presented): MaybeIdentity,
    State(db): State<Db>,
    State(clock): State<Clock>,
    State(collab): State<Collab>,
    Path(id): Path<Uuid>,
) -> Result<Answer<WhiteboardView>, Problem> {
    let presented = presented.ok_or(Code::Unauthenticated)?;
    let asker = asker(&presented)?;
    let mut tx = db.tenant_as(presented.organization, Some(presented.user)).await?;
    let (board, is_new) = find(&mut tx, &clock, &asker, id).await?;
    let view = view(&mut tx, &asker, id, board).await?;
    tx.commit().await?;
    if is_new {
        collab.tell_session(presented.organization, id);
    }
    Ok(Answer(view))
}

/// Change the whiteboard's title and who may see it and draw
///
/// Hosts only. Takes effect at once, also for those who have it open.
#[utoipa::path(patch, path = "/live-sessions/{id}/whiteboard", tag = "documents", params(("id" = Uuid, Path)),
    request_body = WhiteboardChange, responses(
    (status = 200, description = "Changed.", body = WhiteboardView),
    (status = 403, description = "Hosts only.", body = Problem),
    (status = 404, description = "No such session, or not for you.", body = Problem),
    (status = 422, description = "The title is empty or too long.", body = Problem),
))]
pub(super) async fn change_whiteboard(
    MaybeIdentity(presented): MaybeIdentity,
    State(db): State<Db>,
    State(clock): State<Clock>,
    State(collab): State<Collab>,
    Path(id): Path<Uuid>,
    Json(change): Json<WhiteboardChange>,
) -> Result<Answer<WhiteboardView>, Problem> {
    let presented = presented.ok_or(Code::Unauthenticated)?;
    let asker = asker(&presented)?;
    let mut tx = db.tenant_as(presented.organization, Some(presented.user)).await?;
    let (board, _) = find(&mut tx, &clock, &asker, id).await?;
    if !access::hosts(&mut tx, &asker, id).await? {
        return Err(Code::Forbidden.into());
    }
    let title = change.title.as_deref().map(|title| text::required(title, MOST_TITLE)).transpose()?;
    sqlx::query!(
        "UPDATE live_whiteboards SET title = coalesce($2, title), is_locked = coalesce($3, is_locked),
             participants_may = coalesce($4, participants_may)
         WHERE id = $1",
        board,
        title,
        change.is_locked,
        change.participants_may.map(ParticipantsMay::key)
    )
    .execute(&mut *tx)
    .await?;
    let view = view(&mut tx, &asker, id, board).await?;
    tx.commit().await?;
    collab.tell_session(presented.organization, id);
    if change.is_locked.is_some() || change.participants_may.is_some() {
        collab.rights_changed(presented.organization, Name { kind: Kind::LiveWhiteboard, subject: board }).await;
    }
    Ok(Answer(view))
}
