//! An open document: one task that owns it; everything else talks to it by message.
//!
//! What a client sends passes the gate, is integrated, and waits for the next transaction. Only what is committed is
//! told to the others, acknowledged, and published; so nobody ever sees what could still be lost.
mod columns;
mod commit;
mod content;
mod handle;
mod others;
mod owners;
mod peers;
mod resident;
mod rights;
mod versions;
mod words;
pub mod writer;

use std::time::{Duration, Instant};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

pub use self::{
    columns::{DEADLINE as COLUMNS_DEADLINE, FROZEN, THAWED},
    content::{Change, Occasion, Refused},
    handle::{Closed, Handle, Words},
    others::LASTS,
    peers::{Peer, Said, Wire},
    resident::Seen,
    rights::publish as publish_rights,
    versions::VERSION,
    writer::{Key, WriteError},
};
use self::{handle::Message, others::Others, owners::Owners, peers::Peers, resident::Resident, writer::Written};
use super::{
    Settings,
    awareness::{self, Awareness, Connection},
    document::Document,
    history,
    lib0::LARGEST,
    schema::{Content, Kind},
    store::{self, Draft},
};
use crate::{
    bus::{Bus, Channel, Subscription},
    db::Db,
    kernel::Clock,
    runtime::Pace,
};

/// Messages that may wait for a document.
const INBOX: usize = 1_024;
/// A document that nobody looks at is closed after this.
const IDLE: Duration = Duration::from_secs(30);
/// At most one transaction per document in this time.
const PACE: Duration = Duration::from_millis(10);
/// Between two attempts to write.
const RETRY: Duration = Duration::from_millis(500);
/// How often silence is noticed.
const TICK: Duration = Duration::from_secs(1);
/// What may wait to be written; more is not taken from clients until some of it is.
const MOST_UNWRITTEN: usize = 8 << 20;

/// Close codes of document sockets, as Hocuspocus has them.
pub mod close {
    /// Come back and bring the documents together anew.
    pub const RESET: u16 = 4205;
    /// What you send is not what an honest client sends.
    pub const FORBIDDEN: u16 = 4403;
    /// The server goes down; come back.
    pub const RESTART: u16 = 1012;
}

/// Who waits for a batch.
#[derive(Debug)]
enum Due {
    /// Somebody comes in, to what all nodes have saved by then.
    Enter(Box<Peer>, oneshot::Sender<Connection>),
    /// One change of this connection is saved.
    Status(Connection),
    /// Everything before this mark is saved.
    Mark(Connection, u64),
    /// What the document says, or said when it was asked, is saved.
    Content(content::Reply, Box<Content>),
}

/// What the next transaction writes.
#[derive(Debug, Default)]
struct Batch {
    drafts: Vec<(Draft, Option<Connection>)>,
    dues: Vec<Due>,
    /// When the first of them came.
    since: Option<Instant>,
}

struct Room {
    key: Key,
    db: Db,
    clock: Clock,
    bus: Bus,
    channel: Channel,
    origin: Uuid,
    document: Document,
    kind: Kind,
    seq: u64,
    resident: Resident,
    others: Others,
    owners: Owners,
    looks_due: Option<Instant>,
    peers: Peers,
    awareness: Awareness,
    next: Batch,
    unwritten: usize,
    under_way: Batch,
    commit: Option<BoxFuture<'static, Result<Written, WriteError>>>,
    commit_began: Instant,
    last_commit: Instant,
    not_before: Option<Instant>,
    behind: bool,
    compacting: Option<BoxFuture<'static, ()>>,
    settings: Settings,
    version_due: Option<Instant>,
    keeping: Option<BoxFuture<'static, versions::Attempt>>,
    columns: columns::Columns,
    idle_since: Option<Instant>,
    ending: bool,
    next_tick: Instant,
}

