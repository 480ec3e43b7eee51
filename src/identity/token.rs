//! Tokens: opaque, random, stored as hashes. What a token opens is its scope.
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use ts_rs::TS;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{OrganizationId, UserId, extract::Presented};
use crate::{
    db::{Db, TenantTx},
    http::Problem,
    kernel::{
        Clock, Code, Moment,
        page::{Page, PageQuery},
    },
};

const PREFIX: &str = "atl_";
const TICKET: TimeDelta = TimeDelta::seconds(60);
/// How long access tokens, and the cookie that carries one, live.
pub const ACCESS: TimeDelta = TimeDelta::days(30);
const LINK_AT_MOST: TimeDelta = TimeDelta::days(365);

/// One place in one live session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seat {
    /// The live session.
    pub live_session: Uuid,
    /// The participant in it.
    pub participant: Uuid,
}

/// What a link shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "LinkKind.ts")]
pub enum LinkKind {
    /// The big screen, read-only.
    Present,
}

/// A screen of one live session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// The live session.
    pub live_session: Uuid,
    /// What is shown.
    pub link: LinkKind,
}

/// What a token opens, when it does not open the whole account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scope {
    /// A participant's place.
    Seat(Seat),
    /// A screen.
    Link(Link),
}

impl Scope {
    /// The live session it belongs to.
    pub const fn live_session(&self) -> Uuid {
        match self {
            Self::Seat(seat) => seat.live_session,
            Self::Link(link) => link.live_session,
        }
    }
}

/// The one document that a ticket opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DocumentTicket {
    document: String,
}

/// What a ticket opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opens {
    /// A place in a live session.
    Session(Scope),
    /// The document of this name.
    Document(String),
}

/// Whoever has just used up a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The person or guest.
    pub user: UserId,
    /// The tenant.
    pub organization: OrganizationId,
    /// What the ticket opened.
    pub opens: Opens,
}

/// Opens a socket once, within 60 seconds.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Ticket.ts")]
pub struct Ticket {
    /// Goes into `hello`, or is the token of the provider.
    pub token: String,
    /// The socket's address.
    pub url: String,
    /// Not valid after.
    pub expires_at: chrono::DateTime<chrono::Utc>,
}

/// Who opened a socket, and to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketIdentity {
    /// The person or guest; for a link, whoever made it.
    pub user: UserId,
    /// The tenant.
    pub organization: OrganizationId,
    /// The seat or the screen.
    pub scope: Scope,
}

/// A fresh token. The text exists here and with its holder only.
#[derive(Debug, Clone)]
pub struct Issued {
    /// Names it in lists and for revoking.
    pub id: Uuid,
    /// The secret.
    pub token: String,
    /// When it ends.
    pub expires_at: Moment,
}

/// A link in a list; its token is not kept anywhere.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "LinkView.ts")]
pub struct LinkView {
    /// Its id.
    pub id: Uuid,
    /// What it shows.
    pub scope: LinkKind,
    /// When it was made.
    pub created_at: chrono::DateTime<chrono::Utc>,
    /// When it ends.
    pub expires_at: chrono::DateTime<chrono::Utc>,
}

/// Issues, checks and revokes tokens. Issuing happens in the caller's transaction, so it never needs a second
/// connection and is undone with the rest.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub(super) clock: Clock,
}

pub(super) struct Fresh {
    pub issued: Issued,
    pub hash: [u8; 32],
}

impl Tokens {
    /// A handle with its own source of time.
    pub fn new(clock: Clock) -> Self {
        Self { clock }
    }

    /// A token for everything its user may do. False membership: `forbidden`.
    pub async fn issue_access(&self, tx: &mut TenantTx, user: UserId) -> Result<Issued, Problem> {
        self.issue(tx, user, "access", scope_json(None)?, ACCESS).await
    }

    /// A ticket: opens one socket, once, within a minute.
    pub async fn issue_ticket(&self, tx: &mut TenantTx, user: UserId, seat: Seat) -> Result<Issued, Problem> {
        self.issue(tx, user, "ws_ticket", scope_json(Some(Scope::Seat(seat)))?, TICKET).await
    }

    /// A ticket for one document. The holder may do with it what they may do when they come.
    pub async fn issue_document_ticket(
        &self,
        tx: &mut TenantTx,
        user: UserId,
        document: &str,
    ) -> Result<Issued, Problem> {
        let scope = serde_json::to_value(DocumentTicket { document: document.to_owned() });
        self.issue(tx, user, "ws_ticket", scope.map_err(Problem::internal)?, TICKET).await
    }

    /// A lasting token for the seat of an existing user, guest or member; opens sockets and finds the seat again on
    /// joining, and nothing else.
    pub async fn issue_seat(&self, tx: &mut TenantTx, user: UserId, seat: Seat) -> Result<Issued, Problem> {
        self.issue(tx, user, "access", scope_json(Some(Scope::Seat(seat)))?, ACCESS).await
    }

