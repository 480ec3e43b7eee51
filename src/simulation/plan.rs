//! What shall happen in one run: who is there, what they do, what goes wrong. Made from a seed, and shortened by hand or
//! by bisection.
use std::fmt;

use super::{chance::Chance, deeds, ids};
use crate::live::core::{Command, Role};

/// One run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where all chance of the run comes from.
    pub seed: u64,
    /// How many nodes.
    pub nodes: usize,
    /// How many sessions.
    pub sessions: usize,
    /// Who takes part.
    pub people: Vec<Person>,
    /// What they do, by time.
    pub deeds: Vec<Deed>,
    /// What goes wrong, by time.
    pub blows: Vec<Blow>,
    /// Milliseconds until everything that is broken is mended.
    pub length: u64,
    /// Of a thousand commits and other steps, how many take their time.
    pub slowness: u64,
    /// How many things fit into a client's pipe.
    pub pipe: usize,
    /// How many frames fit into an audience's ring.
    pub ring: usize,
}

/// Who takes part.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// In which session.
    pub session: usize,
    /// As what; nobody: the big screen.
    pub role: Option<Role>,
    /// First seen at this millisecond.
    pub comes: u64,
    /// Left out of a shortened plan.
    pub absent: bool,
}

/// What somebody does.
#[derive(Debug, Clone)]
pub struct Deed {
    /// At this millisecond.
    pub at: u64,
    /// Who.
    pub person: usize,
    /// What; rounds and timers that the person has to have seen are filled in then.
    pub command: Command,
}

/// When exactly a node dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// On the spot.
    Now,
    /// The next commit is on its way, and does not arrive.
    BeforeCommit,
    /// The next commit is done, but this node does not learn it.
    AfterCommit,
    /// The next batch is published, but not told to clients.
    AfterPublish,
}

/// How a line breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// Both sides notice; what is under way arrives.
    Clean,
    /// Both sides notice; what is under way is lost.
    Severed,
    /// The same, but only when so many more messages have been heard: in the midst of what belongs together.
    After(u64),
    /// The node does not notice for so many milliseconds.
    HalfOpen(u64),
    /// Right behind the next command: what went out with it reaches the node so many milliseconds later.
    Late(u64),
}

