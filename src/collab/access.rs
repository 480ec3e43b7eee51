//! What somebody may do with a document: from roles, and from the state of what it belongs to.
use uuid::Uuid;

use super::{Kind, Name, hocuspocus::Scope};
use crate::{
    builder, coaching,
    db::TenantTx,
    identity::{self, Presented},
    kernel::{Caller, Code, Id, caller, document::Standing},
};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// The person or guest.
    pub user: Id<caller::User>,
    /// The permission keys of all roles held; none for a guest.
    pub permissions: Vec<String>,
    /// The one live session that the token opens, if it opens no more.
    pub only_session: Option<Uuid>,
    /// The one document that the ticket opens, if it is a ticket for one.
    pub only_document: Option<Name>,
}

impl Asker {
    /// Whoever presents a token that is not used up by it. None: a link of a session, which opens no documents.
    pub fn of(presented: &Presented) -> Option<Self> {
        let only_session = match presented.scope {
            None => None,
            Some(identity::Scope::Seat(seat)) => Some(seat.live_session),
            Some(identity::Scope::Link(_)) => return None,
        };
        Some(Self {
            user: presented.user,
            permissions: presented.permissions.clone(),
            only_session,
            only_document: None,
        })
    }

    /// Somebody who is signed in.
    pub fn member_of(caller: &Caller) -> Self {
        Self { user: caller.user, permissions: caller.permissions.clone(), only_session: None, only_document: None }
    }

    /// As a member of the organization; none for somebody who has a place in one session only.
    fn member(&self, tx: &TenantTx) -> Option<Caller> {
        let organization = Id::new(tx.organization());
        let member = || Caller { user: self.user, organization, permissions: self.permissions.clone() };
        self.only_session.is_none().then(member)
    }

    fn may(&self, permission: &str) -> bool {
        self.only_session.is_none() && self.permissions.iter().any(|held| held == permission)
    }
}

/// What `asker` may do with the document of `subject`. None: it does not exist for them.
pub async fn scope(tx: &mut TenantTx, asker: &Asker, name: Name) -> Result<Option<Scope>, sqlx::Error> {
    if asker.only_document.is_some_and(|only| only != name) {
        return Ok(None);
    }
    match name.kind {
        Kind::LiveNotes => notes(tx, asker, name).await,
        Kind::BuilderSession | Kind::Summary => {
            let Some(member) = asker.member(tx) else { return Ok(None) };
            let standing = standing(tx, &member, name).await?;
            Ok(standing.map(|standing| if standing.may_edit() { Scope::ReadWrite } else { Scope::ReadOnly }))
        }
        Kind::LiveWhiteboard => whiteboard(tx, asker, name).await,
    }
}

/// How a member stands to what a document is about. None: it does not exist for them, or nobody is invited to it.
pub async fn standing(tx: &mut TenantTx, member: &Caller, name: Name) -> Result<Option<Standing>, sqlx::Error> {
    match name.kind {
        Kind::BuilderSession => builder::standing(tx, member, name.subject).await,
        Kind::Summary => coaching::standing(tx, member, name.subject).await,
        Kind::LiveNotes | Kind::LiveWhiteboard => Ok(None),
    }
}

/// Does `asker` run this live session?
pub async fn hosts(tx: &mut TenantTx, asker: &Asker, session: Uuid) -> Result<bool, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT s.instructor_id = $2 AS "own!",
                  coalesce(p.role IN ('instructor', 'assistant') AND p.removed_at IS NULL, false) AS "helps!"
           FROM live_sessions s
           LEFT JOIN session_participants p ON p.live_session_id = s.id AND p.user_id = $2
           WHERE s.id = $1"#,
        session,
        asker.user.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    let here = asker.only_session.is_none_or(|only| only == session);
    Ok(here && row.is_some_and(|row| row.helps || asker.may("org.manage") || row.own && asker.may("live.host")))
}

/// Why `asker` gets nothing of this session: members of its organization know it, nobody else learns that it exists.
pub async fn refusal(tx: &mut TenantTx, asker: &Asker, session: Uuid) -> Result<Code, sqlx::Error> {
    let here = sqlx::query_scalar!("SELECT id FROM live_sessions WHERE id = $1", session);
    let known = asker.only_session.is_none() && here.fetch_optional(&mut **tx).await?.is_some();
    Ok(if known { Code::Forbidden } else { Code::NotFound })
}

