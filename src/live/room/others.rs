//! What other nodes write: heard on the bus, told on the bus; what was not heard is read from the log.
use bytes::Bytes;

use super::{
    Room,
    handle::Reply,
    writer::{Ask, Batch},
};
use crate::{
    bus::{Channel, Packet},
    live::log::Logged,
};

/// What others wrote just before us travels along with ours: their packet may come later, or be lost. Not if it is much.
const MOST_REPEATED: usize = 256;
/// Most events that are kept for a writer that is away; what is more it reads from the log.
const MOST_UNLEARNED: usize = 1_024;

impl Room {
    /// Tells the other nodes what was committed here.
    pub(super) fn publish(&self, batch: &Batch) {
        let own = batch.events.get(batch.others..).unwrap_or_default();
        let events = if batch.others <= MOST_REPEATED { &batch.events } else { own };
        let (Some(first), Some(last), false) = (events.first(), events.last(), own.is_empty()) else { return };
        match serde_json::to_vec(events) {
            Ok(payload) => self.bus.publish(
                Channel::live(self.key.organization, self.key.session.uuid()),
                Packet { origin: self.origin, after: first.seq - 1, to: last.seq, payload: payload.into() },
            ),
            Err(error) => tracing::error!(%error, "batch not published; others find it by number"),
        }
    }

    /// Tells whoever lets people into other things of this session that some may do something else from now on.
    pub(super) fn publish_rights(&self, batch: &Batch) {
        let own = batch.events.get(batch.others..).unwrap_or_default();
        if let Some(last) = own.iter().rfind(|logged| logged.event.changes_rights()) {
            let channel = Channel::rights(self.key.organization, self.key.session.uuid());
            let (after, to) = (last.seq - 1, last.seq);
            self.bus.publish(channel, Packet { origin: self.origin, after, to, payload: Bytes::new() });
        }
    }

    /// Takes what comes next; from anything else it learns only that there is more to read.
    pub(super) fn hear(&mut self, packet: Option<&Packet>) {
        let Some(packet) = packet else {
            self.behind = true;
            return;
        };
        if packet.to == 0 {
            // No event has this number: it is the word of whoever keeps the documents.
            return self.look_at_documents();
        }
        if packet.origin == self.origin || packet.to <= self.seq {
            return;
        }
        match serde_json::from_slice::<Vec<Logged>>(&packet.payload) {
            Ok(events) if (packet.after <= self.seq || planted!(GapIgnored)) && covers(packet, &events) => {
                match self.writer.as_mut() {
                    Some(writer) => writer.learn(&events),
                    None if self.unlearned.len() + events.len() <= MOST_UNLEARNED => {
                        self.unlearned.extend_from_slice(&events);
                    }
                    None => {}
                }
                self.advance(events);
                self.close_if_over();
            }
            _ => self.behind = true,
        }
    }

    /// Says what the tables say about notes and whiteboard. Every room that hears of a change does, and the first to have
    /// the lock writes it; should all be deaf, the comparison once a second comes to the same.
    pub(super) fn look_at_documents(&mut self) {
        let waits = self.pending.iter().any(|(ask, _)| matches!(ask, Ask::Documents));
        if !waits && !self.state.status.is_final() {
            self.enqueue(Ask::Documents, Reply::Nobody);
        }
    }

    /// For the comparison: what this room has said.
    pub(super) fn note_documents(&self) {
        let state = &self.state;
        let said = (!state.status.is_final()).then_some(&state.settings.documents);
        let mut noted = self.said.lock();
        if noted.as_ref() != said {
            *noted = said.cloned();
        }
    }
}

/// Are these all the events that the packet promises? Nothing else may be applied.
fn covers(packet: &Packet, events: &[Logged]) -> bool {
    let seqs = events.iter().map(|logged| logged.seq);
    seqs.eq(packet.after + 1..=packet.to)
}
