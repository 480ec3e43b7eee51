//! Versions: kept by hand, by themselves and before a restore; listed, read, compared, and gone back to.
use std::time::Duration;

use atelier::{bus::Bus, collab::Settings};
use axum::http::Method;
use serde_json::{Value, json};

use super::{content::Notes, editor::Editor};
use crate::support::{Answer, Atelier, Setup, client::DEADLINE};

const REMARK: &str = "00000000-0000-4000-8000-00000000000a";

impl Notes {
    async fn asks(&self, method: Method, rest: &str, body: Option<&Value>) -> Answer {
        let path = format!("/api/v1/documents/{}/{rest}", self.name);
        self.app.ask(method, &path, Some(&self.ada.token), body).await
    }
    async fn keeps(&self, label: &str) -> String {
        let kept = self.asks(Method::POST, "versions", Some(&json!({ "label": label }))).await;
        kept.is(201).text("/id").to_owned()
    }
    async fn versions(&self) -> Vec<Value> {
        let answer = self.asks(Method::GET, "versions", None).await;
        answer.is(200).body["items"].as_array().unwrap().clone()
    }
    async fn version_says(&self, version: &str) -> String {
        let path = format!("versions/{version}/content");
        self.asks(Method::GET, &path, None).await.is(200).body["body"].to_string()
    }
    async fn differs(&self, version: &str, against: &str) -> Value {
        let path = format!("versions/{version}/diff{against}");
        self.asks(Method::GET, &path, None).await.is(200).body["fields"].clone()
    }
    async fn goes_back(&self, version: &str) -> Answer {
        self.asks(Method::POST, &format!("versions/{version}/restore"), None).await
    }
}

fn labels(versions: &[Value]) -> Vec<(&str, &str)> {
    versions
        .iter()
        .map(|version| (version["reason"].as_str().unwrap(), version["label"].as_str().unwrap_or("")))
        .collect()
}

#[tokio::test]
async fn versions_have_names_authors_and_contents() {
    let notes = Notes::open("edit").await;
    notes.becomes("The plan.\n\nOur end.").await.is(200);
    let first = notes.keeps("First draft").await;
    let bo = notes.session.joins("Bo").await;
    let mut editor = Editor::opens(notes.app.address, &notes.name, &bo.token().await).await.comes_in().await;
    editor.writes("Bo: ").await;
    editor.until("saved", |editor| editor.unsaved == 0).await;
    let second = notes.keeps("With Bo").await;
    editor.until("the news", |editor| editor.news.iter().any(|news| news.contains("version"))).await;
    notes.becomes("Bo: The plan.\n\nThe end.").await.is(200);

    let versions = notes.versions().await;
    assert_eq!(labels(&versions), [("manual", "With Bo"), ("manual", "First draft")]);
    let authors = |version: &Value| version["authors"][0]["displayName"].as_str().unwrap().to_owned();
    assert_eq!(authors(&versions[0]), "Bo");
    assert_eq!(versions[1]["authors"][0]["id"], notes.ada.body["user"]["id"]);
    assert_eq!(versions[0]["createdBy"], notes.ada.body["user"]["id"]);
    let page = notes.asks(Method::GET, "versions?limit=1", None).await;
    assert_eq!((&page.body["items"][0]["id"], page.body["items"].as_array().unwrap().len()), (&json!(second), 1));
    let rest = format!("versions?limit=1&after={}", page.body["next"].as_str().unwrap());
    let page = notes.asks(Method::GET, &rest, None).await;
    assert_eq!((&page.body["items"][0]["id"], &page.body["next"]), (&json!(first), &Value::Null));

    assert!(!notes.version_says(&first).await.contains("Bo"));
    assert!(notes.version_says(&second).await.contains("Bo: "));
    let words = notes.differs(&first, &format!("?against={second}")).await;
    assert_eq!(words[0]["html"], "<p><ins>Bo: </ins>The plan.</p><p>Our end.</p>");
    let words = notes.differs(&second, "").await;
    assert_eq!(words[0]["html"], "<p>Bo: The plan.</p><p><del>Our</del><ins>The</ins> end.</p>");
    // The same state again is the same version.
    let third = notes.keeps("Once").await;
    assert_eq!(notes.keeps("Twice").await, third);
    assert_eq!(labels(&notes.versions().await)[0], ("manual", "Twice"));
    assert_eq!(notes.differs(&third, "?against=now").await, json!([]));
}

