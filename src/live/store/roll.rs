//! Leases and rows of presence in memory, as `0003_nodes.sql` keeps them. The database's clock is tokio's.
use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::live::{
    core::{NodeId, SessionId},
    presence::{
        People,
        ledger::{Found, Held, Remains, Row},
    },
    room::writer::Key,
};

#[derive(Debug)]
struct Lease {
    held_since: Instant,
    /// None: given up.
    until: Option<Instant>,
    reaper: Option<NodeId>,
}

#[derive(Debug)]
struct Kept {
    key: Key,
    people: People,
    changed: i64,
}

/// All leases and rows.
#[derive(Debug, Default)]
pub struct Roll {
    nodes: BTreeMap<NodeId, Lease>,
    rows: BTreeMap<(SessionId, NodeId), Kept>,
    /// How many times something was written.
    writes: i64,
}

impl Roll {
    /// As `live_hold`.
    pub fn hold(&mut self, node: NodeId, fresh: bool, lease: Duration, rows: &[Row]) -> Held {
        let now = Instant::now();
        if fresh {
            self.nodes.insert(node, Lease { held_since: now, until: Some(now + lease), reaper: None });
        }
        let Some(own) = self.nodes.get_mut(&node).filter(|own| own.reaper.is_none()) else {
            return Held { ours: false, nodes: 0, lapsed: 0 };
        };
        if own.until < Some(now) {
            own.held_since = now;
        }
        own.until = Some(now + lease);
        let may_judge = own.held_since + lease <= now;
        self.writes += 1;
        for (key, people) in rows {
            let place = (key.session, node);
            match people {
                Some(people) => {
                    let kept = Kept { key: *key, people: people.clone(), changed: self.writes };
                    self.rows.insert(place, kept);
                }
                None => drop(self.rows.remove(&place)),
            }
        }
        for (id, other) in &mut self.nodes {
            let lapsed = other.until.is_none_or(|until| may_judge && until < now);
            if other.reaper == Some(node) || (lapsed && *id != node) {
                (other.reaper, other.until) = (Some(node), Some(now + lease));
            }
        }
        let rows = &self.rows;
        self.nodes.retain(|id, other| other.reaper != Some(node) || rows.keys().any(|(_, owner)| owner == id));
        let count = |reaper| self.nodes.values().filter(|other| other.reaper == reaper).count();
        let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
        Held { ours: true, nodes: number(count(None)), lapsed: number(count(Some(node))) }
    }

    /// As `live_release`.
    pub fn release(&mut self, node: NodeId) {
        let has_rows = self.rows.keys().any(|(_, owner)| *owner == node);
        if let Some(own) = self.nodes.get_mut(&node).filter(|own| own.reaper.is_none()) {
            if has_rows {
                own.until = None;
            } else {
                self.nodes.remove(&node);
            }
        }
    }

    /// As `live_lost`.
    pub fn lost(&self, node: NodeId) -> Vec<Remains> {
        let mine = |owner: &NodeId| self.nodes.get(owner).is_some_and(|lost| lost.reaper == Some(node));
        let lost = self.rows.iter().filter(|((_, owner), _)| mine(owner));
        lost.map(|((_, owner), row)| Remains { key: row.key, node: *owner, people: row.people.to_vec() }).collect()
    }

    /// As `live_bury`.
    pub fn bury(&mut self, node: NodeId, remains: &Remains) {
        if self.nodes.get(&node).is_none_or(|own| own.reaper.is_some()) {
            return;
        }
        self.writes += 1;
        if self.rows.remove(&(remains.key.session, remains.node)).is_some() {
            let kept = Kept { key: remains.key, people: [].into(), changed: self.writes };
            self.rows.entry((remains.key.session, node)).or_insert(kept);
        }
    }

    /// As `live_look`, but for the heads.
    pub fn look(&self, node: NodeId, sessions: &[(SessionId, i64)]) -> (BTreeMap<SessionId, Found>, i64) {
        let mut found: BTreeMap<SessionId, Found> = BTreeMap::new();
        for (session, since) in sessions {
            let rows =
                self.rows.iter().filter(|((id, owner), row)| id == session && *owner != node && row.changed > *since);
            found.entry(*session).or_default().rows = rows.map(|((_, id), row)| (*id, row.people.clone())).collect();
        }
        (found, self.writes)
    }

    /// Does any node see to this session?
    pub fn has(&self, session: SessionId) -> bool {
        self.rows.keys().any(|(id, _)| *id == session)
    }
}
