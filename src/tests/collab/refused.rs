//! What the database refuses or nobody can read is said, not tried for ever; and it takes nobody's place.
use std::time::Duration;

use atelier::bus::Bus;
use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::timeout;

use super::editor::Editor;
use crate::support::{Atelier, client::DEADLINE};

impl Atelier {
    /// Behind the back of the server.
    async fn behind(&self, statement: &str) {
        let mut superuser = self.database.superuser().await;
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut superuser).await.unwrap();
    }
    /// Documents that are still to become columns.
    async fn dirty(&self) -> i64 {
        let dirty = sqlx::query_scalar("SELECT count(*) FROM collab_documents WHERE materialised_seq < head_seq");
        dirty.fetch_one(&mut self.database.superuser().await).await.unwrap()
    }
}

/// Until some statement of the server waits for a row that is locked.
pub async fn somebody_waits(behind: &mut PgConnection) {
    let looking = async {
        let waiting = "SELECT EXISTS (SELECT FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock')";
        while !sqlx::query_scalar::<_, bool>(waiting).fetch_one(&mut *behind).await.unwrap() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, looking).await.expect("somebody waits");
}

/// U+FB2C is one character when it is typed, and three as it is stored.
#[tokio::test]
async fn text_is_measured_as_it_will_be_stored() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (id, name) = ada.plans("Indexes").await;
    ada.writes(&name, json!({ "title": "\u{FB2C}".repeat(67) })).await;
    let path = format!("/builder-sessions/{id}");
    let view = ada.sees(&path, |view| view["documentState"]["error"] != Value::Null).await;
    let fields = json!([{ "field": "title", "why": "too_much" }]);
    assert_eq!(view["documentState"]["error"], json!({ "code": "document_invalid", "fields": fields }));
    ada.writes(&name, json!({ "title": "\u{FB2C}".repeat(66) })).await;
    let view = ada.sees(&path, |view| view["documentState"]["clean"] == true).await;
    assert_eq!(view["title"].as_str().unwrap().chars().count(), 198);
}

#[tokio::test]
async fn what_the_database_refuses_is_said_and_not_tried_again() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (id, name) = ada.plans("Indexes").await;
    app.behind("ALTER TABLE builder_sessions ADD CHECK (title <> 'Cursed')").await;
    let mut editor = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    editor.rewrites("title", "Cursed").await;
    editor.until("to be told", |editor| editor.told("materialised").is_some()).await;
    let error = json!({ "code": "document_refused", "fields": [] });
    assert_eq!(editor.told("materialised").unwrap()["error"], error);
    let view = ada.get(&format!("/builder-sessions/{id}")).await.body.clone();
    assert_eq!((&view["title"], &view["documentState"]["error"]), (&json!("Indexes"), &error));
    assert_eq!(app.dirty().await, 0, "nobody tries it again");
    editor.rewrites("title", "Blessed").await;
    let view = ada.sees(&format!("/builder-sessions/{id}"), |view| view["documentState"]["clean"] == true).await;
    assert_eq!(view["title"], "Blessed");
}

#[tokio::test]
async fn what_cannot_be_read_is_said_and_not_tried_again() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (id, name) = ada.plans("Indexes").await;
    ada.get(&format!("/documents/{name}/content")).await.is(200);
    app.behind(
        "UPDATE collab_documents SET head_seq = head_seq + 1;
         INSERT INTO collab_updates (organization_id, document_id, seq, payload, node_id)
             SELECT organization_id, id, head_seq, '\\xff', 'probe' FROM collab_documents",
    )
    .await;
    app.collab.sweep(TimeDelta::seconds(-60)).await;
    let view = ada.get(&format!("/builder-sessions/{id}")).await.body.clone();
    let error = json!({ "code": "document_unreadable", "fields": [] });
    assert_eq!((&view["title"], &view["documentState"]["error"]), (&json!("Indexes"), &error));
    assert_eq!(app.dirty().await, 0, "nobody tries it again");
}