#[tokio::test]
async fn lists_and_tables_are_compared_and_what_is_hostile_stays_text() {
    let notes = Notes::open("edit").await;
    notes.becomes("- bread\n- wine\n\n| who | what |\n|---|---|\n| Ada | hosts |").await.is(200);
    let first = notes.keeps("First").await;
    let hostile = "<img src=x onerror=alert(1)> [x](javascript:alert(1))";
    notes
        .becomes(&format!("- bread\n- red wine\n\n| who | what |\n|---|---|\n| Ada | hosts |\n| Bo | {hostile} |"))
        .await
        .is(200);
    let fields = notes.differs(&first, "").await;
    let html = fields[0]["html"].as_str().unwrap();
    assert!(html.contains("<li><p>bread</p></li><li><p><ins>red </ins>wine</p></li>"), "{html}");
    assert!(html.contains("<td><p>Ada</p></td><td><p>hosts</p></td>"), "{html}");
    assert!(html.contains("<tr><td><p><ins>Bo</ins></p></td>"), "{html}");
    assert!(!html.contains("<img") && !html.contains("href=\"javascript"), "{html}");
}

/// Bo types on another node, right through it.
#[tokio::test]
async fn going_back_is_a_change_like_any_other_while_others_type() {
    let bus = Bus::local();
    let app = Atelier::with(Setup { bus: bus.clone(), ..Setup::default() }).await;
    let notes = Notes::of(app, "edit").await;
    let other = notes.app.another(bus).await;
    notes.becomes("Ours.\n\nSecond.\n\nThird.").await.is(200);
    let first = notes.keeps("Good").await;
    let guest = notes.session.joins("Bo").await.token().await;
    let mut bo = Editor::opens(other.address, &notes.name, &guest).await.comes_in().await;
    notes.becomes("Ours.\n\nSpoilt.\n\nThird.\n\nFourth.").await.is(200);
    bo.until("what is spoilt", |editor| editor.page().contains("Fourth")).await;
    let remark = json!({ "comments": [{ "id": REMARK, "field": "body", "body": "Why?", "author": "x" }] });
    notes.tries(Method::PATCH, "", &notes.ada.token, Some(&remark)).await.is(200);

    let mut typed = vec![];
    for n in 0..10 {
        typed.push(format!("<{n}>"));
        bo.writes(&typed[n]).await;
    }
    notes.goes_back(&first).await.is(200);
    for n in 10..20 {
        typed.push(format!("<{n}>"));
        bo.writes(&typed[n]).await;
    }
    bo.until("saved", |editor| editor.unsaved == 0).await;
    bo.until("the old words", |editor| editor.page().contains("Second")).await;
    assert_eq!(bo.closed, None, "nobody was sent away");
    bo.until("the news", |editor| editor.news.iter().any(|news| news.contains("version"))).await;

    let now = notes.asks(Method::GET, "content", None).await.is(200).body.clone();
    let says = now["body"].to_string();
    assert!(says.contains("Third") && !says.contains("Fourth") && !says.contains("Spoilt"), "{says}");
    assert_eq!(now["comments"][0]["body"], "Why?", "remarks stay");
    let versions = notes.versions().await;
    assert_eq!(labels(&versions), [("restore", ""), ("manual", "Good")]);
    let before = notes.version_says(versions[0]["id"].as_str().unwrap()).await;
    assert!(before.contains("Fourth"), "{before}");
    for words in &typed {
        let (here, there) = (says.contains(words.as_str()), before.contains(words.as_str()));
        assert!(here || there, "{words} is lost: {says} {before}");
    }
    let fresh = Editor::opens(notes.app.address, &notes.name, &guest).await.comes_in().await;
    assert_eq!(fresh.page(), bo.page());
    // There is nothing to go back to any more.
    let same = notes.keeps("Same").await;
    notes.goes_back(&same).await.is(200);
    assert_eq!(notes.versions().await.len(), 3, "no change, no version before it");
}

