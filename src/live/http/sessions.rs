//! Making, listing, showing, changing and duplicating live sessions.
use axum::{Json as Answer, extract::State, http::StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use rand::seq::IndexedRandom;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{super::Live, host, key};
use crate::{
    db::TenantTx,
    http::{
        Problem,
        extract::{Json, Path, Query},
    },
    identity::{Can, LiveCreate, Tx},
    kernel::{
        Caller, Clock, Code, Moment,
        page::{Page, PageQuery},
        text,
    },
    live::{
        core::{
            self, Event, PollDraft, Session, SessionDocuments, SessionId, Settings, Status, SystemCommand,
            lifecycle::{Plan, PollSettings, QaSettings, is_sane},
            poll::PollStatus,
        },
        log::{self, Logged},
        projection,
        room::writer::Ask,
    },
};

/// The characters of join codes: no look-alikes (0 O, 1 I L, U V).
const CODE_ALPHABET: &[u8] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";
const MOST_PARTICIPANTS: u32 = 100_000;

/// A live session as the dashboard shows it.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "LiveSession.ts", rename = "LiveSession")]
#[schema(as = LiveSession)]
pub struct LiveSessionView {
    /// Its id.
    pub id: Uuid,
    /// Six characters that lead to it.
    pub join_code: String,
    /// 1 to 200 characters.
    pub title: String,
    /// Free text.
    pub description: Option<String>,
    /// scheduled, starting, active, paused, ended or cancelled.
    #[ts(as = "Status")]
    pub status: String,
    /// Planned start.
    pub scheduled_start: DateTime<Utc>,
    /// Planned end.
    pub scheduled_end: DateTime<Utc>,
    /// First active.
    pub actual_start: Option<DateTime<Utc>>,
    /// Ended.
    pub actual_end: Option<DateTime<Utc>>,
    /// Most connected participants.
    pub max_participants: i32,
    /// Does it ask for names?
    pub needs_name: bool,
    /// Features with their configuration.
    #[ts(type = "Array<{ type: string; isEnabled: boolean; config: Record<string, unknown> }>")]
    pub features: serde_json::Value,
    /// How many have joined.
    pub participant_count: i32,
    /// Who leads it.
    pub instructor_id: Uuid,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A new live session.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[ts(export_to = "CreateSession.ts", optional_fields)]
pub struct CreateSession {
    /// 1 to 200 characters.
    #[ts(as = "String")]
    pub title: String,
    /// Up to 4,000 characters.
    pub description: Option<String>,
    /// Absent: now.
    pub scheduled_start: Option<DateTime<Utc>>,
    /// Absent: an hour after the start.
    pub scheduled_end: Option<DateTime<Utc>>,
    /// 1 to 100,000; absent: 50.
    pub max_participants: Option<u32>,
    /// Absent: no.
    pub needs_name: Option<bool>,
    /// Absent: polls and questions.
    #[ts(type = "Array<{ type: string; isEnabled?: boolean; config?: Record<string, unknown> }>", optional)]
    pub features: Option<Vec<Feature>>,
}

/// A feature switch (domain 10).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Feature {
    /// Which: poll or qa.
    #[serde(rename = "type")]
    pub kind: FeatureKind,
    /// On unless false.
    #[serde(default = "yes")]
    pub is_enabled: bool,
    /// Its keys.
    #[serde(default)]
    pub config: FeatureConfig,
}

fn yes() -> bool {
    true
}

/// The features there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum FeatureKind {
    /// Polls.
    Poll,
    /// Questions.
    Qa,
}

/// Configuration keys of the features; each feature reads its own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FeatureConfig {
    /// poll: how many may be open at once, 1 to 10.
    pub max_open: Option<u32>,
    /// qa: questions wait for a moderator.
    pub pre_moderated: Option<bool>,
    /// qa: questions without a name.
    pub anonymous_allowed: Option<bool>,
    /// qa: questions may be supported.
    pub upvotes: Option<bool>,
}

/// What a copy shall be called and when it shall be.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[ts(export_to = "DuplicateSession.ts", optional_fields)]
pub struct DuplicateSession {
    /// Absent: the title of the original.
    pub title: Option<String>,
    /// Absent: now.
    pub scheduled_start: Option<DateTime<Utc>>,
}

