//! One protocol client in one task: follows, answers pings, comes back after a loss, sends again what was not answered.
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
    time::{Sleep, sleep, sleep_until},
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

use crate::{
    connect::Target,
    oracle::{Mark, Witness},
    report::to_f64,
    stats::{Return, Stats},
    wire::{self, Incoming},
};

/// A connection on which an answer takes longer is given up, and the command goes out again on the next one.
const ANSWER: Duration = Duration::from_secs(20);
/// Without a connection for so long, a client gives up.
const PATIENCE: Duration = Duration::from_mins(1);
/// As the SDK: after 4200 to 4299 a random part of this, otherwise of a time that doubles from the base to the most.
const AT_ONCE: Duration = Duration::from_millis(250);
const BACKOFF_BASE: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(15);

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Durable, with this number.
    Acked(u64),
    /// Final no, with this code.
    Refused(String),
}

/// One command to be sent.
#[derive(Debug)]
pub struct Do {
    /// The command.
    pub command: Value,
    /// When it should have gone out; latency counts from here.
    pub due: Instant,
    /// Who wants to know.
    pub answer: Option<oneshot::Sender<Outcome>>,
}

/// What a client is told to do.
#[derive(Debug)]
pub enum Order {
    /// Send these in one write.
    Do(Vec<Do>),
    /// Send these (or nothing), drop the line without a word before an answer can come, and come back.
    DoAndDrop(Vec<Do>),
    /// Enough.
    Stop,
}

/// Where the token for `hello` comes from.
#[derive(Debug)]
pub enum Pass {
    /// A seat's token, good for ever.
    Seat(String),
    /// A ticket, fetched anew for each connection.
    Host(Box<crate::api::Api>, String),
}

/// A client at its end.
#[derive(Debug)]
pub struct Ended {
    /// What it saw.
    pub witness: Witness,
    /// Commands without an answer.
    pub unanswered: u64,
}

struct Pending {
    command: Value,
    due: Instant,
    sent: Instant,
    retry_at: Option<Instant>,
    answer: Option<oneshot::Sender<Outcome>>,
}

/// One participant.
pub struct Client {
    target: Arc<Target>,
    stats: Arc<Stats>,
    pass: Pass,
    witness: Witness,
    outbox: BTreeMap<u64, Pending>,
    next: u64,
    heartbeat: Duration,
    seated: bool,
    due: Instant,
    /// Which node it is at; another one after each loss.
    node: usize,
    /// Since when there is no connection, and when this one was asked for.
    lost: Option<Instant>,
    tried: Instant,
    /// Attempts since the last welcome.
    attempt: u32,
    /// The number held, for whoever waits for all clients to get there.
    pub seq: Arc<AtomicU64>,
}

enum End {
    Stop,
    Lost,
    /// Come back at once.
    Elsewhere,
    Never,
}

type Socket = WebSocketStream<TcpStream>;

impl Client {
    /// Not connected yet. `due`: when it should have begun to; the time to its seat counts from here.
    pub fn new(number: usize, target: Arc<Target>, stats: Arc<Stats>, pass: Pass, due: Instant) -> Self {
        let heartbeat = Duration::from_secs(25);
        let witness = Witness::new(number);
        Self {
            target,
            stats,
            pass,
            witness,
            outbox: BTreeMap::new(),
            next: 1,
            heartbeat,
            seated: false,
            due,
            node: number,
            lost: None,
            tried: due,
            attempt: 0,
            seq: Arc::default(),
        }
    }

    /// Lives until told to stop, or until the server does not want it.
    pub async fn run(mut self, mut orders: mpsc::Receiver<Order>) -> Ended {
        loop {
            self.tried = Instant::now();
            let end = match self.connect().await {
                Ok(socket) => self.follow(socket, &mut orders).await,
                Err(error) => {
                    self.stats.failed(&error);
                    End::Lost
                }
            };
            let since = *self.lost.get_or_insert_with(Instant::now);
            let ceiling = match end {
                End::Stop => break,
                End::Elsewhere if self.attempt == 0 => AT_ONCE,
                End::Never => {
                    self.stats.gave_up();
                    break;
                }
                _ if since.elapsed() > PATIENCE => {
                    self.stats.gave_up();
                    break;
                }
                _ => BACKOFF_MAX.min(BACKOFF_BASE * 2_u32.saturating_pow(self.attempt)),
            };
            self.attempt += 1;
            self.node += 1;
            self.stats.reconnected();
            sleep(ceiling.mul_f64(part(self.witness.client, self.node))).await;
        }
        self.stats.left(self.seated);
        Ended { unanswered: self.outbox.len() as u64, witness: self.witness }
    }

