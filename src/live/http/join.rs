//! The door: from a code to a seat.
use axum::{
    Json as Answer,
    extract::{FromRef, FromRequestParts, State},
    http::request::Parts,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    super::{
        Live,
        core::{self, ParticipantId, Role, SystemCommand, roster},
        room::writer::{Ask, Key},
    },
    access::clip,
};
use crate::{
    db::Db,
    http::{
        Problem,
        extract::{Json, Path},
    },
    identity::{ClientAddr, Identity, MaybeIdentity, OwnUrl, Presented, Scope, Seat, UserId},
    kernel::{Clock, Code, Id, text},
};

/// What a code leads to.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "JoinInfo.ts")]
pub struct JoinInfo {
    /// The session.
    pub live_session_id: Uuid,
    /// Its title.
    pub title: String,
    /// scheduled, starting, active or paused.
    #[ts(as = "core::Status")]
    pub status: String,
    /// Does it ask for a name?
    pub needs_name: bool,
    /// Planned start.
    pub scheduled_start: DateTime<Utc>,
}

/// A wish to come in.
#[derive(Debug, Clone, Deserialize, ToSchema, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(export_to = "JoinRequest.ts", optional_fields)]
pub struct JoinRequest {
    /// Six characters; case, spaces and dashes do not matter.
    pub code: String,
    /// 1 to 80 characters; needed only where the session asks for names.
    pub display_name: Option<String>,
}

/// A seat.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Joined.ts")]
pub struct Joined {
    /// The session.
    pub live_session_id: Uuid,
    /// Who one is in it.
    pub participant_id: Uuid,
    /// Goes into `hello`, each time; brings the same participant back on any node.
    pub token: String,
    /// The socket's address.
    pub url: String,
}

struct Found {
    key: Key,
    info: JoinInfo,
    guests_allowed: bool,
}

async fn find(db: &Db, identity: &Identity, from: ClientAddr, raw: &str) -> Result<Found, Problem> {
    identity.limits.join(from)?;
    let code: String =
        raw.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase()).take(7).collect();
    // The database takes no NUL, and no code has anything but letters and digits.
    if !code.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(identity.limits.unknown_code(from));
    }
    let mut tx = db.system().await?;
    let row = sqlx::query!(
        r#"SELECT organization_id AS "organization!", id AS "id!", title AS "title!", status AS "status!",
               needs_name AS "needs_name!", scheduled_start AS "scheduled_start!", guests_allowed AS "guests_allowed!"
           FROM live_session_by_code($1)"#,
        code,
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    let Some(row) = row else { return Err(identity.limits.unknown_code(from)) };
    if matches!(row.status.as_str(), "ended" | "cancelled") {
        return Err(Problem::new(Code::SessionEnded).detail(format!("“{}” is over.", row.title)));
    }
    Ok(Found {
        key: Key { organization: Id::new(row.organization), session: Id::new(row.id) },
        guests_allowed: row.guests_allowed,
        info: JoinInfo {
            live_session_id: row.id,
            title: row.title,
            status: row.status,
            needs_name: row.needs_name,
            scheduled_start: row.scheduled_start,
        },
    })
}

/// Look a join code up
#[utoipa::path(get, path = "/join/{code}", tag = "joining", params(("code" = String, Path)), responses(
    (status = 200, description = "It leads to this session.", body = JoinInfo),
    (status = 404, description = "No session has this code.", body = Problem),
    (status = 410, description = "The session has ended.", body = Problem),
    (status = 429, description = "Too many wrong codes from one address.", body = Problem),
))]
pub(super) async fn look_up(
    State(db): State<Db>,
    State(identity): State<Identity>,
    from: ClientAddr,
    Path(code): Path<String>,
) -> Result<Answer<JoinInfo>, Problem> {
    find(&db, &identity, from, &code).await.map(|found| Answer(found.info))
}

/// Join a live session
///
/// With the token of an earlier join, or signed in, the same participant comes back.
#[utoipa::path(post, path = "/join", tag = "joining", request_body = JoinRequest, responses(
    (status = 200, description = "The seat.", body = Joined),
    (status = 403, description = "Locked, removed, or no guests here.", body = Problem),
    (status = 404, description = "No session has this code.", body = Problem),
    (status = 409, description = "Not started yet, or full.", body = Problem),
    (status = 410, description = "The session has ended.", body = Problem),
    (status = 422, description = "A name is needed.", body = Problem),
    (status = 429, description = "Too many attempts from one address.", body = Problem),
))]
pub(super) async fn join(
    MaybeIdentity(presented): MaybeIdentity,
    hall: Hall,
    from: ClientAddr,
    own: OwnUrl,
    Json(wish): Json<JoinRequest>,
) -> Result<Answer<Joined>, Problem> {
    let Hall { live, identity, db, clock } = hall;
    let found = find(&db, &identity, from, &wish.code).await?;
    let name = wish
        .display_name
        .map(|raw| text::within(text::line(&raw), 80))
        .transpose()
        .map_err(|refusal| Problem::field("displayName", refusal))?
        .filter(|name| !name.is_empty());
    let door = Door { live: &live, identity: &identity, db: &db, clock: &clock, key: found.key };
    let known = presented.filter(|presented| door.knows(presented));
    let (participant, token) = match known {
        Some(presented) => door.enter_known(&presented, name).await?,
        None if found.guests_allowed => door.enter_guest(name).await?,
        None => return Err(Code::GuestsNotAllowed.into()),
    };
    let live_session_id = found.key.session.uuid();
    Ok(Answer(Joined { live_session_id, participant_id: participant.uuid(), token, url: own.socket() }))
}

