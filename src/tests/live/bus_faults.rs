//! Redis is killed, frozen, emptied, and its connections are cut: slower for a while, and nothing is lost.
use std::time::{Duration, Instant};

use atelier::{bus::Bus, runtime::Tasks};
use axum::http::Method;
use tokio::time::timeout;

use super::bus::{bus, carries, channel, hears};
use crate::support::{
    Atelier, Client, Meeting, Setup,
    client::DEADLINE,
    redis::Redis,
    sheet::{multiple, tally},
};

/// A session that is hosted on one node and attended on another, with nothing but Redis between them.
struct House {
    first: Atelier,
    second: Atelier,
    session: Meeting,
    host: Client,
    guest: Client,
    buses: [Bus; 2],
    tasks: Tasks,
}

impl House {
    async fn over(url: &str) -> Self {
        let tasks = Tasks::new();
        let buses = [bus(url, &tasks).await, bus(url, &tasks).await];
        let first = Atelier::with(Setup { bus: buses[0].clone(), ..Setup::default() }).await;
        let second = first.another(buses[1].clone()).await;
        let ada = first.instructor("ada").await;
        let session = ada.creates("Intro").await;
        let host = ada.starts(&session).await;
        let guest = session.joins_at(&second.site, "Bo").await;
        Self { first, second, session, host, guest, buses, tasks }
    }

    /// The host opens a poll and the guest votes; how long it took until the other saw it.
    async fn works(&self) -> Duration {
        let poll = multiple("Which?", &["A", "B"], 2);
        self.host.opens(&poll).await;
        let began = Instant::now();
        self.guest.waits("the poll", |copy| copy.poll(poll.id).is_some()).await;
        let took = began.elapsed();
        self.guest.votes(&poll, &["A"]).await;
        self.host.sees(&poll, tally!["A": 1]).await;
        self.host.does(poll.close()).await;
        took
    }

    /// The bus of both nodes does not carry, and they say so.
    async fn is_degraded(&self) {
        for bus in &self.buses {
            timeout(DEADLINE, bus.watch().silent()).await.expect("it is noticed");
        }
        for node in [&self.first, &self.second] {
            let ready = node.ask(Method::GET, "/health/ready", None, None).await;
            ready.is(200);
            assert_eq!(ready.text("/status"), "degraded");
            assert!(ready.text("/checks/bus").starts_with("degraded: "), "{}", ready.body);
        }
    }

    async fn is_well(&self) {
        for bus in &self.buses {
            carries(bus).await;
        }
        let ready = self.second.ask(Method::GET, "/health/ready", None, None).await;
        assert_eq!((ready.text("/status"), ready.text("/checks/bus")), ("ok", "ok"));
    }

    /// Without Redis it is slower, but not by much.
    async fn polls(&self) {
        let mut took = Vec::new();
        for _ in 0..5 {
            took.push(self.works().await);
        }
        took.sort();
        assert!(took[2] < Duration::from_millis(300), "{took:?}");
    }

    async fn ends(self) {
        self.first.agrees_with(&self.session, &[&self.host, &self.guest]).await;
        self.tasks.stop();
    }
}

#[tokio::test]
async fn while_redis_is_down_the_database_is_polled_and_when_it_is_back_so_is_the_bus() {
    let mut redis = Redis::start();
    let house = House::over(&redis.url()).await;
    house.works().await;
    redis.falls();
    house.is_degraded().await;
    house.polls().await;
    // It comes back and knows nothing.
    redis.rises();
    house.is_well().await;
    house.works().await;
    house.ends().await;
}

#[tokio::test]
async fn a_redis_that_accepts_but_does_not_answer_is_noticed() {
    let redis = Redis::start();
    let house = House::over(&redis.url()).await;
    house.works().await;
    redis.freezes();
    house.is_degraded().await;
    house.polls().await;
    redis.thaws();
    house.is_well().await;
    house.works().await;
    house.ends().await;
}

#[tokio::test]
async fn a_silent_redis_is_noticed_though_nobody_says_anything() {
    let redis = Redis::start();
    let tasks = Tasks::new();
    let bus = bus(&redis.url(), &tasks).await;
    redis.freezes();
    timeout(DEADLINE, bus.watch().silent()).await.expect("it is noticed");
    redis.thaws();
    carries(&bus).await;
    tasks.stop();
}

#[tokio::test]
async fn killed_subscriptions_come_back() {
    let redis = Redis::start();
    let tasks = Tasks::new();
    let (one, other) = (bus(&redis.url(), &tasks).await, bus(&redis.url(), &tasks).await);
    let mut listener = other.subscribe(channel(1));
    for round in 1..=5 {
        hears(&mut listener, &one, channel(1), round).await;
        assert!(redis.tell("CLIENT KILL TYPE pubsub").starts_with(":2"), "two nodes listen");
        timeout(DEADLINE, other.watch().silent()).await.expect("it is noticed");
        carries(&one).await;
        carries(&other).await;
    }
    hears(&mut listener, &one, channel(1), 6).await;
    tasks.stop();
}
