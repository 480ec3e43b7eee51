//! What each person did last. A command that was left behind on a dead line, in a frozen node or in a network that
//! delivers late, must not come after what its sender has done elsewhere since: it would undo what was acknowledged.
use std::collections::BTreeMap;

use crate::live::{core::ParticipantId, log::Logged};

/// What somebody who gives a command knows of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Knowledge {
    /// The highest number held or acknowledged when the command was sent.
    pub seq: u64,
    /// The connection it came over, by the room's number; commands over one connection keep their order anyway.
    pub connection: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Act {
    seq: u64,
    connection: Option<u64>,
}

/// The last act of each person, by the log.
#[derive(Debug)]
pub struct Acts {
    /// Who did what up to here is not known; it is taken as done by everybody.
    floor: u64,
    /// Everything after the floor and up to here is known.
    known: u64,
    last: BTreeMap<ParticipantId, Act>,
    /// Decided, but perhaps not committed.
    drafted: BTreeMap<ParticipantId, Act>,
    drafted_to: u64,
}

impl Acts {
    /// Nothing is known of what was done up to this number.
    pub fn after(floor: u64) -> Self {
        Self { floor, known: floor, last: BTreeMap::new(), drafted: BTreeMap::new(), drafted_to: 0 }
    }

    /// What has been committed, by another node or by nobody knows whom.
    pub fn learn(&mut self, logged: &Logged) {
        if logged.seq <= self.known {
            return;
        }
        if logged.seq > self.known + 1 {
            self.floor = logged.seq - 1;
        }
        self.known = logged.seq;
        if let Some(person) = logged.actor {
            self.last.insert(person, Act { seq: logged.seq, connection: None });
        }
    }

    /// What is about to be written here.
    pub fn draft(&mut self, logged: &Logged, connection: Option<u64>) {
        self.drafted_to = logged.seq;
        if let Some(person) = logged.actor {
            self.drafted.insert(person, Act { seq: logged.seq, connection });
        }
    }

    /// The draft was committed.
    pub fn keep(&mut self) {
        for (person, act) in std::mem::take(&mut self.drafted) {
            let last = self.last.entry(person).or_insert(act);
            if last.seq < act.seq {
                *last = act;
            }
        }
        self.known = self.known.max(self.drafted_to);
    }

    /// The draft was not committed, or nobody knows; what follows begins after this number.
    pub fn reset(&mut self, seq: u64) {
        self.drafted.clear();
        self.drafted_to = 0;
        if seq > self.known {
            (self.floor, self.known) = (seq, seq);
        }
    }

    /// Has this person done something that whoever gives this command does not know of?
    pub fn overtake(&self, person: ParticipantId, knows: Knowledge) -> bool {
        let last = self.drafted.get(&person).or_else(|| self.last.get(&person));
        match last.filter(|last| last.seq > self.floor) {
            Some(last) => last.seq > knows.seq && (last.connection.is_none() || last.connection != knows.connection),
            None => self.floor > knows.seq,
        }
    }
}
