//! Ways in for those who are signed in: tickets for the socket, links for the big screen.
use axum::{Json as Answer, extract::State, http::StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{super::Live, Standing, host, key, sessions, standing};
use crate::{
    http::{
        Problem,
        extract::{Json, Path, Query},
    },
    identity::{Can, Identity, Link, LinkKind, LinkView, LiveJoin, OwnUrl, Seat, Ticket},
    kernel::{
        Clock, Code,
        page::{Page, PageQuery},
    },
    live::{
        core::{Role, SystemCommand, roster},
        room::writer::Ask,
    },
};

/// As what one wants to enter.
#[derive(Debug, Clone, Default, Deserialize, ToSchema, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[ts(export_to = "TicketRequest.ts", optional_fields)]
pub struct TicketRequest {
    /// Absent: the highest one is entitled to.
    pub role: Option<Role>,
}

/// A wish for a link.
#[derive(Debug, Clone, Deserialize, ToSchema, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(export_to = "LinkRequest.ts", optional_fields)]
pub struct LinkRequest {
    /// What it shows.
    pub scope: LinkKind,
    /// 1 to 8,760; absent: 30 days.
    pub expires_in_hours: Option<u32>,
}

/// A fresh link; its token is shown this once.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "NewLink.ts")]
pub struct NewLink {
    /// For revoking.
    pub id: Uuid,
    /// What it shows.
    pub scope: LinkKind,
    /// Goes into `hello`, each time.
    pub token: String,
    /// The page, with the token behind `#`, where no server log sees it.
    pub url: String,
    /// Not valid after.
    pub expires_at: DateTime<Utc>,
}

/// Get a ticket for the socket
///
/// Enters the caller into the session with the role; the ticket is good for one connection within 60 seconds.
#[utoipa::path(post, path = "/live-sessions/{id}/ticket", tag = "live sessions", params(("id" = Uuid, Path)),
    request_body = TicketRequest, responses(
    (status = 200, description = "The ticket.", body = Ticket),
    (status = 403, description = "Not entitled to that role.", body = Problem),
    (status = 404, description = "Not in your organization.", body = Problem),
    (status = 409, description = "Not started yet, full.", body = Problem),
    (status = 410, description = "Ended.", body = Problem),
))]
pub(super) async fn ticket(
    can: Can<LiveJoin>,
    State(live): State<Live>,
    State(identity): State<Identity>,
    State(clock): State<Clock>,
    own: OwnUrl,
    Path(id): Path<Uuid>,
    Json(wish): Json<TicketRequest>,
) -> Result<Answer<Ticket>, Problem> {
    let mut tx = can.begin().await?;
    let highest = match standing(&mut tx, &can.caller, id).await? {
        Standing::Instructor => Role::Instructor,
        Standing::Assistant => Role::Assistant,
        Standing::Member => Role::Participant,
    };
    let name = sqlx::query_scalar!("SELECT display_name FROM users WHERE id = $1", can.caller.user.uuid())
        .fetch_optional(&mut *tx)
        .await?;
    tx.commit().await?;
    let role = wish.role.unwrap_or(highest);
    if rank(role) > rank(highest) {
        return Err(Problem::new(Code::Forbidden).detail("That role is above yours in this session."));
    }
    let join = roster::Join { fresh: clock.id(), user: can.caller.user, name: name.map(clip), role };
    let key = key(&can.caller, id);
    live.ask(key, Ask::System(SystemCommand::Join(join))).await?;
    let user = can.caller.user;
    let participant = live.look(key, move |_, state| state.participant_of(user)).await?.ok_or(Code::Unavailable)?;
    let mut tx = can.begin().await?;
    let seat = Seat { live_session: id, participant: participant.uuid() };
    let issued = identity.tokens.issue_ticket(&mut tx, can.caller.user, seat).await?;
    tx.commit().await?;
    Ok(Answer(Ticket { token: issued.token, url: own.socket(), expires_at: issued.expires_at }))
}

fn rank(role: Role) -> u8 {
    match role {
        Role::Observer => 0,
        Role::Participant => 1,
        Role::Assistant => 2,
        Role::Instructor => 3,
    }
}

/// The first 80 characters: names of accounts may be longer than names in sessions.
pub(super) fn clip(name: String) -> String {
    if name.chars().count() > 80 { name.chars().take(80).collect() } else { name }
}

/// Make a link for the big screen
#[utoipa::path(post, path = "/live-sessions/{id}/links", tag = "live sessions", params(("id" = Uuid, Path)),
    request_body = LinkRequest, responses(
    (status = 201, description = "The link, with its token this once.", body = NewLink),
    (status = 403, description = "Hosts only.", body = Problem),
))]
pub(super) async fn create_link(
    can: Can<LiveJoin>,
    State(identity): State<Identity>,
    own: OwnUrl,
    Path(id): Path<Uuid>,
    Json(wish): Json<LinkRequest>,
) -> Result<(StatusCode, Answer<NewLink>), Problem> {
    let lasts = match wish.expires_in_hours {
        Some(hours @ 1..=8_760) => Some(TimeDelta::hours(i64::from(hours))),
        None => None,
        Some(_) => return Err(Problem::field("expiresInHours", Code::Invalid).detail("Allowed: 1 to 8760 hours.")),
    };
    let mut tx = can.begin().await?;
    host(&mut tx, &can.caller, id).await?;
    let code = sessions::find(&mut tx, id).await?.join_code;
    let link = Link { live_session: id, link: wish.scope };
    let issued = identity.tokens.issue_link(&mut tx, can.caller.user, link, lasts).await?;
    tx.commit().await?;
    let url = format!("{}/screen/{code}#{}", own.0, issued.token);
    let link = NewLink { id: issued.id, scope: wish.scope, token: issued.token, url, expires_at: issued.expires_at };
    Ok((StatusCode::CREATED, Answer(link)))
}

/// List the links that still work
#[utoipa::path(get, path = "/live-sessions/{id}/links", tag = "live sessions", params(("id" = Uuid, Path), PageQuery),
    responses((status = 200, description = "A page, newest first.", body = Page<LinkView>)))]
pub(super) async fn list_links(
    can: Can<LiveJoin>,
    State(identity): State<Identity>,
    Path(id): Path<Uuid>,
    Query(page): Query<PageQuery>,
) -> Result<Answer<Page<LinkView>>, Problem> {
    let mut tx = can.begin().await?;
    host(&mut tx, &can.caller, id).await?;
    identity.tokens.list_links(&mut tx, id, &page).await.map(Answer)
}

/// Revoke a link
///
/// Screens that are connected with it stay until they reconnect.
#[utoipa::path(delete, path = "/live-sessions/{id}/links/{link}", tag = "live sessions",
    params(("id" = Uuid, Path), ("link" = Uuid, Path)), responses(
    (status = 204, description = "It does not work any more."),
    (status = 404, description = "There is no such link.", body = Problem),
))]
pub(super) async fn revoke_link(
    can: Can<LiveJoin>,
    State(identity): State<Identity>,
    Path((id, link)): Path<(Uuid, Uuid)>,
) -> Result<StatusCode, Problem> {
    let mut tx = can.begin().await?;
    host(&mut tx, &can.caller, id).await?;
    identity.tokens.revoke_link(&mut tx, id, link).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