#[tokio::test]
async fn versions_keep_themselves_while_people_write() {
    let documents = Settings { versions_every: Duration::ZERO, ..Settings::default() };
    let notes = Notes::of(Atelier::with(Setup { documents, ..Setup::default() }).await, "edit").await;
    notes.becomes("One.").await.is(200);
    let first = tokio::time::timeout(DEADLINE, async {
        loop {
            if let [version] = notes.versions().await.as_slice() {
                break version.clone();
            }
            tokio::task::yield_now().await;
        }
    });
    let first = first.await.expect("a version");
    assert_eq!((&first["reason"], &first["createdBy"]), (&json!("scheduled"), &Value::Null));
    assert_eq!(first["authors"][0]["id"], notes.ada.body["user"]["id"]);
    assert!(notes.version_says(first["id"].as_str().unwrap()).await.contains("One."));
}

/// Written while the server had no time for a version: whoever opens it next keeps one, before anything else.
#[tokio::test]
async fn what_was_left_without_a_version_gets_one_when_it_is_opened() {
    let notes = Notes::open("edit").await;
    notes.becomes("Yesterday.").await.is(200);
    sqlx::query("UPDATE collab_updates SET created_at = now() - interval '20 hours'")
        .execute(&mut notes.app.database.superuser().await)
        .await
        .unwrap();
    let other = notes.app.another(Bus::local()).await;
    let _editor = Editor::opens(other.address, &notes.name, &notes.ada.token).await.comes_in().await;
    let kept = tokio::time::timeout(DEADLINE, async {
        while notes.versions().await.is_empty() {
            tokio::task::yield_now().await;
        }
    });
    kept.await.expect("a version");
    assert_eq!(labels(&notes.versions().await), [("scheduled", "")]);
}

#[tokio::test]
async fn old_automatic_versions_thin_out_and_their_authors_are_handed_on() {
    let notes = Notes::open("edit").await;
    let mut behind = notes.app.database.superuser().await;
    for n in 0..3 {
        notes.becomes(&format!("Number {n}.")).await.is(200);
        notes.keeps(&format!("v{n}")).await;
    }
    // As if they had kept themselves within one hour of last month.
    sqlx::query(
        "UPDATE collab_checkpoints SET reason = 'scheduled', label = NULL,
             created_at = date_trunc('day', now() - interval '30 days') + seq * interval '1 minute',
             authors = CASE WHEN seq = 1 THEN authors ELSE '{}' END",
    )
    .execute(&mut behind)
    .await
    .unwrap();
    notes.becomes("Now.").await.is(200);
    notes.keeps("Now").await;
    let versions = notes.versions().await;
    assert_eq!(labels(&versions), [("manual", "Now"), ("scheduled", "")]);
    assert_eq!(versions[1]["authors"][0]["id"], notes.ada.body["user"]["id"], "{versions:?}");
}