    async fn connect(&mut self) -> anyhow::Result<Socket> {
        let token = match &self.pass {
            Pass::Seat(token) => token.clone(),
            Pass::Host(api, session) => api.ticket(session).await?.token,
        };
        let mut socket = self.target.connect(self.witness.client, self.node).await?;
        socket.send(Message::text(wire::hello(&token, self.witness.seq()))).await?;
        Ok(socket)
    }

    async fn follow(&mut self, mut socket: Socket, orders: &mut mpsc::Receiver<Order>) -> End {
        let mut heard = Instant::now();
        let mut alarm = Box::pin(sleep_until(self.wake_at(heard).into()));
        if self.seated && self.resend(&mut socket).await.is_err() {
            return End::Lost;
        }
        loop {
            tokio::select! {
                frame = socket.next() => {
                    heard = Instant::now();
                    let end = match frame {
                        Some(Ok(Message::Text(text))) => self.hear(&mut socket, text.as_str(), heard).await,
                        Some(Ok(Message::Close(frame))) => Some(self.closed(frame.map_or(1006, |f| f.code.into()))),
                        Some(Ok(_)) => None,
                        Some(Err(_)) | None => Some(End::Lost),
                    };
                    if let Some(end) = end {
                        return end;
                    }
                    if !self.outbox.is_empty() {
                        self.set(alarm.as_mut(), heard);
                    }
                }
                order = orders.recv() => match order {
                    Some(Order::Do(commands)) => {
                        if self.send(&mut socket, commands).await.is_err() {
                            return End::Lost;
                        }
                        self.set(alarm.as_mut(), heard);
                    }
                    Some(Order::DoAndDrop(commands)) => {
                        // Whether it arrived or not: the command goes out again on the next connection.
                        let _ = self.send(&mut socket, commands).await;
                        return End::Lost;
                    }
                    Some(Order::Stop) | None => {
                        let _ = socket.close(None).await;
                        return End::Stop;
                    }
                },
                () = alarm.as_mut() => {
                    if heard.elapsed() > self.heartbeat * 2 || self.overdue() || self.retry(&mut socket).await.is_err() {
                        return End::Lost;
                    }
                    self.set(alarm.as_mut(), heard);
                }
            }
        }
    }

    fn closed(&self, code: u16) -> End {
        self.stats.closed(code);
        match code {
            4000..4100 => End::Never,
            4200..4300 => End::Elsewhere,
            _ => End::Lost,
        }
    }

    /// When there is something to look after: a silent line, an answer that does not come, a retry.
    fn wake_at(&self, heard: Instant) -> Instant {
        let silent = heard + self.heartbeat * 2 + Duration::from_millis(10);
        let waiting = self.outbox.values().map(|pending| pending.retry_at.unwrap_or(pending.sent + ANSWER));
        waiting.min().map_or(silent, |first| first.min(silent))
    }

    fn set(&self, alarm: std::pin::Pin<&mut Sleep>, heard: Instant) {
        alarm.reset(self.wake_at(heard).into());
    }

    fn overdue(&self) -> bool {
        self.outbox.values().any(|pending| pending.retry_at.is_none() && pending.sent.elapsed() >= ANSWER)
    }

