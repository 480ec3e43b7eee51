//! Coming back: exactly what was missed, or everything; the same seat, and not too many of it.
use atelier::live::core::{Command, Stage};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    Atelier, Client, Wire,
    client::{DEADLINE, Key, dial},
    sheet::{single, tally},
    wire::over_every_wire,
};

over_every_wire! {
    who_comes_back_gets_exactly_what_was_missed => missed,
    results_are_up_to_date_for_those_who_were_the_only_ones_to_see_them => only_viewers,
}

#[tokio::test]
async fn one_seat_has_three_sockets_and_the_fourth_takes_the_place_of_the_first() {
    twins(Wire::Socket).await;
}

#[tokio::test]
async fn one_seat_has_three_streams_of_events_and_the_fourth_takes_the_place_of_the_first() {
    twins(Wire::Events).await;
}

async fn missed(wire: Wire) {
    let app = Atelier::over_wire(wire).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let screen = ada.projects(&session).await;
    let (bo, cy) = (session.joins("Bo").await, session.joins("Cy").await);
    app.agrees_with(&session, &[&host, &screen, &bo, &cy]).await;
    let before = bo.seq();
    bo.breaks_off().await;
    screen.breaks_off().await;
    let poll = single("Tea?", &["yes", "no"]);
    host.opens(&poll).await;
    let asked = cy.asks("Why?").await;
    cy.votes(&poll, &["yes"]).await;
    host.does(Command::Upvote { question: asked, on: true }).await;
    let head = app.truth(&session).await.seq;
    for client in [&bo, &screen] {
        let snapshots = client.look(|copy| copy.snapshots);
        client.comes().await;
        client.waits("the rest", |copy| copy.seq == head).await;
        let (resumed, again, covered) = client.look(|copy| (copy.resumed, copy.snapshots, copy.covered.clone()));
        assert!(resumed && again == snapshots, "no snapshot is needed");
        let mut number = before;
        for (after, seq) in covered {
            assert_eq!(after, number, "each begins where the one before ended");
            number = seq;
        }
        assert_eq!(number, head);
        client.sees(&poll, tally!["yes": 1]).await;
    }
    app.agrees_with(&session, &[&host, &screen, &bo, &cy]).await;
    // Nothing missed, nothing sent.
    bo.breaks_off().await;
    bo.comes().await;
    host.settles(&[&bo]).await;
    assert!(bo.look(|copy| copy.resumed && copy.covered.first().is_some_and(|(after, _)| *after == head)));
    app.agrees_with(&session, &[&host, &screen, &bo, &cy]).await;
}

async fn only_viewers(wire: Wire) {
    let app = Atelier::over_wire(wire).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let screen = ada.projects(&session).await;
    let (bo, cy) = (session.joins("Bo").await, session.joins("Cy").await);
    let poll = single("Tea?", &["yes", "no"]);
    host.opens(&poll).await;
    bo.votes(&poll, &["yes"]).await;
    for client in [&host, &screen] {
        client.sees(&poll, tally!["yes": 1]).await;
        client.breaks_off().await;
    }
    cy.votes(&poll, &["no"]).await;
    bo.sees(&poll, tally!["yes": 1, "no": 1]).await;
    for client in [&host, &screen] {
        client.comes().await;
        assert!(client.look(|copy| copy.resumed));
        client.sees(&poll, tally!["yes": 1, "no": 1]).await;
    }
    app.agrees_with(&session, &[&host, &screen, &bo, &cy]).await;
}

