//! The server is killed in the middle of a burst of votes, and started again.
use std::{collections::BTreeMap, net::SocketAddr, process::Stdio};

use atelier::live::core::ParticipantId;
use sqlx::ConnectOptions;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::support::{Client, Site, TestDb, Truth, client::DEADLINE, sheet::single, truth::Receipts};

/// A server of its own process, which has said that it is ready.
async fn started(database: &TestDb, address: SocketAddr, folder: &std::path::Path) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_atelier"))
        .arg("serve")
        .current_dir(folder)
        .env_clear()
        .env("DATABASE_URL", database.options().to_url_lossy().to_string())
        .env("ATELIER_LISTEN", address.to_string())
        .env("ATELIER_LIMIT_COMMANDS_PER_SECOND", "10000")
        .env("ATELIER_LIMIT_COMMANDS_BURST", "10000")
        .env("ATELIER_LOG", "error")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("/docs") {
                return;
            }
        }
        panic!("the server has ended");
    };
    timeout(DEADLINE, ready).await.expect("ready");
    child
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_every_vote_is_there_exactly_once() {
    let database = TestDb::new().await;
    let folder = tempfile::tempdir().unwrap();
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut child = started(&database, address, folder.path()).await;
    let site = Site::at(address);
    let ada = site.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let mut people: Vec<Client> = Vec::new();
    for n in 0..20 {
        people.push(session.joins(&format!("P{n}")).await);
    }
    let poll = single("Which?", &["A", "B"]);
    host.opens(&poll).await;
    let seen = tokio::sync::Semaphore::new(0);
    let voting = futures_util::future::join_all(people.iter().map(|person| {
        let (poll, seen) = (&poll, &seen);
        async move {
            let mut receipts = Receipts::new();
            for turn in 0..40 {
                let label = ["A", "B"][turn % 2];
                receipts.push((person.insists(poll.vote(&[label])).await.0, poll.option(label)));
                seen.add_permits(1);
            }
            (person.me(), receipts)
        }
    }));
    let trouble = async {
        for votes in [100, 200] {
            seen.acquire_many(votes).await.unwrap().forget();
            child.kill().await.unwrap();
            child = started(&database, address, folder.path()).await;
        }
        child
    };
    let (told, mut child) = tokio::join!(voting, trouble);
    let told: BTreeMap<ParticipantId, Receipts> = told.into_iter().collect();
    host.comes().await;
    let truth = Truth::read(&database, session.id).await;
    truth.accounts_for(&told);
    for client in people.iter().chain([&host]) {
        client.holds(&truth).await;
    }
    child.kill().await.unwrap();
}
