//! A connection to one server, kept up for as long as the process runs: it listens, it publishes, and it sends probes
//! to itself. Whatever goes wrong ends the connection, and a new one begins from nothing.
use std::{
    collections::HashSet,
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use parking_lot::Mutex;
use redis::{
    AsyncConnectionConfig, Cmd, Pipeline, PushInfo, PushKind, RedisError, RedisResult, ServerError, ServerErrorKind,
    Value, aio::MultiplexedConnection, cmd,
};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Inner,
    lane::{Lane, Outgoing, dropped},
    sentinel,
    settings::{Address, Login, Settings},
};
use crate::bus::Channel;

/// For a connection to stand, signed in.
const CONNECT: Duration = Duration::from_secs(2);
/// For the answer to any command.
const ANSWER: Duration = Duration::from_secs(2);
/// How often a probe is sent.
const PROBE: Duration = Duration::from_secs(2);
/// A probe that takes longer means that the bus does not carry …
const LATE: Duration = Duration::from_secs(1);
/// … and after this much more the connection is given up.
const LOST: Duration = Duration::from_secs(2);
/// Between two attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// When nothing has changed for so long, everything is looked at: nothing may depend on one answer that got lost.
const REVIEW: Duration = Duration::from_secs(15);
/// How often the sentinels are asked whether the master is still the master.
const ASK_SENTINELS: Duration = Duration::from_secs(5);
/// Most channels in one go, and most packets.
const MOST_AT_ONCE: usize = 256;

/// Where the server is.
pub enum Place {
    /// There.
    At(Address),
    /// Where the sentinels say.
    Master { sentinels: Vec<Address>, name: String, login: Login },
}

impl Place {
    async fn find(&self, settings: &Settings) -> RedisResult<Address> {
        match self {
            Self::At(address) => Ok(address.clone()),
            Self::Master { sentinels, name, login } => sentinel::master(settings, sentinels, name, login).await,
        }
    }
}

/// Keeps up one connection.
pub struct Link {
    bus: Arc<Inner>,
    lane: Arc<Lane>,
    queue: mpsc::Receiver<Outgoing>,
    place: Place,
}

impl Link {
    pub fn new(bus: Arc<Inner>, lane: Arc<Lane>, queue: mpsc::Receiver<Outgoing>, place: Place) -> Self {
        Self { bus, lane, queue, place }
    }

    /// Connects, again and again, until the server is not needed any more.
    pub async fn run(mut self) {
        let retired = self.lane.retired.clone();
        tokio::select! {
            // First of all: one that is retired has nothing to say on the board any more.
            biased;
            () = retired.cancelled() => {}
            () = self.keep_up() => {}
        }
        self.lane.set_open(false);
        self.empty_queue();
    }

    async fn keep_up(&mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let began = Instant::now();
            let why = match self.connect().await {
                Ok(session) => session.run(&mut self.queue, &self.place).await,
                Err(error) => reason(&error),
            };
            self.lane.set_open(false);
            self.bus.board().wrong(&self.lane.part, &why);
            metrics::counter!("atelier_bus_connections_lost_total").increment(1);
            self.bus.doubted.notify_one();
            self.empty_queue();
            // A server that was fine for a while is tried at once.
            pause = if began.elapsed() > LONGEST_PAUSE { FIRST_PAUSE } else { LONGEST_PAUSE.min(pause * 2) };
            sleep(pause).await;
        }
    }

    /// What was not sent would come late: whoever listens has looked at the numbers by then.
    fn empty_queue(&mut self) {
        let mut count = 0;
        while let Ok(outgoing) = self.queue.try_recv() {
            self.lane.left(&outgoing);
            count += 1;
        }
        dropped("connection_lost", count);
    }

    async fn connect(&self) -> RedisResult<Session> {
        let (bus, lane) = (self.bus.clone(), self.lane.clone());
        let (probe, back) = watch::channel(0);
        let ears = Arc::new(Ears { bus, lane, heard: Mutex::default(), probe, lost: CancellationToken::new() });
        let push = ears.clone();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER))
            .set_push_sender(move |info| {
                push.hear(info);
                Ok::<_, Infallible>(())
            });
        let settings = &self.bus.settings;
        let address = self.place.find(settings).await?;
        let client = settings.client(&address)?;
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        if matches!(self.place, Place::Master { .. }) {
            sentinel::is_master(&connection).await?;
        }
        Ok(Session { connection, address, ears, back })
    }
}

