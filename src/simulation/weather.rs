//! How the database treats each node, and how the bus treats its packets.
use std::{sync::Arc, time::Duration};

use super::{
    chance::Chance,
    plan::{Death, Plan},
    world::{Back, World},
};
use crate::live::{
    room::writer::Key,
    store::memory::{Fate, Outcome, Step, Weather},
};

/// What is wrong at the moment.
#[derive(Debug)]
pub struct Sky {
    /// Per node.
    storms: Vec<Vec<Bad>>,
    noise: Vec<Bad>,
    database: Vec<Chance>,
    bus: Chance,
    slowness: u64,
}

#[derive(Debug, Clone, Copy)]
struct Bad {
    until: Duration,
    /// How often, in a thousand.
    rates: [u64; 3],
}

/// The worst of what is going on now.
fn worst(all: &[Bad], now: Duration) -> [u64; 3] {
    let worse = |a: [u64; 3], b: &Bad| [0, 1, 2].map(|n| a[n].max(b.rates[n]));
    all.iter().filter(|bad| now < bad.until).fold([0; 3], worse)
}

/// What becomes of one packet on its way to one node.
#[derive(Debug, Clone, Copy, Default)]
pub struct Post {
    /// After how many milliseconds it arrives, and again; never, if there is none.
    pub arrives: [Option<u64>; 2],
}

impl Sky {
    /// Nothing is wrong.
    pub fn new(plan: &Plan) -> Self {
        Self {
            storms: vec![Vec::new(); plan.nodes],
            noise: Vec::new(),
            database: (0..plan.nodes).map(|node| Chance::of(plan.seed, "database", node)).collect(),
            bus: Chance::of(plan.seed, "bus", 0),
            slowness: plan.slowness,
        }
    }

    /// The database fails one node.
    pub fn storm(&mut self, node: usize, until: Duration, rates: [u64; 3]) {
        self.storms[node].push(Bad { until, rates });
    }

    /// The bus is bad.
    pub fn noise(&mut self, until: Duration, rates: [u64; 3]) {
        self.noise.push(Bad { until, rates });
    }

    /// Everything is fine again.
    pub fn clear(&mut self) {
        self.storms.iter_mut().for_each(Vec::clear);
        self.noise.clear();
    }

    /// What becomes of a packet.
    pub fn post(&mut self, now: Duration) -> Post {
        let [lost, twice, late] = worst(&self.noise, now);
        if self.bus.strikes(lost) {
            return Post::default();
        }
        let mut takes = || if self.bus.strikes(late) { self.bus.below(60) } else { self.bus.pick(&[0, 0, 0, 1]) };
        let (first, second) = (takes(), takes());
        Post { arrives: [Some(first), self.bus.strikes(twice).then_some(second)] }
    }

    fn fate(&mut self, node: usize, now: Duration, step: Step) -> Fate {
        let [fails, unheard, silent] = worst(&self.storms[node], now);
        let slowness = self.slowness;
        let chance = &mut self.database[node];
        let mut takes = || {
            let millis = if !chance.strikes(slowness) {
                0
            } else if chance.strikes(30) {
                chance.below(300)
            } else {
                chance.below(6)
            };
            Duration::from_millis(millis)
        };
        let (before, after) = (takes(), takes());
        let outcome = if step == Step::Commit && chance.strikes(unheard) {
            // One in four: the answer does not come at all.
            let after = if chance.strikes(250) { Duration::from_hours(1) } else { after };
            return Fate { before, after, outcome: Outcome::Unheard };
        } else if step != Step::Rollback && chance.strikes(fails) {
            Outcome::Failed
        } else if step != Step::Rollback && chance.strikes(silent) {
            Outcome::Silent
        } else {
            Outcome::Done
        };
        Fate { before, after, outcome }
    }

    /// How long the database takes to notice that a node is gone.
    fn noticed(&mut self, node: usize) -> Duration {
        let chance = &mut self.database[node];
        Duration::from_millis(if chance.strikes(700) { 0 } else { chance.below(3_000) })
    }
}

/// The weather over one node in one of its lives.
pub fn over(world: &Arc<World>, node: usize, life: u64) -> Weather {
    let back: Back = Arc::downgrade(world);
    Arc::new(move |key, step| {
        let gone = Fate { outcome: Outcome::Silent, ..Fate::FINE };
        back.upgrade().map_or(gone, |world| fate(&world, (node, life), key, step))
    })
}

fn fate(world: &Arc<World>, (node, life): (usize, u64), key: Key, step: Step) -> Fate {
    if !world.is_alive(node, life) {
        let before = if step == Step::Rollback { world.sky.lock().noticed(node) } else { Duration::ZERO };
        return Fate { before, outcome: Outcome::Silent, ..Fate::FINE };
    }
    let dies = world.with_node(node, |node| match (step, node.doomed) {
        (Step::Commit, Some((death @ (Death::BeforeCommit | Death::AfterCommit), down))) => Some((death, down)),
        _ => None,
    });
    if let Some((death, down)) = dies {
        world.note("doom", &[node as u64], || format!("n{node} dies {death:?}"));
        world.kill(node, down);
        let outcome = if death == Death::AfterCommit { Outcome::Done } else { Outcome::Silent };
        return Fate { outcome, ..Fate::FINE };
    }
    if world.is_weary() {
        return Fate { outcome: Outcome::Silent, ..Fate::FINE };
    }
    let fate = world.sky.lock().fate(node, world.now(), step);
    if !matches!(fate.outcome, Outcome::Done) || step == Step::Commit {
        let session = key.session.uuid().as_u64_pair().1;
        let facts = [node as u64, session, step as u64, fate.outcome as u64];
        world.note("database", &facts, || format!("n{node} s{session} {step:?}: {:?}", fate.outcome));
    }
    fate
}
