//! Who coached whom, and when: made as a summary needs it.
use chrono::NaiveDate;
use uuid::Uuid;

use crate::{
    db::TenantTx,
    http::Problem,
    kernel::{Caller, Clock, Code, Permission},
};

/// Somebody who was coached.
#[derive(Debug)]
pub(super) struct Person<'a> {
    pub name: &'a str,
    pub email: Option<&'a str>,
}

/// The profile of whoever asks, made the first time.
pub(super) async fn coach(tx: &mut TenantTx, clock: &Clock, caller: &Caller) -> Result<Uuid, Problem> {
    sqlx::query!(
        "INSERT INTO coach_profiles (id, organization_id, user_id) VALUES ($1, $2, $3)
         ON CONFLICT (organization_id, user_id) DO UPDATE SET deleted_at = NULL",
        clock.id::<()>().uuid(),
        tx.organization(),
        caller.user.uuid(),
    )
    .execute(&mut **tx)
    .await?;
    let id = sqlx::query_scalar!(
        "SELECT id FROM coach_profiles WHERE organization_id = $1 AND user_id = $2",
        tx.organization(),
        caller.user.uuid()
    );
    Ok(id.fetch_one(&mut **tx).await?)
}

/// A client by address; without one by what this coach calls those whom they have coached. Made when there is none.
pub(super) async fn client(
    tx: &mut TenantTx,
    clock: &Clock,
    coach: Uuid,
    person: &Person<'_>,
    first: NaiveDate,
) -> Result<Uuid, Problem> {
    let known = sqlx::query_scalar!(
        "SELECT c.id FROM coaching_clients c
         WHERE c.deleted_at IS NULL AND CASE WHEN $1::text IS NOT NULL THEN lower(c.email) = lower($1)
             ELSE EXISTS (
                 SELECT FROM client_sessions p JOIN coaching_sessions s ON s.id = p.coaching_session_id
                 WHERE p.client_id = c.id AND s.coach_id = $3 AND lower(coalesce(p.called, c.name)) = lower($2)) END
         ORDER BY c.created_at, c.id LIMIT 1",
        person.email,
        person.name,
        coach,
    )
    .fetch_optional(&mut **tx)
    .await?;
    if let Some(known) = known {
        return Ok(known);
    }
    let id = clock.id::<()>().uuid();
    let made = sqlx::query!(
        "INSERT INTO coaching_clients (id, organization_id, name, email, first_session_on) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING",
        id,
        tx.organization(),
        person.name,
        person.email,
        first,
    )
    .execute(&mut **tx)
    .await?;
    // Somebody else has made them at this very moment.
    if made.rows_affected() == 1 { Ok(id) } else { Err(Code::Conflict.into()) }
}

/// The coaching session of a live session, if there is one, and if the caller may add to it.
async fn session_of(
    tx: &mut TenantTx,
    caller: &Caller,
    coach: Uuid,
    live: Option<Uuid>,
) -> Result<Option<Uuid>, Problem> {
    let Some(live) = live else { return Ok(None) };
    let row = sqlx::query!(
        r#"SELECT s.instructor_id, c.id AS "coaching?", c.coach_id AS "coach?" FROM live_sessions s
           LEFT JOIN coaching_sessions c ON c.live_session_id = s.id WHERE s.id = $1"#,
        live
    )
    .fetch_optional(&mut **tx)
    .await?;
    let row = row.ok_or_else(|| Problem::field("liveSession", Code::NotFound))?;
    let own = row.instructor_id == caller.user.uuid() && row.coach.is_none_or(|known| known == coach);
    if !own && !caller.may(Permission::CoachingAll) {
        return Err(Code::Forbidden.into());
    }
    Ok(row.coaching)
}

/// The coaching session of a live session, or a new one that was held without.
pub(super) async fn session(
    tx: &mut TenantTx,
    clock: &Clock,
    caller: &Caller,
    coach: Uuid,
    date: NaiveDate,
    live: Option<Uuid>,
) -> Result<Uuid, Problem> {
    if let Some(known) = session_of(tx, caller, coach, live).await? {
        return Ok(known);
    }
    let id = clock.id::<()>().uuid();
    let kind = if live.is_some() { "group" } else { "individual" };
    // There is nothing to transcribe or to analyse: it was made by hand.
    let made = sqlx::query!(
        "INSERT INTO coaching_sessions (id, organization_id, coach_id, live_session_id, session_date, session_type,
             participant_count, processing_status)
         VALUES ($1, $2, $3, $4, $5, $6, 1, 'ready_for_review') ON CONFLICT DO NOTHING",
        id,
        tx.organization(),
        coach,
        live,
        date,
        kind,
    )
    .execute(&mut **tx)
    .await?;
    if made.rows_affected() == 1 {
        return Ok(id);
    }
    // Somebody else has made it at this very moment.
    session_of(tx, caller, coach, live).await?.ok_or_else(|| Code::Conflict.into())
}

/// That this client took part in this session. Whoever leads it and knows the client by address only does not learn from
/// it how others call them: to such a coach they are called `name`.
pub(super) async fn attendance(
    tx: &mut TenantTx,
    clock: &Clock,
    client: Uuid,
    session: Uuid,
    name: &str,
) -> Result<Uuid, Problem> {
    sqlx::query!(
        "INSERT INTO client_sessions (id, organization_id, client_id, coaching_session_id, called)
         SELECT $1, $2, $3, $4, CASE WHEN strangers.meet THEN $5 END
         FROM (SELECT EXISTS (SELECT FROM client_sessions p WHERE p.client_id = $3) AND NOT EXISTS (
             SELECT FROM client_sessions p
             JOIN coaching_sessions s ON s.id = p.coaching_session_id
             JOIN coaching_sessions here ON here.id = $4 AND here.coach_id = s.coach_id
             WHERE p.client_id = $3 AND p.called IS NULL) AS meet) strangers
         ON CONFLICT DO NOTHING",
        clock.id::<()>().uuid(),
        tx.organization(),
        client,
        session,
        name,
    )
    .execute(&mut **tx)
    .await?;
    let id = sqlx::query_scalar!(
        "SELECT id FROM client_sessions WHERE client_id = $1 AND coaching_session_id = $2",
        client,
        session
    );
    Ok(id.fetch_one(&mut **tx).await?)
}
