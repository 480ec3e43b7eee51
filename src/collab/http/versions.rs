//! Versions of a document: what there is, what they say, what has changed since, and the way back to one.
use axum::{Json as Answer, extract::State, http::StatusCode, response::Response};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    attribution::{Author, names},
    content::{Wish, find, refused, shown, writable},
    costly::{beside, turn},
};
use crate::{
    collab::{
        Collab, Name, Scope, access,
        history::{self, After, HistoryError, Reason},
        room::{Change, Key, Occasion},
        schema::{
            COMMENTS, Content, Form,
            compare::{self, Fate},
        },
    },
    db::Db,
    http::{
        Problem,
        extract::{Json, Path, Query},
    },
    identity::{Identity, MaybeIdentity, Presented},
    kernel::{Code, page::Page, page::PageQuery, text},
};

/// How long a name may be.
const LABEL: u32 = 120;

/// A version of a document.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "VersionView.ts")]
pub struct VersionView {
    /// Its id.
    pub id: Uuid,
    /// The number of the last change that is in it.
    #[ts(type = "number")]
    pub seq: u64,
    /// Why it was kept.
    pub reason: Reason,
    /// Its name, if somebody gave it one.
    pub label: Option<String>,
    /// Who wrote since the version before.
    pub authors: Vec<Author>,
    /// Who asked for it; nobody for those that are kept by themselves.
    pub created_by: Option<Uuid>,
    /// When it was kept.
    pub created_at: chrono::DateTime<chrono::Utc>,
}

/// A version that is to be kept.
#[derive(Debug, Clone, Deserialize, ToSchema, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(export_to = "NewVersion.ts")]
pub struct NewVersion {
    /// Its name, 1 to 120 characters.
    pub label: String,
}

/// A version that was kept.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "KeptVersion.ts")]
pub struct KeptVersion {
    /// Its id.
    pub id: Uuid,
}

/// What has changed.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "VersionDiff.ts")]
pub struct VersionDiff {
    /// The fields that differ. Remarks are not compared.
    pub fields: Vec<FieldDiff>,
}

/// What has changed in a field.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "FieldDiff.ts")]
pub struct FieldDiff {
    /// Its name.
    pub field: String,
    /// Both states in one, safe to show: `<del>` around what is gone, `<ins>` around what is new. Empty where there is
    /// nothing to read, as in the places of shapes.
    pub html: String,
    /// Of a field with items: all that were or are in it, in their order.
    pub items: Vec<ItemDiff>,
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "ItemFate.ts")]
pub enum ItemFate {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Something in it, or its place, is different.
    Changed,
    /// It is as it was.
    Same,
}

/// What has changed in an item.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "ItemDiff.ts")]
pub struct ItemDiff {
    /// Its id.
    pub id: String,
    /// What became of it.
    pub fate: ItemFate,
    /// Has it another place among the others?
    pub moved: bool,
    /// What has changed in it.
    pub fields: Vec<ItemFieldDiff>,
}

/// What has changed in a field of an item.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "ItemFieldDiff.ts")]
pub struct ItemFieldDiff {
    /// Its name.
    pub field: String,
    /// As in the field of a document.
    pub html: String,
}

/// With what a version is compared.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Against {
    /// The id of another version, or `now` (the default): what the document says now.
    against: Option<String>,
}

/// A document whose history the asker may see.
struct Seen {
    name: Name,
    key: Key,
    scope: Scope,
    presented: Presented,
}

/// Old versions may say what readers were never meant to read: they are for those who write, and who run the thing.
async fn seen(
    collab: &Collab,
    db: &Db,
    MaybeIdentity(presented): MaybeIdentity,
    document: &str,
) -> Result<Seen, Problem> {
    let presented = presented.ok_or(Code::Unauthenticated)?;
    let (name, key, scope) = find(collab, &presented, document).await?;
    let mut tx = db.tenant_as(presented.organization, Some(presented.user)).await?;
    if !access::sees_history(&mut tx, &super::asker(&presented)?, name, scope).await? {
        return Err(Code::Forbidden.into());
    }
    Ok(Seen { name, key, scope, presented })
}

impl Seen {
    fn may_write(&self) -> Result<(), Problem> {
        if self.scope == Scope::ReadWrite { Ok(()) } else { Err(Code::Forbidden.into()) }
    }

    /// What a version says.
    async fn says(&self, db: &Db, version: Uuid) -> Result<Content, Problem> {
        let mut tx = db.tenant_as(self.presented.organization, Some(self.presented.user)).await?;
        let state = history::state(&mut tx, self.key.document, version).await?.ok_or(Code::NotFound)?;
        tx.commit().await?;
        history::content(self.name.kind, state).await.map_err(problem)
    }
}