/// Which sessions, and which page of them.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SessionQuery {
    /// `open` (not ended), `past` (ended or cancelled), or one status; absent: all.
    pub status: Option<String>,
    /// The `next` of the page before.
    pub after: Option<Uuid>,
    /// 1 to 200; 50 when absent.
    pub limit: Option<u32>,
}

impl CreateSession {
    fn settings(self, now: Moment) -> Result<Settings, Problem> {
        let title = text::required(&self.title, 200).map_err(|refusal| Problem::field("title", refusal))?;
        let description = self
            .description
            .map(|raw| text::within(text::block(&raw), 4_000))
            .transpose()
            .map_err(|refusal| Problem::field("description", refusal))?
            .filter(|text| !text.is_empty());
        let scheduled_start = sane("scheduledStart", self.scheduled_start.unwrap_or(now))?;
        let scheduled_end = self.scheduled_end.unwrap_or_else(|| scheduled_start + TimeDelta::hours(1));
        let scheduled_end = sane("scheduledEnd", scheduled_end)?;
        if scheduled_end <= scheduled_start {
            return Err(Problem::field("scheduledEnd", Code::Invalid).detail("The end must lie after the start."));
        }
        let max_participants = self.max_participants.unwrap_or(50);
        if !(1..=MOST_PARTICIPANTS).contains(&max_participants) {
            return Err(Problem::field("maxParticipants", Code::Invalid)
                .detail(format!("Allowed: 1 to {MOST_PARTICIPANTS} participants.")));
        }
        let (polls, qa) = features(self.features)?;
        let needs_name = self.needs_name.unwrap_or(false);
        Ok(Settings {
            title,
            description,
            scheduled_start,
            scheduled_end,
            max_participants,
            needs_name,
            polls,
            qa,
            documents: SessionDocuments::default(),
        })
    }
}

/// A time that can be reckoned with, and stored. Before any sum: the calendar's last day has no morrow.
fn sane(field: &str, at: Moment) -> Result<Moment, Problem> {
    if is_sane(at) {
        return Ok(at);
    }
    Err(Problem::field(field, Code::Invalid).detail("Allowed: the years 2000 to 2199."))
}

fn features(wanted: Option<Vec<Feature>>) -> Result<(PollSettings, QaSettings), Problem> {
    let named = wanted.is_some();
    let mut polls = PollSettings { enabled: !named, max_open: 1 };
    let mut qa = QaSettings { enabled: !named, pre_moderated: false, anonymous_allowed: true, upvotes: true };
    let mut seen = Vec::new();
    for feature in wanted.unwrap_or_default() {
        if seen.contains(&feature.kind) {
            return Err(Problem::field("features", Code::Invalid).detail("Each feature may be named once."));
        }
        seen.push(feature.kind);
        let config = feature.config;
        match feature.kind {
            FeatureKind::Poll => {
                polls = PollSettings { enabled: feature.is_enabled, max_open: config.max_open.unwrap_or(1) };
            }
            FeatureKind::Qa => {
                qa = QaSettings {
                    enabled: feature.is_enabled,
                    pre_moderated: config.pre_moderated.unwrap_or(false),
                    anonymous_allowed: config.anonymous_allowed.unwrap_or(true),
                    upvotes: config.upvotes.unwrap_or(true),
                };
            }
        }
    }
    if !(1..=10).contains(&polls.max_open) {
        return Err(Problem::field("features", Code::Invalid).detail("poll.maxOpen: allowed are 1 to 10."));
    }
    Ok((polls, qa))
}

fn fresh_code() -> String {
    let mut rng = rand::rng();
    (0..6).filter_map(|_| CODE_ALPHABET.choose(&mut rng)).map(|byte| char::from(*byte)).collect()
}

