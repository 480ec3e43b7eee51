//! Who is connected where: this node's lease, what its rooms write down, what other nodes have written, and the burial
//! of nodes that are lost (docs/adr/010-presence-and-leases.md).
mod board;
pub(super) mod ledger;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::StreamExt;
use parking_lot::Mutex;
use tokio::time::Instant;

use self::{board::Sight, ledger::Remains};
use super::{
    Inner, Live,
    core::{NodeId, SessionId, SystemCommand},
    room::{
        Handle, Rejection,
        writer::{Ask, Key},
    },
    store::Store,
};
use crate::kernel::Clock;
#[cfg(test)]
pub use board::People;
pub use board::{Board, pace};

/// A node that was silent for longer is lost.
const LEASE: Duration = Duration::from_secs(10);
/// How often a lease is renewed when there is nothing to write.
const RENEW: Duration = Duration::from_secs(3);
/// How often there may be something to write.
pub const BEAT: Duration = Duration::from_secs(1);
/// Longer than from one renewal to the next: what was known about other nodes then is known until now.
const KNOWN: Duration = Duration::from_secs(5);
/// So many sessions of a lost node are seen to at the same time.
const AT_ONCE: usize = 8;

/// This node's part.
#[derive(Debug)]
pub struct Presence {
    clock: Clock,
    lease: Mutex<Lease>,
    sight: Arc<Sight>,
    boards: Mutex<BTreeMap<Key, Arc<Board>>>,
    /// One burial at a time.
    burying: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Lease {
    node: NodeId,
    /// Not in the database yet.
    fresh: bool,
    held: Option<Instant>,
}

impl Presence {
    /// A node without a lease.
    pub fn new(clock: Clock) -> Self {
        let lease = Mutex::new(Lease { node: clock.id(), fresh: true, held: None });
        Self { clock, lease, sight: Arc::default(), boards: Mutex::default(), burying: tokio::sync::Mutex::default() }
    }

    /// The node, as long as it holds its lease.
    pub fn node(&self) -> NodeId {
        self.lease.lock().node
    }

    /// The board of a room that is being opened, with what others have written on it.
    pub async fn board(&self, store: &Store, key: Key) -> Result<Arc<Board>, sqlx::Error> {
        let board = self.board_of(key);
        let (found, since) = ledger::look(store, self.node(), &[(key.session, 0)]).await?;
        for (_, found) in found {
            board.hear(found.rows, since);
        }
        Ok(board)
    }

    /// Looks at all open rooms: the newest number of each, and who is connected elsewhere.
    pub async fn look(&self, store: &Store, rooms: &[(Key, Handle)]) -> Result<BTreeMap<SessionId, u64>, sqlx::Error> {
        let begun = Instant::now();
        let sessions: Vec<_> = rooms.iter().map(|(key, handle)| (key.session, handle.board().since())).collect();
        let (mut found, since) = ledger::look(store, self.node(), &sessions).await?;
        for (key, handle) in rooms {
            let rows = found.get_mut(&key.session).map(|found| std::mem::take(&mut found.rows)).unwrap_or_default();
            handle.board().hear(rows, since);
        }
        self.sight.looked(begun);
        Ok(found.into_iter().filter_map(|(session, found)| Some((session, found.head?))).collect())
    }

    /// Renews the lease when it is time, and writes what the rooms have to say. True: there are nodes to bury.
    async fn beat(&self, store: &Store) -> Result<bool, sqlx::Error> {
        self.tidy();
        loop {
            let begun = Instant::now();
            let (node, fresh, held) = {
                let lease = self.lease.lock();
                (lease.node, lease.fresh, lease.held)
            };
            let rows: Vec<_> = self.boards.lock().values().filter_map(|board| board.take_unwritten()).collect();
            if rows.is_empty() && held.is_some_and(|held| begun - held < RENEW) {
                return Ok(false);
            }
            let answer = ledger::hold(store, node, fresh, LEASE, &rows).await;
            if !matches!(&answer, Ok(held) if held.ours) {
                for (key, _) in &rows {
                    self.board_of(*key).write_again();
                }
            }
            match answer {
                Ok(held) if held.ours => {
                    *self.lease.lock() = Lease { node, fresh: false, held: Some(begun) };
                    self.sight.alone_until((held.nodes == 1).then(|| begun + KNOWN));
                    metrics::gauge!("atelier_live_nodes").set(held.nodes);
                    metrics::counter!("atelier_live_presence_writes_total").increment(rows.len() as u64);
                    return Ok(held.lapsed > 0);
                }
                Ok(_) => self.begin_anew(),
                Err(error) => {
                    if fresh {
                        // It may be there after all; nobody would know whose it is.
                        self.lease.lock().node = self.clock.id();
                    }
                    return Err(error);
                }
            }
        }
    }

