//! What the tables say about the notes and whiteboards of sessions.
use std::collections::BTreeMap;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    kernel::{Id, document::ParticipantsMay},
    live::core::{SessionBoard, SessionDocuments, SessionId, SessionNotes},
};

/// Those of each of these sessions.
pub async fn read(
    connection: &mut PgConnection,
    sessions: &[SessionId],
) -> Result<BTreeMap<SessionId, SessionDocuments>, sqlx::Error> {
    let ids: Vec<Uuid> = sessions.iter().map(|session| session.uuid()).collect();
    let rows = sqlx::query!(
        r#"SELECT live_session_id AS "session!", notes, notes_may, board, board_may, title, is_locked
           FROM live_documents($1)"#,
        &ids
    )
    .fetch_all(connection)
    .await?;
    let found = rows.into_iter().map(|row| {
        let may = |key: Option<String>| ParticipantsMay::of(&key.unwrap_or_default());
        let notes = row
            .notes
            .map(|id| SessionNotes { document: format!("live_notes:{id}"), participants_may: may(row.notes_may) });
        let whiteboard = row.board.map(|id| SessionBoard {
            document: format!("live_whiteboard:{id}"),
            title: row.title.unwrap_or_default(),
            is_locked: row.is_locked.unwrap_or_default(),
            participants_may: may(row.board_may),
        });
        (Id::new(row.session), SessionDocuments { notes, whiteboard })
    });
    Ok(found.collect())
}
