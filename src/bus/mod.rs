//! Between nodes: committed batches of live sessions, told to whoever has the same room open. At most once, unordered;
//! the numbers in the batches and the head check make up for what is lost.
mod local;

use std::sync::Arc;

pub use local::{LocalBus, Subscription};
use uuid::Uuid;

use crate::kernel::{Id, caller};

/// Names the channel of one session. The organization is part of it: row security does not reach a bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Channel {
    /// The tenant.
    pub organization: Id<caller::Organization>,
    /// The session.
    pub session: Uuid,
}

/// A committed batch: who published it, which numbers it covers, and the events.
#[derive(Debug, Clone)]
pub struct Packet {
    /// The publishing room; it ignores its own packets.
    pub origin: Uuid,
    /// The number before the first event.
    pub after: u64,
    /// The number of the last event.
    pub to: u64,
    /// The events, encoded by the sender and opaque to the bus.
    pub payload: Arc<[u8]>,
}

/// The bus. Closed set of backends.
#[derive(Debug, Clone)]
pub enum Bus {
    /// Inside one process.
    Local(LocalBus),
}

impl Bus {
    /// A bus for a single node.
    pub fn local() -> Self {
        Self::Local(LocalBus::default())
    }
    /// Tells everybody who listens. Never waits, never fails: what is lost is found by number.
    pub fn publish(&self, channel: Channel, packet: Packet) {
        match self {
            Self::Local(bus) => bus.publish(channel, packet),
        }
    }
    /// Listens to one session.
    pub fn subscribe(&self, channel: Channel) -> Subscription {
        match self {
            Self::Local(bus) => bus.subscribe(channel),
        }
    }
}
