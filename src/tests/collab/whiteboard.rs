//! The whiteboard of a session: who sees it, who draws, and that a right is gone at once.
use atelier::{
    collab::Scope,
    live::core::{Command, Role, roster},
};
use axum::http::Method;
use serde_json::{Value, json};

use super::editor::Editor;
use crate::support::{Account, Atelier, Meeting};

impl Account {
    /// Changes a session's whiteboard; its name.
    pub async fn board(&self, session: &Meeting, change: Value) -> String {
        let answer = self.patch(&format!("/live-sessions/{}/whiteboard", session.id), change).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.body);
        answer.body["document"].as_str().unwrap().to_owned()
    }
}

async fn scope(app: &Atelier, name: &str, token: &str) -> Option<Scope> {
    let mut editor = Editor::opens(app.address, name, token).await;
    editor.until("an answer", |editor| editor.scope.is_some() || editor.denied).await;
    editor.scope
}

#[tokio::test]
async fn hosts_draw_while_it_runs_and_participants_do_what_they_may() {
    let app = Atelier::start().await;
    let (ada, eve) = (app.instructor("ada").await, app.instructor("eve").await);
    let session = ada.creates("Intro").await;
    let name = ada.board(&session, json!({})).await;
    assert_eq!(scope(&app, &name, &ada.token).await, Some(Scope::ReadOnly), "it has not begun");
    let host = ada.starts(&session).await;
    let guest = session.joins("Bo").await.token().await;
    let path = format!("/api/v1/live-sessions/{}/whiteboard", session.id);
    for (change, theirs) in [
        (json!({}), Some(Scope::ReadOnly)),
        (json!({ "participantsMay": "edit" }), Some(Scope::ReadWrite)),
        (json!({ "isLocked": true }), Some(Scope::ReadOnly)),
        (json!({ "isLocked": false, "participantsMay": "nothing" }), None),
    ] {
        assert_eq!(ada.board(&session, change.clone()).await, name, "one board");
        assert_eq!(scope(&app, &name, &guest).await, theirs, "{change}");
        assert_eq!(scope(&app, &name, &ada.token).await, Some(Scope::ReadWrite), "{change}");
        let all = path.replace("/whiteboard", "/documents");
        let all = app.ask(Method::GET, &all, Some(&guest), None).await;
        let board = &all.is(200).body["whiteboard"];
        assert_eq!(board.is_null(), theirs.is_none(), "{change}");
        assert_eq!(all.body["notes"], json!(null), "nobody made any");
        let answer = app.ask(Method::GET, &path, Some(&guest), None).await;
        match theirs {
            None => {
                answer.refuses(404, "not_found");
            }
            Some(theirs) => {
                let answer = answer.is(200);
                let view = &answer.body;
                assert_eq!(view["mayDraw"], json!(theirs == Scope::ReadWrite), "{change}");
            }
        }
        let answer = app.ask(Method::PATCH, &path, Some(&guest), Some(&json!({ "isLocked": false }))).await;
        answer.refuses(403, "forbidden");
        assert_eq!(scope(&app, &name, &eve.token).await, None, "another organization");
    }
    host.does(Command::End {}).await;
    assert_eq!(scope(&app, &name, &ada.token).await, Some(Scope::ReadOnly), "it is over");
}

#[tokio::test]
async fn it_has_a_title_and_keeps_it_within_bounds() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let path = format!("/live-sessions/{}/whiteboard", session.id);
    assert_eq!(ada.get(&path).await.is(200).body["title"], "Whiteboard");
    ada.board(&session, json!({ "title": "  What  we found " })).await;
    assert_eq!(ada.get(&path).await.is(200).body["title"], "What we found");
    ada.patch(&path, json!({ "title": " " })).await.refuses(422, "text_empty");
    ada.patch(&path, json!({ "title": "x".repeat(121) })).await.refuses(422, "text_too_long");
    ada.patch(&path, json!({ "locked": true })).await.refuses(422, "invalid");
}

#[tokio::test]
async fn a_lock_ends_drawing_at_once_also_for_those_who_have_it_open() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let _host = ada.starts(&session).await;
    let name = ada.board(&session, json!({ "participantsMay": "edit" })).await;
    let guest = session.joins("Bo").await.token().await;
    let mut bo = Editor::opens(app.address, &name, &guest).await.comes_in().await;
    assert_eq!(bo.scope, Some(Scope::ReadWrite));
    ada.board(&session, json!({ "isLocked": true })).await;
    bo.until("sent to come in again", |editor| editor.closed.is_some()).await;
    assert_eq!(bo.closed, Some(4205));
    assert_eq!(scope(&app, &name, &guest).await, Some(Scope::ReadOnly));
}

#[tokio::test]
async fn what_happens_in_the_session_counts_at_once() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let name = ada.board(&session, json!({})).await;
    let bo = session.joins("Bo").await;
    let (participant, token) = (bo.me(), bo.token().await);
    let right = roster::Right::CanUseWhiteboard;
    let mut came = Editor::opens(app.address, &name, &token).await.comes_in().await;
    for (command, scope) in [
        (Command::Permit { participant, permission: right, granted: true }, Some(Scope::ReadWrite)),
        (Command::Permit { participant, permission: right, granted: false }, Some(Scope::ReadOnly)),
        (Command::SetRole { participant, role: Role::Assistant }, Some(Scope::ReadWrite)),
        (Command::SetRole { participant, role: Role::Observer }, Some(Scope::ReadOnly)),
        (Command::Kick { participant }, None),
    ] {
        host.does(command.clone()).await;
        came.until("sent to come in again", |editor| editor.closed.is_some()).await;
        assert_eq!(came.closed, Some(4205), "{command:?}");
        came = Editor::opens(app.address, &name, &token).await;
        came.until("an answer", |editor| editor.scope.is_some() || editor.denied).await;
        assert_eq!(came.scope, scope, "{command:?}");
    }
}

#[tokio::test]
async fn who_drew_is_called_as_in_the_session() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let _host = ada.starts(&session).await;
    let name = ada.board(&session, json!({})).await;
    sqlx::query("UPDATE session_participants SET display_name = 'The captain'")
        .execute(&mut app.database.superuser().await)
        .await
        .unwrap();
    let mut editor = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    editor.types_and_saves("a shape").await;
    let answer = ada.get(&format!("/documents/{name}/attribution")).await;
    let answer = answer.is(200);
    assert_eq!(answer.body["users"][0]["displayName"], "The captain", "{}", answer.body);
}