/// Makes a session with these polls: its row and its first events, in the caller's transaction.
pub async fn create_session(
    tx: &mut TenantTx,
    clock: &Clock,
    caller: &Caller,
    settings: Settings,
    drafts: Vec<PollDraft>,
) -> Result<Uuid, Problem> {
    let (id, now): (SessionId, _) = (clock.id(), clock.now());
    loop {
        // Another session may hold the code: the row then does not appear, and another code is drawn.
        let made = sqlx::query!(
            "INSERT INTO live_sessions (id, organization_id, title, join_code, instructor_id, created_by_id,
                 scheduled_start, scheduled_end, created_at)
             VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
            id.uuid(),
            tx.organization(),
            settings.title,
            fresh_code(),
            caller.user.uuid(),
            settings.scheduled_start,
            settings.scheduled_end,
            now,
        )
        .execute(&mut **tx)
        .await?;
        if made.rows_affected() == 1 {
            break;
        }
    }
    let mut state = Session::new(id, settings.clone());
    let polls = drafts.into_iter().map(|draft| Event::PollCreated { poll: clock.id(), draft, by: None });
    let events: Vec<Logged> = (1..)
        .zip(std::iter::once(Event::Created { settings }).chain(polls))
        .map(|(seq, event)| Logged { seq, at: now, actor: None, event })
        .collect();
    for logged in events.iter().skip(1) {
        core::apply(&mut state, &logged.event, now);
    }
    log::append(tx, id, &events).await?;
    projection::project(tx, &state, &events, events.len() as u64, projection::Head::Behind).await?;
    Ok(id.uuid())
}

/// One session of the transaction's organization.
pub async fn find(tx: &mut TenantTx, id: Uuid) -> Result<LiveSessionView, Problem> {
    let found = sqlx::query_as!(
        LiveSessionView,
        "SELECT id, join_code, title, description, status, scheduled_start, scheduled_end, actual_start, actual_end,
             max_participants, needs_name, features, participant_count, instructor_id, created_at
         FROM live_sessions WHERE id = $1",
        id,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found.ok_or(Code::NotFound)?)
}

/// Create a live session
#[utoipa::path(post, path = "/live-sessions", tag = "live sessions", request_body = CreateSession, responses(
    (status = 201, description = "Made; `joinCode` leads to it.", body = LiveSessionView),
    (status = 403, description = "The right live.create is missing.", body = Problem),
    (status = 422, description = "Some fields are not valid.", body = Problem),
))]
pub(super) async fn create(
    can: Can<LiveCreate>,
    State(clock): State<Clock>,
    Json(wish): Json<CreateSession>,
) -> Result<(StatusCode, Answer<LiveSessionView>), Problem> {
    let settings = wish.settings(clock.now())?;
    let mut tx = can.begin().await?;
    let id = create_session(&mut tx, &clock, &can.caller, settings, Vec::new()).await?;
    let view = find(&mut tx, id).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Answer(view)))
}

/// List live sessions
///
/// Latest planned start first.
#[utoipa::path(get, path = "/live-sessions", tag = "live sessions", params(SessionQuery), responses(
    (status = 200, description = "A page.", body = Page<LiveSessionView>),
))]
pub(super) async fn list(
    mut tx: Tx,
    Query(query): Query<SessionQuery>,
) -> Result<Answer<Page<LiveSessionView>>, Problem> {
    let statuses: Option<Vec<String>> = match query.status.as_deref() {
        None => None,
        Some("open") => Some(["scheduled", "starting", "active", "paused"].map(str::to_owned).to_vec()),
        Some("past") => Some(["ended", "cancelled"].map(str::to_owned).to_vec()),
        Some(one @ ("scheduled" | "starting" | "active" | "paused" | "ended" | "cancelled")) => {
            Some(vec![one.to_owned()])
        }
        Some(_) => return Err(Problem::field("status", Code::Invalid).detail("Allowed: open, past, or one status.")),
    };
    let size = PageQuery { after: None, limit: query.limit }.size();
    let rows = sqlx::query_as!(
        LiveSessionView,
        "SELECT id, join_code, title, description, status, scheduled_start, scheduled_end, actual_start, actual_end,
             max_participants, needs_name, features, participant_count, instructor_id, created_at
         FROM live_sessions
         WHERE ($1::text[] IS NULL OR status = ANY ($1))
           AND ($2::uuid IS NULL OR (scheduled_start, id) <
               (SELECT s.scheduled_start, s.id FROM live_sessions s WHERE s.id = $2))
         ORDER BY scheduled_start DESC, id DESC LIMIT $3",
        statuses.as_deref(),
        query.after,
        size + 1,
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(Answer(Page::cut(rows, size, |row| row.id.to_string())))
}

/// Show a live session
#[utoipa::path(get, path = "/live-sessions/{id}", tag = "live sessions", params(("id" = Uuid, Path)), responses(
    (status = 200, description = "The session.", body = LiveSessionView),
    (status = 404, description = "Not in your organization.", body = Problem),
))]
pub(super) async fn show(mut tx: Tx, Path(id): Path<Uuid>) -> Result<Answer<LiveSessionView>, Problem> {
    find(&mut tx, id).await.map(Answer)
}

