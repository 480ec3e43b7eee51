//! `/api/v1/summaries`: what came out of coaching. Their texts are changed in the shared document, never here.
use axum::{
    Json as Answer,
    extract::{FromRef, State},
    http::StatusCode,
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    SUBJECT,
    people::{self, Person},
    summary::{self, Action, standing},
};
use crate::{
    db::{Db, TenantTx},
    http::{
        Problem,
        extract::{Json, Path, Query},
    },
    identity::{Identity, Tx},
    kernel::{
        Caller, Clock, Code, Permission,
        document::{DocumentState, Progress, Reach},
        page::{Page, PageQuery},
        text,
    },
};

const NAME: u32 = 200;
const EMAIL: u32 = 255;

/// A summary. Its texts are those of the last moment at which all of them were valid, as Markdown.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Summary.ts", rename = "Summary")]
#[schema(as = Summary)]
pub struct SummaryView {
    /// Its id.
    pub id: Uuid,
    /// The name of its document, for `/collab/hocuspocus` and `/collab/yjs/{document}`.
    pub document: String,
    /// Whom it is about.
    pub client: Client,
    /// When the session was.
    pub session_date: NaiveDate,
    /// The live session that it was, if it was one.
    pub live_session: Option<Uuid>,
    /// pending, generated, in_refinement or approved.
    pub status: String,
    /// What went well.
    pub wins: Option<String>,
    /// What was hard.
    pub challenges: Option<String>,
    /// What the coach advises.
    pub recommendations: Option<String>,
    /// What was agreed, in order.
    pub actions: Vec<ActionView>,
    /// The whole as the client gets it.
    pub edited: Option<String>,
    /// When it was approved.
    pub approved_at: Option<DateTime<Utc>>,
    /// May the caller change its texts now?
    pub may_edit: bool,
    /// May the caller approve it, open it again, and invite others?
    pub may_approve: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Whether the texts here are those of the document.
    pub document_state: DocumentState,
}

/// Somebody who is coached.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "CoachingClient.ts", rename = "CoachingClient")]
#[schema(as = CoachingClient)]
pub struct Client {
    /// Who.
    pub id: Uuid,
    /// Their name.
    pub name: String,
}

/// Something that was agreed.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "ActionItem.ts", rename = "ActionItem")]
#[schema(as = ActionItem)]
pub struct ActionView {
    /// Its id, here and in the document.
    pub id: Uuid,
    /// What is to be done.
    pub text: String,
    /// By whom.
    pub owner: Option<String>,
    /// Until when, as 2026-11-21.
    pub due_on: Option<String>,
    /// Is it done?
    pub done: bool,
}

impl From<Action> for ActionView {
    fn from(Action { id, text, owner, due_on, done }: Action) -> Self {
        Self { id, text, owner, due_on, done }
    }
}

/// A summary in a list.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "SummaryRow.ts")]
pub struct SummaryRow {
    /// Its id.
    pub id: Uuid,
    /// The name of its document.
    pub document: String,
    /// Whom it is about.
    pub client: Client,
    /// When the session was.
    pub session_date: NaiveDate,
    /// pending, generated, in_refinement or approved.
    pub status: String,
    /// May the caller change its texts now?
    pub may_edit: bool,
    /// When it was approved.
    pub approved_at: Option<DateTime<Utc>>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// A new summary, written by hand.
#[derive(Debug, Clone, Deserialize, ToSchema, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(export_to = "CreateSummary.ts", optional_fields)]
pub struct CreateSummary {
    /// Whom it is about; 1 to 200 characters.
    pub client_name: String,
    /// Their address: finds them again.
    pub client_email: Option<String>,
    /// When the session was.
    pub session_date: NaiveDate,
    /// The live session that it was, if it was one.
    pub live_session: Option<Uuid>,
}

/// All routes of this room.
pub fn router<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Identity: FromRef<S>,
    Db: FromRef<S>,
    Clock: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show))
}

fn document(id: Uuid) -> String {
    format!("{SUBJECT}:{}", id.hyphenated())
}

