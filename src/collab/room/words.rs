//! What connections say: questions are answered at once, changes pass the gate and wait to be written.
use std::time::{Duration, Instant};

use super::{
    Due, Refused, Room, close,
    handle::Words,
    peers::{Held, Said},
};
use crate::collab::{
    awareness::Connection,
    document::{Broken, Delta, Outcome},
    gate::Limits,
    hocuspocus::{Scope, SyncStatus},
    store::{Draft, Origin},
    ysync::Clocks,
};

/// After so many updates that no honest client makes, a connection is closed.
const STRIKES: u32 = 3;
/// Between two attempts to pass on what was said too soon about where people look.
const LOOKS: Duration = Duration::from_millis(50);
/// The most bytes about where somebody looks that are kept until it is their turn.
const MOST_LATER: usize = 64 << 10;

impl Room {
    pub(super) fn hear_words(&mut self, connection: Connection, words: Words) {
        if self.document.broken().is_some() {
            // Everybody begins anew; whoever speaks until then is not to blame for it.
            return;
        }
        match words {
            Words::Hello => self.peers.tell(connection, Said::Step1(&self.document.clocks().encode())),
            Words::Step1(vector) => self.answer_step1(connection, &vector),
            Words::Step2(update) => self.take(connection, update, &Limits::STEP2),
            Words::Update(update) => self.take(connection, update, &Limits::UPDATE),
            Words::Awareness(update) => self.hear_awareness(connection, update),
            Words::QueryAwareness => {
                let everybody = crate::collab::awareness::encode(&self.awareness.everybody());
                self.peers.tell(connection, Said::Awareness(&everybody));
            }
            Words::Mark(mark) => {
                if let Some(peer) = self.peers.get_mut(connection) {
                    peer.mark = Some(mark);
                }
                self.pass_marks();
            }
        }
    }

    /// A mark is answered when all before it is saved: not while something of it is held, never once something was refused.
    fn pass_marks(&mut self) {
        let marks = self.peers.ripe_marks();
        self.next.dues.extend(marks.into_iter().map(|(connection, mark)| Due::Mark(connection, mark)));
    }

    /// Says that a change will not be saved.
    fn refuse_change(&mut self, connection: Connection) {
        self.peers.tell(connection, Said::Status(SyncStatus::Refused));
        if let Some(peer) = self.peers.get_mut(connection) {
            peer.refused = true;
        }
    }

    /// Our own Step1 comes first: without it the client would never send what it has.
    fn answer_step1(&mut self, connection: Connection, vector: &[u8]) {
        // Nothing is encoded for somebody who has gone.
        if self.peers.get(connection).is_none_or(|peer| peer.outbox.is_closed()) {
            return;
        }
        let Ok(clocks) = Clocks::decode(vector) else { return self.strike(connection, "step1") };
        let Ok(diff) = self.document.diff(&clocks) else { return self.give_up("it cannot be encoded") };
        self.peers.tell(connection, Said::Step1(&self.document.clocks().encode()));
        self.peers.tell(connection, Said::Step2(&diff));
        let everybody = self.awareness.everybody();
        if !everybody.is_empty() {
            self.peers.tell(connection, Said::Awareness(&crate::collab::awareness::encode(&everybody)));
        }
    }

    fn take(&mut self, connection: Connection, update: Vec<u8>, limits: &Limits) {
        let Some(peer) = self.peers.get(connection) else { return };
        if peer.scope == Scope::ReadOnly {
            // Nothing new is nothing forbidden: every client sends its Step2.
            let nothing_new = self.document.brings_nothing_new(&update, limits).unwrap_or(false);
            if nothing_new {
                return self.peers.tell(connection, Said::Status(SyncStatus::Saved));
            }
            return self.refuse_change(connection);
        }
        match self.document.integrate(&update, limits) {
            Outcome::Integrated(delta) => {
                self.enqueue(connection, delta);
                self.try_held();
            }
            Outcome::Known => self.next.dues.push(Due::Status(connection)),
            Outcome::Missing(_) => {
                // Perhaps another node has it, or this connection brings it with its Step2.
                self.behind = true;
                metrics::counter!("atelier_collab_held_updates_total").increment(1);
                if !self.peers.hold(connection, update, Instant::now()) {
                    self.send_back(connection);
                }
            }
            Outcome::Bad(bad) => {
                metrics::counter!("atelier_collab_refused_updates_total", "reason" => bad.name()).increment(1);
                self.refuse_change(connection);
                self.strike(connection, bad.name());
            }
            Outcome::Full => {
                metrics::counter!("atelier_collab_refused_updates_total", "reason" => "full").increment(1);
                self.refuse_change(connection);
            }
            Outcome::Broken(why) => self.quarantine(connection, update, why),
        }
    }

    fn enqueue(&mut self, connection: Connection, delta: Delta) {
        let author = self.peers.get(connection).map(|peer| peer.user);
        self.unwritten += delta.bytes.len();
        let Delta { bytes: payload, inserted, .. } = delta;
        let draft = Draft { payload, author, origin: Origin::Client, inserted, before: None };
        self.next.since.get_or_insert_with(Instant::now);
        self.next.drafts.push((draft, Some(connection)));
        self.next.dues.push(Due::Status(connection));
    }

