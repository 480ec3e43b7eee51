//! The wires a client may come over: a socket, a stream of events, or one answer after the other.
use std::{
    fmt::Write,
    net::SocketAddr,
    sync::{Arc, Weak},
};

use atelier::{kernel::Code, runtime::Tasks};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use http_body_util::{BodyExt, Empty};
use hyper::{Response, body::Incoming};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};
use tokio_util::sync::CancellationToken;

use super::{
    client::{Client, DEADLINE, Inner},
    copy::{Copy, End},
};

/// Which wire.
#[derive(Debug, Clone, std::marker::Copy, PartialEq, Eq, Default)]
pub enum Wire {
    #[default]
    Socket,
    /// Server-sent events, and commands by POST.
    Events,
    /// One answer after the other, and commands by POST.
    Answers,
}

/// The same script over every wire: `over_every_wire! { name => script }` makes a test for each.
macro_rules! over_every_wire {
    ($($name:ident => $script:ident),+ $(,)?) => {
        $(mod $name {
            use $crate::support::wire::Wire;
            #[tokio::test]
            async fn over_a_socket() { super::$script(Wire::Socket).await; }
            #[tokio::test]
            async fn over_events() { super::$script(Wire::Events).await; }
            #[tokio::test]
            async fn over_answers() { super::$script(Wire::Answers).await; }
        })+
    };
}
pub(crate) use over_every_wire;

/// A socket as the protocol sees it.
pub type Socket = WebSocketStream<TcpStream>;

async fn connect(address: SocketAddr, buffer: Option<u32>) -> Option<TcpStream> {
    let tcp = TcpSocket::new_v4().unwrap();
    if let Some(bytes) = buffer {
        tcp.set_recv_buffer_size(bytes).unwrap();
    }
    let stream = tcp.connect(address).await.ok()?;
    stream.set_nodelay(true).unwrap();
    Some(stream)
}

/// Opens a socket; nothing is sent yet.
pub async fn dial(address: SocketAddr, buffer: Option<u32>) -> Option<Socket> {
    let stream = connect(address, buffer).await?;
    let mut request = format!("ws://{address}/live/ws").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("atelier.v1"));
    timeout(DEADLINE, client_async(request, stream)).await.ok()?.ok().map(|(socket, _)| socket)
}

/// The way to the server, once somebody has come.
pub enum Way {
    Socket(SplitSink<Socket, Message>),
    Post(reqwest::Client),
}

/// What happened to a command that was sent.
pub enum Sent {
    /// The answer comes on its own.
    Away,
    /// This is the answer.
    Answered(String),
    /// Sent away with a close code.
    Closed(u16),
    /// Nobody knows.
    Lost,
}

/// Gives a command over a socket.
pub async fn write(sink: &mut SplitSink<Socket, Message>, mut given: Value) -> Sent {
    given["type"] = json!("do");
    if sink.send(Message::text(given.to_string())).await.is_ok() { Sent::Away } else { Sent::Lost }
}

/// Gives a command by itself.
pub async fn post(http: &reqwest::Client, client: &Client, given: Value) -> Sent {
    let url = format!("http://{}{}", client.address(), client.path("commands"));
    let request = http.request(Method::POST, url).bearer_auth(client.token().await).json(&given);
    let Ok(answer) = request.send().await else { return Sent::Lost };
    if let Some(code) = close_code(answer.headers()) {
        return Sent::Closed(code);
    }
    let status = answer.status();
    match answer.text().await {
        Ok(text) if status == StatusCode::OK => Sent::Answered(text),
        _ => Sent::Lost,
    }
}

fn close_code(headers: &HeaderMap) -> Option<u16> {
    headers.get("atelier-close")?.to_str().unwrap().parse().ok()
}

/// Asks and gives the head of the answer. The connection is served by `tasks`.
pub async fn ask(
    address: SocketAddr,
    buffer: Option<u32>,
    path: &str,
    token: &str,
    tasks: &Tasks,
) -> Option<Response<Incoming>> {
    let stream = connect(address, buffer).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    tasks.spawn_until_shutdown("request", async move {
        // The reader sees how it ends.
        let _ = connection.await;
    });
    let request = Request::builder()
        .uri(path)
        .header(header::HOST, address.to_string())
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    // A token that no header can carry is a wrong one.
    let request = request.body(Empty::<Bytes>::new()).ok().or_else(|| {
        let plain = Request::builder().uri(path).header(header::HOST, address.to_string());
        plain.body(Empty::new()).ok()
    });
    timeout(DEADLINE, sender.send_request(request?)).await.ok()?.ok()
}

/// One event.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Event {
    pub id: Option<u64>,
    pub name: Option<String>,
    pub data: String,
}

/// Cuts events out of bytes, as the HTML standard has it.
#[derive(Debug, Default)]
pub struct Events(Vec<u8>);

impl Events {
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.0.extend_from_slice(bytes);
        let mut found = Vec::new();
        while let Some(at) = self.0.windows(2).position(|two| two == b"\n\n") {
            let block: Vec<u8> = self.0.drain(..at + 2).collect();
            let mut event = Event::default();
            for line in std::str::from_utf8(&block).unwrap().lines() {
                match line.split_once(": ") {
                    Some(("data", data)) => event.data.push_str(data),
                    Some(("id", id)) => event.id = Some(id.parse().unwrap()),
                    Some(("event", name)) => event.name = Some(name.to_owned()),
                    Some(("retry", _)) => {}
                    _ => assert!(line.is_empty() || line.starts_with(':'), "{line}"),
                }
            }
            if !event.data.is_empty() {
                found.push(event);
            }
        }
        found
    }
}

