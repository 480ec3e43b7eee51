//! Questions and upvotes as rows.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    db::TenantTx,
    kernel::Moment,
    live::{
        core::{Event, ParticipantId, QuestionId, Session},
        log::Logged,
    },
};

/// Writes these questions as they are now.
pub async fn write(
    tx: &mut TenantTx,
    state: &Session,
    ids: &BTreeSet<QuestionId>,
    events: &[Logged],
) -> Result<(), sqlx::Error> {
    let answered_by: BTreeMap<QuestionId, Option<ParticipantId>> = events
        .iter()
        .filter_map(|logged| match &logged.event {
            Event::AnswerGiven { question, by, .. } => Some((*question, *by)),
            _ => None,
        })
        .collect();
    let user_of = |person: &ParticipantId| state.people.get(person).map(|person| person.user);
    let rows: Vec<Value> = ids
        .iter()
        .filter_map(|id| state.questions.get(id).map(|question| (id, question)))
        .map(|(id, question)| {
            json!({
                "id": id, "participant_id": question.author, "body": question.body,
                "is_anonymous": question.anonymous, "status": question.status.key(),
                "is_pinned": state.highlighted == Some(*id), "is_starred": question.starred,
                "is_archived": question.archived, "upvote_count": question.upvotes.len(), "answer": question.answer,
                "answered_by_id": answered_by.get(id).and_then(|by| by.as_ref().and_then(user_of)),
                "answered_at": question.answered_at, "created_at": question.asked_at,
            })
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO live_questions AS q (organization_id, live_session_id, id, participant_id, body, is_anonymous,
             status, is_pinned, is_starred, is_archived, upvote_count, answer, answered_by_id, answered_at, created_at)
         SELECT $1, $2, r.* FROM jsonb_to_recordset($3) AS r(id uuid, participant_id uuid, body text,
             is_anonymous boolean, status text, is_pinned boolean, is_starred boolean, is_archived boolean,
             upvote_count int, answer text, answered_by_id uuid, answered_at timestamptz, created_at timestamptz)
         ON CONFLICT (live_session_id, id) DO UPDATE SET status = EXCLUDED.status, is_pinned = EXCLUDED.is_pinned,
             is_starred = EXCLUDED.is_starred, is_archived = EXCLUDED.is_archived,
             upvote_count = EXCLUDED.upvote_count, answer = EXCLUDED.answer,
             answered_by_id = COALESCE(EXCLUDED.answered_by_id, q.answered_by_id),
             answered_at = EXCLUDED.answered_at",
        tx.organization(),
        state.id.uuid(),
        Value::Array(rows),
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// Writes the upvotes of this batch: the last word of each person and question stands.
pub async fn write_upvotes(tx: &mut TenantTx, state: &Session, events: &[Logged]) -> Result<(), sqlx::Error> {
    let mut last: BTreeMap<(QuestionId, ParticipantId), (bool, Moment)> = BTreeMap::new();
    for logged in events {
        if let Event::Upvoted { question, participant, on } = &logged.event {
            last.insert((*question, *participant), (*on, logged.at));
        }
    }
    let (mut gone, mut come) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new(), Vec::new()));
    for ((question, person), (on, at)) in last {
        if on {
            come.0.push(question.uuid());
            come.1.push(person.uuid());
            come.2.push(at);
        } else {
            gone.0.push(question.uuid());
            gone.1.push(person.uuid());
        }
    }
    delete_upvotes(tx, state, &gone.0, &gone.1).await?;
    sqlx::query!(
        "INSERT INTO live_question_upvotes (organization_id, live_session_id, question_id, participant_id, created_at)
         SELECT $1, $2, * FROM unnest($3::uuid[], $4::uuid[], $5::timestamptz[]) ON CONFLICT DO NOTHING",
        tx.organization(),
        state.id.uuid(),
        &come.0,
        &come.1,
        &come.2,
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}

async fn delete_upvotes(
    tx: &mut TenantTx,
    state: &Session,
    questions: &[Uuid],
    people: &[Uuid],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM live_question_upvotes u USING unnest($2::uuid[], $3::uuid[]) AS k(question, person)
         WHERE u.live_session_id = $1 AND u.question_id = k.question AND u.participant_id = k.person",
        state.id.uuid(),
        questions,
        people,
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}
