//! Three nodes, PostgreSQL and Redis, with a wire between any two of them.
use std::{net::SocketAddr, os::unix::fs::PermissionsExt, sync::Arc};

use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use super::servers::{Node, Postgres};
use crate::support::{Account, Site, process::Guard, redis::Redis};

/// In the order in which it ends.
pub struct House {
    pub nodes: Vec<Node>,
    pub redis: Redis,
    pub postgres: Postgres,
    account: Account,
    _guard: Arc<Guard>,
    _folder: TempDir,
}

impl House {
    pub async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // PostgreSQL's user passes through.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).unwrap();
        let guard = Guard::of(folder.path());
        let postgres = Postgres::start(folder.path(), &guard).await;
        let redis = Redis::start();
        let mut nodes = Vec::new();
        for number in 1..=3 {
            nodes.push(Node::start(number, folder.path(), &postgres, &redis, &guard).await);
        }
        let account = Site::at(nodes[0].place()).instructor("ada").await;
        Self { nodes, redis, postgres, account, _guard: guard, _folder: folder }
    }

    /// The instructor, at one of the nodes.
    pub fn account(&self, node: usize) -> Account {
        let site = self.account.site.elsewhere(self.nodes[node].place());
        Account { site, ..self.account.clone() }
    }

    pub fn places(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(Node::place).collect()
    }

    /// A way into the database past all wires and policies.
    pub async fn superuser(&self) -> PgConnection {
        PgConnection::connect_with(&self.postgres.options("atelier")).await.expect("PostgreSQL answers")
    }

    pub fn logs(&self) -> String {
        self.nodes.iter().map(Node::says).collect::<Vec<_>>().join("\n")
    }
}
