//! A plan in its tables: who may do what with it, its texts, and its end.
use uuid::Uuid;

use super::SUBJECT;
use crate::{
    db::TenantTx,
    kernel::{
        Caller, Moment, Permission,
        document::{Reach, Standing},
    },
};

/// The texts of a plan: what its document says. Longer ones are Markdown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    /// Its title.
    pub title: String,
    /// What is below it.
    pub subtitle: Option<String>,
    /// For whom.
    pub audience: String,
    /// What they will be able to do.
    pub objective: String,
    /// In order.
    pub agenda: Vec<AgendaItem>,
}

/// One step of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgendaItem {
    /// Its id, here and in the document.
    pub id: Uuid,
    /// What it is called.
    pub title: String,
    /// What happens.
    pub description: Option<String>,
    /// How long it takes.
    pub duration_minutes: Option<i32>,
    /// For whoever leads it.
    pub notes: Option<String>,
}

/// How `caller` stands to a plan. None: it does not exist for them.
pub async fn standing(tx: &mut TenantTx, caller: &Caller, plan: Uuid) -> Result<Option<Standing>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT s.status, c.level AS "level?" FROM builder_sessions s
           LEFT JOIN collab_documents d ON d.subject_type = $3 AND d.subject_id = s.id
           LEFT JOIN collab_collaborators c ON c.document_id = d.id AND c.user_id = $2
           WHERE s.id = $1 AND s.deleted_at IS NULL"#,
        plan,
        caller.user.uuid(),
        SUBJECT,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.and_then(|row| {
        let open = matches!(row.status.as_str(), "draft" | "review");
        Some(Standing { reach: reach(caller, row.level.as_deref())?, open })
    }))
}

/// The farthest of what roles and an invitation give.
pub(super) fn reach(caller: &Caller, level: Option<&str>) -> Option<Reach> {
    let role = if caller.may(Permission::BuilderEdit) {
        Some(Reach::Manage)
    } else {
        caller.may(Permission::BuilderRead).then_some(Reach::View)
    };
    role.max(level.map(Reach::invited))
}

/// The texts as they are in the columns.
pub async fn read_texts(tx: &mut TenantTx, plan: Uuid) -> Result<Option<Texts>, sqlx::Error> {
    let row = sqlx::query!("SELECT title, subtitle, audience, objective FROM builder_sessions WHERE id = $1", plan)
        .fetch_optional(&mut **tx)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let agenda = sqlx::query_as!(
        AgendaItem,
        "SELECT id, title, description, duration_minutes, notes FROM builder_agenda_items
         WHERE builder_session_id = $1 ORDER BY ordinal",
        plan
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(Some(Texts {
        title: row.title,
        subtitle: row.subtitle,
        audience: row.audience,
        objective: row.objective,
        agenda,
    }))
}

/// Writes the texts into the columns. For the projection of the document only: nobody else changes them.
pub async fn write_texts(
    tx: &mut TenantTx,
    plan: Uuid,
    texts: &Texts,
    author: Option<Uuid>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE builder_sessions SET title = $2, subtitle = $3, audience = $4, objective = $5,
             updated_by_id = coalesce($6, updated_by_id)
         WHERE id = $1",
        plan,
        texts.title,
        texts.subtitle,
        texts.audience,
        texts.objective,
        author,
    )
    .execute(&mut **tx)
    .await?;
    write_agenda(tx, plan, &texts.agenda).await
}

/// Rows come, change and go by id; their places are numbered 1, 2, 3 … anew.
async fn write_agenda(tx: &mut TenantTx, plan: Uuid, agenda: &[AgendaItem]) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = agenda.iter().map(|item| item.id).collect();
    let titles: Vec<&str> = agenda.iter().map(|item| item.title.as_str()).collect();
    let descriptions: Vec<Option<&str>> = agenda.iter().map(|item| item.description.as_deref()).collect();
    let durations: Vec<Option<i32>> = agenda.iter().map(|item| item.duration_minutes).collect();
    let notes: Vec<Option<&str>> = agenda.iter().map(|item| item.notes.as_deref()).collect();
    sqlx::query!("DELETE FROM builder_agenda_items WHERE builder_session_id = $1 AND NOT id = ANY ($2)", plan, &ids)
        .execute(&mut **tx)
        .await?;
    sqlx::query!(
        "INSERT INTO builder_agenda_items AS known
             (id, organization_id, builder_session_id, ordinal, title, description, duration_minutes, notes)
         SELECT n.id, $1, $2, n.ordinal, n.title, n.description, n.duration, n.notes
         FROM unnest($3::uuid[], $4::text[], $5::text[], $6::int[], $7::text[])
             WITH ORDINALITY AS n (id, title, description, duration, notes, ordinal)
         ON CONFLICT (builder_session_id, id) DO UPDATE SET ordinal = excluded.ordinal, title = excluded.title,
             description = excluded.description, duration_minutes = excluded.duration_minutes, notes = excluded.notes
         WHERE (known.ordinal, known.title, known.description, known.duration_minutes, known.notes)
               IS DISTINCT FROM (excluded.ordinal, excluded.title, excluded.description, excluded.duration_minutes,
                                 excluded.notes)",
        tx.organization(),
        plan,
        &ids,
        &titles as &[&str],
        &descriptions as &[Option<&str>],
        &durations as &[Option<i32>],
        &notes as &[Option<&str>],
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// Throws a plan away, to be purged later. False: it is published, and has to be retired first.
pub async fn remove(tx: &mut TenantTx, plan: Uuid, now: Moment) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE builder_sessions SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL AND status <> 'published'",
        plan,
        now
    );
    Ok(done.execute(&mut **tx).await?.rows_affected() == 1)
}
