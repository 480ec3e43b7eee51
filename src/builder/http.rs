//! `/api/v1/builder-sessions`: plans of trainings. Their texts are changed in the shared document, never here.
use axum::{
    Json as Answer,
    extract::{FromRef, State},
    http::{HeaderMap, StatusCode, header},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    SUBJECT,
    plan::{self, standing},
};
use crate::{
    db::{Db, TenantTx},
    http::{
        Problem,
        extract::{Json, Path, Query},
    },
    identity::{BuilderEdit, Can, Identity, Member, Tx},
    kernel::{
        Caller, Clock, Code,
        document::{DocumentState, Progress, Reach},
        merge::Patch,
        page::{Page, PageQuery},
        text,
    },
};

const TITLE: u32 = 200;
const SUBTITLE: u32 = 300;
const AUDIENCE: u32 = 2_000;
const OBJECTIVE: u32 = 20_000;
/// The longest training, in minutes: a year.
const LONGEST: i32 = 525_600;

/// A plan of a training. Its texts are those of the last moment at which all of them were valid.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "BuilderSession.ts", rename = "BuilderSession")]
#[schema(as = BuilderSession)]
pub struct PlanView {
    /// Its id.
    pub id: Uuid,
    /// The name of its document, for `/collab/hocuspocus` and `/collab/yjs/{document}`.
    pub document: String,
    /// Its title.
    pub title: String,
    /// What is below it.
    pub subtitle: Option<String>,
    /// For whom.
    pub audience: String,
    /// What they will be able to do, in Markdown.
    pub objective: String,
    /// draft, review, ready, published or retired.
    pub status: String,
    /// When it is held.
    pub scheduled_at: Option<DateTime<Utc>>,
    /// How long it is planned to be.
    pub duration_minutes: Option<i32>,
    /// Its steps, in order.
    pub agenda: Vec<AgendaItemView>,
    /// Send it back with changes.
    pub lock_version: i32,
    /// May the caller change its texts now?
    pub may_edit: bool,
    /// May the caller invite others?
    pub may_invite: bool,
    /// Who made it.
    pub created_by: Member,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Whether the texts here are those of the document.
    pub document_state: DocumentState,
}

/// One step of a plan.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "AgendaItem.ts", rename = "AgendaItem")]
#[schema(as = AgendaItem)]
pub struct AgendaItemView {
    /// Its id, here and in the document.
    pub id: Uuid,
    /// Its place: 1, 2, 3 …
    pub ordinal: i32,
    /// What it is called.
    pub title: String,
    /// What happens, in Markdown.
    pub description: Option<String>,
    /// How long it takes.
    pub duration_minutes: Option<i32>,
    /// For whoever leads it, in Markdown.
    pub notes: Option<String>,
}

/// A plan in a list.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "BuilderSessionRow.ts", rename = "BuilderSessionRow")]
#[schema(as = BuilderSessionRow)]
pub struct PlanRow {
    /// Its id.
    pub id: Uuid,
    /// The name of its document.
    pub document: String,
    /// Its title.
    pub title: String,
    /// What is below it.
    pub subtitle: Option<String>,
    /// draft, review, ready, published or retired.
    pub status: String,
    /// When it is held.
    pub scheduled_at: Option<DateTime<Utc>>,
    /// How long it is planned to be.
    pub duration_minutes: Option<i32>,
    /// How many steps it has.
    pub agenda_items: i64,
    /// May the caller change its texts now?
    pub may_edit: bool,
    /// Who made it.
    pub created_by: Member,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// A new plan.
#[derive(Debug, Clone, Deserialize, ToSchema, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(export_to = "CreateBuilderSession.ts", rename = "CreateBuilderSession", optional_fields)]
#[schema(as = CreateBuilderSession)]
pub struct CreatePlan {
    /// 1 to 200 characters.
    pub title: String,
    /// Up to 300 characters.
    pub subtitle: Option<String>,
    /// For whom; 1 to 2,000 characters.
    pub audience: String,
    /// What they will be able to do; Markdown of 1 to 20,000 characters.
    pub objective: String,
}

/// A change of what is no text. What is absent stays; null empties.
#[derive(Debug, Clone, Default, Deserialize, ToSchema, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(export_to = "ChangeBuilderSession.ts", rename = "ChangeBuilderSession", optional_fields)]
#[schema(as = ChangeBuilderSession)]
pub struct ChangePlan {
    /// When it is held.
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    #[ts(as = "Option<DateTime<Utc>>", optional = nullable)]
    pub scheduled_at: Patch<DateTime<Utc>>,
    /// How long it is planned to be: 1 to 525,600.
    #[serde(default)]
    #[schema(value_type = Option<i32>)]
    #[ts(as = "Option<i32>", optional = nullable)]
    pub duration_minutes: Patch<i32>,
    /// The number that was read with the plan, unless it is sent as `If-Match`.
    pub lock_version: Option<i32>,
}

/// All routes of this room.
pub fn router<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Identity: FromRef<S>,
    Db: FromRef<S>,
    Clock: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show, change))
}

fn document(id: Uuid) -> String {
    format!("{SUBJECT}:{}", id.hyphenated())
}

