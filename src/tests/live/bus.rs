//! Nodes that hear each other through a real Redis.
use std::time::Duration;

use atelier::{
    bus::{Bus, Channel, Packet, Subscription},
    kernel::{Clock, Id},
    runtime::Tasks,
};
use bytes::Bytes;
use serde_json::json;
use tokio::time::timeout;
use uuid::Uuid;

use super::nodes::{session_channel, two_nodes_agree};
use crate::support::{
    Atelier, Setup,
    client::DEADLINE,
    redis::{Redis, until},
    sheet::multiple,
};

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
    Channel::live(Id::new(Uuid::from_u128(1)), Uuid::from_u128(session))
}

pub fn packet(to: u64) -> Packet {
    Packet { origin: Uuid::nil(), after: to - 1, to, payload: Bytes::from_static(b"[]") }
}

/// Publishes until it is heard: a fresh subscription takes a moment.
pub async fn hears(listener: &mut Subscription, from: &Bus, channel: Channel, to: u64) {
    let heard = async {
        loop {
            from.publish(channel, packet(to));
            match timeout(Duration::from_millis(50), listener.next()).await {
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

#[tokio::test]
async fn who_begins_to_listen_is_told_to_compare_numbers() {
    let tasks = Tasks::new();
    let bus = bus(&shared(), &tasks).await;
    let mut watch = bus.watch();
    let _listener = bus.subscribe(channel(4));
    timeout(DEADLINE, watch.changed()).await.expect("what came before was not heard");
    tasks.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_listens_again_at_once_is_not_forgotten() {
    let redis = Redis::start();
    let tasks = Tasks::new();
    let (one, other) = (bus(&redis.url(), &tasks).await, bus(&redis.url(), &tasks).await);
    for round in 1..=30 {
        let channels: Vec<_> = (1..=10).map(channel).collect();
        let mut listeners: Vec<_> = channels.iter().map(|channel| other.subscribe(*channel)).collect();
        if round % 3 == 0 {
            hears(&mut listeners[0], &one, channels[0], round).await;
        }
        if round % 10 == 0 {
            redis.tell("CLIENT KILL TYPE pubsub");
        }
        for listener in &mut listeners {
            // The last one leaves, and the next one comes before Redis has heard of it.
            *listener = other.subscribe(channels[0]);
        }
        listeners = channels.iter().map(|channel| other.subscribe(*channel)).collect();
        if round % 5 == 0 {
            for (listener, channel) in listeners.iter_mut().zip(&channels) {
                hears(listener, &one, *channel, round).await;
            }
        }
    }
    until(|| redis.tell("PUBSUB CHANNELS atelier:*:live:*").starts_with("*0"), || "nothing is left".to_owned());
    tasks.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_agree_while_their_connections_are_cut_again_and_again() {
    let redis = Redis::start();
    let tasks = Tasks::new();
    let (one, other) = (bus(&redis.url(), &tasks).await, bus(&redis.url(), &tasks).await);
    tokio::select! {
        () = two_nodes_agree(one, other, None) => {}
        () = async {
            loop {
                tokio::time::sleep(Duration::from_millis(150)).await;
                redis.tell("CLIENT KILL TYPE pubsub");
            }
        } => {}
    }
    tasks.stop();
}

#[tokio::test]
async fn packets_that_do_not_belong_or_make_no_sense_do_no_harm() {
    let tasks = Tasks::new();
    let (one, other) = (bus(&shared(), &tasks).await, bus(&shared(), &tasks).await);
    let first = Atelier::with(Setup { bus: one.clone(), ..Setup::default() }).await;
    let second = first.another(other).await;
    let ada = first.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let guest = session.joins_at(&second.site, "Bo").await;
    let here = session_channel(&ada, &session);
    let truth = first.agrees_with(&session, &[&host, &guest]).await;
    let (seq, events) = (truth.seq, |seqs: &[u64]| {
        let event = |seq: &u64| {
            json!({ "seq": seq, "at": "2026-01-01T00:00:00Z", "actor": null,
            "event": { "type": "session.locked", "locked": true } })
        };
        Bytes::from(serde_json::to_vec(&seqs.iter().map(event).collect::<Vec<_>>()).unwrap())
    });
    let end = Packet { origin: Uuid::nil(), after: seq, to: seq + 1, payload: events(&[seq + 1]) };
    let by = |label: &'static str| refusals(&second, label);
    let before = [by("foreign").await, by("malformed").await, by("version").await, by("too_large").await];
    let raw = redis::Client::open(shared()).unwrap();
    let mut raw = raw.get_multiplexed_async_connection().await.unwrap();
    let foreign = Channel { organization: Id::new(Uuid::from_u128(7)), ..here };
    for bytes in [
        end.encode(foreign),
        end.encode(Channel { id: Uuid::from_u128(7), ..here }),
        b"nonsense".to_vec(),
        vec![1; 10],
        vec![1; 8 * 1024 * 1024],
        // These pass the bus, and the room looks at them.
        Packet { to: seq + 9, ..end.clone() }.encode(here),
        Packet { after: seq - 1, ..end.clone() }.encode(here),
        Packet { payload: events(&[seq + 2]), ..end.clone() }.encode(here),
        Packet { payload: events(&[]), ..end.clone() }.encode(here),
        Packet { payload: Bytes::from_static(b"{"), ..end.clone() }.encode(here),
        Packet { after: i64::MAX as u64 - 1, to: i64::MAX as u64, ..end.clone() }.encode(here),
    ] {
        let heard: usize = redis::cmd("PUBLISH").arg(here.to_string()).arg(bytes).query_async(&mut raw).await.unwrap();
        assert_eq!(heard, 2);
    }
    host.opens(&multiple("Which?", &["A", "B"], 2)).await;
    let truth = first.agrees_with(&session, &[&host, &guest]).await;
    assert!(truth.seq > seq);
    // Two nodes refuse each of them.
    let after = [by("foreign").await, by("malformed").await, by("version").await, by("too_large").await];
    let more: Vec<_> = before.iter().zip(after).map(|(before, after)| after - before).collect();
    assert_eq!(more, [4, 2, 2, 2]);
    tasks.stop();
}

/// How many packets were refused for this reason, by all nodes of this process.
async fn refusals(node: &Atelier, why: &str) -> u64 {
    let metrics = reqwest::get(format!("http://{}/metrics", node.address)).await.unwrap().text().await.unwrap();
    let name = format!("atelier_bus_refused_total{{why=\"{why}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
}
