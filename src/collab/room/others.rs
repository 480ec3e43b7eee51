//! Other nodes that have the document open: who looks at it there.
//!
//! A room that opens, or that may have missed something, asks; the others answer with everybody who is seen through them.
//! While somebody is here, this room says so every few seconds: the carets of a node that falls silent vanish.
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::Room;

/// "Who is looking there?"
pub(super) const ASK: u8 = 4;
/// "Somebody is looking here."
pub(super) const LEASE: u8 = 5;
/// A room that opens asks so often, a second apart: its channel may not be there yet.
const ASKS: u8 = 3;
/// Of a lease it is renewed so often.
const RENEWALS: u32 = 3;

/// What is said to other nodes, and when.
pub(super) struct Others {
    asks: u8,
    /// Some were given up here.
    forgot: bool,
    next_lease: Instant,
}

impl Others {
    pub(super) fn new(now: Instant) -> Self {
        Self { asks: ASKS, forgot: false, next_lease: now }
    }
}

impl Room {
    /// At the beginning and every second.
    pub(super) fn tell_others(&mut self, now: Instant) {
        if self.others.asks > 0 {
            self.others.asks -= 1;
            let forgot = std::mem::take(&mut self.others.forgot);
            self.publish(self.seq, self.seq, vec![ASK, u8::from(forgot)]);
        }
        if !self.peers.is_empty() && now >= self.others.next_lease {
            self.others.next_lease = now + self.settings.lease / RENEWALS;
            self.publish(self.seq, self.seq, vec![LEASE]);
        }
    }

    /// Something may have been missed, here or there.
    pub(super) fn reunite(&mut self) {
        self.behind = true;
        self.others.asks = self.others.asks.max(1);
        self.publish_awareness(&self.awareness.ours());
    }

    /// Somebody asks who is looking here; perhaps somebody who has given up those who are.
    pub(super) fn answer(&mut self, asked: &[u8]) {
        let ours = if asked == [0] { self.awareness.ours() } else { self.awareness.ours_again() };
        self.publish_awareness(&ours);
    }

    /// Some have fallen silent, or their node has.
    pub(super) fn gave_up(&mut self, some: bool) {
        self.others.forgot |= some;
    }

    /// Another node has people here. One that is new missed what was said before.
    pub(super) fn hear_lease(&mut self, node: Uuid, now: Instant) {
        if self.awareness.lease(node, now + self.settings.lease) {
            self.others.asks = self.others.asks.max(1);
            self.publish_awareness(&self.awareness.ours());
        }
    }
}

/// How long a node is believed to be there.
pub const LASTS: Duration = Duration::from_secs(15);
