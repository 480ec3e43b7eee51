//! The right of whoever is in is looked at again: tokens are taken back while people have a document open.
use std::time::Duration;

use atelier::{
    collab::{hocuspocus::Request, ysync::Message},
    runtime::Limits,
};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio_tungstenite::{connect_async, tungstenite};

use super::editor::Editor;
use crate::support::{Account, Atelier, Setup};

/// Looks again as soon as anything is said.
async fn watchful() -> (Atelier, Account, String) {
    let setup = Setup::default();
    let limits = Limits { recheck: Duration::ZERO, ..setup.limits };
    let app = Atelier::with(Setup { limits, ..setup }).await;
    let ada = app.instructor("ada").await;
    let name = ada.notes(&ada.creates("Intro").await, "edit").await;
    (app, ada, name)
}

#[tokio::test]
async fn an_editor_is_asked_for_its_token_again_and_goes_on() {
    let (app, ada, name) = watchful().await;
    let mut editor = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    for n in 1..4 {
        editor.types_and_saves(&format!("{n} ")).await;
        editor.until("to be asked", |editor| editor.asked == n).await;
        editor.scope = None;
        editor.says(Request::Token { token: &ada.token, version: Some("4.8.0") }).await;
        editor.until("to be let in again", |editor| editor.scope.is_some()).await;
    }
    assert_eq!((editor.closed, editor.reads().as_str()), (None, "1 2 3 "));
}

#[tokio::test]
async fn whose_token_is_taken_back_is_sent_away() {
    let (app, ada, name) = watchful().await;
    let mut editor = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    let url = format!("ws://{}/collab/yjs/{name}?token={}", app.address, ada.token);
    let mut line = connect_async(url).await.unwrap().0;
    assert_eq!(ada.post("/auth/logout", json!({})).await.status, 204);
    editor.types("one ").await;
    editor.until("to be asked", |editor| editor.asked > 0).await;
    editor.says(Request::Token { token: &ada.token, version: Some("4.8.0") }).await;
    editor.until("a no", |editor| editor.denied).await;
    // y-websocket has no word for that: the line ends, and the next one is refused.
    line.send(tungstenite::Message::binary(Message::QueryAwareness.frame())).await.unwrap();
    let code = loop {
        if let tungstenite::Message::Close(Some(frame)) = line.next().await.unwrap().unwrap() {
            break u16::from(frame.code);
        }
    };
    assert_eq!(code, 4205);
}
