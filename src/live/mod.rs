//! Live sessions: the core decides, the log remembers, a room orders, the gateway shows.
pub mod core;
pub mod fanout;
pub mod http;
pub(crate) mod log;
mod presence;
mod projection;
pub mod protocol;
mod retention;
pub mod room;
pub mod store;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::time::Instant;

use self::{
    core::{NodeId, Session, SessionId, SystemCommand},
    presence::Presence,
    room::{
        Answer, Handle, Rejection,
        writer::{Ask, Key, WriteError},
    },
    store::Store,
};
use crate::{
    bus::Bus,
    kernel::{Clock, Code, Refusal},
    runtime::{Limits, Registry, Tasks, registry},
};

/// How often the heads of all open rooms are compared with the database.
const HEAD_CHECK: Duration = Duration::from_secs(1);
/// The same while the bus does not carry.
const POLL: Duration = Duration::from_millis(100);
/// At least between two comparisons, whatever the bus has to say.
const BREATH: Duration = Duration::from_millis(20);
/// How often sessions that nobody hosts any more are looked for.
const SWEEP: Duration = Duration::from_mins(1);
/// So many sessions with a torn log are remembered as complained about.
const COMPLAINTS: usize = 1_000;

/// All live sessions that are open on this node. Cheap to clone.
#[derive(Clone)]
pub struct Live {
    inner: Arc<Inner>,
}

impl registry::Handle for Handle {
    fn is_closed(&self) -> bool {
        Handle::is_closed(self)
    }
}

struct Inner {
    store: Store,
    bus: Bus,
    clock: Clock,
    tasks: Tasks,
    limits: Limits,
    presence: Presence,
    rooms: Registry<Key, Handle>,
    /// Sessions that cannot be read, and whose operator has been told.
    torn: Mutex<BTreeSet<Key>>,
    /// Sessions over whose archiving others come first.
    unarchived: Mutex<Vec<SessionId>>,
}

impl Live {
    /// No rooms yet. Starts the head check, the lease and the sweep.
    pub fn new(store: impl Into<Store>, bus: Bus, clock: Clock, tasks: Tasks, limits: Limits) -> Self {
        let (store, presence, rooms) = (store.into(), Presence::new(clock.clone()), Registry::default());
        let live = Self {
            inner: Arc::new(Inner {
                store,
                bus,
                clock,
                tasks,
                limits,
                presence,
                rooms,
                torn: Mutex::default(),
                unarchived: Mutex::default(),
            }),
        };
        let watcher = live.clone();
        live.inner.tasks.spawn("live head check", async move { watcher.watch_heads().await });
        let keeper = live.clone();
        live.inner.tasks.spawn("live presence", async move { keeper.keep_presence().await });
        let sweeper = live.clone();
        live.inner.tasks.spawn("live sweep", async move { sweeper.sweep().await });
        live
    }

    /// Under which id this node holds its lease.
    pub fn node(&self) -> NodeId {
        self.inner.presence.node()
    }

    /// The room of a session, opened if need be. Two first callers get one room.
    pub async fn room(&self, key: Key) -> Result<Handle, Rejection> {
        let Inner { rooms, tasks, .. } = &*self.inner;
        rooms.get(key, tasks, "live room", || self.open(key)).await.map_err(|error| match error {
            WriteError::Gone => Rejection::Refused(Refusal::new(Code::NotFound)),
            error => {
                self.complain(key, &error);
                Rejection::Retry { code: Code::Unavailable, after_ms: 1_000 }
            }
        })
    }

    /// A torn log stays torn, however often somebody comes back: that is said once.
    fn complain(&self, key: Key, error: &WriteError) {
        if !matches!(error, WriteError::Torn { .. }) {
            return tracing::warn!(session = %key.session, %error, "room not opened");
        }
        let mut torn = self.inner.torn.lock();
        if torn.len() >= COMPLAINTS {
            torn.clear();
        }
        if torn.insert(key) {
            tracing::error!(session = %key.session, %error, "room not opened, nor will it be: events are missing");
        }
    }

