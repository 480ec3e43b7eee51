//! Sockets of shared documents, in the two protocols that editors speak: HocuspocusProvider and y-websocket.
//!
//! As with live sessions there is no check of `Origin`: who asks is known by a token in the protocol's own words, never
//! by a cookie, so a foreign page has nothing to ride on.
mod hocuspocus;
mod yjs;

use std::{
    future::poll_fn,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{FromRef, RawQuery, State},
    http::Uri,
    response::Response,
    routing::get,
};

use super::handshake::Upgrade;
use crate::{
    collab::{
        Asker, Collab, Name, Scope, Shut,
        room::{Key, Words},
    },
    http::Problem,
    identity::{ClientAddr, Identity, Opens, Visitor, permissions},
    kernel::{Code, Id, caller},
    runtime::{Limits, Pace, Tasks},
    socket::{Fault, Frame, Incoming, Outbox, Socket},
};

/// Largest message of a client: a Step2 of somebody who was away for long.
const MOST_BYTES: usize = 8 << 20;
/// Frames and bytes that may wait for one socket; one that is slower begins anew.
const MOST_WAITING: (usize, usize) = (4_096, 16 << 20);
/// Providers give up a socket on which nothing was said for 30 s.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// A socket that has not opened a document by then is closed.
const NOBODY_YET: Duration = Duration::from_mins(1);
/// Close code: come back and begin anew.
const RESET: u16 = 4205;

/// What document sockets need.
#[derive(Clone)]
pub struct Documents {
    /// Open documents.
    pub collab: Collab,
    /// Who is who.
    pub identity: Identity,
    /// Shutdown.
    pub tasks: Tasks,
    /// How often the right of whoever is in is looked at again: a token may have been taken back, or a role.
    pub recheck: Duration,
    /// How fast a connection may go.
    pub limits: Limits,
}

impl FromRef<Documents> for Identity {
    fn from_ref(documents: &Documents) -> Self {
        documents.identity.clone()
    }
}

/// The routes.
pub fn router<S: Clone + Send + Sync + 'static>(documents: Documents) -> Router<S> {
    Router::new()
        .route("/collab/hocuspocus", get(open_hocuspocus))
        .route("/collab/yjs/{*document}", get(open_yjs))
        .with_state(documents)
}

async fn open_hocuspocus(State(documents): State<Documents>, from: ClientAddr, upgrade: Upgrade) -> Response {
    let tasks = documents.tasks.clone();
    upgrade.accept(None, MOST_BYTES, &tasks, move |socket| hocuspocus::serve(socket, documents, from))
}

async fn open_yjs(
    State(documents): State<Documents>,
    from: ClientAddr,
    uri: Uri,
    RawQuery(query): RawQuery,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let name = yjs::name(uri.path()).ok_or(Code::NotFound)?;
    let token = yjs::token(query.as_deref().unwrap_or_default()).ok_or(Code::Unauthenticated)?;
    documents.identity.limits.token(from)?;
    let entered = match enter(&documents, from, &token, &name).await {
        Ok(entered) => entered,
        // Terminal for upstream's clients, where closing later would make them try for ever.
        Err(Shut::NotFound) => return Err(Code::NotFound.into()),
        Err(Shut::Unavailable) => return Err(Code::Unavailable.into()),
    };
    let tasks = documents.tasks.clone();
    Ok(upgrade.accept(None, MOST_BYTES, &tasks, move |socket| yjs::serve(socket, documents, entered)))
}

/// Somebody who was let into a document.
struct Entered {
    key: Key,
    user: Id<caller::User>,
    scope: Scope,
    /// From where.
    from: ClientAddr,
    /// What to ask with again: none for a ticket, which is used up.
    again: Option<(String, String)>,
    checked: Instant,
}

impl Entered {
    /// Looks at the right again when it is time. Whoever is refused, or may do something else now, begins anew.
    async fn recheck(&mut self, documents: &Documents) -> Result<(), End> {
        let Some((token, name)) = self.again.as_ref().filter(|_| self.checked.elapsed() >= documents.recheck) else {
            return Ok(());
        };
        match enter(documents, self.from, token, name).await {
            Ok(now) if (now.key, now.user, now.scope) == (self.key, self.user, self.scope) => {
                self.checked = Instant::now();
                Ok(())
            }
            Ok(_) | Err(Shut::NotFound) => Err(Some((RESET, "rights have changed"))),
            // Nobody is sent away because the database does not answer.
            Err(Shut::Unavailable) => Ok(()),
        }
    }
}

/// Who presents this token, and what may they do with this document?
async fn enter(documents: &Documents, from: ClientAddr, token: &str, name: &str) -> Result<Entered, Shut> {
    let parsed: Name = name.parse().map_err(|_| Shut::NotFound)?;
    let (organization, asker, lasts) = asker(&documents.identity, token).await.inspect_err(|shut| {
        if *shut == Shut::NotFound {
            documents.identity.limits.refused_token(from);
        }
    })?;
    let (key, scope) = documents.collab.find(organization, &asker, parsed).await?;
    let again = lasts.then(|| (token.to_owned(), name.to_owned()));
    Ok(Entered { key, user: asker.user, scope, from, again, checked: Instant::now() })
}

