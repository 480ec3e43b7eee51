//! What the database has of the one document in it, read past the server.
use sqlx::PgConnection;
use yrs::{Doc, GetString, Transact, Update, updates::decoder::Decode};

/// The text as the snapshot and the log give it, and the number of the last update.
pub async fn read(database: &mut PgConnection) -> (String, i64) {
    let (snapshot, head): (Option<Vec<u8>>, i64) =
        sqlx::query_as("SELECT snapshot, head_seq FROM collab_documents").fetch_one(&mut *database).await.unwrap();
    let updates: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT payload FROM collab_updates ORDER BY seq").fetch_all(&mut *database).await.unwrap();
    let doc = Doc::new();
    let text = doc.get_or_insert_text("t");
    for update in snapshot.iter().chain(&updates) {
        doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
    }
    let text = text.get_string(&doc.transact());
    (text, head)
}

/// All these words are there, each of them once.
#[track_caller]
pub fn holds<'a>(text: &str, words: impl IntoIterator<Item = &'a (String, Vec<u8>)>) {
    for (word, _) in words {
        let times = text.split_whitespace().filter(|known| *known == word.trim()).count();
        assert_eq!(times, 1, "{word:?} in {text:?}");
    }
}
