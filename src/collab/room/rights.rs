//! Changes of rights. They are numbered, and every connection knows up to which one its own right was looked up: so
//! whoever hears of the same change twice, from its maker, the bus and the head check, sends nobody away twice.
use uuid::Uuid;

use super::{Room, close, commit::RIGHTS, writer::Key};
use crate::{
    bus::{Bus, Channel, Packet},
    collab::awareness::Connection,
};

/// Tells all nodes that have a document open.
pub fn publish(bus: &Bus, origin: Uuid, key: Key, rights: u64) {
    let mut payload = vec![RIGHTS];
    payload.extend(rights.to_be_bytes());
    let channel = Channel::document(key.organization, key.document.uuid());
    bus.publish(channel, Packet { origin, after: 0, to: 0, payload: payload.into() });
}

impl Room {
    pub(super) fn hear_rights(&mut self, rights: &[u8]) {
        if let Ok(rights) = rights.try_into() {
            self.rights_changed(u64::from_be_bytes(rights));
        }
    }

    /// Sends away whoever came in with a right that was looked up before. What they said and was not taken yet is not
    /// taken any more: who may still write brings it again.
    pub(super) fn rights_changed(&mut self, rights: u64) {
        let rights = self.resident.acts_on(rights);
        let late = self.peers.all().filter(|(_, peer)| peer.rights < rights);
        let late: Vec<Connection> = late.map(|(connection, _)| connection).collect();
        for connection in late {
            if let Some(peer) = self.peers.get(connection) {
                peer.outbox.close(close::RESET, "rights have changed");
            }
            self.leave(connection);
        }
    }
}