/// Hosts of the session write; participants as the host decides; nobody writes when it is over.
async fn notes(tx: &mut TenantTx, asker: &Asker, name: Name) -> Result<Option<Scope>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT n.live_session_id, n.participants_may, s.status, p.role AS "role?"
           FROM live_notes n
           JOIN live_sessions s ON s.id = n.live_session_id
           LEFT JOIN session_participants p
               ON p.live_session_id = n.live_session_id AND p.user_id = $2 AND p.removed_at IS NULL
           WHERE n.id = $1"#,
        name.subject,
        asker.user.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = row.filter(|row| asker.only_session.is_none_or(|only| only == row.live_session_id)) else {
        return Ok(None);
    };
    let hosts = hosts(tx, asker, row.live_session_id).await?;
    let over = matches!(row.status.as_str(), "ended" | "cancelled");
    let scope = match (hosts, row.role.as_deref(), row.participants_may.as_str()) {
        (true, ..) | (_, Some("participant"), "edit") => Some(Scope::ReadWrite),
        (_, Some("participant" | "observer"), "read" | "edit") => Some(Scope::ReadOnly),
        _ => None,
    };
    Ok(scope.map(|scope| if over { Scope::ReadOnly } else { scope }))
}

/// While the session runs, hosts draw, and so does whoever has the right to, unless it is locked; participants as the
/// host decides. Before and after it is there to be looked at.
async fn whiteboard(tx: &mut TenantTx, asker: &Asker, name: Name) -> Result<Option<Scope>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT b.live_session_id, b.participants_may, b.is_locked, s.status, p.role AS "role?",
                  coalesce('can_use_whiteboard' = ANY (p.permissions), false) AS "draws!",
                  coalesce('can_moderate' = ANY (p.permissions), false) AS "moderates!"
           FROM live_whiteboards b
           JOIN live_sessions s ON s.id = b.live_session_id
           LEFT JOIN session_participants p
               ON p.live_session_id = b.live_session_id AND p.user_id = $2 AND p.removed_at IS NULL
           WHERE b.id = $1"#,
        name.subject,
        asker.user.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = row.filter(|row| asker.only_session.is_none_or(|only| only == row.live_session_id)) else {
        return Ok(None);
    };
    let hosts = row.moderates || hosts(tx, asker, row.live_session_id).await?;
    let runs = matches!(row.status.as_str(), "starting" | "active" | "paused");
    let scope = match (row.role.as_deref(), row.participants_may.as_str()) {
        _ if hosts || row.draws && !row.is_locked => Some(Scope::ReadWrite),
        (Some("participant"), "edit") if !row.is_locked => Some(Scope::ReadWrite),
        (Some("participant" | "observer"), "read" | "edit") => Some(Scope::ReadOnly),
        _ if row.draws => Some(Scope::ReadOnly),
        _ => None,
    };
    Ok(scope.map(|scope| if runs { scope } else { Scope::ReadOnly }))
}

/// May `asker`, who may do `scope` with a document, see what it said before? Who writes may; of those who read, members
/// may with what belongs to the organization, and hosts with what belongs to their session.
pub async fn sees_history(tx: &mut TenantTx, asker: &Asker, name: Name, scope: Scope) -> Result<bool, sqlx::Error> {
    if scope == Scope::ReadWrite {
        return Ok(true);
    }
    match name.kind {
        Kind::BuilderSession | Kind::Summary => Ok(asker.only_session.is_none()),
        Kind::LiveNotes | Kind::LiveWhiteboard => match session_of(tx, name).await? {
            Some(session) => hosts(tx, asker, session).await,
            None => Ok(false),
        },
    }
}

/// The live session that a document belongs to, if it does.
pub async fn session_of(tx: &mut TenantTx, name: Name) -> Result<Option<Uuid>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        r#"SELECT live_session_id AS "session!" FROM live_notes WHERE id = $1
           UNION ALL SELECT live_session_id FROM live_whiteboards WHERE id = $1"#,
        name.subject
    );
    match name.kind {
        Kind::LiveNotes | Kind::LiveWhiteboard => found.fetch_optional(&mut **tx).await,
        Kind::BuilderSession | Kind::Summary => Ok(None),
    }
}
