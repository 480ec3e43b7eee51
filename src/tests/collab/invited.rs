//! People who were invited to one document: they get what they were invited to, at once, and lose it at once.
use atelier::{bus::Bus, collab::Scope};
use axum::http::Method;
use serde_json::{Value, json};

use super::editor::Editor;
use crate::support::{Account, Answer, Atelier};

impl Account {
    fn id(&self) -> &str {
        self.body["user"]["id"].as_str().unwrap()
    }
    async fn invites(&self, name: &str, other: &Account, level: &str) -> Answer {
        let path = format!("/api/v1/documents/{name}/collaborators/{}", other.id());
        self.site.ask(Method::PUT, &path, Some(&self.token), Some(&json!({ "level": level }))).await
    }
    async fn uninvites(&self, name: &str, other: &Account) -> Answer {
        self.delete(&format!("/documents/{name}/collaborators/{}", other.id())).await
    }
    async fn lists(&self, path: &str) -> Vec<Value> {
        self.get(path).await.is(200).body["items"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn whoever_is_invited_reads_or_writes_and_finds_it_in_lists() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let bo = ada.hires(&app, "bo", "trainer").await;
    for (name, path, list) in [
        {
            let (id, name) = ada.plans("Indexes").await;
            (name, format!("/builder-sessions/{id}"), "/builder-sessions")
        },
        {
            let (id, name) = ada.summarises("Cy").await;
            (name, format!("/summaries/{id}"), "/summaries")
        },
    ] {
        bo.get(&path).await.refuses(404, "not_found");
        for (level, scope) in [("view", Scope::ReadOnly), ("edit", Scope::ReadWrite)] {
            assert_eq!(ada.invites(&name, &bo, level).await.status, 204);
            let editor = Editor::opens(app.address, &name, &bo.token).await.comes_in().await;
            assert_eq!(editor.scope, Some(scope), "{name} {level}");
            assert_eq!(bo.get(&path).await.is(200).body["mayEdit"], level == "edit");
            assert_eq!(bo.lists(list).await.len(), 1);
        }
        let people = ada.lists(&format!("/documents/{name}/collaborators")).await;
        assert_eq!((people.len(), &people[0]["id"], &people[0]["level"]), (1, &json!(bo.id()), &json!("edit")));
        bo.invites(&name, &bo, "edit").await.refuses(403, "forbidden");
        bo.delete(&path).await.refuses(403, "forbidden");
        bo.uninvites(&name, &ada).await.refuses(403, "forbidden");
        assert_eq!(bo.uninvites(&name, &bo).await.status, 204, "everybody may leave");
        bo.get(&path).await.refuses(404, "not_found");
    }
    let (id, name) = ada.summarises("Cy").await;
    ada.invites(&name, &bo, "edit").await;
    bo.post(&format!("/summaries/{id}/approve"), json!({})).await.refuses(403, "forbidden");
    bo.post(&format!("/summaries/{id}/reopen"), json!({})).await.refuses(403, "forbidden");
}

#[tokio::test]
async fn who_is_put_out_while_typing_writes_no_more_on_any_node() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let bus = Bus::local();
    let (first, second) = (app.another(bus.clone()).await, app.another(bus).await);
    let bo = ada.hires(&app, "bo", "trainer").await;
    let (_, name) = ada.plans("Indexes").await;
    ada.invites(&name, &bo, "edit").await;
    let mut editor = Editor::opens(second.address, &name, &bo.token).await.comes_in().await;
    editor.rewrites("subtitle", "By Bo").await;
    editor.until("saved", |editor| editor.unsaved == 0).await;
    let path = format!("/api/v1/documents/{name}/collaborators/{}", bo.id());
    let gone = first.ask(Method::DELETE, &path, Some(&ada.token), None).await;
    assert_eq!(gone.status, 204);
    editor.until("to be put out", |editor| editor.closed.is_some()).await;
    let mut again = Editor::opens(second.address, &name, &bo.token).await;
    again.until("a no", |editor| editor.denied).await;
    let mut host = Editor::opens(first.address, &name, &ada.token).await.comes_in().await;
    host.until("the words that were saved", |editor| editor.text("subtitle") == "By Bo").await;
}

#[tokio::test]
async fn only_members_are_invited() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let eve = app.instructor("eve").await;
    let (_, name) = ada.plans("Indexes").await;
    ada.invites(&name, &eve, "edit").await.refuses(404, "not_found");
    let session = ada.creates("Intro").await;
    let _host = ada.starts(&session).await;
    session.joins("Guest").await;
    let guest: String = sqlx::query_scalar("SELECT id::text FROM users WHERE kind = 'guest' LIMIT 1")
        .fetch_one(&mut app.database.superuser().await)
        .await
        .unwrap();
    let path = format!("/api/v1/documents/{name}/collaborators/{guest}");
    let level = json!({ "level": "edit" });
    app.ask(Method::PUT, &path, Some(&ada.token), Some(&level)).await.refuses(404, "not_found");
    let notes = ada.notes(&session, "edit").await;
    ada.invites(&notes, &ada, "edit").await.refuses(404, "not_found");
}
