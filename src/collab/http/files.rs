//! Images of documents: handed in by whoever may write, seen by whoever has the address.
use axum::{
    Json as Answer, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRef, State, rejection::BytesRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use ts_rs::TS;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::content;
use crate::{
    collab::{
        Collab, Scope,
        files::{self, Image, Refused},
    },
    db::Db,
    http::{Problem, extract::Path},
    identity::{Identity, MaybeIdentity},
    kernel::{Clock, Code},
};

/// An image that a document may show.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "FileView.ts")]
pub struct FileView {
    /// Its id.
    pub id: Uuid,
    /// Where it is, for `src` of an image. Whoever has it sees the image.
    pub url: String,
    /// What it is.
    pub content_type: String,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// How large it is.
    pub bytes: u32,
}

/// The way in, with a body larger than elsewhere.
pub(super) fn router<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Collab: FromRef<S>,
    Identity: FromRef<S>,
    Db: FromRef<S>,
    Clock: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(upload)).layer(DefaultBodyLimit::max(files::MOST_BYTES))
}

/// Where the images are. Not part of the API: browsers fetch them as they fetch pages.
pub fn images<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Db: FromRef<S>,
{
    Router::new().route("/files/{secret}", get(show))
}

/// Hand in an image
///
/// The body is the image itself: PNG, JPEG, GIF or WebP, at most 5 MiB and 50 million pixels. Write the answered `url`
/// into the document: an image to which no document and no version of one has referred for a week is deleted. A document
/// has at most 200 images and 100 MiB of them, and with those that only its versions show 1,000 and 500 MiB. Images that
/// were taken out an hour ago make room.
#[utoipa::path(post, path = "/documents/{document}/files", tag = "documents",
    params(("document" = String, Path, description = "Its name, as `live_notes:0198c0de-…`.")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 201, description = "It is kept.", body = FileView),
    (status = 403, description = "You may only read the document.", body = Problem),
    (status = 404, description = "No such document, or not for you.", body = Problem),
    (status = 409, description = "The document has enough images.", body = Problem),
    (status = 413, description = "The image is too large.", body = Problem),
    (status = 415, description = "Not one of the four kinds of image.", body = Problem),
))]
async fn upload(
    MaybeIdentity(presented): MaybeIdentity,
    State(collab): State<Collab>,
    State(db): State<Db>,
    State(clock): State<Clock>,
    Path(document): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Answer<FileView>), Problem> {
    let presented = presented.ok_or(Code::Unauthenticated)?;
    let (_, key, scope) = content::find(&collab, &presented, &document).await?;
    if scope != Scope::ReadWrite {
        return Err(Code::Forbidden.into());
    }
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => refused(Refused::TooLarge),
        _ => Problem::new(Code::Malformed).detail("The image did not arrive whole."),
    })?;
    let image = Image::of(&body).map_err(refused)?;
    let keep = async || {
        let mut tx = db.tenant_as(presented.organization, Some(presented.user)).await?;
        let kept = files::insert(&mut tx, &clock, key.document, presented.user, &image, &body).await?;
        tx.commit().await?;
        Ok::<_, Problem>(kept)
    };
    let mut kept = keep().await?;
    if kept == Err(Refused::TooMany) {
        match files::check_in_time(&db, &clock, key, files::SHORT_GRACE).await {
            Ok(0) => {}
            Ok(_) => kept = keep().await?,
            Err(error) => tracing::warn!(document = %key.document, %error, "no room was made for an image"),
        }
    }
    let (id, secret) = kept.map_err(refused)?;
    let Image { content_type, width, height } = image;
    let bytes = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let url = format!("/files/{secret}");
    let view = FileView { id, url, content_type: content_type.to_owned(), width, height, bytes };
    Ok((StatusCode::CREATED, Answer(view)))
}

/// What is behind an address never changes. Nothing in it runs: it is shown as an image or not at all.
async fn show(State(db): State<Db>, Path(secret): Path<String>) -> Result<Response, Problem> {
    let (content_type, content) = files::find(&db, &secret).await?.ok_or(Code::NotFound)?;
    let headers = [
        (header::CONTENT_TYPE, content_type.as_str()),
        (header::CACHE_CONTROL, "private, max-age=31536000, immutable"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox; frame-ancestors 'none'"),
        (header::CONTENT_DISPOSITION, "inline"),
    ];
    Ok((headers, content).into_response())
}

fn refused(why: Refused) -> Problem {
    match why {
        Refused::Kind => Problem::new(Code::UnsupportedMedia)
            .detail("This is no image that can be shown: send PNG, JPEG, GIF or WebP."),
        Refused::TooLarge => {
            Problem::new(Code::TooLarge).detail("An image has at most 5 MiB, 12,000 pixels a side, 50 million in all.")
        }
        Refused::TooMany => {
            let most = "A document has at most 200 images, and 100 MiB of them. Those that are taken out make room after \
                        an hour.";
            Problem::new(Code::Conflict).detail(most)
        }
    }
}
