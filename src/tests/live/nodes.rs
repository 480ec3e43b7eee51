//! Two nodes over one database: any of them may write any session, and nobody can tell the difference.
use std::{collections::HashSet, sync::Arc};

use atelier::{
    bus::{Bus, Channel, Packet},
    kernel::Id,
    live::core::Command,
    runtime::Tasks,
};
use parking_lot::Mutex;
use serde_json::json;
use uuid::Uuid;

use crate::support::{
    Account, Atelier, Client, Meeting, Reply, Setup,
    sheet::{fresh, multiple, tally},
    truth::ballots,
};

/// Everybody votes, asks and supports on two nodes at once; then all are alike.
#[expect(clippy::too_many_lines, reason = "one script")]
pub async fn two_nodes_agree(bus: Bus, other_bus: Bus, between: Option<&Tasks>) {
    let first = Atelier::with(Setup { bus: bus.clone(), ..Setup::default() }).await;
    let second = first.another(other_bus.clone()).await;
    let ada = first.instructor("ada").await;
    let session = ada.creates("Intro").await;
    if let Some(tasks) = between {
        let channel = session_channel(&ada, &session);
        let carried = Arc::default();
        carry_badly(tasks, channel, &bus, &other_bus, &carried);
        carry_badly(tasks, channel, &other_bus, &bus, &carried);
    }
    let host = ada.starts(&session).await;
    let mut people = Vec::new();
    for n in 0..12 {
        let site = if n % 2 == 0 { &first.site } else { &second.site };
        people.push(session.joins_at(site, &format!("P{n}")).await);
    }
    let away = ada.projects(&session).await;
    away.breaks_off().await;
    away.moves_to(second.address);
    away.comes().await;
    let poll = multiple("Which?", &["A", "B", "C"], 3);
    host.opens(&poll).await;
    for person in &people {
        person.waits("the poll", |copy| copy.poll(poll.id).is_some()).await;
    }
    let shared = people[0].asks("Shared?").await;
    for person in &people {
        person.waits("the question", |copy| copy.question(shared).is_some()).await;
    }
    let busy = people.iter().enumerate().map(|(n, person)| {
        let poll = &poll;
        async move {
            for round in 0..10 {
                let words = [&["A"][..], &["B", "C"], &["C"]][(n + round) % 3];
                person.votes(poll, words).await;
                person.does(Command::Hand { participant: person.me(), raised: round % 2 == 0 }).await;
                if n > 0 {
                    person.does(Command::Upvote { question: shared, on: (round + n) % 3 > 0 }).await;
                }
                if round % 5 == 0 {
                    person.asks(&format!("{n}: {round}?")).await;
                }
            }
        }
    });
    futures_util::future::join_all(busy).await;
    let mut everybody: Vec<&Client> = people.iter().collect();
    everybody.extend([&host, &away]);
    let truth = first.agrees_with(&session, &everybody).await;
    let votes: Vec<_> = ballots(&truth.state.polls[&poll.id]).collect();
    assert_eq!(votes.len(), people.len(), "one ballot each");
    host.does(poll.close()).await;
    let truth = first.agrees_with(&session, &everybody).await;
    // A node that has never seen the session reads the same.
    let third = first.another(Bus::local()).await;
    host.breaks_off().await;
    host.moves_to(third.address);
    host.forgets();
    host.comes().await;
    host.holds(&truth).await;
    // And each way back to another node resumes.
    let mover = &people[1];
    mover.breaks_off().await;
    mover.moves_to(first.address);
    host.does(poll.reveal(true)).await;
    mover.comes().await;
    first.agrees_with(&session, &everybody).await;
}

pub fn session_channel(ada: &Account, session: &Meeting) -> Channel {
    let organization = Id::new(ada.body["organization"]["id"].as_str().unwrap().parse().unwrap());
    Channel::live(organization, session.id.uuid())
}

/// A network between two buses that loses one message in five, doubles one, and swaps two.
fn carry_badly(tasks: &Tasks, channel: Channel, from: &Bus, to: &Bus, carried: &Arc<Mutex<HashSet<Uuid>>>) {
    let (mut heard, to, carried) = (from.subscribe(channel), to.clone(), carried.clone());
    tasks.spawn_until_shutdown("a bad network", async move {
        let (mut count, mut late) = (0, None::<Packet>);
        let mut own = HashSet::new();
        loop {
            let Some(packet) = heard.next().await else { continue };
            // What came from the other side does not go back.
            if !own.contains(&packet.origin) && carried.lock().contains(&packet.origin) {
                continue;
            }
            own.insert(packet.origin);
            carried.lock().insert(packet.origin);
            count += 1;
            match count % 5 {
                0 => {}
                1 => late = Some(packet),
                2 => {
                    to.publish(channel, packet.clone());
                    to.publish(channel, packet);
                }
                _ => to.publish(channel, packet),
            }
            if count % 5 != 1
                && let Some(late) = late.take()
            {
                to.publish(channel, late);
            }
        }
    });
}