    /// The lease was lost: this node was silent for too long, and others have been told so. It comes back as another.
    fn begin_anew(&self) {
        let node = self.clock.id();
        tracing::warn!(lost = %self.node(), %node, "this node was thought to be lost; it takes a new lease");
        metrics::counter!("atelier_live_leases_lost_total").increment(1);
        *self.lease.lock() = Lease { node, fresh: true, held: None };
        self.sight.alone_until(None);
        self.boards.lock().values().filter(|board| board.has_people()).for_each(|board| board.write_again());
    }

    /// Boards of rooms that are closed, and have nothing to write, go.
    fn tidy(&self) {
        self.boards.lock().retain(|_, board| Arc::strong_count(board) > 1 || !board.is_blank());
    }

    fn board_of(&self, key: Key) -> Arc<Board> {
        let new = || Arc::new(Board::new(key, self.sight.clone()));
        self.boards.lock().entry(key).or_insert_with(new).clone()
    }
}

impl Live {
    /// Keeps the lease until this node stops, then gives it up: others see to whoever does not come to them.
    pub(super) async fn keep_presence(&self) {
        let Inner { presence, store, tasks, .. } = &*self.inner;
        let stopping = tasks.stopping().clone();
        loop {
            match presence.beat(store).await {
                Ok(false) => {}
                Ok(true) => {
                    let live = self.clone();
                    tasks.spawn("live burial", async move { live.bury().await });
                }
                Err(error) => tracing::debug!(%error, "lease not renewed; the next attempt is in a second"),
            }
            if stopping.run_until_cancelled(tokio::time::sleep(BEAT)).await.is_none() {
                break;
            }
        }
        if let Err(error) = ledger::release(store, presence.node()).await {
            tracing::debug!(%error, "lease not given up; it lapses by itself");
        }
    }

    /// Tells the sessions of lost nodes that they are lost. May end at any point, here or on another node, and begin
    /// again: a session is told once, and a row goes only when somebody else has taken its place.
    async fn bury(&self) {
        let Inner { presence, store, .. } = &*self.inner;
        let Ok(_one) = presence.burying.try_lock() else { return };
        loop {
            let node = presence.node();
            let remains = match ledger::lost(store, node).await {
                Ok(remains) if remains.is_empty() => return,
                Ok(remains) => remains,
                Err(error) => return tracing::debug!(%error, "burial put off"),
            };
            let done: Vec<bool> = futures_util::stream::iter(remains)
                .map(|remains| async move { self.bury_one(node, &remains).await })
                .buffer_unordered(AT_ONCE)
                .collect()
                .await;
            if presence.node() != node || done.contains(&false) {
                // The next beat comes back to it.
                return;
            }
        }
    }

    async fn bury_one(&self, node: NodeId, remains: &Remains) -> bool {
        let Inner { presence, store, .. } = &*self.inner;
        let lost = SystemCommand::NodeLost { node: remains.node, people: remains.people.clone() };
        if let Err(Rejection::Retry { .. }) = self.ask(remains.key, Ask::System(lost)).await {
            return false;
        }
        let buried = ledger::bury(store, node, remains).await;
        // The row that stands there now says nothing yet.
        presence.board_of(remains.key).write_again();
        match buried {
            Ok(()) => {
                tracing::info!(session = %remains.key.session, node = %remains.node, people = remains.people.len(),
                    "a node is lost; those who do not come back in time are marked as left");
                metrics::counter!("atelier_live_presence_reaps_total").increment(1);
            }
            Err(ref error) => tracing::debug!(%error, "row of a lost node not removed yet"),
        }
        buried.is_ok()
    }

    /// Opens rooms in which people seem to be whom no node sees to: their grace begins, and ends.
    pub(super) async fn see_to_forsaken(&self) -> Result<(), sqlx::Error> {
        for key in ledger::forsaken(&self.inner.store).await? {
            // One that cannot be opened now is there again in a minute.
            let _ = self.room(key).await;
        }
        Ok(())
    }
}
