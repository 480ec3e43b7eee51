//! How the rest of the house talks to an open document.
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::{
    Peer,
    content::{Change, Refused, Reply},
    resident::Seen,
};
use crate::collab::{awareness::Connection, schema::Content};

/// What a connection says.
#[derive(Debug)]
pub enum Words {
    /// "Ask me what I have."
    Hello,
    /// "This is what I have."
    Step1(Vec<u8>),
    /// "This is what you lack."
    Step2(Vec<u8>),
    /// A change.
    Update(Vec<u8>),
    /// Who is looking.
    Awareness(Vec<u8>),
    /// "Who is looking?"
    QueryAwareness,
    /// "Say this number when all I sent before is saved."
    Mark(u64),
}

/// What an open document is told.
pub(super) enum Message {
    Enter(Box<Peer>, oneshot::Sender<Connection>),
    Say(Connection, Words),
    Leave(Connection),
    RightsChanged,
    Content(Option<Change>, Reply),
    News(&'static str),
    CatchUp,
    Reunite,
    Unload,
    Drain,
}

/// A way to talk to an open document. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    inbox: mpsc::Sender<Message>,
    seen: Arc<Seen>,
}

/// The document has been closed; open it anew.
#[derive(Debug, Clone, Copy)]
pub struct Closed;

impl Handle {
    pub(super) fn new(inbox: mpsc::Sender<Message>, seen: Arc<Seen>) -> Self {
        Self { inbox, seen }
    }
    /// What is seen of it without asking.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }
    /// Has it been closed?
    pub fn is_closed(&self) -> bool {
        self.inbox.is_closed()
    }
    /// A connection comes in.
    pub async fn enter(&self, peer: Peer) -> Result<Connection, Closed> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(Message::Enter(Box::new(peer), reply)).await.map_err(|_| Closed)?;
        answer.await.map_err(|_| Closed)
    }
    /// A connection says something. Waits while too much is waiting to be written.
    pub async fn say(&self, connection: Connection, words: Words) -> Result<(), Closed> {
        self.inbox.send(Message::Say(connection, words)).await.map_err(|_| Closed)
    }
    /// A connection is over.
    pub async fn leave(&self, connection: Connection) {
        // A document that is closed has no connections left.
        let _ = self.inbox.send(Message::Leave(connection)).await;
    }
    /// What people may do has changed: everybody comes in again, on every node.
    pub async fn rights_changed(&self) {
        // A document that is closed has no connections here; other nodes hear of it when it is opened again.
        let _ = self.inbox.send(Message::RightsChanged).await;
    }
    /// What the document says, all of it saved; with a change, after that.
    pub async fn content(&self, change: Option<Change>) -> Result<Result<Content, Refused>, Closed> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(Message::Content(change, reply)).await.map_err(|_| Closed)?;
        answer.await.map_err(|_| Closed)
    }
    /// Tells all editors something, here and on other nodes; JSON.
    pub async fn tell(&self, news: &'static str) {
        // A document that is closed has nobody to tell.
        let _ = self.inbox.send(Message::News(news)).await;
    }
    /// There is something newer in the log.
    pub fn catch_up(&self) {
        // When the inbox is full, the next head check comes soon.
        let _ = self.inbox.try_send(Message::CatchUp);
    }
    /// Something may have been missed between nodes.
    pub fn reunite(&self) {
        // When the inbox is full, leases make up for it.
        let _ = self.inbox.try_send(Message::Reunite);
    }
    /// Its memory is wanted: it ends, unless somebody has it open or something in it is not saved.
    pub fn unload(&self) {
        // When the inbox is full it is being used.
        let _ = self.inbox.try_send(Message::Unload);
    }
    /// Write what waits, close all connections, end.
    pub async fn drain(&self) {
        let _ = self.inbox.send(Message::Drain).await;
        self.inbox.closed().await;
    }
}
