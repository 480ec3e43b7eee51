//! All documents that are open on this node, and the way to one.
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use chrono::TimeDelta;
use parking_lot::Mutex;
use uuid::Uuid;

use super::{
    DocumentId, Name,
    access::{self, Asker},
    files,
    history::{self, HistoryError},
    hocuspocus::Scope,
    materialise::{self, Patience},
    roles::Roles,
    room::{self, Change, Handle, Key, Peer, Refused, WriteError},
    schema::Content,
    store,
    turns::Turns,
};
use crate::{
    bus::{Bus, Channel, Packet},
    db::{Db, TenantTx},
    kernel::{Clock, Id, caller},
    runtime::{Limits, Registry, Tasks, registry},
};

/// How often the heads of all open documents are compared with the database.
const HEAD_CHECK: Duration = Duration::from_secs(2);
/// The same while the bus does not carry.
const HEAD_CHECK_ALONE: Duration = Duration::from_millis(200);
/// How often it is looked for documents whose columns nobody has written: their node was gone before it came to that.
const SWEEP: Duration = Duration::from_secs(10);
/// Those that wait so long wait for nobody: longer than a document waits in which people write.
const LEFT_BEHIND: TimeDelta = TimeDelta::seconds(20);
/// How often it is looked for images to which nobody refers.
const IMAGES: Duration = Duration::from_mins(10);
/// So many in one sweep.
const MOST_SWEPT: i32 = 200;
/// Nobody waits longer to come in.
const ENTER: Duration = Duration::from_secs(15);
/// So many that did not work are passed over.
const MOST_PASSED_OVER: usize = 10_000;
/// So often a document is opened anew for one request.
const ATTEMPTS: u32 = 3;

impl registry::Handle for Handle {
    fn is_closed(&self) -> bool {
        Handle::is_closed(self)
    }
}

/// All documents that are open on this node. Cheap to clone.
#[derive(Clone)]
pub struct Collab {
    db: Db,
    bus: Bus,
    clock: Clock,
    tasks: Tasks,
    settings: Settings,
    rooms: Registry<Key, Handle>,
    roles: Roles,
    turns: Arc<Turns>,
    /// Documents whose columns could not be written by this sweep or the last ones: others first.
    unswept: Arc<Mutex<Vec<DocumentId>>>,
}

/// How documents are kept open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// So long after the last change the columns are written …
    pub columns_after: Duration,
    /// … and at the latest so long after the first one that they lack, while people go on writing (domain 11.3).
    pub columns_latest: Duration,
    /// After so long of writing a version is kept.
    pub versions_every: Duration,
    /// An image to which nobody refers goes after this.
    pub images_kept: Duration,
    /// What open documents may take of this process's memory, in bytes, before those that nobody looks at are let go
    /// ahead of time. What people have open stays; beyond twice as much nothing more is opened.
    pub memory: usize,
    /// Words about where somebody looks, per second and connection; of what comes faster the last counts.
    pub awareness_per_second: u32,
    /// How long the carets of a node stay that is not heard of any more.
    pub lease: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            columns_after: Duration::from_secs(2),
            columns_latest: Duration::from_secs(10),
            versions_every: Duration::from_mins(10),
            images_kept: limits.images_kept,
            memory: limits.documents_memory,
            awareness_per_second: limits.awareness_per_second,
            lease: room::LASTS,
        }
    }
}

/// Why a document was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    /// It does not exist for whoever asks.
    NotFound,
    /// Try again.
    Unavailable,
}

/// Why a document was not read or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unchanged {
    /// It is not open.
    Shut(Shut),
    /// It would be too large.
    Full,
    /// It can only be read.
    Frozen,
    /// It says something else than what the change builds on.
    Moved,
}

/// Somebody may come into a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// Which document.
    pub key: Key,
    /// What they may do.
    pub scope: Scope,
    /// How many changes of rights `scope` knows of, at least.
    pub rights: u64,
}

impl From<sqlx::Error> for Shut {
    fn from(error: sqlx::Error) -> Self {
        tracing::warn!(%error, "a document was not opened");
        Self::Unavailable
    }
}

