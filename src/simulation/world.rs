//! The world of one run: nodes over one database and one bus, and what is wrong with them at the moment.
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{
    chance::Chance,
    ids, network,
    plan::{Death, Plan, Trouble},
    trace::Trace,
    weather::{self, Sky},
};
use crate::{
    bus::Bus,
    db::Db,
    gateway::Gateway,
    identity::{self, Identity},
    kernel::{Clock, Moment},
    live::{
        Live,
        protocol::ServerMessage,
        store::{Store, memory::Memory},
    },
    runtime::{Limits, Tasks},
};

/// More steps of the database than any run needs.
const MOST_STEPS: u64 = 20_000;

/// One node.
pub struct Node {
    /// How many times it was started.
    pub life: u64,
    /// Everything that runs on it.
    pub tasks: Tasks,
    /// Its side of the bus.
    pub bus: Bus,
    /// Wrong by this much.
    pub skew: i64,
    clock: Clock,
    gateway: Option<Gateway>,
    /// It is being sent home.
    draining: bool,
    /// When it shall die, and for how long it is down then.
    pub doomed: Option<(Death, u64)>,
}

/// The world.
pub struct World {
    /// What shall happen.
    pub plan: Plan,
    /// The tasks of the world itself.
    pub tasks: Tasks,
    /// The database.
    pub memory: Memory,
    /// What has happened.
    pub trace: Mutex<Trace>,
    /// What the bus and the database do to whom.
    pub sky: Mutex<Sky>,
    /// Nothing goes wrong any more.
    pub calm: AtomicBool,
    /// How many steps the database was asked for.
    steps: AtomicU64,
    nodes: Mutex<Vec<Node>>,
    /// Nobody is asked for a token.
    identity: Identity,
    begun: Instant,
    understood: Mutex<BTreeMap<u64, ServerMessage>>,
}

/// When every run begins.
pub fn dawn() -> Moment {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default()
}

impl World {
    /// All nodes are up.
    pub fn new(plan: Plan, in_words: bool) -> Arc<Self> {
        let tasks = Tasks::new();
        let world = Arc::new(Self {
            memory: Memory::new(tasks.clone()),
            tasks,
            trace: Mutex::new(Trace::new(in_words)),
            sky: Mutex::new(Sky::new(&plan)),
            calm: AtomicBool::new(false),
            steps: AtomicU64::new(0),
            nodes: Mutex::default(),
            identity: Identity::new(Db::nowhere(), Clock::system(), identity::Settings::default()),
            begun: Instant::now(),
            understood: Mutex::default(),
            plan,
        });
        for node in 0..world.plan.nodes {
            world.nodes.lock().push(Node {
                life: 0,
                tasks: Tasks::new(),
                bus: Bus::local(),
                skew: 0,
                clock: Clock::system(),
                gateway: None,
                draining: false,
                doomed: None,
            });
            world.start(node);
        }
        world
    }

    /// Since the beginning.
    pub fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The moment so many milliseconds after the beginning.
    pub fn at(&self, millis: u64) -> Instant {
        self.begun + Duration::from_millis(millis)
    }

    /// Something happened.
    pub fn note(&self, what: &str, facts: &[u64], words: impl FnOnce() -> String) {
        self.trace.lock().note(self.now(), what, facts, words);
    }

    /// A message, by its digest. The same one goes to many, and reading it is most of the work of a run.
    pub fn understand(&self, digest: u64, text: &str) -> Result<ServerMessage, serde_json::Error> {
        let mut understood = self.understood.lock();
        if let Some(message) = understood.get(&digest) {
            return Ok(message.clone());
        }
        let message: ServerMessage = serde_json::from_str(text)?;
        understood.insert(digest, message.clone());
        Ok(message)
    }

    /// Does nothing go wrong any more?
    pub fn is_calm(&self) -> bool {
        self.calm.load(Ordering::SeqCst)
    }

    /// Is the database asked for more than all of this can be worth? Somebody runs in circles; as time stands still
    /// then, it is this that ends it.
    pub fn is_weary(&self) -> bool {
        self.steps.fetch_add(1, Ordering::Relaxed) > MOST_STEPS
    }

    // --- nodes

    /// Starts a node that is down.
    pub fn start(self: &Arc<Self>, number: usize) {
        let mut nodes = self.nodes.lock();
        let node = &mut nodes[number];
        if node.gateway.is_some() {
            return;
        }
        node.life += 1;
        node.doomed = None;
        node.draining = false;
        node.tasks = Tasks::new();
        node.bus = Bus::local();
        node.clock = Clock::simulated(ids::clock(number, node.life), dawn(), self.begun);
        node.clock.advance(TimeDelta::milliseconds(node.skew));
        let limits = Limits {
            ring_frames: self.plan.ring,
            ring_bytes: 64 * 1024,
            connections_per_participant: 3,
            ..Limits::default()
        };
        let store = Store::Memory(self.memory.in_weather(weather::over(self, number, node.life)));
        let rooms = Live::new(store, node.bus.clone(), node.clock.clone(), node.tasks.clone(), limits);
        node.gateway = Some(Gateway::new(rooms, self.identity.clone(), limits, node.tasks.clone()));
        for session in 0..self.plan.sessions {
            network::carry(self, number, node, session);
        }
        let life = node.life;
        drop(nodes);
        self.note("start", &[number as u64, life], || format!("n{number}, life {life}"));
    }

