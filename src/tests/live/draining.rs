//! A server goes down: nobody who is served is broken off, and all find their place elsewhere.
use std::time::{Duration, Instant};

use atelier::bus::Bus;
use axum::http::Method;
use sqlx::Connection;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    Atelier, Client, Reply,
    copy::End,
    sheet::{single, tally},
};

/// Waits until this client is told to go, and says when.
async fn leaves(client: &Client) -> Instant {
    client.waits("the end", |copy| copy.closed.is_some()).await;
    Instant::now()
}

#[tokio::test]
async fn people_leave_one_after_the_other_and_are_served_until_then() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let poll = single("Tea?", &["yes", "no"]);
    host.opens(&poll).await;
    let mut people: Vec<Client> = Vec::new();
    for n in 0..60 {
        people.push(session.joins(&format!("P{n}")).await);
    }
    app.tasks.leave();
    assert_eq!(app.ask(Method::GET, "/health/ready", None, None).await.status, 503);
    assert_eq!(app.ask(Method::GET, "/health/live", None, None).await.status, 200);
    let begun = Instant::now();
    app.tasks.close();
    let everybody = futures_util::future::join_all(people.iter().map(leaves));
    let (mut turns, ()) = tokio::join!(everybody, app.live.drain(Duration::from_mins(1)));
    host.waits("the end", |copy| copy.closed.is_some()).await;
    turns.sort();
    // Thirty steps of 25 ms, two in each, however long the spread might be.
    let (first, last) = (turns[0] - begun, turns[59] - begun);
    assert!(first < Duration::from_millis(400), "{first:?}");
    assert!((Duration::from_millis(600)..Duration::from_secs(5)).contains(&last), "{last:?}");
    for person in people.iter().chain([&host]) {
        person.look(|copy| assert_eq!(copy.closed, Some(End::With(4200))));
    }
    let truth = app.truth(&session).await;
    let mut connection = app.database.superuser().await;
    let kept: i64 = sqlx::query_scalar("SELECT max(seq) FROM live_session_snapshots WHERE live_session_id = $1")
        .bind(session.id.uuid())
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(kept.cast_unsigned(), truth.seq, "the snapshot is kept");
}

#[tokio::test]
async fn a_vote_that_is_under_way_is_acknowledged_before_the_goodbye() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let (bo, cy) = (session.joins("Bo").await, session.joins("Cy").await);
    let poll = single("Tea?", &["yes", "no"]);
    host.opens(&poll).await;
    let mut holder = app.database.superuser().await;
    let mut held = holder.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM live_sessions WHERE id = $1 FOR UPDATE")
        .bind(session.id.uuid())
        .execute(&mut *held)
        .await
        .unwrap();
    let vote = bo.tries(poll.vote(&["yes"]));
    let going = async {
        // The vote is being written when the draining begins.
        waiting_for_the_row(&app).await;
        app.tasks.close();
        let others = async {
            cy.is_closed_with(4200).await;
            bo.look(|copy| assert_eq!(copy.closed, None, "its vote has no answer yet"));
            held.rollback().await.unwrap();
        };
        tokio::join!(others, app.live.drain(Duration::ZERO));
    };
    let (reply, ()) = tokio::join!(vote, going);
    assert!(matches!(reply, Some(Reply::Ack { .. })), "{reply:?}");
    bo.is_closed_with(4200).await;
    let other = app.another(Bus::local()).await;
    bo.moves_to(other.address);
    bo.comes().await;
    bo.sees(&poll, tally!["yes": 1]).await;
}

async fn waiting_for_the_row(app: &Atelier) {
    let mut connection = app.database.superuser().await;
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    while sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut connection).await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_request_that_has_begun_is_answered() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let body = r#"{"title":"Begun before"}"#;
    let (one, two) = body.split_at(9);
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    let head = format!(
        "POST /api/v1/live-sessions HTTP/1.1\r\nHost: atelier.test\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{one}",
        ada.token,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let idle = TcpStream::connect(app.address).await.unwrap();
    // Whoever comes later is answered, so both have been taken in before the door closes.
    assert_eq!(app.ask(Method::GET, "/health/live", None, None).await.status, 200);
    app.tasks.close();
    app.live.drain(Duration::ZERO).await;
    stream.write_all(two.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
    drop(idle);
    app.tasks.drain(Duration::from_secs(5)).await.expect("everything has ended");
}
