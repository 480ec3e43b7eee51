//! What `/diagnose` measures a visitor's path with: a socket, a stream and a post that take the same way through
//! proxies as the real ones, and know nothing of any session.
use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{FromRef, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use ts_rs::TS;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Gateway,
    handshake::Upgrade,
    sse::{self, event},
};
use crate::{
    http::{
        Problem,
        extract::{Path, Query},
    },
    identity::{ClientAddr, Identity, OwnUrl},
    kernel::{Clock, Code, Moment},
    live::protocol::SUBPROTOCOL,
    socket::{Frame, Incoming, Socket},
};

/// So many tests that take seconds run at the same time.
const AT_ONCE: usize = 256;
/// So many attempts are remembered, for so long.
const REMEMBERED: usize = 1_024;
const FOR: Duration = Duration::from_mins(1);
/// A socket is open for so long, takes so many messages, and each has at most so many bytes.
const OPEN: Duration = Duration::from_secs(20);
const MESSAGES: usize = 64;
const BYTES: usize = 1_024;
/// A stream ticks so often, with so much time between.
const TICKS: u32 = 8;
const TICK: Duration = Duration::from_millis(300);
/// Longest that an answer is held back.
const LONGEST_WAIT: u64 = 25;

/// The running tests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tests {
    turns: Arc<Semaphore>,
    seen: Arc<Mutex<VecDeque<(Instant, Uuid, Attempt)>>>,
}

impl Default for Tests {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), seen: Arc::default() }
    }
}

impl Tests {
    fn begin(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let turn = self.turns.clone().try_acquire_owned();
        turn.map_err(|_| Problem::new(Code::Unavailable).retry_after(5))
    }

    fn remember(&self, probe: Uuid, attempt: Attempt, now: Instant) {
        let mut seen = self.seen.lock();
        while seen.len() >= REMEMBERED || seen.front().is_some_and(|(at, ..)| now.duration_since(*at) > FOR) {
            seen.pop_front();
        }
        seen.push_back((now, probe, attempt));
    }

    fn recall(&self, probe: Uuid) -> Attempt {
        let seen = self.seen.lock();
        seen.iter().rev().find(|(_, known, _)| *known == probe).map_or_else(Attempt::default, |(.., found)| *found)
    }
}

/// The routes, with their description. The socket's is described by its name only.
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(time))
        .routes(routes!(attempt))
        .routes(routes!(ticks))
        .routes(routes!(post))
        .route("/live/diagnose/ws", axum::routing::get(socket))
}

impl FromRef<Gateway> for Identity {
    fn from_ref(gateway: &Gateway) -> Self {
        gateway.identity.clone()
    }
}

/// The server's side of a diagnosis.
#[derive(Debug, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Diagnosis.ts")]
pub struct Diagnosis {
    /// The server's time.
    #[schema(value_type = String, format = DateTime)]
    pub time: Moment,
    /// Did the request travel encrypted, as far as the server knows?
    pub secure: bool,
}

/// What became of an attempt to open `/live/diagnose/ws?probe=…`: a browser does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Attempt.ts")]
pub struct Attempt {
    /// It reached this node, within the last minute.
    pub arrived: bool,
    /// It still asked for a socket.
    pub upgrade: bool,
}

/// Ask what time it is
///
/// For a device that wants to know how far away the server is, and whether its own clock is right. Needs no account.
#[utoipa::path(get, path = "/api/v1/diagnose", tag = "diagnose", responses(
    (status = 200, description = "Now.", body = Diagnosis),
    (status = 429, description = "Too often.", body = Problem),
))]
async fn time(State(gateway): State<Gateway>, from: ClientAddr, own: OwnUrl) -> Result<Json<Diagnosis>, Problem> {
    gateway.identity.limits.diagnose(from)?;
    Ok(Json(Diagnosis { time: gateway.identity.clock.now(), secure: own.0.starts_with("https:") }))
}

/// Ask what became of a socket
///
/// Tells whether an attempt to open `/live/diagnose/ws?probe={probe}` has reached this node, and as what. Other nodes
/// know nothing of it.
#[utoipa::path(get, path = "/api/v1/diagnose/sockets/{probe}", tag = "diagnose", params(
    ("probe" = Uuid, Path, description = "Made by the client."),
), responses(
    (status = 200, description = "What was seen.", body = Attempt),
    (status = 429, description = "Too often.", body = Problem),
))]
async fn attempt(
    State(gateway): State<Gateway>,
    from: ClientAddr,
    Path(probe): Path<Uuid>,
) -> Result<Json<Attempt>, Problem> {
    gateway.identity.limits.diagnose(from)?;
    Ok(Json(gateway.tests.recall(probe)))
}

#[derive(Debug, Deserialize)]
struct Probe {
    probe: Option<Uuid>,
}

