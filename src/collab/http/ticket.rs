//! Tickets: how the page of somebody who is signed in opens a document's socket without showing it the account's token.
use axum::{Json as Answer, extract::State};

use crate::{
    collab::{Asker, Collab, Name, http::content::problem},
    http::{Problem, extract::Path},
    identity::{Identity, OwnUrl, Ticket},
    kernel::{Caller, Code},
};

/// Get a ticket for a document's socket
///
/// Good for one connection within 60 seconds, as the token of the provider, and for this document only. What it lets
/// one do is decided when it is used.
#[utoipa::path(post, path = "/documents/{document}/ticket", tag = "documents",
    params(("document" = String, Path, description = "Its name, as `summary:0198c0de-…`.")), responses(
    (status = 200, description = "The ticket.", body = Ticket),
    (status = 404, description = "No such document, or not for you.", body = Problem),
))]
pub(super) async fn ticket(
    caller: Caller,
    State(collab): State<Collab>,
    State(identity): State<Identity>,
    own: OwnUrl,
    Path(document): Path<String>,
) -> Result<Answer<Ticket>, Problem> {
    let name: Name = document.parse().map_err(|_| Code::NotFound)?;
    collab.find(caller.organization, &Asker::member_of(&caller), name).await.map_err(problem)?;
    let mut tx = identity.db.tenant(&caller).await?;
    let issued = identity.tokens.issue_document_ticket(&mut tx, caller.user, &name.to_string()).await?;
    tx.commit().await?;
    Ok(Answer(Ticket { token: issued.token, url: own.documents(), expires_at: issued.expires_at }))
}
