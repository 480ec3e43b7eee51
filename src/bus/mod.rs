//! Between nodes: committed batches of live sessions, told to whoever has the same room open. At most once, unordered;
//! the numbers in the batches and the head check make up for what is lost.
mod health;
mod local;
mod packet;
pub mod redis;

use std::fmt;

use futures_util::future::BoxFuture;
pub use health::{Health, Watch};
pub use local::{LocalBus, Subscription};
pub use packet::{MOST_BYTES, Packet};
use uuid::Uuid;

use self::redis::{RedisBus, Settings};
use crate::kernel::{Clock, Id, caller};

/// What a channel is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A live session.
    Live,
    /// A shared document.
    Document,
    /// Who may do what in a live session, for whoever lets people into something else of it.
    Rights,
}

impl Topic {
    const fn key(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Document => "document",
            Self::Rights => "rights",
        }
    }
}

/// Names the channel of one session or document. The organization is part of it: row security does not reach a bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Channel {
    /// The tenant.
    pub organization: Id<caller::Organization>,
    /// What it is about.
    pub topic: Topic,
    /// The session or the document.
    pub id: Uuid,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "atelier:{}:{}:{}", self.organization, self.topic.key(), self.id)
    }
}

impl Channel {
    /// That of a live session.
    pub const fn live(organization: Id<caller::Organization>, id: Uuid) -> Self {
        Self { organization, topic: Topic::Live, id }
    }
    /// That of a shared document.
    pub const fn document(organization: Id<caller::Organization>, id: Uuid) -> Self {
        Self { organization, topic: Topic::Document, id }
    }
    /// That of the rights in a live session: each packet says only that they may be others now.
    pub const fn rights(organization: Id<caller::Organization>, id: Uuid) -> Self {
        Self { organization, topic: Topic::Rights, id }
    }
    /// Reads what [`Channel`] writes, and nothing else.
    fn parse(name: &[u8]) -> Option<Self> {
        let mut parts = str::from_utf8(name).ok()?.strip_prefix("atelier:")?.split(':');
        let (organization, topic, id) = (parts.next()?, parts.next()?, parts.next()?);
        let topic = [Topic::Live, Topic::Document, Topic::Rights].into_iter().find(|known| known.key() == topic)?;
        let channel = Self { organization: organization.parse().ok()?, topic, id: id.parse().ok()? };
        (channel.to_string().as_bytes() == name).then_some(channel)
    }
}

/// The bus. Closed set of backends.
#[derive(Debug, Clone)]
pub enum Bus {
    /// Inside one process.
    Local(LocalBus),
    /// Between nodes, through Redis.
    Redis(RedisBus),
}

impl Bus {
    /// A bus for a single node.
    pub fn local() -> Self {
        Self::Local(LocalBus::default())
    }
    /// A bus through Redis, and the work that keeps it up, for a task that runs as long as the process. While Redis
    /// cannot be reached the bus does not carry; that stops nobody from starting.
    pub fn redis(settings: Settings, clock: &Clock) -> (Self, BoxFuture<'static, ()>) {
        let (bus, work) = RedisBus::new(settings, clock);
        (Self::Redis(bus), work)
    }
    /// Tells everybody who listens. Never waits, never fails: what is lost is found by number.
    pub fn publish(&self, channel: Channel, packet: Packet) {
        match self {
            Self::Local(bus) => bus.publish(channel, packet),
            Self::Redis(bus) => bus.publish(channel, &packet),
        }
    }
    /// Listens to one session.
    pub fn subscribe(&self, channel: Channel) -> Subscription {
        match self {
            Self::Local(bus) => bus.subscribe(channel),
            Self::Redis(bus) => bus.subscribe(channel),
        }
    }
    /// Does it carry?
    pub fn health(&self) -> Health {
        match self {
            Self::Local(_) => Health::Carrying,
            Self::Redis(bus) => bus.health(),
        }
    }
    /// Tells when the health changes, and when something may have been missed.
    pub fn watch(&self) -> Watch {
        match self {
            Self::Local(bus) => bus.watch(),
            Self::Redis(bus) => bus.watch(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_named_after_its_organization_and_session() {
        let channel = Channel::live(Id::new(Uuid::from_u128(1)), Uuid::from_u128(2));
        let name = channel.to_string();
        assert_eq!(name, "atelier:00000000-0000-0000-0000-000000000001:live:00000000-0000-0000-0000-000000000002");
        assert_eq!(Channel::parse(name.as_bytes()), Some(channel));
        for wrong in ["", "atelier:1:live:2", &name[1..], &format!("{name} "), &name.replace("-0000-0000-0000-", "")] {
            assert_eq!(Channel::parse(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(Channel::parse(b"\xff"), None);
    }
}
