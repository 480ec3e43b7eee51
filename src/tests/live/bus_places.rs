//! Redis behind a password, behind TLS, behind Sentinels, and as a Cluster.
use std::net::TcpListener;

use atelier::{
    bus::{Bus, redis::Settings},
    kernel::Clock,
    runtime::Tasks,
};
use tokio::time::timeout;

use super::{
    bus::{bus, carries, channel, hears},
    nodes::two_nodes_agree,
};
use crate::support::{
    client::DEADLINE,
    redis::{Certificates, Cluster, Redis, SETTLED, until},
};

fn opened(settings: Settings, tasks: &Tasks) -> Bus {
    let (bus, work) = Bus::redis(settings, &Clock::system());
    tasks.spawn_until_shutdown("bus", work);
    bus
}

/// Why it does not carry, once it has tried.
async fn complains(settings: Settings, about: &str) {
    let tasks = Tasks::new();
    let bus = opened(settings, &tasks);
    let mut watch = bus.watch();
    let said = timeout(DEADLINE, async {
        while !bus.health().to_string().contains(about) {
            watch.changed().await;
        }
    });
    assert!(said.await.is_ok(), "{} does not speak of {about}", bus.health());
    assert!(!bus.health().to_string().contains("geheim"));
    tasks.stop();
}

/// Each of them is silent for a while, and carries again.
async fn come_back<const N: usize>(buses: [&Bus; N]) {
    let each = buses.map(|bus| async move {
        let mut watch = bus.watch();
        timeout(SETTLED, watch.silent()).await.expect("the loss is noticed");
        timeout(SETTLED, watch.carrying()).await.unwrap_or_else(|_| panic!("{}", bus.health()));
    });
    futures_util::future::join_all(each).await;
}

#[tokio::test]
async fn a_user_needs_the_right_password_and_no_rights_beyond_the_bus() {
    let rules = "--user default off --user me on >geheim &atelier:* +@connection +@pubsub";
    let redis = Redis::with(&rules.split(' ').collect::<Vec<_>>());
    let url = |login: &str| format!("redis://{login}127.0.0.1:{}", redis.port);
    let tasks = Tasks::new();
    let (one, other) = (bus(&url("me:geheim@"), &tasks).await, bus(&url("me:geheim@"), &tasks).await);
    hears(&mut other.subscribe(channel(1)), &one, channel(1), 1).await;
    complains(url("me:geheimer@").parse().unwrap(), "WRONGPASS").await;
    complains(url("").parse().unwrap(), "NOAUTH").await;
    tasks.stop();
}

#[tokio::test]
async fn what_accepts_and_never_answers_is_no_redis() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    complains(format!("redis://127.0.0.1:{port}").parse().unwrap(), "no answer in time").await;
    complains(format!("redis+sentinel://127.0.0.1:{port}/house").parse().unwrap(), "no answer in time").await;
    complains(format!("redis+cluster://127.0.0.1:{port}").parse().unwrap(), "no answer in time").await;
}

#[tokio::test]
async fn a_password_alone_will_do() {
    let redis = Redis::with(&["--requirepass", "geheim@home"]);
    let tasks = Tasks::new();
    let one = bus(&format!("redis://:geheim%40home@127.0.0.1:{}", redis.port), &tasks).await;
    hears(&mut one.subscribe(channel(1)), &one, channel(1), 1).await;
    tasks.stop();
}

