//! Changes from outside build on what was read, hold only what editors can show, and hold up nobody else.
use std::time::{Duration, Instant};

use axum::http::Method;
use serde_json::{Value, json};

use super::{content::Notes, editor::Editor};
use crate::support::Answer;

impl Notes {
    async fn changes(&self, base: Option<&str>, change: &Value) -> Answer {
        let url = format!("http://{}/api/v1/documents/{}/content", self.app.address, self.name);
        let mut request = reqwest::Client::new().patch(url).bearer_auth(&self.ada.token).json(change);
        if let Some(base) = base {
            request = request.header("if-match", base);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, body: response.json().await.unwrap_or(Value::Null) }
    }
    async fn read(&self, token: &str) -> Answer {
        let answer = self.tries(Method::GET, "", token, None).await;
        answer.is(200);
        answer
    }
}

fn tag(answer: &Answer) -> String {
    answer.headers["etag"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_somebody_wrote_since_is_never_overwritten() {
    let notes = Notes::open("edit").await;
    let first = notes.read(&notes.ada.token).await;
    let written = notes.changes(Some(&tag(&first)), &json!({ "body": "One line." })).await;
    written.is(200);
    let read = notes.read(&notes.ada.token).await;
    assert_eq!((tag(&read), &read.body), (tag(&written), &written.body));
    let guest = notes.session.joins("Bo").await.token().await;
    let mut bo = Editor::opens(notes.app.address, &notes.name, &guest).await.comes_in().await;
    bo.writes("Bo was here. ").await;
    bo.until("saved", |editor| editor.unsaved == 0).await;

    let late = notes.changes(Some(&tag(&read)), &json!({ "body": "One line.!" })).await;
    late.refuses(412, "document_moved");
    let now = notes.read(&notes.ada.token).await;
    assert_eq!(tag(&late), tag(&now));
    assert_eq!(notes.says("markdown").await.1, "Bo was here. One line.\n");
    // Nobody has changed the remarks.
    notes.changes(Some(&tag(&read)), &json!({ "comments": [] })).await.is(200);
    notes.changes(Some(&format!("W/{}", tag(&now))), &json!({ "body": "Bo was here. One line.!" })).await.is(200);
    assert_eq!(notes.says("text").await.1, "Bo was here. One line.!");
    notes.changes(None, &json!({ "body": "x" })).await.refuses(428, "precondition_required");
    notes.changes(Some("\"7\""), &json!({ "body": "x" })).await.refuses(412, "document_moved");
    notes.changes(Some("*"), &json!({ "body": "x" })).await.is(200);
    assert_eq!(notes.says("markdown").await.1, "x\n");
}

#[tokio::test]
async fn what_editors_would_delete_is_not_written() {
    let notes = Notes::open("edit").await;
    let list = json!({ "type": "bulletList", "content": [{ "type": "listItem", "content": [{ "type": "heading" }] }] });
    let cell = json!({ "type": "tableCell", "attrs": { "colspan": 1e10 }, "content": [{ "type": "paragraph" }] });
    let table = json!({ "type": "table", "content": [{ "type": "tableRow", "content": [cell] }] });
    for (node, at) in [
        (json!({ "type": "callout" }), "body/content/0"),
        (list, "body/content/0/content/0/content/0"),
        (table, "body/content/0/content/0/content/0"),
    ] {
        let answer = notes.changes(Some("*"), &json!({ "body": { "type": "doc", "content": [node] } })).await;
        answer.refuses(422, "invalid");
        assert_eq!(answer.body["errors"][0]["field"], at, "{}", answer.body);
    }
    let long = notes.changes(Some("*"), &json!({ "body": "x".repeat((256 << 10) + 1) })).await;
    long.refuses(413, "too_large");
    assert_eq!(notes.says("text").await.1, "");
}

#[tokio::test]
async fn remarks_are_for_those_who_see_the_history() {
    let notes = Notes::open("read").await;
    let guest = notes.session.joins("Bo").await.token().await;
    assert!(notes.read(&notes.ada.token).await.body.get("comments").is_some());
    let read = notes.read(&guest).await;
    assert!(read.body.get("comments").is_none() && read.body.get("body").is_some(), "{}", read.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_changes_hold_up_nobody_else() {
    let notes = Notes::open("edit").await;
    let change = json!({ "body": "[a](b) ".repeat(2_500) });
    let changing =
        futures_util::future::join_all((0..4).map(|_| async { notes.changes(Some("*"), &change).await.status }));
    let asking = async {
        let mut longest = Duration::ZERO;
        for _ in 0..20 {
            let since = Instant::now();
            notes.app.ask(Method::GET, "/health/live", None, None).await.is(200);
            longest = longest.max(since.elapsed());
        }
        longest
    };
    let (answers, longest) = tokio::join!(changing, asking);
    // Who waits too long for a turn is told to come again.
    assert!(answers.iter().all(|status| matches!(status.as_u16(), 200 | 503)), "{answers:?}");
    assert!(longest < Duration::from_secs(2), "{longest:?}");
}
