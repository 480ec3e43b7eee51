//! The node's end of a connection: the gateway's viewing, over a pipe instead of a socket.
use std::{future::poll_fn, time::Duration};

use serde_json::value::to_raw_value;
use tokio::time::{Instant, sleep_until};

use super::pipe::{Gone, In, Out};
use crate::{
    gateway::{Gateway, Gathered, Hello, Viewing},
    live::{
        core::Command,
        fanout::Frame,
        protocol::{ServerMessage, close},
        room::encode,
    },
};

/// A write that takes longer means that nobody reads at the other end.
const STUCK: Duration = Duration::from_mins(1);

/// What a client sends.
#[derive(Debug, Clone)]
pub enum Up {
    /// A command: its reference, up to where its sender knows the session, and what.
    Do(u64, Option<u64>, Command),
    /// I am here.
    Pong,
}

/// What a node sends.
#[derive(Debug, Clone)]
pub enum Down {
    /// A message.
    Frame(Frame),
    /// The end, with its code.
    Close(u16),
}

/// Why it ends: a close code, or nobody to tell it to.
type End = Option<u16>;

/// How long each message takes.
pub type Takes = Box<dyn FnMut() -> Duration + Send>;

/// A connection that is served.
struct Seat {
    viewing: Viewing,
    wire: Wire,
    heard: Instant,
}

/// The node's ends of the two pipes.
pub struct Wire {
    /// To the client.
    pub out: Out<Down>,
    /// From the client.
    pub inward: In<Up>,
    /// How long each message takes.
    pub takes: Takes,
}

impl Wire {
    async fn write(&mut self, frames: &mut Vec<Frame>) -> Result<(), End> {
        for frame in frames.drain(..) {
            let takes = (self.takes)();
            match tokio::time::timeout(STUCK, self.out.send(Down::Frame(frame), takes)).await {
                Ok(Ok(())) => {}
                Ok(Err(Gone)) => return Err(None),
                Err(_) => return Err(Some(close::TOO_SLOW)),
            }
        }
        Ok(())
    }
    async fn close(mut self, code: u16) {
        let takes = (self.takes)();
        // Past this nobody reads.
        let _ = tokio::time::timeout(Duration::from_secs(2), self.out.send(Down::Close(code), takes)).await;
    }
}

/// Serves a connection until one side ends it.
pub async fn serve(gateway: Gateway, hello: Hello, wire: Wire) {
    match Viewing::begin(gateway, hello).await {
        Ok(viewing) => {
            let mut seat = Seat { viewing, wire, heard: Instant::now() };
            let end = seat.run().await;
            seat.viewing.end().await;
            if let Some(code) = end {
                seat.wire.close(code).await;
            }
        }
        Err(farewell) => wire.close(farewell.code).await,
    }
}

impl Seat {
    async fn run(&mut self) -> End {
        let mut heartbeat = self.viewing.heartbeat();
        let mut next_ping = Instant::now() + heartbeat;
        loop {
            let listens = !self.viewing.is_parting();
            let viewing = &self.viewing;
            let step = tokio::select! {
                biased;
                () = poll_fn(|cx| viewing.poll_woken(cx)) => self.deliver().await,
                message = self.wire.inward.next(), if listens => self.receive(message).await,
                () = sleep_until(next_ping) => {
                    next_ping = Instant::now() + heartbeat;
                    self.ping(heartbeat).await
                }
            };
            if let Err(end) = step {
                return end;
            }
            if self.viewing.heartbeat() != heartbeat {
                heartbeat = self.viewing.heartbeat();
                self.heard = Instant::now();
                next_ping = Instant::now() + heartbeat;
            }
        }
    }

    async fn ping(&mut self, heartbeat: Duration) -> Result<(), End> {
        if self.heard.elapsed() > heartbeat * 2 {
            return Err(Some(close::TOO_SLOW));
        }
        self.viewing.revive().await.map_err(|farewell| Some(farewell.code))?;
        self.wire.write(&mut vec![encode(&ServerMessage::Ping)]).await
    }

    async fn deliver(&mut self) -> Result<(), End> {
        loop {
            let mut out = Vec::new();
            let gathered = self.viewing.gather(&mut out).await.map_err(|farewell| Some(farewell.code))?;
            self.wire.write(&mut out).await?;
            match gathered {
                Gathered::More => {}
                Gathered::All => return Ok(()),
                Gathered::Last(code) => return Err(Some(code)),
            }
        }
    }

    async fn receive(&mut self, message: Option<Up>) -> Result<(), End> {
        self.heard = Instant::now();
        let (reference, known, command) = match message {
            None => return Err(None),
            Some(Up::Pong) => return Ok(()),
            Some(Up::Do(reference, known, command)) => (reference, known, command),
        };
        // A command is made of what JSON can say.
        let Ok(raw) = to_raw_value(&command) else { return Err(Some(close::PROTOCOL)) };
        match self.viewing.command(reference, known, &raw).await.map_err(|farewell| Some(farewell.code))? {
            Some(answer) => self.wire.write(&mut vec![encode(&answer)]).await,
            None => Ok(()),
        }
    }
}
