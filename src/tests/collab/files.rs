//! Images of documents: who may hand one in, who sees it, what is refused.
use reqwest::{Method, Response, header};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::support::{Account, Atelier, Meeting};

/// The head of a picture: all that is looked at.
fn png(length: usize) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x06\0\0\0\0\0\0\0".to_vec();
    bytes.resize(length.max(bytes.len()), 0);
    bytes
}

struct Notes {
    app: Atelier,
    ada: Account,
    session: Meeting,
    name: String,
}

impl Notes {
    async fn open(may: &str) -> Self {
        let app = Atelier::start().await;
        let ada = app.instructor("ada").await;
        let session = ada.creates("Intro").await;
        let _host = ada.starts(&session).await;
        let name = ada.notes(&session, may).await;
        Self { app, ada, session, name }
    }
    async fn hands_in(&self, token: &str, name: &str, image: Vec<u8>) -> (u16, Value) {
        let url = format!("http://{}/api/v1/documents/{name}/files", self.app.address);
        let request = reqwest::Client::new().request(Method::POST, url).bearer_auth(token);
        // What it says of itself does not count.
        let answer = request.header(header::CONTENT_TYPE, "image/svg+xml").body(image).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
    async fn looks_at(&self, path: &str) -> Response {
        reqwest::get(format!("http://{}{path}", self.app.address)).await.unwrap()
    }
    async fn is_there(&self, path: &str) -> bool {
        self.looks_at(path).await.status() == 200
    }
    /// Hands in an image; its address.
    async fn keeps(&self, length: usize) -> String {
        let (status, file) = self.hands_in(&self.ada.token, &self.name, png(length)).await;
        assert_eq!(status, 201, "{file}");
        file["url"].as_str().unwrap().to_owned()
    }
    async fn says(&self, words: &str) {
        self.ada.writes(&self.name, json!({ "body": words })).await;
    }
    async fn arranges(&self, sql: &str) {
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut self.app.database.superuser().await).await.unwrap();
    }
    /// So much time goes by; then it is looked for images that can go.
    async fn later(&self, time: &str) {
        let aged = format!("UPDATE collab_file_uses SET unused_since = unused_since - interval '{time}'");
        self.arranges(&format!("{aged}, checked_at = '-infinity'")).await;
        self.app.collab.sweep_images().await;
    }
    async fn images(&self) -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM collab_files");
        count.fetch_one(&mut self.app.database.superuser().await).await.unwrap()
    }
}

fn shown(address: &str) -> String {
    format!("Before\n\n![a tree]({address})\n\nafter")
}