pub(super) fn problem(error: HistoryError) -> Problem {
    match error {
        HistoryError::Database(error) => error.into(),
        HistoryError::Gone => Code::NotFound.into(),
        HistoryError::TooMany => Problem::new(Code::Conflict).detail("There are too many versions with names."),
        HistoryError::Broken => Problem::new(Code::Unavailable).retry_after(1),
    }
}

fn after(page: &PageQuery) -> Result<Option<After>, Problem> {
    let parsed = page.after.as_deref().map(|after| {
        let (seq, id) = after.split_once('.')?;
        Some(After { seq: seq.parse().ok()?, id: id.parse().ok()? })
    });
    match parsed {
        None => Ok(None),
        Some(Some(after)) => Ok(Some(after)),
        Some(None) => Err(Problem::field("after", Code::Malformed)),
    }
}

/// List versions
///
/// The newest first. Kept by themselves every ten minutes of writing and before a version is put in place of the
/// document, on submitting, accepting, approving and publishing, and under a name by hand. Those that keep themselves
/// thin out: all of a day, one an hour of a week, one a day before.
#[utoipa::path(get, path = "/documents/{document}/versions", tag = "documents",
    params(("document" = String, Path, description = "Its name, as `live_notes:0198c0de-…`."), PageQuery), responses(
    (status = 200, description = "A page.", body = Page<VersionView>),
    (status = 403, description = "You may only read what it says now.", body = Problem),
    (status = 404, description = "No such document, or not for you.", body = Problem),
))]
pub(super) async fn list(
    identity: MaybeIdentity,
    State(collab): State<Collab>,
    State(db): State<Db>,
    Path(document): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<Answer<Page<VersionView>>, Problem> {
    let seen = seen(&collab, &db, identity, &document).await?;
    let mut tx = db.tenant_as(seen.presented.organization, Some(seen.presented.user)).await?;
    let versions = history::list(&mut tx, seen.key.document, after(&page)?, page.size() + 1).await?;
    let page = Page::cut(versions, page.size(), |version| format!("{}.{}", version.seq, version.id));
    let all: Vec<Uuid> = page.items.iter().flat_map(|version| version.authors.iter().copied()).collect();
    let names = names(&mut tx, seen.name, &all).await?;
    tx.commit().await?;
    let view = |version: history::Version| VersionView {
        id: version.id,
        seq: version.seq,
        reason: version.reason,
        label: version.label,
        authors: version.authors.iter().filter_map(|author| names.get(author).cloned()).collect(),
        created_by: version.created_by,
        created_at: version.created_at,
    };
    Ok(Answer(Page { items: page.items.into_iter().map(view).collect(), next: page.next }))
}

/// Keep a version
///
/// What the document says now, under a name. The same state again is the same version with the newer name.
#[utoipa::path(post, path = "/documents/{document}/versions", tag = "documents",
    params(("document" = String, Path, description = "Its name, as `live_notes:0198c0de-…`.")),
    request_body = NewVersion, responses(
    (status = 201, description = "Kept.", body = KeptVersion),
    (status = 403, description = "You may only read it.", body = Problem),
    (status = 404, description = "No such document, or not for you.", body = Problem),
    (status = 409, description = "There are too many versions with names.", body = Problem),
    (status = 422, description = "The name is empty or too long.", body = Problem),
))]
pub(super) async fn keep(
    identity: MaybeIdentity,
    State(collab): State<Collab>,
    State(db): State<Db>,
    Path(document): Path<String>,
    Json(NewVersion { label }): Json<NewVersion>,
) -> Result<(StatusCode, Answer<KeptVersion>), Problem> {
    let seen = seen(&collab, &db, identity, &document).await?;
    seen.may_write()?;
    let label = text::required(&label, LABEL).map_err(|refusal| Problem::field("label", refusal.code))?;
    let draft = history::Draft { reason: Reason::Manual, label: Some(&label), by: Some(seen.presented.user) };
    let id = collab.checkpoint(seen.key, &draft).await.map_err(problem)?;
    Ok((StatusCode::CREATED, Answer(KeptVersion { id })))
}