/// Change a live session before it starts
#[utoipa::path(patch, path = "/live-sessions/{id}", tag = "live sessions", params(("id" = Uuid, Path)),
    request_body = Plan, responses(
    (status = 200, description = "Changed.", body = LiveSessionView),
    (status = 409, description = "It has started already.", body = Problem),
    (status = 422, description = "Some fields are not valid.", body = Problem),
))]
pub(super) async fn change(
    can: Can<LiveCreate>,
    State(live): State<Live>,
    Path(id): Path<Uuid>,
    Json(plan): Json<Plan>,
) -> Result<Answer<LiveSessionView>, Problem> {
    let mut tx = can.begin().await?;
    host(&mut tx, &can.caller, id).await?;
    tx.commit().await?;
    live.ask(key(&can.caller, id), Ask::System(SystemCommand::Reschedule(plan))).await?;
    let mut tx = can.begin().await?;
    find(&mut tx, id).await.map(Answer)
}

/// Duplicate a live session
///
/// Settings and polls come along, the polls as drafts without votes.
#[utoipa::path(post, path = "/live-sessions/{id}/duplicate", tag = "live sessions", params(("id" = Uuid, Path)),
    request_body = DuplicateSession, responses(
    (status = 201, description = "The copy.", body = LiveSessionView),
    (status = 404, description = "Not in your organization.", body = Problem),
))]
pub(super) async fn duplicate(
    can: Can<LiveCreate>,
    State(live): State<Live>,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    Json(wish): Json<DuplicateSession>,
) -> Result<(StatusCode, Answer<LiveSessionView>), Problem> {
    let mut tx = can.begin().await?;
    host(&mut tx, &can.caller, id).await?;
    tx.commit().await?;
    let original = live.look(key(&can.caller, id), |_, state| (state.settings.clone(), drafts(state))).await?;
    let (mut settings, drafts) = original;
    // Those stay with the original.
    settings.documents = SessionDocuments::default();
    let length = settings.scheduled_end - settings.scheduled_start;
    settings.scheduled_start = sane("scheduledStart", wish.scheduled_start.unwrap_or_else(|| clock.now()))?;
    settings.scheduled_end = sane("scheduledStart", settings.scheduled_start + length)?;
    if let Some(title) = wish.title {
        settings.title = text::required(&title, 200).map_err(|refusal| Problem::field("title", refusal))?;
    }
    let mut tx = can.begin().await?;
    let copy = create_session(&mut tx, &clock, &can.caller, settings, copies(drafts, &clock)).await?;
    let view = find(&mut tx, copy).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Answer(view)))
}

fn drafts(state: &Session) -> Vec<PollDraft> {
    let mut polls: Vec<_> = state.polls.values().filter(|poll| poll.status != PollStatus::Archived).collect();
    polls.sort_by_key(|poll| poll.position);
    polls.into_iter().map(|poll| poll.draft.clone()).collect()
}

fn copies(mut drafts: Vec<PollDraft>, clock: &Clock) -> Vec<PollDraft> {
    for option in drafts.iter_mut().flat_map(|draft| &mut draft.options) {
        option.id = clock.id();
    }
    drafts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendars_ends_are_refused_and_not_reckoned_with() {
        let now = DateTime::from_timestamp(1_780_000_000, 0).expect("a time");
        for start in [DateTime::<Utc>::MAX_UTC, DateTime::<Utc>::MIN_UTC] {
            let wish = CreateSession { title: "x".into(), scheduled_start: Some(start), ..CreateSession::default() };
            let problem = wish.settings(now).expect_err("refused");
            assert_eq!((problem.code, problem.errors[0].field.as_str()), (Code::Invalid, "scheduledStart"));
        }
    }
}
