//! The bus inside one process; the other buses hand out through it what has arrived.
use std::sync::Arc;

use dashmap::DashMap;
use tokio::sync::broadcast;

use super::{Channel, Packet, Watch, health::Board, redis::RedisBus};

/// How many packets may wait for one listener; one that lags loses the oldest and finds the gap by number.
const QUEUE: usize = 256;

/// Channels that somebody listens to.
#[derive(Debug, Clone, Default)]
pub struct LocalBus {
    channels: Arc<DashMap<Channel, broadcast::Sender<Packet>>>,
    pub(super) board: Arc<Board>,
}

impl LocalBus {
    pub(super) fn over(board: Board) -> Self {
        Self { channels: Arc::default(), board: Arc::new(board) }
    }

    pub(super) fn publish(&self, channel: Channel, packet: Packet) {
        if let Some(sender) = self.channels.get(&channel) {
            // An error means that nobody listens any more.
            let _ = sender.send(packet);
        }
    }

    pub(super) fn subscribe(&self, channel: Channel) -> Subscription {
        let receiver = self.channels.entry(channel).or_insert_with(|| broadcast::channel(QUEUE).0).subscribe();
        Subscription { bus: self.clone(), channel, receiver: Some(receiver), beyond: None }
    }

    pub(super) fn watch(&self) -> Watch {
        self.board.watch()
    }

    /// Does anybody listen?
    pub(super) fn listens(&self, channel: Channel) -> bool {
        self.channels.contains_key(&channel)
    }

    /// What is listened to.
    pub(super) fn heard(&self) -> Vec<Channel> {
        self.channels.iter().map(|entry| *entry.key()).collect()
    }
}

/// Listening to one channel; ends when dropped.
#[derive(Debug)]
pub struct Subscription {
    bus: LocalBus,
    channel: Channel,
    receiver: Option<broadcast::Receiver<Packet>>,
    /// Whom to tell when nobody listens any more.
    pub(super) beyond: Option<RedisBus>,
}

impl Subscription {
    /// The next packet. `None`: some were lost; compare numbers.
    pub async fn next(&mut self) -> Option<Packet> {
        match self.receiver.as_mut() {
            Some(receiver) => receiver.recv().await.ok(),
            None => std::future::pending().await,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.receiver = None;
        let last = self.bus.channels.remove_if(&self.channel, |_, sender| sender.receiver_count() == 0);
        if let Some(beyond) = self.beyond.as_ref().filter(|_| last.is_some()) {
            beyond.listening_changed(self.channel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Id;
    use uuid::Uuid;

    #[tokio::test]
    async fn packets_reach_listeners_of_the_same_organization_and_session_only() {
        let bus = LocalBus::default();
        let here = Channel::live(Id::new(Uuid::from_u128(1)), Uuid::from_u128(2));
        let other = Channel::live(Id::new(Uuid::from_u128(9)), Uuid::from_u128(2));
        let (mut mine, mut foreign) = (bus.subscribe(here), bus.subscribe(other));
        let packet = |to| Packet { origin: Uuid::nil(), after: 0, to, payload: bytes::Bytes::from_static(b"x") };
        bus.publish(here, packet(1));
        bus.publish(other, packet(2));
        assert_eq!(mine.next().await.map(|p| p.to), Some(1));
        assert_eq!(foreign.next().await.map(|p| p.to), Some(2));
        drop((mine, foreign));
        assert!(bus.channels.is_empty());
    }
}
