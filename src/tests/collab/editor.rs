//! An editor that speaks Hocuspocus: a Yjs document, and what the server says of it.
use std::{collections::BTreeMap, time::Duration};

use atelier::collab::{
    Scope,
    hocuspocus::{Address, FromClient, Reply, Request, SyncStatus, ToClient},
    ysync::{self, Sync},
};
use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};
use yrs::{
    Doc, GetString, ReadTxn, StateVector, Text, Transact, Update, XmlFragment, XmlTextPrelim, updates::decoder::Decode,
    updates::encoder::Encode,
};

use crate::support::client::DEADLINE;

/// Somebody with a document open.
pub struct Editor {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    name: String,
    pub doc: Doc,
    pub scope: Option<Scope>,
    pub denied: bool,
    /// How often the server has asked for the token again.
    pub asked: u32,
    pub closed: Option<u16>,
    synced: bool,
    /// Changes that the server has not called saved.
    pub unsaved: u32,
    pub refused: u32,
    /// Who is looking, by their Yjs clients.
    pub looking: BTreeMap<u64, String>,
    /// How often that was told.
    pub looks: u32,
    /// What the server told the application.
    pub news: Vec<String>,
    /// All words that were typed, in order, with the change that brought each.
    typed: Vec<(String, Vec<u8>)>,
}

impl Editor {
    /// Opens a socket and asks for a document; what comes of it is heard later.
    pub async fn opens(address: std::net::SocketAddr, name: &str, token: &str) -> Self {
        Self::comes_back(address, name, token, Doc::new()).await
    }

    /// The same with a document that was written in before.
    pub async fn comes_back(address: std::net::SocketAddr, name: &str, token: &str, doc: Doc) -> Self {
        Self::begins(address, name, Request::Token { token, version: Some("4.8.0") }, doc).await
    }

    /// A provider of before version 3, which does not say which it is and is never asked for its token again.
    pub async fn opens_as_of_old(address: std::net::SocketAddr, name: &str, token: &str) -> Self {
        Self::begins(address, name, Request::Token { token, version: None }, Doc::new()).await
    }

    async fn begins(address: std::net::SocketAddr, name: &str, token: Request<'_>, doc: Doc) -> Self {
        let (socket, _) = connect_async(format!("ws://{address}/collab/hocuspocus")).await.unwrap();
        let mut editor = Self {
            socket,
            name: name.to_owned(),
            doc,
            scope: None,
            denied: false,
            asked: 0,
            closed: None,
            synced: false,
            unsaved: 1,
            refused: 0,
            looking: BTreeMap::new(),
            looks: 0,
            news: Vec::new(),
            typed: Vec::new(),
        };
        editor.says(token).await;
        let vector = editor.doc.transact().state_vector().encode_v1();
        editor.says(Request::Sync(Sync::Step1(&vector))).await;
        editor
    }

    /// In, and everything is on both sides.
    pub async fn comes_in(mut self) -> Self {
        self.until("to be in", |editor| editor.synced && editor.unsaved == 0).await;
        self
    }

    pub async fn says(&mut self, request: Request<'_>) {
        let frame = FromClient::At(Address::new(&self.name), request).encode();
        // A socket that is gone is noticed when it is read.
        let _ = self.socket.send(Message::binary(frame)).await;
    }

    /// Writes at the end of the text, and tells the server.
    pub async fn types(&mut self, words: &str) {
        let update = {
            let text = self.doc.get_or_insert_text("t");
            let mut txn = self.doc.transact_mut();
            let end = text.len(&txn);
            text.insert(&mut txn, end, words);
            txn.encode_update_v1()
        };
        self.typed.push((words.to_owned(), update.clone()));
        self.sends(&update).await;
    }

    /// Takes some of the text away, and writes at the same place.
    pub async fn changes(&mut self, at: u32, gone: u32, words: &str) {
        let update = {
            let text = self.doc.get_or_insert_text("t");
            let mut txn = self.doc.transact_mut();
            let length = text.len(&txn);
            let at = at.min(length);
            text.remove_range(&mut txn, at, gone.min(length - at));
            text.insert(&mut txn, at, words);
            txn.encode_update_v1()
        };
        self.sends(&update).await;
    }

    /// Tells the server of a change that was made in the document.
    pub async fn sends(&mut self, update: &[u8]) {
        self.unsaved += 1;
        self.says(Request::Sync(Sync::Update(update))).await;
    }

    pub async fn types_and_saves(&mut self, words: &str) {
        self.types(words).await;
        self.until("saved", |editor| editor.unsaved == 0).await;
    }

    /// Says where it looks.
    pub async fn looks(&mut self, clock: u64, state: &str) {
        let client = self.doc.client_id().get();
        let update = ysync::awareness_update([ysync::Entry { client, clock, state }].into_iter());
        self.says(Request::Awareness(&update)).await;
    }

