//! Clients that do not speak the protocol, speak too much, or say nothing.
use std::time::Duration;

use atelier::{
    kernel::{Clock, Code},
    live::core::Command,
    runtime::Limits,
};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    client_async,
    tungstenite::{Error, Message, client::IntoClientRequest, http::HeaderValue},
};

use crate::support::{
    Atelier, Reply, Setup, Wire,
    client::{DEADLINE, Socket, dial},
    copy::End,
    sheet::{fresh, open_text, single},
    wire::over_every_wire,
};

over_every_wire! {
    who_sends_too_much_is_told_to_wait_and_then_to_leave => too_much,
    commands_that_make_no_sense_are_refused_and_the_connection_goes_on => nonsense,
}

/// The close code at the end, whatever comes before.
async fn end_of(mut socket: Socket) -> Option<u16> {
    let reading = async {
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(frame) = message {
                return frame.map(|frame| u16::from(frame.code));
            }
        }
        None
    };
    timeout(DEADLINE, reading).await.expect("an end")
}

async fn handshake(app: &Atelier, protocol: Option<&str>) -> Option<u16> {
    let stream = TcpStream::connect(app.address).await.unwrap();
    let mut request = format!("ws://{}/live/ws", app.address).into_client_request().unwrap();
    if let Some(protocol) = protocol {
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_str(protocol).unwrap());
    }
    match client_async(request, stream).await {
        Ok(_) => None,
        Err(Error::Http(response)) => Some(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn only_the_protocol_is_spoken_here() {
    let app = Atelier::start().await;
    for protocol in [None, Some("chat"), Some("atelier.v2")] {
        assert_eq!(handshake(&app, protocol).await, Some(400), "{protocol:?}");
    }
    assert_eq!(handshake(&app, Some("chat, atelier.v1")).await, None);
    let plain = app.ask(axum::http::Method::GET, "/live/ws", None, None).await;
    plain.refuses(400, "protocol_error");
}

#[tokio::test]
async fn the_first_frame_is_hello() {
    let app = Atelier::start().await;
    let poll = single("Tea?", &["A", "B"]);
    for first in [
        Message::text(json!({ "type": "do", "ref": 1, "command": poll.vote(&["A"]) }).to_string()),
        Message::text(json!({ "type": "pong" }).to_string()),
        Message::text(json!({ "type": "hello" }).to_string()),
        Message::text(json!({ "type": "hello", "token": 7 }).to_string()),
        Message::text(json!({ "type": "hello", "token": "x", "after": -1 }).to_string()),
        Message::text("hello"),
        Message::text(""),
        Message::binary(vec![0, 159, 146, 150]),
        Message::text("x".repeat(40_000)),
    ] {
        let mut socket = dial(app.address, None).await.unwrap();
        let shown = format!("{first:?}").chars().take(80).collect::<String>();
        socket.send(first).await.unwrap();
        let code = end_of(socket).await;
        assert_eq!(code, Some(4009), "{shown}");
    }
}

#[tokio::test]
async fn who_says_nothing_is_not_waited_for() {
    let limits = Limits { hello: Duration::from_millis(100), ..Limits::default() };
    let app = Atelier::with(Setup { limits, ..Setup::default() }).await;
    assert_eq!(end_of(dial(app.address, None).await.unwrap()).await, Some(4009));
}

#[tokio::test]
async fn frames_that_are_not_of_the_protocol_end_the_connection() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    for wrong in [
        Message::text("not JSON"),
        Message::text("[]"),
        Message::text("{\"type\":\"do\"}"),
        Message::text("{\"type\":\"do\",\"ref\":\"one\",\"command\":{\"end\":{}}}"),
        Message::text("{\"type\":\"do\",\"ref\":-1,\"command\":{\"end\":{}}}"),
        Message::text("{\"type\":\"dance\",\"ref\":1,\"command\":{}}"),
        Message::text("{\"type\":\"hello\",\"token\":\"again\"}"),
        Message::binary(b"{\"type\":\"pong\"}".to_vec()),
        Message::text("x".repeat(32 * 1024 + 1)),
        Message::text("{\"type\":\"do\",\"ref\":1,\"command\":null}"),
    ] {
        let shown = format!("{wrong:?}").chars().take(60).collect::<String>();
        bo.throws(wrong).await;
        bo.waits("the end", |copy| copy.closed.is_some()).await;
        assert_eq!(bo.look(|copy| copy.closed), Some(End::With(4009)), "{shown}");
        bo.comes().await;
    }
    app.agrees_with(&session, &[&host, &bo]).await;
}

async fn nonsense(wire: Wire) {
    let app = Atelier::over_wire(wire).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    let poll = single("Tea?", &["yes", "no"]);
    host.opens(&poll).await;
    let id = json!(poll.id);
    for command in [
        (0..200).fold(json!(1), |inner, _| json!([inner])),
        json!(7),
        json!([]),
        json!({}),
        json!("start"),
        json!({ "start": null }),
        json!({ "start": {}, "end": {} }),
        json!({ "start": { "now": true } }),
        json!({ "vote": { "poll": 5, "choice": { "text": "x" } } }),
        json!({ "vote": { "poll": "x", "choice": { "text": "x" } } }),
        json!({ "vote": { "poll": id, "choice": null } }),
        json!({ "vote": { "poll": id, "choice": { "options": "yes" } } }),
        json!({ "vote": { "poll": id, "choice": { "options": [1, 2] } } }),
        json!({ "vote": { "poll": id, "choice": { "options": [], "text": "x" } } }),
        json!({ "vote": { "poll": id, "round": -1, "choice": { "options": [] } } }),
        json!({ "vote": { "poll": id, "participant": host.me(), "choice": { "options": [] } } }),
        json!({ "ask": { "question": "x", "body": "x" } }),
        json!({ "ask": { "question": id, "body": 7 } }),
        json!({ "createPoll": { "poll": id, "draft": { "question": "x", "kind": "essay" } } }),
        json!({ "Vote": {} }),
        json!({ "join": {} }),
    ] {
        bo.is_refused(&command, Code::Malformed).await;
    }
    bo.votes(&poll, &["yes"]).await;
    bo.is_refused(json!({ "vote": { "poll": fresh::<()>(), "choice": { "text": "x" } } }), Code::PollUnknown).await;
    bo.is_refused(json!({ "upvote": { "question": fresh::<()>(), "on": true } }), Code::QuestionUnknown).await;
    let draft = single("Later", &["A", "B"]);
    host.does(draft.create()).await;
    bo.is_refused(draft.vote(&["A"]), Code::PollNotOpen).await;
    let truth = app.agrees_with(&session, &[&host, &bo]).await;
    assert_eq!(truth.state.polls[&poll.id].ballots.len(), 1);
}

#[tokio::test]
async fn odd_characters_are_stored_as_they_are_seen_or_not_at_all() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("In\u{0}tro \u{202E}").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("B\u{0}o").await;
    let poll = open_text("Wh\u{0}y? \u{FEFF}\u{1F9D1}\u{200D}\u{1F393} ﷽");
    host.opens(&poll).await;
    for text in [
        "nul \u{0} inside",
        "\u{202E}right to left",
        "a\u{301}\u{302}\u{303} zalgo",
        "\u{FFFE}\u{FFFF}\u{10FFFF} non-characters",
        "line\u{2028}separator\u{85}next",
        "'; DROP TABLE live_polls; --",
        "<script>alert(1)</script> & \"quotes\" \\ back",
        "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}",
    ] {
        bo.does(json!({ "vote": { "poll": poll.id, "choice": { "text": text } } })).await;
        app.agrees_with(&session, &[&host, &bo]).await;
    }
    host.does(json!({ "show": { "stage": { "text": { "title": "a\u{0}b", "body": "c\u{0}d" } } } })).await;
    host.does(Command::HideAnswer {
        poll: poll.id,
        text: "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}".to_owned(),
        hidden: true,
    })
    .await;
    app.agrees_with(&session, &[&host, &bo]).await;
}

async fn too_much(wire: Wire) {
    let limits = Limits { commands_per_second: 5, commands_burst: 5, ..Limits::default() };
    let app = Atelier::with(Setup { limits, clock: Clock::system(), wire, ..Setup::default() }).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let _host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    let hand = |n: i32| Command::Hand { participant: bo.me(), raised: n % 2 == 0 };
    let replies = bo.tries_all((0..12).map(hand)).await;
    let waits = replies.iter().filter(|reply| matches!(reply, Some(Reply::Retry { code: Code::RateLimited, .. })));
    assert!((5..=7).contains(&waits.count()), "{replies:?}");
    assert!(bo.insists(hand(1)).await.0 > 0, "later it is taken");
    bo.tries_all((0..200).map(hand)).await;
    bo.is_closed_with(4129).await;
    bo.comes().await;
    assert_eq!(app.truth(&session).await.state.people.len(), 2);
}
