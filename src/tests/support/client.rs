//! Somebody with a wire to the server: sends commands, keeps a [`Copy`] of what comes, and waits for what should come.
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use atelier::{
    kernel::Code,
    live::core::{Command, ParticipantId, QuestionId, Role, SessionId, audience::You, poll::PollStatus},
    runtime::Tasks,
};
use axum::http::Method;
use futures_util::{SinkExt, StreamExt, stream::SplitStream};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::json;
use tokio::{sync::watch, time::timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

pub use super::wire::{Socket, dial};
use super::{
    Account, Meeting,
    copy::{Copy, End, Reply},
    sheet::{Counts, Sheet, fresh},
    wire::{self, Sent, Way, Wire},
};

/// Nothing a test waits for takes longer than this.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// What opens the socket.
pub enum Key {
    Token(String),
    /// A fresh ticket each time.
    Ticket(Account, Meeting, Option<Role>),
}

struct Line {
    way: Way,
    cut: CancellationToken,
}

pub struct Inner {
    address: Mutex<SocketAddr>,
    key: Key,
    wire: Mutex<Wire>,
    session: Mutex<Option<SessionId>>,
    participant: Mutex<Option<ParticipantId>>,
    pub(super) copy: watch::Sender<Copy>,
    line: tokio::sync::Mutex<Option<Line>>,
    reference: AtomicU64,
    pub(super) reading: watch::Sender<bool>,
    pub(super) buffer: Mutex<Option<u32>>,
    pub(super) tasks: Tasks,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

/// A client. Clones are the same client.
#[derive(Clone)]
pub struct Client(pub(super) Arc<Inner>);

impl Client {
    pub fn new(address: SocketAddr, key: Key) -> Self {
        Self(Arc::new(Inner {
            address: Mutex::new(address),
            key,
            wire: Mutex::default(),
            session: Mutex::default(),
            participant: Mutex::default(),
            copy: watch::Sender::default(),
            line: tokio::sync::Mutex::default(),
            reference: AtomicU64::new(1),
            reading: watch::Sender::new(true),
            buffer: Mutex::default(),
            tasks: Tasks::new(),
        }))
    }

    // --- coming and going

    pub fn sits_at(&self, participant: ParticipantId) {
        *self.0.participant.lock() = Some(participant);
    }
    /// From now on it comes over this wire.
    pub fn over(self, wire: Wire) -> Self {
        *self.0.wire.lock() = wire;
        self
    }
    /// Where plain HTTP names the session.
    pub fn of(self, session: SessionId) -> Self {
        *self.0.session.lock() = Some(session);
        self
    }
    pub fn wire(&self) -> Wire {
        *self.0.wire.lock()
    }
    pub fn address(&self) -> SocketAddr {
        *self.0.address.lock()
    }
    /// The address of the session's events or commands. Who does not know the session asks for his own.
    pub fn path(&self, what: &str) -> String {
        let session = self.0.session.lock().map_or("-".to_owned(), |session| session.to_string());
        format!("/live/{session}/{what}")
    }
    /// From now on it connects to another node.
    pub fn moves_to(&self, address: SocketAddr) {
        *self.0.address.lock() = address;
    }
    /// Its kernel takes in only so much before it is read.
    pub fn has_small_buffer(&self, bytes: u32) {
        *self.0.buffer.lock() = Some(bytes);
    }
    /// The token it says hello with.
    pub async fn token(&self) -> String {
        self.pass().await.expect("a token")
    }

    /// As [`Self::token`]. None: a ticket cannot be had where it wants to go.
    async fn pass(&self) -> Option<String> {
        let (account, meeting, role) = match &self.0.key {
            Key::Token(token) => return Some(token.clone()),
            Key::Ticket(account, meeting, role) => (account, meeting, role),
        };
        let (path, wish) = (format!("/api/v1/live-sessions/{}/ticket", meeting.id), json!({ "role": role }));
        let site = account.site.elsewhere(self.address());
        let ticket = site.tries(Method::POST, &path, Some(&account.token), Some(&wish)).await.ok()?;
        ticket.status.is_success().then(|| ticket.text("/token").to_owned())
    }

    /// Connects, and has its welcome.
    pub async fn comes(&self) {
        assert!(self.tries_to_come().await, "no welcome: {:?}", self.look(|copy| copy.closed));
    }

    /// Connects with what it holds. False: not let in.
    pub async fn tries_to_come(&self) -> bool {
        let came = timeout(DEADLINE, self.goes()).await;
        self.look(|copy| assert!(came.is_ok(), "no welcome and no goodbye; held: {:?}", copy.state));
        came.unwrap()
    }

    /// As [`Self::tries_to_come`], by somebody who has seen worse: no answer in time is a no.
    pub async fn arrives(&self, patience: Duration) -> bool {
        timeout(patience, self.goes()).await.unwrap_or(false)
    }

    async fn goes(&self) -> bool {
        self.0.copy.send_modify(Copy::begin);
        let (weak, cut) = (Arc::downgrade(&self.0), CancellationToken::new());
        let way = match self.wire() {
            Wire::Socket => {
                let Some((way, stream)) = self.says_hello().await else { return false };
                self.0.tasks.spawn_until_shutdown("reader", wire::read_socket(weak, stream, cut.clone()));
                way
            }
            other => {
                self.0.tasks.spawn_until_shutdown("reader", wire::read_events(weak, other, cut.clone()));
                Way::Post(reqwest::Client::new())
            }
        };
        *self.0.line.lock().await = Some(Line { way, cut });
        let mut copy = self.0.copy.subscribe();
        let Ok(held) = copy.wait_for(|copy| copy.greeted || copy.closed.is_some()).await else { return false };
        let (greeted, participant) = (held.greeted, held.you.as_ref().and_then(|you| you.participant));
        drop(held);
        if greeted && let Some(participant) = participant {
            self.sits_at(participant);
        }
        if greeted {
            let _ = copy.wait_for(|copy| copy.state.is_some() || copy.closed.is_some()).await;
        }
        greeted
    }

    async fn says_hello(&self) -> Option<(Way, SplitStream<Socket>)> {
        let token = self.pass().await?;
        let held = {
            let copy = self.0.copy.borrow();
            copy.state.as_ref().map(|_| copy.seq)
        };
        let buffer = *self.0.buffer.lock();
        let (mut sink, stream) = dial(self.address(), buffer).await?.split();
        let hello = json!({ "type": "hello", "token": token, "after": held, "client": "test" });
        sink.send(Message::text(hello.to_string())).await.ok()?;
        Some((Way::Socket(sink), stream))
    }

    /// The connection breaks off, without a goodbye.
    pub async fn breaks_off(&self) {
        if let Some(line) = self.0.line.lock().await.take() {
            line.cut.cancel();
        }
        self.0.copy.send_modify(|copy| copy.closed = Some(End::BrokenOff));
    }

    /// Holds nothing any more, as a page that was loaded anew.
    pub fn forgets(&self) {
        self.0.copy.send_modify(|copy| *copy = Copy::default());
    }

    pub fn stops_reading(&self) {
        self.0.reading.send_replace(false);
    }
    pub fn reads_again(&self) {
        self.0.reading.send_replace(true);
    }

    /// Sends a frame as it is, over a socket. False: the line is gone.
    pub async fn throws(&self, message: Message) -> bool {
        match self.0.line.lock().await.as_mut().map(|line| &mut line.way) {
            Some(Way::Socket(sink)) => sink.send(message).await.is_ok(),
            Some(Way::Post(_)) => panic!("no socket"),
            None => false,
        }
    }

    // --- looking

    pub fn look<T>(&self, look: impl FnOnce(&Copy) -> T) -> T {
        let copy = self.0.copy.borrow();
        assert!(copy.broken.is_empty(), "{:#?}", copy.broken);
        look(&copy)
    }

    /// Waits until what it holds is so.
    pub async fn waits(&self, what: &str, mut so: impl FnMut(&Copy) -> bool) {
        let mut copy = self.0.copy.subscribe();
        let found = timeout(DEADLINE, copy.wait_for(|copy| !copy.broken.is_empty() || so(copy))).await.is_ok();
        let copy = self.0.copy.borrow();
        assert!(copy.broken.is_empty(), "{:#?}", copy.broken);
        assert!(found, "waited in vain for {what}; closed: {:?}, held: {:?}", copy.closed, copy.state);
    }

    pub fn copies(&self) -> watch::Receiver<Copy> {
        self.0.copy.subscribe()
    }
    pub fn me(&self) -> ParticipantId {
        self.0.participant.lock().expect("a seat")
    }
    pub fn you(&self) -> You {
        self.look(|copy| copy.you.clone().expect("welcome"))
    }
    pub fn seq(&self) -> u64 {
        self.look(|copy| copy.seq)
    }
    pub fn tally(&self, poll: &Sheet) -> Option<Counts> {
        self.look(|copy| copy.tally(poll.id))
    }

    pub async fn sees(&self, poll: &Sheet, counts: Counts) {
        self.waits(&format!("{counts:?}"), |copy| copy.tally(poll.id).as_ref() == Some(&counts)).await;
    }
    /// By now, no result is to be seen.
    #[track_caller]
    pub fn sees_no_result(&self, poll: &Sheet) {
        assert_eq!(self.tally(poll), None, "{}", poll.draft.question);
    }
    pub async fn sees_status(&self, poll: &Sheet, status: PollStatus) {
        let so = |copy: &Copy| copy.poll(poll.id).is_some_and(|poll| poll.status == status);
        self.waits(&format!("{status:?}"), so).await;
    }
    pub async fn is_closed_with(&self, code: u16) {
        self.waits("the end", |copy| copy.closed.is_some()).await;
        self.look(|copy| assert_eq!(copy.closed, Some(End::With(code))));
    }
    /// Everything this client was ever sent.
    pub fn heard(&self, marker: &str) -> Option<String> {
        self.look(|copy| copy.raw.iter().find(|frame| frame.contains(marker)).cloned())
    }

    // --- doing

    /// Sends a command once and waits for the answer. None: the line went away first.
    pub async fn tries(&self, command: impl Serialize) -> Option<Reply> {
        let reply = timeout(DEADLINE, self.gives(command, None)).await.expect("no answer to a command");
        self.look(|_| reply)
    }

    /// As [`Self::tries`], and says up to which number the session is known.
    pub async fn tries_after(&self, known: u64, command: impl Serialize) -> Option<Reply> {
        timeout(DEADLINE, self.gives(command, Some(known))).await.expect("no answer to a command")
    }

    /// As the SDK does, by somebody who has seen worse: None also when no answer comes in time.
    pub async fn attempts(&self, command: impl Serialize, patience: Duration) -> Option<Reply> {
        let known = self.0.copy.borrow().known;
        timeout(patience, self.gives(command, Some(known))).await.ok().flatten()
    }

    async fn gives(&self, command: impl Serialize, after: Option<u64>) -> Option<Reply> {
        let reference = self.0.reference.fetch_add(1, Ordering::Relaxed);
        let command = serde_json::to_value(command).unwrap();
        let mut given = json!({ "ref": reference, "command": command });
        if let Some(after) = after {
            given["after"] = json!(after);
        }
        let sent = {
            let mut line = self.0.line.lock().await;
            match line.as_mut().map(|line| &mut line.way) {
                None => Sent::Lost,
                Some(Way::Socket(sink)) => wire::write(sink, given).await,
                Some(Way::Post(http)) => {
                    let http = http.clone();
                    // Commands travel beside each other.
                    drop(line);
                    wire::post(&http, self, given).await
                }
            }
        };
        match sent {
            Sent::Away => {}
            Sent::Answered(text) => self.0.copy.send_modify(|copy| copy.take(&text)),
            Sent::Closed(code) => {
                self.breaks_off().await;
                self.0.copy.send_modify(|copy| copy.closed = Some(End::With(code)));
                return None;
            }
            Sent::Lost => return None,
        }
        let mut copy = self.0.copy.subscribe();
        let answered = |copy: &Copy| copy.replies.contains_key(&reference) || copy.closed.is_some();
        copy.wait_for(answered).await.ok()?.replies.get(&reference).copied()
    }

    /// Sends commands at once and gives the answers, in order.
    pub async fn tries_all(&self, commands: impl IntoIterator<Item = impl Serialize>) -> Vec<Option<Reply>> {
        futures_util::future::join_all(commands.into_iter().map(|command| self.tries(command))).await
    }

    /// Does it; returns the number that includes its effect.
    pub async fn does(&self, command: impl Serialize) -> u64 {
        match self.tries(command).await {
            Some(Reply::Ack { seq, .. }) => seq,
            other => panic!("{other:?}, closed {:?}", self.look(|copy| copy.closed)),
        }
    }

    /// Is told no.
    pub async fn is_refused(&self, command: impl Serialize, code: Code) {
        assert_eq!(self.tries(command).await, Some(Reply::Refused(code)));
    }

    /// As the outbox of a real client: again and again, over lost connections, until it is recorded.
    /// Returns the number, and how often it was told to retry.
    pub async fn insists(&self, command: impl Serialize) -> (u64, u32) {
        let mut retries = 0;
        let insisting = async {
            loop {
                match self.tries(&command).await {
                    Some(Reply::Ack { seq, .. }) => return seq,
                    Some(Reply::Refused(code)) => panic!("refused: {code:?}"),
                    Some(Reply::Retry { after_ms, .. }) => {
                        retries += 1;
                        tokio::time::sleep(Duration::from_millis(u64::from(after_ms))).await;
                    }
                    None if self.tries_to_come().await => {}
                    None => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        };
        let done = timeout(DEADLINE * 2, insisting).await;
        (done.expect("recorded at last"), retries)
    }

    pub async fn starts(&self) {
        self.does(Command::Start {}).await;
        self.does(Command::Go {}).await;
    }
    /// Prepares a poll and opens it.
    pub async fn opens(&self, poll: &Sheet) {
        self.does(poll.create()).await;
        self.does(poll.open()).await;
    }
    pub async fn votes(&self, poll: &Sheet, words: &[&str]) -> u64 {
        self.does(poll.vote(words)).await
    }
    pub async fn asks(&self, body: &str) -> QuestionId {
        let question = fresh();
        self.does(Command::Ask { question, body: body.to_owned(), anonymous: false }).await;
        question
    }

    /// This host does two things that everybody sees, and these people have seen them: whatever went out to them
    /// before has arrived.
    pub async fn settles(&self, people: &[&Client]) {
        for _ in 0..2 {
            let title = format!("{}", fresh::<()>());
            self.does(json!({ "configure": { "title": title } })).await;
            for person in people {
                let so = |copy: &Copy| copy.state.as_ref().is_some_and(|state| state.session.settings.title == title);
                person.waits("the new title", so).await;
            }
        }
    }
}
