//! Who wrote what: for editors and for those who write over HTTP; the log may be merged, the server may be another one.
use atelier::bus::Bus;
use axum::http::Method;
use serde_json::{Value, json};

use super::{content::Notes, editor::Editor};

impl Notes {
    /// Client, from, to, user; in order.
    async fn wrote(&self) -> Vec<(u64, u64, u64, String)> {
        let path = format!("/api/v1/documents/{}/attribution", self.name);
        let answer = self.app.ask(Method::GET, &path, Some(&self.ada.token), None).await;
        let number = |range: &Value, name: &str| range[name].as_u64().unwrap();
        let ranges = answer.is(200).body["ranges"].as_array().unwrap().iter().map(|range| {
            let user = range["user"].as_str().unwrap().to_owned();
            (number(range, "client"), number(range, "from"), number(range, "to"), user)
        });
        ranges.collect()
    }
    async fn user(&self, name: &str) -> String {
        let path = format!("/api/v1/documents/{}/attribution", self.name);
        let answer = self.app.ask(Method::GET, &path, Some(&self.ada.token), None).await;
        let users = answer.is(200).body["users"].as_array().unwrap().clone();
        let user = users.iter().find(|user| user["displayName"] == name);
        user.unwrap_or_else(|| panic!("{name} in {users:?}"))["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn what_everybody_wrote_is_known_after_merging_and_on_another_node() {
    let notes = Notes::open("edit").await;
    let guest = notes.session.joins("Bo").await.token().await;
    let mut bo = Editor::opens(notes.app.address, &notes.name, &guest).await.comes_in().await;
    let mut ada = Editor::opens(notes.app.address, &notes.name, &notes.ada.token).await.comes_in().await;
    for n in 0..230 {
        bo.types(&format!("b{n:03} ")).await;
        if n % 10 == 0 {
            ada.types("ada! ").await;
        }
    }
    for editor in [&mut bo, &mut ada] {
        editor.until("saved", |editor| editor.unsaved == 0).await;
    }
    let of = |editor: &Editor| editor.doc.client_id().get();
    let (bos, adas) = (notes.user("Bo").await, notes.ada.body["user"]["id"].as_str().unwrap().to_owned());
    let mut expected = vec![(of(&bo), 0, 230 * 5, bos), (of(&ada), 0, 23 * 5, adas)];
    expected.sort();
    assert_eq!(notes.wrote().await, expected);
    let mut behind = notes.app.database.superuser().await;
    loop {
        let merged: i64 =
            sqlx::query_scalar("SELECT snapshot_seq FROM collab_documents").fetch_one(&mut behind).await.unwrap();
        if merged >= 200 {
            break;
        }
        tokio::task::yield_now().await;
    }
    // The log is cut one day.
    sqlx::query("DELETE FROM collab_updates u USING collab_documents d WHERE u.seq <= d.snapshot_seq")
        .execute(&mut behind)
        .await
        .unwrap();
    let elsewhere = notes.app.another(Bus::local()).await;
    let path = format!("/api/v1/documents/{}/attribution", notes.name);
    let answer = elsewhere.ask(Method::GET, &path, Some(&guest), None).await;
    assert_eq!(answer.is(200).body["ranges"].as_array().unwrap().len(), 2);
    // What was sent already and comes once more is nobody else's, and nothing new.
    let known = bo.typed().to_vec();
    let mut again = Editor::opens(elsewhere.address, &notes.name, &notes.ada.token).await.comes_in().await;
    again.repeats(&known[..20]).await;
    again.until("saved", |editor| editor.unsaved == 0).await;
    assert_eq!(notes.wrote().await, expected);
}

#[tokio::test]
async fn what_comes_over_http_is_theirs_who_asked() {
    let notes = Notes::open("edit").await;
    let guest = notes.session.joins("Bo").await.token().await;
    notes.becomes("One.").await.is(200);
    let (path, label) = (format!("/api/v1/documents/{}/versions", notes.name), json!({ "label": "One" }));
    let kept = notes.app.ask(Method::POST, &path, Some(&notes.ada.token), Some(&label)).await;
    let version = kept.is(201).text("/id").to_owned();
    notes.tries(Method::PATCH, "", &guest, Some(&json!({ "body": "Two." }))).await.is(200);
    let path = format!("/api/v1/documents/{}/versions/{version}/restore", notes.name);
    notes.app.ask(Method::POST, &path, Some(&guest), None).await.is(200);
    let (bo, wrote) = (notes.user("Bo").await, notes.wrote().await);
    let ada = notes.ada.body["user"]["id"].as_str().unwrap();
    assert_eq!(wrote.len(), 2, "two stretches of the same client, the server: {wrote:?}");
    assert_eq!((wrote[0].3.as_str(), wrote[1].3.as_str()), (ada, bo.as_str()));
    assert_eq!((wrote[0].0, wrote[0].2), (wrote[1].0, wrote[1].1), "without a gap");
}
