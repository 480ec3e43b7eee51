//! A client: connects anywhere, resumes with what it holds, does what it shall, sends again what was not answered.
use std::{collections::VecDeque, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    chance::Chance,
    copy::Copy,
    ids,
    outbox::{Outbox, Settled},
    pipe::{In, Knife, Out, pipe},
    plan::{Break, Deed, Person, Trouble},
    seat::{self, Down, Up, Wire},
    trace::digest,
    world::World,
};
use crate::{
    gateway::Hello,
    kernel::Code,
    live::{
        core::{Command, PollId, Role, SystemCommand, roster::Join},
        protocol::{ServerMessage, close},
        room::{HEARTBEAT, Rejection, Viewer, writer::Ask},
    },
};

/// Nothing for so long: the line is dead.
const DEAD: Duration = Duration::from_secs(2 * HEARTBEAT as u64);
/// Turned away so often when nothing is wrong any more: it is meant.
const PATIENCE: u32 = 6;

/// Where a client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Not connected.
    Outside,
    /// Connected and welcomed.
    Attached,
    /// The session is over, and this was connected until then.
    Over,
    /// The session was over when it came back.
    Late,
    /// Not let in.
    GivenUp,
    /// It does not come back.
    Gone,
}

/// What can be looked at from outside.
pub struct Held {
    /// What it holds of the session.
    pub copy: Copy,
    /// What it has done, and has to do.
    pub outbox: Outbox,
    /// Where it stands.
    pub standing: Standing,
    /// What should never have happened.
    pub faults: Vec<String>,
}

impl Held {
    /// What somebody still waits for, in a session that has come to this number.
    pub fn restless(&self, number: usize, newest: u64) -> Option<String> {
        let at_rest = match self.standing {
            Standing::Attached => self.outbox.is_settled() && self.copy.seq == newest,
            Standing::Over | Standing::Late | Standing::GivenUp | Standing::Gone => true,
            Standing::Outside => false,
        };
        let left = self.outbox.entries.iter().filter(|entry| entry.settled.is_none()).count();
        (!at_rest).then(|| format!("p{number} {:?} at {} of {newest}, {left} unanswered", self.standing, self.copy.seq))
    }
}

/// A client at work.
pub struct Client {
    number: usize,
    known: Person,
    world: Arc<World>,
    held: Arc<Mutex<Held>>,
    chance: Chance,
    deeds: VecDeque<Deed>,
    blows: VecDeque<(Instant, Trouble)>,
    away_until: Instant,
    slow_until: Instant,
    /// So many messages are still heard on this connection.
    hears: Option<u64>,
    /// The next commands take so many milliseconds, and the line breaks behind them.
    late: Option<u64>,
    joined: bool,
    gone: bool,
    turned_away: u32,
}

/// The client's end of a connection.
struct Wires {
    out: Out<Up>,
    inward: In<Down>,
    knives: [Knife; 2],
    heard: Instant,
}

/// How a connection ended.
enum End {
    With(u16),
    Broken,
}

impl Client {
    /// A client and what can be seen of it.
    pub fn new(world: &Arc<World>, number: usize) -> (Self, Arc<Mutex<Held>>) {
        let plan = &world.plan;
        let copy = Copy::default();
        let standing = if plan.people[number].absent { Standing::GivenUp } else { Standing::Outside };
        let held = Held { copy, outbox: Outbox::default(), standing, faults: Vec::new() };
        let held = Arc::new(Mutex::new(held));
        let mine = |what: &Trouble| {
            matches!(what, Trouble::Cut { person, .. } | Trouble::Slow { person, .. } | Trouble::Away { person, .. }
                | Trouble::Gone { person } if *person == number)
        };
        let blows = plan.blows.iter().filter(|blow| mine(&blow.what)).map(|blow| (world.at(blow.at), blow.what));
        let client = Self {
            number,
            known: plan.people[number],
            held: held.clone(),
            chance: Chance::of(plan.seed, "client", number),
            deeds: plan.deeds.iter().filter(|deed| deed.person == number).cloned().collect(),
            blows: blows.collect(),
            away_until: world.at(plan.people[number].comes),
            slow_until: world.at(0),
            hears: None,
            late: None,
            joined: false,
            gone: false,
            turned_away: 0,
            world: world.clone(),
        };
        (client, held)
    }

