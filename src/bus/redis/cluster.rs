//! Who has which slots of a Redis Cluster, asked again whenever that may have changed; a link to each of the masters.
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::Arc,
    time::Duration,
};

use futures_util::{
    StreamExt,
    future::{BoxFuture, FutureExt, join, join_all},
    stream::FuturesUnordered,
};
use redis::{AsyncConnectionConfig, Pipeline, RedisError, RedisResult, Value, cmd};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use super::{
    Inner, PART,
    lane::Lane,
    link::{Link, Place, reason},
    settings::{Address, Settings},
    slots::{COUNT, Slots, slot},
};

/// How often it is asked in any case.
const REVIEW: Duration = Duration::from_secs(5);
/// At least between two questions.
const BREATH: Duration = Duration::from_millis(100);
/// For one node to answer.
const ANSWER: Duration = Duration::from_secs(1);
/// Most nodes that are asked at once.
const MOST_ASKED: usize = 8;

/// First and last slot, and the master that has them.
type Range = (u16, u16, Address);

/// Keeps up the links to all masters.
pub async fn run(bus: Arc<Inner>, seeds: Vec<Address>) {
    let (start, links) = mpsc::channel(1);
    let map = Map { bus, seeds, lanes: BTreeMap::new(), ranges: Vec::new(), start };
    join(map.follow(), all(links)).await;
}

/// Works on every link that is handed in.
async fn all(mut links: mpsc::Receiver<BoxFuture<'static, ()>>) {
    let mut running = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(link) = links.recv() => running.push(link),
            Some(()) = running.next(), if !running.is_empty() => {}
        }
    }
}

struct Map {
    bus: Arc<Inner>,
    seeds: Vec<Address>,
    lanes: BTreeMap<Address, Arc<Lane>>,
    ranges: Vec<Range>,
    start: mpsc::Sender<BoxFuture<'static, ()>>,
}

impl Map {
    async fn follow(mut self) {
        loop {
            match self.ask().await {
                Ok(ranges) => self.apply(ranges).await,
                Err(error) if self.lanes.is_empty() => self.bus.board().wrong(PART, &reason(&error)),
                // The links say for themselves whether they carry.
                Err(error) => tracing::debug!(%error, "no node says who has which slots; asked again soon"),
            }
            sleep(BREATH).await;
            let doubted = timeout(REVIEW, self.bus.doubted.notified()).await.is_ok();
            if doubted {
                self.ranges.clear();
            }
        }
    }

    /// Asks several nodes and believes the one that has seen most changes.
    async fn ask(&self) -> RedisResult<Vec<Range>> {
        let nodes: BTreeSet<&Address> = self.lanes.keys().take(MOST_ASKED).chain(&self.seeds).collect();
        let answers = nodes.into_iter().take(MOST_ASKED).map(|node| ask(&self.bus.settings, node));
        let mut problem = None;
        let mut newest = None;
        for answer in join_all(answers).await {
            match answer {
                Ok((epoch, ranges)) if newest.as_ref().is_none_or(|(known, _)| epoch > *known) => {
                    newest = Some((epoch, ranges));
                }
                Ok(_) => {}
                Err(error) => problem = Some(error),
            }
        }
        newest.map(|(_, ranges)| ranges).ok_or_else(|| problem.unwrap_or_else(incomprehensible))
    }

