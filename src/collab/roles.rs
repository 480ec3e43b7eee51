//! Memberships, roles, accounts and tokens that change while people have documents open.
//!
//! Every organization has a number that such a change moves, in the same transaction. The head check looks at the numbers
//! of those whose people are connected here; their sockets are woken, and look at the right they came with.
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::watch;
use uuid::Uuid;

use super::store;
use crate::{
    db::SystemTx,
    kernel::{Id, caller},
};

/// The organizations whose people have documents open on this node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Roles {
    /// Some number has moved.
    moved: watch::Sender<()>,
    /// One more than the last number seen; nothing was seen yet of a new one.
    numbers: Arc<Mutex<HashMap<Uuid, Arc<AtomicU64>>>>,
}

/// What has changed in an organization since somebody's right was looked at.
#[derive(Debug)]
pub struct Watched {
    number: Arc<AtomicU64>,
    seen: u64,
}

impl Default for Roles {
    fn default() -> Self {
        Self { moved: watch::Sender::new(()), numbers: Arc::default() }
    }
}

impl Roles {
    /// From now on changes in this organization are looked for. Call it before a right is looked up.
    pub fn watch(&self, organization: Id<caller::Organization>) -> Watched {
        let number = self.numbers.lock().entry(organization.uuid()).or_default().clone();
        let seen = number.load(Ordering::Acquire);
        Watched { number, seen }
    }

    /// Wakes whenever something has changed anywhere.
    pub fn wakes(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }

    /// Looks at the database.
    pub(super) async fn look(&self, tx: &mut SystemTx) -> Result<(), sqlx::Error> {
        let organizations: Vec<Uuid> = {
            let mut numbers = self.numbers.lock();
            // Nobody else holds it, and nobody can get it without the lock.
            numbers.retain(|_, number| Arc::strong_count(number) > 1);
            numbers.keys().copied().collect()
        };
        if organizations.is_empty() {
            return Ok(());
        }
        let rows = sqlx::query!(r#"SELECT id AS "id!", rights_seq AS "rights!" FROM auth_rights($1)"#, &organizations)
            .fetch_all(&mut **tx)
            .await?;
        let news = rows.into_iter().map(|row| (row.id, store::from_signed(row.rights)));
        if self.hear(news) {
            self.moved.send_replace(());
        }
        Ok(())
    }

    /// Has any of these moved?
    fn hear(&self, news: impl Iterator<Item = (Uuid, u64)>) -> bool {
        let numbers = self.numbers.lock();
        news.fold(false, |moved, (organization, number)| {
            let known = numbers.get(&organization);
            moved | known.is_some_and(|known| known.fetch_max(number + 1, Ordering::AcqRel) < number + 1)
        })
    }
}

impl Watched {
    /// Has something changed?
    pub fn has_moved(&self) -> bool {
        self.number.load(Ordering::Acquire) != self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moved_after_one_began_to_watch_is_noticed_and_nothing_else() {
        let (one, other) = (Id::new(Uuid::from_u128(1)), Id::new(Uuid::from_u128(2)));
        let roles = Roles::default();
        let first = roles.watch(one);
        assert!(!first.has_moved());
        // Whatever happened before the first look may have happened after the right was looked up.
        assert!(roles.hear([(one.uuid(), 0)].into_iter()));
        assert!(first.has_moved());
        let (again, elsewhere) = (roles.watch(one), roles.watch(other));
        assert!(!roles.hear([(one.uuid(), 0)].into_iter()));
        assert!(!again.has_moved());
        assert!(roles.hear([(one.uuid(), 3)].into_iter()));
        assert_eq!((again.has_moved(), elsewhere.has_moved()), (true, false));
    }
}
