//! Three servers as processes of their own, with Redis between them that carries everything, some of it, or nothing:
//! whoever writes what and where, all end with the same text.
use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::SmallRng};
use sqlx::ConnectOptions;
use tokio::process::Child;
use yrs::{ReadTxn, Transact};

use super::{editor::Editor, log};
use crate::support::{
    Site, TestDb,
    client::DEADLINE,
    proxy::Wire,
    redis::Redis,
    server::{free_address, started_with},
};

const ROUNDS: usize = 12;

/// A server, and its wire to Redis.
struct Node {
    site: Site,
    wire: Wire,
    child: Child,
}

impl Node {
    async fn start(database: &TestDb, redis: &Redis, folder: &std::path::Path) -> Self {
        let (address, wire) = (free_address(), Wire::towards(redis.place()).await);
        let url = database.options().to_url_lossy().to_string();
        let bus = format!("redis://{}", wire.address);
        let child = started_with(&[("DATABASE_URL", &url), ("REDIS_URL", &bus)], address, folder).await;
        Self { site: Site::at(address), wire, child }
    }
}

/// Everybody has saved what is theirs, and all read the same.
async fn agree(editors: &mut [Editor]) {
    let agreed = async {
        loop {
            let first = (editors[0].reads(), editors[0].doc.transact().state_vector());
            let same = |editor: &Editor| (editor.reads(), editor.doc.transact().state_vector()) == first;
            if editors.iter().all(|editor| editor.unsaved == 0 && same(editor)) {
                return;
            }
            for editor in &mut *editors {
                editor.hears_for(Duration::from_millis(10)).await;
            }
        }
    };
    assert!(tokio::time::timeout(DEADLINE, agreed).await.is_ok(), "never one text");
}

/// Random edits on three nodes; in each round a wire is cut with this chance in a hundred.
async fn write(lost: u32, seed: u64) {
    let mut dice = SmallRng::seed_from_u64(seed);
    let (database, redis, folder) = (TestDb::new().await, Redis::start(), tempfile::tempdir().unwrap());
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(Node::start(&database, &redis, folder.path()).await);
    }
    let ada = nodes[0].site.instructor("ada").await;
    let name = ada.notes(&ada.creates("Intro").await, "edit").await;
    let mut editors = Vec::new();
    for node in &nodes {
        editors.push(Editor::opens(node.site.address, &name, &ada.token).await.comes_in().await);
    }
    for round in 0..ROUNDS {
        for node in &nodes {
            if dice.random_range(0..100) < lost { node.wire.cut() } else { node.wire.mend() }
        }
        for edit in 0..15 {
            let editor = &mut editors[dice.random_range(0..3)];
            let (at, gone) = (dice.random_range(0..200), dice.random_range(0..4));
            editor.changes(at, gone, &format!("{round}.{edit} ")).await;
            editor.hears_for(Duration::from_millis(2)).await;
        }
        if round % 4 == 3 {
            // Somebody comes in on another node, with what they hold.
            let (who, node) = (dice.random_range(0..3), dice.random_range(0..3));
            let doc = editors[who].doc.clone();
            editors[who] = Editor::comes_back(nodes[node].site.address, &name, &ada.token, doc).await;
        }
    }
    agree(&mut editors).await;
    assert_eq!(log::read(&mut database.superuser().await).await.0, editors[0].reads(), "lost {lost}, seed {seed}");
    for node in &mut nodes {
        let fresh = Editor::opens(node.site.address, &name, &ada.token).await.comes_in().await;
        assert_eq!(fresh.reads(), editors[0].reads(), "lost {lost}, seed {seed}");
        node.child.kill().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_processes_converge_while_the_bus_carries() {
    write(0, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_processes_converge_while_the_bus_comes_and_goes() {
    write(30, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_processes_converge_without_a_bus() {
    write(100, 3).await;
}
