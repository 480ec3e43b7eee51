//! What a document says, read and changed by whoever is no editor: the same truth that editors hold.
use axum::{
    Json as Answer,
    extract::{DefaultBodyLimit, FromRef, State},
    http::header,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    asker, change,
    costly::{beside, turn},
};
use crate::{
    collab::{
        Collab, Name, Scope, Shut, access,
        open::Unchanged,
        room::Key,
        schema::{Content, Form, Schema},
    },
    db::Db,
    http::{
        Problem,
        extract::{Path, Query},
    },
    identity::{Identity, MaybeIdentity, Presented},
    kernel::Code,
};

/// In which form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum Format {
    /// An object with all fields; rich text as the JSON of a ProseMirror document.
    #[default]
    Json,
    /// All of it as one text in Markdown.
    Markdown,
    /// All of it as HTML that is safe to show.
    Html,
    /// All of it without formats.
    Text,
}

/// How the content is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wish {
    /// `json` (the default), `markdown`, `html` or `text`.
    #[param(inline)]
    #[serde(default)]
    format: Format,
}

/// What a change may have: the longest fields, as the JSON of their nodes.
const MOST_BYTES: usize = 2 << 20;

/// With a body larger than elsewhere.
pub(super) fn router<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Collab: FromRef<S>,
    Identity: FromRef<S>,
    Db: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(read, change::change)).layer(DefaultBodyLimit::max(MOST_BYTES))
}

/// Read a document
///
/// What it says now, all of it saved. The name is the one that editors connect with. The `ETag` is for `If-Match` of a
/// change. Remarks are there only for those who may see the document's history.
#[utoipa::path(get, path = "/documents/{document}/content", tag = "documents",
    params(("document" = String, Path, description = "Its name, as `live_notes:0198c0de-…`."), Wish), responses(
    (status = 200, description = "What it says.", content(
        (Object = "application/json"), (String = "text/markdown"), (String = "text/html"), (String = "text/plain"))),
    (status = 404, description = "No such document, or not for you.", body = Problem),
    (status = 429, description = "Too often in another form than JSON.", body = Problem),
    (status = 503, description = "It cannot be read right now.", body = Problem),
))]
async fn read(
    MaybeIdentity(presented): MaybeIdentity,
    State(collab): State<Collab>,
    State(db): State<Db>,
    State(identity): State<Identity>,
    Path(document): Path<String>,
    Query(wish): Query<Wish>,
) -> Result<Response, Problem> {
    let presented = presented.ok_or(Code::Unauthenticated)?;
    let (name, key, scope) = find(&collab, &presented, &document).await?;
    let mut tx = db.tenant_as(presented.organization, Some(presented.user)).await?;
    let remarks = access::sees_history(&mut tx, &asker(&presented)?, name, scope).await?;
    tx.commit().await?;
    // JSON is what every page that shows a document asks for.
    let _turn = match wish.format {
        Format::Json => None,
        Format::Markdown | Format::Html | Format::Text => Some(turn(&collab, &identity, &presented).await?),
    };
    let content = collab.content(key, None).await.map_err(refused)?;
    let (tag, content) = beside(move || {
        let tag = content.tag();
        (tag, if remarks { content } else { change::without_remarks(content) })
    })
    .await?;
    Ok(change::tagged(&tag, shown(content, name.kind.schema(), &wish).await?))
}

/// What a document says, as it is wanted.
pub(super) async fn shown(content: Content, schema: &'static Schema, wish: &Wish) -> Result<Response, Problem> {
    let format = wish.format;
    beside(move || match format {
        Format::Json => Answer(content.to_json(Form::Nodes)).into_response(),
        Format::Markdown => text("text/markdown; charset=utf-8", content.to_markdown(schema)),
        Format::Html => text("text/html; charset=utf-8", content.to_html(schema)),
        Format::Text => text("text/plain; charset=utf-8", content.to_plain(schema)),
    })
    .await
}

/// The document of this name, and what whoever presents a token may do with it.
pub(super) async fn find(
    collab: &Collab,
    presented: &Presented,
    document: &str,
) -> Result<(Name, Key, Scope), Problem> {
    let name: Name = document.parse().map_err(|_| Code::NotFound)?;
    let (key, scope) = collab.find(presented.organization, &asker(presented)?, name).await.map_err(problem)?;
    Ok((name, key, scope))
}

/// May it be changed with this scope? Says so if nobody may.
pub(super) async fn writable(collab: &Collab, key: Key, scope: Scope) -> Result<(), Problem> {
    if scope == Scope::ReadWrite {
        return Ok(());
    }
    let frozen = collab.is_frozen(key).await.map_err(problem)?;
    Err(if frozen { Code::DocumentFrozen } else { Code::Forbidden }.into())
}

fn text(kind: &'static str, text: String) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

pub(super) fn problem(shut: Shut) -> Problem {
    match shut {
        Shut::NotFound => Code::NotFound.into(),
        Shut::Unavailable => Problem::new(Code::Unavailable).retry_after(1),
    }
}

pub(super) fn refused(unchanged: Unchanged) -> Problem {
    match unchanged {
        Unchanged::Shut(shut) => problem(shut),
        Unchanged::Full => Problem::new(Code::TooLarge).detail("The document would be too large."),
        Unchanged::Frozen => Code::DocumentFrozen.into(),
        Unchanged::Moved => Code::DocumentMoved.into(),
    }
}