/// What the connection's own task does with what the server pushes.
struct Ears {
    bus: Arc<Inner>,
    lane: Arc<Lane>,
    /// What the server has confirmed. The server's word, not ours: answers to commands may get lost.
    heard: Mutex<HashSet<Channel>>,
    /// The newest probe that has come back.
    probe: watch::Sender<u64>,
    lost: CancellationToken,
}

impl Ears {
    fn hear(&self, push: PushInfo) {
        let mut data = push.data.into_iter();
        let mut bytes = || match data.next() {
            Some(Value::BulkString(bytes)) => bytes,
            _ => Vec::new(),
        };
        match push.kind {
            PushKind::Message | PushKind::SMessage => {
                let (name, payload) = (bytes(), bytes());
                if name != self.lane.probe.as_bytes() {
                    self.bus.hear(&name, payload);
                } else if let Ok(number) = payload.try_into().map(u64::from_be_bytes) {
                    self.probe.send_replace(number);
                }
            }
            PushKind::Subscribe | PushKind::SSubscribe => self.confirmed(&bytes(), true),
            PushKind::Unsubscribe | PushKind::SUnsubscribe => self.confirmed(&bytes(), false),
            PushKind::Disconnection => self.lost.cancel(),
            _ => {}
        }
    }

    fn confirmed(&self, name: &[u8], on: bool) {
        let Some(channel) = Channel::parse(name) else { return };
        if on {
            self.heard.lock().insert(channel);
        } else {
            self.heard.lock().remove(&channel);
            // A server also ends, unasked, what it does not serve any more.
            if self.bus.wanted(channel, &self.lane) {
                self.bus.doubted.notify_one();
            }
            self.lane.reconsider([channel]);
        }
    }
}

/// One connection, from its first command to its end.
struct Session {
    connection: MultiplexedConnection,
    address: Address,
    ears: Arc<Ears>,
    back: watch::Receiver<u64>,
}

impl Session {
    /// Works until something is wrong, and says what.
    async fn run(self, queue: &mut mpsc::Receiver<Outgoing>, place: &Place) -> String {
        let ended = tokio::select! {
            () = self.ears.lost.cancelled() => return "the connection broke".to_owned(),
            () = self.moved(place) => return "another server has become the master".to_owned(),
            ended = self.work(queue) => ended,
        };
        match ended {
            Err(error) => reason(&error),
            Ok(never) => match never {},
        }
    }

    async fn work(&self, queue: &mut mpsc::Receiver<Outgoing>) -> RedisResult<Infallible> {
        let Ears { bus, lane, .. } = &*self.ears;
        let words = bus.words();
        self.answered(&mut one(cmd(words.subscribe).arg(&lane.probe))).await?;
        // What was listened to before this connection, and whatever has changed meanwhile.
        lane.set_open(true);
        lane.reconsidered().now_or_never();
        self.agree(bus.local.heard()).await?;
        tokio::select! {
            ended = self.listen() => ended,
            ended = self.publish(queue) => ended,
            ended = self.probe() => ended,
        }
    }

    /// Waits until the sentinels name another master than this one. One that was cut off from its sentinels does not
    /// know that it has been replaced, and answers probes as before.
    async fn moved(&self, place: &Place) {
        loop {
            sleep(ASK_SENTINELS).await;
            let Place::Master { .. } = place else { continue };
            if place.find(&self.ears.bus.settings).await.is_ok_and(|now| now != self.address) {
                return;
            }
        }
    }

    // --- listening

    async fn listen(&self) -> RedisResult<Infallible> {
        loop {
            let channels = match timeout(REVIEW, self.ears.lane.reconsidered()).await {
                Ok(changed) => changed.into_iter().collect(),
                Err(_) => self.ears.bus.local.heard(),
            };
            self.agree(channels).await?;
        }
    }

