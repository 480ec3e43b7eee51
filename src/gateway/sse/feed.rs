//! From a viewing to the body of an answer: without end, or until there is news.
use std::{convert::Infallible, future::poll_fn, pin::pin, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

use super::{
    event,
    linger::{Lingering, Stay, Whose},
};
use crate::{
    gateway::{
        hello::Farewell,
        viewing::{Gathered, Viewing},
    },
    live::{
        fanout::Frame,
        protocol::{ServerMessage, close},
        room::encode,
    },
};

/// A chunk that is not taken for so long means that nobody reads at the other end.
const STUCK: Duration = Duration::from_mins(1);
/// What comes this close after the first news goes with it: each answer costs the client a request.
const GATHER: Duration = Duration::from_millis(200);
/// How long the last words may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// How a wish is fulfilled.
#[derive(Debug)]
pub enum Manner {
    /// Everything, as it comes.
    Stream,
    /// Once.
    Answer {
        /// How long it may be held back.
        wait: Duration,
        /// What the client now besides numbers.
        known: Option<String>,
    },
}

/// Why a body ends.
#[derive(Debug)]
enum End {
    /// Nobody is there any more.
    Gone,
    /// With a close code.
    Farewell(Farewell),
}

impl From<Farewell> for End {
    fn from(farewell: Farewell) -> Self {
        Self::Farewell(farewell)
    }
}

/// One answer on its way.
pub struct Feed {
    viewing: Viewing,
    body: mpsc::Sender<Bytes>,
    out: Vec<Frame>,
}

impl Feed {
    /// Nothing is sent yet.
    pub fn new(viewing: Viewing, body: mpsc::Sender<Bytes>) -> Self {
        Self { viewing, body, out: Vec::new() }
    }

    /// Serves until one side ends it. Whoever was answered and will be back in a moment lingers.
    pub async fn run(mut self, manner: Manner, lingering: &Lingering, whose: Option<Whose>) {
        let ended = match manner {
            Manner::Stream => self.stream().await.map(|never| match never {}),
            Manner::Answer { wait, known } => match self.answer(wait, known.as_deref()).await {
                Ok(text) => return self.finish(text, lingering.announce(whose)).await,
                Err(end) => Err(end),
            },
        };
        self.viewing.end().await;
        if let Err(End::Farewell(farewell)) = ended {
            // Past this the peer is not reading; the connection is dropped.
            let _ = timeout(GOODBYE, self.body.send(event::close(farewell).into())).await;
        }
    }

    /// The last words of an answer.
    async fn finish(self, text: String, stay: Option<Stay>) {
        let sent = self.send(text).await.is_ok();
        let Self { viewing, body, .. } = self;
        drop(body);
        match stay {
            Some(stay) if sent => stay.linger(viewing).await,
            Some(stay) => stay.leave(viewing).await,
            None => viewing.end().await,
        }
    }

    async fn stream(&mut self) -> Result<Infallible, End> {
        self.send(event::prelude()).await?;
        let mut heartbeat = self.viewing.heartbeat();
        let mut next_ping = pin!(sleep(heartbeat));
        loop {
            self.deliver().await?;
            if self.viewing.heartbeat() != heartbeat {
                heartbeat = self.viewing.heartbeat();
                next_ping.as_mut().reset(Instant::now() + heartbeat);
            }
            tokio::select! {
                biased;
                () = self.body.closed() => return Err(End::Gone),
                () = poll_fn(|cx| self.viewing.poll_woken(cx)) => {}
                () = next_ping.as_mut() => {
                    next_ping.as_mut().reset(Instant::now() + heartbeat);
                    self.viewing.revive().await?;
                    self.out.push(encode(&ServerMessage::Ping));
                }
            }
        }
    }

    /// Sends everything that waits.
    async fn deliver(&mut self) -> Result<(), End> {
        loop {
            let gathered = self.viewing.gather(&mut self.out).await?;
            let text = self.take();
            if !text.is_empty() {
                self.send(text).await?;
            }
            match gathered {
                Gathered::More => {}
                Gathered::All => return Ok(()),
                Gathered::Last(code) => return Err(Farewell::bare(code).into()),
            }
        }
    }

    /// All of an answer, once there is one.
    async fn answer(&mut self, wait: Duration, known: Option<&str>) -> Result<String, End> {
        let mut ending = self.gather().await?;
        let mut now = event::known(&self.out, &self.out);
        let news = ending.is_some() || event::is_news(&self.out) || known != Some(&event::word(now));
        if !news && !wait.is_zero() {
            ending = self.wait_for_news(wait).await?;
            if ending.is_none() {
                // All newest values once more: exactly these are known then, whatever comes after.
                self.viewing.look_anew();
                let before = self.out.len();
                ending = self.gather().await?;
                now = event::known(&self.out, &self.out[before..]);
            }
        }
        let mut text = self.take();
        if let Some(code) = ending {
            self.send(text).await?;
            return Err(Farewell::bare(code).into());
        }
        text.push_str(&event::end(now));
        Ok(text)
    }

    /// Waits for the first news, and a moment longer.
    async fn wait_for_news(&mut self, wait: Duration) -> Result<Option<u16>, End> {
        let mut over = pin!(sleep(wait));
        let (before, mut found) = (self.out.len(), false);
        loop {
            tokio::select! {
                biased;
                () = self.body.closed() => return Err(End::Gone),
                () = over.as_mut() => return Ok(None),
                () = poll_fn(|cx| self.viewing.poll_woken(cx)) => {}
            }
            let ending = self.gather().await?;
            if ending.is_some() {
                return Ok(ending);
            }
            if !found && self.out.len() > before {
                found = true;
                let soon = Instant::now() + GATHER;
                over.as_mut().reset(soon);
            }
        }
    }

    /// Everything that is there, without sending it.
    async fn gather(&mut self) -> Result<Option<u16>, Farewell> {
        loop {
            match self.viewing.gather(&mut self.out).await? {
                Gathered::More => {}
                Gathered::All => return Ok(None),
                Gathered::Last(code) => return Ok(Some(code)),
            }
        }
    }

    fn take(&mut self) -> String {
        self.viewing.gateway().sent.increment(self.out.len() as u64);
        let mut text = String::new();
        for frame in std::mem::take(&mut self.out) {
            event::write(&frame, &mut text);
        }
        text
    }

    async fn send(&self, text: String) -> Result<(), End> {
        hand(&self.body, text).await
    }
}

async fn hand(body: &mpsc::Sender<Bytes>, text: String) -> Result<(), End> {
    match timeout(STUCK, body.send(text.into())).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Gone),
        Err(_) => Err(Farewell::bare(close::TOO_SLOW).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_for_a_minute_is_given_up() {
        let (body, mut chunks) = mpsc::channel(1);
        assert!(hand(&body, "one".to_owned()).await.is_ok());
        let start = Instant::now();
        let Err(End::Farewell(farewell)) = hand(&body, "two".to_owned()).await else { panic!("taken") };
        assert_eq!((farewell.code, start.elapsed()), (close::TOO_SLOW, STUCK));
        assert_eq!(chunks.recv().await.unwrap(), "one");
        drop(chunks);
        assert!(matches!(hand(&body, "three".to_owned()).await, Err(End::Gone)));
    }
}
