//! Who may do more with one document than roles allow. Whoever may decide about the thing that it is about invites, and
//! takes back; both take effect at once, on every node.
use axum::{
    Json as Answer,
    extract::{FromRef, State},
    http::StatusCode,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::content::problem;
use crate::{
    collab::{Collab, Name, access, room::Key},
    db::{Db, TenantTx},
    http::{
        Problem,
        extract::{Json, Path, Query},
    },
    identity::{Identity, is_member},
    kernel::{
        Caller, Code, Id,
        document::Reach,
        page::{Page, PageQuery},
    },
};

/// What somebody who was invited may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export_to = "CollabLevel.ts")]
pub enum CollabLevel {
    /// Read along.
    View,
    /// Write too.
    Edit,
}

impl CollabLevel {
    const fn key(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Edit => "edit",
        }
    }
    fn of(key: &str) -> Self {
        if key == "edit" { Self::Edit } else { Self::View }
    }
}

/// Somebody who was invited to a document.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Collaborator.ts")]
pub struct Collaborator {
    /// Who.
    pub id: Uuid,
    /// Their name.
    pub display_name: String,
    /// What they may do.
    pub level: CollabLevel,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// An invitation.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(export_to = "Invitation.ts")]
pub struct Invitation {
    /// What they may do from now on.
    pub level: CollabLevel,
}

/// The routes.
pub(super) fn router<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Collab: FromRef<S>,
    Identity: FromRef<S>,
    Db: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(invite, remove))
}

/// A document of a kind to which one can be invited, and how far the caller reaches. None else finds it.
async fn find(tx: &mut TenantTx, caller: &Caller, document: &str) -> Result<(Name, Reach), Problem> {
    let name: Name = document.parse().map_err(|_| Code::NotFound)?;
    let standing = access::standing(tx, caller, name).await?.ok_or(Code::NotFound)?;
    Ok((name, standing.reach))
}

/// List who was invited to a document
///
/// Besides those who may by their role. Plans and summaries only.
#[utoipa::path(get, path = "/documents/{document}/collaborators", tag = "documents",
    params(("document" = String, Path, description = "Its name, as `summary:0198c0de-…`."), PageQuery), responses(
    (status = 200, description = "A page.", body = Page<Collaborator>),
    (status = 404, description = "No such document, or not for you.", body = Problem),
))]
async fn list(
    caller: Caller,
    State(db): State<Db>,
    State(collab): State<Collab>,
    Path(document): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<Answer<Page<Collaborator>>, Problem> {
    let after = page.after.as_deref().map(str::parse::<Uuid>).transpose();
    let after = after.map_err(|_| Problem::field("after", Code::Malformed))?;
    let mut tx = db.tenant(&caller).await?;
    let (name, _) = find(&mut tx, &caller, &document).await?;
    let id = collab.ensure(&mut tx, name).await.map_err(problem)?;
    let rows = sqlx::query!(
        "SELECT u.id, u.display_name, c.level, c.created_at FROM collab_collaborators c JOIN users u ON u.id = c.user_id
         WHERE c.document_id = $1 AND ($2::uuid IS NULL OR u.id > $2) ORDER BY u.id LIMIT $3",
        id.uuid(),
        after,
        page.size() + 1,
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let rows = rows.into_iter().map(|row| Collaborator {
        id: row.id,
        display_name: row.display_name,
        level: CollabLevel::of(&row.level),
        created_at: row.created_at,
    });
    Ok(Answer(Page::cut(rows.collect(), page.size(), |row| row.id.to_string())))
}

/// Invite somebody to a document
///
/// A member of the organization; or change what they may do. Takes effect at once, also for those who have it open.
#[utoipa::path(put, path = "/documents/{document}/collaborators/{user}", tag = "documents",
    params(("document" = String, Path, description = "Its name, as `summary:0198c0de-…`."), ("user" = Uuid, Path)),
    request_body = Invitation, responses(
    (status = 204, description = "Invited."),
    (status = 403, description = "You may not invite others.", body = Problem),
    (status = 404, description = "No such document, not for you, or no such member.", body = Problem),
))]
async fn invite(
    caller: Caller,
    State(db): State<Db>,
    State(collab): State<Collab>,
    Path((document, user)): Path<(String, Uuid)>,
    Json(invitation): Json<Invitation>,
) -> Result<StatusCode, Problem> {
    let mut tx = db.tenant(&caller).await?;
    let (name, reach) = find(&mut tx, &caller, &document).await?;
    if reach < Reach::Manage {
        return Err(Code::Forbidden.into());
    }
    if !is_member(&mut tx, Id::new(user)).await? {
        return Err(Problem::new(Code::NotFound).detail("There is no such member."));
    }
    let id = collab.ensure(&mut tx, name).await.map_err(problem)?;
    let changed = sqlx::query!(
        "INSERT INTO collab_collaborators AS c (organization_id, document_id, user_id, level, added_by_id)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (document_id, user_id) DO UPDATE SET level = excluded.level WHERE c.level <> excluded.level",
        tx.organization(),
        id.uuid(),
        user,
        invitation.level.key(),
        caller.user.uuid(),
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    if changed.rows_affected() > 0 {
        collab.rights_changed_of(Key { organization: caller.organization, document: id }).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Take an invitation back
///
/// Takes effect at once, also for those who have it open. Everybody may leave by themselves.
#[utoipa::path(delete, path = "/documents/{document}/collaborators/{user}", tag = "documents",
    params(("document" = String, Path, description = "Its name, as `summary:0198c0de-…`."), ("user" = Uuid, Path)),
    responses(
    (status = 204, description = "Taken back."),
    (status = 403, description = "You may not decide about others.", body = Problem),
    (status = 404, description = "No such document, not for you, or no such invitation.", body = Problem),
))]
async fn remove(
    caller: Caller,
    State(db): State<Db>,
    State(collab): State<Collab>,
    Path((document, user)): Path<(String, Uuid)>,
) -> Result<StatusCode, Problem> {
    let mut tx = db.tenant(&caller).await?;
    let (name, reach) = find(&mut tx, &caller, &document).await?;
    if reach < Reach::Manage && user != caller.user.uuid() {
        return Err(Code::Forbidden.into());
    }
    let id = collab.ensure(&mut tx, name).await.map_err(problem)?;
    let gone =
        sqlx::query!("DELETE FROM collab_collaborators WHERE document_id = $1 AND user_id = $2", id.uuid(), user)
            .execute(&mut *tx)
            .await?;
    if gone.rows_affected() == 0 {
        return Err(Code::NotFound.into());
    }
    tx.commit().await?;
    collab.rights_changed_of(Key { organization: caller.organization, document: id }).await;
    Ok(StatusCode::NO_CONTENT)
}