/// List summaries
///
/// Latest first: one's own, with coaching.all those of all coaches, and those to which one was invited.
#[utoipa::path(get, path = "/summaries", tag = "summaries", params(PageQuery), responses(
    (status = 200, description = "A page.", body = Page<SummaryRow>),
))]
async fn list(mut tx: Tx, Query(page): Query<PageQuery>) -> Result<Answer<Page<SummaryRow>>, Problem> {
    let after = page.after.as_deref().map(str::parse::<Uuid>).transpose();
    let caller = tx.caller.clone();
    let rows = sqlx::query!(
        r#"SELECT s.id, s.status, s.approved_at, s.updated_at, g.session_date, k.user_id AS coach,
                  n.id AS client, c.level AS "level?",
                  CASE WHEN $3 THEN n.name ELSE coalesce(p.called, n.name) END AS "client_name!"
           FROM summaries s
           JOIN client_sessions p ON p.id = s.client_session_id
           JOIN coaching_clients n ON n.id = p.client_id
           JOIN coaching_sessions g ON g.id = p.coaching_session_id
           JOIN coach_profiles k ON k.id = g.coach_id
           LEFT JOIN collab_documents d ON d.subject_type = $1 AND d.subject_id = s.id
           LEFT JOIN collab_collaborators c ON c.document_id = d.id AND c.user_id = $2
           WHERE s.deleted_at IS NULL AND ($3 OR $4 AND k.user_id = $2 OR c.level IS NOT NULL)
             AND ($5::uuid IS NULL OR (s.created_at, s.id) <
                 (SELECT a.created_at, a.id FROM summaries a WHERE a.id = $5))
           ORDER BY s.created_at DESC, s.id DESC LIMIT $6"#,
        SUBJECT,
        caller.user.uuid(),
        caller.may(Permission::CoachingAll),
        caller.may(Permission::CoachingOwn),
        after.map_err(|_| Problem::field("after", Code::Malformed))?,
        page.size() + 1,
    )
    .fetch_all(&mut **tx)
    .await?;
    let rows = rows.into_iter().map(|row| SummaryRow {
        may_edit: matches!(row.status.as_str(), "generated" | "in_refinement")
            && summary::reach(&caller, row.coach, row.level.as_deref()) >= Some(Reach::Edit),
        id: row.id,
        document: document(row.id),
        client: Client { id: row.client, name: row.client_name },
        session_date: row.session_date,
        status: row.status,
        approved_at: row.approved_at,
        updated_at: row.updated_at,
    });
    Ok(Answer(Page::cut(rows.collect(), page.size(), |row| row.id.to_string())))
}

/// Make a summary by hand
///
/// For one client of one session. The client and the session are made as needed.
#[utoipa::path(post, path = "/summaries", tag = "summaries", request_body = CreateSummary, responses(
    (status = 201, description = "Made.", body = SummaryView),
    (status = 403, description = "Neither coaching.own nor coaching.all; or the session is another coach's.",
        body = Problem),
    (status = 409, description = "This client has a summary of this session already.", body = Problem),
    (status = 422, description = "Some fields are not valid.", body = Problem),
))]
async fn create(
    caller: Caller,
    State(db): State<Db>,
    State(clock): State<Clock>,
    Json(wish): Json<CreateSummary>,
) -> Result<(StatusCode, Answer<SummaryView>), Problem> {
    if !caller.may(Permission::CoachingOwn) && !caller.may(Permission::CoachingAll) {
        return Err(Problem::new(Code::Forbidden).detail("Needs the right coaching.own."));
    }
    let mut tx = db.tenant(&caller).await?;
    let id = insert(&mut tx, &clock, &caller, &wish).await?;
    let view = find(&mut tx, &caller, id).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Answer(view)))
}