#[tokio::test]
async fn over_tls_both_sides_show_who_they_are() {
    let certificates = Certificates::make();
    let redis = Redis::secured(&certificates);
    let settings = || format!("rediss://127.0.0.1:{}", redis.port).parse::<Settings>().unwrap();
    let ours = || Some((certificates.read("client.pem"), certificates.read("client.key")));
    let trusted = settings().with_certificates(Some(certificates.read("ca.pem")), ours()).unwrap();
    let tasks = Tasks::new();
    let one = opened(trusted, &tasks);
    carries(&one).await;
    hears(&mut one.subscribe(channel(1)), &one, channel(1), 1).await;
    // A server that nobody vouches for, and a client that shows nothing.
    complains(settings().with_certificates(None, ours()).unwrap(), "UnknownIssuer").await;
    let nameless = settings().with_certificates(Some(certificates.read("ca.pem")), None).unwrap();
    complains(nameless, "CertificateRequired").await;
    tasks.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_name_the_master_and_the_next_one() {
    let mut master = Redis::start();
    let replica = Redis::with(&["--replicaof", "127.0.0.1", &master.port.to_string()]);
    until(|| replica.tell("INFO replication").contains("link_status:up"), || "it follows".to_owned());
    let sentinels = [(); 3].map(|()| Redis::sentinel(master.port));
    for sentinel in &sentinels {
        let knows = || {
            let said = sentinel.tell("SENTINEL MASTER house");
            let of = |key: &str| said.lines().skip_while(|line| *line != key).nth(2).map(str::to_owned);
            of("num-slaves").as_deref() == Some("1") && of("num-other-sentinels").as_deref() == Some("2")
        };
        until(knows, || sentinel.tell("SENTINEL MASTER house"));
    }
    let tasks = Tasks::new();
    let hosts = sentinels.each_ref().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).join(",");
    let url = format!("redis+sentinel://{hosts}/house");
    let (one, other) = (bus(&url, &tasks).await, bus(&url, &tasks).await);
    let mut listener = other.subscribe(channel(1));
    hears(&mut listener, &one, channel(1), 1).await;
    assert!(replica.tell("PUBSUB NUMPAT").starts_with(":0") && master.tell("CLIENT LIST").contains("sub=2"));
    master.falls();
    come_back([&one, &other]).await;
    assert!(replica.tell("ROLE").contains("master"));
    hears(&mut listener, &one, channel(1), 2).await;
    // The old one comes back and takes itself for the master.
    master.rises();
    hears(&mut listener, &one, channel(1), 3).await;
    complains(format!("redis+sentinel://{hosts}/elsewhere").parse().unwrap(), "sentinels").await;
    tasks.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_agree_over_a_cluster_and_channels_follow_their_slots() {
    let mut cluster = Cluster::start();
    let tasks = Tasks::new();
    let (one, other) = (bus(&cluster.url(), &tasks).await, bus(&cluster.url(), &tasks).await);
    two_nodes_agree(one.clone(), other.clone(), None).await;
    let channels: Vec<_> = (1..40).map(channel).collect();
    let mut listeners: Vec<_> = channels.iter().map(|channel| other.subscribe(*channel)).collect();
    let mut round = 0;
    let mut all_are_heard = async || {
        round += 1;
        for (listener, channel) in listeners.iter_mut().zip(&channels) {
            hears(listener, &one, *channel, round).await;
        }
    };
    all_are_heard().await;
    let shards: Vec<_> = channels.iter().map(|channel| cluster.owner(&channel.to_string())).collect();
    assert!((0..3).all(|shard| shards.contains(&shard)), "all servers take part: {shards:?}");
    // Sharded: each server carries its own only.
    let own = cluster.masters[2].tell("PUBSUB SHARDCHANNELS atelier:00000000-*:live:*");
    assert!(own.starts_with(&format!("*{}\r\n", shards.iter().filter(|shard| **shard == 2).count())), "{own}");

    let at = shards.iter().position(|shard| *shard == 2).unwrap();
    cluster.moves(&channels[at].to_string(), 2, 1);
    all_are_heard().await;

    for master in &cluster.masters {
        master.tell("CLIENT KILL TYPE pubsub");
    }
    all_are_heard().await;

    cluster.masters[0].falls();
    come_back([&one, &other]).await;
    assert!(cluster.replica.tell("ROLE").contains("master"));
    all_are_heard().await;
    tasks.stop();
}
