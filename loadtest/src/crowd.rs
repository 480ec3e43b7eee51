//! Many clients: seats over HTTP, sockets, orders, and the reckoning at the end.
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    api::{Api, Seat, Session},
    client::{Client, Do, Ended, Order, Outcome, Pass},
    connect::Target,
    oracle::Faults,
    report::progress,
    stats::Stats,
};

const QUIET: Duration = Duration::from_secs(10);

struct Member {
    orders: mpsc::Sender<Order>,
    seq: Arc<AtomicU64>,
}

/// A host and its participants, connected.
pub struct Crowd {
    /// What they count.
    pub stats: Arc<Stats>,
    target: Arc<Target>,
    members: Vec<Member>,
    tasks: JoinSet<Ended>,
}

/// Joins so many over HTTP, `at_once` at a time. Each seat comes with the time it took.
pub async fn join(api: &Api, session: &Session, count: usize, at_once: usize) -> anyhow::Result<Vec<Seat>> {
    let gate = Arc::new(Semaphore::new(at_once.max(1)));
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        let (api, code, gate) = (api.clone(), session.code.clone(), gate.clone());
        tasks.spawn(async move {
            let _one_of_few = gate.acquire().await?;
            api.join(&code).await
        });
    }
    let mut seats = Vec::with_capacity(count);
    while let Some(seat) = tasks.join_next().await {
        seats.push(seat??);
        progress(|| format!("joined {} of {count}", seats.len()));
    }
    Ok(seats)
}

impl Crowd {
    /// Nobody yet.
    pub fn new(target: Arc<Target>) -> Self {
        Self { stats: Stats::new(), target, members: Vec::new(), tasks: JoinSet::new() }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Adds one client and says its number.
    pub fn add(&mut self, pass: Pass, due: Instant) -> usize {
        let number = self.members.len();
        let client = Client::new(number, self.target.clone(), self.stats.clone(), pass, due);
        let (orders, inbox) = mpsc::channel(16);
        self.members.push(Member { orders, seq: client.seq.clone() });
        self.tasks.spawn(client.run(inbox));
        number
    }

    /// Waits until all have their first welcome.
    pub async fn seated(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_mins(1) + Duration::from_millis(5) * u32::try_from(self.len())?;
        loop {
            let counts = self.stats.counts();
            progress(|| format!("connected {} of {}, failed attempts {}", counts.seated, self.len(), counts.failed));
            if counts.seated == self.len() as u64 {
                return Ok(());
            }
            ensure!(counts.gave_up == 0, "{} clients could not connect: {:?}", counts.gave_up, self.stats.words());
            ensure!(Instant::now() < deadline, "only {} of {} connected in time", counts.seated, self.len());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Gives an order. Waits when the client has too many already.
    pub async fn order(&self, client: usize, order: Order) -> anyhow::Result<()> {
        let member = self.members.get(client).context("there is no such client")?;
        member.orders.send(order).await.ok().with_context(|| format!("client {client} has given up"))
    }

    /// Has a client do something and waits for the answer.
    pub async fn ask(&self, client: usize, command: Value) -> anyhow::Result<Outcome> {
        let (answer, outcome) = oneshot::channel();
        let order = Order::Do(vec![Do { command, due: Instant::now(), answer: Some(answer) }]);
        self.order(client, order).await?;
        timeout(Duration::from_mins(1), outcome).await.context("no answer in time")?.context("the client gave up")
    }

    /// As `ask`; a refusal is an error.
    pub async fn must(&self, client: usize, command: Value) -> anyhow::Result<u64> {
        let words = command.to_string();
        match self.ask(client, command).await? {
            Outcome::Acked(seq) => Ok(seq),
            Outcome::Refused(code) => bail!("the server refused {words:.200}: {code}"),
        }
    }

    /// Waits until everybody holds this number, but not for ever: who does not is found at the end.
    pub async fn quiet(&self, head: u64) {
        let deadline = Instant::now() + QUIET;
        let behind = || self.members.iter().filter(|member| member.seq.load(Ordering::Acquire) < head).count();
        while behind() > 0 && Instant::now() < deadline {
            progress(|| format!("waiting until {} clients have everything", behind()));
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// The largest number that anybody holds.
    pub fn head(&self) -> u64 {
        self.members.iter().map(|member| member.seq.load(Ordering::Acquire)).max().unwrap_or(0)
    }

    /// Sends everybody home and adds up what they saw. `steps`: what everybody must hold.
    pub async fn finish(mut self, head: u64, steps: &BTreeMap<u32, u32>) -> anyhow::Result<(Faults, u64)> {
        self.quiet(head).await;
        for member in &self.members {
            // One that has given up already is counted elsewhere.
            let _ = member.orders.try_send(Order::Stop);
        }
        let (mut faults, mut unanswered) = (Faults::default(), 0);
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                let Ended { mut witness, unanswered: open } = ended.context("a client panicked")?;
                witness.close(head, steps);
                unanswered += open;
                faults.merge(witness.faults);
            }
            anyhow::Ok(())
        };
        timeout(Duration::from_mins(1), all).await.context("some clients do not end")??;
        Ok((faults, unanswered))
    }
}