/// Makes a summary with all that it stands on, and the first line of its history.
pub async fn insert(tx: &mut TenantTx, clock: &Clock, caller: &Caller, wish: &CreateSummary) -> Result<Uuid, Problem> {
    let name = text::required(&wish.client_name, NAME).map_err(|refusal| Problem::field("clientName", refusal))?;
    let email = wish.client_email.as_deref().map(text::line).filter(|text| !text.is_empty());
    let email = email.map(|text| text::within(text, EMAIL)).transpose();
    let email = email.map_err(|refusal| Problem::field("clientEmail", refusal))?;
    if email.as_deref().is_some_and(|email| !is_address(email)) {
        return Err(Problem::field("clientEmail", Code::Invalid));
    }
    let date = wish.session_date;
    if !(2000..2200).contains(&chrono::Datelike::year(&date)) {
        return Err(Problem::field("sessionDate", Code::Invalid).detail("Allowed: the years 2000 to 2199."));
    }
    let coach = people::coach(tx, clock, caller).await?;
    let session = people::session(tx, clock, caller, coach, date, wish.live_session).await?;
    let person = Person { name: &name, email: email.as_deref() };
    let client = people::client(tx, clock, coach, &person, date).await?;
    let attendance = people::attendance(tx, clock, client, session, &name).await?;
    let (id, now) = (clock.id::<()>().uuid(), clock.now());
    let made = sqlx::query!(
        "INSERT INTO summaries (id, organization_id, client_session_id, status, updated_by_id, created_at, updated_at)
         VALUES ($1, $2, $3, 'generated', $4, $5, $5) ON CONFLICT DO NOTHING",
        id,
        tx.organization(),
        attendance,
        caller.user.uuid(),
        now,
    )
    .execute(&mut **tx)
    .await?;
    if made.rows_affected() == 0 {
        return Err(Code::Conflict.into());
    }
    summary::note_made(tx, clock, id, caller.user.uuid()).await?;
    Ok(id)
}

fn is_address(email: &str) -> bool {
    let parts = email.split_once('@');
    parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !email.contains(char::is_whitespace))
}

/// Show a summary
#[utoipa::path(get, path = "/summaries/{id}", tag = "summaries", params(("id" = Uuid, Path)), responses(
    (status = 200, description = "The summary.", body = SummaryView),
    (status = 404, description = "No such summary, or not for you.", body = Problem),
))]
async fn show(mut tx: Tx, Path(id): Path<Uuid>) -> Result<Answer<SummaryView>, Problem> {
    let caller = tx.caller.clone();
    find(&mut tx, &caller, id).await.map(Answer)
}

/// A summary as `caller` sees it.
pub async fn find(tx: &mut TenantTx, caller: &Caller, id: Uuid) -> Result<SummaryView, Problem> {
    let standing = standing(tx, caller, id).await?.ok_or(Code::NotFound)?;
    let row = sqlx::query!(
        r#"SELECT s.status, s.wins, s.challenges, s.coach_recommendations, s.action_items, s.coach_edited_version,
                  s.ai_version, s.approved_at, s.created_at, s.updated_at, g.session_date, g.live_session_id,
                  n.id AS client, CASE WHEN $3 THEN n.name ELSE coalesce(p.called, n.name) END AS "client_name!",
                  d.head_seq AS "head?", d.materialised_seq AS "materialised?", d.materialise_error, d.frozen_at
           FROM summaries s
           JOIN client_sessions p ON p.id = s.client_session_id
           JOIN coaching_clients n ON n.id = p.client_id
           JOIN coaching_sessions g ON g.id = p.coaching_session_id
           LEFT JOIN collab_documents d ON d.subject_type = $2 AND d.subject_id = s.id
           WHERE s.id = $1"#,
        id,
        SUBJECT,
        caller.may(Permission::CoachingAll),
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Code::NotFound)?;
    let progress = row.head.zip(row.materialised).map(|(head, materialised)| Progress {
        head,
        materialised,
        error: row.materialise_error,
        frozen_at: row.frozen_at,
    });
    Ok(SummaryView {
        id,
        document: document(id),
        document_state: DocumentState::of(progress),
        client: Client { id: row.client, name: row.client_name },
        session_date: row.session_date,
        live_session: row.live_session_id,
        status: row.status,
        wins: row.wins,
        challenges: row.challenges,
        recommendations: row.coach_recommendations,
        actions: summary::actions(&row.action_items).into_iter().map(ActionView::from).collect(),
        edited: row.coach_edited_version.or(row.ai_version),
        approved_at: row.approved_at,
        may_edit: standing.may_edit(),
        may_approve: standing.reach == Reach::Manage,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
