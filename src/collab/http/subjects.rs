//! What is decided about plans and summaries where that touches the document in which people may be typing: approving
//! and opening again, throwing away.
use axum::{
    Json as Answer,
    extract::{FromRef, State},
    http::StatusCode,
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{content::problem, versions::problem as unkept};
use crate::{
    builder,
    coaching::{self, Approval, SummaryView},
    collab::{
        Asker, Collab, Kind, Name,
        history::{self, Reason},
        materialise::{self, Patience, ProjectError},
        open::Unchanged,
        room::{FROZEN, Key, THAWED},
        store,
    },
    db::{Db, TenantTx},
    http::{Problem, extract::Path, problem::FieldError},
    identity::{Identity, Tx},
    kernel::{Caller, Clock, Code, Permission, document::DocumentError, document::Reach},
};

pub(super) fn router<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Collab: FromRef<S>,
    Identity: FromRef<S>,
    Db: FromRef<S>,
    Clock: FromRef<S>,
{
    let decisions = OpenApiRouter::new().routes(routes!(approve)).routes(routes!(reopen));
    decisions.routes(routes!(remove_summary)).routes(routes!(remove_plan))
}

/// Approve a summary
///
/// What is typed until then is saved and taken over first; from then on its document can only be read, also by those
/// who have it open. Approving twice is approving once.
#[utoipa::path(post, path = "/summaries/{id}/approve", tag = "summaries", params(("id" = Uuid, Path)), responses(
    (status = 200, description = "Approved.", body = SummaryView),
    (status = 403, description = "Only its coach may.", body = Problem),
    (status = 404, description = "No such summary, or not for you.", body = Problem),
    (status = 409, description = "Not possible from its state.", body = Problem),
    (status = 422, description = "The document is not in order (`errors` says where), or there is nothing to approve.",
        body = Problem),
))]
async fn approve(
    caller: Caller,
    State(collab): State<Collab>,
    State(db): State<Db>,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
) -> Result<Answer<SummaryView>, Problem> {
    let name = decidable(&db, &caller, id).await?;
    let (key, _) = collab.find(caller.organization, &Asker::member_of(&caller), name).await.map_err(problem)?;
    // What has reached this node is saved before anything is decided.
    collab.content(key, None).await.map_err(unsaved)?;
    let mut tx = db.tenant(&caller).await?;
    bring_up_to_date(&mut tx, &clock, key).await?;
    let approval = coaching::approve(&mut tx, &clock, &caller, id).await?;
    if approval == Approval::Done {
        let version = history::Draft { reason: Reason::Approve, label: None, by: Some(caller.user) };
        history::keep(&mut tx, &clock, key.document, &version).await.map_err(unkept)?;
        store::set_frozen(&mut tx, key.document, Some(clock.now())).await?;
    }
    decided(&collab, tx, &caller, (name, key), approval).await
}

/// Open an approved summary again
///
/// Its document can be written again. Opening twice is opening once.
#[utoipa::path(post, path = "/summaries/{id}/reopen", tag = "summaries", params(("id" = Uuid, Path)), responses(
    (status = 200, description = "Open.", body = SummaryView),
    (status = 403, description = "Only its coach may.", body = Problem),
    (status = 404, description = "No such summary, or not for you.", body = Problem),
    (status = 409, description = "Not possible from its state.", body = Problem),
))]
async fn reopen(
    caller: Caller,
    State(collab): State<Collab>,
    State(db): State<Db>,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
) -> Result<Answer<SummaryView>, Problem> {
    let name = decidable(&db, &caller, id).await?;
    let (key, _) = collab.find(caller.organization, &Asker::member_of(&caller), name).await.map_err(problem)?;
    let mut tx = db.tenant(&caller).await?;
    store::hold(&mut tx, key.document, Patience::Wait).await?;
    let approval = coaching::reopen(&mut tx, &clock, &caller, id).await?;
    if approval == Approval::Done {
        store::set_frozen(&mut tx, key.document, None).await?;
    }
    decided(&collab, tx, &caller, (name, key), approval).await
}

/// The document of a summary about which `caller` may decide.
async fn decidable(db: &Db, caller: &Caller, id: Uuid) -> Result<Name, Problem> {
    let mut tx = db.tenant(caller).await?;
    let standing = coaching::standing(&mut tx, caller, id).await?.ok_or(Code::NotFound)?;
    if standing.reach < Reach::Manage {
        return Err(Code::Forbidden.into());
    }
    Ok(Name { kind: Kind::Summary, subject: id })
}