/// What joining needs of the house.
pub(super) struct Hall {
    live: Live,
    identity: Identity,
    db: Db,
    clock: Clock,
}

impl<S> FromRequestParts<S> for Hall
where
    S: Send + Sync,
    Live: FromRef<S>,
    Identity: FromRef<S>,
    Db: FromRef<S>,
    Clock: FromRef<S>,
{
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(_: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self {
            live: Live::from_ref(state),
            identity: Identity::from_ref(state),
            db: Db::from_ref(state),
            clock: Clock::from_ref(state),
        })
    }
}

struct Door<'a> {
    live: &'a Live,
    identity: &'a Identity,
    db: &'a Db,
    clock: &'a Clock,
    key: Key,
}

impl Door<'_> {
    /// Is this somebody of this organization, with an account or with a seat in this very session?
    fn knows(&self, presented: &Presented) -> bool {
        presented.organization == self.key.organization
            && match presented.scope {
                None => true,
                Some(Scope::Seat(seat)) => seat.live_session == self.key.session.uuid(),
                Some(Scope::Link(_)) => false,
            }
    }

    async fn enter_known(
        &self,
        presented: &Presented,
        name: Option<String>,
    ) -> Result<(ParticipantId, String), Problem> {
        let name = match (name, presented.scope) {
            (None, None) => self.account_name(presented.user).await?,
            (name, _) => name,
        };
        self.seat(presented.user, name, self.clock.id()).await?;
        let user = presented.user;
        let found = self.live.look(self.key, move |_, state| state.participant_of(user)).await?;
        let participant = found.ok_or(Code::Unavailable)?;
        let mut tx = self.db.tenant_as(self.key.organization, Some(presented.user)).await?;
        let seat = Seat { live_session: self.key.session.uuid(), participant: participant.uuid() };
        let issued = self.identity.tokens.issue_seat(&mut tx, presented.user, seat).await?;
        tx.commit().await?;
        Ok((participant, issued.token))
    }

    async fn enter_guest(&self, name: Option<String>) -> Result<(ParticipantId, String), Problem> {
        let participant: ParticipantId = self.clock.id();
        self.preview(participant, name.clone()).await?;
        let mut tx = self.db.tenant_as(self.key.organization, None).await?;
        let seat = Seat { live_session: self.key.session.uuid(), participant: participant.uuid() };
        let guest = self.identity.tokens.issue_guest(&mut tx, name.as_deref().unwrap_or("Guest"), seat).await?;
        tx.commit().await?;
        if let Err(problem) = self.seat(guest.user, name, participant).await {
            let mut tx = self.db.tenant_as(self.key.organization, None).await?;
            self.identity.tokens.discard_guest(&mut tx, guest.user).await?;
            tx.commit().await?;
            return Err(problem);
        }
        Ok((participant, guest.issued.token))
    }

    /// Would a stranger be let in as things stand? Saves making a guest who is then turned away.
    async fn preview(&self, fresh: ParticipantId, name: Option<String>) -> Result<(), Problem> {
        let join = SystemCommand::Join(roster::Join { fresh, user: self.clock.id(), name, role: Role::Participant });
        let now = self.clock.now();
        let look = move |_, state: &core::Session| core::decide_system(state, &join, now).map(drop);
        if self.live.look(self.key, look.clone()).await?.is_err() {
            // This node may be a moment behind the one where the session was begun: nobody is told no by what was.
            self.live.ask(self.key, Ask::System(SystemCommand::CloseDue)).await?;
            self.live.look(self.key, look).await??;
        }
        Ok(())
    }

    async fn seat(&self, user: UserId, name: Option<String>, fresh: ParticipantId) -> Result<(), Problem> {
        let join = roster::Join { fresh, user, name, role: Role::Participant };
        self.live.ask(self.key, Ask::System(SystemCommand::Join(join))).await?;
        Ok(())
    }

    async fn account_name(&self, user: UserId) -> Result<Option<String>, Problem> {
        let mut tx = self.db.tenant_as(self.key.organization, Some(user)).await?;
        let name = sqlx::query_scalar!("SELECT display_name FROM users WHERE id = $1", user.uuid())
            .fetch_optional(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(name.map(clip))
    }
}