/// List plans
///
/// Latest first. Whoever may not see all plans sees those to which they were invited.
#[utoipa::path(get, path = "/builder-sessions", tag = "plans", params(PageQuery), responses(
    (status = 200, description = "A page.", body = Page<PlanRow>),
))]
async fn list(mut tx: Tx, Query(page): Query<PageQuery>) -> Result<Answer<Page<PlanRow>>, Problem> {
    let after = page.after.as_deref().map(str::parse::<Uuid>).transpose();
    let caller = tx.caller.clone();
    let rows = sqlx::query!(
        r#"SELECT s.id, s.title, s.subtitle, s.status, s.scheduled_at, s.duration_minutes, s.created_at, s.updated_at,
                  s.created_by_id, u.display_name AS "created_by?", c.level AS "level?",
                  (SELECT count(*) FROM builder_agenda_items i WHERE i.builder_session_id = s.id) AS "agenda_items!"
           FROM builder_sessions s
           LEFT JOIN users u ON u.id = s.created_by_id
           LEFT JOIN collab_documents d ON d.subject_type = $1 AND d.subject_id = s.id
           LEFT JOIN collab_collaborators c ON c.document_id = d.id AND c.user_id = $2
           WHERE s.deleted_at IS NULL AND ($3 OR c.level IS NOT NULL)
             AND ($4::uuid IS NULL OR (s.created_at, s.id) <
                 (SELECT a.created_at, a.id FROM builder_sessions a WHERE a.id = $4))
           ORDER BY s.created_at DESC, s.id DESC LIMIT $5"#,
        SUBJECT,
        caller.user.uuid(),
        plan::reach(&caller, None).is_some(),
        after.map_err(|_| Problem::field("after", Code::Malformed))?,
        page.size() + 1,
    )
    .fetch_all(&mut **tx)
    .await?;
    let rows = rows.into_iter().map(|row| PlanRow {
        may_edit: matches!(row.status.as_str(), "draft" | "review")
            && plan::reach(&caller, row.level.as_deref()) >= Some(Reach::Edit),
        id: row.id,
        document: document(row.id),
        title: row.title,
        subtitle: row.subtitle,
        status: row.status,
        scheduled_at: row.scheduled_at,
        duration_minutes: row.duration_minutes,
        agenda_items: row.agenda_items,
        created_by: Member { id: row.created_by_id, display_name: row.created_by.unwrap_or_default() },
        created_at: row.created_at,
        updated_at: row.updated_at,
    });
    Ok(Answer(Page::cut(rows.collect(), page.size(), |row| row.id.to_string())))
}

/// Make a plan
#[utoipa::path(post, path = "/builder-sessions", tag = "plans", request_body = CreatePlan, responses(
    (status = 201, description = "Made.", body = PlanView),
    (status = 403, description = "The right builder.edit is missing.", body = Problem),
    (status = 422, description = "Some fields are not valid.", body = Problem),
))]
async fn create(
    can: Can<BuilderEdit>,
    State(clock): State<Clock>,
    Json(wish): Json<CreatePlan>,
) -> Result<(StatusCode, Answer<PlanView>), Problem> {
    let mut tx = can.begin().await?;
    let id = insert(&mut tx, &clock, &can.caller, &wish).await?;
    let view = find(&mut tx, &can.caller, id).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Answer(view)))
}

/// Makes a plan, and the first line of its history.
pub async fn insert(tx: &mut TenantTx, clock: &Clock, caller: &Caller, wish: &CreatePlan) -> Result<Uuid, Problem> {
    let title = text::required(&wish.title, TITLE).map_err(|refusal| Problem::field("title", refusal))?;
    let subtitle = wish.subtitle.as_deref().map(text::line).filter(|text| !text.is_empty());
    let subtitle = subtitle.map(|text| text::within(text, SUBTITLE)).transpose();
    let subtitle = subtitle.map_err(|refusal| Problem::field("subtitle", refusal))?;
    let audience = text::required_block(&wish.audience, AUDIENCE);
    let audience = audience.map_err(|refusal| Problem::field("audience", refusal))?;
    let objective = text::required_block(&wish.objective, OBJECTIVE);
    let objective = objective.map_err(|refusal| Problem::field("objective", refusal))?;
    let (id, now) = (clock.id::<()>().uuid(), clock.now());
    sqlx::query!(
        "INSERT INTO builder_sessions (id, organization_id, title, subtitle, audience, objective, created_by_id,
             updated_by_id, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $8)",
        id,
        tx.organization(),
        title,
        subtitle,
        audience,
        objective,
        caller.user.uuid(),
        now,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "INSERT INTO builder_status_logs (id, organization_id, builder_session_id, to_status, changed_by_id,
             readiness_score, created_at)
         VALUES ($1, $2, $3, 'draft', $4, 0, $5)",
        clock.id::<()>().uuid(),
        tx.organization(),
        id,
        caller.user.uuid(),
        now,
    )
    .execute(&mut **tx)
    .await?;
    Ok(id)
}

