//! The live protocol over plain HTTP, for networks that break WebSockets: the socket's messages as server-sent events,
//! or as one answer at a time, and commands one by one.
pub(super) mod event;
mod feed;
mod linger;
mod post;

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use self::feed::{Feed, Manner};
pub use self::linger::Lingering;
use super::{
    Gateway, Open,
    budget::Spending,
    hello::{self, Farewell, Hello},
    viewing::Viewing,
};
use crate::{
    http::{
        Problem,
        extract::{Path, Query},
    },
    identity::ClientAddr,
    kernel::{Code, Id},
    live::{protocol::close, room::Viewer},
};

/// Longest that one answer is held back; many proxies give up after 30 seconds.
const LONGEST_WAIT: u64 = 25;
/// Names the close code of a refusal, which would be the last frame of a socket.
const CLOSE: HeaderName = HeaderName::from_static("atelier-close");
/// In place of a session's id: the one that the token opens.
const OWN: &str = "-";

/// The routes, with their description.
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(events)).routes(routes!(post::command))
}

/// What somebody wants to hear.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct Wish {
    /// The last number held; absent: nothing is held. `Last-Event-ID` counts before it.
    after: Option<u64>,
    /// Absent: a stream without end. Otherwise one answer: at once if there is news, else after so many seconds (at
    /// most 25) or with the first news. 0 never waits.
    wait: Option<u64>,
    /// With `wait`: the word from the `end` of the answer before. Without it every answer counts as news.
    known: Option<String>,
    /// Name and version of the client, for the logs.
    client: Option<String>,
}

/// Listen to a live session
///
/// The messages of the socket (`/asyncapi.json`) as server-sent events, with the same numbers and the same guarantees:
/// `welcome`, then a `snapshot` or the missing `events`, then what happens. The `id` of an event is the number that is
/// held with it. The last event is named `close`, its data `{"code","reason"}` is that of a socket's close frame; with
/// `wait` it is otherwise named `end`, its data `{"known"}` goes into the next call. A refusal carries the close code in
/// the header `atelier-close`. Counts as one of the participant's connections. In place of the session's id, `-` means
/// the one that the token opens.
#[utoipa::path(get, path = "/live/{session}/events", tag = "live protocol", params(
    ("session" = String, Path, description = "The session's id, or `-`."),
    ("Authorization" = String, Header, description = "`Bearer` and what `hello` takes: a seat's token, a ticket, a link's token."),
    ("Last-Event-ID" = Option<u64>, Header, description = "As `after`."),
    Wish,
), responses(
    (status = 200, description = "Server-sent events.", content_type = "text/event-stream", body = String),
    (status = 401, description = "The token is unknown, expired or used.", body = Problem),
    (status = 403, description = "Removed, or the session is locked.", body = Problem),
    (status = 404, description = "The token opens another session.", body = Problem),
    (status = 409, description = "The session is full or has not started.", body = Problem),
    (status = 410, description = "The session has ended.", body = Problem),
    (status = 503, description = "Too much to do, or going down; come back.", body = Problem),
))]
async fn events(
    State(gateway): State<Gateway>,
    from: ClientAddr,
    Path(session): Path<String>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
) -> Response {
    let after = last_event(&headers).or(wish.after);
    tracing::debug!(client = wish.client.as_deref().unwrap_or("unnamed"), ?after, wait = ?wish.wait, "events");
    let manner = match wish.wait {
        None => Manner::Stream,
        Some(wait) => Manner::Answer { wait: Duration::from_secs(wait.min(LONGEST_WAIT)), known: wish.known },
    };
    match admit(&gateway, from, &headers, &session, after).await {
        Ok(hello) if !may_ask(&gateway, &hello, from, &manner) => {
            Problem::new(Code::RateLimited).retry_after(1).into_response()
        }
        Ok(hello) => begin(gateway, hello, manner).await.unwrap_or_else(refuse),
        Err(farewell) => refuse(farewell),
    }
}

