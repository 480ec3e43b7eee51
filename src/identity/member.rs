//! Members of an organization: whom one can invite and mention, and what somebody may do there.
use axum::{Json as Answer, extract::FromRef};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{Identity, Tx, UserId};
use crate::{
    db::TenantTx,
    http::{Problem, extract::Query},
    kernel::page::{Page, PageQuery},
};

/// The longest text that is looked for.
const SEARCH: usize = 100;

/// A person of the organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Member.ts")]
pub struct Member {
    /// Who.
    pub id: Uuid,
    /// Their name as others see it.
    pub display_name: String,
}

/// Which members, and which page of them.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Part of the name; absent: all.
    search: Option<String>,
    /// The `next` of the page before.
    after: Option<Uuid>,
    /// 1 to 200; 50 when absent.
    limit: Option<u32>,
}

/// The routes about members.
pub(super) fn router<S>() -> OpenApiRouter<S>
where
    Identity: FromRef<S>,
    S: Clone + Send + Sync + 'static,
{
    OpenApiRouter::new().routes(routes!(members))
}

/// List members
///
/// The active members of the organization by name, for mentions and invitations. No guests.
#[utoipa::path(get, path = "/members", tag = "members", params(Wanted), responses(
    (status = 200, description = "A page.", body = Page<Member>),
))]
async fn members(mut tx: Tx, Query(wanted): Query<Wanted>) -> Result<Answer<Page<Member>>, Problem> {
    let size = PageQuery { after: None, limit: wanted.limit }.size();
    let search: String = wanted.search.unwrap_or_default().trim().chars().take(SEARCH).collect();
    let rows = sqlx::query_as!(
        Member,
        "SELECT u.id, u.display_name FROM memberships m JOIN users u ON u.id = m.user_id
         WHERE m.status = 'active' AND u.kind = 'person' AND u.deleted_at IS NULL
           AND m.organization_id = $4
           AND ($1 = '' OR position(lower($1) IN lower(u.display_name)) > 0)
           AND ($2::uuid IS NULL OR (lower(u.display_name), u.id) >
               (SELECT lower(a.display_name), a.id FROM users a WHERE a.id = $2))
         ORDER BY lower(u.display_name), u.id LIMIT $3",
        search,
        wanted.after,
        size + 1,
        tx.organization(),
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(Answer(Page::cut(rows, size, |row| row.id.to_string())))
}

/// Is this a person who is an active member here?
pub async fn is_member(tx: &mut TenantTx, user: UserId) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "SELECT m.id FROM memberships m JOIN users u ON u.id = m.user_id
         WHERE m.user_id = $1 AND m.organization_id = $2 AND m.status = 'active' AND u.kind = 'person'
           AND u.deleted_at IS NULL",
        user.uuid(),
        tx.organization(),
    );
    Ok(found.fetch_optional(&mut **tx).await?.is_some())
}

/// May this person or guest still act here? As it is asked of whoever presents a token.
pub async fn may_act(tx: &mut TenantTx, user: UserId) -> Result<bool, sqlx::Error> {
    let may = sqlx::query_scalar!(r#"SELECT auth_may_act($1, $2) AS "may!""#, user.uuid(), tx.organization());
    may.fetch_one(&mut **tx).await
}

/// The permission keys of all roles that somebody holds here, at this moment.
pub async fn permissions(tx: &mut TenantTx, user: UserId) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT DISTINCT p AS "key!" FROM memberships m
           JOIN membership_roles mr ON mr.organization_id = m.organization_id AND mr.membership_id = m.id
           JOIN roles r ON r.id = mr.role_id
           CROSS JOIN LATERAL unnest(r.permissions) AS p
           WHERE m.user_id = $1 AND m.organization_id = $2 AND m.status = 'active' ORDER BY 1"#,
        user.uuid(),
        tx.organization(),
    )
    .fetch_all(&mut **tx)
    .await
}