    /// What was typed and said to be saved: answers come in the order of changes.
    pub fn saved(&self) -> &[(String, Vec<u8>)] {
        &self.typed[..self.typed.len().saturating_sub(self.unsaved as usize)]
    }

    /// All that was typed.
    pub fn typed(&self) -> &[(String, Vec<u8>)] {
        &self.typed
    }

    /// Sends what it has sent before once more, as clients do that do not know what has become of it.
    pub async fn repeats(&mut self, changes: &[(String, Vec<u8>)]) {
        for (_, update) in changes {
            self.unsaved += 1;
            self.says(Request::Sync(Sync::Update(update))).await;
        }
    }

    pub fn reads(&self) -> String {
        let text = self.doc.get_or_insert_text("t");
        text.get_string(&self.doc.transact())
    }

    /// What a field of short text says.
    pub fn text(&self, field: &str) -> String {
        let text = self.doc.get_or_insert_text(field);
        text.get_string(&self.doc.transact())
    }

    /// Makes a field of short text say something else, and tells the server.
    pub async fn rewrites(&mut self, field: &str, words: &str) {
        let update = {
            let text = self.doc.get_or_insert_text(field);
            let mut txn = self.doc.transact_mut();
            let end = text.len(&txn);
            text.remove_range(&mut txn, 0, end);
            text.insert(&mut txn, 0, words);
            txn.encode_update_v1()
        };
        self.sends(&update).await;
    }

    /// Adds to the first paragraph of a field of long text, and tells the server.
    pub async fn lengthens(&mut self, field: &str, words: &str) {
        let update = {
            let page = self.doc.get_or_insert_xml_fragment(field);
            let mut txn = self.doc.transact_mut();
            let first = page.get(&txn, 0).and_then(yrs::XmlOut::into_xml_element).unwrap();
            first.push_back(&mut txn, XmlTextPrelim::new(words));
            txn.encode_update_v1()
        };
        self.sends(&update).await;
    }

    /// What a field of long text says, without its elements.
    pub fn page_of(&self, field: &str) -> String {
        let page = self.doc.get_or_insert_xml_fragment(field);
        let text = page.get_string(&self.doc.transact());
        text.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect()
    }

    /// The last news of a kind.
    pub fn told(&self, kind: &str) -> Option<serde_json::Value> {
        let mut news = self.news.iter().filter_map(|news| serde_json::from_str::<serde_json::Value>(news).ok());
        news.rfind(|news| news["type"] == kind)
    }

    /// Hears what comes until it is so.
    pub async fn until(&mut self, what: &str, so: impl Fn(&Self) -> bool) {
        let hearing = async {
            while !so(self) {
                self.hears().await;
            }
        };
        assert!(timeout(DEADLINE, hearing).await.is_ok(), "never: {what}");
    }

    /// Hears what comes within a moment, if anything.
    pub async fn hears_for(&mut self, moment: Duration) {
        let _ = timeout(moment, async {
            while self.closed.is_none() {
                self.hears().await;
            }
        })
        .await;
    }

    async fn hears(&mut self) {
        match self.socket.next().await {
            Some(Ok(Message::Binary(frame))) => match ToClient::decode(&frame).unwrap() {
                ToClient::Ping => {
                    let _ = self.socket.send(Message::binary(FromClient::Pong.encode())).await;
                }
                ToClient::At(address, reply) => {
                    assert_eq!(address.text(), self.name);
                    self.takes(reply).await;
                }
            },
            Some(Ok(Message::Close(frame))) => self.closed = frame.map(|frame| u16::from(frame.code)).or(Some(1005)),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => self.closed = self.closed.or(Some(1006)),
        }
    }

    async fn takes(&mut self, reply: Reply<'_>) {
        match reply {
            Reply::Authenticated(scope) => self.scope = Some(scope),
            Reply::Denied(_) => self.denied = true,
            Reply::AskToken => self.asked += 1,
            Reply::Sync(Sync::Step1(vector)) => {
                let vector = StateVector::decode_v1(vector).unwrap();
                let diff = self.doc.transact().encode_diff_v1(&vector);
                self.says(Request::Sync(Sync::Step2(&diff))).await;
            }
            Reply::Sync(Sync::Step2(update)) => {
                self.doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
                self.synced = true;
            }
            Reply::Sync(Sync::Update(update)) => {
                self.doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
            }
            Reply::SyncStatus(SyncStatus::Saved) => self.unsaved -= 1,
            Reply::SyncStatus(SyncStatus::Refused) => self.refused += 1,
            Reply::Awareness(update) => {
                self.looks += 1;
                for entry in ysync::entries(update).unwrap() {
                    match entry.state {
                        "null" => drop(self.looking.remove(&entry.client)),
                        state => drop(self.looking.insert(entry.client, state.to_owned())),
                    }
                }
            }
            Reply::Stateless(news) => self.news.push(news.to_owned()),
            _ => {}
        }
    }
}