    /// What had to wait may be possible now; one thing leads to another.
    pub(super) fn try_held(&mut self) {
        loop {
            let (held, late) = self.peers.release(Instant::now());
            for connection in late {
                self.send_back(connection);
            }
            let mut moved = false;
            for (since, Held { from, update }) in held {
                match self.document.integrate(&update, &Limits::UPDATE) {
                    Outcome::Integrated(delta) => {
                        moved = true;
                        self.enqueue(from, delta);
                    }
                    Outcome::Known => self.next.dues.push(Due::Status(from)),
                    Outcome::Missing(_) => self.peers.hold_again(since, Held { from, update }),
                    Outcome::Bad(bad) => {
                        self.refuse_change(from);
                        self.strike(from, bad.name());
                    }
                    Outcome::Full => self.refuse_change(from),
                    Outcome::Broken(why) => return self.quarantine(from, update, why),
                }
            }
            if !moved {
                return self.pass_marks();
            }
        }
    }

    /// Its changes build on something that did not come: it shall begin anew, and bring everything.
    fn send_back(&self, connection: Connection) {
        if let Some(peer) = self.peers.get(connection) {
            peer.outbox.close(close::RESET, "reset");
        }
    }

    fn strike(&mut self, connection: Connection, what: &'static str) {
        let Some(peer) = self.peers.get_mut(connection) else { return };
        peer.strikes += 1;
        tracing::warn!(user = %peer.user, what, strikes = peer.strikes, "an update that no honest client makes");
        if peer.strikes >= STRIKES {
            peer.outbox.close(close::FORBIDDEN, "malformed updates");
        }
    }

    /// It passed the gate, and the document fell over it: keep it for a look, and read the document anew.
    fn quarantine(&mut self, connection: Connection, update: Vec<u8>, why: Broken) {
        let author = self.peers.get(connection).map(|peer| peer.user);
        self.peers.tell(connection, Said::Status(SyncStatus::Refused));
        self.keep_in_quarantine(update, why.to_string(), author);
        self.give_up("an update broke it");
    }

    /// What repeats words of others is heard in any case: clients of y-websocket do that with all they hear.
    fn hear_awareness(&mut self, connection: Connection, update: Vec<u8>) {
        let own = !self.awareness.repeats(connection, &update);
        let Some(peer) = self.peers.get_mut(connection) else { return };
        if own && !peer.awareness.take(Instant::now()) {
            metrics::counter!("atelier_collab_delayed_awareness_total").increment(1);
            if update.len() > MOST_LATER {
                return self.strike(connection, "awareness");
            }
            // The newest says all.
            peer.later = Some(update);
            self.looks_due.get_or_insert_with(|| Instant::now() + LOOKS);
            return;
        }
        if own {
            peer.later = None;
        }
        self.look(connection, &update);
    }

    /// What was said too soon, and may be said now.
    pub(super) fn pass_looks(&mut self, now: Instant) {
        for (connection, update) in self.peers.ripe_looks(now) {
            self.look(connection, &update);
        }
        self.looks_due = self.peers.all().any(|(_, peer)| peer.later.is_some()).then(|| now + LOOKS);
    }

    fn look(&mut self, connection: Connection, update: &[u8]) {
        let Some(speaker) = self.peers.speaker(connection) else { return };
        match self.awareness.heard(speaker, update, Instant::now()) {
            Ok(news) => {
                // The sender too: it learns a higher clock, and that the line is alive.
                self.tell_awareness(&news, None);
                self.publish_awareness(&news);
                let again = self.awareness.again();
                if !again.is_empty() {
                    self.peers.tell(connection, Said::Awareness(&crate::collab::awareness::encode(&again)));
                    self.publish_awareness(&again);
                }
            }
            Err(bad) => {
                tracing::debug!(%bad, "an awareness update was refused");
                self.strike(connection, "awareness");
            }
        }
    }

    /// Tells who waits that it is saved.
    pub(super) fn settle(&mut self, due: Due) {
        match due {
            Due::Enter(peer, reply) => self.enter(*peer, reply),
            Due::Status(connection) => self.peers.tell(connection, Said::Status(SyncStatus::Saved)),
            Due::Mark(connection, mark) => self.peers.tell(connection, Said::Mark(mark)),
            // Whoever asked may be gone.
            Due::Content(reply, content) => drop(reply.send(Ok(*content))),
        }
    }

    /// Tells who waits that it will not be saved. Whoever is no editor hears that it is frozen, or nothing.
    pub(super) fn refuse(&self, due: Due, frozen: bool) {
        match due {
            Due::Status(connection) => self.peers.tell(connection, Said::Status(SyncStatus::Refused)),
            // Whoever asked may be gone.
            Due::Content(reply, _) if frozen => drop(reply.send(Err(Refused::Frozen))),
            Due::Enter(..) | Due::Content(..) | Due::Mark(..) => {}
        }
    }
}
