//! The server is killed at random moments while three people type, over both protocols.
use std::time::Duration;

use atelier::collab::ysync::{Message, Sync};
use futures_util::{SinkExt, StreamExt};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::ConnectOptions;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite};
use yrs::{Doc, ReadTxn, StateVector, Text, Transact, Update, updates::decoder::Decode, updates::encoder::Encode};

use super::{editor::Editor, log};
use crate::support::{
    Site, TestDb,
    client::DEADLINE,
    server::{free_address, started},
};

const KILLS: usize = 10;

type Word = (String, Vec<u8>);

/// Somebody with y-websocket, who asks with marks what is saved.
struct Marker {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    doc: Doc,
    typed: Vec<Word>,
    saved: usize,
    gone: bool,
}

impl Marker {
    async fn opens(url: &str, doc: Doc, typed: Vec<Word>) -> Self {
        let socket = connect_async(url).await.unwrap().0;
        let mut marker = Self { socket, doc, typed, saved: 0, gone: false };
        let vector = marker.doc.transact().state_vector().encode_v1();
        marker.says(Message::Sync(Sync::Step1(&vector))).await;
        marker
    }
    async fn says(&mut self, message: Message<'_>) {
        // A socket that is gone is noticed when it is read.
        let _ = self.socket.send(tungstenite::Message::binary(message.frame())).await;
    }
    async fn types(&mut self, words: &str) {
        let update = {
            let text = self.doc.get_or_insert_text("t");
            let mut txn = self.doc.transact_mut();
            let end = text.len(&txn);
            text.insert(&mut txn, end, words);
            txn.encode_update_v1()
        };
        self.says(Message::Sync(Sync::Update(&update))).await;
        self.typed.push((words.to_owned(), update));
        self.says(Message::Mark(self.typed.len() as u64)).await;
    }
    async fn hears(&mut self) {
        let frame = match self.socket.next().await {
            Some(Ok(tungstenite::Message::Binary(frame))) => frame,
            Some(Ok(tungstenite::Message::Close(_)) | Err(_)) | None => return self.gone = true,
            Some(Ok(_)) => return,
        };
        for message in Message::all(&frame) {
            match message.unwrap() {
                Message::Sync(Sync::Step1(vector)) => {
                    let vector = StateVector::decode_v1(vector).unwrap();
                    let diff = self.doc.transact().encode_diff_v1(&vector);
                    self.says(Message::Sync(Sync::Step2(&diff))).await;
                    self.says(Message::Mark(self.typed.len() as u64)).await;
                }
                Message::Sync(Sync::Step2(update) | Sync::Update(update)) => {
                    self.doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
                }
                Message::Mark(mark) => self.saved = self.saved.max(usize::try_from(mark).unwrap()),
                _ => {}
            }
        }
    }
    async fn hears_for(&mut self, moment: Duration) {
        let _ = timeout(moment, async {
            while !self.gone {
                self.hears().await;
            }
        })
        .await;
    }
    async fn has_saved(&mut self) {
        let hearing = async {
            while self.saved < self.typed.len() {
                assert!(!self.gone);
                self.hears().await;
            }
        };
        timeout(DEADLINE, hearing).await.expect("saved");
    }
}

/// Until nobody has a line any more.
async fn types(round: usize, dice: &mut SmallRng, one: &mut Editor, two: &mut Editor, three: &mut Marker) {
    for word in 0.. {
        if one.closed.is_some() && two.closed.is_some() && three.gone {
            return;
        }
        let words = |who| format!("{who}{round}.{word} ");
        match dice.random_range(0..3) {
            0 => one.types(&words("one")).await,
            1 => two.types(&words("two")).await,
            _ => three.types(&words("three")).await,
        }
        let moment = Duration::from_micros(dice.random_range(0..1_500));
        tokio::join!(one.hears_for(moment), two.hears_for(moment), three.hears_for(moment));
    }
}

/// *Saved* was said of some of it, and of the rest nothing; what was under way may be there or not, but never twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_nothing_that_was_saved_is_missing_and_nothing_is_doubled() {
    let seed = std::env::var("ATELIER_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_121);
    println!("ATELIER_SEED={seed}");
    let mut dice = SmallRng::seed_from_u64(seed);
    let (database, folder) = (TestDb::new().await, tempfile::tempdir().unwrap());
    let (address, url) = (free_address(), database.options().to_url_lossy().to_string());
    let mut child = started(&url, address, folder.path()).await;
    let ada = Site::at(address).instructor("ada").await;
    let name = ada.notes(&ada.creates("Intro").await, "edit").await;
    let mut behind = database.superuser().await;
    let plain = format!("ws://{address}/collab/yjs/{name}?token={}", ada.token);
    let mut all: Vec<Word> = Vec::new();
    let (mut docs, mut own) = ([Doc::new(), Doc::new(), Doc::new()], Vec::new());
    for round in 0..=KILLS {
        let [first, second, third] = docs;
        let mut one = Editor::comes_back(address, &name, &ada.token, first).await.comes_in().await;
        let mut two = Editor::comes_back(address, &name, &ada.token, second).await.comes_in().await;
        let mut three = Marker::opens(&plain, third, own).await;
        three.has_saved().await;
        // All have brought what they had typed, whatever had become of it.
        let (text, _) = log::read(&mut behind).await;
        log::holds(&text, all.iter().chain(&three.typed));
        assert_eq!(text.split_whitespace().count(), all.len() + three.typed.len(), "seed {seed}, round {round}");
        if round == KILLS {
            break;
        }
        let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
        let moment = Duration::from_micros(dice.random_range(0..150_000));
        let killing = async {
            tokio::time::sleep(moment).await;
            kill_process(pid, Signal::KILL).unwrap();
        };
        let typing = types(round, &mut dice, &mut one, &mut two, &mut three);
        tokio::join!(killing, typing);
        child.wait().await.unwrap();
        let said = all.iter().chain(one.saved()).chain(two.saved()).chain(&three.typed[..three.saved]);
        log::holds(&log::read(&mut behind).await.0, said);
        all.extend([one.typed(), two.typed()].concat());
        (docs, own) = ([one.doc, two.doc, three.doc], three.typed);
        child = started(&url, address, folder.path()).await;
    }
    assert!(all.len() > KILLS, "somebody typed");
    child.kill().await.unwrap();
}
