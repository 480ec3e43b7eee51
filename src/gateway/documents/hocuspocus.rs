//! HocuspocusProvider: several documents on one socket, each with its own token.
use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use super::{Documents, End, Entered, Line, NOBODY_YET, RESET, enter};
use crate::{
    collab::{
        Shut,
        awareness::Connection,
        hocuspocus::{Address, FromClient, Provider, Reply, Request, ToClient},
        room::{Handle, Peer, Wire, Words},
        ysync::Sync,
    },
    identity::ClientAddr,
    socket::{Frame, Socket},
};

/// Documents on one socket.
const MOST_DOCUMENTS: usize = 100;
/// What may wait for a token, per document: messages, and bytes.
const MOST_EARLY: (usize, usize) = (1_000, 5 << 20);
/// What may wait for tokens on one socket, in bytes.
const MOST_EARLY_TOGETHER: usize = 8 << 20;
/// The longest address, in bytes: a document's name and a session's. It is in front of every frame.
const MOST_ADDRESS: usize = 512;
/// Whoever is asked for a token again and does not send one begins anew.
const ANSWER_BY: Duration = Duration::from_secs(30);

/// One document on the socket.
enum Opened {
    /// Not let in yet: what was said before the token.
    Early(VecDeque<Words>, usize),
    /// Let in.
    In(Box<Inside>),
}

/// Somebody in a document.
struct Inside {
    handle: Handle,
    connection: Connection,
    entered: Entered,
    /// Since when the token is asked for again.
    asked: Option<Instant>,
}

impl Inside {
    /// Looks at the right again when it is time. False: the client is to be asked for its token.
    async fn recheck(&mut self, documents: &Documents, answers: bool) -> Result<bool, End> {
        if !answers {
            return self.entered.recheck(documents).await.map(|()| true);
        }
        self.entered.recheck_roles(documents).await?;
        match self.asked {
            Some(asked) if asked.elapsed() > ANSWER_BY => Err(Some((RESET, "no token in time"))),
            None if self.entered.checked.elapsed() >= documents.recheck => {
                self.asked = Some(Instant::now());
                Ok(false)
            }
            _ => Ok(true),
        }
    }
}

struct Conversation {
    documents: Documents,
    from: ClientAddr,
    line: Line,
    opened: HashMap<String, Opened>,
    pings: bool,
    since: Instant,
}

/// Serves a socket until one side ends it.
pub async fn serve(socket: Socket, documents: Documents, from: ClientAddr) {
    let line = Line::new(socket, &documents.limits, documents.collab.roles());
    let mut talk = Conversation { documents, from, line, opened: HashMap::new(), pings: false, since: Instant::now() };
    let end = talk.listen().await;
    for opened in talk.opened.into_values() {
        if let Opened::In(inside) = opened {
            inside.handle.leave(inside.connection).await;
        }
    }
    talk.line.end(end).await;
}

impl Conversation {
    async fn listen(&mut self) -> End {
        loop {
            let quiet = self.quiet();
            let nobody = !self.opened.values().any(|opened| matches!(opened, Opened::In(..)));
            let next = self.line.next(&quiet);
            let next = if nobody {
                // Also for a client that never stops talking.
                let left = NOBODY_YET.saturating_sub(self.since.elapsed());
                if left.is_zero() {
                    return Some((4408, "no token in time"));
                }
                match tokio::time::timeout(left, next).await {
                    Ok(next) => next,
                    Err(_) => return Some((4408, "no token in time")),
                }
            } else {
                next.await
            };
            let frame = match next {
                Ok(frame) => frame,
                Err(end) => return end,
            };
            let heard = match frame {
                Some(frame) => self.hear(&frame).await,
                None => Ok(()),
            };
            if let Err(end) = heard {
                return end;
            }
            if let Err(end) = self.recheck().await {
                return end;
            }
        }
    }

    /// Looks at the rights again of those who are in, when it is time.
    async fn recheck(&mut self) -> Result<(), End> {
        for (address, opened) in &mut self.opened {
            if let Opened::In(inside) = opened
                && !inside.recheck(&self.documents, self.pings).await?
            {
                let ask = ToClient::At(Address::new(address), Reply::AskToken);
                self.line.outbox.send(Frame::binary(&ask.encode()));
            }
        }
        Ok(())
    }

    /// Providers before version 4 throw at a ping; an awareness update about nobody does the same for them. When they
    /// have nothing open it is for a document without a name, which they pass over.
    fn quiet(&self) -> Frame {
        let address = Address::new(self.opened.keys().next().map_or("", String::as_str));
        let frame = if self.pings { ToClient::Ping } else { ToClient::At(address, Reply::Awareness(&[0])) };
        Frame::binary(&frame.encode())
    }

