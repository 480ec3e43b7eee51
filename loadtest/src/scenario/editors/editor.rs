//! One editor: a document of its own, a schedule to type by, and the times at which it has heard what others typed.
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use hdrhistogram::Histogram;
use tokio::{
    net::TcpStream,
    time::{sleep_until, timeout},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config, tungstenite::Message};
use yrs::{
    Doc, GetString, ReadTxn, StateVector, Text, TextRef, Transact, Update, updates::decoder::Decode,
    updates::encoder::Encode,
};

use super::frames::{self, Heard, PONG, Say, frame};
use crate::stats::{micros, new_histogram};

/// For coming in, and for what is still under way at the end.
const PATIENCE: Duration = Duration::from_mins(1);

/// When which editor types which key. Latency counts from here, not from the moment of sending.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// The first key.
    pub epoch: Instant,
    /// Between two keys of an editor.
    pub interval: Duration,
    /// Editors of a document; they take turns.
    pub editors: u32,
    /// Keys of each.
    pub keys: u32,
}

impl Schedule {
    fn due(&self, key: Key) -> Instant {
        self.epoch + self.interval * key.number + self.interval / self.editors * key.editor
    }
}

/// Which key of which editor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// Its editor.
    pub editor: u32,
    /// Counted from 0.
    pub number: u32,
}

impl Key {
    /// What is typed: to be found again in any update, and in the text.
    pub fn text(self) -> String {
        format!("~{}.{} ", self.editor, self.number)
    }

    /// All keys in there.
    pub fn all(bytes: &[u8]) -> impl Iterator<Item = Self> {
        bytes.split(|byte| *byte == b'~').skip(1).filter_map(|part| {
            let end = part.iter().position(|byte| *byte == b' ')?;
            let (editor, number) = std::str::from_utf8(&part[..end]).ok()?.split_once('.')?;
            Some(Self { editor: editor.parse().ok()?, number: number.parse().ok()? })
        })
    }
}

/// Where a document is.
#[derive(Debug, Clone)]
pub enum Place {
    /// On the server: address, name, token.
    Server(String, Arc<str>, Arc<str>),
    /// On the relay: port, name.
    Relay(u16, Arc<str>),
}

/// What an editor has in the end.
#[derive(Debug)]
pub struct Outcome {
    /// Its text.
    pub text: String,
    /// Its own keys of which it was said that they are saved.
    pub saved: Vec<Key>,
    /// Key → here, for the keys of others.
    pub delivery: Histogram<u64>,
    /// Own key → saved.
    pub ack: Histogram<u64>,
    /// Changes that the server refused.
    pub refused: u64,
}

/// The editor.
pub struct Editor {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    name: Arc<str>,
    doc: Doc,
    text: TextRef,
    synced: bool,
    /// Changes without an answer; the first is what it brought.
    waiting: VecDeque<Option<Key>>,
    heard: u32,
    outcome: Outcome,
}

impl Editor {
    /// Comes in, and waits until it has what is there.
    pub async fn opens(place: &Place) -> anyhow::Result<Self> {
        let (url, name) = match place {
            Place::Server(address, name, _) => (format!("ws://{address}/collab/hocuspocus"), name.clone()),
            Place::Relay(port, name) => (format!("ws://127.0.0.1:{port}/"), name.clone()),
        };
        let (socket, _) = timeout(PATIENCE, connect_async_with_config(url, None, true)).await??;
        let doc = Doc::new();
        let text = doc.get_or_insert_text("t");
        let (delivery, ack) = (new_histogram(), new_histogram());
        let outcome = Outcome { text: String::new(), saved: Vec::new(), delivery, ack, refused: 0 };
        let (waiting, synced) = (VecDeque::new(), false);
        let mut editor = Self { socket, name, doc, text, synced, waiting, heard: 0, outcome };
        match place {
            Place::Server(_, name, token) => {
                editor.send(frame(name, Say::Token(token))).await?;
                let vector = editor.doc.transact().state_vector().encode_v1();
                editor.send(frame(name, Say::Step1(&vector))).await?;
                let coming = async {
                    while !editor.synced || !editor.waiting.is_empty() {
                        editor.hear(None).await?;
                    }
                    anyhow::Ok(())
                };
                timeout(PATIENCE, coming).await.context("not in in time")??;
            }
            Place::Relay(_, name) => {
                editor.send(name.as_bytes().to_vec()).await?;
                let echo = timeout(PATIENCE, editor.socket.next()).await?.context("the relay hung up")??;
                ensure!(*echo.into_data() == *name.as_bytes(), "the relay said something else");
            }
        }
        Ok(editor)
    }

