//! What can go wrong, and how it is put right again.
use std::time::Duration;

use super::house::House;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    NodeKilled,
    NodeFrozen,
    NodeFrozenInside,
    NodesReplaced,
    RedisKilled,
    RedisFrozen,
    RedisRestarted,
    RedisEmptied,
    SubscriptionsKilled,
    PostgresRestarted,
    NodeWithoutRedis,
    NodeWithoutPostgres,
    RedisUnheard,
    PostgresUnheard,
    PeopleUnheard,
    SlowWires,
}

/// From where the time to recover is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// The fault is to be survived: from its beginning.
    Beginning,
    /// Nothing can be done meanwhile: from when it is over.
    End,
}

impl Fault {
    pub const ALL: [Self; 16] = [
        Self::NodeKilled,
        Self::NodeFrozen,
        Self::NodeFrozenInside,
        Self::NodesReplaced,
        Self::RedisKilled,
        Self::RedisFrozen,
        Self::RedisRestarted,
        Self::RedisEmptied,
        Self::SubscriptionsKilled,
        Self::PostgresRestarted,
        Self::NodeWithoutRedis,
        Self::NodeWithoutPostgres,
        Self::RedisUnheard,
        Self::PostgresUnheard,
        Self::PeopleUnheard,
        Self::SlowWires,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::NodeKilled => "a node is killed (`kill -9`) in a burst of votes",
            Self::NodeFrozen => "a node is frozen (`SIGSTOP`), and woken",
            Self::NodeFrozenInside => "a node is frozen while it holds the session's lock, and woken",
            Self::NodesReplaced => "all nodes are replaced in turn (`SIGTERM`)",
            Self::RedisKilled => "Redis is killed, and started again later",
            Self::RedisFrozen => "Redis is frozen (`SIGSTOP`), and woken",
            Self::RedisRestarted => "Redis is killed, and back at once",
            Self::RedisEmptied => "Redis is emptied (`FLUSHALL`)",
            Self::SubscriptionsKilled => "`CLIENT KILL TYPE pubsub`",
            Self::PostgresRestarted => "PostgreSQL is restarted (immediate shutdown)",
            Self::NodeWithoutRedis => "one node is cut off from Redis",
            Self::NodeWithoutPostgres => "one node is cut off from PostgreSQL",
            Self::RedisUnheard => "between one node and Redis, all packets vanish",
            Self::PostgresUnheard => "between one node and PostgreSQL, all packets vanish",
            Self::PeopleUnheard => "between one node and its people, all packets vanish",
            Self::SlowWires => "all wires are slow (people 150 ms, Redis 300 ms, PostgreSQL 5 ms, each way)",
        }
    }

    pub fn since(self) -> Since {
        match self {
            Self::PostgresRestarted | Self::NodeWithoutPostgres | Self::PostgresUnheard => Since::End,
            _ => Since::Beginning,
        }
    }

    /// How long it is left as it is.
    pub fn lasts(self) -> Duration {
        match self {
            Self::NodesReplaced
            | Self::RedisRestarted
            | Self::RedisEmptied
            | Self::SubscriptionsKilled
            | Self::PostgresRestarted => Duration::ZERO,
            Self::NodeFrozen | Self::NodeFrozenInside | Self::PeopleUnheard => Duration::from_secs(10),
            _ => Duration::from_secs(5),
        }
    }

    /// So often, each time at the next place.
    pub fn steps(self) -> usize {
        if self == Self::NodesReplaced { 3 } else { 1 }
    }

    /// Lets it happen.
    pub async fn strikes(self, house: &mut House, step: usize) {
        let mut looking = house.superuser().await;
        let House { nodes, redis, postgres, .. } = house;
        match self {
            Self::NodeKilled => nodes[0].falls(),
            Self::NodeFrozen => nodes[0].freezes(),
            Self::NodeFrozenInside => nodes[0].freezes_inside(&mut looking).await,
            Self::NodesReplaced => nodes[step].leaves().await,
            Self::RedisKilled => redis.falls(),
            Self::RedisFrozen => redis.freezes(),
            Self::RedisRestarted => {
                redis.falls();
                redis.rises();
            }
            Self::RedisEmptied => redis.does("FLUSHALL"),
            Self::SubscriptionsKilled => {
                let killed = redis.tell("CLIENT KILL TYPE pubsub");
                assert_eq!(killed.trim(), ":3", "every node listens");
            }
            Self::PostgresRestarted => {
                postgres.falls().await;
                postgres.rises().await;
            }
            Self::NodeWithoutRedis => nodes[1].redis.cut(),
            Self::NodeWithoutPostgres => nodes[1].postgres.cut(),
            Self::RedisUnheard => nodes[1].redis.falls_silent(),
            Self::PostgresUnheard => nodes[1].postgres.falls_silent(),
            Self::PeopleUnheard => nodes[2].people.falls_silent(),
            Self::SlowWires => {
                for node in nodes {
                    node.people.slows_down(Duration::from_millis(150));
                    node.redis.slows_down(Duration::from_millis(300));
                    node.postgres.slows_down(Duration::from_millis(5));
                }
            }
        }
    }

    /// Puts it right.
    pub async fn is_over(self, house: &mut House, step: usize) {
        let House { nodes, redis, .. } = house;
        match self {
            Self::NodeKilled => nodes[0].rises().await,
            Self::NodeFrozen | Self::NodeFrozenInside => nodes[0].thaws(),
            Self::NodesReplaced => nodes[step].rises().await,
            Self::RedisKilled => redis.rises(),
            Self::RedisFrozen => redis.thaws(),
            Self::RedisRestarted | Self::RedisEmptied | Self::SubscriptionsKilled | Self::PostgresRestarted => {}
            Self::NodeWithoutRedis | Self::RedisUnheard => nodes[1].redis.mend(),
            Self::NodeWithoutPostgres | Self::PostgresUnheard => nodes[1].postgres.mend(),
            Self::PeopleUnheard => nodes[2].people.mend(),
            Self::SlowWires => {
                for node in nodes {
                    for wire in [&node.people, &node.redis, &node.postgres] {
                        wire.slows_down(Duration::ZERO);
                    }
                }
            }
        }
    }
}
