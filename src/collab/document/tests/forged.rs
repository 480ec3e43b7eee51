//! Updates that are well-formed, but whose pieces claim to be between any two others. What passes the gate must show the
//! same to everybody, in whatever order and portions they get it. Runs as `fuzz` does.
use std::time::Instant;

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use super::{
    fuzz::{Count, Pair, start},
    *,
};
use crate::collab::lib0::Writer;

/// How many clients there are. They are called 1, 2, 3, 4.
const CLIENTS: usize = 4;

/// A client, counted from 0, and the number of its piece.
type Piece = (usize, usize);

fn id(writer: &mut Writer, (client, clock): Piece) {
    writer.uint(client as u64 + 1).uint(clock as u64);
}

/// Writes updates that may follow what was integrated.
#[derive(Clone)]
struct Forger {
    /// How far each client is.
    next: [usize; CLIENTS],
    /// Types that there are.
    types: Vec<Piece>,
    /// How many of twelve pieces are types.
    types_of_12: u32,
    /// How far back neighbours may be.
    spread: usize,
}

impl Forger {
    fn new(dice: &mut SmallRng) -> Self {
        let (types_of_12, spread) = (dice.random_range(0..3), dice.random_range(1..30));
        Self { next: [0; CLIENTS], types: vec![], types_of_12, spread }
    }

    fn update(&mut self, dice: &mut SmallRng) -> Vec<u8> {
        let mut writer = Writer::new();
        let clients: Vec<usize> = (0..CLIENTS).filter(|_| dice.random_range(0..3) == 0).collect();
        writer.uint(clients.len() as u64);
        for client in clients {
            let again = if dice.random_range(0..8) == 0 { dice.random_range(0..3).min(self.next[client]) } else { 0 };
            let (count, mut clock) = (dice.random_range(1..3), self.next[client] - again);
            id(writer.uint(count), (client, clock));
            for _ in 0..count {
                clock += self.piece(&mut writer, client, clock, dice);
            }
        }
        let clients: Vec<usize> =
            (0..CLIENTS).filter(|client| self.next[*client] > 0 && dice.random_range(0..12) == 0).collect();
        writer.uint(clients.len() as u64);
        for client in clients {
            let from = dice.random_range(0..self.next[client]);
            let length = dice.random_range(1..=(self.next[client] - from).min(4));
            writer.uint(client as u64 + 1).uint(1).uint(from as u64).uint(length as u64);
        }
        writer.finish()
    }

    /// Writes one piece; answers with its length.
    fn piece(&mut self, writer: &mut Writer, client: usize, clock: usize, dice: &mut SmallRng) -> usize {
        let left = self.any(dice);
        let right = match left {
            Some((of, clock)) if clock + 1 < self.next[of] && dice.random_range(0..3) == 0 => Some((of, clock + 1)),
            _ => self.any(dice),
        };
        let alone = left.is_none() && right.is_none();
        let entry = alone && self.types_of_12 > 0 && dice.random_range(0..4) == 0;
        let kind = match dice.random_range(0..12) {
            roll if entry || roll < self.types_of_12 => 7,
            11 => 1,
            _ => 4,
        };
        let flag = |bit: u8, set: bool| if set { bit } else { 0 };
        writer.byte(kind | flag(0x80, left.is_some()) | flag(0x40, right.is_some()) | flag(0x20, entry));
        for piece in [left, right].into_iter().flatten() {
            id(writer, piece);
        }
        if alone {
            match self.types.len() {
                count if count > 0 && dice.random_range(0..3) > 0 => {
                    id(writer.uint(0), self.types[dice.random_range(0..count)]);
                }
                _ => drop(writer.uint(1).text("text")),
            }
            if entry {
                writer.text(["k", "l"][dice.random_range(0..2)]);
            }
        }
        let length = if kind == 7 { 1 } else { dice.random_range(1..4) };
        match kind {
            7 => drop(writer.uint(2)),
            1 => drop(writer.uint(length as u64)),
            _ => drop(writer.text(&"abcdefghijklmnopqrstuvwxyz"[clock % 20..][..length])),
        }
        if kind == 7 && clock >= self.next[client] {
            self.types.push((client, clock));
        }
        self.next[client] = self.next[client].max(clock + length);
        length
    }

    /// A piece that is there, or none.
    fn any(&self, dice: &mut SmallRng) -> Option<Piece> {
        let client = dice.random_range(0..CLIENTS);
        let next = self.next[client];
        (next > 0 && dice.random_range(0..4) > 0)
            .then(|| (client, next - 1 - dice.random_range(0..next.min(self.spread))))
    }
}

/// Somebody who gets the log in another order, as far as that is possible, sees the same.
fn another_order(pair: &Pair, dice: &mut SmallRng) {
    let mut other = Document::new(&SCHEMA, 95);
    let mut left: Vec<&Vec<u8>> = pair.log.iter().collect();
    while !left.is_empty() {
        let update = left.swap_remove(dice.random_range(0..left.len()));
        match integrate(&mut other, update) {
            Outcome::Integrated(_) | Outcome::Known => {}
            Outcome::Missing(_) => left.push(update),
            outcome => panic!("{outcome:?}"),
        }
    }
    assert_eq!(other.fingerprint(), pair.document.fingerprint(), "in another order it shows something else");
}

/// These updates, as far as they pass, show the same to everybody. `orders` says how many other orders are tried.
pub(super) fn agreed(updates: &[impl AsRef<[u8]>], orders: u64) {
    let (mut pair, mut count) = (Pair::new(), Count::default());
    for update in updates {
        pair.hears(update.as_ref(), &mut count);
    }
    pair.is_sound();
    for seed in 0..orders {
        another_order(&pair, &mut SmallRng::seed_from_u64(seed));
    }
}

/// Leaves out what is not needed to fail: whole updates, the last ones first, as the others build on earlier ones.
fn shrunk(mut updates: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let fails = |updates: &[Vec<u8>]| unwinding(|| agreed(updates, 3)).is_err();
    loop {
        let before = updates.len();
        for at in (0..before).rev() {
            let mut fewer = updates.clone();
            fewer.remove(at);
            if fails(&fewer) {
                updates = fewer;
            }
        }
        if updates.len() == before {
            return updates;
        }
    }
}

/// Fails with as few updates as possible, ready for `found`.
pub(super) fn agreed_or_shown(updates: Vec<Vec<u8>>) {
    if unwinding(|| agreed(&updates, 3)).is_err() {
        let updates = shrunk(updates);
        println!("{updates:?}");
        for update in &updates {
            println!("{:?}", Update::decode_v1(update));
        }
        agreed(&updates, 3);
    }
}

#[test]
fn forged_neighbours_are_refused_or_harmless() {
    let (until, mut dice) = start();
    let (mut passed, mut refused) = (0, 0);
    while Instant::now() < until {
        let (mut document, mut forger) = (Document::new(&SCHEMA, 99), Forger::new(&mut dice));
        let mut updates = vec![];
        for _ in 0..dice.random_range(5..80) {
            let mut next = forger.clone();
            let update = next.update(&mut dice);
            match integrate(&mut document, &update) {
                Outcome::Integrated(_) => {
                    (forger, passed) = (next, passed + 1);
                    updates.push(update);
                }
                Outcome::Bad(Bad::NotNeighbours) => refused += 1,
                Outcome::Known | Outcome::Bad(_) => {}
                outcome => panic!("{outcome:?}"),
            }
        }
        agreed_or_shown(updates);
    }
    println!("{passed} passed, {refused} refused");
    assert!(passed > 0 && refused > 0);
}
