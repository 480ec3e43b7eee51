//! PostgreSQL and nodes as processes of their own.
use std::{
    fs::File,
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use atelier::db::embedded::binaries::Binaries;
use rustix::process::Signal;
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::time::sleep;

use crate::support::{
    Site,
    process::{Guard, Process},
    proxy::Wire,
    redis::{Redis, free_port},
};

/// Nothing takes longer to start or to stop.
const PATIENCE: Duration = Duration::from_mins(1);

/// So often is tried what depends on luck.
const MANY: usize = 300;

/// PostgreSQL does not run as root.
fn account() -> Option<(u32, u32)> {
    if !rustix::process::getuid().is_root() {
        return None;
    }
    let number = |flag: &str| {
        let asked = Command::new("id").args([flag, "postgres"]).output().expect("id");
        String::from_utf8_lossy(&asked.stdout).trim().parse().expect("a user named postgres")
    };
    Some((number("-u"), number("-g")))
}

/// Who holds the head of a session and says nothing, and since when.
async fn holders(looking: &mut PgConnection) -> Vec<(i32, String)> {
    let sql = "SELECT DISTINCT a.pid, a.state_change::text FROM pg_locks l JOIN pg_stat_activity a USING (pid)
               WHERE a.state = 'idle in transaction' AND l.relation = 'live_sessions'::regclass
                   AND l.mode IN ('RowShareLock', 'RowExclusiveLock')";
    sqlx::query_as(sql).fetch_all(looking).await.unwrap()
}

pub struct Postgres {
    folder: PathBuf,
    port: u16,
    binaries: Binaries,
    account: Option<(u32, u32)>,
    guard: Arc<Guard>,
    process: Option<Process>,
}

impl Postgres {
    /// With an empty database. It writes as carefully as it comes.
    pub async fn start(folder: &Path, guard: &Arc<Guard>) -> Self {
        let folder = folder.join("postgres");
        std::fs::create_dir(&folder).unwrap();
        let account = account();
        if let Some((uid, gid)) = account {
            std::os::unix::fs::chown(&folder, Some(uid), Some(gid)).unwrap();
        }
        let binaries = Binaries::find(None, None).expect("PostgreSQL is installed");
        let mut postgres = Self { folder, port: free_port(), binaries, account, guard: guard.clone(), process: None };
        let made = postgres
            .program("initdb")
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        postgres.rises().await;
        let mut connection = PgConnection::connect_with(&postgres.options("postgres")).await.unwrap();
        sqlx::query("CREATE DATABASE atelier").execute(&mut connection).await.unwrap();
        postgres
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.program(name));
        command.arg("-D").arg(self.folder.join("data")).current_dir(&self.folder);
        if let Some((uid, gid)) = self.account {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Starts, and takes connections.
    pub async fn rises(&mut self) {
        let log = File::options().create(true).append(true).open(self.folder.join("log")).unwrap();
        let mut command = self.program("postgres");
        command.arg("-k").arg(&self.folder).args(["-p", &self.port.to_string()]);
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=100"]);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(Process::start(command, &self.guard));
        let began = Instant::now();
        while PgConnection::connect_with(&self.options("postgres")).await.is_err() {
            assert!(began.elapsed() < PATIENCE, "PostgreSQL does not start");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Immediate shutdown: nobody is waited for, the log is replayed at the next start.
    pub async fn falls(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.signal(Signal::QUIT);
        process.ends(PATIENCE).await;
    }

    /// As a superuser.
    pub fn options(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(self.port).username("postgres").database(database)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // So that it takes its shared memory with it.
            process.signal(Signal::QUIT);
            let began = Instant::now();
            while process.has_ended().is_none() && began.elapsed() < Duration::from_secs(5) {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// A node, and the wires that lead to it and away from it.
pub struct Node {
    port: u16,
    log: PathBuf,
    binary: PathBuf,
    guard: Arc<Guard>,
    process: Option<Process>,
    pub people: Wire,
    pub postgres: Wire,
    pub redis: Wire,
}

impl Node {
    pub async fn start(number: usize, folder: &Path, postgres: &Postgres, redis: &Redis, guard: &Arc<Guard>) -> Self {
        let port = free_port();
        let binary = std::env::var_os("CHAOS_BINARY").map_or(env!("CARGO_BIN_EXE_atelier").into(), PathBuf::from);
        let mut node = Self {
            port,
            log: folder.join(format!("node{number}.log")),
            binary,
            guard: guard.clone(),
            process: None,
            people: Wire::towards(format!("127.0.0.1:{port}")).await,
            postgres: Wire::to(&postgres.options("atelier")).await,
            redis: Wire::towards(redis.place()).await,
        };
        node.rises().await;
        node
    }

    /// Where people find it.
    pub fn place(&self) -> SocketAddr {
        self.people.address
    }

    /// Starts, and is ready.
    pub async fn rises(&mut self) {
        let log = File::options().create(true).append(true).open(&self.log).unwrap();
        let often = "1000000/1s";
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .env("ATELIER_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("DATABASE_URL", format!("postgres://postgres@{}/atelier", self.postgres.address))
            .env("REDIS_URL", format!("redis://{}", self.redis.address))
            .env("ATELIER_DATABASE_CONNECTIONS", "10")
            .env("ATELIER_DRAIN_SPREAD_SECONDS", "1")
            .env("ATELIER_RATE_JOIN", often)
            .env("ATELIER_RATE_REGISTER", often)
            .env("ATELIER_LIMIT_COMMANDS_PER_SECOND", "10000")
            .env("ATELIER_LIMIT_COMMANDS_BURST", "10000")
            .env("ATELIER_LOG", "warn")
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.process = Some(Process::start(command, &self.guard));
        let began = Instant::now();
        while !self.is_ready().await {
            assert!(began.elapsed() < PATIENCE, "a node does not start:\n{}", self.says());
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn is_ready(&self) -> bool {
        let own = Site::at(SocketAddr::from(([127, 0, 0, 1], self.port)));
        let asked = own.tries(axum::http::Method::GET, "/health/ready", None, None).await;
        asked.is_ok_and(|answer| answer.status == 200)
    }

    /// Killed.
    pub fn falls(&mut self) {
        self.process = None;
    }

    pub fn freezes(&self) {
        self.process.as_ref().expect("it runs").signal(Signal::STOP);
    }

    /// Freezes it at a moment at which it holds the head of a session: tries until it does.
    pub async fn freezes_inside(&self, looking: &mut PgConnection) {
        for _ in 0..MANY {
            self.freezes();
            let first = holders(looking).await;
            // Another node does not hold it for so long.
            sleep(Duration::from_millis(100)).await;
            let still = holders(looking).await;
            if first.iter().any(|holder| still.contains(holder)) {
                return;
            }
            self.thaws();
            sleep(Duration::from_millis(7)).await;
        }
        panic!("it never holds a head");
    }

    pub fn thaws(&self) {
        self.process.as_ref().expect("it runs").signal(Signal::CONT);
    }

    /// Asked to stop; returns when it has.
    pub async fn leaves(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.signal(Signal::TERM);
        let status = process.ends(PATIENCE).await;
        assert!(status.success(), "{status}:\n{}", self.says());
    }

    /// The end of what it has logged.
    pub fn says(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        format!("{}:\n{}", self.log.display(), lines[lines.len().saturating_sub(30)..].join("\n"))
    }
}
