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
use tokio::sync::watch;

use super::handshake::Upgrade;
use crate::{
    collab::{
        Admission, Asker, Collab, Name, Roles, Scope, Shut, Watched,
        room::{Key, Words},
    },
    http::Problem,
    identity::{ClientAddr, Identity, Opens, Presented, Visitor, may_act, permissions},
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
/// Questions for all that a document says, per second and at once: each is answered with a whole document, and who comes
/// back asks for all documents that they have open.
const STEP1: (u32, u32) = (5, 100);

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
    /// How many changes of rights that knows of.
    rights: u64,
    name: Name,
    /// What to ask with again.
    pass: Pass,
    /// Who that is, with their roles.
    asker: Asker,
    /// What changes of roles that knows of.
    watched: Watched,
    checked: Instant,
}

impl Entered {
    /// Looks at the right again when it is time. Whoever is refused, or may do something else now, begins anew.
    async fn recheck(&mut self, documents: &Documents) -> Result<(), End> {
        self.recheck_roles(documents).await?;
        if self.checked.elapsed() < documents.recheck {
            return Ok(());
        }
        self.look_again(documents).await
    }

    /// Somebody's membership, role or token has changed: mostly somebody else's, which one question tells.
    async fn recheck_roles(&mut self, documents: &Documents) -> Result<(), End> {
        if !self.watched.has_moved() {
            return Ok(());
        }
        let watched = documents.collab.roles().watch(self.key.organization);
        if matches!(self.pass.asker(&documents.identity).await, Ok((_, asker)) if asker == self.asker) {
            self.watched = watched;
            return Ok(());
        }
        self.look_again(documents).await
    }