/// Read a version
///
/// What the document said then, without remarks.
#[utoipa::path(get, path = "/documents/{document}/versions/{version}/content", tag = "documents",
    params(("document" = String, Path, description = "Its name."), ("version" = Uuid, Path), Wish), responses(
    (status = 200, description = "What it said.", content(
        (Object = "application/json"), (String = "text/markdown"), (String = "text/html"), (String = "text/plain"))),
    (status = 403, description = "You may only read what it says now.", body = Problem),
    (status = 404, description = "No such document or version, or not for you.", body = Problem),
    (status = 429, description = "Too often.", body = Problem),
))]
pub(super) async fn content(
    presented: MaybeIdentity,
    State(identity): State<Identity>,
    State(collab): State<Collab>,
    State(db): State<Db>,
    Path((document, version)): Path<(String, Uuid)>,
    Query(wish): Query<Wish>,
) -> Result<Response, Problem> {
    let seen = seen(&collab, &db, presented, &document).await?;
    let _turn = turn(&collab, &identity, &seen.presented).await?;
    let content = seen.says(&db, version).await?;
    shown(content, seen.name.kind.schema(), &wish).await
}

/// Compare a version
///
/// What has changed from this version to another one, or to now: fields, paragraphs and words; items by their ids.
#[utoipa::path(get, path = "/documents/{document}/versions/{version}/diff", tag = "documents",
    params(("document" = String, Path, description = "Its name."), ("version" = Uuid, Path), Against), responses(
    (status = 200, description = "What has changed.", body = VersionDiff),
    (status = 403, description = "You may only read what it says now.", body = Problem),
    (status = 404, description = "No such document or version, or not for you.", body = Problem),
    (status = 429, description = "Too often.", body = Problem),
))]
pub(super) async fn diff(
    presented: MaybeIdentity,
    State(identity): State<Identity>,
    State(collab): State<Collab>,
    State(db): State<Db>,
    Path((document, version)): Path<(String, Uuid)>,
    Query(Against { against }): Query<Against>,
) -> Result<Answer<VersionDiff>, Problem> {
    let seen = seen(&collab, &db, presented, &document).await?;
    let _turn = turn(&collab, &identity, &seen.presented).await?;
    let old = seen.says(&db, version).await?;
    let new = match against.as_deref() {
        None | Some("now") => collab.content(seen.key, None).await.map_err(refused)?,
        Some(other) => {
            let other = other.parse().map_err(|_| Problem::field("against", Code::Malformed))?;
            seen.says(&db, other).await?
        }
    };
    let schema = seen.name.kind.schema();
    // Long texts take a while.
    let changed = beside(move || compare::changed(schema, &old, &new, COMMENTS)).await?;
    Ok(Answer(VersionDiff { fields: changed.into_iter().map(FieldDiff::of).collect() }))
}

/// Go back to a version
///
/// As a change like any other, as small as possible, under the carets of those who write: what they write meanwhile
/// stays, and so do remarks. What the document said until then is kept as a version first. Answers with what it says now.
#[utoipa::path(post, path = "/documents/{document}/versions/{version}/restore", tag = "documents",
    params(("document" = String, Path, description = "Its name."), ("version" = Uuid, Path)), responses(
    (status = 200, description = "What it says now.", body = Object),
    (status = 403, description = "You may only read it.", body = Problem),
    (status = 404, description = "No such document or version, or not for you.", body = Problem),
    (status = 409, description = "Nobody can change it any more.", body = Problem),
    (status = 413, description = "The document would be too large.", body = Problem),
    (status = 429, description = "Too often.", body = Problem),
    (status = 503, description = "It cannot be saved right now. Send it again.", body = Problem),
))]
pub(super) async fn restore(
    presented: MaybeIdentity,
    State(identity): State<Identity>,
    State(collab): State<Collab>,
    State(db): State<Db>,
    Path((document, version)): Path<(String, Uuid)>,
) -> Result<Answer<serde_json::Value>, Problem> {
    let seen = seen(&collab, &db, presented, &document).await?;
    let _turn = turn(&collab, &identity, &seen.presented).await?;
    writable(&collab, seen.key, seen.scope).await?;
    let content = seen.says(&db, version).await?;
    let change = Change { content, author: seen.presented.user, occasion: Occasion::Restore, base: None };
    let content = collab.content(seen.key, Some(change)).await.map_err(refused)?;
    beside(move || Answer(content.to_json(Form::Nodes))).await
}

impl FieldDiff {
    fn of(change: compare::FieldChange) -> Self {
        let items = change.items.into_iter().map(ItemDiff::of).collect();
        Self { field: change.field.to_owned(), html: change.html, items }
    }
}

impl ItemDiff {
    fn of(change: compare::ItemChange) -> Self {
        let fate = match change.fate {
            Fate::Added => ItemFate::Added,
            Fate::Removed => ItemFate::Removed,
            Fate::Kept if change.moved || !change.fields.is_empty() => ItemFate::Changed,
            Fate::Kept => ItemFate::Same,
        };
        let field = |change: compare::FieldChange| ItemFieldDiff { field: change.field.to_owned(), html: change.html };
        Self { id: change.id, fate, moved: change.moved, fields: change.fields.into_iter().map(field).collect() }
    }
}