    async fn open(&self, key: Key) -> Result<(Handle, BoxFuture<'static, ()>), WriteError> {
        let Inner { store, bus, clock, limits, presence, .. } = &*self.inner;
        let board = presence.board(store, key).await?;
        room::open(store.clone(), bus.clone(), clock.clone(), *limits, board).await
    }

    /// Asks a session's room, opening it if need be.
    pub async fn ask(&self, key: Key, ask: Ask) -> Answer {
        loop {
            // A room that ended between the look-up and the question is opened again.
            if let Ok(answer) = self.room(key).await?.ask(ask.clone()).await {
                return answer;
            }
        }
    }

    /// Looks at the committed state of a session and its number.
    pub async fn look<R, F>(&self, key: Key, look: F) -> Result<R, Rejection>
    where
        R: Send + 'static,
        F: FnOnce(u64, &Session) -> R + Clone + Send + 'static,
    {
        loop {
            if let Ok(seen) = self.room(key).await?.look(look.clone()).await {
                return Ok(seen);
            }
        }
    }

    /// Closes all connections with "draining", spread over this time, keeps snapshots, ends all rooms.
    pub async fn drain(&self, over: Duration) {
        let handles = self.inner.rooms.open();
        futures_util::future::join_all(handles.iter().map(|(_, handle)| handle.drain(over))).await;
    }

    async fn watch_heads(&self) {
        let stopping = self.inner.tasks.stopping().clone();
        let mut bus = self.inner.bus.watch();
        let mut compared = Instant::now();
        let mut wait = async || {
            tokio::time::sleep(BREATH).await;
            let pause = if bus.health().carries() { HEAD_CHECK } else { POLL };
            tokio::select! {
                () = tokio::time::sleep(pause.saturating_sub(BREATH)) => {}
                // Packets may have been missed while a connection was away, or a channel not yet subscribed.
                () = bus.changed() => {}
            }
        };
        while stopping.run_until_cancelled(wait()).await.is_some() {
            let rooms = self.inner.rooms.open();
            if rooms.is_empty() {
                continue;
            }
            if let Err(error) = self.check_heads(&rooms).await {
                tracing::debug!(%error, "head check failed; the next one comes soon");
            }
            if compared.elapsed() < HEAD_CHECK {
                continue;
            }
            compared = Instant::now();
            if let Err(error) = self.compare_documents(&rooms).await {
                tracing::debug!(%error, "documents not compared; the next time is in a second");
            }
        }
    }

    async fn compare_documents(&self, rooms: &[(Key, Handle)]) -> Result<(), sqlx::Error> {
        let sessions: Vec<SessionId> = rooms.iter().map(|(key, _)| key.session).collect();
        let found = self.inner.store.documents(&sessions).await?;
        for (key, handle) in rooms {
            if let Some(found) = found.get(&key.session) {
                handle.compare_documents(found);
            }
        }
        Ok(())
    }

    async fn check_heads(&self, rooms: &[(Key, Handle)]) -> Result<(), sqlx::Error> {
        let heads = self.inner.presence.look(&self.inner.store, rooms).await?;
        for (key, handle) in rooms {
            let Some(head) = heads.get(&key.session).filter(|head| **head > handle.seq()) else { continue };
            if !planted!(HeadCheckOff) {
                handle.catch_up(*head);
            }
        }
        Ok(())
    }

    async fn sweep(&self) {
        let stopping = self.inner.tasks.stopping().clone();
        while stopping.run_until_cancelled(tokio::time::sleep(SWEEP)).await.is_some() {
            match self.inner.store.overdue(self.inner.clock.now()).await {
                Ok(keys) => {
                    for key in keys {
                        // Refused or already so is fine; a database that is away is tried again in a minute.
                        let _ = self.ask(key, Ask::System(SystemCommand::Expire)).await;
                    }
                }
                Err(error) => tracing::warn!(%error, "sweep failed; the next one is in a minute"),
            }
            if let Err(error) = self.archive().await {
                tracing::warn!(%error, "logs not archived; the next attempt is in a minute");
            }
            if let Err(error) = self.see_to_forsaken().await {
                tracing::warn!(%error, "forsaken sessions were not looked for; the next look is in a minute");
            }
        }
    }
}