    async fn hear(&mut self, frame: &[u8]) -> Result<(), End> {
        let (address, request) = match FromClient::decode(frame) {
            Ok(FromClient::Pong) => return Ok(()),
            Ok(FromClient::At(address, request)) => (address, request),
            Err(_) => return Err(Some((4401, "not the protocol of Hocuspocus"))),
        };
        if address.text().len() > MOST_ADDRESS {
            return Err(Some((4401, "the name is too long")));
        }
        let words = match request {
            Request::Token { token, version } => {
                self.line.worked();
                return self.come_in(address, token, version).await;
            }
            Request::Close => {
                self.line.worked();
                self.leave(address.text()).await;
                return Ok(());
            }
            Request::BroadcastStateless(_) => {
                self.line.worked();
                self.leave(address.text()).await;
                self.say(address, Reply::Close("only servers broadcast"));
                return Ok(());
            }
            // For the application; ours has nothing to say this way.
            Request::Stateless(_) => {
                self.line.worked();
                return Ok(());
            }
            Request::Sync(Sync::Step1(vector)) | Request::SyncReply(Sync::Step1(vector)) => {
                Words::Step1(vector.to_vec())
            }
            Request::Sync(Sync::Step2(update)) | Request::SyncReply(Sync::Step2(update)) => {
                Words::Step2(update.to_vec())
            }
            Request::Sync(Sync::Update(update)) | Request::SyncReply(Sync::Update(update)) => {
                Words::Update(update.to_vec())
            }
            Request::Awareness(update) => Words::Awareness(update.to_vec()),
            Request::QueryAwareness => Words::QueryAwareness,
        };
        self.line.heard(&words);
        self.pass_on(address.text(), words, frame.len()).await
    }

    /// To the document, or into its waiting room.
    async fn pass_on(&mut self, address: &str, words: Words, size: usize) -> Result<(), End> {
        if !self.opened.contains_key(address) && self.opened.len() >= MOST_DOCUMENTS {
            return Err(Some((4403, "too many documents on one socket")));
        }
        if self.early_bytes() + size > MOST_EARLY_TOGETHER && !matches!(self.opened.get(address), Some(Opened::In(_))) {
            return Err(Some((4403, "too much before the token")));
        }
        match self.opened.entry(address.to_owned()).or_insert_with(|| Opened::Early(VecDeque::new(), 0)) {
            Opened::In(inside) => inside.handle.say(inside.connection, words).await.map_err(|_| Some((RESET, "reset"))),
            Opened::Early(early, bytes) => {
                *bytes += size;
                early.push_back(words);
                if early.len() > MOST_EARLY.0 || *bytes > MOST_EARLY.1 {
                    return Err(Some((4403, "too much before the token")));
                }
                Ok(())
            }
        }
    }

    /// What waits for a token, of all documents.
    fn early_bytes(&self) -> usize {
        let early = self.opened.values().map(|opened| if let Opened::Early(_, bytes) = opened { *bytes } else { 0 });
        early.sum()
    }

    async fn come_in(&mut self, address: Address<'_>, token: &str, version: Option<&str>) -> Result<(), End> {
        self.pings |= Provider::of(version).answers_ping();
        // Whoever brings many wrong tokens is told nothing for a while, not even that one is right. They shall come
        // back, though: others have the same address, and a no would be the end for a provider.
        let found = match self.documents.identity.limits.token(self.from) {
            Ok(()) => Box::pin(enter(&self.documents, self.from, token, address.name())).await,
            Err(_) => Err(Shut::Unavailable),
        };
        let entered = match found {
            Ok(entered) => entered,
            Err(Shut::NotFound) => {
                // The socket stays open and the state is forgotten, so that another token can be tried.
                self.leave(address.text()).await;
                self.say(address, Reply::Denied("permission-denied"));
                return Ok(());
            }
            Err(Shut::Unavailable) => return Err(Some((RESET, "unavailable"))),
        };
        let Entered { key, user, scope, rights, .. } = entered;
        let early = match self.opened.remove(address.text()) {
            Some(Opened::Early(early, _)) => early,
            Some(Opened::In(mut inside)) => {
                // The token again. With other rights everything has to begin anew.
                let was = &inside.entered;
                let same = (was.key, was.user, was.scope) == (key, user, scope);
                (inside.entered, inside.asked) = (entered, None);
                self.opened.insert(address.text().to_owned(), Opened::In(inside));
                if !same {
                    return Err(Some((RESET, "rights have changed")));
                }
                self.say(address, Reply::Authenticated(scope));
                return Ok(());
            }
            None => VecDeque::new(),
        };
        if self.opened.len() >= MOST_DOCUMENTS {
            return Err(Some((4403, "too many documents on one socket")));
        }
        let (outbox, wire) = (self.line.outbox.clone(), Wire::Hocuspocus(address.text().to_owned()));
        let peer = || Peer::new(outbox.clone(), wire.clone(), user, scope, rights);
        let inside = self.documents.collab.enter(key, peer).await;
        let (handle, connection) = inside.map_err(|_| Some((RESET, "unavailable")))?;
        self.say(address, Reply::Authenticated(scope));
        for words in early {
            handle.say(connection, words).await.map_err(|_| Some((RESET, "reset")))?;
        }
        let inside = Inside { handle, connection, entered, asked: None };
        self.opened.insert(address.text().to_owned(), Opened::In(Box::new(inside)));
        Ok(())
    }

    async fn leave(&mut self, address: &str) {
        if let Some(Opened::In(inside)) = self.opened.remove(address) {
            inside.handle.leave(inside.connection).await;
        }
    }

    /// Behind whatever the documents have said.
    fn say(&self, address: Address<'_>, reply: Reply<'_>) {
        self.line.outbox.send(Frame::binary(&ToClient::At(address, reply).encode()));
    }
}
