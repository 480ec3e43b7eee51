//! Changing what a document says, by whoever is no editor. Never on top of what they have not read.
use axum::{
    Json as Answer,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};

use super::{
    content::{find, refused, writable},
    costly::{beside, busy},
};
use crate::{
    collab::{
        Collab,
        open::Unchanged,
        room::{Change, Key, Occasion},
        schema::{COMMENTS, Content, Fault, Form, Why},
    },
    http::{
        Problem,
        extract::{Json, Path},
        problem::FieldError,
    },
    identity::{Identity, MaybeIdentity},
    kernel::Code,
};

/// Change a document
///
/// Give the fields that shall change, as JSON: short text as text, rich text as Markdown (at most 256 KiB) or as the JSON
/// of a ProseMirror document, items as the list of all items (at most 1,000) with their ids. Null empties a field. The
/// document is changed as little as possible, under the carets of those who edit it. `If-Match` says with which `ETag` it
/// was read: if one of the given fields says something else since, nothing is changed, and the answer is 412 with the
/// present `ETag`. `If-Match: *` replaces whatever is there. Answered when it is saved. At most 2 MiB.
#[utoipa::path(patch, path = "/documents/{document}/content", tag = "documents",
    params(
        ("document" = String, Path, description = "Its name, as `live_notes:0198c0de-…`."),
        ("If-Match" = String, Header, description = "The `ETag` with which it was read, or `*`."),
    ),
    request_body(content = Object, content_type = "application/json"), responses(
    (status = 200, description = "What it says now, with its `ETag`.", body = Object),
    (status = 403, description = "You may only read it.", body = Problem),
    (status = 404, description = "No such document, or not for you.", body = Problem),
    (status = 409, description = "Nobody can change it any more.", body = Problem),
    (status = 412, description = "Somebody has changed these fields since: read it again.", body = Problem),
    (status = 413, description = "The change is too large, or the document would be.", body = Problem),
    (status = 422, description = "Some fields are not what they must be, or hold what editors would delete.",
        body = Problem),
    (status = 428, description = "`If-Match` is missing.", body = Problem),
    (status = 429, description = "Too often.", body = Problem),
    (status = 503, description = "It cannot be saved right now. Send it again.", body = Problem),
))]
pub(super) async fn change(
    MaybeIdentity(presented): MaybeIdentity,
    State(identity): State<Identity>,
    State(collab): State<Collab>,
    Path(document): Path<String>,
    headers: HeaderMap,
    Json(fields): Json<serde_json::Value>,
) -> Result<Response, Problem> {
    let presented = presented.ok_or(Code::Unauthenticated)?;
    let (name, key, scope) = find(&collab, &presented, &document).await?;
    writable(&collab, key, scope).await?;
    let base = base(&headers)?;
    identity.limits.documents(presented.user)?;
    let _turn = collab.turns().change().await.ok_or_else(busy)?;
    let schema = name.kind.schema();
    let content = beside(move || Content::from_json(schema, &fields)).await?.map_err(invalid)?;
    let change = Change { content, author: presented.user, occasion: Occasion::Edit, base };
    match collab.content(key, Some(change)).await {
        Ok(content) => {
            beside(move || tagged(&content.tag(), Answer(content.to_json(Form::Nodes)).into_response())).await
        }
        Err(Unchanged::Moved) => moved(&collab, key).await,
        Err(unchanged) => Err(refused(unchanged)),
    }
}

/// The state on which a change builds; none: any.
fn base(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let given = headers.get(header::IF_MATCH).ok_or(Code::PreconditionRequired)?;
    // What is no tag of ours matches nothing. Proxies that compress make weak ones of them.
    let given = given.to_str().unwrap_or_default().trim();
    let tag = given.strip_prefix("W/").unwrap_or(given).trim_matches('"');
    Ok((tag != "*").then(|| tag.to_owned()))
}

/// With the present state's tag, so that nothing has to be guessed.
async fn moved(collab: &Collab, key: Key) -> Result<Response, Problem> {
    let content = collab.content(key, None).await.map_err(refused)?;
    beside(move || tagged(&content.tag(), Problem::new(Code::DocumentMoved).into_response())).await
}

/// An answer with the tag of what the document says.
pub(super) fn tagged(tag: &str, mut answer: Response) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{tag}\"")) {
        answer.headers_mut().insert(header::ETAG, tag);
    }
    answer
}

/// Without remarks, for those who may only read what the document says now.
pub(super) fn without_remarks(mut content: Content) -> Content {
    content.fields.remove(COMMENTS);
    content
}

fn invalid(faults: Vec<Fault>) -> Problem {
    let too_large = faults.iter().any(|fault| matches!(fault.why, Why::TooLarge(_)));
    let errors = faults.into_iter().map(|fault| FieldError {
        field: fault.field,
        code: if matches!(fault.why, Why::TooLarge(_)) { Code::TooLarge } else { Code::Invalid },
        message: fault.why.to_string(),
    });
    Problem { errors: errors.collect(), ..Problem::new(if too_large { Code::TooLarge } else { Code::Invalid }) }
}
