//! Images of documents: who may hand one in, who sees it, what is refused.
use reqwest::{Method, Response, header};
use serde_json::Value;

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
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM collab_files")
        .fetch_one(&mut notes.app.database.superuser().await)
        .await
        .unwrap();
    assert_eq!(count, 0);
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
