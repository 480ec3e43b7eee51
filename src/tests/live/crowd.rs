//! Five hundred people vote, change their minds, lose their connection and come back.
use std::{collections::BTreeMap, time::Duration};

use atelier::live::core::ParticipantId;
use futures_util::{StreamExt, stream};

use crate::support::{
    Atelier, Client,
    sheet::single,
    truth::{Receipts, ballots},
};

const CROWD: usize = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_people_vote_and_nothing_is_lost_doubled_or_out_of_order() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Auditorium").await;
    let host = ada.starts(&session).await;
    let screen = ada.projects(&session).await;
    let poll = single("Which?", &["A", "B", "C", "D"]);
    host.opens(&poll).await;
    let people: Vec<Client> = stream::iter(0..CROWD)
        .map(|n| {
            let session = &session;
            async move { session.joins(&format!("P{n}")).await }
        })
        .buffer_unordered(50)
        .collect()
        .await;
    host.waits("everybody", |copy| copy.online as usize == CROWD).await;
    let labels = ["A", "B", "C", "D"];
    let voting = people.iter().enumerate().map(|(n, person)| {
        let poll = &poll;
        async move {
            let (first, second) = (labels[n % 4], labels[(n / 4) % 4]);
            let mut receipts: Receipts = vec![(person.insists(poll.vote(&[first])).await.0, poll.option(first))];
            person.breaks_off().await;
            // Comes back with the number held, and sends again what was not answered.
            person.comes().await;
            receipts.push((person.insists(poll.vote(&[second])).await.0, poll.option(second)));
            (person.me(), receipts)
        }
    });
    let told: BTreeMap<ParticipantId, Receipts> =
        tokio::time::timeout(Duration::from_mins(1), futures_util::future::join_all(voting))
            .await
            .unwrap()
            .into_iter()
            .collect();
    let truth = app.truth(&session).await;
    truth.accounts_for(&told);
    let mut counts = BTreeMap::new();
    for (_, _, choice, _) in ballots(&truth.state.polls[&poll.id]) {
        let atelier::live::core::Choice::Options(chosen) = choice else { panic!("options") };
        let label = labels.iter().find(|label| poll.option(label) == chosen[0]).unwrap();
        *counts.entry((*label).to_owned()).or_insert(0) += 1;
    }
    assert_eq!(counts.values().sum::<u32>() as usize, CROWD);
    screen.sees(&poll, counts.clone()).await;
    host.sees(&poll, counts).await;
    for person in &people {
        person.holds(&truth).await;
    }
    host.does(poll.close()).await;
    let closed = app.truth(&session).await;
    for person in &people {
        person.holds(&closed).await;
    }
}