/// Show a plan
#[utoipa::path(get, path = "/builder-sessions/{id}", tag = "plans", params(("id" = Uuid, Path)), responses(
    (status = 200, description = "The plan.", body = PlanView),
    (status = 404, description = "No such plan, or not for you.", body = Problem),
))]
async fn show(mut tx: Tx, Path(id): Path<Uuid>) -> Result<Answer<PlanView>, Problem> {
    let caller = tx.caller.clone();
    find(&mut tx, &caller, id).await.map(Answer)
}

/// Change a plan's schedule
///
/// Its texts are changed in its document. Say with `If-Match` or `lockVersion` which version was read; when somebody was
/// faster, the answer holds the plan as it is now.
#[utoipa::path(patch, path = "/builder-sessions/{id}", tag = "plans", params(("id" = Uuid, Path)),
    request_body = ChangePlan, responses(
    (status = 200, description = "Changed.", body = PlanView),
    (status = 403, description = "You may only read it.", body = Problem),
    (status = 404, description = "No such plan, or not for you.", body = Problem),
    (status = 409, description = "Somebody else changed it, see `current`; or it cannot be changed any more.",
        body = Problem),
    (status = 422, description = "Some fields are not valid.", body = Problem),
))]
async fn change(
    caller: Caller,
    State(db): State<Db>,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    Json(wish): Json<ChangePlan>,
) -> Result<Answer<PlanView>, Problem> {
    let mut tx = db.tenant(&caller).await?;
    let standing = standing(&mut tx, &caller, id).await?.ok_or(Code::NotFound)?;
    if standing.reach < Reach::Edit {
        return Err(Code::Forbidden.into());
    }
    if !standing.open {
        return Err(Code::WrongState.into());
    }
    let version = version(&headers).or(wish.lock_version);
    let version = version.ok_or_else(|| Problem::field("lockVersion", Code::Invalid))?;
    if let Patch::Set(minutes) = wish.duration_minutes
        && !(1..=LONGEST).contains(&minutes)
    {
        return Err(Problem::field("durationMinutes", Code::Invalid));
    }
    let done = sqlx::query!(
        "UPDATE builder_sessions SET lock_version = lock_version + 1, updated_by_id = $3,
             scheduled_at = CASE WHEN $4 THEN $5 ELSE scheduled_at END,
             duration_minutes = CASE WHEN $6 THEN $7 ELSE duration_minutes END
         WHERE id = $1 AND lock_version = $2 AND status IN ('draft', 'review')",
        id,
        version,
        caller.user.uuid(),
        wish.scheduled_at.is_given(),
        wish.scheduled_at.value(),
        wish.duration_minutes.is_given(),
        wish.duration_minutes.value(),
    )
    .execute(&mut *tx)
    .await?;
    let view = find(&mut tx, &caller, id).await?;
    if done.rows_affected() == 0 {
        return Err(Problem::conflict(&view));
    }
    tx.commit().await?;
    Ok(Answer(view))
}

/// `If-Match: "3"`, with quotes or without.
fn version(headers: &HeaderMap) -> Option<i32> {
    headers.get(header::IF_MATCH)?.to_str().ok()?.trim_matches('"').parse().ok()
}

/// A plan as `caller` sees it.
async fn find(tx: &mut TenantTx, caller: &Caller, id: Uuid) -> Result<PlanView, Problem> {
    let standing = standing(tx, caller, id).await?.ok_or(Code::NotFound)?;
    let row = sqlx::query!(
        r#"SELECT s.title, s.subtitle, s.audience, s.objective, s.status, s.scheduled_at, s.duration_minutes,
                  s.lock_version, s.created_at, s.updated_at, s.created_by_id, u.display_name AS "created_by?",
                  d.head_seq AS "head?", d.materialised_seq AS "materialised?", d.materialise_error, d.frozen_at
           FROM builder_sessions s
           LEFT JOIN users u ON u.id = s.created_by_id
           LEFT JOIN collab_documents d ON d.subject_type = $2 AND d.subject_id = s.id
           WHERE s.id = $1"#,
        id,
        SUBJECT,
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Code::NotFound)?;
    let agenda = sqlx::query_as!(
        AgendaItemView,
        "SELECT id, ordinal, title, description, duration_minutes, notes FROM builder_agenda_items
         WHERE builder_session_id = $1 ORDER BY ordinal",
        id
    )
    .fetch_all(&mut **tx)
    .await?;
    let progress = row.head.zip(row.materialised).map(|(head, materialised)| Progress {
        head,
        materialised,
        error: row.materialise_error,
        frozen_at: row.frozen_at,
    });
    Ok(PlanView {
        id,
        document: document(id),
        document_state: DocumentState::of(progress),
        title: row.title,
        subtitle: row.subtitle,
        audience: row.audience,
        objective: row.objective,
        status: row.status,
        scheduled_at: row.scheduled_at,
        duration_minutes: row.duration_minutes,
        agenda,
        lock_version: row.lock_version,
        may_edit: standing.may_edit(),
        may_invite: standing.reach == Reach::Manage,
        created_by: Member { id: row.created_by_id, display_name: row.created_by.unwrap_or_default() },
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
