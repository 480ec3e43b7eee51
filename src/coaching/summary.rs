//! A summary in its tables: who may do what with it, its texts, and its states (domain 6.9).
use serde_json::{Value, json};
use uuid::Uuid;

use super::SUBJECT;
use crate::{
    db::TenantTx,
    kernel::{
        Caller, Clock, Moment, Permission,
        document::{Reach, Standing},
    },
};

/// The texts of a summary: what its document says, as Markdown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Texts {
    /// What went well.
    pub wins: Option<String>,
    /// What was hard.
    pub challenges: Option<String>,
    /// What the coach advises.
    pub recommendations: Option<String>,
    /// What was agreed, in order.
    pub actions: Vec<Action>,
    /// The whole as the client gets it.
    pub edited: Option<String>,
}

/// Something that was agreed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Action {
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

impl Action {
    fn to_json(&self) -> Value {
        json!({ "id": self.id, "text": self.text, "owner": self.owner, "due_on": self.due_on, "done": self.done })
    }
    fn of(json: &Value) -> Option<Self> {
        let text = |key: &str| json[key].as_str().map(str::to_owned);
        Some(Self {
            id: json["id"].as_str()?.parse().ok()?,
            text: text("text")?,
            owner: text("owner"),
            due_on: text("due_on"),
            done: json["done"] == true,
        })
    }
}

/// The actions of a column.
pub(super) fn actions(column: &Value) -> Vec<Action> {
    column.as_array().into_iter().flatten().filter_map(Action::of).collect()
}

/// How `caller` stands to a summary. None: it does not exist for them.
pub async fn standing(tx: &mut TenantTx, caller: &Caller, summary: Uuid) -> Result<Option<Standing>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT s.status, k.user_id AS coach, c.level AS "level?" FROM summaries s
           JOIN client_sessions p ON p.id = s.client_session_id
           JOIN coaching_sessions g ON g.id = p.coaching_session_id
           JOIN coach_profiles k ON k.id = g.coach_id
           LEFT JOIN collab_documents d ON d.subject_type = $3 AND d.subject_id = s.id
           LEFT JOIN collab_collaborators c ON c.document_id = d.id AND c.user_id = $2
           WHERE s.id = $1 AND s.deleted_at IS NULL"#,
        summary,
        caller.user.uuid(),
        SUBJECT,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.and_then(|row| {
        let open = matches!(row.status.as_str(), "generated" | "in_refinement");
        Some(Standing { reach: reach(caller, row.coach, row.level.as_deref())?, open })
    }))
}

/// The farthest of what roles and an invitation give.
pub(super) fn reach(caller: &Caller, coach: Uuid, level: Option<&str>) -> Option<Reach> {
    let own = caller.may(Permission::CoachingOwn) && coach == caller.user.uuid();
    let role = (own || caller.may(Permission::CoachingAll)).then_some(Reach::Manage);
    role.max(level.map(Reach::invited))
}

/// The texts as they are in the columns. What a machine has written is the first of what the client gets.
pub async fn read_texts(tx: &mut TenantTx, summary: Uuid) -> Result<Option<Texts>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT wins, challenges, coach_recommendations, action_items, coach_edited_version, ai_version
         FROM summaries WHERE id = $1",
        summary
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| Texts {
        wins: row.wins,
        challenges: row.challenges,
        recommendations: row.coach_recommendations,
        actions: actions(&row.action_items),
        edited: row.coach_edited_version.or(row.ai_version),
    }))
}

