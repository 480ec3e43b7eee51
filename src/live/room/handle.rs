//! How the rest of the house talks to a room.
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::{
    super::{
        core::{ParticipantId, Session, SessionDocuments},
        fanout::{Cursor, Frame, Line, Ring},
        presence::Board,
    },
    writer::Ask,
};
use crate::kernel::{Code, Id, Moment, Refusal, caller};

/// Who attaches.
#[derive(Debug, Clone, Copy)]
pub enum Viewer {
    /// A person; joins if not there (any more).
    Person {
        /// Who, by the token.
        user: Id<caller::User>,
        /// A fresh id, should this be the first time.
        fresh: ParticipantId,
    },
    /// A read-only link: the big screen.
    Screen,
}

/// What an attached connection holds.
#[derive(Debug)]
pub struct Attached {
    /// The room's number for it; for [`Handle::detach`].
    pub connection: u64,
    /// Who it acts as.
    pub participant: Option<ParticipantId>,
    /// Where to read on.
    pub ring: Arc<Ring>,
    /// From where.
    pub cursor: Cursor,
    /// Time between pings.
    pub heartbeat: Duration,
    /// To be sent first: welcome, and a snapshot or the missing events.
    pub frames: Vec<Frame>,
}

/// Why something was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// Final.
    Refused(Refusal),
    /// Not done; try again after so many milliseconds.
    Retry {
        /// Why.
        code: Code,
        /// How long to wait.
        after_ms: u32,
    },
}

/// What became of a command given over [`Handle::ask`].
pub type Answer = Result<(u64, Moment), Rejection>;

/// Where an answer goes.
pub(super) enum Reply {
    Line(Arc<Line>, u64),
    Caller(oneshot::Sender<Answer>),
    Attach(Box<AttachRequest>),
    Nobody,
}

/// A connection that wants in.
pub(super) struct AttachRequest {
    pub viewer: Viewer,
    pub after: Option<u64>,
    pub line: Arc<Line>,
    pub reply: oneshot::Sender<Result<Attached, Rejection>>,
}

/// Looks at the committed state and its number.
type Look = Box<dyn FnOnce(u64, &Session) + Send>;

/// What a room is told.
pub(super) enum Message {
    Ask(Ask, Reply),
    Attach(Box<AttachRequest>),
    Detach(u64),
    Look(Look),
    CatchUp(u64),
    Documents,
    Drain(Duration),
}

/// A way to talk to a room. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    inbox: mpsc::Sender<Message>,
    seq: Arc<AtomicU64>,
    said: Said,
    board: Arc<Board>,
}

/// What a room has said about its documents; none: it says no more.
pub(super) type Said = Arc<Mutex<Option<SessionDocuments>>>;

/// The room has ended; open it anew.
#[derive(Debug, Clone, Copy)]
pub struct Closed;

impl Handle {
    pub(super) fn new(inbox: mpsc::Sender<Message>, seq: Arc<AtomicU64>, said: Said, board: Arc<Board>) -> Self {
        Self { inbox, seq, said, board }
    }
    /// Who is connected here and elsewhere.
    pub fn board(&self) -> &Board {
        &self.board
    }
    /// The last number this room has shown.
    pub fn seq(&self) -> u64 {
        self.seq.load(Ordering::Acquire)
    }
    /// Has the room ended?
    pub fn is_closed(&self) -> bool {
        self.inbox.is_closed()
    }
    /// Hands a connection's command over; the answer goes to its line. `false`: the inbox is full or the room gone.
    pub fn command(&self, line: &Arc<Line>, reference: u64, ask: Ask) -> bool {
        line.expect_answer();
        let sent = self.inbox.try_send(Message::Ask(ask, Reply::Line(line.clone(), reference))).is_ok();
        if !sent {
            line.expect_none();
        }
        sent
    }
    /// Asks and waits for the answer.
    pub async fn ask(&self, ask: Ask) -> Result<Answer, Closed> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(Message::Ask(ask, Reply::Caller(reply))).await.map_err(|_| Closed)?;
        answer.await.map_err(|_| Closed)
    }
    /// Attaches a connection.
    pub async fn attach(
        &self,
        viewer: Viewer,
        after: Option<u64>,
        line: Arc<Line>,
    ) -> Result<Result<Attached, Rejection>, Closed> {
        let (reply, answer) = oneshot::channel();
        let request = Box::new(AttachRequest { viewer, after, line, reply });
        self.inbox.send(Message::Attach(request)).await.map_err(|_| Closed)?;
        answer.await.map_err(|_| Closed)
    }
    /// Takes a connection out.
    pub async fn detach(&self, connection: u64) {
        // A room that is gone has no connections left.
        let _ = self.inbox.send(Message::Detach(connection)).await;
    }
    /// Looks at the committed state and its number.
    pub async fn look<R, F>(&self, look: F) -> Result<R, Closed>
    where
        R: Send + 'static,
        F: FnOnce(u64, &Session) -> R + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let look = Box::new(move |seq, state: &Session| {
            // Nobody waits any more: nothing to tell.
            let _ = reply.send(look(seq, state));
        });
        self.inbox.send(Message::Look(look)).await.map_err(|_| Closed)?;
        answer.await.map_err(|_| Closed)
    }
    /// The log goes on to this number.
    pub fn catch_up(&self, head: u64) {
        // When the inbox is full, the next head check comes in a second.
        let _ = self.inbox.try_send(Message::CatchUp(head));
    }
    /// The tables say this about the session's documents: the room looks for itself if it has not said so.
    pub fn compare_documents(&self, found: &SessionDocuments) {
        if self.said.lock().as_ref().is_some_and(|said| said != found) {
            // When the inbox is full, the next comparison comes in a second.
            let _ = self.inbox.try_send(Message::Documents);
        }
    }
    /// Close all connections with "draining", spread over this time, keep a snapshot, end.
    pub async fn drain(&self, over: Duration) {
        let _ = self.inbox.send(Message::Drain(over)).await;
        self.inbox.closed().await;
    }
}