/// Takes an event into what is held. Some: it was the last one; it has the word for the next question, or ends all.
fn take(copy: &mut Copy, event: &Event) -> Option<Result<String, End>> {
    let data = || serde_json::from_str::<Value>(&event.data).unwrap();
    match event.name.as_deref() {
        None => {
            copy.take(&event.data);
            if let Some(id) = event.id.filter(|id| *id > copy.seq) {
                copy.broken.push(format!("an event has the id {id}, but {} is held", copy.seq));
            }
            None
        }
        Some("end") => Some(Ok(data()["known"].as_str().unwrap().to_owned())),
        Some("close") => {
            let code = u16::try_from(data()["code"].as_u64().unwrap()).unwrap();
            let word = data()["reason"].clone();
            if !word.is_null() && serde_json::from_value::<Code>(word).is_err() {
                copy.broken.push(format!("a reason that is no code: {}", event.data));
            }
            Some(Err(End::With(code)))
        }
        Some(name) => {
            copy.broken.push(format!("an event named {name}"));
            None
        }
    }
}

const PING: &str = r#"{"type":"ping"}"#;
const PONG: &str = r#"{"type":"pong"}"#;

/// Reads a socket until it ends.
pub async fn read_socket(
    client: Weak<Inner>,
    mut stream: impl futures_util::Stream<Item = Result<Message, tokio_tungstenite::tungstenite::Error>> + Unpin,
    stop: CancellationToken,
) {
    loop {
        if !reads(&client).await {
            return;
        }
        let Some(next) = stop.run_until_cancelled(stream.next()).await else { return };
        let Some(inner) = client.upgrade() else { return };
        let end = match next {
            Some(Ok(Message::Text(text))) => {
                if !gets(&inner, &stop, |copy| copy.take(&text)) {
                    return;
                }
                if text.as_str() == PING {
                    Client(inner).throws(Message::text(PONG)).await;
                }
                continue;
            }
            Some(Ok(Message::Close(frame))) => frame.map_or(End::BrokenOff, |frame| End::With(frame.code.into())),
            Some(Ok(_)) => continue,
            Some(Err(_)) | None => End::BrokenOff,
        };
        return ended(&inner, end);
    }
}

/// Reads events until they end; asks again where that is meant by the end.
pub async fn read_events(client: Weak<Inner>, wire: Wire, stop: CancellationToken) {
    let mut known = None;
    loop {
        let Some(answered) = stop.run_until_cancelled(read_answer(&client, wire, known, &stop)).await else { return };
        match answered {
            Ok(word) => known = Some(word),
            Err(end) => {
                if let Some(inner) = client.upgrade() {
                    ended(&inner, end);
                }
                return;
            }
        }
    }
}

async fn read_answer(
    client: &Weak<Inner>,
    wire: Wire,
    known: Option<String>,
    stop: &CancellationToken,
) -> Result<String, End> {
    if !reads(client).await {
        return Err(End::BrokenOff);
    }
    let Some(inner) = client.upgrade() else { return Err(End::BrokenOff) };
    let one = Client(inner.clone());
    let held = inner.copy.borrow().state.as_ref().map(|_| inner.copy.borrow().seq);
    let mut path = format!("{}?client=test", one.path("events"));
    if wire == Wire::Answers {
        path.push_str("&wait=20");
    }
    if let Some(held) = held {
        let _ = write!(path, "&after={held}");
    }
    if let Some(known) = known {
        let _ = write!(path, "&known={known}");
    }
    let (token, buffer) = (one.token().await, *inner.buffer.lock());
    let asked = ask(one.address(), buffer, &path, &token, &inner.tasks).await;
    drop((one, inner));
    let Some(answer) = asked else { return Err(End::BrokenOff) };
    if let Some(code) = close_code(answer.headers()) {
        return Err(End::With(code));
    }
    assert_eq!(answer.status(), StatusCode::OK);
    let (mut body, mut events) = (answer.into_body(), Events::default());
    loop {
        if !reads(client).await {
            return Err(End::BrokenOff);
        }
        let Some(Ok(frame)) = body.frame().await else { return Err(End::BrokenOff) };
        let Some(inner) = client.upgrade() else { return Err(End::BrokenOff) };
        let Ok(bytes) = frame.into_data() else { continue };
        for event in events.push(&bytes) {
            let mut last = None;
            if !gets(&inner, stop, |copy| last = take(copy, &event)) {
                return Err(End::BrokenOff);
            }
            if let Some(last) = last {
                return last;
            }
        }
    }
}

/// Waits until it wants to read. False: it is gone.
async fn reads(client: &Weak<Inner>) -> bool {
    let Some(mut reading) = client.upgrade().map(|inner| inner.reading.subscribe()) else { return false };
    reading.wait_for(|reading| *reading).await.is_ok()
}

/// What came, unless the connection has been broken off: then it came too late, and the next connection may have said
/// already what is held. False: too late.
fn gets(inner: &Inner, stop: &CancellationToken, what: impl FnOnce(&mut Copy)) -> bool {
    let mut in_time = false;
    inner.copy.send_modify(|copy| {
        in_time = !stop.is_cancelled();
        if in_time {
            what(copy);
        }
    });
    in_time
}

fn ended(inner: &Arc<Inner>, end: End) {
    inner.copy.send_modify(|copy| {
        copy.closed.get_or_insert(end);
    });
}
