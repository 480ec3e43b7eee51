//! Commands over plain HTTP: one by one, on any node, as often as need be.
use std::time::Instant;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    super::{
        Gateway,
        budget::Spending,
        hello::{Farewell, Hello},
        viewing::understand,
    },
    admit, refuse,
};
use crate::{
    http::{Problem, extract::Path},
    identity::ClientAddr,
    kernel::Code,
    live::{
        core::{ParticipantId, Role, SystemCommand, roster},
        protocol::{ServerMessage, close},
        room::{
            Rejection, Viewer,
            acts::Knowledge,
            writer::{Ask, Key},
        },
    },
};

/// A command with the client's number for it.
#[derive(Deserialize, ToSchema)]
pub struct CommandRequest<'a> {
    /// Comes back in the answer.
    #[serde(rename = "ref")]
    reference: u64,
    /// As in `do`: the highest number you know. Commands given with it are given one after the other.
    after: Option<u64>,
    /// As in `do`, see `/asyncapi.json`.
    #[serde(borrow)]
    #[schema(value_type = Object)]
    command: &'a RawValue,
}

/// Give a command
///
/// What `do` is on the socket. The answer is its `ack`, `refused` or `retry`, with status 200; anything else means that
/// nobody knows whether it was done: send it again, its effect happens once. Any node takes it, whichever one the
/// events come from. The bounds are the socket's: 32 KiB, 20 a second and 40 at once, counted per participant and node.
/// A ticket opens one call.
#[utoipa::path(post, path = "/live/{session}/commands", tag = "live protocol", params(
    ("session" = String, Path, description = "The session's id, or `-`."),
    ("Authorization" = String, Header, description = "`Bearer` and a seat's token or a ticket."),
), request_body = CommandRequest, responses(
    (status = 200, description = "`ack`, `refused` or `retry`, as on the socket.", body = Object),
    (status = 400, description = "Not a command with a `ref`.", body = Problem),
    (status = 401, description = "The token is unknown, expired or used.", body = Problem),
    (status = 404, description = "The token opens another session.", body = Problem),
    (status = 413, description = "Longer than 32 KiB.", body = Problem),
    (status = 429, description = "Far too many.", body = Problem),
))]
pub async fn command(
    State(gateway): State<Gateway>,
    from: ClientAddr,
    Path(session): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let hello = match admit(&gateway, from, &headers, &session, None).await {
        Ok(hello) => hello,
        Err(farewell) => return refuse(farewell),
    };
    let Ok(body) = body else { return refuse(Farewell::new(close::PROTOCOL, Code::TooLarge)) };
    if body.len() > gateway.limits.message_bytes {
        return refuse(Farewell::new(close::PROTOCOL, Code::TooLarge));
    }
    let told: CommandRequest<'_> = match serde_json::from_slice(&body) {
        Ok(told) => told,
        Err(error) => return Problem::new(Code::Malformed).detail(error.to_string()).into_response(),
    };
    match answer(&gateway, &hello, &told).await {
        Some(answer) => Json(answer).into_response(),
        None => refuse(Farewell::new(close::RATE_LIMITED, Code::RateLimited)),
    }
}

/// None: far too many.
async fn answer(gateway: &Gateway, hello: &Hello, told: &CommandRequest<'_>) -> Option<ServerMessage> {
    let reference = told.reference;
    let spending = match hello.viewer {
        Viewer::Person { user, .. } => gateway.budgets.spend((hello.key, user), &gateway.limits, Instant::now()),
        Viewer::Screen => Spending::Fine,
    };
    match spending {
        Spending::Abuse => return None,
        Spending::Wait(after_ms) => {
            return Some(ServerMessage::Retry { reference, code: Code::RateLimited, after_ms });
        }
        Spending::Fine => {}
    }
    let actor = match actor(gateway, hello).await {
        Ok(actor) => actor,
        Err(rejection) => return Some(ServerMessage::answer(reference, Err(rejection))),
    };
    let knows = told.after.map(|seq| Knowledge { seq, connection: None });
    let ask = match understand(reference, told.command, actor, knows) {
        Ok(understood) => understood,
        Err(answer) => return Some(*answer),
    };
    Some(ServerMessage::answer(reference, gateway.live.ask(hello.key, ask).await))
}

/// The participant of this token. Somebody who counts as gone, because no connection was seen for a while, joins again
/// first, as with a socket. None: a screen.
async fn actor(gateway: &Gateway, hello: &Hello) -> Result<Option<ParticipantId>, Rejection> {
    let Viewer::Person { user, fresh } = hello.viewer else { return Ok(None) };
    let present = |key: Key| {
        gateway.live.look(key, move |_, state| {
            let id = state.participant_of(user)?;
            // Once the session is over everybody has left, and still gets the answer to what was done before.
            let person = state.people.get(&id)?;
            (person.is_present() || state.status.is_final()).then_some(id)
        })
    };
    if let Some(actor) = present(hello.key).await? {
        return Ok(Some(actor));
    }
    let join = roster::Join { fresh, user, name: None, role: Role::Participant };
    gateway.live.ask(hello.key, Ask::System(SystemCommand::Join(join))).await?;
    present(hello.key).await
}