    /// What it reads.
    pub fn reads(&self) -> String {
        self.text.get_string(&self.doc.transact())
    }

    async fn send(&mut self, frame: Vec<u8>) -> anyhow::Result<()> {
        Ok(self.socket.send(Message::binary(frame)).await?)
    }

    /// Types by the schedule, and listens until everything of everybody is here, and everything of its own is saved.
    pub async fn types(mut self, number: u32, schedule: Schedule, acked: bool) -> anyhow::Result<Outcome> {
        let last = Key { editor: schedule.editors, number: schedule.keys };
        let deadline = schedule.due(last) + PATIENCE;
        let mut next = Key { editor: number, number: 0 };
        let expected = (schedule.editors - 1) * schedule.keys;
        while next.number < schedule.keys || self.heard < expected || !self.waiting.is_empty() {
            let typing = next.number < schedule.keys;
            tokio::select! {
                () = sleep_until(schedule.due(next).into()), if typing => {
                    self.press(next, acked).await?;
                    next.number += 1;
                }
                heard = self.hear(Some(&schedule)) => heard?,
                () = sleep_until(deadline.into()) => break,
            }
        }
        self.outcome.text = self.reads();
        Ok(self.outcome)
    }

    /// Somewhere in the text, as people do.
    async fn press(&mut self, key: Key, acked: bool) -> anyhow::Result<()> {
        let update = {
            let mut txn = self.doc.transact_mut();
            let length = self.text.len(&txn);
            // A place after a whole key: those of others are not torn apart.
            let place = length / 2;
            let text = self.text.get_string(&txn);
            let place = text[..place as usize].rfind(' ').map_or(0, |blank| blank + 1);
            self.text.insert(&mut txn, u32::try_from(place)?, &key.text());
            txn.encode_update_v1()
        };
        if acked {
            self.waiting.push_back(Some(key));
        }
        let frame = frame(&self.name, Say::Update(&update));
        self.send(frame).await
    }

    async fn hear(&mut self, schedule: Option<&Schedule>) -> anyhow::Result<()> {
        let message = self.socket.next().await.context("the server hung up")??;
        if let Message::Close(why) = message {
            bail!("closed: {why:?}");
        }
        let Message::Binary(bytes) = message else { return Ok(()) };
        match frames::read(&bytes, &self.name)? {
            Heard::Ping => self.send(PONG.to_vec()).await?,
            Heard::Allowed(allowed) => ensure!(allowed, "not let in"),
            Heard::Step1(vector) => {
                let vector = StateVector::decode_v1(vector)?;
                let diff = self.doc.transact().encode_diff_v1(&vector);
                self.waiting.push_back(None);
                self.send(frame(&self.name.clone(), Say::Step2(&diff))).await?;
            }
            Heard::Step2(update) => {
                self.apply(update)?;
                self.synced = true;
            }
            Heard::Update(update) => {
                self.apply(update)?;
                let now = Instant::now();
                for key in Key::all(update) {
                    self.heard += 1;
                    if let Some(schedule) = schedule {
                        let took = now.saturating_duration_since(schedule.due(key));
                        self.outcome.delivery.saturating_record(micros(took));
                    }
                }
            }
            Heard::Saved(saved) => {
                let change = self.waiting.pop_front().context("an answer that nothing was sent for")?;
                self.outcome.refused += u64::from(!saved);
                if let (Some(key), Some(schedule), true) = (change, schedule, saved) {
                    self.outcome.saved.push(key);
                    let took = schedule.due(key).elapsed();
                    self.outcome.ack.saturating_record(micros(took));
                }
            }
            Heard::Other => {}
        }
        Ok(())
    }

    fn apply(&self, update: &[u8]) -> anyhow::Result<()> {
        Ok(self.doc.transact_mut().apply_update(Update::decode_v1(update)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_again() {
        let key = Key { editor: 12, number: 3 };
        let bytes = [b"\x01\x02", key.text().as_bytes(), b"~7.0 ~x.1 ~5"].concat();
        assert_eq!(Key::all(&bytes).collect::<Vec<_>>(), [key, Key { editor: 7, number: 0 }]);
    }

    #[test]
    fn editors_take_turns() {
        let epoch = Instant::now();
        let schedule = Schedule { epoch, interval: Duration::from_secs(2), editors: 4, keys: 9 };
        let due = |editor, number| schedule.due(Key { editor, number }) - epoch;
        assert_eq!(
            (due(0, 1), due(1, 0), due(3, 2)),
            (Duration::from_secs(2), Duration::from_millis(500), Duration::from_millis(5_500))
        );
    }
}