/// Says back what it hears, for a while.
async fn socket(
    State(gateway): State<Gateway>,
    from: ClientAddr,
    Query(Probe { probe }): Query<Probe>,
    upgrade: Result<Upgrade, Problem>,
) -> Result<Response, Problem> {
    gateway.identity.limits.diagnose(from)?;
    if let Some(probe) = probe {
        gateway.tests.remember(probe, Attempt { arrived: true, upgrade: upgrade.is_ok() }, Instant::now());
    }
    let (upgrade, turn) = (upgrade?, gateway.tests.begin()?);
    let closing = gateway.tasks.closing().clone();
    Ok(upgrade.accept(Some(SUBPROTOCOL), BYTES, &gateway.tasks, async move |mut socket: Socket| {
        let _turn = turn;
        // Over, or told to end: all the same.
        let _ = tokio::time::timeout(OPEN, closing.run_until_cancelled(echo(&mut socket))).await;
        socket.close(1000, "").await;
    }))
}

async fn echo(socket: &mut Socket) {
    for _ in 0..MESSAGES {
        let answer = match socket.next().await {
            Some(Ok(Incoming::Text(text))) => Frame::text(&text),
            Some(Ok(Incoming::Ping(payload))) => Frame::pong(&payload),
            Some(Ok(Incoming::Pong)) => continue,
            _ => return,
        };
        if socket.write(&[answer]).await.is_err() {
            return;
        }
    }
}

#[derive(Debug, Deserialize)]
struct Wait {
    wait: Option<u64>,
}

/// Listen to ticks
///
/// A stream like that of a live session, to find out whether something on the way holds it back: eight events, 300 ms
/// apart, each with its number and the server's time. With `wait` one event after so many seconds, at most 25.
#[utoipa::path(get, path = "/live/diagnose/events", tag = "diagnose", params(
    ("wait" = Option<u64>, Query, description = "Seconds."),
), responses(
    (status = 200, description = "Server-sent events.", content_type = "text/event-stream", body = String),
    (status = 429, description = "Too often.", body = Problem),
    (status = 503, description = "Too many are testing.", body = Problem),
))]
async fn ticks(
    State(gateway): State<Gateway>,
    from: ClientAddr,
    Query(Wait { wait }): Query<Wait>,
) -> Result<Response, Problem> {
    gateway.identity.limits.diagnose(from)?;
    let (turn, clock) = (gateway.tests.begin()?, gateway.identity.clock.clone());
    let (count, pause, first) = match wait {
        Some(seconds) => (1, Duration::from_secs(seconds.min(LONGEST_WAIT)), String::new()),
        None => (TICKS, TICK, event::prelude()),
    };
    let ticks = stream::unfold(0, move |number| tick(number, count, pause, clock.clone()));
    let all = stream::StreamExt::chain(stream::iter([first]), ticks);
    let body = stream::StreamExt::map(all, move |text| {
        let _held_until_the_end = &turn;
        Ok::<_, Infallible>(Bytes::from(text))
    });
    Ok((sse::headers(), Body::from_stream(body)).into_response())
}

async fn tick(number: u32, count: u32, pause: Duration, clock: Clock) -> Option<(String, u32)> {
    if number == count {
        return None;
    }
    tokio::time::sleep(pause).await;
    Some((format!("data: {}\n\n", json!({ "tick": number + 1, "time": clock.now() })), number + 1))
}

/// Send something
///
/// Like a command of a live session, to find out whether something on the way stops it. Answers with its length.
#[utoipa::path(post, path = "/live/diagnose/commands", tag = "diagnose",
    request_body(content = String, content_type = "application/json"), responses(
    (status = 200, description = "It has arrived.", body = Object),
    (status = 413, description = "Longer than 1 KiB.", body = Problem),
    (status = 429, description = "Too often.", body = Problem),
))]
async fn post(
    State(gateway): State<Gateway>,
    from: ClientAddr,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    gateway.identity.limits.diagnose(from)?;
    if body.len() > BYTES {
        return Err(Code::TooLarge.into());
    }
    // A proxy that takes this header away takes everybody's seat away.
    let authorized = headers.get(header::AUTHORIZATION) == Some(&HeaderValue::from_static("Bearer diagnose"));
    Ok(Json(json!({ "bytes": body.len(), "authorized": authorized })).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_remembered_for_a_minute_and_not_too_many() {
        let (tests, start) = (Tests::default(), Instant::now());
        let probe = Uuid::from_u128;
        let arrived = Attempt { arrived: true, upgrade: false };
        assert_eq!(tests.recall(probe(1)), Attempt::default());
        tests.remember(probe(1), arrived, start);
        assert_eq!(tests.recall(probe(1)), arrived);
        tests.remember(probe(2), arrived, start + FOR * 2);
        assert_eq!(tests.recall(probe(1)), Attempt::default());
        for n in 0..REMEMBERED as u128 + 10 {
            tests.remember(probe(n), arrived, start + FOR * 2);
        }
        assert_eq!(tests.seen.lock().len(), REMEMBERED);
    }
}