    fn note(&self, what: &str, facts: &[u64], words: impl FnOnce() -> String) {
        let mut all = vec![self.number as u64];
        all.extend_from_slice(facts);
        self.world.note(what, &all, || format!("p{} {}", self.number, words()));
    }

    /// Lives until the session is over or it is turned away for good.
    pub async fn live(mut self) {
        while !self.known.absent {
            self.hear_of_trouble();
            if self.gone {
                self.held.lock().standing = Standing::Gone;
                return;
            }
            if self.away_until > Instant::now() {
                sleep_until(self.away_until).await;
                continue;
            }
            let Some(node) = self.world.any_node(&mut self.chance) else {
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            let after = self.visit(node).await;
            self.held.lock().outbox.reset();
            match after {
                Some(millis) => sleep(Duration::from_millis(millis)).await,
                None => return,
            }
        }
    }

    /// Joins if need be, and is connected to a node for a while. Says after how many milliseconds to come back.
    async fn visit(&mut self, node: usize) -> Option<u64> {
        if !self.joined
            && let Some(role) = self.known.role
        {
            match self.join(node, role).await {
                Some(Ok(_)) => self.joined = true,
                Some(Err(Rejection::Refused(refusal))) => return self.refused(refusal.code),
                Some(Err(Rejection::Retry { .. })) | None => return Some(self.chance.within(50, 400)),
            }
        }
        let end = self.converse(node).await;
        let was = std::mem::replace(&mut self.held.lock().standing, Standing::Outside);
        match end {
            End::With(close::SESSION_ENDED) => {
                self.held.lock().standing = if was == Standing::Attached { Standing::Over } else { Standing::Late };
                None
            }
            End::With(close::REMOVED) => {
                self.joined = false;
                Some(self.chance.within(100, 900))
            }
            End::With(close::NOT_ADMITTED) => {
                self.joined = false;
                self.refused(Code::SessionFull)
            }
            End::With(close::UNAUTHENTICATED | close::PROTOCOL) => {
                self.held.lock().faults.push("turned away as somebody it is not".to_owned());
                None
            }
            End::With(4200..=4299) => Some(self.chance.below(30)),
            End::With(_) | End::Broken => {
                // Some are back before anybody has looked up.
                let longest = self.chance.pick(&[20, 400]);
                Some(self.chance.below(longest))
            }
        }
    }

    fn refused(&mut self, code: Code) -> Option<u64> {
        self.note("turned away", &[], || format!("{code:?}"));
        self.turned_away += u32::from(self.world.is_calm());
        let standing = match code {
            Code::SessionEnded => Standing::Late,
            _ if self.turned_away >= PATIENCE => Standing::GivenUp,
            _ => return Some(300),
        };
        self.held.lock().standing = standing;
        None
    }

    async fn join(&mut self, node: usize, role: Role) -> Option<Result<u64, Rejection>> {
        let (key, live) = (ids::session(self.known.session), self.world.live(node)?);
        let (fresh, user) = (ids::participant(self.number), ids::user(self.number));
        let join = Join { fresh, user, name: Some(format!("P{}", self.number)), role };
        let (tell, told) = oneshot::channel();
        let tasks = self.world.with_node(node, |node| node.tasks.clone());
        tasks.spawn("a join", async move {
            let answer = live.ask(key, Ask::System(SystemCommand::Join(join))).await;
            // Whoever asked may have gone.
            let _ = tell.send(answer.map(|(seq, _)| seq));
        });
        timeout(Duration::from_secs(15), told).await.ok()?.ok()
    }

    async fn converse(&mut self, node: usize) -> End {
        let Some(mut wires) = self.connect(node) else { return End::Broken };
        loop {
            let now = Instant::now();
            if let Some(how) = self.hear_of_trouble() {
                self.part(wires, how);
                return End::Broken;
            }
            if self.away_until > now {
                return End::Broken;
            }
            if wires.heard + DEAD <= now {
                self.note("dead line", &[], String::new);
                return End::Broken;
            }
            let due = self.due(now);
            let late = self.late.take_if(|_| !due.is_empty()).filter(|_| !self.world.is_calm());
            for (reference, command) in due {
                let takes = late.map_or_else(|| self.takes(), Duration::from_millis);
                let known = self.held.lock().copy.known;
                if wires.out.send(Up::Do(reference, Some(known), command), takes).await.is_err() {
                    return End::Broken;
                }
            }
            if let Some(millis) = late {
                self.part(wires, Break::Late(millis));
                return End::Broken;
            }
            let wake = self.next_wake(now).min(wires.heard + DEAD);
            let reads = self.slow_until <= now;
            tokio::select! {
                biased;
                down = wires.inward.next(), if reads => match down {
                    Some(Down::Frame(frame)) => {
                        wires.heard = Instant::now();
                        if self.take(frame.as_text()) && wires.out.send(Up::Pong, Duration::ZERO).await.is_err() {
                            return End::Broken;
                        }
                        if self.was_last() {
                            self.part(wires, Break::Severed);
                            return End::Broken;
                        }
                    }
                    Some(Down::Close(code)) => {
                        self.note("closed", &[u64::from(code)], || code.to_string());
                        return End::With(code);
                    }
                    None => {
                        self.note("broken off", &[], String::new);
                        return End::Broken;
                    }
                },
                () = sleep_until(wake) => {}
            }
        }
    }

    fn connect(&mut self, node: usize) -> Option<Wires> {
        let gateway = self.world.gateway(node)?;
        let mut held = self.held.lock();
        let after = held.copy.state.as_ref().map(|_| held.copy.seq);
        held.copy.begin();
        drop(held);
        let viewer = match self.known.role {
            Some(_) => Viewer::Person { user: ids::user(self.number), fresh: ids::participant(self.number) },
            None => Viewer::Screen,
        };
        let hello = Hello { key: ids::session(self.known.session), viewer, after };
        let (up, from_client, first) = pipe(64);
        let (to_client, down, second) = pipe(self.world.plan.pipe);
        let mut chance = Chance::of(self.chance.next(), "wire", self.number);
        let takes = Box::new(move || Duration::from_millis(chance.pick(&[0, 0, 0, 0, 1, 3])));
        let wire = Wire { out: to_client, inward: from_client, takes };
        self.world.with_node(node, |node| node.tasks.spawn("a connection", seat::serve(gateway, hello, wire)));
        self.note("connects", &[node as u64, after.unwrap_or(0)], || format!("to n{node} after {after:?}"));
        Some(Wires { out: up, inward: down, knives: [first, second], heard: Instant::now() })
    }

    fn takes(&mut self) -> Duration {
        Duration::from_millis(self.chance.pick(&[0, 0, 0, 1, 2]))
    }

    fn part(&self, wires: Wires, how: Break) {
        match how {
            Break::Clean => {}
            Break::Severed | Break::After(_) => wires.knives.iter().for_each(Knife::cut),
            Break::HalfOpen(millis) => self.world.tasks.spawn("a line nobody holds", async move {
                sleep(Duration::from_millis(millis)).await;
                drop(wires);
            }),
            // Somebody on the way goes on taking what the node says.
            Break::Late(millis) => self.world.tasks.spawn("a line that is late", async move {
                let Wires { out, mut inward, .. } = wires;
                let swallow = async { while inward.next().await.is_some() {} };
                // Long enough, or ended by the node: all the same.
                let _ = timeout(Duration::from_millis(millis + 100), swallow).await;
                drop(out);
            }),
        }
    }

    /// Has the last message been heard that shall be?
    fn was_last(&mut self) -> bool {
        self.hears = self.hears.map(|left| left.saturating_sub(1));
        self.hears.take_if(|left| *left == 0).is_some()
    }

    /// What goes wrong for this client until now. A broken line is for whoever has one.
    fn hear_of_trouble(&mut self) -> Option<Break> {
        let now = Instant::now();
        let mut broken = None;
        while let Some((at, what)) = self.blows.front().copied()
            && at <= now
        {
            self.blows.pop_front();
            self.note("trouble", &[], || format!("{what:?}"));
            match what {
                Trouble::Cut { how: Break::After(heard), .. } => self.hears = Some(heard),
                Trouble::Cut { how: Break::Late(millis), .. } => self.late = Some(millis),
                Trouble::Cut { how, .. } => broken = Some(how),
                Trouble::Slow { lasts, .. } => self.slow_until = at + Duration::from_millis(lasts),
                Trouble::Gone { .. } => {
                    self.gone = true;
                    broken = Some(Break::HalfOpen(5_000));
                }
                Trouble::Away { lasts, .. } => self.away_until = at + Duration::from_millis(lasts),
                _ => {}
            }
        }
        broken
    }

    fn next_wake(&self, now: Instant) -> Instant {
        let deed = self.deeds.front().map(|deed| self.world.at(deed.at));
        let blow = self.blows.front().map(|(at, _)| *at);
        let outbox = self.held.lock().outbox.next_due().filter(|at| *at > now);
        let slow = (self.slow_until > now).then_some(self.slow_until);
        [deed, blow, outbox, slow].into_iter().flatten().min().unwrap_or(now + DEAD)
    }

    // --- doing

    /// Commands that may go out now; new ones begin when their time has come, against what is held then.
    fn due(&mut self, now: Instant) -> Vec<(u64, Command)> {
        while let Some(deed) = self.deeds.front()
            && self.world.at(deed.at) <= now
        {
            let Some(deed) = self.deeds.pop_front() else { break };
            let mut held = self.held.lock();
            if let Some(command) = as_seen(deed.command, &held.copy) {
                held.outbox.add(command);
            }
        }
        let mut held = self.held.lock();
        if !held.copy.greeted {
            return Vec::new();
        }
        let due = held.outbox.due(now);
        drop(held);
        for (reference, command) in &due {
            self.note("does", &[*reference], || {
                format!("#{reference} {}", serde_json::to_string(command).unwrap_or_default())
            });
        }
        due
    }

    /// Takes a message. True: it wants to be answered.
    fn take(&mut self, text: &str) -> bool {
        let digest = digest(text.as_bytes());
        self.note("hears", &[digest], || short(text));
        let mut held = self.held.lock();
        let message = match self.world.understand(digest, text) {
            Ok(message) => message,
            Err(error) => {
                held.faults.push(format!("not of the protocol ({error}): {text}"));
                return false;
            }
        };
        match &message {
            ServerMessage::Welcome { .. } => held.standing = Standing::Attached,
            ServerMessage::Ack { reference, seq, at } => {
                held.outbox.settle(*reference, Settled::Acked { seq: *seq, at: *at });
            }
            ServerMessage::Refused { reference, code, .. } => held.outbox.settle(*reference, Settled::Refused(*code)),
            ServerMessage::Retry { reference, after_ms, .. } => {
                held.outbox.retry(*reference, Instant::now() + Duration::from_millis(u64::from(*after_ms)));
            }
            ServerMessage::Events { after, .. } if *after != held.copy.seq => {
                let fault = format!("events after {after}, but {} is held", held.copy.seq);
                held.faults.push(fault);
            }
            _ => {}
        }
        let wants_answer = message == ServerMessage::Ping;
        held.copy.fold(message);
        wants_answer
    }
}

/// A command as somebody gives it who sees this: rounds and timers are the ones seen, so that it may be sent twice.
fn as_seen(command: Command, copy: &Copy) -> Option<Command> {
    let round = |poll: PollId| copy.poll(poll).map(|poll| poll.round);
    Some(match command {
        Command::Vote { poll, round: Some(_), choice } => Command::Vote { poll, round: round(poll), choice },
        Command::Revote { poll, .. } => Command::Revote { poll, round: Some(round(poll)?) },
        Command::ResetPoll { poll, .. } => Command::ResetPoll { poll, round: Some(round(poll)?) },
        Command::ExtendTimer { poll, seconds, .. } => {
            Command::ExtendTimer { poll, seconds, seen: Some(copy.poll(poll)?.timer?) }
        }
        other => other,
    })
}

/// A message with the long part left out.
fn short(text: &str) -> String {
    const MOST: usize = 200;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
