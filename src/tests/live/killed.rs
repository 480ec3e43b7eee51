//! The server is killed in the middle of a burst of votes, and started again.
use std::collections::BTreeMap;

use atelier::live::core::ParticipantId;
use sqlx::ConnectOptions;

use crate::support::{
    Client, Site, TestDb, Truth,
    server::{free_address, started},
    sheet::single,
    truth::Receipts,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_every_vote_is_there_exactly_once() {
    let database = TestDb::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (address, url) = (free_address(), database.options().to_url_lossy().to_string());
    let mut child = started(&url, address, folder.path()).await;
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
            child = started(&url, address, folder.path()).await;
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
