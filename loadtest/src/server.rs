//! Servers of our own: a release binary on a private data directory, or several on one database.
use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::api::Api;

/// Limits that would stand in the way of one machine playing thousands of people.
const SETTINGS: [(&str, &str); 6] = [
    ("ATELIER_RATE_JOIN", "1000000/60s"),
    ("ATELIER_RATE_JOIN_UNKNOWN", "1000000/60s"),
    ("ATELIER_RATE_REGISTER", "1000/60s"),
    ("ATELIER_LIMIT_COMMANDS_PER_SECOND", "1000"),
    ("ATELIER_LIMIT_COMMANDS_BURST", "1000"),
    ("ATELIER_LOG", "warn"),
];

/// A server that runs.
pub struct Server {
    child: Child,
    /// Its process.
    pub pid: u32,
    /// Its address.
    pub url: String,
}

/// A folder that goes when it is dropped.
pub struct Folder(pub PathBuf);

impl Folder {
    /// A fresh one, where PostgreSQL's user may reach it.
    pub fn fresh() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("atelier-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{} is left behind: {error}", self.0.display());
        }
    }
}

impl Server {
    /// Starts it with a database of its own in `folder`, and waits until it is ready.
    pub async fn start(binary: &Path, folder: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(binary);
        command.env_remove("DATABASE_URL").env_remove("REDIS_URL").env("ATELIER_DATA_DIR", data(folder));
        Self::launch(command, free_address()?, &folder.join("server.log")).await
    }

    /// Starts what the command says at an address, and waits until it is ready.
    pub async fn launch(mut command: Command, address: SocketAddr, log_path: &Path) -> anyhow::Result<Self> {
        let log = File::options().create(true).append(true).open(log_path)?;
        let mut child = command
            .env("ATELIER_LISTEN", address.to_string())
            .envs(SETTINGS)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| {
                format!("cannot start {}; build it: cargo build --release", command.as_std().get_program().display())
            })?;
        let pid = child.id().context("the server ended at once")?;
        let url = format!("http://{address}");
        let probe = Api::stranger(&url)?;
        let deadline = Instant::now() + Duration::from_secs(90);
        while !probe.ready().await {
            let ended = child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                bail!("the server does not start:\n{}", std::fs::read_to_string(log_path).unwrap_or_default());
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(Self { child, pid, url })
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).context("an odd process number")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Breaks it off.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Asks it to stop, and waits.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.signal(Signal::TERM)?;
        let status = timeout(Duration::from_mins(1), self.child.wait()).await.context("the server does not stop")??;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

/// Its data directory.
pub fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// An address of this machine that nobody uses.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// What several nodes have in common.
#[derive(Debug, Clone, Args)]
pub struct Nodes {
    /// The server's release binary.
    #[arg(long, default_value = "target/release/atelier")]
    pub server: PathBuf,
    /// How many nodes.
    #[arg(long = "nodes", default_value_t = 2)]
    pub count: usize,
    /// Their database. Put `scripts/with-postgres.sh` before the command to have one made.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database: String,
    /// Their Redis; absent: they hear of each other's commits once a second.
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    pub redis: Option<String>,
    /// Seconds in which a node that stops sends its sockets elsewhere.
    #[arg(long, default_value_t = 3)]
    pub spread: u32,
}

/// Several nodes on one database.
pub struct Cluster {
    folder: Folder,
    options: Nodes,
    nodes: Vec<(SocketAddr, Option<Server>)>,
}

impl Cluster {
    /// Starts all of them.
    pub async fn start(options: &Nodes) -> anyhow::Result<Self> {
        let mut cluster = Self { folder: Folder::fresh()?, options: options.clone(), nodes: Vec::new() };
        for node in 0..options.count.max(1) {
            cluster.nodes.push((free_address()?, None));
            cluster.start_node(node).await?;
        }
        Ok(cluster)
    }

    /// Starts one at its address.
    pub async fn start_node(&mut self, node: usize) -> anyhow::Result<()> {
        let mut command = Command::new(&self.options.server);
        command
            .env("DATABASE_URL", &self.options.database)
            .env("ATELIER_DRAIN_SPREAD_SECONDS", self.options.spread.to_string());
        match &self.options.redis {
            Some(redis) => command.env("REDIS_URL", redis),
            None => command.env_remove("REDIS_URL"),
        };
        let (address, server) = &mut self.nodes[node];
        let log = self.folder.0.join(format!("node{node}.log"));
        *server = Some(Server::launch(command, *address, &log).await?);
        Ok(())
    }

    /// Where they are.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|(address, _)| *address).collect()
    }

    /// Takes one out, to stop or to break off.
    pub fn take(&mut self, node: usize) -> anyhow::Result<Server> {
        self.nodes[node].1.take().context("this node does not run")
    }
}