/// In which organization, who, and whether the token can be presented again.
async fn asker(identity: &Identity, token: &str) -> Result<(Id<caller::Organization>, Asker, bool), Shut> {
    let unavailable = |problem: Problem| match problem.code {
        Code::Unavailable | Code::Internal => Shut::Unavailable,
        _ => Shut::NotFound,
    };
    let presented = {
        let mut connection = identity.db.bare().await.map_err(Shut::from)?;
        identity.tokens.find(&mut connection, token).await.map_err(unavailable)?
    };
    if let Some(presented) = presented {
        let asker = Asker::of(&presented).ok_or(Shut::NotFound)?;
        return Ok((presented.organization, asker, true));
    }
    // A ticket, used up by this.
    let Visitor { user, organization, opens } =
        identity.tokens.use_ticket(&identity.db, token).await.map_err(unavailable)?;
    let asker = match opens {
        Opens::Session(scope) => {
            let only_session = Some(scope.live_session());
            Asker { user, permissions: Vec::new(), only_session, only_document: None }
        }
        Opens::Document(name) => {
            let only_document = Some(name.parse().map_err(|_| Shut::NotFound)?);
            let mut tx = identity.db.tenant_as(organization, None).await?;
            let permissions = permissions(&mut tx, user).await?;
            Asker { user, permissions, only_session: None, only_document }
        }
    };
    Ok((organization, asker, false))
}

/// What a document socket waits for.
enum Happened {
    /// Frames to write, and perhaps the end.
    Out(Option<(u16, &'static str)>),
    /// The client said something, or is gone.
    Message(Option<Result<Incoming, Fault>>),
    /// Time to say something, so that the client knows that the line is alive.
    Quiet,
}

/// A socket with what waits for it.
struct Line {
    socket: Socket,
    outbox: Arc<Outbox>,
    out: Vec<Frame>,
    pace: Pace,
    /// Nothing is read before.
    paused: Option<Instant>,
}

/// Why a socket ends.
type End = Option<(u16, &'static str)>;

impl Line {
    fn new(socket: Socket, limits: &Limits) -> Self {
        let outbox = Outbox::new(MOST_WAITING.0, MOST_WAITING.1, RESET);
        let pace = Pace::new(limits.updates_per_second, limits.updates_burst, Instant::now());
        Self { socket, outbox, out: Vec::new(), pace, paused: None }
    }

    /// Something was said. When it comes too fast, what follows waits at the sender: nothing is dropped.
    fn heard(&mut self, words: &Words) {
        // Where people look has a pace of its own, in the document.
        if matches!(words, Words::Awareness(_)) {
            return;
        }
        let now = Instant::now();
        let pause = self.pace.spend(now);
        if !pause.is_zero() {
            metrics::counter!("atelier_collab_paused_reads_total").increment(1);
            self.paused = Some(now + pause);
        }
    }

    /// The next message of the client, while everything that waits is written; none when nothing was said for a while.
    /// `Err`: the socket ends, with a code if there is still somebody to tell.
    async fn next(&mut self, quiet: &Frame) -> Result<Option<Vec<u8>>, End> {
        let mut timer = std::pin::pin!(tokio::time::sleep(KEEP_ALIVE));
        let mut pause = std::pin::pin!(tokio::time::sleep_until(self.paused.unwrap_or_else(Instant::now).into()));
        loop {
            let happened = poll_fn(|cx| {
                if let Poll::Ready(end) = self.outbox.poll_take(&mut self.out, cx) {
                    return Poll::Ready(Happened::Out(end));
                }
                if self.paused.is_some() && pause.as_mut().poll(cx).is_ready() {
                    self.paused = None;
                }
                if self.paused.is_none()
                    && let Poll::Ready(message) = self.socket.poll_next(cx)
                {
                    return Poll::Ready(Happened::Message(message));
                }
                timer.as_mut().poll(cx).map(|()| Happened::Quiet)
            })
            .await;
            match happened {
                Happened::Out(end) => {
                    self.flush().await?;
                    if end.is_some() {
                        return Err(end);
                    }
                }
                Happened::Message(Some(Ok(Incoming::Binary(bytes)))) => return Ok(Some(bytes)),
                Happened::Message(Some(Ok(Incoming::Ping(payload)))) => {
                    self.out.push(Frame::pong(&payload));
                    self.flush().await?;
                }
                Happened::Message(Some(Ok(Incoming::Pong))) => {}
                Happened::Message(Some(Ok(Incoming::Text(_)))) => return Err(Some((4401, "binary frames only"))),
                Happened::Message(Some(Ok(Incoming::Close(code)))) => {
                    self.socket.answer_close(code);
                    return Err(None);
                }
                Happened::Message(Some(Err(Fault::TooLarge))) => return Err(Some((1009, "too large"))),
                Happened::Message(Some(Err(Fault::Protocol(_)))) => return Err(Some((1002, "protocol error"))),
                Happened::Message(Some(Err(Fault::Broken(_))) | None) => return Err(None),
                Happened::Quiet => {
                    self.out.push(quiet.clone());
                    self.flush().await?;
                    return Ok(None);
                }
            }
        }
    }

    async fn flush(&mut self) -> Result<(), End> {
        let written = self.socket.write(&self.out).await;
        self.out.clear();
        written.map_err(|error| {
            tracing::debug!(%error, "a frame could not be written");
            None
        })
    }

    async fn end(self, end: End) {
        if let Some((code, reason)) = end {
            self.socket.close(code, reason).await;
        }
    }
}
