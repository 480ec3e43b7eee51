//! What a document says, for whoever is no editor: read and changed over plain HTTP.
use axum::http::Method;
use serde_json::{Value, json};
use yrs::{Transact, WriteTxn, XmlFragment, XmlTextPrelim};

use super::editor::Editor;
use crate::support::{Account, Answer, Atelier, Meeting};

const MARKDOWN: &str = "## What we found\n\nIndexes **help**.\n\n- [ ] Read the plan";

/// The notes of a session, for participants who may do this with them.
pub struct Notes {
    pub app: Atelier,
    pub ada: Account,
    pub session: Meeting,
    pub name: String,
}

impl Notes {
    pub async fn open(may: &str) -> Self {
        Self::of(Atelier::start().await, may).await
    }
    pub async fn of(app: Atelier, may: &str) -> Self {
        let ada = app.instructor("ada").await;
        let session = ada.creates("Intro").await;
        let _host = ada.starts(&session).await;
        let name = ada.notes(&session, may).await;
        Self { app, ada, session, name }
    }
    pub async fn tries(&self, method: Method, query: &str, token: &str, body: Option<&Value>) -> Answer {
        let path = format!("/api/v1/documents/{}/content{query}", self.name);
        self.app.ask(method, &path, Some(token), body).await
    }
    pub async fn says(&self, format: &str) -> (String, String) {
        let url = format!("http://{}/api/v1/documents/{}/content?format={format}", self.app.address, self.name);
        let answer = reqwest::Client::new().get(url).bearer_auth(&self.ada.token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        (answer.headers()["content-type"].to_str().unwrap().to_owned(), answer.text().await.unwrap())
    }
    pub async fn becomes(&self, markdown: &str) -> Answer {
        self.tries(Method::PATCH, "", &self.ada.token, Some(&json!({ "body": markdown }))).await
    }
}

impl Editor {
    /// Writes at the beginning of the first paragraph of the page.
    pub async fn writes(&mut self, words: &str) {
        let update = {
            let mut txn = self.doc.transact_mut();
            let page = txn.get_or_insert_xml_fragment("body");
            let first = page.get(&txn, 0).and_then(yrs::XmlOut::into_xml_element).unwrap();
            first.insert(&mut txn, 0, XmlTextPrelim::new(words));
            txn.encode_update_v1()
        };
        self.sends(&update).await;
    }
    pub fn page(&self) -> String {
        let page = self.doc.get_or_insert_xml_fragment("body");
        yrs::GetString::get_string(&page, &self.doc.transact())
    }
}

#[tokio::test]
async fn it_is_read_in_every_form_and_written_as_markdown() {
    let notes = Notes::open("edit").await;
    let first = notes.tries(Method::GET, "", &notes.ada.token, None).await;
    assert_eq!(first.is(200).body["body"]["type"], "doc");
    let written = notes.becomes(MARKDOWN).await;
    assert_eq!(written.is(200).body["body"]["content"][0]["type"], "heading");
    for (format, kind, words) in [
        ("markdown", "text/markdown; charset=utf-8", "Indexes **help**."),
        ("html", "text/html; charset=utf-8", "<strong>help</strong>"),
        ("text", "text/plain; charset=utf-8", "Indexes help."),
    ] {
        let (found, text) = notes.says(format).await;
        assert_eq!(found, kind);
        assert!(text.contains(words), "{text}");
    }
    // What is there already is no change.
    let before = notes.says("markdown").await.1;
    notes.becomes(MARKDOWN).await.is(200);
    assert_eq!(notes.says("markdown").await.1, before);
    assert_eq!(count(&notes).await, 1);
    let json: Value = serde_json::from_str(&notes.says("json").await.1).unwrap();
    assert_eq!(json, written.body);
    notes.tries(Method::PATCH, "", &notes.ada.token, Some(&json!({ "body": null }))).await.is(200);
    assert_eq!(notes.says("text").await.1, "");
}

async fn count(notes: &Notes) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM collab_updates")
        .fetch_one(&mut notes.app.database.superuser().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_is_hostile_in_it_is_text() {
    let notes = Notes::open("edit").await;
    let hostile = "One <script>alert(1)</script> [two](javascript:alert(2)) ![three](https://evil.example/t.png) \
        [four](https://good.example/)";
    notes.becomes(hostile).await.is(200);
    let (_, html) = notes.says("html").await;
    for bad in ["<script", "href=\"javascript", "<img", "src="] {
        assert!(!html.contains(bad), "{bad}: {html}");
    }
    assert!(html.contains("&lt;script&gt;") && html.contains("href=\"https://good.example/\""), "{html}");
}

#[tokio::test]
async fn a_change_from_outside_appears_under_the_carets_of_those_who_write() {
    let notes = Notes::open("edit").await;
    notes.becomes(MARKDOWN).await.is(200);
    let guest = notes.session.joins("Bo").await.token().await;
    let mut bo = Editor::opens(notes.app.address, &notes.name, &guest).await.comes_in().await;
    bo.writes("Bo: ").await;
    // Whoever reads what was there before Bo wrote changes another line.
    notes.becomes(&MARKDOWN.replace("help", "cost")).await.is(200);
    bo.until("the change", |editor| editor.page().contains("cost")).await;
    bo.until("saved", |editor| editor.unsaved == 0).await;
    notes.becomes(&format!("{MARKDOWN}\n\nThe end.")).await.is(200);
    bo.until("the end", |editor| editor.page().contains("The end.")).await;
    let fresh = Editor::opens(notes.app.address, &notes.name, &guest).await.comes_in().await;
    assert_eq!(fresh.page(), bo.page());
}

#[tokio::test]
async fn many_write_at_once_from_outside_and_inside_and_nothing_is_lost() {
    let notes = Notes::open("edit").await;
    let lines: Vec<String> = (0..20).map(|n| format!("line {n}")).collect();
    notes.becomes(&lines.join("\n\n")).await.is(200);
    let guest = notes.session.joins("Bo").await.token().await;
    let mut bo = Editor::opens(notes.app.address, &notes.name, &guest).await.comes_in().await;
    for round in 0..10 {
        bo.writes(&format!("<{round}>")).await;
        let text = notes.says("markdown").await.1;
        notes.becomes(&text.replace(&format!("line {round}\n"), &format!("line {round}!\n"))).await.is(200);
    }
    bo.until("saved", |editor| editor.unsaved == 0).await;
    let text = notes.says("text").await.1;
    for round in 0..10 {
        assert!(text.contains(&format!("<{round}>")), "{text}");
        assert!(text.contains(&format!("line {round}!\n")), "{text}");
    }
    bo.until("all of it", |editor| editor.page().contains("line 9!")).await;
}

#[tokio::test]
async fn who_may_not_does_not_and_what_is_wrong_is_named() {
    let notes = Notes::open("read").await;
    let (eve, guest) = (notes.app.instructor("eve").await, notes.session.joins("Bo").await.token().await);
    let change = json!({ "body": "mine" });
    notes.tries(Method::GET, "", &guest, None).await.is(200);
    notes.tries(Method::PATCH, "", &guest, Some(&change)).await.refuses(403, "forbidden");
    for method in [Method::GET, Method::PATCH] {
        notes.tries(method.clone(), "", &eve.token, Some(&change)).await.refuses(404, "not_found");
        notes.tries(method, "", "nobody", Some(&change)).await.refuses(401, "unauthenticated");
    }
    let host = &notes.ada.token;
    for (wrong, field) in [
        (json!({ "nothing": 1 }), "nothing"),
        (json!({ "body": 1 }), "body"),
        (json!({ "body": { "type": "paragraph", "content": 7 } }), "body"),
        (json!([]), ""),
    ] {
        let answer = notes.tries(Method::PATCH, "", host, Some(&wrong)).await;
        assert_eq!(answer.status.as_u16(), 422, "{wrong}: {}", answer.body);
        assert_eq!(answer.body["errors"][0]["field"], field, "{wrong}: {}", answer.body);
    }
    notes.tries(Method::GET, "?format=pdf", host, None).await.refuses(400, "malformed");
    let mut nested = json!({ "type": "text", "text": "x" });
    for _ in 0..60 {
        nested = json!({ "type": "blockquote", "content": [nested] });
    }
    let deep = json!({ "body": { "type": "doc", "content": [nested] } });
    assert_ne!(notes.tries(Method::PATCH, "", host, Some(&deep)).await.status.as_u16(), 500);
    assert_eq!(notes.says("text").await.1, "");
    notes
        .app
        .ask(Method::GET, "/api/v1/documents/live_notes:x/content", Some(host), None)
        .await
        .refuses(404, "not_found");
}
