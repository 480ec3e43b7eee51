//! The right of whoever is in is looked at again: tokens are taken back while people have a document open.
use std::time::Duration;

use atelier::{
    collab::{hocuspocus::Request, ysync::Message},
    runtime::Limits,
};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite};

use super::editor::Editor;
use crate::support::{Account, Atelier, Setup, client::DEADLINE};

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
    assert_eq!(end_of(&mut line).await, 4205);
}

type Line = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Says something on a y-websocket line; with what code it ends.
async fn end_of(line: &mut Line) -> u16 {
    line.send(tungstenite::Message::binary(Message::QueryAwareness.frame())).await.unwrap();
    loop {
        let said = timeout(DEADLINE, line.next()).await.expect("the line ends");
        if let tungstenite::Message::Close(Some(frame)) = said.unwrap().unwrap() {
            return u16::from(frame.code);
        }
    }
}

/// What somebody opened with a ticket is theirs for as long as their role is.
#[tokio::test]
async fn a_ticket_lasts_no_longer_than_the_role_it_was_given_for() {
    let (app, ada, _) = watchful().await;
    let bo = ada.hires(&app, "bo", "broker").await;
    let (_, name) = ada.plans("Indexes").await;
    let path = format!("/documents/{name}/ticket");
    let ticket = async || bo.post(&path, json!({})).await.is(200).text("/token").to_owned();
    let opens = async |ticket: String| {
        let url = format!("ws://{}/collab/yjs/{name}?token={ticket}", app.address);
        connect_async(url).await.map(|(line, _)| line)
    };
    let mut line = opens(ticket().await).await.unwrap();
    let mut old = Editor::opens_as_of_old(app.address, &name, &ticket().await).await.comes_in().await;
    let kept = ticket().await;
    // Asked again and again, and still in.
    for title in ["Indices", "Indexes"] {
        old.rewrites("title", title).await;
        old.until("saved", |editor| editor.unsaved == 0).await;
    }
    let strip = "DELETE FROM membership_roles WHERE membership_id IN
        (SELECT id FROM memberships WHERE user_id = $1::uuid AND organization_id = $2::uuid)";
    let stripped = sqlx::query(strip)
        .bind(bo.body["user"]["id"].as_str().unwrap())
        .bind(ada.body["organization"]["id"].as_str().unwrap())
        .execute(&mut app.database.superuser().await)
        .await
        .unwrap();
    assert_eq!(stripped.rows_affected(), 1);
    assert_eq!(end_of(&mut line).await, 4205);
    old.rewrites("title", "Mine").await;
    old.until("to be sent away", |editor| editor.closed.is_some()).await;
    assert_eq!(old.closed, Some(4205));
    assert!(opens(kept).await.is_err());
    bo.post(&path, json!({})).await.refuses(404, "not_found");
}

/// The same for a place in the organization: nothing of it is left when the membership ends.
#[tokio::test]
async fn a_ticket_lasts_no_longer_than_the_membership() {
    let (app, ada, _) = watchful().await;
    let bo = ada.hires(&app, "bo", "broker").await;
    let session = ada.creates("Inside").await;
    let host = ada.starts(&session).await;
    let name = ada.notes(&session, "edit").await;
    let seat = bo.ticket(&session, None).await;
    let mut place = Editor::opens_as_of_old(app.address, &name, seat.is(200).text("/token")).await;
    place.until("an answer", |editor| editor.scope.is_some() || editor.denied).await;
    drop(host);
    let suspend = "UPDATE memberships SET status = 'suspended' WHERE user_id = $1::uuid AND organization_id = $2::uuid";
    let suspended = sqlx::query(suspend)
        .bind(bo.body["user"]["id"].as_str().unwrap())
        .bind(ada.body["organization"]["id"].as_str().unwrap())
        .execute(&mut app.database.superuser().await)
        .await
        .unwrap();
    assert_eq!((suspended.rows_affected(), place.denied), (1, false));
    place.types("one").await;
    place.until("to be sent away", |editor| editor.closed.is_some()).await;
    assert_eq!(place.closed, Some(4205));
}
