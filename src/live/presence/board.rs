//! What a room and its node tell each other about who is connected: the room writes down who is here, the node who is
//! elsewhere. Neither waits for the other.
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::ledger::Row;
use crate::live::{
    core::{NodeId, ParticipantId},
    room::writer::Key,
};

/// People, shared and in order.
pub type People = Arc<[ParticipantId]>;

/// So many people more, and a room writes its row half a second later: a row is written as a whole.
const PER_STEP: usize = 1_000;
const STEP: Duration = Duration::from_millis(500);
/// Between two rows of a room there is at least this, and at most [`SLOWEST`].
const PACE: Duration = Duration::from_millis(500);
const SLOWEST: Duration = Duration::from_secs(3);
/// From a row that is due until every node has read it, when all goes well: a beat and a look.
const TRAVEL: Duration = Duration::from_secs(2);

/// How far apart a room's rows are when so many people are in it.
pub fn pace(people: usize) -> Duration {
    let steps = u32::try_from(people / PER_STEP).unwrap_or(u32::MAX);
    (PACE + STEP.saturating_mul(steps)).min(SLOWEST)
}

/// How far this node sees.
#[derive(Debug, Default)]
pub(super) struct Sight {
    inner: Mutex<Seen>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    /// No other node holds a lease, as far as is known until then.
    alone_until: Option<Instant>,
    /// What others had written by then has been read.
    looked: Option<Instant>,
}

impl Sight {
    pub(super) fn alone_until(&self, until: Option<Instant>) {
        self.inner.lock().alone_until = until;
    }
    pub(super) fn looked(&self, at: Instant) {
        self.inner.lock().looked = Some(at);
    }
}

/// One room's board.
#[derive(Debug)]
pub struct Board {
    /// Of which session.
    pub key: Key,
    sight: Arc<Sight>,
    here: Mutex<Here>,
    others: Mutex<Others>,
}

#[derive(Debug, Default)]
struct Here {
    /// None: there is nobody in the session whom this node would have to see to.
    people: Option<People>,
    /// Not in the database yet.
    unwritten: bool,
}

#[derive(Debug, Default)]
struct Others {
    by_node: BTreeMap<NodeId, People>,
    /// The room has not seen it yet.
    unread: bool,
    /// Where the next look begins.
    since: i64,
}

impl Board {
    pub(super) fn new(key: Key, sight: Arc<Sight>) -> Self {
        Self { key, sight, here: Mutex::default(), others: Mutex::default() }
    }

    // --- the room's side

    /// Who is connected here now.
    pub fn write(&self, people: Option<People>) {
        let mut here = self.here.lock();
        if here.people != people {
            *here = Here { people, unwritten: true };
        }
    }

    /// Who is connected to which other node, if that has changed since it was asked for last.
    pub fn read(&self) -> Option<BTreeMap<NodeId, People>> {
        let mut others = self.others.lock();
        std::mem::take(&mut others.unread).then(|| others.by_node.clone())
    }

    /// A node is lost: what it wrote counts no more.
    pub fn forget(&self, node: NodeId) {
        let mut others = self.others.lock();
        others.unread |= others.by_node.remove(&node).is_some();
    }

    /// Whoever was connected to another node at this moment, in a room of so many people, is known here.
    pub fn sees_until(&self, now: Instant, people: usize) -> Option<Instant> {
        let seen = *self.sight.inner.lock();
        if seen.alone_until.is_some_and(|until| now <= until) {
            return Some(now);
        }
        seen.looked.and_then(|at| at.checked_sub(pace(people) + TRAVEL))
    }

    // --- the node's side

    /// The row to be written, once.
    pub(super) fn take_unwritten(&self) -> Option<Row> {
        let mut here = self.here.lock();
        std::mem::take(&mut here.unwritten).then(|| (self.key, here.people.clone()))
    }

    /// It was not written, or not by this lease, or somebody else wrote there.
    pub(super) fn write_again(&self) {
        self.here.lock().unwritten = true;
    }

    /// Nothing has to be written for it, now or later, unless a room opens.
    pub(super) fn is_blank(&self) -> bool {
        let here = self.here.lock();
        here.people.is_none() && !here.unwritten
    }

    pub(super) fn has_people(&self) -> bool {
        self.here.lock().people.is_some()
    }

    pub(super) fn since(&self) -> i64 {
        self.others.lock().since
    }

    /// What a look has found, and where the next one begins.
    pub(super) fn hear(&self, rows: Vec<(NodeId, People)>, since: i64) {
        let mut others = self.others.lock();
        for (node, people) in rows {
            if others.by_node.get(&node) != Some(&people) {
                others.by_node.insert(node, people);
                others.unread = true;
            }
        }
        others.since = since;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Id;
    use uuid::Uuid;

    fn board() -> (Board, Arc<Sight>) {
        let sight = Arc::<Sight>::default();
        let key = Key { organization: Id::new(Uuid::nil()), session: Id::new(Uuid::nil()) };
        (Board::new(key, sight.clone()), sight)
    }
    fn people(ids: &[u128]) -> People {
        ids.iter().map(|id| Id::new(Uuid::from_u128(*id))).collect()
    }

    #[test]
    fn only_what_has_changed_is_written_and_read() {
        let (board, _) = board();
        assert_eq!(board.take_unwritten(), None);
        board.write(Some(people(&[1])));
        board.write(Some(people(&[1, 2])));
        assert_eq!(board.take_unwritten(), Some((board.key, Some(people(&[1, 2])))));
        board.write(Some(people(&[1, 2])));
        assert_eq!(board.take_unwritten(), None, "nothing new");
        board.write_again();
        assert_eq!(board.take_unwritten(), Some((board.key, Some(people(&[1, 2])))));
        board.write(None);
        assert!(!board.is_blank());
        assert_eq!(board.take_unwritten(), Some((board.key, None)));
        assert!(board.is_blank());
        let node: NodeId = Id::new(Uuid::from_u128(9));
        board.hear(vec![(node, people(&[3]))], 7);
        assert_eq!(board.read(), Some(BTreeMap::from([(node, people(&[3]))])));
        board.hear(vec![(node, people(&[3]))], 8);
        assert_eq!((board.read(), board.since()), (None, 8));
        board.forget(node);
        assert_eq!(board.read(), Some(BTreeMap::new()));
    }

    #[tokio::test(start_paused = true)]
    async fn absence_is_certain_only_as_far_as_one_sees() {
        let (board, sight) = board();
        tokio::time::advance(Duration::from_mins(1)).await;
        let now = Instant::now();
        assert_eq!(board.sees_until(now, 1), None, "nothing was seen yet");
        sight.looked(now);
        let small = board.sees_until(now, 10).expect("looked");
        assert_eq!(now - small, PACE + TRAVEL);
        assert!(board.sees_until(now, 100_000).expect("looked") < small, "large rooms write more slowly");
        sight.alone_until(Some(now));
        assert_eq!(board.sees_until(now, 10), Some(now));
        assert_eq!(board.sees_until(now + Duration::from_nanos(1), 10), Some(small), "somebody may have come since");
    }
}