/// Reads a document and makes its room. The returned future is the room; it ends when idle, drained or broken.
pub async fn open(
    db: Db,
    bus: Bus,
    clock: &Clock,
    key: Key,
    settings: Settings,
) -> Result<(Handle, BoxFuture<'static, ()>), WriteError> {
    let channel = Channel::document(key.organization, key.document.uuid());
    // Listen first, then read: what is published in between is either read or heard.
    let subscription = bus.subscribe(channel);
    let Opened { document, kind, seq, owners, unkept, behind, session } = read(&db, key).await?;
    let rights = session.map(|session| bus.subscribe(Channel::rights(key.organization, session)));
    let (inbox, messages) = mpsc::channel(INBOX);
    let resident = Resident::new(seq, document.size().memory());
    let seen = resident.seen();
    let now = Instant::now();
    let room = Room {
        key,
        db,
        clock: clock.clone(),
        bus,
        channel,
        origin: clock.id::<()>().uuid(),
        document,
        kind,
        seq,
        resident,
        others: Others::new(now),
        owners,
        looks_due: None,
        peers: Peers::default(),
        awareness: Awareness::new(),
        next: Batch::default(),
        unwritten: 0,
        under_way: Batch::default(),
        commit: None,
        commit_began: now,
        last_commit: now,
        not_before: None,
        behind: false,
        compacting: None,
        settings,
        version_due: unkept.map(|age| now + settings.versions_every.saturating_sub(age)),
        keeping: None,
        columns: if behind { columns::Columns::behind(now, &settings) } else { columns::Columns::default() },
        idle_since: Some(now),
        ending: false,
        next_tick: now + TICK,
    };
    Ok((Handle::new(inbox, seen), room.run(messages, subscription, rights).boxed()))
}

/// A document as the database has it, with the number of its last update.
struct Opened {
    document: Document,
    kind: Kind,
    seq: u64,
    owners: Owners,
    /// Since when there is something in it that no version has.
    unkept: Option<Duration>,
    /// Are there columns that do not say the same yet?
    behind: bool,
    /// The live session that it belongs to.
    session: Option<Uuid>,
}

async fn read(db: &Db, key: Key) -> Result<Opened, WriteError> {
    let mut tx = db.tenant_as(key.organization, None).await?;
    let (kind, seq, parts) = store::parts(&mut tx, key.document).await?.ok_or(WriteError::Gone)?;
    let owners = history::authorship::owners(&mut tx, key.document, None).await?;
    let unkept = history::unkept_for(&mut tx, key.document).await?;
    let progress = store::progress(&mut tx, key.document).await?;
    let behind = kind.has_columns() && progress.is_some_and(|progress| progress.materialised < seq);
    let session = store::session(&mut tx, key.document).await?;
    tx.commit().await?;
    // A long history takes a while; the others shall not wait for it.
    let client = rand::random::<u64>() & LARGEST;
    let loading =
        tokio::task::spawn_blocking(move || Document::load(kind.schema(), client, parts.iter().map(Vec::as_slice)));
    let document = loading.await.map_err(|_| WriteError::Broken)?.map_err(|error| {
        tracing::error!(document = %key.document, %error, "a document cannot be read");
        WriteError::Broken
    })?;
    Ok(Opened { document, kind, seq, owners: Owners::new(owners, client), unkept, behind, session })
}

impl Room {
    async fn run(
        mut self,
        mut messages: mpsc::Receiver<Message>,
        mut subscription: Subscription,
        mut rights: Option<Subscription>,
    ) {
        self.tell_others(Instant::now());
        loop {
            self.start_commit();
            let (committing, compacting) = (self.commit.is_some(), self.compacting.is_some());
            let (keeping, projecting) = (self.keeping.is_some(), self.columns.under_way.is_some());
            self.resident.is_saved(self.is_saved());
            let deserted = messages.is_closed() && messages.is_empty();
            let listening = self.unwritten < MOST_UNWRITTEN && !deserted;
            let dues = [Some(self.next_tick), self.commit_due(), self.looks_due, self.columns.due()];
            let due = dues.into_iter().flatten().min().unwrap_or(self.next_tick);
            tokio::select! {
                biased;
                done = settled(&mut self.commit), if committing => self.finish_commit(done),
                () = tokio::time::sleep_until(due.into()) => self.on_time(),
                message = messages.recv(), if listening => self.handle(message),
                packet = subscription.next() => self.hear(packet.as_ref()),
                () = changed(&mut rights) => self.behind = true,
                () = settled(&mut self.compacting), if compacting => self.compacting = None,
                attempt = settled(&mut self.keeping), if keeping => self.version_kept(&attempt),
                attempt = settled(&mut self.columns.under_way), if projecting => self.columns_written(attempt),
            }
            if self.may_end() {
                // Whoever is still in the inbox learns that the room is closed, and opens it anew.
                messages.close();
                self.close_all(close::RESET, "reset");
                break;
            }
        }
    }

    fn may_end(&self) -> bool {
        let written = self.is_saved();
        let idle = self.peers.is_empty() && self.idle_since.is_some_and(|since| since.elapsed() >= IDLE);
        let settled = self.columns.are_settled() && self.compacting.is_none() && self.keeping.is_none();
        written && settled && (self.ending || idle)
    }