/// Something that goes wrong.
#[derive(Debug, Clone, Copy)]
pub struct Blow {
    /// At this millisecond.
    pub at: u64,
    /// What.
    pub what: Trouble,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
pub enum Trouble {
    /// A node dies and is down for so long.
    Crash {
        /// Which.
        node: usize,
        /// When exactly.
        death: Death,
        /// Milliseconds.
        down: u64,
    },
    /// A node is sent home politely and is down for so long.
    Drain {
        /// Which.
        node: usize,
        /// Milliseconds.
        down: u64,
    },
    /// The database does not do what one node asks of it, so many times in a thousand.
    Storm {
        /// Which.
        node: usize,
        /// Milliseconds.
        lasts: u64,
        /// Steps that fail.
        fails: u64,
        /// Commits that are done without an answer or with an error.
        unheard: u64,
        /// Steps that never end.
        silent: u64,
    },
    /// The bus loses, doubles and delays, so many times in a thousand.
    Noise {
        /// Milliseconds.
        lasts: u64,
        /// Packets lost.
        lost: u64,
        /// Packets that arrive twice.
        twice: u64,
        /// Packets that arrive late and out of order.
        late: u64,
    },
    /// A node's subscriptions have missed something.
    Deaf {
        /// Which.
        node: usize,
    },
    /// A node's clock jumps.
    Skew {
        /// Which.
        node: usize,
        /// Milliseconds, forwards or backwards.
        by: i64,
    },
    /// A client's line breaks.
    Cut {
        /// Whose.
        person: usize,
        /// How.
        how: Break,
    },
    /// A client does not read.
    Slow {
        /// Who.
        person: usize,
        /// Milliseconds.
        lasts: u64,
    },
    /// A client is gone for good, without a word.
    Gone {
        /// Who.
        person: usize,
    },
    /// A client is away.
    Away {
        /// Who.
        person: usize,
        /// Milliseconds.
        lasts: u64,
    },
}

/// A storm that lasts so many milliseconds is seen to its end: nodes lose their leases, and people their places.
const LONG: u64 = 45_000;

impl Plan {
    /// What a seed stands for.
    pub fn of(seed: u64) -> Self {
        let mut chance = Chance::of(seed, "plan", 0);
        let nodes = chance.pick(&[1, 2, 2, 2, 2, 2, 3, 3, 3, 3]);
        let sessions = chance.pick(&[1, 1, 1, 2]);
        // Some last until lost nodes are missed.
        let length = if chance.strikes(120) { chance.within(12_000, 20_000) } else { chance.within(1_000, 5_000) };
        let people = people(&mut chance, sessions);
        let mut plan = Self {
            seed,
            nodes,
            sessions,
            deeds: deeds::all(&mut chance, &people, length),
            blows: Vec::new(),
            people,
            length,
            slowness: chance.pick(&[0, 50, 200, 600]),
            pipe: chance.pick(&[2, 4, 16, 64]),
            ring: chance.pick(&[4, 8, 16, 64]),
        };
        plan.blows = blows(&mut chance, &plan);
        late(&mut plan);
        let ends = |blow: &Blow| {
            blow.at + if let Trouble::Storm { lasts: lasts @ LONG.., .. } = blow.what { lasts } else { 0 }
        };
        if let Some(last) = plan.blows.iter().map(ends).max() {
            plan.length = plan.length.max(last + 500);
        }
        plan
    }
}

fn people(chance: &mut Chance, sessions: usize) -> Vec<Person> {
    let mut people = Vec::new();
    for session in 0..sessions {
        people.push(Person { session, role: Some(Role::Instructor), comes: 0, absent: false });
        for _ in 0..chance.within(2, 6) {
            people.push(Person {
                session,
                role: Some(Role::Participant),
                comes: chance.pick(&[0, 0, 10, 300, 900]),
                absent: false,
            });
        }
        if chance.strikes(400) {
            people.push(Person { session, role: Some(Role::Assistant), comes: chance.below(500), absent: false });
        }
        if chance.strikes(500) {
            people.push(Person { session, role: None, comes: chance.below(1_000), absent: false });
        }
    }
    people
}

fn blows(chance: &mut Chance, plan: &Plan) -> Vec<Blow> {
    let mut blows = Vec::new();
    // Some seeds are quiet: bugs that need no faults have to be found, too.
    let count = chance.pick(&[0, 1, 2, 3, 4, 6, 8, 12]);
    for _ in 0..count {
        // Half of all troubles come right after somebody has done something, and to him.
        let near = (chance.strikes(500) && !plan.deeds.is_empty()).then(|| &plan.deeds[chance.place(plan.deeds.len())]);
        let (at, person) = match near {
            Some(deed) => (deed.at + chance.below(80), deed.person),
            None => (chance.within(50, plan.length), chance.place(plan.people.len())),
        };
        blows.push(Blow { at: at.min(plan.length), what: trouble(chance, plan, person) });
    }
    for deed in &plan.deeds {
        // Somebody is away while others decide about him.
        if let Command::SetRole { participant, .. } | Command::Permit { participant, .. } = deed.command
            && chance.strikes(150)
        {
            let (person, lasts) = (ids::person(participant), chance.within(100, 1_000));
            blows.push(Blow { at: deed.at.saturating_sub(50), what: Trouble::Away { person, lasts } });
        }
    }
    if chance.strikes(150) {
        missed(chance, plan, &mut blows);
    }
    if chance.strikes(150) {
        // No bus at all.
        let what = Trouble::Noise { lasts: plan.length, lost: 1_000, twice: 0, late: 0 };
        blows.push(Blow { at: 0, what });
    }
    if chance.strikes(60) {
        // Everybody leaves for so long that rooms end, and those who are late back count as gone.
        let (session, at) = (chance.place(plan.sessions), chance.within(500, plan.length));
        let lasts = chance.within(62_000, 70_000);
        for (person, _) in plan.people.iter().enumerate().filter(|(_, known)| known.session == session) {
            let lasts = lasts + chance.below(1_000);
            blows.push(Blow { at: at + chance.below(200), what: Trouble::Away { person, lasts } });
        }
    }
    blows.sort_by_key(|blow| blow.at);
    blows
}

/// Somebody's line breaks behind a vote, which arrives late: after it was given again, and after the next one.
fn late(plan: &mut Plan) {
    let mut chance = Chance::of(plan.seed, "late", 0);
    if !chance.strikes(150) {
        return;
    }
    let person = chance.place(plan.people.len());
    let Person { session, role: Some(Role::Participant), comes, .. } = plan.people[person] else { return };
    let first = comes + 300;
    let at = chance.within(first, plan.length.max(first + 1));
    let how = Break::Late(chance.pick(&[900, 1_500, 2_500]));
    plan.blows.push(Blow { at, what: Trouble::Cut { person, how } });
    plan.blows.sort_by_key(|blow| blow.at);
    let after = chance.within(450, 800);
    for (at, mark) in [(at, 0), (at + after, 1)] {
        plan.deeds.push(Deed { at, person, command: deeds::mark(session, mark) });
    }
    plan.deeds.sort_by_key(|deed| deed.at);
}

/// What is noticed only after a while: people are gone, with their node or without; a node is thought to be gone.
fn missed(chance: &mut Chance, plan: &Plan, blows: &mut Vec<Blow>) {
    let (at, node) = (chance.within(200, plan.length), chance.place(plan.nodes));
    if plan.nodes > 1 && chance.strikes(400) {
        let what = Trouble::Storm { node, lasts: chance.within(LONG, 60_000), fails: 1_000, unheard: 0, silent: 0 };
        return blows.push(Blow { at, what });
    }
    for _ in 0..chance.within(1, 4) {
        blows.push(Blow { at, what: Trouble::Gone { person: chance.place(plan.people.len()) } });
    }
    if chance.strikes(700) {
        blows.push(Blow { at: at + 1, what: Trouble::Crash { node, death: Death::Now, down: 0 } });
    }
}

fn trouble(chance: &mut Chance, plan: &Plan, person: usize) -> Trouble {
    let node = chance.place(plan.nodes);
    match chance.below(20) {
        0..=2 => {
            let deaths = [Death::Now, Death::BeforeCommit, Death::AfterCommit, Death::AfterCommit, Death::AfterPublish];
            Trouble::Crash { node, death: chance.pick(&deaths), down: chance.pick(&[0, 50, 500, 2_000, 14_000]) }
        }
        3 => Trouble::Drain { node, down: chance.pick(&[0, 300, 1_500]) },
        4..=6 => Trouble::Storm {
            node,
            lasts: chance.pick(&[200, 800, 2_000]),
            fails: chance.pick(&[0, 100, 300, 900]),
            unheard: chance.pick(&[0, 300, 600]),
            silent: chance.pick(&[0, 0, 0, 20, 100]),
        },
        7..=10 => Trouble::Noise {
            lasts: chance.pick(&[300, 1_000, 3_000]),
            lost: chance.pick(&[0, 100, 300, 1000]),
            twice: chance.pick(&[0, 200]),
            late: chance.pick(&[0, 300, 700]),
        },
        11 => Trouble::Deaf { node },
        12 => Trouble::Skew { node, by: chance.pick(&[-600_000, -5_000, -1_000, -30, 30, 900, 7_000, 600_000]) },
        13..=16 => {
            let later = Break::After(chance.within(1, 12));
            let how = [Break::Clean, Break::Severed, later, later, Break::HalfOpen(700), Break::HalfOpen(55_000)];
            Trouble::Cut { person, how: chance.pick(&how) }
        }
        17 | 18 => Trouble::Slow { person, lasts: chance.pick(&[200, 1_000, 4_000]) },
        _ => Trouble::Away { person, lasts: chance.pick(&[100, 1_000, 3_000, 35_000]) },
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, nodes, sessions, length, slowness, pipe, ring, .. } = self;
        writeln!(
            f,
            "seed {seed}: {nodes} nodes, {sessions} sessions, {length} ms, slowness {slowness} ‰, pipe {pipe}, ring {ring}"
        )?;
        for (number, person) in self.people.iter().enumerate().filter(|(_, person)| !person.absent) {
            let role = person.role.map_or("screen", Role::key);
            writeln!(f, "{:>9.3} p{number} comes to session {} as {role}", seconds(person.comes), person.session)?;
        }
        for deed in &self.deeds {
            let words = serde_json::to_string(&deed.command).unwrap_or_default();
            writeln!(f, "{:>9.3} p{} {words}", seconds(deed.at), deed.person)?;
        }
        for blow in &self.blows {
            writeln!(f, "{:>9.3} {:?}", seconds(blow.at), blow.what)?;
        }
        Ok(())
    }
}

fn seconds(millis: u64) -> f64 {
    std::time::Duration::from_millis(millis).as_secs_f64()
}