impl Collab {
    /// No documents yet. Starts the head check.
    pub fn new(db: Db, bus: Bus, clock: Clock, tasks: Tasks, settings: Settings) -> Self {
        let (rooms, roles, turns, unswept) = Default::default();
        let collab = Self { db, bus, clock, tasks, settings, rooms, roles, turns, unswept };
        let watcher = collab.clone();
        collab.tasks.spawn_until_shutdown("document head check", async move { watcher.watch_heads().await });
        let sweeper = collab.clone();
        collab.tasks.spawn_until_shutdown("document sweep", async move {
            // What this node, or the one in whose place it comes, left behind: at once, whoever may still be at it.
            let mut left_behind = TimeDelta::zero();
            loop {
                let more = sweeper.sweep(left_behind).await;
                if !more {
                    left_behind = LEFT_BEHIND;
                    tokio::time::sleep(SWEEP).await;
                }
            }
        });
        let sweeper = collab.clone();
        collab.tasks.spawn_until_shutdown("image sweep", async move {
            loop {
                tokio::time::sleep(IMAGES).await;
                sweeper.sweep_images().await;
            }
        });
        collab
    }

    /// Writes the columns of documents that changed longer ago than this and have no node that would. Those that do not
    /// work are tried again when nothing else is left. True: there may be more of them.
    pub async fn sweep(&self, left_behind: TimeDelta) -> bool {
        let mut failed = self.unswept.lock().clone();
        let found = async {
            let mut tx = self.db.system().await?;
            let found = store::dirty(&mut tx, self.clock.now() - left_behind, MOST_SWEPT, &failed).await?;
            tx.commit().await?;
            Ok::<_, sqlx::Error>(found)
        };
        let found = match found.await {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(%error, "sweep of documents failed; the next one comes soon");
                return false;
            }
        };
        let dirty = u32::try_from(found.len() + failed.len()).unwrap_or(u32::MAX);
        metrics::gauge!("atelier_collab_documents_dirty").set(f64::from(dirty));
        if found.is_empty() || failed.len() >= MOST_PASSED_OVER {
            failed.clear();
        }
        let (mut swept, full) = (0, i32::try_from(found.len()).is_ok_and(|count| count >= MOST_SWEPT));
        for (organization, document) in found {
            let key = Key { organization, document };
            let work = materialise::project(&self.db, &self.clock, key, Patience::Leave);
            match tokio::time::timeout(room::COLUMNS_DEADLINE, work).await {
                Ok(Ok(Some(_))) => swept += 1,
                // Another node is at it.
                Ok(Ok(None)) => {}
                failure => {
                    let error = failure.map(|made| made.map(drop));
                    tracing::warn!(%document, ?error, "columns of a document were not written; others first");
                    failed.push(document);
                }
            }
        }
        metrics::counter!("atelier_collab_swept_total").increment(swept);
        *self.unswept.lock() = failed;
        full && swept > 0
    }

    /// Lets go of images to which nobody has referred for long.
    pub async fn sweep_images(&self) {
        files::sweep(&self.db, &self.clock, self.settings.images_kept).await;
    }

    /// What `asker` may do with a document, and where it is. It is made when it is missing.
    pub async fn find(
        &self,
        organization: Id<caller::Organization>,
        asker: &Asker,
        name: Name,
    ) -> Result<(Key, Scope), Shut> {
        self.admit(organization, asker, name).await.map(|admission| (admission.key, admission.scope))
    }

    /// The same for somebody who is about to come in and stay.
    pub async fn admit(
        &self,
        organization: Id<caller::Organization>,
        asker: &Asker,
        name: Name,
    ) -> Result<Admission, Shut> {
        let mut tx = self.db.tenant_as(organization, None).await?;
        // Before the scope: what changes in between is one change too many, never one too few.
        let rights = match store::find(&mut tx, name).await? {
            Some(known) => store::rights(&mut tx, known).await?.unwrap_or(0),
            None => 0,
        };
        let scope = access::scope(&mut tx, asker, name).await?.ok_or(Shut::NotFound)?;
        let document = self.ensure(&mut tx, name).await?;
        tx.commit().await?;
        Ok(Admission { key: Key { organization, document }, scope, rights })
    }

    /// The document of a subject, made from its columns when it is missing.
    pub(super) async fn ensure(&self, tx: &mut TenantTx, name: Name) -> Result<DocumentId, Shut> {
        if let Some(known) = store::find(tx, name).await? {
            return Ok(known);
        }
        let fresh = self.clock.id();
        if store::create(tx, fresh, name).await? {
            materialise::fill(tx, fresh, name, self.clock.now()).await?;
        }
        // Somebody else may have been faster.
        store::find(tx, name).await?.ok_or(Shut::Unavailable)
    }

    /// The room of a document, opened if need be. Two first callers get one room.
    pub async fn room(&self, key: Key) -> Result<Handle, Shut> {
        let opening = AtomicBool::new(false);
        let open = async || {
            opening.store(true, Ordering::Relaxed);
            if self.resident() > self.settings.memory.saturating_mul(2) {
                metrics::counter!("atelier_collab_refused_opens_total").increment(1);
                return Err(WriteError::NoRoom);
            }
            room::open(self.db.clone(), self.bus.clone(), &self.clock, key, self.settings).await
        };
        let opened = self.rooms.get(key, &self.tasks, "document", open).await;
        if opening.into_inner() {
            self.make_room();
        }
        opened.map_err(|error| match error {
            WriteError::Gone => Shut::NotFound,
            error => {
                tracing::warn!(document = %key.document, %error, "document not opened");
                Shut::Unavailable
            }
        })
    }

    /// What all open documents take of this process's memory, roughly, in bytes.
    pub fn resident(&self) -> usize {
        self.rooms.open().iter().map(|(_, handle)| handle.seen().bytes()).sum()
    }

    /// Memberships, roles and tokens of those who have documents open here.
    pub const fn roles(&self) -> &Roles {
        &self.roles
    }

    /// Turns for work that takes long.
    pub(super) fn turns(&self) -> &Turns {
        &self.turns
    }

    /// The documents that are open here.
    pub fn open_documents(&self) -> Vec<DocumentId> {
        self.rooms.open().into_iter().map(|(key, _)| key.document).collect()
    }

    /// Lets go of documents that nobody looks at, those first that were not used for longest, until the others fit.
    fn make_room(&self) {
        let mut open = self.rooms.open();
        let mut resident: usize = open.iter().map(|(_, handle)| handle.seen().bytes()).sum();
        if resident <= self.settings.memory {
            return;
        }
        open.retain(|(_, handle)| handle.seen().may_go());
        open.sort_by_key(|(_, handle)| handle.seen().used());
        // The one used last was opened this moment, for somebody who is about to come in.
        open.pop();
        for (key, handle) in open {
            if resident <= self.settings.memory {
                return;
            }
            tracing::debug!(document = %key.document, "memory is wanted: a document that nobody looks at is let go");
            metrics::counter!("atelier_collab_unloads_total").increment(1);
            resident = resident.saturating_sub(handle.seen().bytes());
            handle.unload();
        }
    }

    /// A connection comes into a document.
    pub async fn enter(
        &self,
        key: Key,
        peer: impl Fn() -> Peer,
    ) -> Result<(Handle, super::awareness::Connection), Shut> {
        let entering = async {
            loop {
                let handle = self.room(key).await?;
                // A room that ended in between is opened again.
                if let Ok(connection) = handle.enter(peer()).await {
                    return Ok((handle, connection));
                }
            }
        };
        tokio::time::timeout(ENTER, entering).await.map_err(|_| Shut::Unavailable)?
    }

    /// What a document says, all of it saved; with a change, after that. The same change twice is the change once.
    pub async fn content(&self, key: Key, change: Option<Change>) -> Result<Content, Unchanged> {
        for _ in 0..ATTEMPTS {
            // Asked before the room is: it would have to begin anew, with everybody in it.
            if change.is_some() && self.is_frozen(key).await.map_err(Unchanged::Shut)? {
                return Err(Unchanged::Frozen);
            }
            let handle = self.room(key).await.map_err(Unchanged::Shut)?;
            match handle.content(change.clone()).await {
                Ok(Ok(content)) => return Ok(content),
                Ok(Err(Refused::Full)) => return Err(Unchanged::Full),
                Ok(Err(Refused::Moved)) => return Err(Unchanged::Moved),
                Ok(Err(Refused::Frozen)) if change.is_some() => return Err(Unchanged::Frozen),
                // A room that ended in between is opened again.
                Ok(Err(Refused::Frozen)) | Err(room::Closed) => {}
            }
        }
        Err(Unchanged::Shut(Shut::Unavailable))
    }

    /// Keeps what a document says now, all of it saved, as a version: on an act of business, or under a name.
    pub async fn checkpoint(&self, key: Key, draft: &history::Draft<'_>) -> Result<Uuid, HistoryError> {
        // What is under way here is written first.
        self.content(key, None).await.map_err(|_| HistoryError::Broken)?;
        let mut tx = self.db.tenant_as(key.organization, None).await?;
        let version = history::keep(&mut tx, &self.clock, key.document, draft).await?;
        tx.commit().await?;
        self.tell(key, room::VERSION).await;
        Ok(version)
    }

    /// Tells all editors of a document something, as JSON.
    pub async fn tell(&self, key: Key, news: &'static str) {
        match self.room(key).await {
            Ok(handle) => handle.tell(news).await,
            Err(why) => tracing::debug!(document = %key.document, ?why, news, "nobody was told"),
        }
    }

    /// What people may do with a document has changed: whoever has it open comes in again. Those of this node at once,
    /// those of others as soon as they hear of it: by the bus, or by their next head check.
    pub async fn rights_changed(&self, organization: Id<caller::Organization>, name: Name) {
        let found = async {
            let mut tx = self.db.tenant_as(organization, None).await?;
            store::find(&mut tx, name).await
        };
        match found.await {
            Ok(Some(document)) => self.rights_changed_of(Key { organization, document }).await,
            Ok(None) => {}
            Err(error) => tracing::warn!(%name, %error, "changed rights are left to the head check"),
        }
    }

    /// A live session has other documents, or other people may use them: it looks for itself, and tells everybody in it.
    pub(super) fn tell_session(&self, organization: Id<caller::Organization>, session: Uuid) {
        let packet = Packet { origin: self.clock.id::<()>().uuid(), after: 0, to: 0, payload: Bytes::new() };
        self.bus.publish(Channel::live(organization, session), packet);
    }

    /// The same where the document is known.
    pub(super) async fn rights_changed_of(&self, key: Key) {
        let found = async {
            let mut tx = self.db.tenant_as(key.organization, None).await?;
            store::rights(&mut tx, key.document).await
        };
        match found.await {
            Ok(Some(rights)) => self.announce_rights(key, rights),
            Ok(None) => {}
            Err(error) => tracing::warn!(document = %key.document, %error, "changed rights are left to the head check"),
        }
    }

    fn announce_rights(&self, key: Key, rights: u64) {
        let here = self.rooms.open().into_iter().find(|(open, _)| *open == key);
        if let Some((_, handle)) = here {
            handle.rights_changed(rights);
        }
        room::publish_rights(&self.bus, self.clock.id::<()>().uuid(), key, rights);
    }

    /// Can this document only be read, whoever asks?
    pub async fn is_frozen(&self, key: Key) -> Result<bool, Shut> {
        let mut tx = self.db.tenant_as(key.organization, None).await?;
        Ok(store::is_frozen(&mut tx, key.document).await?)
    }

    /// Writes what waits, closes all connections, ends all rooms.
    pub async fn drain(&self) {
        let rooms = self.rooms.open().into_iter();
        futures_util::future::join_all(rooms.map(|(_, handle)| async move { handle.drain().await })).await;
    }

    async fn watch_heads(&self) {
        let mut bus = self.bus.watch();
        loop {
            let pause = if bus.health().carries() { HEAD_CHECK } else { HEAD_CHECK_ALONE };
            let missed = tokio::time::timeout(pause, bus.changed()).await.is_ok();
            let open = self.rooms.open();
            if missed {
                // A connection was away, or a channel is heard only now.
                for (_, handle) in &open {
                    handle.reunite();
                }
                tokio::time::sleep(HEAD_CHECK_ALONE).await;
            }
            self.make_room();
            if open.is_empty() {
                continue;
            }
            match self.heads(&open).await {
                Ok(heads) => {
                    for (key, handle) in open {
                        let Some(newest) = heads.get(&key.document.uuid()) else { continue };
                        if newest.seq > handle.seen().seq() {
                            handle.catch_up();
                        }
                        if newest.rights > handle.seen().rights() {
                            handle.rights_changed(newest.rights);
                        }
                    }
                }
                Err(error) => tracing::debug!(%error, "document head check failed; the next one comes soon"),
            }
        }
    }

    async fn heads(&self, open: &[(Key, Handle)]) -> Result<HashMap<Uuid, store::Newest>, sqlx::Error> {
        let ids: Vec<Uuid> = open.iter().map(|(key, _)| key.document.uuid()).collect();
        let mut tx = self.db.system().await?;
        let heads = store::heads(&mut tx, &ids).await?;
        self.roles.look(&mut tx).await?;
        tx.commit().await?;
        Ok(heads)
    }
}