#[tokio::test]
async fn two_nodes_that_hear_each_other_agree() {
    let bus = Bus::local();
    two_nodes_agree(bus.clone(), bus, None).await;
}

#[tokio::test]
async fn two_nodes_agree_over_a_network_that_loses_doubles_and_swaps() {
    let tasks = Tasks::new();
    two_nodes_agree(Bus::local(), Bus::local(), Some(&tasks)).await;
    tasks.stop();
}

#[tokio::test]
async fn two_nodes_that_do_not_hear_each_other_agree() {
    two_nodes_agree(Bus::local(), Bus::local(), None).await;
}

#[tokio::test]
async fn a_node_that_only_listens_misses_nothing_that_was_lost_on_the_way() {
    let (bus, other_bus, tasks) = (Bus::local(), Bus::local(), Tasks::new());
    let first = Atelier::with(Setup { bus: bus.clone(), ..Setup::default() }).await;
    let second = first.another(other_bus.clone()).await;
    let ada = first.instructor("ada").await;
    let session = ada.creates("Intro").await;
    carry_badly(&tasks, session_channel(&ada, &session), &bus, &other_bus, &Arc::default());
    let host = ada.starts(&session).await;
    let listener = ada.enters(&session, None).await;
    listener.breaks_off().await;
    listener.moves_to(second.address);
    listener.comes().await;
    for n in 0..30 {
        host.does(multiple(&format!("{n}?"), &["A", "B"], 2).create()).await;
    }
    first.agrees_with(&session, &[&host, &listener]).await;
    tasks.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_goes_from_node_to_node_is_told_everything_once() {
    let bus = Bus::local();
    let first = Atelier::with(Setup { bus: bus.clone(), ..Setup::default() }).await;
    let second = first.another(bus).await;
    let ada = first.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    // Both nodes have an audience that is told things on the tick.
    let (bo, cy, restless) = (
        session.joins_at(&first.site, "Bo").await,
        session.joins_at(&second.site, "Cy").await,
        session.joins_at(&first.site, "Di").await,
    );
    let poll = multiple("Which?", &["A", "B"], 2);
    host.opens(&poll).await;
    let going = async {
        for turn in 0..40 {
            restless.moves_to(if turn % 2 == 0 { second.address } else { first.address });
            restless.breaks_off().await;
            restless.comes().await;
            let held = restless.seq();
            restless.waits("something new", |copy| copy.seq > held + 1).await;
        }
    };
    tokio::select! {
        () = going => {}
        () = async {
            for turn in 0.. {
                bo.votes(&poll, &[["A", "B"][turn % 2]]).await;
            }
        } => {}
    }
    // Behind the one that was under way.
    bo.votes(&poll, &["A"]).await;
    first.agrees_with(&session, &[&host, &bo, &cy, &restless]).await;
}

#[tokio::test]
async fn nobody_is_turned_away_by_a_node_that_has_not_heard_of_the_beginning() {
    let first = Atelier::start().await;
    let second = first.another(Bus::local()).await;
    let ada = first.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.enters(&session, None).await;
    second.join(&session.code, None, None).await.refuses(409, "session_not_started");
    host.starts().await;
    // At once, before the second node compares numbers.
    second.join(&session.code, None, None).await.is(200);
}

#[tokio::test]
async fn the_limit_holds_over_two_nodes() {
    let first = Atelier::start().await;
    let second = first.another(Bus::local()).await;
    let ada = first.instructor("ada").await;
    let session = ada.creates_as(json!({ "title": "Intro", "maxParticipants": 5 })).await;
    let host = ada.starts(&session).await;
    let wishes = (0..20).map(|n| {
        let site = if n % 2 == 0 { &first.site } else { &second.site };
        let code = &session.code;
        async move { site.join(code, None, None).await.status.as_u16() }
    });
    let answers = futures_util::future::join_all(wishes).await;
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 5, "{answers:?}");
    assert!(answers.iter().all(|status| matches!(status, 200 | 409)));
    first.agrees_with(&session, &[&host]).await;
}

#[tokio::test]
async fn a_vote_resent_to_the_other_node_counts_once() {
    let first = Atelier::start().await;
    let second = first.another(Bus::local()).await;
    let ada = first.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    let poll = multiple("Which?", &["A", "B"], 2).final_votes();
    host.opens(&poll).await;
    let seq = bo.votes(&poll, &["A"]).await;
    bo.breaks_off().await;
    bo.moves_to(second.address);
    bo.comes().await;
    assert!(matches!(bo.tries(poll.vote(&["A"])).await, Some(Reply::Ack { .. })));
    let question = fresh();
    let ask = Command::Ask { question, body: "Why?".to_owned(), anonymous: false };
    bo.does(&ask).await;
    bo.breaks_off().await;
    bo.moves_to(first.address);
    bo.comes().await;
    bo.does(&ask).await;
    host.sees(&poll, tally!["A": 1]).await;
    let truth = first.agrees_with(&session, &[&host, &bo]).await;
    assert_eq!(truth.seq, seq + 1, "one vote, one question");
}