    /// A link to a screen. `lasts` is kept between an hour and a year.
    pub async fn issue_link(
        &self,
        tx: &mut TenantTx,
        user: UserId,
        link: Link,
        lasts: Option<TimeDelta>,
    ) -> Result<Issued, Problem> {
        let lasts = lasts.unwrap_or(ACCESS).clamp(TimeDelta::hours(1), LINK_AT_MOST);
        self.issue(tx, user, "access", scope_json(Some(Scope::Link(link)))?, lasts).await
    }

    /// The links of a live session that still work, newest first.
    pub async fn list_links(
        &self,
        tx: &mut TenantTx,
        live_session: Uuid,
        page: &PageQuery,
    ) -> Result<Page<LinkView>, Problem> {
        let after = page.after.as_deref().map(str::parse::<Uuid>).transpose().map_err(|_| Code::Malformed)?;
        let rows = sqlx::query!(
            r#"SELECT id AS "id!", link AS "link!", created_at AS "created_at!", expires_at AS "expires_at!"
               FROM auth_list_links($1, $2, $3, $4)"#,
            live_session,
            self.clock.now(),
            after,
            page.size() + 1,
        )
        .fetch_all(&mut **tx)
        .await?;
        let views = rows.into_iter().map(|row| {
            let scope = serde_json::from_value(row.link.into())?;
            Ok(LinkView { id: row.id, scope, created_at: row.created_at, expires_at: row.expires_at })
        });
        let views: Vec<LinkView> = views.collect::<Result<_, serde_json::Error>>().map_err(Problem::internal)?;
        Ok(Page::cut(views, page.size(), |link| link.id.to_string()))
    }

    /// Ends a link of a live session of this tenant.
    pub async fn revoke_link(&self, tx: &mut TenantTx, live_session: Uuid, link: Uuid) -> Result<(), Problem> {
        let found = sqlx::query_scalar!(
            r#"SELECT auth_revoke_token_by_id($1, $2, $3) AS "found!""#,
            live_session,
            link,
            self.clock.now(),
        )
        .fetch_one(&mut **tx)
        .await?;
        if found { Ok(()) } else { Err(Code::NotFound.into()) }
    }

    /// Ends a token. An unknown one is no error: the wish is fulfilled.
    pub async fn revoke(&self, db: &Db, token: &str) -> Result<(), Problem> {
        let Some(hash) = hash(token) else { return Ok(()) };
        let mut connection = db.bare().await?;
        sqlx::query_scalar!("SELECT auth_revoke_token($1, $2)", &hash, self.clock.now())
            .fetch_one(&mut *connection)
            .await?;
        Ok(())
    }

    /// Who opens this socket? Seats and links by their token, tickets by being used up. An account's own token is
    /// refused: it opens no particular session.
    pub async fn authenticate_socket(&self, db: &Db, token: &str) -> Result<SocketIdentity, Problem> {
        let hash = hash(token).ok_or(Code::Unauthenticated)?;
        let mut connection = db.bare().await?;
        if let Some(presented) = self.find_hash(&mut connection, &hash).await? {
            let Presented { user, organization, scope, .. } = presented;
            let scope = scope.ok_or(Code::Unauthenticated)?;
            return Ok(SocketIdentity { user, organization, scope });
        }
        let visitor = self.use_up(&mut connection, &hash).await?;
        let Opens::Session(scope) = visitor.opens else { return Err(Code::Unauthenticated.into()) };
        Ok(SocketIdentity { user: visitor.user, organization: visitor.organization, scope })
    }

    /// Who brings this ticket, and what does it open? It is used up by that.
    pub async fn use_ticket(&self, db: &Db, token: &str) -> Result<Visitor, Problem> {
        let hash = hash(token).ok_or(Code::Unauthenticated)?;
        let mut connection = db.bare().await?;
        self.use_up(&mut connection, &hash).await
    }

    async fn use_up(&self, connection: &mut PgConnection, hash: &[u8]) -> Result<Visitor, Problem> {
        let row = sqlx::query!(
            r#"SELECT user_id AS "user!", organization_id AS "organization!", scope AS "scope!"
               FROM auth_use_ticket($1, $2)"#,
            hash,
            self.clock.now(),
        )
        .fetch_optional(connection)
        .await?
        .ok_or(Code::Unauthenticated)?;
        Ok(Visitor {
            user: UserId::new(row.user),
            organization: OrganizationId::new(row.organization),
            opens: opened(row.scope).map_err(Problem::internal)?,
        })
    }

