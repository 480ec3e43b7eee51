//! A command that was left behind on its way: it does not come after what its sender has done since.
use std::time::Duration;

use atelier::{bus::Bus, kernel::Code, live::core::Command};

use crate::support::{
    Atelier, Client, Reply,
    client::{DEADLINE, Key},
    machine::until,
    proxy,
    sheet::single,
    wire::{Wire, over_every_wire},
};

over_every_wire! {
    what_was_left_behind_is_not_done => left_behind,
}

fn is_late(reply: Option<Reply>) {
    assert!(matches!(reply, Some(Reply::Retry { code: Code::Conflict, .. })), "{reply:?}");
}

fn is_done(reply: Option<Reply>) -> u64 {
    let Some(Reply::Ack { seq, .. }) = reply else { panic!("{reply:?}") };
    seq
}

async fn left_behind(wire: Wire) {
    let app = Atelier::over_wire(wire).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let poll = single("Which?", &["A", "B", "C"]);
    host.opens(&poll).await;
    let bo = session.joins("Bo").await;
    let old = bo.votes(&poll, &["A"]).await;
    let vote = |word| poll.vote(&[word]);

    // The same person at a node that has just opened the room: it cannot tell what was done before, so it asks.
    host.does(Command::Lock { locked: true }).await;
    let second = app.another(Bus::local()).await;
    let elsewhere = Client::new(second.address, Key::Token(bo.token().await)).over(wire).of(session.id);
    elsewhere.comes().await;
    is_late(elsewhere.tries_after(old, vote("B")).await);
    let new = is_done(elsewhere.tries_after(old + 1, vote("B")).await);

    // The first node finds it in the log; what stood there already is no harm.
    is_late(bo.tries_after(old, vote("C")).await);
    is_done(bo.tries_after(old, vote("B")).await);
    is_late(bo.tries_after(new - 1, vote("C")).await);
    let truth = app.truth(&session).await;
    assert_eq!((truth.seq, truth.state.polls[&poll.id].ballots[&bo.me()].choice.clone()), (new, poll.choice(&["B"])));

    // Others may act meanwhile, and who knows may do it.
    host.does(Command::Lock { locked: false }).await;
    is_done(bo.tries_after(new, vote("C")).await);
}

/// A network keeps a vote back until its sender has given it up, gone to another node and voted anew.
#[tokio::test]
async fn a_network_that_delivers_late_undoes_nothing() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let poll = single("Which?", &["A", "B", "C"]);
    host.opens(&poll).await;
    let wire = proxy::Wire::towards(app.address.to_string()).await;
    let bo = session.seats(&app.site, "Bo").await;
    bo.moves_to(wire.address);
    bo.comes().await;
    bo.votes(&poll, &["A"]).await;
    wire.falls_silent();
    assert_eq!(bo.attempts(poll.vote(&["B"]), Duration::from_millis(50)).await, None);
    bo.breaks_off().await;
    bo.moves_to(app.address);
    bo.comes().await;
    for word in ["B", "C"] {
        is_done(bo.attempts(poll.vote(&[word]), DEADLINE).await);
    }
    wire.mend();
    until("the end of what was left behind", async || wire.is_idle()).await;
    // Behind it in the room's inbox.
    host.does(Command::Lock { locked: true }).await;
    let truth = app.truth(&session).await;
    assert_eq!(truth.state.polls[&poll.id].ballots[&bo.me()].choice, poll.choice(&["C"]));
}

#[tokio::test]
async fn over_one_connection_nothing_waits_for_the_answer_before() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let poll = single("Which?", &["A", "B", "C"]);
    host.opens(&poll).await;
    let bo = session.joins("Bo").await;
    let known = app.truth(&session).await.seq;
    let votes = ["A", "B", "C", "A"].map(|word| bo.tries_after(known, poll.vote(&[word])));
    let last = futures_util::future::join_all(votes).await.into_iter().map(is_done).max().unwrap();
    assert_eq!(app.truth(&session).await.seq, last);
    // Another connection of the same person, even to the same node, has to know.
    let again = Client::new(app.address, Key::Token(bo.token().await));
    again.comes().await;
    is_late(again.tries_after(known, poll.vote(&["B"])).await);
    is_done(again.tries_after(last, poll.vote(&["B"])).await);
    is_late(bo.tries_after(last, poll.vote(&["C"])).await);
}
