//! Five hundred people vote, change their minds, lose their connection and come back.
use std::{collections::BTreeMap, time::Duration};

use atelier::live::core::{Event, OptionId, ParticipantId};
use futures_util::{StreamExt, stream};

use crate::support::{Atelier, Client, sheet::single, truth::ballots};

const CROWD: usize = 500;

/// What the client was told: the number of each accepted vote, and for what.
type Receipts = Vec<(u64, OptionId)>;

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
            if n % 2 == 0 {
                person.breaks_off().await;
                // Comes back with the number held, and sends again what was not answered.
                person.comes().await;
            }
            receipts.push((person.insists(poll.vote(&[second])).await.0, poll.option(second)));
            (person.me(), receipts)
        }
    });
    let told: BTreeMap<ParticipantId, Receipts> =
        tokio::time::timeout(Duration::from_secs(60), futures_util::future::join_all(voting))
            .await
            .unwrap()
            .into_iter()
            .collect();
    let truth = app.truth(&session).await;
    oracle(&truth, &told);
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

/// Each receipt is an event or says "already so", in the order in which it was given; no vote stands that was not
/// cast; the ballot is the last one.
fn oracle(truth: &crate::support::Truth, told: &BTreeMap<ParticipantId, Receipts>) {
    let mut cast: BTreeMap<ParticipantId, Vec<(u64, OptionId)>> = BTreeMap::new();
    for entry in &truth.log {
        if let Event::Voted { participant, choice: atelier::live::core::Choice::Options(chosen), .. } = &entry.event {
            assert_eq!(entry.actor, Some(*participant));
            cast.entry(*participant).or_default().push((entry.seq, chosen[0]));
        }
    }
    assert_eq!(cast.len(), told.len(), "everybody has voted");
    for (person, receipts) in told {
        let events = &cast[person];
        let mut wanted: Vec<OptionId> = receipts.iter().map(|(_, option)| *option).collect();
        wanted.dedup();
        assert_eq!(events.iter().map(|(_, option)| *option).collect::<Vec<_>>(), wanted, "once each, in order");
        for (seq, option) in receipts {
            let before = events.iter().rev().find(|(at, _)| at <= seq).expect("the effect is in the log");
            assert_eq!(before.1, *option, "what was acknowledged stood at that number");
        }
    }
}