/// More documents than one sweep takes fail, for reasons that may pass, and are older than the one that would not.
#[tokio::test]
async fn what_fails_in_a_sweep_lets_others_before_it() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (id, name) = ada.plans("Indexes").await;
    ada.get(&format!("/documents/{name}/content")).await.is(200);
    app.behind(
        "UPDATE builder_sessions SET title = 'Stale';
         UPDATE collab_documents SET materialised_seq = 0;
         INSERT INTO collab_documents
             (organization_id, subject_type, subject_id, schema_version, snapshot, snapshot_seq, head_seq, updated_at)
             SELECT organization_id, 'summary', gen_random_uuid(), 99, '\\x0000', 1, 1, now() - interval '1 hour'
             FROM organizations o CROSS JOIN LATERAL (SELECT o.id AS organization_id) i, generate_series(1, 200);
         CREATE FUNCTION stuck() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '55P03'; END $$;
         CREATE TRIGGER stuck BEFORE UPDATE ON collab_documents FOR EACH ROW WHEN (NEW.schema_version = 99)
             EXECUTE FUNCTION stuck();",
    )
    .await;
    for _ in 0..2 {
        app.collab.sweep(TimeDelta::seconds(-60)).await;
    }
    assert_eq!(ada.get(&format!("/builder-sessions/{id}")).await.body["title"], "Indexes");
    assert_eq!(app.dirty().await, 200);
    app.behind("DROP TRIGGER stuck ON collab_documents").await;
    for _ in 0..2 {
        app.collab.sweep(TimeDelta::seconds(-60)).await;
    }
    assert_eq!(app.dirty().await, 0, "they are tried again");
}

#[tokio::test]
async fn changes_of_a_frozen_document_are_refused_and_nobody_is_put_out() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (_, name) = ada.plans("Indexes").await;
    let path = format!("/documents/{name}");
    let version = ada.post(&format!("{path}/versions"), json!({ "label": "First" })).await;
    let restore = format!("{path}/versions/{}/restore", version.is(201).text("/id"));
    ada.writes(&name, json!({ "title": "Later" })).await;
    let mut editor = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    app.behind("UPDATE collab_documents SET frozen_at = now()").await;
    ada.patch(&format!("{path}/content"), json!({ "title": "No" })).await.refuses(409, "document_frozen");
    ada.post(&restore, json!({})).await.refuses(409, "document_frozen");
    editor.hears_for(Duration::from_millis(300)).await;
    assert_eq!((editor.closed, editor.text("title")), (None, "Later".to_owned()));
    assert_eq!(ada.get(&format!("{path}/content")).await.is(200).body["title"], "Later");

    let (id, name) = ada.summarises("Bo").await;
    let version = ada.post(&format!("/documents/{name}/versions"), json!({ "label": "First" })).await;
    let restore = format!("/documents/{name}/versions/{}/restore", version.is(201).text("/id"));
    ada.writes(&name, json!({ "edited": "Dear Bo" })).await;
    ada.post(&format!("/summaries/{id}/approve"), json!({})).await.is(200);
    ada.post(&restore, json!({})).await.refuses(409, "document_frozen");
}

/// It is frozen between the question whether it is and the writing.
#[tokio::test]
async fn a_change_that_meets_the_freezing_is_refused_as_one_after_it() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (_, name) = ada.plans("Indexes").await;
    let path = format!("/documents/{name}/content");
    ada.get(&path).await.is(200);
    let mut behind = app.database.superuser().await;
    let mut freezing = behind.begin().await.unwrap();
    sqlx::query("UPDATE collab_documents SET frozen_at = now()").execute(&mut *freezing).await.unwrap();
    let deciding = async {
        somebody_waits(&mut app.database.superuser().await).await;
        freezing.commit().await.unwrap();
    };
    let (answer, ()) = tokio::join!(ada.patch(&path, json!({ "title": "No" })), deciding);
    answer.refuses(409, "document_frozen");
    assert_eq!(ada.get(&path).await.is(200).body["title"], "Indexes");
}

/// The end of the log is gone, or something in the middle of it: what is left is not what the document says.
#[tokio::test]
async fn a_log_with_a_hole_is_not_taken_for_the_document() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    for gone in [4, 2] {
        let (id, name) = ada.plans("Indexes").await;
        let path = format!("/documents/{name}/content");
        for title in ["One", "Two", "Three"] {
            ada.writes(&name, json!({ "title": title })).await;
        }
        ada.sees(&format!("/builder-sessions/{id}"), |view| view["title"] == "Three").await;
        let here = format!("(SELECT id FROM collab_documents WHERE subject_id = '{id}')");
        app.behind(&format!("DELETE FROM collab_updates WHERE document_id = {here} AND seq = {gone}")).await;
        let elsewhere = app.another(Bus::local()).await;
        let answer = elsewhere.ask(axum::http::Method::GET, &format!("/api/v1{path}"), Some(&ada.token), None).await;
        answer.refuses(503, "unavailable");
    }
}

/// As long as the field may be, and longer than other bodies.
#[tokio::test]
async fn long_text_is_taken_whole() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (id, name) = ada.summarises("Bo").await;
    let path = format!("/documents/{name}/content");
    let long = "wörter und ".repeat(18_000);
    ada.writes(&name, json!({ "edited": long })).await;
    ada.sees(&format!("/summaries/{id}"), |view| view["edited"].as_str().is_some_and(|text| text == long.trim())).await;
    ada.patch(&path, json!({ "edited": "x".repeat(2 << 20) })).await.refuses(413, "too_large");
}
