//! Who wrote what: for showing it on demand.
use std::collections::{BTreeSet, HashMap};

use axum::{Json as Answer, extract::State};
use serde::Serialize;
use ts_rs::TS;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{content::find, costly::turn};
use crate::{
    collab::{Collab, Name, history::authorship},
    db::{Db, TenantTx},
    http::{Problem, extract::Path},
    identity::{Identity, MaybeIdentity},
    kernel::Code,
};

/// Somebody who wrote.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Writer.ts", rename = "Writer")]
#[schema(as = Writer)]
pub struct Author {
    /// The person or guest.
    pub id: Uuid,
    /// The name that others see; null if there is none any more.
    pub display_name: Option<String>,
}

/// Who wrote what in a document.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Attribution.ts")]
pub struct Attribution {
    /// All who wrote.
    pub users: Vec<Author>,
    /// What each of them wrote, by Yjs client and clock. What is in none of them nobody is known for.
    pub ranges: Vec<AuthoredRange>,
}

/// Pieces of the text that one person wrote.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "AuthoredRange.ts")]
pub struct AuthoredRange {
    /// The Yjs client.
    #[ts(type = "number")]
    pub client: u64,
    /// The clock of the first piece.
    #[ts(type = "number")]
    pub from: u64,
    /// The clock behind the last piece.
    #[ts(type = "number")]
    pub to: u64,
    /// Whose they are.
    pub user: Uuid,
}

/// What these people are called: in a live session as they are called there, otherwise as members.
pub(super) async fn names(tx: &mut TenantTx, name: Name, ids: &[Uuid]) -> Result<HashMap<Uuid, Author>, Problem> {
    let ids: Vec<Uuid> = ids.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let rows = sqlx::query!(
        r#"SELECT i.id AS "id!", coalesce(p.display_name, u.display_name) AS name
           FROM unnest($1::uuid[]) AS i (id)
           LEFT JOIN users u ON u.id = i.id
           LEFT JOIN live_notes n ON n.id = $2
           LEFT JOIN live_whiteboards w ON w.id = $2
           LEFT JOIN session_participants p
                ON p.live_session_id = coalesce(n.live_session_id, w.live_session_id) AND p.user_id = i.id"#,
        &ids,
        name.subject
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, Author { id: row.id, display_name: row.name })).collect())
}

/// Who wrote what
///
/// For each stretch of what one client wrote, whose it is. What was put in over HTTP, or by going back to a version, is
/// theirs who asked for it.
#[utoipa::path(get, path = "/documents/{document}/attribution", tag = "documents",
    params(("document" = String, Path, description = "Its name, as `live_notes:0198c0de-…`.")), responses(
    (status = 200, description = "Who wrote what.", body = Attribution),
    (status = 404, description = "No such document, or not for you.", body = Problem),
    (status = 429, description = "Too often.", body = Problem),
))]
pub(super) async fn attribution(
    MaybeIdentity(presented): MaybeIdentity,
    State(collab): State<Collab>,
    State(db): State<Db>,
    State(identity): State<Identity>,
    Path(document): Path<String>,
) -> Result<Answer<Attribution>, Problem> {
    let presented = presented.ok_or(Code::Unauthenticated)?;
    let (name, key, _) = find(&collab, &presented, &document).await?;
    let _turn = turn(&collab, &identity, &presented).await?;
    let mut tx = db.tenant_as(presented.organization, Some(presented.user)).await?;
    let all = authorship::all(&mut tx, key.document).await?;
    let people: Vec<Uuid> = all.iter().map(|range| range.user).collect();
    let mut users: Vec<Author> = names(&mut tx, name, &people).await?.into_values().collect();
    tx.commit().await?;
    users.sort_by_key(|user| user.id);
    let range = |range: authorship::Authored| AuthoredRange {
        client: range.client,
        from: range.from,
        to: range.to,
        user: range.user,
    };
    Ok(Answer(Attribution { users, ranges: all.into_iter().map(range).collect() }))
}