    async fn look_again(&mut self, documents: &Documents) -> Result<(), End> {
        match self.pass.clone().enter(documents, self.name).await {
            Ok(now) if (now.key, now.user, now.scope) == (self.key, self.user, self.scope) => {
                *self = now;
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
    let name: Name = name.parse().map_err(|_| Shut::NotFound)?;
    let pass = Pass::of(&documents.identity, token).await.inspect_err(|shut| {
        if *shut == Shut::NotFound {
            documents.identity.limits.refused_token(from);
        }
    })?;
    pass.enter(documents, name).await
}

/// With what somebody came, and what they are asked about again.
#[derive(Clone)]
enum Pass {
    /// A token, which may be taken back, and where it is good.
    Token(String, Id<caller::Organization>),
    /// A ticket, which is used up: whose it was, and what it opened.
    Ticket(Visitor),
}

impl Pass {
    /// A token stays what it is; a ticket is used up by this.
    async fn of(identity: &Identity, token: &str) -> Result<Self, Shut> {
        if let Some(presented) = find(identity, token).await? {
            return Ok(Self::Token(token.to_owned(), presented.organization));
        }
        identity.tokens.use_ticket(&identity.db, token).await.map(Self::Ticket).map_err(|problem| shut(problem.code))
    }

    /// What may they do with this document now?
    async fn enter(self, documents: &Documents, name: Name) -> Result<Entered, Shut> {
        let (Self::Token(_, organization) | Self::Ticket(Visitor { organization, .. })) = self;
        // Before the roles: what changes in between is looked at once too often, never once too seldom.
        let watched = documents.collab.roles().watch(organization);
        let (organization, asker) = self.asker(&documents.identity).await?;
        let Admission { key, scope, rights } = documents.collab.admit(organization, &asker, name).await?;
        let user = asker.user;
        Ok(Entered { key, user, scope, rights, name, pass: self, asker, watched, checked: Instant::now() })
    }

    /// In which organization, and who, with the roles of this moment.
    async fn asker(&self, identity: &Identity) -> Result<(Id<caller::Organization>, Asker), Shut> {
        match self {
            Self::Token(token, _) => {
                let presented = find(identity, token).await?.ok_or(Shut::NotFound)?;
                Ok((presented.organization, Asker::of(&presented).ok_or(Shut::NotFound)?))
            }
            Self::Ticket(visitor) => {
                let Visitor { user, organization, opens } = visitor;
                let mut tx = identity.db.tenant_as(*organization, None).await?;
                if !may_act(&mut tx, *user).await? {
                    return Err(Shut::NotFound);
                }
                let asker = match opens {
                    Opens::Session(scope) => {
                        let only_session = Some(scope.live_session());
                        Asker { user: *user, permissions: Vec::new(), only_session, only_document: None }
                    }
                    Opens::Document(name) => {
                        let only_document = Some(name.parse().map_err(|_| Shut::NotFound)?);
                        let permissions = permissions(&mut tx, *user).await?;
                        Asker { user: *user, permissions, only_session: None, only_document }
                    }
                };
                Ok((*organization, asker))
            }
        }
    }
}

/// Who presents this token, if it is one that lasts.
async fn find(identity: &Identity, token: &str) -> Result<Option<Presented>, Shut> {
    let mut connection = identity.db.bare().await.map_err(Shut::from)?;
    identity.tokens.find(&mut connection, token).await.map_err(|problem| shut(problem.code))
}

fn shut(code: Code) -> Shut {
    match code {
        Code::Unavailable | Code::Internal => Shut::Unavailable,
        _ => Shut::NotFound,
    }
}

/// What a document socket waits for.
enum Happened {
    /// Frames to write, and perhaps the end.
    Out(Option<(u16, &'static str)>),
    /// The client said something, or is gone.
    Message(Option<Result<Incoming, Fault>>),
    /// Time to say something, so that the client knows that the line is alive.
    Quiet,
    /// Roles have changed, perhaps of whoever is in.
    Moved,
}

/// A socket with what waits for it.
struct Line {
    socket: Socket,
    outbox: Arc<Outbox>,
    out: Vec<Frame>,
    pace: Pace,
    step1: Pace,
    /// Nothing is read before.
    paused: Option<Instant>,
    /// Wakes when roles have changed.
    moved: watch::Receiver<()>,
}

/// Why a socket ends.
type End = Option<(u16, &'static str)>;

impl Line {
    fn new(socket: Socket, limits: &Limits, roles: &Roles) -> Self {
        let outbox = Outbox::new(MOST_WAITING.0, MOST_WAITING.1, RESET);
        let now = Instant::now();
        let pace = Pace::new(limits.updates_per_second, limits.updates_burst, now);
        let step1 = Pace::new(STEP1.0, STEP1.1, now);
        Self { socket, outbox, out: Vec::new(), pace, step1, paused: None, moved: roles.wakes() }
    }

    /// Something was said to a document.
    fn heard(&mut self, words: &Words) {
        let now = Instant::now();
        match words {
            // Where people look has a pace of its own, in the document.
            Words::Awareness(_) => {}
            Words::Step1(_) => {
                let pause = self.step1.spend(now);
                self.pause(now, pause);
            }
            _ => self.worked(),
        }
    }

    /// Something was said that makes work.
    fn worked(&mut self) {
        let now = Instant::now();
        let pause = self.pace.spend(now);
        self.pause(now, pause);
    }

    /// When it comes too fast, what follows waits at the sender: nothing is dropped.
    fn pause(&mut self, now: Instant, pause: Duration) {
        if !pause.is_zero() {
            metrics::counter!("atelier_collab_paused_reads_total").increment(1);
            self.paused = self.paused.max(Some(now + pause));
        }
    }

    /// The next message of the client, while everything that waits is written; none when nothing was said for a while, or
    /// when it is time to look at the rights again.
    /// `Err`: the socket ends, with a code if there is still somebody to tell.
    async fn next(&mut self, quiet: &Frame) -> Result<Option<Vec<u8>>, End> {
        let mut timer = std::pin::pin!(tokio::time::sleep(KEEP_ALIVE));
        let mut wakes = self.moved.clone();
        let mut moved = std::pin::pin!(wakes.changed());
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
                if let Poll::Ready(Ok(())) = moved.as_mut().poll(cx) {
                    return Poll::Ready(Happened::Moved);
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
                Happened::Moved => {
                    self.moved.mark_unchanged();
                    return Ok(None);
                }
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
