//! What `/diagnose` measures a visitor's path with: a socket, a stream and a post that take the same way through
//! proxies as the real ones, and know nothing of any session.
use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    net::IpAddr,
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

/// So many tests that take seconds run at the same time, and so many of one visitor: two pages and
/// a bit, each with a socket, a stream and an answer that waits.
const AT_ONCE: usize = 256;
const OF_ONE: usize = 8;
/// So many attempts are remembered, and so many of one visitor, for so long.
const REMEMBERED: usize = 1_024;
const REMEMBERED_OF_ONE: usize = 32;
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
    /// How many turns each visitor has; whoever has none is not here.
    taken: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    seen: Arc<Mutex<VecDeque<Seen>>>,
}

/// The right to run one test, until it is dropped.
#[derive(Debug)]
struct Turn {
    taken: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    visitor: IpAddr,
    _of_all: OwnedSemaphorePermit,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        if let Some(count) = taken.get_mut(&self.visitor) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.visitor);
            }
        }
    }
}

#[derive(Debug)]
struct Seen {
    at: Instant,
    visitor: IpAddr,
    probe: Uuid,
    attempt: Attempt,
}

impl Default for Tests {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), taken: Arc::default(), seen: Arc::default() }
    }
}

impl Tests {
    fn begin(&self, from: ClientAddr) -> Result<Turn, Problem> {
        let visitor = from.visitor();
        let mut taken = self.taken.lock();
        let count = taken.get(&visitor).copied().unwrap_or(0);
        if count >= OF_ONE {
            return Err(Problem::new(Code::RateLimited).retry_after(5));
        }
        let of_all = self.turns.clone().try_acquire_owned();
        let of_all = of_all.map_err(|_| Problem::new(Code::Unavailable).retry_after(5))?;
        taken.insert(visitor, count + 1);
        Ok(Turn { taken: self.taken.clone(), visitor, _of_all: of_all })
    }

    fn remember(&self, from: ClientAddr, probe: Uuid, attempt: Attempt, now: Instant) {
        let (visitor, mut seen) = (from.visitor(), self.seen.lock());
        // Nobody makes the server forget what it has seen of others.
        let own = || seen.iter().enumerate().filter(|(_, known)| known.visitor == visitor);
        if own().count() >= REMEMBERED_OF_ONE
            && let Some((oldest, _)) = own().next()
        {
            seen.remove(oldest);
        }
        while seen.len() >= REMEMBERED || seen.front().is_some_and(|known| now.duration_since(known.at) > FOR) {
            seen.pop_front();
        }
        seen.push_back(Seen { at: now, visitor, probe, attempt });
    }

    fn recall(&self, probe: Uuid) -> Attempt {
        let seen = self.seen.lock();
        seen.iter().rev().find(|known| known.probe == probe).map(|known| known.attempt).unwrap_or_default()
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
    /// This server refused it, because too many tests were running.
    pub refused: bool,
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
    let allowed = gateway.identity.limits.diagnose(from);
    let turn = allowed.and_then(|()| upgrade.is_ok().then(|| gateway.tests.begin(from)).transpose());
    if let Some(probe) = probe {
        let attempt = Attempt { arrived: true, upgrade: upgrade.is_ok(), refused: turn.is_err() };
        gateway.tests.remember(from, probe, attempt, Instant::now());
    }
    let (turn, upgrade) = (turn?, upgrade?);
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
    let (turn, clock) = (gateway.tests.begin(from)?, gateway.identity.clock.clone());
    let (count, pause, first) = match wait {
        Some(seconds) => (1, Duration::from_secs(seconds.min(LONGEST_WAIT)), String::new()),
        None => (TICKS, TICK, event::prelude()),
    };
    let ticks = stream::unfold(0, move |number| tick(number, count, pause, clock.clone()));
    // A server that is told to end does not wait for it.
    let ticks = stream::StreamExt::take_until(ticks, gateway.tasks.closing().clone().cancelled_owned());
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

    fn from(n: u32) -> ClientAddr {
        ClientAddr(IpAddr::from(n.to_be_bytes()))
    }

    #[test]
    fn attempts_are_remembered_for_a_minute_and_not_too_many() {
        let (tests, start) = (Tests::default(), Instant::now());
        let probe = Uuid::from_u128;
        let arrived = Attempt { arrived: true, ..Attempt::default() };
        assert_eq!(tests.recall(probe(1)), Attempt::default());
        tests.remember(from(1), probe(1), arrived, start);
        assert_eq!(tests.recall(probe(1)), arrived);
        tests.remember(from(1), probe(2), arrived, start + FOR * 2);
        assert_eq!(tests.recall(probe(1)), Attempt::default());
        for n in 0..u32::try_from(REMEMBERED).unwrap() + 10 {
            tests.remember(from(n), probe(u128::from(n) + 3), arrived, start + FOR * 2);
        }
        assert_eq!(tests.seen.lock().len(), REMEMBERED);
    }

    #[test]
    fn nobody_makes_it_forget_what_others_tried() {
        let (tests, start, probe) = (Tests::default(), Instant::now(), Uuid::from_u128);
        let arrived = Attempt { arrived: true, ..Attempt::default() };
        tests.remember(from(1), probe(0), arrived, start);
        for n in 1..=2 * REMEMBERED as u128 {
            tests.remember(from(2), probe(n), arrived, start);
        }
        assert_eq!(tests.recall(probe(0)), arrived);
        assert_eq!(tests.recall(probe(2 * REMEMBERED as u128)), arrived);
        assert_eq!(tests.seen.lock().len(), 1 + REMEMBERED_OF_ONE);
    }

    #[test]
    fn one_visitor_has_some_turns_and_everybody_together_has_more() {
        let tests = Tests::default();
        let mut turns: Vec<Turn> = (0..OF_ONE).map(|_| tests.begin(from(1)).unwrap()).collect();
        assert_eq!(tests.begin(from(1)).unwrap_err().code, Code::RateLimited);
        for n in 0..u32::try_from(AT_ONCE - OF_ONE).unwrap() {
            turns.push(tests.begin(from(2 + n / 4)).unwrap());
        }
        assert_eq!(tests.begin(from(1_000)).unwrap_err().code, Code::Unavailable);
        turns.remove(0);
        turns.push(tests.begin(from(1)).unwrap());
        assert_eq!(tests.begin(from(1)).unwrap_err().code, Code::RateLimited);
        drop(turns);
        assert!(tests.taken.lock().is_empty(), "who tests no more is forgotten");
    }
}