#[tokio::test]
async fn after_very_much_a_snapshot_says_it_all() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    host.does(json!({ "configure": { "preModerated": true } })).await;
    let poll = single("Tea?", &["yes", "no"]);
    host.opens(&poll).await;
    bo.votes(&poll, &["yes"]).await;
    let pending = bo.asks("Pending?").await;
    bo.waits("one's own", |copy| copy.own_question(pending).is_some()).await;
    bo.breaks_off().await;
    // More than the room remembers.
    for chunk in 0..9 {
        let flips = (0..1_000).map(|n| json!({ "lock": { "locked": (n + chunk) % 2 == 0 } }));
        host.tries_all(flips).await;
    }
    let truth = app.agrees_with(&session, &[&host]).await;
    assert!(truth.seq > 8_500, "{}", truth.seq);
    let snapshots = bo.look(|copy| copy.snapshots);
    bo.comes().await;
    assert!(!bo.look(|copy| copy.resumed));
    app.agrees_with(&session, &[&bo]).await;
    assert_eq!(bo.look(|copy| copy.snapshots), snapshots + 1);
    assert!(bo.look(|copy| copy.vote(poll.id).is_some() && copy.own_question(pending).is_some()));
}

#[tokio::test]
async fn a_late_guest_lands_on_what_goes_on() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let poll = single("Tea?", &["yes", "no"]).timed(600);
    host.opens(&poll).await;
    host.votes(&poll, &["yes"]).await;
    let late = session.joins("Late").await;
    late.sees(&poll, tally!["yes": 1]).await;
    assert!(late.look(|copy| copy.poll(poll.id).unwrap().timer.is_some()));
    assert_eq!(late.look(|copy| copy.state.clone().unwrap().stage.show), Stage::Poll { poll: poll.id });
    app.agrees_with(&session, &[&host, &late]).await;
}

async fn twins(wire: Wire) {
    let app = Atelier::over_wire(wire).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    let token = bo.token().await;
    let poll = single("Tea?", &["yes", "no"]);
    host.opens(&poll).await;
    let mut more = Vec::new();
    for _ in 0..3 {
        let twin = Client::new(app.address, Key::Token(token.clone())).over(wire);
        twin.comes().await;
        assert_eq!(twin.me(), bo.me());
        more.push(twin);
    }
    bo.is_closed_with(4010).await;
    more[0].votes(&poll, &["yes"]).await;
    for twin in &more {
        twin.waits("the vote", |copy| copy.vote(poll.id).is_some()).await;
    }
    host.waits("one", |copy| copy.online == 1).await;
    let truth = app.agrees_with(&session, &[&host, &more[0], &more[1], &more[2]]).await;
    assert_eq!(truth.state.people.len(), 2);
}

#[tokio::test]
async fn one_seat_has_three_connections_however_many_come_at_once() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let token = session.joins("Bo").await.token().await;
    let twins: Vec<Client> = (0..30).map(|_| Client::new(app.address, Key::Token(token.clone()))).collect();
    futures_util::future::join_all(twins.iter().map(Client::tries_to_come)).await;
    let closed = futures_util::future::select_all(twins.iter().map(|twin| Box::pin(twin.is_closed_with(4010))));
    let ((), _, mut open) = closed.await;
    for _ in 1..twins.len() - 3 {
        let ((), _, rest) = futures_util::future::select_all(open).await;
        open = rest;
    }
    host.waits("one", |copy| copy.online == 1).await;
}

/// The database was set back to an older copy, or somebody makes a number up.
#[tokio::test]
async fn who_holds_more_than_there_is_begins_anew_also_beside_others() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let (bo, cy) = (session.joins("Bo").await, session.joins("Cy").await);
    let head = app.agrees_with(&session, &[&host, &bo, &cy]).await.seq;
    for after in [head + 1, head + 1_000, 1 << 62] {
        let hello = json!({ "type": "hello", "token": bo.token().await, "after": after, "client": "test" });
        let mut socket = dial(app.address, None).await.unwrap();
        socket.send(Message::text(hello.to_string())).await.unwrap();
        let snapshot = async {
            loop {
                let frame = socket.next().await.unwrap().unwrap();
                let Message::Text(text) = frame else { panic!("{frame:?}") };
                if text.contains(r#""type":"snapshot""#) {
                    return;
                }
            }
        };
        tokio::time::timeout(DEADLINE, snapshot).await.expect("everything anew");
    }
    app.agrees_with(&session, &[&host, &bo, &cy]).await;
}