    /// Forgets tokens that ended more than a day ago; for a regular chore. Returns how many.
    pub async fn purge(&self, db: &Db) -> Result<i64, Problem> {
        let before = self.clock.now() - TimeDelta::days(1);
        let mut connection = db.bare().await?;
        let count = sqlx::query_scalar!(r#"SELECT auth_purge_tokens($1) AS "count!""#, before)
            .fetch_one(&mut *connection)
            .await?;
        Ok(count)
    }

    /// Who holds this access token? None when it opens nothing (any more).
    pub async fn find(&self, connection: &mut PgConnection, token: &str) -> Result<Option<Presented>, Problem> {
        match hash(token) {
            Some(hash) => self.find_hash(connection, &hash).await,
            None => Ok(None),
        }
    }

    async fn find_hash(&self, connection: &mut PgConnection, hash: &[u8]) -> Result<Option<Presented>, Problem> {
        let row = sqlx::query!(
            r#"SELECT user_id AS "user!", organization_id AS "organization!", scope AS "scope!",
                      user_kind AS "kind!", permissions AS "permissions!"
               FROM auth_find_token($1, $2)"#,
            hash,
            self.clock.now(),
        )
        .fetch_optional(connection)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let whole = row.scope.as_object().is_some_and(serde_json::Map::is_empty);
        let scope = if whole { None } else { Some(serde_json::from_value(row.scope).map_err(Problem::internal)?) };
        // A guest never has an account, whatever the scope says.
        if scope.is_none() && row.kind == "guest" {
            return Ok(None);
        }
        Ok(Some(Presented {
            user: UserId::new(row.user),
            organization: OrganizationId::new(row.organization),
            scope,
            permissions: row.permissions,
        }))
    }

    async fn issue(
        &self,
        tx: &mut TenantTx,
        user: UserId,
        kind: &str,
        scope: serde_json::Value,
        lasts: TimeDelta,
    ) -> Result<Issued, Problem> {
        let fresh = self.fresh(lasts);
        let stored = sqlx::query_scalar!(
            r#"SELECT auth_issue_token($1, $2, $3, $4, $5, $6, $7, $8) AS "stored!""#,
            fresh.issued.id,
            user.uuid(),
            tx.organization(),
            kind,
            &fresh.hash,
            scope,
            self.clock.now(),
            fresh.issued.expires_at,
        )
        .fetch_one(&mut **tx)
        .await?;
        if stored { Ok(fresh.issued) } else { Err(Code::Forbidden.into()) }
    }

    pub(super) fn fresh(&self, lasts: TimeDelta) -> Fresh {
        let token = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
        let hash = Sha256::digest(token.as_bytes()).into();
        let id = self.clock.id::<str>().uuid();
        Fresh { issued: Issued { id, token, expires_at: self.clock.now() + lasts }, hash }
    }
}

pub(super) fn scope_json(scope: Option<Scope>) -> Result<serde_json::Value, Problem> {
    match scope {
        Some(scope) => serde_json::to_value(scope).map_err(Problem::internal),
        None => Ok(serde_json::json!({})),
    }
}

fn opened(scope: serde_json::Value) -> Result<Opens, serde_json::Error> {
    match serde_json::from_value::<DocumentTicket>(scope.clone()) {
        Ok(ticket) => Ok(Opens::Document(ticket.document)),
        Err(_) => serde_json::from_value(scope).map(Opens::Session),
    }
}

/// The stored form, or none for a text that cannot be a token of ours.
fn hash(token: &str) -> Option<[u8; 32]> {
    let secret = token.strip_prefix(PREFIX)?;
    (secret.len() == 43).then(|| Sha256::digest(token.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_random_and_only_their_hash_is_stored() {
        let tokens = Tokens::new(Clock::system());
        let (a, b) = (tokens.fresh(ACCESS), tokens.fresh(ACCESS));
        assert_ne!(a.issued.token, b.issued.token);
        assert_eq!(hash(&a.issued.token), Some(a.hash));
        assert_eq!(hash("atl_short"), None);
        assert_eq!(hash(&a.issued.token.replacen("atl_", "xxx_", 1)), None);
    }

    #[test]
    fn scopes_are_told_apart() {
        let (live_session, participant) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for scope in [
            Scope::Seat(Seat { live_session, participant }),
            Scope::Link(Link { live_session, link: LinkKind::Present }),
        ] {
            let json = scope_json(Some(scope)).expect("writes");
            assert_eq!(serde_json::from_value::<Scope>(json.clone()).expect("reads"), scope);
            assert_eq!(opened(json).expect("reads"), Opens::Session(scope));
        }
        let ticket = serde_json::json!({ "document": "summary:1" });
        assert_eq!(opened(ticket.clone()).expect("reads"), Opens::Document("summary:1".to_owned()));
        assert!(serde_json::from_value::<Scope>(ticket).is_err(), "a document is no seat");
    }
}