    async fn hear(&mut self, socket: &mut Socket, text: &str, now: Instant) -> Option<End> {
        self.stats.frame(text.len());
        let Ok(frame) = serde_json::from_str::<Incoming<'_>>(text) else {
            self.stats.failed(&anyhow::anyhow!("a frame that is no message: {text:.80}"));
            return Some(End::Lost);
        };
        match frame.kind.as_ref() {
            "welcome" => {
                self.heartbeat = Duration::from_secs(frame.heartbeat.map_or(25, u64::from));
                self.attempt = 0;
                self.witness.welcome();
                if frame.resumed == Some(true) {
                    self.stats.resumed();
                }
                self.seat(frame.resumed == Some(true));
            }
            "snapshot" => {
                self.witness.snapshot(frame.seq.unwrap_or(0));
                self.marks(text, now, false);
                self.seat(true);
            }
            "events" => {
                let (after, seq) = (frame.after.unwrap_or(0), frame.seq.unwrap_or(0));
                self.witness.events(after, seq);
                self.stats.events(seq.saturating_sub(after));
                self.marks(text, now, true);
            }
            "tally" => {
                let poll = frame.poll.as_deref().unwrap_or_default();
                self.witness.tally(poll, frame.round.unwrap_or(0), frame.version.unwrap_or(0));
            }
            "ack" | "refused" | "retry" => self.answered(&frame, now),
            "ping" => return socket.send(Message::text(wire::PONG)).await.err().map(|_| End::Lost),
            _ => {}
        }
        self.seq.store(self.witness.seq().unwrap_or(0), Ordering::Release);
        None
    }

    fn seat(&mut self, complete: bool) {
        if complete && !self.seated {
            self.seated = true;
            self.lost = None;
            self.stats.seated(self.due.elapsed(), self.witness.client);
        }
        if complete && let Some(lost) = self.lost.take() {
            self.stats.returned(Return { lost, tried: self.tried, back: Instant::now() });
        }
    }

    fn marks(&mut self, text: &str, now: Instant, live: bool) {
        for mark in Mark::all(text) {
            if self.witness.mark(mark) && live {
                self.stats.delivered(mark, now, self.witness.client);
            }
        }
    }

    fn answered(&mut self, frame: &Incoming<'_>, now: Instant) {
        let Some(reference) = frame.reference else { return };
        if frame.kind == "retry" {
            self.stats.retried();
            if let Some(pending) = self.outbox.get_mut(&reference) {
                pending.retry_at = Some(now + Duration::from_millis(frame.after_ms.unwrap_or(500)));
            }
            return;
        }
        // Answered twice: the first connection's answer was on its way when it was lost. Once is enough.
        let Some(pending) = self.outbox.remove(&reference) else { return };
        let outcome = if frame.kind == "ack" {
            let seq = frame.seq.unwrap_or(0);
            self.witness.acked(seq);
            self.stats.acked(now.saturating_duration_since(pending.due), self.witness.client);
            Outcome::Acked(seq)
        } else {
            let code = frame.code.as_deref().unwrap_or("unknown").to_owned();
            self.stats.refused(&code);
            Outcome::Refused(code)
        };
        if let Some(answer) = pending.answer {
            // Whoever asked may have stopped waiting.
            let _ = answer.send(outcome);
        }
    }

    async fn send(&mut self, socket: &mut Socket, commands: Vec<Do>) -> anyhow::Result<()> {
        for Do { command, due, answer } in commands {
            let reference = self.next;
            self.next += 1;
            let text = wire::command(reference, self.witness.known(), &command);
            let pending = Pending { command, due, sent: Instant::now(), retry_at: None, answer };
            self.outbox.insert(reference, pending);
            socket.feed(Message::text(text)).await?;
        }
        socket.flush().await?;
        Ok(())
    }

    /// On a new connection: everything without an answer, in order, with the same content.
    async fn resend(&mut self, socket: &mut Socket) -> anyhow::Result<()> {
        let known = self.witness.known();
        for (reference, pending) in &mut self.outbox {
            pending.sent = Instant::now();
            pending.retry_at = None;
            self.stats.resent();
            socket.feed(Message::text(wire::command(*reference, known, &pending.command))).await?;
        }
        socket.flush().await?;
        Ok(())
    }

    async fn retry(&mut self, socket: &mut Socket) -> anyhow::Result<()> {
        let now = Instant::now();
        let known = self.witness.known();
        let due = |pending: &Pending| pending.retry_at.is_some_and(|at| at <= now);
        for (reference, pending) in self.outbox.iter_mut().filter(|(_, pending)| due(pending)) {
            pending.sent = now;
            pending.retry_at = None;
            self.stats.resent();
            socket.feed(Message::text(wire::command(*reference, known, &pending.command))).await?;
        }
        socket.flush().await?;
        Ok(())
    }
}

/// A number from 0 to 1 that looks like chance, the same in every run (splitmix64).
fn part(client: usize, turn: usize) -> f64 {
    let mut mixed =
        (client as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (turn as u64).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    to_f64((mixed ^ (mixed >> 31)) >> 11) / to_f64(1 << 53)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_spread_evenly() {
        let mut tenths = [0; 10];
        for client in 0..10_000 {
            let part = part(client, 3);
            tenths[(0..10).position(|tenth| part < f64::from(tenth + 1) / 10.0).unwrap()] += 1;
        }
        assert!(tenths.iter().all(|count| (900..1_100).contains(count)), "{tenths:?}");
    }
}