    /// Makes Redis agree with what is listened to here. One step after the other: what is decided now is decided on
    /// what is confirmed now, and whatever changes while a step is under way is looked at again.
    async fn agree(&self, channels: Vec<Channel>) -> RedisResult<()> {
        let Ears { bus, lane, heard, .. } = &*self.ears;
        for some in channels.chunks(MOST_AT_ONCE) {
            let (mut join, mut leave) = (Pipeline::new(), Pipeline::new());
            let words = bus.words();
            for channel in some {
                match (bus.wanted(*channel, lane), heard.lock().contains(channel)) {
                    (true, false) => join.add_command(with(words.subscribe, channel)),
                    (false, true) => leave.add_command(with(words.unsubscribe, channel)),
                    _ => continue,
                };
            }
            let joined = !join.is_empty();
            self.understood(&mut join).await?;
            self.understood(&mut leave).await?;
            if joined {
                // What was published before the confirmation was not heard.
                bus.board().missed();
            }
        }
        Ok(())
    }

    // --- publishing

    async fn publish(&self, queue: &mut mpsc::Receiver<Outgoing>) -> RedisResult<Infallible> {
        let mut some = Vec::with_capacity(MOST_AT_ONCE);
        let words = self.ears.bus.words();
        loop {
            queue.recv_many(&mut some, MOST_AT_ONCE).await;
            let mut pipeline = Pipeline::with_capacity(some.len());
            let count = some.len();
            for outgoing in some.drain(..) {
                self.ears.lane.left(&outgoing);
                pipeline.add_command(with(words.publish, &outgoing.channel).arg(outgoing.bytes.as_slice()).take());
            }
            metrics::counter!("atelier_bus_published_total").increment(count as u64);
            self.understood(&mut pipeline).await?;
        }
    }

    // --- probing

    /// Sends numbers to itself through the server.
    async fn probe(&self) -> RedisResult<Infallible> {
        let Ears { bus, lane, .. } = &*self.ears;
        for number in 1_u64.. {
            let sent = Instant::now();
            let mut publish = one(cmd(bus.words().publish).arg(&lane.probe).arg(&number.to_be_bytes()));
            let mut back = self.back.clone();
            let round = async {
                self.answered(&mut publish).await?;
                // The sender lives as long as we do.
                let _ = back.wait_for(|seen| *seen >= number).await;
                Ok::<_, RedisError>(())
            };
            tokio::pin!(round);
            if let Ok(done) = timeout(LATE, &mut round).await {
                done?;
            } else {
                bus.board().wrong(&lane.part, "a probe is late");
                timeout(LOST, round).await.map_err(|_| no_answer())??;
            }
            metrics::histogram!("atelier_bus_probe_seconds").record(sent.elapsed().as_secs_f64());
            if bus.board().right(&lane.part) {
                bus.board().missed();
            }
            sleep_until((sent + PROBE).into()).await;
        }
        Err(no_answer())
    }

    /// As [`Session::answered`], but a cluster that has put some of the slots elsewhere is no reason to end: who has
    /// them is asked anew, and what could not be done here is done there.
    async fn understood(&self, pipeline: &mut Pipeline) -> RedisResult<()> {
        let Err(error) = self.answered(pipeline).await else { return Ok(()) };
        let Some(errors) = error.clone().into_server_errors() else { return Err(error) };
        let elsewhere = |error: &ServerError| {
            use ServerErrorKind::{Ask, ClusterDown, Moved, TryAgain};
            matches!(error.kind(), Some(Moved | Ask | TryAgain | ClusterDown))
        };
        if !errors.iter().all(|(_, error)| elsewhere(error)) {
            return Err(error);
        }
        dropped("elsewhere", errors.len());
        self.ears.bus.doubted.notify_one();
        Ok(())
    }

    async fn answered(&self, pipeline: &mut Pipeline) -> RedisResult<()> {
        if pipeline.is_empty() {
            return Ok(());
        }
        pipeline.exec_async(&mut self.connection.clone()).await
    }
}

fn one(command: &mut Cmd) -> Pipeline {
    let mut pipeline = Pipeline::with_capacity(1);
    pipeline.add_command(command.take());
    pipeline
}

fn with(word: &str, channel: &Channel) -> Cmd {
    cmd(word).arg(channel.to_string()).take()
}

fn no_answer() -> RedisError {
    RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut))
}

/// What people may be told: what the server or the system says, never an address or a password.
pub fn reason(error: &RedisError) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    if error.is_connection_refusal() {
        return "the connection is refused".to_owned();
    }
    if error.is_connection_dropped() {
        return "the connection broke".to_owned();
    }
    match error.clone().into_server_errors().as_deref() {
        Some([(_, first), ..]) => format!("{} {}", first.code(), first.details().unwrap_or_default()),
        _ => error.to_string(),
    }
}
