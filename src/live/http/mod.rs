//! The HTTP face of live sessions (`/api/v1/live-sessions`, `/api/v1/join`).
mod access;
mod join;
mod lists;
mod results;
mod sessions;

use axum::extract::FromRef;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

pub use self::{
    access::{LinkRequest, NewLink, TicketRequest},
    join::{JoinInfo, JoinRequest, Joined},
    lists::{ParticipantRow, PollRow, QuestionRow},
    results::Results,
    sessions::{CreateSession, DuplicateSession, LiveSessionView, create_session, find as find_session},
};
use super::{
    Live,
    room::{Rejection, writer::Key},
};
use crate::{
    db::{Db, TenantTx},
    http::Problem,
    identity::Identity,
    kernel::{Caller, Clock, Code, Id, Permission},
};

/// All routes of this room.
pub fn router<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Live: FromRef<S>,
    Identity: FromRef<S>,
    Db: FromRef<S>,
    Clock: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(sessions::create, sessions::list))
        .routes(routes!(sessions::show, sessions::change))
        .routes(routes!(sessions::duplicate))
        .routes(routes!(access::ticket))
        .routes(routes!(access::create_link, access::list_links))
        .routes(routes!(access::revoke_link))
        .routes(routes!(lists::participants))
        .routes(routes!(lists::polls))
        .routes(routes!(lists::questions))
        .routes(routes!(results::results))
        .routes(routes!(join::look_up))
        .routes(routes!(join::join))
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Refused(refusal) => refusal.into(),
            Rejection::Retry { code, after_ms } => Problem::new(code).retry_after(after_ms.div_ceil(1000)),
        }
    }
}

/// How the caller stands to a session of his organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Its instructor or creator.
    Instructor,
    /// Assistant in it, or administrator of the organization.
    Assistant,
    /// Any other member.
    Member,
}

/// Finds out; `not_found` when the organization has no such session.
async fn standing(tx: &mut TenantTx, caller: &Caller, session: Uuid) -> Result<Standing, Problem> {
    let row = sqlx::query!(
        r#"SELECT (s.instructor_id = $2 OR COALESCE(s.created_by_id = $2, false)) AS "own!",
               EXISTS (SELECT FROM session_participants p WHERE p.live_session_id = s.id AND p.user_id = $2
                   AND p.role IN ('instructor', 'assistant') AND p.removed_at IS NULL) AS "helps!"
           FROM live_sessions s WHERE s.id = $1"#,
        session,
        caller.user.uuid(),
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Code::NotFound)?;
    Ok(match (row.own, row.helps || caller.may(Permission::OrgManage)) {
        (true, _) => Standing::Instructor,
        (_, true) => Standing::Assistant,
        _ => Standing::Member,
    })
}

/// As [`standing`], refusing everybody who is no host.
async fn host(tx: &mut TenantTx, caller: &Caller, session: Uuid) -> Result<Standing, Problem> {
    match standing(tx, caller, session).await? {
        Standing::Member => Err(Code::Forbidden.into()),
        host => Ok(host),
    }
}

fn key(caller: &Caller, session: Uuid) -> Key {
    Key { organization: caller.organization, session: Id::new(session) }
}
