//! This node's side of one Redis server: what waits to be published there, and which subscriptions to look at.
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::bus::Channel;

/// How many packets may wait to be published, and how many bytes.
const MOST_WAITING: usize = 1_024;
const MOST_BYTES_WAITING: usize = 16 * 1024 * 1024;

/// One packet on its way out.
#[derive(Debug)]
pub struct Outgoing {
    pub channel: Channel,
    pub bytes: Vec<u8>,
}

/// Counts packets that will not arrive; those who miss them find them by number.
pub fn dropped(why: &'static str, count: usize) {
    metrics::counter!("atelier_bus_dropped_total", "why" => why).increment(count as u64);
}

/// What everybody may do with a server; a [`super::link::Link`] does the work.
#[derive(Debug)]
pub struct Lane {
    /// Which server, on the board and in the log.
    pub part: String,
    /// The channel of its probes.
    pub probe: String,
    outgoing: mpsc::Sender<Outgoing>,
    bytes: AtomicUsize,
    open: AtomicBool,
    reconsider: Mutex<HashSet<Channel>>,
    wake: Notify,
    /// The server is not needed any more.
    pub retired: CancellationToken,
}

impl Lane {
    pub fn new(part: String, probe: String) -> (Arc<Self>, mpsc::Receiver<Outgoing>) {
        let (outgoing, queue) = mpsc::channel(MOST_WAITING);
        let lane = Self {
            part,
            probe,
            outgoing,
            bytes: AtomicUsize::new(0),
            open: AtomicBool::new(false),
            reconsider: Mutex::default(),
            wake: Notify::new(),
            retired: CancellationToken::new(),
        };
        (Arc::new(lane), queue)
    }

    /// Queues a packet, or drops it: without a connection, or when too much waits already.
    pub fn send(&self, channel: Channel, bytes: Vec<u8>) {
        if !self.open.load(Ordering::Acquire) {
            return dropped("no_connection", 1);
        }
        let size = bytes.len();
        if self.bytes.fetch_add(size, Ordering::AcqRel) + size > MOST_BYTES_WAITING
            || self.outgoing.try_send(Outgoing { channel, bytes }).is_err()
        {
            self.bytes.fetch_sub(size, Ordering::AcqRel);
            dropped("queue_full", 1);
        }
    }

    /// A packet has left the queue.
    pub fn left(&self, outgoing: &Outgoing) {
        self.bytes.fetch_sub(outgoing.bytes.len(), Ordering::AcqRel);
    }

    /// Nobody needs the server any more.
    pub fn retire(&self) {
        self.retired.cancel();
    }

    /// From now on packets are taken, or dropped.
    pub fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::Release);
    }

    /// Whether these are to be heard has to be looked at.
    pub fn reconsider(&self, channels: impl IntoIterator<Item = Channel>) {
        self.reconsider.lock().extend(channels);
        self.wake.notify_one();
    }

    /// Waits for channels that have to be looked at.
    pub async fn reconsidered(&self) -> HashSet<Channel> {
        loop {
            let channels = std::mem::take(&mut *self.reconsider.lock());
            if !channels.is_empty() {
                return channels;
            }
            self.wake.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Id;
    use uuid::Uuid;

    fn channel(session: u128) -> Channel {
        Channel::live(Id::new(Uuid::from_u128(1)), Uuid::from_u128(session))
    }

    #[tokio::test]
    async fn what_does_not_fit_is_dropped_and_nobody_waits() {
        let (lane, mut queue) = Lane::new(String::new(), String::new());
        lane.send(channel(1), vec![0]);
        assert!(queue.try_recv().is_err(), "nothing waits for a connection");
        lane.set_open(true);
        for _ in 0..2 * MOST_WAITING {
            lane.send(channel(1), vec![0]);
        }
        assert_eq!(queue.len(), MOST_WAITING);
        while let Ok(outgoing) = queue.try_recv() {
            lane.left(&outgoing);
        }
        let quarter = MOST_BYTES_WAITING / 4;
        for _ in 0..5 {
            lane.send(channel(1), vec![0; quarter]);
        }
        assert_eq!(queue.len(), 4);
        lane.left(&queue.try_recv().unwrap());
        lane.send(channel(1), vec![0; quarter]);
        assert_eq!(queue.len(), 4);
    }

    #[tokio::test]
    async fn a_channel_is_looked_at_once_however_often_it_changed() {
        let (lane, _queue) = Lane::new(String::new(), String::new());
        lane.reconsider([channel(1), channel(2)]);
        lane.reconsider([channel(1)]);
        assert_eq!(lane.reconsidered().await.len(), 2);
        let none = tokio::time::timeout(std::time::Duration::ZERO, lane.reconsidered()).await;
        assert!(none.is_err());
    }
}
