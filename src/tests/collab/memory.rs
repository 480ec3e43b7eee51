//! Documents that nobody looks at give way to others; never one with something that is not saved.
use atelier::{
    collab::{
        Asker, DocumentId, Name, Scope, Settings,
        room::{Peer, Wire},
    },
    kernel::Id,
    socket::Outbox,
};
use axum::http::Method;
use serde_json::json;
use uuid::Uuid;

use super::editor::Editor;
use crate::support::{Account, Atelier, Setup, client::DEADLINE};

/// Two documents of 50 kB fit, three do not.
async fn small_house() -> (Atelier, Account) {
    let documents = Settings { memory: 170_000, ..Settings::default() };
    let app = Atelier::with(Setup { documents, ..Setup::default() }).await;
    let ada = app.instructor("ada").await;
    (app, ada)
}

/// A large document that was written over HTTP: its name and its id.
async fn written(app: &Atelier, ada: &Account) -> (String, DocumentId) {
    let before = app.collab.open_documents();
    let name = ada.notes(&ada.creates("Intro").await, "edit").await;
    let body = json!({ "body": "word ".repeat(10_000) });
    app.ask(Method::PATCH, &format!("/api/v1/documents/{name}/content"), Some(&ada.token), Some(&body)).await.is(200);
    let open = app.collab.open_documents();
    let new = open.into_iter().find(|document| !before.contains(document)).expect("it is open");
    (name, new)
}

async fn open_are(app: &Atelier, mut wanted: Vec<DocumentId>) {
    wanted.sort_unstable();
    let mut open = vec![];
    let waiting = tokio::time::timeout(DEADLINE, async {
        loop {
            open = app.collab.open_documents();
            open.sort_unstable();
            if open == wanted {
                return;
            }
            tokio::task::yield_now().await;
        }
    });
    assert!(waiting.await.is_ok(), "{open:?} are open, not {wanted:?}");
}

async fn reads(app: &Atelier, ada: &Account, name: &str) {
    let path = format!("/api/v1/documents/{name}/content");
    app.ask(Method::GET, &path, Some(&ada.token), None).await.is(200);
}

#[tokio::test]
async fn the_one_that_was_not_used_for_longest_goes_and_opens_again() {
    let (app, ada) = small_house().await;
    let (first, one) = written(&app, &ada).await;
    let (_, two) = written(&app, &ada).await;
    open_are(&app, vec![one, two]).await;
    reads(&app, &ada, &first).await;
    let (_, three) = written(&app, &ada).await;
    open_are(&app, vec![one, three]).await;
    assert!(app.collab.resident() < 170_000);
    // What somebody has open stays, however long ago it was used.
    let mut editor = Editor::opens(app.address, &first, &ada.token).await.comes_in().await;
    let (_, four) = written(&app, &ada).await;
    open_are(&app, vec![one, four]).await;
    let (_, five) = written(&app, &ada).await;
    open_are(&app, vec![one, five]).await;
    editor.types_and_saves("still here").await;
    assert_eq!(editor.closed, None);
}

#[tokio::test]
async fn one_with_something_unsaved_stays() {
    let (app, ada) = small_house().await;
    let (first, one) = written(&app, &ada).await;
    // Nobody can save it while its row is held.
    let mut behind = app.database.superuser().await;
    sqlx::query("BEGIN").execute(&mut behind).await.unwrap();
    sqlx::query("SELECT FROM collab_documents FOR UPDATE").execute(&mut behind).await.unwrap();
    let (path, change) = (format!("/api/v1/documents/{first}/content"), json!({ "body": "Short, and not saved." }));
    let saving = async { app.ask(Method::PATCH, &path, Some(&ada.token), Some(&change)).await };
    let others = async {
        let mut other = app.database.superuser().await;
        let waits =
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut other).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        let (_, two) = written(&app, &ada).await;
        let (_, three) = written(&app, &ada).await;
        let (_, four) = written(&app, &ada).await;
        assert!(![two, three].contains(&one));
        open_are(&app, vec![one, four]).await;
        sqlx::query("ROLLBACK").execute(&mut behind).await.unwrap();
    };
    let (saved, ()) = tokio::join!(saving, others);
    assert!(saved.is(200).body["body"].to_string().contains("not saved"));
}

#[tokio::test]
async fn far_beyond_the_budget_nothing_more_is_opened() {
    let documents = Settings { memory: 20_000, ..Settings::default() };
    let app = Atelier::with(Setup { documents, ..Setup::default() }).await;
    let ada = app.instructor("ada").await;
    let (first, _) = written(&app, &ada).await;
    let mut editor = Editor::opens(app.address, &first, &ada.token).await.comes_in().await;
    let other = ada.notes(&ada.creates("Other").await, "edit").await;
    let path = format!("/api/v1/documents/{other}/content");
    app.ask(Method::GET, &path, Some(&ada.token), None).await.refuses(503, "unavailable");
    editor.types_and_saves("goes on").await;
}

#[tokio::test]
async fn nothing_ends_under_somebody_who_is_about_to_come_in() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let name: Name = ada.notes(&ada.creates("Intro").await, "edit").await.parse().unwrap();
    let id = |whose: &str| ada.body[whose]["id"].as_str().unwrap().parse::<Uuid>().unwrap();
    let (user, permissions) = (Id::new(id("user")), vec!["live.host".to_owned()]);
    let asker = Asker { user, permissions, only_session: None, only_document: None };
    let (key, _) = app.collab.find(Id::new(id("organization")), &asker, name).await.unwrap();
    let room = app.collab.room(key).await.unwrap();
    let peer = Peer::new(Outbox::new(100, 1 << 20, 4205), Wire::YWebsocket, user, Scope::ReadWrite, 0);
    // They wait for a look at the log; meanwhile the memory of the document is wanted.
    let (entered, ()) = tokio::join!(room.enter(peer), async { room.unload() });
    entered.unwrap();
    assert!(room.content(None).await.is_ok() && !room.is_closed(), "it has ended");
}