/// Each answer comes and goes as a connection of its own, so that they count like commands. A screen is nobody: there it
/// is the address that counts.
fn may_ask(gateway: &Gateway, hello: &Hello, from: ClientAddr, manner: &Manner) -> bool {
    let whose = match hello.viewer {
        Viewer::Person { user, .. } => user,
        Viewer::Screen => Id::new(Uuid::from_u128(match from.visitor() {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits(),
        })),
    };
    matches!(manner, Manner::Stream)
        || gateway.answers.spend((hello.key, whose), &gateway.limits, Instant::now()) == Spending::Fine
}

fn last_event(headers: &HeaderMap) -> Option<u64> {
    headers.get("last-event-id")?.to_str().ok()?.trim().parse().ok()
}

/// Who asks, if the token opens this session.
async fn admit(
    gateway: &Gateway,
    from: ClientAddr,
    headers: &HeaderMap,
    session: &str,
    after: Option<u64>,
) -> Result<Hello, Farewell> {
    let stranger = Farewell::new(close::UNAUTHENTICATED, Code::Unauthenticated);
    let token = bearer(headers).ok_or(stranger)?;
    if gateway.tasks.closing().is_cancelled() {
        return Err(Farewell::bare(close::DRAINING));
    }
    // Whoever hangs up takes the whole request along.
    let hello = hello::identify(gateway, token, after, from, || false).await?;
    if session != OWN && session.parse() != Ok(hello.key.session) {
        return Err(Farewell::new(close::UNAUTHENTICATED, Code::NotFound));
    }
    Ok(hello)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (kind, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    kind.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Attaches in a task of its own, which outlives the request: whoever was admitted is taken out again, even if the
/// request has ended in between.
async fn begin(gateway: Gateway, hello: Hello, manner: Manner) -> Result<Response, Farewell> {
    // One chunk waits here; all else waits in the ring.
    let (body, mut chunks) = mpsc::channel::<Bytes>(1);
    let (say, said) = oneshot::channel();
    let open = Open::count();
    gateway.tasks.clone().spawn("live events", async move {
        let _open = open;
        let (lingering, whose) = (gateway.lingering.clone(), linger::whose(&hello));
        lingering.call_back(whose).await;
        let closing = gateway.tasks.closing().clone();
        let (viewing, outcome) = match Viewing::begin(gateway, hello).await {
            // Whoever comes after the rooms were told to end would be overlooked.
            Ok(viewing) if closing.is_cancelled() => (Some(viewing), Err(Farewell::bare(close::DRAINING))),
            Ok(viewing) => (Some(viewing), Ok(())),
            Err(farewell) => (None, Err(farewell)),
        };
        let welcome = outcome.is_ok();
        let heard = say.send(outcome).is_ok();
        match viewing {
            Some(viewing) if heard && welcome => Feed::new(viewing, body).run(manner, &lingering, whose).await,
            Some(viewing) => viewing.end().await,
            None => {}
        }
    });
    said.await.unwrap_or(Err(Farewell::new(close::OVERLOADED, Code::Internal)))?;
    let chunks = futures_util::stream::poll_fn(move |cx| chunks.poll_recv(cx).map(|chunk| chunk.map(Ok::<_, Never>)));
    Ok((headers(), Body::from_stream(chunks)).into_response())
}

/// What a stream asks of everybody on its way.
pub(super) fn headers() -> [(HeaderName, &'static str); 3] {
    [
        (header::CONTENT_TYPE, "text/event-stream"),
        // Whoever compresses gathers; whoever gathers delays.
        (header::CACHE_CONTROL, "no-store, no-transform"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ]
}

type Never = std::convert::Infallible;

/// A close before the first frame.
fn refuse(farewell: Farewell) -> Response {
    let problem = Problem::new(farewell.reason.unwrap_or(Code::Unavailable));
    let problem = if problem.code == Code::Unavailable { problem.retry_after(1) } else { problem };
    let mut response = problem.into_response();
    response.headers_mut().insert(CLOSE, HeaderValue::from(farewell.code));
    response
}