    async fn apply(&mut self, ranges: Vec<Range>) {
        if ranges == self.ranges {
            return;
        }
        let board = self.bus.board();
        let mut before = std::mem::take(&mut self.lanes);
        let mut links = Vec::new();
        for (_, _, address) in &ranges {
            if self.lanes.contains_key(address) {
                continue;
            }
            let own = |name: &str| {
                let slot = slot(name.as_bytes());
                ranges.iter().any(|(first, last, owner)| owner == address && (*first..=*last).contains(&slot))
            };
            let lane = match before.remove(address) {
                Some(lane) if own(&lane.probe) => lane,
                other => {
                    other.inspect(|lane| lane.retire());
                    // Every master has a probe of its own, through one of its own slots.
                    let mut names = (0_u32..).map(|n| format!("atelier:probe:{}:{n}", self.bus.node));
                    let probe = names.find(|name| own(name)).unwrap_or_default();
                    let (lane, queue) = Lane::new(address.to_string(), probe);
                    board.pending(&lane.part);
                    links.push(Link::new(self.bus.clone(), lane.clone(), queue, Place::At(address.clone())));
                    lane
                }
            };
            self.lanes.insert(address.clone(), lane);
        }
        let of = |(first, last, address): &Range| Some((*first, *last, self.lanes.get(address)?.clone()));
        *self.bus.lanes.write() = Slots::new(ranges.iter().filter_map(of).collect());
        for lane in before.into_values() {
            lane.retire();
            board.right(&lane.part);
        }
        let count: u32 = ranges.iter().map(|(first, last, _)| u32::from(last - first) + 1).sum();
        if count < u32::from(COUNT) {
            board.wrong(PART, "some slots of the cluster have no server");
        } else {
            board.right(PART);
        }
        let heard = self.bus.local.heard();
        self.lanes.values().for_each(|lane| lane.reconsider(heard.iter().copied()));
        for link in links {
            // The receiver takes whatever comes for as long as we live.
            let _ = self.start.send(link.run().boxed()).await;
        }
        self.ranges = ranges;
    }
}

/// What one node knows, and how new that is.
fn ask(settings: &Settings, node: &Address) -> impl Future<Output = RedisResult<(u64, Vec<Range>)>> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(ANSWER)).set_response_timeout(Some(ANSWER));
    async move {
        let mut connection = settings.client(node)?.get_multiplexed_async_connection_with_config(&config).await?;
        let mut pipeline = Pipeline::with_capacity(2);
        pipeline.add_command(cmd("CLUSTER").arg("INFO").take()).add_command(cmd("CLUSTER").arg("SLOTS").take());
        let (info, slots): (String, Value) = pipeline.query_async(&mut connection).await?;
        let epoch = info.lines().find_map(|line| line.strip_prefix("cluster_current_epoch:")?.trim().parse().ok());
        let ranges = read(slots, node).ok_or_else(incomprehensible)?;
        Ok((epoch.unwrap_or(0), ranges))
    }
}

/// Reads the answer to `CLUSTER SLOTS`.
fn read(slots: Value, asked: &Address) -> Option<Vec<Range>> {
    let mut ranges = Vec::new();
    for range in list(slots)? {
        let mut fields = list(range)?.into_iter();
        let (first, last) = (number(&fields.next()?)?, number(&fields.next()?)?);
        let mut master = list(fields.next()?)?.into_iter();
        let host = match master.next()? {
            Value::BulkString(host) if !host.is_empty() => String::from_utf8(host).ok()?,
            // "Where you found me": a node that does not know its own address.
            _ => asked.host.clone(),
        };
        let port = number(&master.next()?)?;
        if first > last || last >= COUNT {
            return None;
        }
        ranges.push((first, last, Address { host, port }));
    }
    ranges.sort();
    Some(ranges)
}

fn list(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(items) => Some(items),
        _ => None,
    }
}

fn number(value: &Value) -> Option<u16> {
    match value {
        Value::Int(number) => u16::try_from(*number).ok(),
        _ => None,
    }
}

fn incomprehensible() -> RedisError {
    (redis::ErrorKind::UnexpectedReturnType, "the answer to CLUSTER SLOTS is not understood").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: &str) -> Address {
        Address { host: host.to_owned(), port: 7 }
    }
    fn range(first: i64, last: i64, host: Value) -> Value {
        Value::Array(vec![Value::Int(first), Value::Int(last), Value::Array(vec![host, Value::Int(7)])])
    }
    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn slots_are_read_and_nothing_else() {
        let slots = vec![range(5, 9, Value::Nil), range(0, 4, text("a")), range(10, 16_383, text(""))];
        let expected = vec![(0, 4, at("a")), (5, 9, at("me")), (10, 16_383, at("me"))];
        assert_eq!(read(Value::Array(slots), &at("me")), Some(expected));
        assert_eq!(read(Value::Array(vec![]), &at("me")), Some(vec![]));
        for wrong in [
            Value::Nil,
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![range(5, 4, text("a"))]),
            Value::Array(vec![range(0, 16_384, text("a"))]),
            Value::Array(vec![range(-1, 4, text("a"))]),
            Value::Array(vec![Value::Array(vec![Value::Int(0), Value::Int(1)])]),
        ] {
            assert_eq!(read(wrong.clone(), &at("me")), None, "{wrong:?}");
        }
    }
}
