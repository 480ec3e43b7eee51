//! Updates of real clients, and frames with them, damaged at random. Runs for ATELIER_FUZZ_SECONDS (10 if not said), from ATELIER_SEED.
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use super::{forged::agreed_or_shown, *};
use crate::collab::{
    hocuspocus::{Address, FromClient, Request},
    ysync::{Entry, Message, Sync, awareness_update},
};

/// A way to damage bytes; lengths and ids of small histories are single bytes, so small steps go far.
fn damage(bytes: &mut Vec<u8>, other: &[u8], dice: &mut SmallRng) {
    for _ in 0..dice.random_range(1..4) {
        if bytes.is_empty() {
            return;
        }
        let at = dice.random_range(0..bytes.len());
        match dice.random_range(0..8) {
            0 => bytes[at] = bytes[at].wrapping_add(1),
            1 => bytes[at] = bytes[at].wrapping_sub(1),
            2 => bytes[at] ^= 1 << dice.random_range(0..8),
            3 => bytes[at] = dice.random(),
            4 => drop(bytes.remove(at)),
            5 => bytes.insert(at, dice.random()),
            6 => bytes.truncate(at),
            _ => {
                let from = dice.random_range(0..other.len());
                let to = (from + dice.random_range(1..20)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Count {
    tried: u64,
    integrated: u64,
    broken: u64,
}

/// A document, another one that hears only its deltas, and the log of them.
pub(super) struct Pair {
    pub(super) document: Document,
    follower: Document,
    pub(super) log: Vec<Vec<u8>>,
}

impl Pair {
    pub(super) fn new() -> Self {
        Self { document: Document::new(&SCHEMA, 99), follower: Document::new(&SCHEMA, 98), log: vec![] }
    }

    pub(super) fn hears(&mut self, update: &[u8], count: &mut Count) {
        count.tried += 1;
        match self.document.integrate(update, &Limits::UPDATE) {
            Outcome::Integrated(delta) => {
                count.integrated += 1;
                let followed = self.follower.integrate(&delta.bytes, &Limits::UPDATE);
                assert!(matches!(followed, Outcome::Integrated(_)), "{followed:?}");
                self.log.push(delta.bytes);
            }
            Outcome::Broken(_) => {
                count.broken += 1;
                let log = self.log.iter().map(Vec::as_slice);
                self.document = Document::load(&SCHEMA, 97, log).expect("the log loads");
            }
            Outcome::Known | Outcome::Missing(_) | Outcome::Foreign(_) | Outcome::Bad(_) | Outcome::Full => {}
        }
    }

    pub(super) fn is_sound(&self) {
        let print = self.document.fingerprint().unwrap();
        assert_eq!(self.follower.fingerprint().unwrap(), print, "a follower sees something else");
        let compacted = self.document.compacted().unwrap();
        assert_eq!(compacted.clocks, self.document.clocks());
        assert!(!compacted.differs, "its own state shows something else");
        let vector = guarded_look(&self.document.doc, |txn| txn.state_vector()).unwrap();
        let clocks: Clocks = vector.iter().map(|(client, clock)| (client.get(), u64::from(*clock))).collect();
        assert_eq!(clocks, self.document.clocks(), "the gate and yrs know something else");
        let loaded = Document::load(&SCHEMA, 96, self.log.iter().map(Vec::as_slice)).unwrap();
        assert_eq!(loaded.fingerprint().unwrap(), print, "the log shows something else");
    }
}

/// One history, with damaged copies of its updates before and after the real ones.
fn round(history: &History, dice: &mut SmallRng, count: &mut Count) {
    let (mut pair, mut heard) = (Pair::new(), vec![]);
    for (number, update) in history.updates.iter().enumerate() {
        for _ in 0..dice.random_range(0..6) {
            let mut bytes = history.updates[dice.random_range(0..history.updates.len()).min(number + 2)].clone();
            damage(&mut bytes, update, dice);
            heard.push(bytes.clone());
            pair.hears(&bytes, count);
            if dice.random_range(0..50) == 0 {
                let _ = Clocks::decode(&bytes).map(|clocks| pair.document.diff(&clocks).unwrap());
                pair.document.brings_nothing_new(&bytes, &Limits::UPDATE).unwrap();
            }
        }
        heard.push(update.clone());
        pair.hears(update, count);
    }
    if unwinding(|| pair.is_sound()).is_err() {
        agreed_or_shown(heard);
        pair.is_sound();
    }
}

/// For how long, and from which seed.
pub(super) fn start() -> (Instant, SmallRng) {
    let seconds = std::env::var("ATELIER_FUZZ_SECONDS").map_or(10, |seconds| seconds.parse().unwrap());
    let seed = std::env::var("ATELIER_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("ATELIER_SEED={seed}");
    (Instant::now() + Duration::from_secs(seconds), SmallRng::seed_from_u64(seed))
}

#[test]
fn damaged_updates_never_hurt() {
    let (corpus, mut count) = (corpus(), Count::default());
    let (until, mut dice) = start();
    while Instant::now() < until {
        let history = &corpus[dice.random_range(0..corpus.len())];
        round(history, &mut dice, &mut count);
    }
    println!("{count:?}");
    assert!(count.integrated > 0);
}

/// What clients say in both protocols; frames of Hocuspocus first.
fn frames(update: &[u8]) -> [Vec<Vec<u8>>; 2] {
    let look = awareness_update([Entry { client: 7, clock: 3, state: r#"{"user":{"name":"Ann"}}"# }].into_iter());
    let clocks: Clocks = [(7, 300), (1 << 40, 2)].into_iter().collect();
    let vector = clocks.encode();
    let at = |request| FromClient::At(Address::new("live_notes:1\0tab"), request).encode();
    [
        vec![
            at(Request::Sync(Sync::Step1(&vector))),
            at(Request::Sync(Sync::Update(update))),
            at(Request::Awareness(&look)),
            at(Request::Token { token: "secret", version: Some("4.0.0") }),
            at(Request::Stateless("news")),
        ],
        vec![
            Message::Sync(Sync::Step1(&vector)).frame(),
            Message::Sync(Sync::Step2(update)).frame(),
            Message::Awareness(&look).frame(),
            Message::Mark(300).frame(),
        ],
    ]
}

#[test]
fn damaged_frames_are_read_as_something_or_refused() {
    let (corpus, mut read, mut refused) = (corpus(), 0_u64, 0_u64);
    let (until, mut dice) = start();
    // The codecs are small: a tenth of the time does.
    let until = Instant::now() + (until - Instant::now()) / 10;
    while Instant::now() < until {
        let history = &corpus[dice.random_range(0..corpus.len())];
        let update = &history.updates[dice.random_range(0..history.updates.len())];
        let [hocuspocus, ysync] = frames(update);
        for mut frame in hocuspocus {
            damage(&mut frame, update, &mut dice);
            match FromClient::decode(&frame) {
                // What was understood is understood in the same way when it is said properly.
                Ok(request) => {
                    assert_eq!(FromClient::decode(&request.encode()), Ok(request));
                    read += 1;
                }
                Err(_) => refused += 1,
            }
        }
        for mut frame in ysync {
            damage(&mut frame, update, &mut dice);
            for message in Message::all(&frame) {
                let Ok(message) = message else {
                    refused += 1;
                    continue;
                };
                assert_eq!(Message::all(&message.frame()).collect::<Vec<_>>(), [Ok(message)]);
                read += 1;
            }
        }
    }
    println!("{read} read, {refused} refused");
    assert!(read > 0 && refused > 0);
}