    /// Nothing waits to be written, and nobody for an answer.
    fn is_saved(&self) -> bool {
        self.commit.is_none() && self.next.drafts.is_empty() && self.next.dues.is_empty()
    }

    fn on_time(&mut self) {
        let now = Instant::now();
        self.write_columns(now);
        if self.looks_due.is_some_and(|due| due <= now) {
            self.pass_looks(now);
        }
        if self.next_tick > now {
            return;
        }
        self.next_tick = now + TICK;
        let gone = self.awareness.expire(now);
        self.gave_up(!gone.is_empty());
        self.tell_awareness(&gone, None);
        if self.peers.holds() {
            self.try_held();
        }
        self.resident.is_looked_at_by(self.awareness.counts().0);
        self.keep_version(now);
        self.tell_others(now);
        if self.peers.is_empty() {
            self.idle_since.get_or_insert(now);
        }
    }

    fn handle(&mut self, message: Option<Message>) {
        let Some(message) = message else {
            self.ending = true;
            return self.hurry_columns();
        };
        if matches!(message, Message::Enter(..) | Message::Say(..) | Message::Content(..)) {
            self.resident.is_used();
        }
        match message {
            // What was written elsewhere just before is to be known here first: whoever changes nodes brings it along.
            Message::Enter(peer, reply) => {
                self.idle_since = None;
                self.behind = true;
                self.next.dues.push(Due::Enter(peer, reply));
            }
            Message::Say(connection, words, _weight) => self.hear_words(connection, words),
            Message::Leave(connection) => self.leave(connection),
            Message::RightsChanged(rights) => self.rights_changed(rights),
            Message::Content(change, reply) => self.tell_content(change, reply),
            Message::News(news) => self.tell_news(news),
            Message::CatchUp => self.behind = true,
            Message::Reunite => self.reunite(),
            // As if it had been idle for long; so it ends when all is saved, unless somebody comes before.
            Message::Unload if self.peers.is_empty() => self.idle_since = Instant::now().checked_sub(IDLE),
            Message::Unload => {}
            Message::Drain => {
                self.ending = true;
                self.hurry_columns();
                self.close_all(close::RESTART, "the server goes down");
            }
        }
    }

    fn enter(&mut self, mut peer: Peer, reply: oneshot::Sender<Connection>) {
        let (rate, rights) = (self.settings.awareness_per_second, peer.rights);
        peer.awareness = Pace::new(rate, rate, Instant::now());
        let connection = self.peers.add(peer);
        // Something else may have been done here while they waited.
        self.idle_since = None;
        self.resident.has_people(self.peers.count());
        if reply.send(connection).is_err() {
            self.leave(connection);
        }
        self.rights_changed(rights);
    }

    fn leave(&mut self, connection: Connection) {
        self.peers.remove(connection);
        self.resident.has_people(self.peers.count());
        let gone = self.awareness.left(connection, Instant::now());
        self.tell_awareness(&gone, None);
        self.publish_awareness(&gone);
        if self.peers.is_empty() {
            self.hurry_columns();
            self.idle_since.get_or_insert_with(Instant::now);
        }
    }

    /// Tells who is looking to everybody but one.
    fn tell_awareness(&self, news: &[awareness::Announcement], except: Option<Connection>) {
        if !news.is_empty() {
            self.peers.tell_all(Said::Awareness(&awareness::encode(news)), except);
        }
    }

    fn close_all(&self, code: u16, reason: &'static str) {
        self.peers.all().for_each(|(_, peer)| peer.outbox.close(code, reason));
    }

    /// The document is not to be trusted any more: it is read anew by whoever comes next. What was not acknowledged is
    /// sent again by those who wrote it.
    fn give_up(&mut self, why: &'static str) {
        tracing::error!(document = %self.key.document, why, "a document is given up and read anew");
        metrics::counter!("atelier_collab_reloads_total").increment(1);
        self.next = Batch::default();
        self.unwritten = 0;
        // Left to whoever reads it anew.
        self.columns = columns::Columns::default();
        self.ending = true;
        self.close_all(close::RESET, "reset");
    }
}

/// The rights in the live session that the document belongs to are others now: a look at the database says whether that
/// concerns the document. What was not heard is found out by the head check.
async fn changed(rights: &mut Option<Subscription>) {
    match rights {
        Some(rights) => while rights.next().await.is_none() {},
        None => std::future::pending().await,
    }
}

async fn settled<T>(under_way: &mut Option<BoxFuture<'static, T>>) -> T {
    let result = match under_way {
        Some(future) => future.await,
        None => std::future::pending().await,
    };
    *under_way = None;
    result
}