/// Writes the texts into the columns. For the projection of the document only: nobody else changes them.
pub async fn write_texts(
    tx: &mut TenantTx,
    summary: Uuid,
    texts: &Texts,
    author: Option<Uuid>,
) -> Result<(), sqlx::Error> {
    let actions: Value = texts.actions.iter().map(Action::to_json).collect();
    sqlx::query!(
        "UPDATE summaries SET wins = $2, challenges = $3, coach_recommendations = $4, action_items = $5,
             coach_edited_version = $6, updated_by_id = coalesce($7, updated_by_id)
         WHERE id = $1",
        summary,
        texts.wins,
        texts.challenges,
        texts.recommendations,
        actions,
        texts.edited,
        author,
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// A change of state, for the history.
struct Step<'a> {
    from: Option<&'a str>,
    to: &'a str,
    by: Option<Uuid>,
    at: Moment,
}

async fn note(tx: &mut TenantTx, clock: &Clock, summary: Uuid, step: Step<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO state_transitions (id, organization_id, subject_type, subject_id, from_state, to_state,
             actor_user_id, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        clock.id::<()>().uuid(),
        tx.organization(),
        SUBJECT,
        summary,
        step.from,
        step.to,
        step.by,
        step.at,
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// The first line of its history.
pub(super) async fn note_made(tx: &mut TenantTx, clock: &Clock, summary: Uuid, by: Uuid) -> Result<(), sqlx::Error> {
    note(tx, clock, summary, Step { from: None, to: "generated", by: Some(by), at: clock.now() }).await
}

/// Somebody has changed the text: it is being refined now, if it was not before.
pub async fn begin_refinement(
    tx: &mut TenantTx,
    clock: &Clock,
    summary: Uuid,
    author: Option<Uuid>,
) -> Result<(), sqlx::Error> {
    let moved = sqlx::query!(
        "UPDATE summaries SET status = 'in_refinement' WHERE id = $1 AND status = 'generated' AND deleted_at IS NULL",
        summary
    );
    if moved.execute(&mut **tx).await?.rows_affected() == 0 {
        return Ok(());
    }
    let step = Step { from: Some("generated"), to: "in_refinement", by: author, at: clock.now() };
    note(tx, clock, summary, step).await
}

/// What became of a wish to approve, or to open again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// Done.
    Done,
    /// It was so before.
    Already,
    /// From its state this is not possible.
    WrongState,
    /// There is no text that could be approved.
    NothingThere,
}

/// Approves it. Its texts must have been brought up to date, and nobody may change them in between.
pub async fn approve(
    tx: &mut TenantTx,
    clock: &Clock,
    caller: &Caller,
    summary: Uuid,
) -> Result<Approval, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT status, btrim(coalesce(coach_edited_version, ai_version, ''), E' \n\t') <> '' AS "something!"
           FROM summaries WHERE id = $1 FOR UPDATE"#,
        summary
    )
    .fetch_one(&mut **tx)
    .await?;
    match (row.status.as_str(), row.something) {
        ("approved", _) => return Ok(Approval::Already),
        ("generated" | "in_refinement", true) => {}
        ("generated" | "in_refinement", false) => return Ok(Approval::NothingThere),
        _ => return Ok(Approval::WrongState),
    }
    let (by, at) = (Some(caller.user.uuid()), clock.now());
    sqlx::query!(
        "UPDATE summaries SET status = 'approved', approved_at = $2, approved_by_id = $3 WHERE id = $1",
        summary,
        at,
        by
    )
    .execute(&mut **tx)
    .await?;
    note(tx, clock, summary, Step { from: Some(&row.status), to: "approved", by, at }).await?;
    Ok(Approval::Done)
}

/// Opens it for changes again.
pub async fn reopen(tx: &mut TenantTx, clock: &Clock, caller: &Caller, summary: Uuid) -> Result<Approval, sqlx::Error> {
    let status = sqlx::query_scalar!("SELECT status FROM summaries WHERE id = $1 FOR UPDATE", summary);
    match status.fetch_one(&mut **tx).await?.as_str() {
        "in_refinement" => return Ok(Approval::Already),
        "approved" => {}
        _ => return Ok(Approval::WrongState),
    }
    sqlx::query!(
        "UPDATE summaries SET status = 'in_refinement', approved_at = NULL, approved_by_id = NULL WHERE id = $1",
        summary
    )
    .execute(&mut **tx)
    .await?;
    let (by, at) = (Some(caller.user.uuid()), clock.now());
    note(tx, clock, summary, Step { from: Some("approved"), to: "in_refinement", by, at }).await?;
    Ok(Approval::Done)
}

/// Throws a summary away, to be purged later.
pub async fn remove(tx: &mut TenantTx, summary: Uuid, now: Moment) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE summaries SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL", summary, now)
        .execute(&mut **tx)
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_survive_their_column() {
        let action = Action {
            id: Uuid::from_u128(7),
            text: "Call the supplier".to_owned(),
            owner: Some("Bo".to_owned()),
            due_on: Some("2026-12-01".to_owned()),
            done: true,
        };
        let bare = Action { id: Uuid::from_u128(8), text: "Rest".to_owned(), ..Action::default() };
        let column: Value = [&action, &bare].into_iter().map(Action::to_json).collect();
        assert_eq!(actions(&column), [action, bare]);
        assert_eq!(actions(&json!([{ "id": "no" }, 1])), []);
    }
}