#[tokio::test]
async fn who_may_not_learns_nothing_on_any_route() {
    let notes = Notes::open("read").await;
    notes.becomes("Secret.").await.is(200);
    let version = notes.keeps("Secret name").await;
    notes.becomes("Public.").await.is(200);
    let guest = notes.session.joins("Bo").await.token().await;
    let (eve, link) = (notes.app.instructor("eve").await, notes.ada.links(&notes.session).await.1);
    let label = json!({ "label": "Mine" });
    for (method, rest, body) in [
        (Method::GET, "versions".to_owned(), None),
        (Method::POST, "versions".to_owned(), Some(&label)),
        (Method::GET, format!("versions/{version}/content"), None),
        (Method::GET, format!("versions/{version}/diff"), None),
        (Method::POST, format!("versions/{version}/restore"), None),
        (Method::GET, "attribution".to_owned(), None),
    ] {
        let path = format!("/api/v1/documents/{}/{rest}", notes.name);
        for (token, status) in [(Some(eve.token.as_str()), 404), (None, 401), (Some("atl_nobody"), 401)] {
            let answer = notes.app.ask(method.clone(), &path, token, body).await;
            assert_eq!(answer.status.as_u16(), status, "{method} {rest}: {}", answer.body);
        }
        notes.app.ask(method.clone(), &path, Some(&link), body).await.refuses(403, "forbidden");
        let reader = notes.app.ask(method.clone(), &path, Some(&guest), body).await;
        if rest == "attribution" {
            reader.is(200);
        } else {
            reader.refuses(403, "forbidden");
        }
    }
    // A version of another document is none of this one.
    let other = eve.notes(&eve.creates("Elsewhere").await, "edit").await;
    for (method, rest) in [(Method::GET, "content"), (Method::GET, "diff"), (Method::POST, "restore")] {
        let path = format!("/api/v1/documents/{other}/versions/{version}/{rest}");
        notes.app.ask(method, &path, Some(&eve.token), None).await.refuses(404, "not_found");
    }
    let (empty, long) = (json!({ "label": " " }), json!({ "label": "x".repeat(121) }));
    notes.asks(Method::POST, "versions", Some(&empty)).await.refuses(422, "invalid");
    notes.asks(Method::POST, "versions", Some(&long)).await.refuses(422, "invalid");
    notes.asks(Method::GET, "versions?after=x", None).await.refuses(422, "invalid");
    let wrong = format!("versions/{version}/diff?against=yesterday");
    notes.asks(Method::GET, &wrong, None).await.refuses(422, "invalid");
    assert_eq!(notes.versions().await.len(), 1);
    assert!(notes.asks(Method::GET, "content", None).await.body["body"].to_string().contains("Public."));
}

#[tokio::test]
async fn what_is_approved_is_a_version_and_goes_on_being_compared() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (id, name) = ada.summarises("Bo").await;
    let path = format!("/documents/{name}");
    ada.patch(&format!("{path}/content"), json!({ "wins": "Three calls.", "edited": "You made **three** calls." }))
        .await
        .is(200);
    ada.post(&format!("/summaries/{id}/approve"), json!({})).await.is(200);
    ada.post(&format!("/summaries/{id}/approve"), json!({})).await.is(200);
    let versions = ada.get(&format!("{path}/versions")).await.is(200).body["items"].clone();
    let all = versions.as_array().unwrap();
    assert_eq!(labels(all), [("approve", "")], "approved once");
    assert_eq!(all[0]["createdBy"], ada.body["user"]["id"]);
    let version = format!("{path}/versions/{}", all[0]["id"].as_str().unwrap());
    // It can only be read now: nothing is put in its place.
    ada.post(&format!("{version}/restore"), json!({})).await.refuses(409, "document_frozen");
    ada.post(&format!("{path}/versions"), json!({ "label": "Mine" })).await.refuses(403, "forbidden");
    ada.post(&format!("/summaries/{id}/reopen"), json!({})).await.is(200);
    let changed = json!({ "edited": "You made **four** calls.",
        "actions": [{ "id": REMARK, "text": "Call again", "dueOn": "2026-12-01" }] });
    ada.patch(&format!("{path}/content"), changed).await.is(200);
    let fields = ada.get(&format!("{version}/diff")).await.is(200).body["fields"].clone();
    assert_eq!(fields[0]["field"], "actions");
    assert_eq!((&fields[0]["items"][0]["fate"], &fields[0]["items"][0]["id"]), (&json!("added"), &json!(REMARK)));
    assert!(fields[1]["html"].as_str().unwrap().contains("<del>three</del>"), "{fields}");
    ada.post(&format!("{version}/restore"), json!({})).await.is(200);
    let now = ada.get(&format!("{path}/content?format=json")).await.is(200).body.clone();
    assert_eq!((&now["actions"], now["edited"].to_string().contains("three")), (&json!([]), true));
}