/// Nobody writes in the document until the end of the transaction, and the columns say what it says.
async fn bring_up_to_date(tx: &mut TenantTx, clock: &Clock, key: Key) -> Result<(), Problem> {
    store::hold(tx, key.document, Patience::Wait).await?;
    store::lock(tx, key.document).await?.ok_or(Code::NotFound)?;
    let projected = materialise::project_in(tx, clock, key.document).await.map_err(|error| match error {
        ProjectError::Database(error) => error.into(),
        ProjectError::Gone => Problem::new(Code::NotFound),
        ProjectError::Broken => Problem::new(Code::Unavailable),
    })?;
    projected.error.map_or(Ok(()), |error| Err(not_clean(error)))
}

/// Waits for whoever is writing the columns: they have the document first, and then what it is about.
async fn hold(tx: &mut TenantTx, name: Name) -> Result<(), sqlx::Error> {
    if let Some(document) = store::find(tx, name).await? {
        store::hold(tx, document, Patience::Wait).await?;
    }
    Ok(())
}

fn not_clean(error: DocumentError) -> Problem {
    let errors = error.fields.into_iter().map(|fault| FieldError {
        field: fault.field,
        code: Code::Invalid,
        message: fault.why.key().to_owned(),
    });
    Problem { errors: errors.collect(), ..Problem::new(Code::DocumentInvalid) }
}

fn unsaved(unchanged: Unchanged) -> Problem {
    match unchanged {
        Unchanged::Shut(shut) => problem(shut),
        Unchanged::Full => Code::TooLarge.into(),
        Unchanged::Frozen => Code::DocumentFrozen.into(),
        Unchanged::Moved => Code::DocumentMoved.into(),
    }
}

/// Answers with the summary as it is then, and lets everybody who has it open come in anew.
async fn decided(
    collab: &Collab,
    mut tx: TenantTx,
    caller: &Caller,
    (name, key): (Name, Key),
    approval: Approval,
) -> Result<Answer<SummaryView>, Problem> {
    match approval {
        Approval::Done | Approval::Already => {}
        Approval::WrongState => return Err(Code::WrongState.into()),
        Approval::NothingThere => return Err(Code::NothingToApprove.into()),
    }
    let view = coaching::find(&mut tx, caller, name.subject).await?;
    tx.commit().await?;
    if approval == Approval::Done {
        collab.tell(key, if view.status == "approved" { FROZEN } else { THAWED }).await;
        collab.rights_changed_of(key).await;
    }
    Ok(Answer(view))
}

/// Throw a summary away
///
/// Whoever has it open is put out.
#[utoipa::path(delete, path = "/summaries/{id}", tag = "summaries", params(("id" = Uuid, Path)), responses(
    (status = 204, description = "Gone."),
    (status = 403, description = "Only its coach may.", body = Problem),
    (status = 404, description = "No such summary, or not for you.", body = Problem),
))]
async fn remove_summary(
    mut tx: Tx,
    State(collab): State<Collab>,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let caller = tx.caller.clone();
    let standing = coaching::standing(&mut tx, &caller, id).await?.ok_or(Code::NotFound)?;
    if standing.reach < Reach::Manage {
        return Err(Code::Forbidden.into());
    }
    let name = Name { kind: Kind::Summary, subject: id };
    hold(&mut tx, name).await?;
    coaching::remove(&mut tx, id, clock.now()).await?;
    tx.commit().await?;
    collab.rights_changed(caller.organization, name).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Throw a plan away
///
/// A published one has to be retired first. Whoever has it open is put out.
#[utoipa::path(delete, path = "/builder-sessions/{id}", tag = "plans", params(("id" = Uuid, Path)), responses(
    (status = 204, description = "Gone."),
    (status = 403, description = "The right builder.publish is missing.", body = Problem),
    (status = 404, description = "No such plan, or not for you.", body = Problem),
    (status = 409, description = "It is published.", body = Problem),
))]
async fn remove_plan(
    mut tx: Tx,
    State(collab): State<Collab>,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let caller = tx.caller.clone();
    builder::standing(&mut tx, &caller, id).await?.ok_or(Code::NotFound)?;
    if !caller.may(Permission::BuilderPublish) {
        return Err(Problem::new(Code::Forbidden).detail("Needs the right builder.publish."));
    }
    let name = Name { kind: Kind::BuilderSession, subject: id };
    hold(&mut tx, name).await?;
    if !builder::remove(&mut tx, id, clock.now()).await? {
        return Err(Code::WrongState.into());
    }
    tx.commit().await?;
    collab.rights_changed(caller.organization, name).await;
    Ok(StatusCode::NO_CONTENT)
}
