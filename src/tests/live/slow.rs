//! Those who read slowly, and the end of connections.
use atelier::{live::core::Command, runtime::Limits};

use crate::support::{Atelier, Setup, Wire, copy::End, sheet::multiple, wire::over_every_wire};

over_every_wire! { a_server_that_goes_down_sends_people_elsewhere => going_down }

#[tokio::test]
async fn slow_readers_get_a_snapshot_and_delay_nobody() {
    let defaults = Setup::default();
    let limits = Limits { ring_frames: 32, ..defaults.limits };
    let app = Atelier::with(Setup { limits, ..defaults }).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    let mut slow = Vec::new();
    for wire in [Wire::Socket, Wire::Events] {
        let one = session.seats(&app.site, "Slow").await.over(wire);
        one.has_small_buffer(4096);
        one.comes().await;
        slow.push(one);
    }
    // About ten kilobytes each time it changes.
    let labels: Vec<String> = (0..20).map(|n| format!("{n}{}", "å".repeat(190))).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let poll = multiple("Which?", &labels, 20);
    host.opens(&poll).await;
    for one in &slow {
        one.waits("the poll", |copy| copy.poll(poll.id).is_some()).await;
        one.stops_reading();
    }
    let mut last = String::new();
    for step in 0..100 {
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
    assert!(truth.seq > 1_000);
    for one in &slow {
        assert_ne!(one.look(|copy| copy.poll(poll.id).unwrap().question.clone()), last);
        let before = one.look(|copy| copy.snapshots);
        one.reads_again();
        one.holds(&truth).await;
        one.look(|copy| {
            assert_eq!(copy.closed, None, "on the same connection");
            assert!(copy.snapshots > before, "by a snapshot");
            assert!(copy.raw.len() < 80, "not everything: {}", copy.raw.len());
        });
    }
    slow[0].votes(&poll, &[labels[1]]).await;
    slow[1].votes(&poll, &[labels[2]]).await;
    app.agrees_with(&session, &[&host, &bo, &slow[0], &slow[1]]).await;
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
    app.live.drain(std::time::Duration::ZERO).await;
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
