//! What a visitor's path is measured with, by anybody, without an account.
use std::time::Duration;

use atelier::runtime::{Rate, Rates};
use axum::http::Method;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    client_async,
    tungstenite::{Error, Message, client::IntoClientRequest, http::HeaderValue},
};

use crate::support::{Atelier, Setup, Site, client::Socket, sheet::fresh};

async fn open(site: &Site, query: &str) -> Result<Socket, u16> {
    let stream = TcpStream::connect(site.address).await.unwrap();
    let url = format!("ws://{}/live/diagnose/ws{query}", site.address);
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("atelier.v1"));
    match client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

async fn get(app: &Atelier, path: &str) -> Value {
    app.ask(Method::GET, path, None, None).await.is(200).body.clone()
}

#[tokio::test]
async fn the_time_is_told_and_nothing_else() {
    let app = Atelier::start().await;
    let told = get(&app, "/api/v1/diagnose").await;
    let keys: Vec<&String> = told.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["secure", "time"]);
    assert_eq!(told["secure"], false);
    let time: chrono::DateTime<chrono::Utc> = told["time"].as_str().unwrap().parse().unwrap();
    assert!((app.clock.now() - time).num_seconds().abs() < 5);
}

#[tokio::test]
async fn a_socket_says_back_what_it_hears_and_its_attempt_is_remembered() {
    let app = Atelier::start().await;
    let (good, stripped) = (fresh::<()>(), fresh::<()>());
    let mut socket = open(&app, &format!("?probe={good}")).await.unwrap();
    for text in ["one", "two"] {
        socket.send(Message::text(text)).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(text));
    }
    // Too long: it ends.
    socket.send(Message::text("x".repeat(2_000))).await.unwrap();
    assert!(!matches!(socket.next().await, Some(Ok(Message::Text(_)))));
    let plain = app.ask(Method::GET, &format!("/live/diagnose/ws?probe={stripped}"), None, None).await;
    plain.refuses(400, "protocol_error");
    for (probe, arrived, upgrade) in [(good, true, true), (stripped, true, false), (fresh(), false, false)] {
        let seen = get(&app, &format!("/api/v1/diagnose/sockets/{probe}")).await;
        assert_eq!(seen, json!({ "arrived": arrived, "upgrade": upgrade, "refused": false }));
    }
    app.ask(Method::GET, "/api/v1/diagnose/sockets/x", None, None).await.refuses(404, "not_found");
    assert!(open(&app, "").await.is_ok(), "without a name it works as well");
}

#[tokio::test]
async fn a_stream_ticks_and_an_answer_waits() {
    let app = Atelier::start().await;
    let url = format!("http://{}/live/diagnose/events", app.address);
    let answer = reqwest::get(&url).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert_eq!(answer.headers()["x-accel-buffering"], "no");
    let text = answer.text().await.unwrap();
    assert!(text.starts_with(":  ") && text.len() > 2_048);
    let ticks: Vec<Value> =
        text.lines().filter_map(|line| line.strip_prefix("data: ")).map(|data| data.parse().unwrap()).collect();
    let numbers: Vec<u64> = ticks.iter().map(|tick| tick["tick"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=8).collect::<Vec<_>>());
    let times: Vec<chrono::DateTime<chrono::Utc>> =
        ticks.iter().map(|tick| tick["time"].as_str().unwrap().parse().unwrap()).collect();
    assert!(times.windows(2).all(|two| (two[1] - two[0]).num_milliseconds() >= 290), "{times:?}");
    let start = std::time::Instant::now();
    let text = reqwest::get(format!("{url}?wait=1")).await.unwrap().text().await.unwrap();
    assert_eq!(text.matches("data: ").count(), 1);
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn what_is_posted_arrives_with_its_header_or_without() {
    let app = Atelier::start().await;
    for (token, authorized) in [(Some("diagnose"), true), (Some("other"), false), (None, false)] {
        let body = json!({ "hello": true });
        let answer = app.ask(Method::POST, "/live/diagnose/commands", token, Some(&body)).await;
        assert_eq!(answer.is(200).body, json!({ "bytes": 14, "authorized": authorized }));
    }
    let long = json!({ "hello": "x".repeat(2_000) });
    app.ask(Method::POST, "/live/diagnose/commands", None, Some(&long)).await.refuses(413, "too_large");
}

#[tokio::test]
async fn nobody_tests_without_end() {
    let rates = Rates { diagnose: Rate { times: 5, per: Duration::from_hours(1) }, ..Setup::default().rates };
    let app = Atelier::with(Setup { rates, ..Setup::default() }).await;
    for path in ["/api/v1/diagnose", "/api/v1/diagnose", &format!("/api/v1/diagnose/sockets/{}", fresh::<()>())] {
        get(&app, path).await;
    }
    app.ask(Method::POST, "/live/diagnose/commands", None, Some(&json!({}))).await.is(200);
    assert!(open(&app, "").await.is_ok());
    for path in ["/api/v1/diagnose", "/live/diagnose/events", &format!("/api/v1/diagnose/sockets/{}", fresh::<()>())] {
        app.ask(Method::GET, path, None, None).await.refuses(429, "rate_limited");
    }
    app.ask(Method::POST, "/live/diagnose/commands", None, Some(&json!({}))).await.refuses(429, "rate_limited");
    assert_eq!(open(&app, "").await.err(), Some(429));
    // Everything else goes on.
    app.ask(Method::GET, "/health/live", None, None).await.is(200);
}

#[tokio::test]
async fn one_visitor_does_not_take_all_the_turns() {
    let app = Atelier::start().await;
    let mut sockets = Vec::new();
    for _ in 0..8 {
        sockets.push(open(&app, "").await.unwrap());
    }
    let probe = fresh::<()>();
    assert_eq!(open(&app, &format!("?probe={probe}")).await.err(), Some(429));
    for path in ["/live/diagnose/events", "/live/diagnose/events?wait=25"] {
        app.ask(Method::GET, path, None, None).await.refuses(429, "rate_limited");
    }
    // Whoever asks is told that it was the server, not something on the way.
    let seen = get(&app, &format!("/api/v1/diagnose/sockets/{probe}")).await;
    assert_eq!(seen, json!({ "arrived": true, "upgrade": true, "refused": true }));
    sockets.pop().unwrap().close(None).await.unwrap();
    let again = async {
        while open(&app, "").await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), again).await.expect("a turn that is over is free");
}

#[tokio::test]
async fn an_answer_that_waits_does_not_hold_up_the_end() {
    let app = Atelier::start().await;
    let url = format!("http://{}/live/diagnose/events?wait=25", app.address);
    let answer = reqwest::get(&url).await.unwrap();
    app.tasks.close();
    let text = tokio::time::timeout(Duration::from_secs(5), answer.text()).await.expect("it ends at once");
    assert_eq!(text.unwrap(), "");
}
