//! One viewer in one room, whatever wire carries the frames: attaches, reads on, attaches anew, gives commands.
use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use serde_json::value::RawValue;

use super::{
    Gateway,
    hello::{Farewell, Hello},
};
use crate::{
    kernel::Code,
    live::{
        core::{Actor, Command, ParticipantId},
        fanout::{FellOff, Frame, Line},
        protocol::{ServerMessage, close},
        room::{Attached, Handle, Rejection, acts::Knowledge, writer::Ask},
    },
};

/// Ring frames taken at once.
const AT_ONCE: usize = 64;

/// What [`Viewing::gather`] has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gathered {
    /// All there is.
    All,
    /// A part; there is more.
    More,
    /// The last: the connection ends with this close code.
    Last(u16),
}

/// A viewer who has been let in.
pub struct Viewing {
    gateway: Gateway,
    hello: Hello,
    handle: Handle,
    line: Arc<Line>,
    attached: Attached,
}

impl Viewing {
    /// Attaches to the room; the first frames are taken by [`Self::gather`].
    ///
    /// No deadline here: reading a room and committing a join have theirs, and whoever was admitted must be taken out.
    pub async fn begin(gateway: Gateway, mut hello: Hello) -> Result<Self, Farewell> {
        let line = Line::new();
        let after = hello.after.take();
        let (handle, attached) = attach(&gateway, &hello, after, &line).await?;
        line.wake();
        Ok(Self { gateway, hello, handle, line, attached })
    }

    /// Time between pings; another one after the viewer's role has changed.
    pub fn heartbeat(&self) -> Duration {
        self.attached.heartbeat
    }

    /// Bounds and counters.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Waits until there may be something to gather.
    pub fn poll_woken(&self, cx: &Context<'_>) -> Poll<()> {
        self.line.poll_woken(cx)
    }

    /// Puts what is there for this viewer into `out`: in order, without a gap, and a snapshot where it has fallen behind.
    pub async fn gather(&mut self, out: &mut Vec<Frame>) -> Result<Gathered, Farewell> {
        out.append(&mut self.attached.frames);
        if self.line.take_stale() {
            self.attach_anew().await?;
            out.append(&mut self.attached.frames);
        }
        let ending = self.line.drain(out);
        let line = &self.line;
        let voted = |poll, round| line.has_voted(poll, round);
        let taken = self.attached.ring.take(&mut self.attached.cursor, AT_ONCE, voted, out);
        match (ending, taken) {
            (Some(code), _) => Ok(Gathered::Last(code)),
            (None, Ok(true)) => Ok(Gathered::More),
            (None, Ok(false)) => Ok(Gathered::All),
            (None, Err(FellOff)) => {
                metrics::counter!("atelier_gateway_fell_behind_total").increment(1);
                self.attach_anew().await?;
                Ok(Gathered::More)
            }
        }
    }

    /// From now on all newest values are new again.
    pub fn look_anew(&mut self) {
        self.attached.cursor.stamp = 0;
    }

    /// Has the room ended this connection? For viewers who do not read any more.
    pub fn is_over(&self) -> bool {
        self.line.drain(&mut Vec::new()).is_some()
    }

    /// Was it told to leave as soon as its commands are answered?
    pub fn is_parting(&self) -> bool {
        self.line.is_parting()
    }

    /// A room that ended because it was idle is opened again.
    pub async fn revive(&mut self) -> Result<(), Farewell> {
        if self.handle.is_closed() {
            self.attach_anew().await?;
            self.line.wake();
        }
        Ok(())
    }

    /// Another audience, or too far behind: a fresh snapshot on the same connection.
    async fn attach_anew(&mut self) -> Result<(), Farewell> {
        self.handle.detach(self.attached.connection).await;
        let (handle, attached) = attach(&self.gateway, &self.hello, None, &self.line).await?;
        self.handle = handle;
        self.attached = attached;
        Ok(())
    }

    /// Gives a command whose sender knows the session up to a number. None: the answer comes over the line.
    pub async fn command(
        &mut self,
        reference: u64,
        after: Option<u64>,
        raw: &RawValue,
    ) -> Result<Option<ServerMessage>, Farewell> {
        let knows = after.map(|seq| Knowledge { seq, connection: Some(self.attached.connection) });
        let ask = match understand(reference, raw, self.attached.participant, knows) {
            Ok(understood) => understood,
            Err(answer) => return Ok(Some(*answer)),
        };
        if self.handle.command(&self.line, reference, ask) {
            return Ok(None);
        }
        self.revive().await?;
        Ok(Some(ServerMessage::Retry { reference, code: Code::Unavailable, after_ms: 500 }))
    }

    /// Leaves the room.
    pub async fn end(self) {
        self.handle.detach(self.attached.connection).await;
    }
}

/// What is asked and by whom, or the answer to what is no command.
pub fn understand(
    reference: u64,
    raw: &RawValue,
    actor: Option<ParticipantId>,
    knows: Option<Knowledge>,
) -> Result<Ask, Box<ServerMessage>> {
    let command = serde_json::from_str::<Command>(raw.get()).map_err(|error| {
        let (code, message) = (Code::Malformed, error.to_string());
        Box::new(ServerMessage::Refused { reference, code, message })
    })?;
    let actor = actor.ok_or_else(|| {
        let (code, message) = (Code::Forbidden, Code::Forbidden.message().to_owned());
        Box::new(ServerMessage::Refused { reference, code, message })
    })?;
    Ok(match knows {
        Some(knows) => Ask::Knowing(actor, command, knows),
        None => Ask::Command(Actor::Participant(actor), command),
    })
}

/// How a room's "no" is said by a connection that ends.
pub fn farewell(rejection: Rejection) -> Farewell {
    match rejection {
        Rejection::Refused(refusal) => Farewell::refused(refusal),
        Rejection::Retry { .. } => Farewell::new(close::OVERLOADED, Code::Unavailable),
    }
}

/// Boxed: it is large and rare, and would otherwise weigh on every connection for as long as it lives.
fn attach<'a>(
    gateway: &'a Gateway,
    hello: &'a Hello,
    after: Option<u64>,
    line: &'a Arc<Line>,
) -> BoxFuture<'a, Result<(Handle, Attached), Farewell>> {
    async move {
        let no = |rejection| match rejection {
            Rejection::Retry { .. } if gateway.tasks.closing().is_cancelled() => Farewell::bare(close::DRAINING),
            rejection => farewell(rejection),
        };
        loop {
            let handle = gateway.live.room(hello.key).await.map_err(no)?;
            // A room that ended in between is opened again.
            if let Ok(answer) = handle.attach(hello.viewer, after, line.clone()).await {
                return answer.map(|attached| (handle, attached)).map_err(no);
            }
        }
    }
    .boxed()
}