    /// Ends a node on the spot, for so many milliseconds.
    pub fn kill(self: &Arc<Self>, number: usize, down: u64) {
        let mut nodes = self.nodes.lock();
        let node = &mut nodes[number];
        if node.gateway.take().is_none() {
            return;
        }
        node.doomed = None;
        node.tasks.kill();
        drop(nodes);
        self.note("kill", &[number as u64], || format!("n{number}"));
        self.back_after(number, down);
    }

    fn back_after(self: &Arc<Self>, number: usize, down: u64) {
        let world = self.clone();
        self.tasks.spawn("a node comes back", async move {
            tokio::time::sleep(Duration::from_millis(down)).await;
            world.start(number);
        });
    }

    /// Sends a node home politely.
    fn drain(self: &Arc<Self>, number: usize, down: u64) {
        let Some(Gateway { live, tasks, .. }) = self.gateway(number) else { return };
        let life = self.with_node(number, |node| {
            node.draining = true;
            node.life
        });
        self.note("drain", &[number as u64], || format!("n{number}"));
        let world = self.clone();
        self.tasks.spawn("a node drains", async move {
            tasks.close();
            // A process that does not end in time is ended.
            let _ = tokio::time::timeout(Duration::from_secs(13), live.drain(Duration::from_secs(3))).await;
            drop(live);
            let _ = tasks.drain(Duration::from_secs(10)).await;
            if world.is_alive(number, life) {
                world.kill(number, if world.is_calm() { 0 } else { down });
            }
        });
    }

    /// The gateway of a node that is up.
    pub fn gateway(&self, number: usize) -> Option<Gateway> {
        self.nodes.lock()[number].gateway.clone()
    }

    /// The rooms of a node that is up.
    pub fn live(&self, number: usize) -> Option<Live> {
        self.gateway(number).map(|gateway| gateway.live)
    }

    /// Is a node up, and still in this life?
    pub fn is_alive(&self, number: usize, life: u64) -> bool {
        let nodes = self.nodes.lock();
        nodes[number].gateway.is_some() && nodes[number].life == life
    }

    /// Are all nodes up, and meant to stay?
    pub fn all_up(&self) -> bool {
        self.nodes.lock().iter().all(|node| node.gateway.is_some() && !node.draining)
    }

    /// Looks at a node, or changes it.
    pub fn with_node<R>(&self, number: usize, look: impl FnOnce(&mut Node) -> R) -> R {
        look(&mut self.nodes.lock()[number])
    }

    /// A node that is up, for a client that wants one.
    pub fn any_node(&self, chance: &mut Chance) -> Option<usize> {
        let nodes = self.nodes.lock();
        let up: Vec<usize> = (0..nodes.len()).filter(|number| nodes[*number].gateway.is_some()).collect();
        (!up.is_empty()).then(|| chance.pick(&up))
    }

    // --- what goes wrong

    /// Lets everything go wrong that shall, at its time; what people notice themselves they do themselves.
    pub async fn strike(self: Arc<Self>) {
        for blow in self.plan.blows.clone() {
            tokio::time::sleep_until(self.at(blow.at)).await;
            let until = self.now() + Duration::from_millis(lasting(blow.what));
            match blow.what {
                Trouble::Crash { node, death: Death::Now, down } => self.kill(node, down),
                Trouble::Crash { node, death, down } => self.with_node(node, |node| node.doomed = Some((death, down))),
                Trouble::Drain { node, down } => self.drain(node, down),
                Trouble::Storm { node, fails, unheard, silent, .. } => {
                    self.sky.lock().storm(node, until, [fails, unheard, silent]);
                }
                Trouble::Noise { lost, twice, late, .. } => self.sky.lock().noise(until, [lost, twice, late]),
                Trouble::Deaf { node } => network::deafen(&self, node),
                Trouble::Skew { node, by } => self.with_node(node, |node| {
                    node.skew += by;
                    node.clock.advance(TimeDelta::milliseconds(by));
                }),
                Trouble::Cut { .. } | Trouble::Slow { .. } | Trouble::Gone { .. } | Trouble::Away { .. } => continue,
            }
            self.note("trouble", &[blow.at], || format!("{:?}", blow.what));
        }
    }

    /// Everything is mended.
    pub fn mend(self: &Arc<Self>) {
        self.calm.store(true, Ordering::SeqCst);
        self.sky.lock().clear();
        for node in 0..self.plan.nodes {
            self.with_node(node, |node| node.doomed = None);
            self.start(node);
        }
        self.note("mended", &[], String::new);
    }

    /// Lets go of everything that holds the world itself.
    pub fn end(&self) {
        for node in self.nodes.lock().iter_mut() {
            node.tasks.kill();
            node.gateway = None;
        }
        self.tasks.kill();
    }
}

fn lasting(what: Trouble) -> u64 {
    match what {
        Trouble::Storm { lasts, .. } | Trouble::Noise { lasts, .. } => lasts,
        _ => 0,
    }
}

/// A way back to the world that does not keep it.
pub type Back = Weak<World>;
