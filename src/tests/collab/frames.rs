//! What is no protocol, too much, or too early: the line that brings it ends with a code, and nobody else notices. And
//! lines that are not read.
use std::time::{Duration, Instant};

use atelier::collab::{
    hocuspocus::{Address, FromClient, Reply, Request, ToClient},
    ysync::{Message, Sync},
};
use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite};

use super::editor::Editor;
use crate::support::{Account, Atelier, client::DEADLINE};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Place {
    app: Atelier,
    ada: Account,
    name: String,
}

impl Place {
    async fn open() -> Self {
        let app = Atelier::start().await;
        let ada = app.instructor("ada").await;
        let name = ada.notes(&ada.creates("Intro").await, "edit").await;
        Self { app, ada, name }
    }
    async fn hocuspocus(&self) -> Socket {
        connect_async(format!("ws://{}/collab/hocuspocus", self.app.address)).await.unwrap().0
    }
    async fn yjs(&self) -> Socket {
        let url = format!("ws://{}/collab/yjs/{}?token={}", self.app.address, self.name, self.ada.token);
        connect_async(url).await.unwrap().0
    }
    fn at(&self, request: Request<'_>) -> tungstenite::Message {
        tungstenite::Message::binary(FromClient::At(Address::new(&self.name), request).encode())
    }
    fn token(&self) -> tungstenite::Message {
        self.at(Request::Token { token: &self.ada.token, version: Some("4.8.0") })
    }
}

