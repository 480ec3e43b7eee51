//! The bus through Redis: one channel per open session, on one server, behind Sentinels, or sharded over a Cluster.
//!
//! What is to be heard is what somebody in this process listens to; each link to a server makes Redis agree with that,
//! again and again. So there is no list of subscriptions that could be lost, and nothing to repeat after a reconnect.
mod cluster;
mod lane;
mod link;
mod sentinel;
mod settings;
mod slots;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures_util::{FutureExt, future::BoxFuture};
use parking_lot::RwLock;
use tokio::sync::Notify;
use uuid::Uuid;

use self::{
    lane::Lane,
    link::{Link, Place},
    slots::Slots,
};
use settings::Kind;
pub use settings::Settings;

use super::{Channel, Health, LocalBus, Packet, Subscription, Watch, health::Board, packet::Refused};
use crate::kernel::Clock;

/// A bus through Redis; cheap to clone.
#[derive(Debug, Clone)]
pub struct RedisBus {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    /// Names this node's probes.
    node: Uuid,
    local: LocalBus,
    lanes: RwLock<Slots<Arc<Lane>>>,
    /// A cluster may have moved its slots.
    doubted: Notify,
    refused: AtomicU64,
}

impl RedisBus {
    /// The bus, and the work that keeps it up.
    pub(super) fn new(settings: Settings, clock: &Clock) -> (Self, BoxFuture<'static, ()>) {
        let inner = Arc::new(Inner {
            settings,
            node: clock.id::<()>().uuid(),
            local: LocalBus::over(Board::new(clock.clone())),
            lanes: RwLock::default(),
            doubted: Notify::new(),
            refused: AtomicU64::new(0),
        });
        inner.board().pending(PART);
        let place = match inner.settings.kind.clone() {
            Kind::Server(address) => Place::At(address),
            Kind::Sentinel { sentinels, master, login } => Place::Master { sentinels, name: master, login },
            Kind::Cluster(seeds) => return (Self { inner: inner.clone() }, cluster::run(inner, seeds).boxed()),
        };
        let (lane, queue) = Lane::new(PART.to_owned(), format!("atelier:probe:{}", inner.node));
        *inner.lanes.write() = Slots::all(lane.clone());
        let link = Link::new(inner.clone(), lane, queue, place);
        (Self { inner }, link.run().boxed())
    }

    pub(super) fn publish(&self, channel: Channel, packet: &Packet) {
        match self.inner.lane(channel) {
            Some(lane) => lane.send(channel, packet.encode(channel)),
            None => lane::dropped("no_server", 1),
        }
    }

    pub(super) fn subscribe(&self, channel: Channel) -> Subscription {
        let mut subscription = self.inner.local.subscribe(channel);
        subscription.beyond = Some(self.clone());
        self.listening_changed(channel);
        subscription
    }

    /// Somebody has begun to listen, or the last one has ended.
    pub(super) fn listening_changed(&self, channel: Channel) {
        if let Some(lane) = self.inner.lane(channel) {
            lane.reconsider([channel]);
        }
    }

    pub(super) fn health(&self) -> Health {
        self.inner.local.board.health()
    }

    pub(super) fn watch(&self) -> Watch {
        self.inner.local.watch()
    }
}

/// The commands of a kind of Redis.
struct Words {
    subscribe: &'static str,
    unsubscribe: &'static str,
    publish: &'static str,
}

/// The one server, or the master behind the Sentinels, on the board.
const PART: &str = "redis";

impl Inner {
    fn board(&self) -> &Board {
        &self.local.board
    }

    /// How one talks to this kind of Redis.
    fn words(&self) -> Words {
        match self.settings.kind {
            Kind::Cluster(_) => Words { subscribe: "SSUBSCRIBE", unsubscribe: "SUNSUBSCRIBE", publish: "SPUBLISH" },
            _ => Words { subscribe: "SUBSCRIBE", unsubscribe: "UNSUBSCRIBE", publish: "PUBLISH" },
        }
    }

    /// Which server has this channel?
    fn lane(&self, channel: Channel) -> Option<Arc<Lane>> {
        let lanes = self.lanes.read();
        lanes.of(channel.to_string().as_bytes()).cloned()
    }

    /// Is this channel to be heard through that server?
    fn wanted(&self, channel: Channel, through: &Arc<Lane>) -> bool {
        self.local.listens(channel) && self.lane(channel).is_some_and(|lane| Arc::ptr_eq(&lane, through))
    }

    /// A message has arrived.
    fn hear(&self, channel: &[u8], bytes: Vec<u8>) {
        metrics::counter!("atelier_bus_received_total").increment(1);
        let packet = match Channel::parse(channel) {
            Some(channel) => Packet::decode(channel, bytes).map(|packet| (channel, packet)),
            None => Err(Refused::Malformed),
        };
        match packet {
            Ok((channel, packet)) => self.local.publish(channel, packet),
            Err(refused) => self.refuse(channel, refused),
        }
    }

    fn refuse(&self, channel: &[u8], why: Refused) {
        metrics::counter!("atelier_bus_refused_total", "why" => why.label()).increment(1);
        // Whoever sends such things may send many: the log gets fewer and fewer of them.
        let count = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_power_of_two() {
            let channel = String::from_utf8_lossy(channel);
            tracing::warn!(%channel, %why, count, "a packet from the bus was refused");
        }
    }
}
