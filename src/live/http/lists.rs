//! Pages of participants, polls and questions, read from the projected tables.
use axum::Json as Answer;
use chrono::{DateTime, Utc};
use serde::Serialize;
use ts_rs::TS;
use utoipa::ToSchema;
use uuid::Uuid;

use super::host;
use crate::{
    http::{
        Problem,
        extract::{Path, Query},
    },
    identity::{Can, LiveJoin},
    kernel::{
        Code,
        page::{Page, PageQuery},
    },
};

/// A participant.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "ParticipantRow.ts")]
pub struct ParticipantRow {
    /// Who.
    pub id: Uuid,
    /// The name given, if any.
    pub name: Option<String>,
    /// Number in order of arrival.
    pub number: i32,
    /// instructor, assistant, participant or observer.
    pub role: String,
    /// First join.
    pub joined_at: DateTime<Utc>,
    /// Set while away.
    pub left_at: Option<DateTime<Utc>>,
    /// Set while the hand is up.
    pub hand_raised_at: Option<DateTime<Utc>>,
    /// Put out.
    pub removed_at: Option<DateTime<Utc>>,
    /// Seconds in the session, finished stays only.
    pub total_time_seconds: i32,
}

/// A poll.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "PollRow.ts")]
pub struct PollRow {
    /// Which.
    pub id: Uuid,
    /// What it asks.
    pub question: String,
    /// single, multiple, rating, open_text or word_cloud.
    pub kind: String,
    /// draft, open, closed or archived.
    pub status: String,
    /// Place in the run of show.
    pub position: i32,
    /// Current round.
    pub round: i32,
    /// Who has a ballot in the current round.
    pub voters: i64,
    /// First opened.
    pub opened_at: Option<DateTime<Utc>>,
    /// Last closed.
    pub closed_at: Option<DateTime<Utc>>,
}

/// A question.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "QuestionRow.ts")]
pub struct QuestionRow {
    /// Which.
    pub id: Uuid,
    /// What was asked.
    pub body: String,
    /// Who asked; null when anonymous or without a name.
    pub author_name: Option<String>,
    /// Asked without a name.
    pub is_anonymous: bool,
    /// pending, open, answered or dismissed.
    pub status: String,
    /// Put away.
    pub is_archived: bool,
    /// How many support it.
    pub upvotes: i32,
    /// The written answer.
    pub answer: Option<String>,
    /// When asked.
    pub asked_at: DateTime<Utc>,
}

fn key<T: std::str::FromStr>(page: &PageQuery) -> Result<Option<T>, Problem> {
    page.after.as_deref().map(str::parse).transpose().map_err(|_| Problem::field("after", Code::Malformed))
}

/// List participants
///
/// In order of arrival.
#[utoipa::path(get, path = "/live-sessions/{id}/participants", tag = "live sessions",
    params(("id" = Uuid, Path), PageQuery),
    responses((status = 200, description = "A page.", body = Page<ParticipantRow>)))]
pub(super) async fn participants(
    can: Can<LiveJoin>,
    Path(id): Path<Uuid>,
    Query(page): Query<PageQuery>,
) -> Result<Answer<Page<ParticipantRow>>, Problem> {
    let mut tx = can.begin().await?;
    host(&mut tx, &can.caller, id).await?;
    let rows = sqlx::query_as!(
        ParticipantRow,
        "SELECT id, display_name AS name, number, role, joined_at, left_at, hand_raised_at, removed_at,
             total_time_seconds
         FROM session_participants WHERE live_session_id = $1 AND ($2::int IS NULL OR number > $2)
         ORDER BY number LIMIT $3",
        id,
        key::<i32>(&page)?,
        page.size() + 1,
    )
    .fetch_all(&mut *tx)
    .await?;
    Ok(Answer(Page::cut(rows, page.size(), |row| row.number.to_string())))
}

/// List polls
///
/// In the order of the run of show.
#[utoipa::path(get, path = "/live-sessions/{id}/polls", tag = "live sessions",
    params(("id" = Uuid, Path), PageQuery),
    responses((status = 200, description = "A page.", body = Page<PollRow>)))]
pub(super) async fn polls(
    can: Can<LiveJoin>,
    Path(id): Path<Uuid>,
    Query(page): Query<PageQuery>,
) -> Result<Answer<Page<PollRow>>, Problem> {
    let mut tx = can.begin().await?;
    host(&mut tx, &can.caller, id).await?;
    let rows = sqlx::query_as!(
        PollRow,
        r#"SELECT p.id, question, kind, status, position, p.round, opened_at, closed_at,
               (SELECT count(DISTINCT v.participant_id) FROM live_poll_votes v WHERE v.live_session_id = $1
                   AND v.poll_id = p.id AND v.round = p.round) AS "voters!"
           FROM live_polls p WHERE p.live_session_id = $1 AND ($2::int IS NULL OR position > $2)
           ORDER BY position LIMIT $3"#,
        id,
        key::<i32>(&page)?,
        page.size() + 1,
    )
    .fetch_all(&mut *tx)
    .await?;
    Ok(Answer(Page::cut(rows, page.size(), |row| row.position.to_string())))
}

/// List questions
///
/// Oldest first. Anonymous ones carry no name.
#[utoipa::path(get, path = "/live-sessions/{id}/questions", tag = "live sessions",
    params(("id" = Uuid, Path), PageQuery),
    responses((status = 200, description = "A page.", body = Page<QuestionRow>)))]
pub(super) async fn questions(
    can: Can<LiveJoin>,
    Path(id): Path<Uuid>,
    Query(page): Query<PageQuery>,
) -> Result<Answer<Page<QuestionRow>>, Problem> {
    let mut tx = can.begin().await?;
    host(&mut tx, &can.caller, id).await?;
    let rows = sqlx::query_as!(
        QuestionRow,
        r#"SELECT q.id, q.body, CASE WHEN q.is_anonymous THEN NULL ELSE p.display_name END AS author_name,
               q.is_anonymous, q.status, q.is_archived, q.upvote_count AS upvotes, q.answer, q.created_at AS asked_at
           FROM live_questions q
           JOIN session_participants p ON p.live_session_id = q.live_session_id AND p.id = q.participant_id
           WHERE q.live_session_id = $1 AND ($2::uuid IS NULL OR (q.created_at, q.id) >
               (SELECT a.created_at, a.id FROM live_questions a WHERE a.live_session_id = $1 AND a.id = $2))
           ORDER BY q.created_at, q.id LIMIT $3"#,
        id,
        key::<Uuid>(&page)?,
        page.size() + 1,
    )
    .fetch_all(&mut *tx)
    .await?;
    Ok(Answer(Page::cut(rows, page.size(), |row| row.id.to_string())))
}