/// With which code the line ends.
async fn end(mut socket: Socket) -> u16 {
    let ended = async {
        loop {
            match socket.next().await {
                Some(Ok(tungstenite::Message::Close(frame))) => {
                    return frame.map_or(1005, |frame| u16::from(frame.code));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return 1006,
            }
        }
    };
    timeout(DEADLINE, ended).await.expect("the line ends")
}

/// Hears answers for the document until one is wanted.
async fn hears(socket: &mut Socket, wanted: impl Fn(&Reply<'_>) -> bool) {
    let heard = async {
        while let Some(Ok(frame)) = socket.next().await {
            if let tungstenite::Message::Binary(frame) = frame
                && let ToClient::At(_, reply) = ToClient::decode(&frame).unwrap()
                && wanted(&reply)
            {
                return;
            }
        }
        panic!("the line has ended");
    };
    timeout(DEADLINE, heard).await.expect("an answer");
}

#[tokio::test]
async fn what_is_no_protocol_ends_its_line_with_a_code() {
    let place = Place::open().await;
    let mut beside = Editor::opens(place.app.address, &place.name, &place.ada.token).await.comes_in().await;
    let binary = |bytes: &[u8]| tungstenite::Message::binary(bytes.to_vec());
    let large = vec![0; (8 << 20) + 1];
    for (frame, hocuspocus, yjs) in [
        (binary(&[]), 4401, 4400),
        (binary(&[255; 20]), 4401, 4400),
        (tungstenite::Message::text("hello"), 4401, 4401),
        (binary(&large), 1009, 1009),
    ] {
        for (mut socket, code) in [(place.hocuspocus().await, hocuspocus), (place.yjs().await, yjs)] {
            // The server may be gone before all of it is sent.
            let _ = socket.send(frame.clone()).await;
            assert_eq!(end(socket).await, code);
        }
    }
    beside.types_and_saves("unharmed ").await;
}

#[tokio::test]
async fn a_frame_holds_so_many_messages_and_an_address_so_many_bytes() {
    let place = Place::open().await;
    let mut beside = Editor::opens(place.app.address, &place.name, &place.ada.token).await.comes_in().await;
    let ask = Message::Sync(Sync::Step1(&[0])).frame();
    let mut some = place.yjs().await;
    some.send(tungstenite::Message::binary(ask.repeat(64))).await.unwrap();
    let mut many = place.yjs().await;
    many.send(tungstenite::Message::binary(ask.repeat(300_000))).await.unwrap();
    assert_eq!(end(many).await, 4400);
    let mut wide = place.hocuspocus().await;
    let name = format!("{}\0{}", place.name, "x".repeat(600));
    let request = Request::Token { token: &place.ada.token, version: None };
    let frame = FromClient::At(Address::new(&name), request).encode();
    wide.send(tungstenite::Message::binary(frame)).await.unwrap();
    assert_eq!(end(wide).await, 4401);
    // Who stays below that is answered as often as it asked.
    let mut answers = 0;
    while answers < 64 {
        let frame = timeout(DEADLINE, some.next()).await.expect("an answer").unwrap().unwrap().into_data();
        answers += Message::all(&frame).filter(|said| matches!(said, Ok(Message::Sync(Sync::Step2(_))))).count();
    }
    beside.types_and_saves("unharmed ").await;
}

#[tokio::test]
async fn who_asks_for_everything_again_and_again_is_read_later() {
    let place = Place::open().await;
    let mut greedy = place.yjs().await;
    let began = Instant::now();
    let ask = Message::Sync(Sync::Step1(&[0])).frame();
    // A hundred at once, and then five a second.
    for _ in 0..102 {
        greedy.send(tungstenite::Message::binary(ask.clone())).await.unwrap();
    }
    let mut answers = 0;
    while answers < 102 {
        let frame = timeout(DEADLINE, greedy.next()).await.expect("an answer").unwrap().unwrap().into_data();
        answers += Message::all(&frame).filter(|said| matches!(said, Ok(Message::Sync(Sync::Step2(_))))).count();
    }
    assert!(began.elapsed() >= Duration::from_millis(190), "{:?}", began.elapsed());
}

#[tokio::test]
async fn before_the_token_only_so_much_may_come_and_only_so_many_documents() {
    let place = Place::open().await;
    let mut early = place.hocuspocus().await;
    for _ in 0..=1_000 {
        let _ = early.send(place.at(Request::QueryAwareness)).await;
    }
    assert_eq!(end(early).await, 4403);
    let mut wide = place.hocuspocus().await;
    for number in 0..=100 {
        let name = format!("live_notes:{number}");
        let frame = FromClient::At(Address::new(&name), Request::QueryAwareness).encode();
        let _ = wide.send(tungstenite::Message::binary(frame)).await;
    }
    assert_eq!(end(wide).await, 4403);
}

#[tokio::test]
async fn a_refused_token_and_a_closed_document_leave_the_line_for_another_try() {
    let place = Place::open().await;
    let mut socket = place.hocuspocus().await;
    socket.send(place.at(Request::Token { token: "atl_nobody", version: Some("4.8.0") })).await.unwrap();
    hears(&mut socket, |reply| matches!(reply, Reply::Denied(_))).await;
    socket.send(place.token()).await.unwrap();
    hears(&mut socket, |reply| matches!(reply, Reply::Authenticated(_))).await;
    socket.send(place.at(Request::Close)).await.unwrap();
    socket.send(place.token()).await.unwrap();
    hears(&mut socket, |reply| matches!(reply, Reply::Authenticated(_))).await;
    // Only servers broadcast: whoever tries is out of the document, not off the line.
    socket.send(place.at(Request::BroadcastStateless("to all"))).await.unwrap();
    hears(&mut socket, |reply| matches!(reply, Reply::Close(_))).await;
    socket.send(place.token()).await.unwrap();
    hears(&mut socket, |reply| matches!(reply, Reply::Authenticated(_))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_begins_again_and_then_has_everything() {
    let place = Place::open().await;
    let mut writer = Editor::opens(place.app.address, &place.name, &place.ada.token).await.comes_in().await;
    let mut slow = place.yjs().await;
    slow.send(tungstenite::Message::binary(Message::Sync(Sync::Step1(&[0])).frame())).await.unwrap();
    // More than may wait for one line, and the buffers on the way.
    let words = "word ".repeat(160_000);
    for _ in 0..40 {
        writer.changes(0, u32::MAX, &words).await;
        writer.until("saved", |editor| editor.unsaved == 0).await;
    }
    writer.changes(0, u32::MAX, "the end").await;
    writer.until("saved", |editor| editor.unsaved == 0).await;
    assert_eq!(end(slow).await, 4205);
    let fresh = Editor::opens(place.app.address, &place.name, &place.ada.token).await.comes_in().await;
    assert_eq!((fresh.reads(), writer.closed), ("the end".to_owned(), None));
}
