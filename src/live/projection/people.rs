//! Participants as rows of `session_participants`.
use super::to_int;
use crate::{
    db::TenantTx,
    live::core::{ParticipantId, Session},
};

/// Writes these people as they are now. Rows are sent as one JSON document: one statement, whatever their number.
pub async fn write(
    tx: &mut TenantTx,
    state: &Session,
    ids: impl Iterator<Item = ParticipantId>,
) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = ids
        .filter_map(|id| state.people.get(&id).map(|person| (id, person)))
        .map(|(id, person)| {
            serde_json::json!({
                "id": id, "user_id": person.user, "display_name": person.name, "number": to_int(person.number),
                "joined_at": person.joined_at, "left_at": person.left_at, "role": person.role.key(),
                "permissions": person.rights.iter().map(|right| right.key()).collect::<Vec<_>>(),
                "hand_raised_at": person.hand_raised_at, "removed_at": person.removed_at, "is_banned": person.banned,
            })
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO session_participants AS p (organization_id, live_session_id, id, user_id, display_name, number,
             joined_at, left_at, role, permissions, hand_raised_at, removed_at, is_banned)
         SELECT $1, $2, id, user_id, display_name, number, joined_at, left_at, role, permissions, hand_raised_at,
             removed_at, is_banned
         FROM jsonb_to_recordset($3) AS r(id uuid, user_id uuid, display_name text, number int,
             joined_at timestamptz, left_at timestamptz, role text, permissions text[], hand_raised_at timestamptz,
             removed_at timestamptz, is_banned boolean)
         ON CONFLICT (id) DO UPDATE SET display_name = EXCLUDED.display_name, left_at = EXCLUDED.left_at,
             role = EXCLUDED.role, permissions = EXCLUDED.permissions, hand_raised_at = EXCLUDED.hand_raised_at,
             removed_at = EXCLUDED.removed_at, is_banned = EXCLUDED.is_banned,
             total_time_seconds = p.total_time_seconds + CASE
                 WHEN p.left_at IS NULL AND EXCLUDED.left_at IS NOT NULL
                 THEN greatest(0, extract(epoch FROM EXCLUDED.left_at - coalesce(p.last_seen_from, p.joined_at)))::int
                 ELSE 0 END,
             last_seen_from = CASE
                 WHEN p.left_at IS NOT NULL AND EXCLUDED.left_at IS NULL THEN now() ELSE p.last_seen_from END",
        tx.organization(),
        state.id.uuid(),
        serde_json::Value::Array(rows),
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}
