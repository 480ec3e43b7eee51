//! Nodes that hear each other through a real Redis.
use atelier::{
    bus::{Bus, Channel, Packet, Subscription},
    kernel::{Clock, Id},
    runtime::Tasks,
};
use bytes::Bytes;
use tokio::time::timeout;
use uuid::Uuid;

use super::nodes::two_nodes_agree;
use crate::support::client::DEADLINE;

/// A bus of a node of its own, that carries.
pub async fn bus(url: &str, tasks: &Tasks) -> Bus {
    let (bus, work) = Bus::redis(url.parse().unwrap(), &Clock::system());
    tasks.spawn_until_shutdown("bus", work);
    carries(&bus).await;
    bus
}

pub async fn carries(bus: &Bus) {
    timeout(DEADLINE, bus.watch().carrying()).await.unwrap_or_else(|_| panic!("{}", bus.health()));
}

fn shared() -> String {
    std::env::var("TEST_REDIS_URL").expect("TEST_REDIS_URL names a Redis for tests; run scripts/with-services.sh")
}

pub fn channel(session: u128) -> Channel {
    Channel { organization: Id::new(Uuid::from_u128(1)), session: Uuid::from_u128(session) }
}

pub fn packet(to: u64) -> Packet {
    Packet { origin: Uuid::nil(), after: to - 1, to, payload: Bytes::from_static(b"[]") }
}

/// Publishes until it is heard: a fresh subscription takes a moment.
pub async fn hears(listener: &mut Subscription, from: &Bus, channel: Channel, to: u64) {
    let heard = async {
        loop {
            from.publish(channel, packet(to));
            match timeout(std::time::Duration::from_millis(50), listener.next()).await {
                Ok(Some(packet)) if packet.to == to => return,
                _ => {}
            }
        }
    };
    timeout(DEADLINE, heard).await.expect("it is heard");
}

#[tokio::test]
async fn two_nodes_that_hear_each_other_through_redis_agree() {
    let tasks = Tasks::new();
    let (one, other) = (bus(&shared(), &tasks).await, bus(&shared(), &tasks).await);
    two_nodes_agree(one, other, None).await;
    tasks.stop();
}

#[tokio::test]
async fn packets_reach_the_listeners_of_their_session_only() {
    let tasks = Tasks::new();
    let (one, other) = (bus(&shared(), &tasks).await, bus(&shared(), &tasks).await);
    let (here, there) = (channel(1), channel(2));
    let (mut listener, mut elsewhere) = (other.subscribe(here), other.subscribe(there));
    hears(&mut elsewhere, &one, there, 1).await;
    hears(&mut listener, &one, here, 2).await;
    hears(&mut elsewhere, &one, there, 3).await;
    tasks.stop();
}
