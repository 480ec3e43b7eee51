//! Those who read slowly, and the end of connections.
use atelier::{live::core::Command, runtime::Limits};

use crate::support::{Atelier, Setup, Wire, copy::End, sheet::multiple, wire::over_every_wire};

over_every_wire! { a_server_that_goes_down_sends_people_elsewhere => going_down }

#[tokio::test]
async fn a_slow_reader_of_a_socket_gets_a_snapshot_and_delays_nobody() {
    slow_reader(Wire::Socket).await;
}

#[tokio::test]
async fn a_slow_reader_of_events_gets_a_snapshot_and_delays_nobody() {
    slow_reader(Wire::Events).await;
}

async fn slow_reader(wire: Wire) {
    let defaults = Setup::default();
    let limits = Limits { ring_frames: 32, ..defaults.limits };
    let app = Atelier::with(Setup { limits, ..defaults }).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    let slow = session.seats(&app.site, "Slow").await.over(wire);
    slow.has_small_buffer(4096);
    slow.comes().await;
    // About ten kilobytes each time it changes.
    let labels: Vec<String> = (0..20).map(|n| format!("{n}{}", "å".repeat(190))).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let poll = multiple("Which?", &labels, 20);
    host.opens(&poll).await;
    slow.waits("the poll", |copy| copy.poll(poll.id).is_some()).await;
    slow.stops_reading();
    let mut last = String::new();
    for step in 0..200 {
        let edits = (0..10).map(|n| {
            let mut draft = poll.draft.clone();
            draft.question = format!("Which? {step} {n}");
            Command::EditPoll { poll: poll.id, draft }
        });
        host.tries_all(edits).await;
        last = format!("Which? {step} 9");
        // Nobody else waits for the slow one.
        bo.waits("the newest", |copy| copy.poll(poll.id).is_some_and(|poll| poll.question == last)).await;
    }
    bo.votes(&poll, &[labels[0]]).await;
    let truth = app.agrees_with(&session, &[&host, &bo]).await;
    assert!(truth.seq > 2_000);
    assert_ne!(slow.look(|copy| copy.poll(poll.id).unwrap().question.clone()), last);
    let before = slow.look(|copy| copy.snapshots);
    slow.reads_again();
    slow.holds(&truth).await;
    slow.look(|copy| {
        assert_eq!(copy.closed, None, "on the same connection");
        assert!(copy.snapshots > before, "by a snapshot");
        assert!(copy.raw.len() < 150, "not everything: {}", copy.raw.len());
    });
    slow.votes(&poll, &[labels[1]]).await;
    app.agrees_with(&session, &[&host, &bo, &slow]).await;
}

async fn going_down(wire: Wire) {
    let app = Atelier::over_wire(wire).await;
    let other = app.another(atelier::bus::Bus::local()).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let screen = ada.projects(&session).await;
    let bo = session.joins("Bo").await;
    app.agrees_with(&session, &[&host, &screen, &bo]).await;
    app.tasks.stop();
    app.live.drain().await;
    for client in [&bo, &screen] {
        client.waits("the end", |copy| copy.closed.is_some()).await;
        let closed = client.look(|copy| copy.closed);
        // Between two answers nobody can be told, and the next question is not taken.
        let refused = wire == Wire::Answers && closed == Some(End::BrokenOff);
        assert!(closed == Some(End::With(4200)) || refused, "{closed:?}");
        assert!(!client.tries_to_come().await, "nobody is let in any more");
        client.moves_to(other.address);
        client.comes().await;
        assert!(client.look(|copy| copy.resumed), "elsewhere it goes on");
    }
    host.waits("the end", |copy| copy.closed.is_some()).await;
    other.agrees_with(&session, &[&screen, &bo]).await;
    app.tasks.drain(std::time::Duration::from_secs(5)).await.expect("everything has ended");
}
