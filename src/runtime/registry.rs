//! Rooms by key: opened when somebody asks, one at a time per key, forgotten when they have ended.
use std::{hash::Hash, sync::Arc};

use dashmap::DashMap;
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use super::Tasks;

/// A way to talk to a room.
pub trait Handle: Clone + Send + Sync + 'static {
    /// Has the room ended?
    fn is_closed(&self) -> bool;
}

type Slot<H> = Arc<Mutex<Option<H>>>;

/// Open rooms. Cheap to clone.
#[derive(Debug)]
pub struct Registry<K: Eq + Hash, H> {
    rooms: Arc<DashMap<K, Slot<H>>>,
}

impl<K: Eq + Hash, H> Clone for Registry<K, H> {
    fn clone(&self) -> Self {
        Self { rooms: self.rooms.clone() }
    }
}

impl<K: Eq + Hash, H> Default for Registry<K, H> {
    fn default() -> Self {
        Self { rooms: Arc::default() }
    }
}

impl<K, H> Registry<K, H>
where
    K: Eq + Hash + Copy + Ord + Send + Sync + 'static,
    H: Handle,
{
    /// The room of a key, opened if need be; its work becomes a task. Two first callers get one room.
    pub async fn get<F, E>(&self, key: K, tasks: &Tasks, name: &'static str, open: impl FnOnce() -> F) -> Result<H, E>
    where
        F: Future<Output = Result<(H, BoxFuture<'static, ()>), E>>,
    {
        let slot = self.rooms.entry(key).or_default().clone();
        let mut room = slot.lock().await;
        if let Some(handle) = room.as_ref().filter(|handle| !handle.is_closed()) {
            return Ok(handle.clone());
        }
        // Boxed: large, and rare beside the look-ups.
        match Box::pin(open()).await {
            Ok((handle, work)) => {
                *room = Some(handle.clone());
                let registry = self.clone();
                tasks.spawn(name, async move {
                    work.await;
                    registry.forget(key);
                });
                Ok(handle)
            }
            Err(error) => {
                drop(room);
                drop(slot);
                self.forget(key);
                Err(error)
            }
        }
    }

    /// Those that are open, in the order of their keys. Those that have ended are forgotten.
    pub fn open(&self) -> Vec<(K, H)> {
        let slots: Vec<_> = self.rooms.iter().map(|slot| (*slot.key(), slot.value().clone())).collect();
        let mut open = Vec::with_capacity(slots.len());
        for (key, slot) in slots {
            let room = slot.try_lock().ok().and_then(|room| room.clone());
            drop(slot);
            match room {
                Some(room) if room.is_closed() => self.forget(key),
                Some(room) => open.push((key, room)),
                None => {}
            }
        }
        // The map has an order of its own in each process.
        open.sort_unstable_by_key(|(key, _)| *key);
        open
    }

    /// Removes a slot that holds no living room and that nobody is opening.
    fn forget(&self, key: K) {
        self.rooms.remove_if(&key, |_, slot| {
            Arc::strong_count(slot) == 1 && slot.try_lock().is_ok_and(|room| room.as_ref().is_none_or(H::is_closed))
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio_util::sync::CancellationToken;

    use super::*;

    #[derive(Debug, Clone)]
    struct Room(CancellationToken);

    impl Handle for Room {
        fn is_closed(&self) -> bool {
            self.0.is_cancelled()
        }
    }

    #[tokio::test]
    async fn a_room_is_opened_once_and_anew_after_its_end() {
        let (registry, tasks, opened) = (Registry::<u8, Room>::default(), Tasks::new(), AtomicU32::new(0));
        let open = || async {
            opened.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            let room = CancellationToken::new();
            let ended = room.clone();
            let work: BoxFuture<'static, ()> = Box::pin(async move { ended.cancelled().await });
            Ok::<_, ()>((Room(room), work))
        };
        let (a, b) = tokio::join!(registry.get(1, &tasks, "room", open), registry.get(1, &tasks, "room", open));
        assert_eq!(opened.load(Ordering::Relaxed), 1);
        assert_eq!(registry.open().len(), 1);
        a.unwrap().0.cancel();
        assert!(b.unwrap().is_closed());
        assert!(registry.open().is_empty() && registry.rooms.is_empty(), "what has ended is forgotten");
        registry.get(1, &tasks, "room", open).await.unwrap();
        assert_eq!(opened.load(Ordering::Relaxed), 2);
        assert_eq!(registry.get(2, &tasks, "room", async || Err(7)).await.err(), Some(7));
        assert_eq!(registry.open().len(), 1, "what could not be opened leaves nothing behind");
    }
}