#[tokio::test]
async fn whoever_writes_hands_in_an_image_and_whoever_has_its_address_sees_it() {
    let notes = Notes::open("edit").await;
    let bo = notes.session.joins("Bo").await.token().await;
    for token in [&notes.ada.token, &bo] {
        let image = png(2_000);
        let (status, file) = notes.hands_in(token, &notes.name, image.clone()).await;
        assert_eq!(
            (status, &file["width"], &file["height"], &file["bytes"]),
            (201, &640.into(), &480.into(), &2_000.into())
        );
        let shown = notes.looks_at(file["url"].as_str().unwrap()).await;
        assert_eq!(shown.status(), 200);
        let headers = shown.headers();
        assert_eq!(headers["content-type"], "image/png");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert!(headers["content-security-policy"].to_str().unwrap().contains("sandbox"));
        assert!(headers["cache-control"].to_str().unwrap().contains("immutable"));
        assert_eq!(shown.bytes().await.unwrap(), image);
    }
    let id = "A".repeat(43);
    for path in
        [format!("/files/{id}"), "/files/x".to_owned(), "/files/".to_owned(), format!("/files/{}", "A".repeat(4_000))]
    {
        assert_eq!(notes.looks_at(&path).await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn who_may_not_write_hands_nothing_in() {
    let notes = Notes::open("read").await;
    let bo = notes.session.joins("Bo").await.token().await;
    let eve = notes.app.instructor("eve").await;
    assert_eq!(notes.hands_in(&bo, &notes.name, png(100)).await.0, 403);
    assert_eq!(notes.hands_in(&eve.token, &notes.name, png(100)).await.0, 404);
    assert_eq!(notes.hands_in("atl_nobody", &notes.name, png(100)).await.0, 401);
    assert_eq!(notes.hands_in(&notes.ada.token, "live_notes:1", png(100)).await.0, 404);
    assert_eq!(notes.images().await, 0);
}

#[tokio::test]
async fn what_is_no_image_or_too_much_is_refused_with_the_reason() {
    let notes = Notes::open("edit").await;
    let script = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>".to_vec();
    for (image, status, code) in [
        (script, 415, "unsupported_media"),
        (vec![], 415, "unsupported_media"),
        (png(5 * 1024 * 1024 + 1), 413, "too_large"),
        (png(5 * 1024 * 1024), 201, ""),
    ] {
        let (found, answer) = notes.hands_in(&notes.ada.token, &notes.name, image).await;
        assert_eq!((found, answer["code"].as_str().unwrap_or("")), (status, code));
    }
    sqlx::query(
        "INSERT INTO collab_files (organization_id, document_id, secret_hash, content_type, width, height, bytes, content)
         SELECT organization_id, document_id, n::text::bytea, content_type, 1, 1, 1, 'x'
         FROM collab_files, generate_series(1, 199) n",
    )
    .execute(&mut notes.app.database.superuser().await)
    .await
    .unwrap();
    let (status, answer) = notes.hands_in(&notes.ada.token, &notes.name, png(100)).await;
    assert_eq!((status, &answer["code"]), (409, &"conflict".into()));
}

#[tokio::test]
async fn an_image_that_is_taken_out_goes_after_a_week_and_whoever_undoes_it_before_finds_it() {
    let notes = Notes::open("edit").await;
    let address = notes.keeps(100).await;
    notes.later("6 days").await;
    assert!(notes.is_there(&address).await, "handed in, and not put in yet");
    notes.says(&shown(&address)).await;
    notes.later("30 days").await;
    notes.later("30 days").await;
    notes.says("nothing").await;
    notes.later("30 days").await;
    assert!(notes.is_there(&address).await, "until now");
    notes.later("6 days").await;
    assert!(notes.is_there(&address).await);
    // Back, and out again before anybody looks: the week begins anew.
    notes.says(&shown(&address)).await;
    notes.says("nothing").await;
    notes.later("2 days").await;
    assert!(notes.is_there(&address).await);
    notes.later("6 days").await;
    assert!(notes.is_there(&address).await);
    notes.later("2 days").await;
    assert!(!notes.is_there(&address).await);
    notes.says(&shown(&address)).await;
    assert_eq!(notes.images().await, 0, "an address of nothing is a word like others");
}

/// Whatever was noted of it: what counts is what the document says when it comes to that.
#[tokio::test]
async fn an_image_that_is_in_the_document_never_goes() {
    let notes = Notes::open("edit").await;
    let address = notes.keeps(100).await;
    notes.says(&shown(&address)).await;
    notes.arranges("UPDATE collab_file_uses SET unused_since = '2020-01-01', checked_seq = -1").await;
    notes.later("1 day").await;
    notes.later("30 days").await;
    assert!(notes.is_there(&address).await);
}

#[tokio::test]
async fn what_a_version_shows_stays_as_long_as_the_version() {
    let notes = Notes::open("edit").await;
    let address = notes.keeps(100).await;
    notes.says(&shown(&address)).await;
    let versions = format!("/documents/{}/versions", notes.name);
    notes.ada.post(&versions, json!({ "label": "With a tree" })).await.is(201);
    notes.says("nothing").await;
    for _ in 0..3 {
        notes.later("30 days").await;
    }
    assert!(notes.is_there(&address).await);
    notes.arranges("DELETE FROM collab_checkpoints").await;
    notes.says("nothing more").await;
    notes.later("6 days").await;
    assert!(notes.is_there(&address).await, "from now on it is not needed");
    notes.later("8 days").await;
    assert!(!notes.is_there(&address).await);
}

#[tokio::test]
async fn an_image_that_was_copied_into_another_document_stays_for_that_one() {
    let notes = Notes::open("edit").await;
    let address = notes.keeps(100).await;
    let (_, plan) = notes.ada.plans("Trees").await;
    let eve = notes.app.instructor("eve").await;
    let (_, elsewhere) = eve.plans("Trees").await;
    notes.says(&shown(&address)).await;
    notes.ada.writes(&plan, json!({ "objective": shown(&address) })).await;
    eve.writes(&elsewhere, json!({ "objective": shown(&address) })).await;
    notes.says("nothing").await;
    for _ in 0..3 {
        notes.later("30 days").await;
    }
    assert!(notes.is_there(&address).await);
    notes.ada.writes(&plan, json!({ "objective": "nothing" })).await;
    notes.later("6 days").await;
    assert!(notes.is_there(&address).await);
    notes.later("8 days").await;
    assert!(!notes.is_there(&address).await, "what another organization writes holds nothing of this one");
}

#[tokio::test]
async fn in_a_full_document_images_that_were_taken_out_make_room_at_once() {
    let notes = Notes::open("edit").await;
    let address = notes.keeps(100).await;
    notes.says(&shown(&address)).await;
    let fill = "WITH f AS (
            INSERT INTO collab_files
                (organization_id, document_id, secret_hash, content_type, width, height, bytes, content)
            SELECT organization_id, document_id, n::text::bytea, content_type, 1, 1, 1, 'x'
            FROM (SELECT * FROM collab_files LIMIT 1) f, generate_series(1, 199) n RETURNING *)
         INSERT INTO collab_file_uses (organization_id, document_id, file_id, unused_since)
         SELECT organization_id, document_id, id, now() - interval '50 minutes' FROM f";
    notes.arranges(fill).await;
    let refused = notes.hands_in(&notes.ada.token, &notes.name, png(100)).await;
    assert_eq!((refused.0, &refused.1["code"]), (409, &"conflict".into()), "somebody may want one of them back");
    notes.arranges("UPDATE collab_file_uses SET unused_since = unused_since - interval '20 minutes'").await;
    let another = notes.keeps(100).await;
    assert_eq!(notes.images().await, 2);
    assert!(notes.is_there(&address).await && notes.is_there(&another).await);
    // Those that only versions show are not in the way of others.
    notes.arranges(&fill.replace("now() - interval '50 minutes'", "NULL")).await;
    notes.arranges("UPDATE collab_file_uses SET only_versions = true WHERE unused_since IS NULL").await;
    notes.keeps(100).await;
}
