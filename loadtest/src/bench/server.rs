//! A server of our own: a release binary on a private data directory.
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
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
    /// Starts it on `folder`, and waits until it is ready.
    pub async fn start(binary: &Path, folder: &Path) -> anyhow::Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log_path = folder.join("server.log");
        let log = File::options().create(true).append(true).open(&log_path)?;
        let mut child = Command::new(binary)
            .env_remove("DATABASE_URL")
            .env("ATELIER_DATA_DIR", data(folder))
            .env("ATELIER_LISTEN", format!("127.0.0.1:{port}"))
            .envs(SETTINGS)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}; build it: cargo build --release", binary.display()))?;
        let pid = child.id().context("the server ended at once")?;
        let url = format!("http://127.0.0.1:{port}");
        let probe = Api::stranger(&url)?;
        let deadline = Instant::now() + Duration::from_secs(90);
        while !probe.ready().await {
            let ended = child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                bail!("the server does not start:\n{}", std::fs::read_to_string(&log_path).unwrap_or_default());
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(Self { child, pid, url })
    }

    /// Asks it to stop, and waits.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).context("an odd process number")?;
        kill_process(pid, Signal::TERM)?;
        let status = timeout(Duration::from_mins(1), self.child.wait()).await.context("the server does not stop")??;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

/// Its data directory.
pub fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}
