//! One attached socket: reads commands, writes what its line and its ring have for it, in one flush.
use std::{
    future::poll_fn,
    task::Poll,
    time::{Duration, Instant},
};

use futures_util::{FutureExt, future::BoxFuture};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Gateway,
    budget::{Budget, Spending},
    hello::{Farewell, Hello},
    viewing::{Gathered, Viewing},
};
use crate::{
    kernel::Code,
    live::{
        fanout::Frame,
        protocol::{ServerMessage, close},
        room::encode,
    },
    socket::{Fault, Incoming, Socket, WriteError},
};

/// What is kept room for between two flushes.
const FEW: usize = 4;

/// The envelope of what clients send after hello; the command stays unread until the envelope is known to be good.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(rename = "ref")]
    reference: Option<u64>,
    after: Option<u64>,
    #[serde(borrow)]
    command: Option<&'a RawValue>,
}

/// What a connection waits for.
enum Happened {
    /// There is something to write.
    Woken,
    /// The peer wrote something, or is gone.
    Message(Option<Result<Incoming, Fault>>),
    /// Time to ask whether the peer is there.
    PingDue,
}

/// A connection that has said hello.
pub struct Connection {
    socket: Socket,
    viewing: Viewing,
    budget: Budget,
    out: Vec<Frame>,
    heard: Instant,
}

/// Attaches to the room. None: it was refused, and the peer has been told.
pub async fn open(socket: Socket, gateway: Gateway, hello: Hello) -> Option<Box<Connection>> {
    let limits = gateway.limits;
    // Boxed: needed for a moment only.
    match Box::pin(Viewing::begin(gateway, hello)).await {
        Ok(viewing) => {
            let now = Instant::now();
            let budget = Budget::new(limits.commands_per_second, limits.commands_burst, now);
            Some(Box::new(Connection { socket, viewing, budget, out: Vec::new(), heard: now }))
        }
        Err(farewell) => {
            Box::pin(part(socket, farewell)).await;
            None
        }
    }
}

/// Says goodbye and waits a moment for the other side to say it too.
pub async fn part(socket: Socket, farewell: Farewell) {
    let reason = farewell.reason.and_then(|code| serde_json::to_value(code).ok());
    socket.close(farewell.code, reason.as_ref().and_then(|word| word.as_str()).unwrap_or_default()).await;
}

/// What an open connection holds.
#[cfg(test)]
pub const SIZE: usize = size_of::<Connection>();

impl Connection {
    /// Serves the socket until one side ends it.
    pub fn serve(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        async move {
            let farewell = self.run().await;
            Box::pin(self.end(farewell)).await;
        }
        .boxed()
    }

    async fn end(self: Box<Self>, farewell: Option<Farewell>) {
        let Self { socket, viewing, .. } = *self;
        viewing.end().await;
        if let Some(farewell) = farewell {
            part(socket, farewell).await;
        }
    }

    /// Runs until the end. None: the peer is gone, there is nobody to say goodbye to.
    async fn run(&mut self) -> Option<Farewell> {
        let mut heartbeat = self.viewing.heartbeat();
        // One timer for the life of the connection: making one per wake-up would cost more than the wake-up.
        let mut next_ping = std::pin::pin!(tokio::time::sleep(heartbeat));
        loop {
            let happened = poll_fn(|cx| {
                if self.viewing.poll_woken(cx).is_ready() {
                    return Poll::Ready(Happened::Woken);
                }
                // Who is about to leave gives no more commands here; what was sent goes out again elsewhere.
                if !self.viewing.is_parting()
                    && let Poll::Ready(message) = self.socket.poll_next(cx)
                {
                    return Poll::Ready(Happened::Message(message));
                }
                next_ping.as_mut().poll(cx).map(|()| Happened::PingDue)
            })
            .await;
            let step = match happened {
                Happened::Woken => self.deliver().await,
                Happened::Message(message) => self.receive(message).await,
                Happened::PingDue => {
                    next_ping.as_mut().reset(tokio::time::Instant::now() + heartbeat);
                    self.ping(heartbeat).await
                }
            };
            if let Err(end) = step {
                return end;
            }
            if self.viewing.heartbeat() != heartbeat {
                heartbeat = self.viewing.heartbeat();
                self.heard = Instant::now();
                next_ping.as_mut().reset(tokio::time::Instant::now() + heartbeat);
            }
        }
    }

    async fn ping(&mut self, heartbeat: Duration) -> Result<(), Option<Farewell>> {
        if self.heard.elapsed() > heartbeat * 2 {
            return Err(Some(Farewell::bare(close::TOO_SLOW)));
        }
        self.viewing.revive().await.map_err(Some)?;
        self.out.push(encode(&ServerMessage::Ping));
        self.flush().await
    }

    /// Writes everything that waits, in as few writes as possible.
    async fn deliver(&mut self) -> Result<(), Option<Farewell>> {
        loop {
            let gathered = self.viewing.gather(&mut self.out).await.map_err(Some)?;
            self.flush().await?;
            match gathered {
                Gathered::More => {}
                Gathered::All => return Ok(()),
                Gathered::Last(code) => return Err(Some(Farewell::bare(code))),
            }
        }
    }

    async fn flush(&mut self) -> Result<(), Option<Farewell>> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.viewing.gateway().sent.increment(self.out.len() as u64);
        let written = self.socket.write(&self.out).await;
        if self.out.capacity() > FEW {
            self.out = Vec::new();
        } else {
            self.out.clear();
        }
        written.map_err(|error| match error {
            WriteError::Stuck => Some(Farewell::bare(close::TOO_SLOW)),
            WriteError::Gone(error) => {
                tracing::debug!(%error, "a frame could not be written");
                None
            }
        })
    }

    async fn receive(&mut self, message: Option<Result<Incoming, Fault>>) -> Result<(), Option<Farewell>> {
        let protocol_error = || Err(Some(Farewell::new(close::PROTOCOL, Code::ProtocolError)));
        self.heard = Instant::now();
        match message {
            Some(Ok(Incoming::Text(text))) => match serde_json::from_str::<Envelope<'_>>(&text) {
                Ok(Envelope { kind: "do", reference: Some(reference), after, command: Some(command) }) => {
                    self.command(reference, after, command).await
                }
                Ok(Envelope { kind: "pong", .. }) => Ok(()),
                _ => protocol_error(),
            },
            Some(Ok(Incoming::Ping(payload))) => {
                self.out.push(Frame::pong(&payload));
                self.flush().await
            }
            Some(Ok(Incoming::Pong)) => Ok(()),
            Some(Ok(Incoming::Close(code))) => {
                self.socket.answer_close(code);
                Err(None)
            }
            Some(Err(Fault::TooLarge)) => Err(Some(Farewell::new(close::PROTOCOL, Code::TooLarge))),
            Some(Ok(Incoming::Binary(_)) | Err(Fault::Protocol(_))) => protocol_error(),
            Some(Err(Fault::Broken(_))) | None => Err(None),
        }
    }

    async fn command(&mut self, reference: u64, after: Option<u64>, raw: &RawValue) -> Result<(), Option<Farewell>> {
        let answer = match self.budget.spend(Instant::now()) {
            Spending::Abuse => return Err(Some(Farewell::new(close::RATE_LIMITED, Code::RateLimited))),
            Spending::Wait(after_ms) => ServerMessage::Retry { reference, code: Code::RateLimited, after_ms },
            Spending::Fine => match self.viewing.command(reference, after, raw).await.map_err(Some)? {
                Some(answer) => answer,
                None => return Ok(()),
            },
        };
        self.out.push(encode(&answer));
        self.flush().await
    }
}
