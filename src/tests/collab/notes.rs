//! The notes of a session: who may, what is refused, what is saved.
use std::{sync::Arc, time::Duration};

use atelier::{
    collab::{Scope, hocuspocus::Request, ysync::Sync},
    db::Db,
};
use axum::http::Method;
use serde_json::json;

use super::editor::Editor;
use crate::support::{Account, Atelier, Meeting, Setup, TestDb, proxy::Wire};

impl Account {
    /// Where the notes of a session are, for participants who may do this.
    pub async fn notes(&self, session: &Meeting, may: &str) -> String {
        let path = format!("/live-sessions/{}/notes", session.id);
        let answer = self.patch(&path, json!({ "participantsMay": may })).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.body);
        answer.body["document"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn hosts_write_participants_do_what_they_may_and_nobody_else_finds_them() {
    let app = Atelier::start().await;
    let (ada, eve) = (app.instructor("ada").await, app.instructor("eve").await);
    let session = ada.creates("Intro").await;
    let _host = ada.starts(&session).await;
    let guest = session.joins("Bo").await.token().await;
    let path = format!("/api/v1/live-sessions/{}/notes", session.id);
    app.ask(Method::GET, &path, Some(&guest), None).await.refuses(404, "not_found");
    for (may, scope) in [("edit", Some(Scope::ReadWrite)), ("read", Some(Scope::ReadOnly)), ("nothing", None)] {
        let name = ada.notes(&session, may).await;
        let mut bo = Editor::opens(app.address, &name, &guest).await;
        bo.until("an answer", |editor| editor.scope.is_some() || editor.denied).await;
        assert_eq!(bo.scope, scope, "{may}");
        let change = json!({ "participantsMay": "edit" });
        app.ask(Method::PATCH, &path, Some(&guest), Some(&change)).await.refuses(403, "forbidden");
    }
    let name = ada.notes(&session, "edit").await;
    for (name, token) in [
        (name.as_str(), eve.token.as_str()),
        (name.as_str(), "atl_nobody"),
        (name.as_str(), ""),
        (&name.to_uppercase(), &ada.token),
        ("live_notes:1", &ada.token),
        ("", &ada.token),
        ("summary:00000000-0000-4000-8000-000000000000", &ada.token),
        (&format!("live_notes:{}", session.id), &ada.token),
    ] {
        let mut editor = Editor::opens(app.address, name, token).await;
        editor.until("a no", |editor| editor.denied).await;
        assert_eq!(editor.closed, None, "the socket stays, for another token");
    }
    let link = ada.links(&session).await.1;
    let mut screen = Editor::opens(app.address, &name, &link).await;
    screen.until("a no", |editor| editor.denied).await;
}

/// An update with a value nested so deep that reading it would end the process.
fn bomb() -> Vec<u8> {
    let mut update = vec![1, 1, 9, 0, 8, 1, 1, b't', 1];
    update.extend(std::iter::repeat_n([117, 1], 8_000).flatten());
    update.extend([126, 0]);
    update
}

#[tokio::test]
async fn a_hostile_update_reaches_nobody_and_stops_nothing() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let _host = ada.starts(&session).await;
    let name = ada.notes(&session, "edit").await;
    let mut bo = Editor::opens(app.address, &name, &session.joins("Bo").await.token().await).await.comes_in().await;
    let mut host = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    host.types_and_saves("before ").await;
    for update in [bomb(), vec![], vec![255; 40], vec![1, 1, 7, 0, 4, 1, 1, b't', 255, 255, 255, 255, 15]] {
        bo.says(Request::Sync(Sync::Update(&update))).await;
    }
    bo.until("enough", |editor| editor.closed.is_some()).await;
    assert_eq!((bo.closed, bo.refused), (Some(4403), 3));
    host.types_and_saves("after").await;
    let fresh = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    assert_eq!(fresh.reads(), "before after");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_called_saved_while_the_database_is_away() {
    let database = Arc::new(TestDb::new().await);
    let wire = Wire::to(&database.options()).await;
    let through = database.options().host("127.0.0.1").port(wire.address.port());
    let app = Atelier::over(database, Db::connect(through, 8).await.unwrap(), Setup::default());
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let name = ada.notes(&session, "edit").await;
    let mut host = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    host.types_and_saves("one ").await;
    wire.cut();
    host.types("two ").await;
    host.types("three").await;
    host.hears_for(Duration::from_millis(700)).await;
    assert_eq!(host.unsaved, 2, "not saved, so not called so");
    wire.mend();
    host.until("saved", |editor| editor.unsaved == 0).await;
    let fresh = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    assert_eq!(fresh.reads(), "one two three");
}

#[tokio::test]
async fn what_readers_write_is_refused_and_they_go_on_reading() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let _host = ada.starts(&session).await;
    let name = ada.notes(&session, "read").await;
    let mut bo = Editor::opens(app.address, &name, &session.joins("Bo").await.token().await).await.comes_in().await;
    let mut host = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    bo.types("mine").await;
    bo.until("refused", |editor| editor.refused == 1).await;
    host.types_and_saves("ours").await;
    bo.until("it arrives", |editor| editor.reads().contains("ours")).await;
    assert_eq!(host.reads(), "ours");
}
