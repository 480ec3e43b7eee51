//! A private PostgreSQL from the system's own programs: no account, no port, no server to set up.
//!
//! Nobody else starts on the same data (`place::lock`); PostgreSQL ends when we end, however we end: it runs under a
//! small shell that holds the other end of a pipe and asks it to stop when the pipe closes. What an earlier life left
//! behind is stopped before we start.
pub mod binaries;
mod place;

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    os::unix::{fs::OpenOptionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::PgConnectOptions};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use self::{binaries::Binaries, place::Place};

const OWNER: &str = "atelier";
const SERVER_LOGIN: &str = "atelier_server";
const DATABASE: &str = "atelier";
const START: Duration = Duration::from_mins(1);
const STOP: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);

/// `$@` is the server. The shell waits for it; beside it a reader waits for the pipe to close. Signals that a service
/// manager sends to everybody are for us alone; PostgreSQL sets its own handlers.
const WATCHER: &str = r#"
trap '' INT TERM HUP
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
( read -r never <&3; kill -INT "$server" 2>/dev/null ) &
reader=$!
exec 3<&-
wait "$server"
status=$?
kill -KILL "$reader" 2>/dev/null
exit "$status"
"#;

/// A running private PostgreSQL.
#[derive(Debug)]
pub struct Embedded {
    place: Place,
    binaries: Binaries,
    /// `None` once it was stopped.
    server: Mutex<Option<Child>>,
}

impl Embedded {
    /// Makes the cluster if there is none, starts it and waits until it takes connections.
    pub async fn start(data: &Path, pg_bin: Option<&Path>) -> anyhow::Result<Self> {
        let place = Place::take(data)?;
        let binaries = Binaries::find(pg_bin, binaries::made_by(&place.pgdata)?)?;
        end_leftover(&place.pgdata).await?;
        if binaries::made_by(&place.pgdata)?.is_none() {
            make_cluster(&place, &binaries)?;
        }
        let server = spawn(&place, &binaries)?;
        let embedded = Self { place, binaries, server: Mutex::new(Some(server)) };
        match embedded.opened().await {
            Ok(()) => Ok(embedded),
            Err(error) => {
                embedded.stop().await;
                Err(error)
            }
        }
    }

    /// The owner of everything, for migrations.
    pub fn owner_options(&self) -> PgConnectOptions {
        self.options(OWNER, DATABASE)
    }

    /// A login that is nothing but a member of `role`, for the server. Call after the migrations: they make the role.
    pub async fn server_options(&self, role: &str) -> anyhow::Result<PgConnectOptions> {
        let mut owner = PgConnection::connect_with(&self.owner_options()).await?;
        let known = sqlx::query("SELECT 1 FROM pg_roles WHERE rolname = $1").bind(SERVER_LOGIN);
        if known.fetch_optional(&mut owner).await?.is_none() {
            let create = format!("CREATE ROLE {SERVER_LOGIN} LOGIN NOINHERIT");
            sqlx::query(AssertSqlSafe(create)).execute(&mut owner).await?;
        }
        let grant = format!("GRANT {role} TO {SERVER_LOGIN}");
        sqlx::query(AssertSqlSafe(grant)).execute(&mut owner).await.context("the role of the server is missing")?;
        owner.close().await?;
        Ok(self.options(SERVER_LOGIN, DATABASE))
    }

    /// Starts it again whenever it ends by itself, until `stopping`.
    pub async fn guard(&self, stopping: CancellationToken) {
        while stopping.run_until_cancelled(sleep(Duration::from_millis(500))).await.is_some() {
            let ended = match self.server.lock().as_mut() {
                Some(server) => server.try_wait().ok().flatten(),
                None => return,
            };
            let Some(status) = ended else { continue };
            tracing::error!(%status, log = %self.log().display(), "PostgreSQL ended by itself; starting it again");
            if let Err(error) = self.start_again().await {
                tracing::error!("PostgreSQL does not start: {error:#}");
            }
        }
    }

    async fn start_again(&self) -> anyhow::Result<()> {
        end_leftover(&self.place.pgdata).await?;
        let mut server = self.server.lock();
        if server.is_some() {
            *server = Some(spawn(&self.place, &self.binaries)?);
        }
        Ok(())
    }

    /// Stops it: running statements are broken off, everything committed is on disk.
    pub async fn stop(&self) {
        let Some(mut server) = self.server.lock().take() else { return };
        drop(server.stdin.take());
        let deadline = Instant::now() + STOP;
        while matches!(server.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                tracing::error!("PostgreSQL does not stop; it is left to itself");
                return;
            }
            sleep(LOOK).await;
        }
        if !self.place.sockets.starts_with(&self.place.data) {
            let _ = std::fs::remove_dir(&self.place.sockets);
        }
    }

    fn log(&self) -> PathBuf {
        log_path(&self.place)
    }

    fn options(&self, user: &str, database: &str) -> PgConnectOptions {
        // Given in full: variables like PGPASSWORD or PGSSLMODE are meant for other servers.
        PgConnectOptions::new_without_pgpass()
            .socket(&self.place.sockets)
            .port(5432)
            .username(user)
            .password("")
            .database(database)
            .ssl_mode(sqlx::postgres::PgSslMode::Disable)
    }

    async fn opened(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START;
        let mut connection = loop {
            let error = match PgConnection::connect_with(&self.options(OWNER, "postgres")).await {
                Ok(connection) => break connection,
                Err(error) => error,
            };
            let ended = self.server.lock().as_mut().and_then(|server| server.try_wait().ok().flatten());
            if let Some(status) = ended {
                bail!("PostgreSQL ended at once ({status}). The end of {}:\n{}", self.log().display(), self.log_end());
            }
            let in_time = Instant::now() < deadline;
            ensure!(in_time, "PostgreSQL does not take connections: {error}. See {}", self.log().display());
            sleep(LOOK).await;
        };
        let known = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1").bind(DATABASE);
        if known.fetch_optional(&mut connection).await?.is_none() {
            sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {DATABASE}"))).execute(&mut connection).await?;
        }
        connection.close().await.context("closing the first connection")
    }

    fn log_end(&self) -> String {
        let mut end = String::new();
        if let Ok(mut file) = File::open(self.log()) {
            let length = file.metadata().map_or(0, |meta| meta.len());
            let _ = file.seek(SeekFrom::Start(length.saturating_sub(1500)));
            let mut bytes = Vec::new();
            let _ = file.read_to_end(&mut bytes);
            end = String::from_utf8_lossy(&bytes).into_owned();
        }
        end
    }
}

/// A program as the cluster's user. When root gives up its rights this way, its other groups go too.
fn command(program: &Path, place: &Place) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LC_ALL", "C.UTF-8");
    if let Some(account) = place.account {
        command.uid(account.uid).gid(account.gid);
    }
    command
}

fn make_cluster(place: &Place, binaries: &Binaries) -> anyhow::Result<()> {
    // Made aside and renamed when complete: half a cluster is never taken for one.
    // The number keeps apart an initdb that outlived a killed Atelier.
    for entry in std::fs::read_dir(&place.data)?.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(b"pgdata.new-") {
            std::fs::remove_dir_all(entry.path())
                .with_context(|| format!("cannot remove {}", entry.path().display()))?;
        }
    }
    let aside = place.data.join(format!("pgdata.new-{}", std::process::id()));
    place.private_folder(&aside)?;
    let out = command(&binaries.program("initdb"), place)
        .args(["-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions", "-D"])
        .arg(&aside)
        .stdin(Stdio::null())
        .output()
        .context("cannot run initdb")?;
    ensure!(out.status.success(), "initdb failed:\n{}", String::from_utf8_lossy(&out.stderr).trim());
    std::fs::rename(&aside, &place.pgdata).context("cannot put the new cluster in place")
}

fn log_path(place: &Place) -> PathBuf {
    place.data.join("postgres.log")
}

fn spawn(place: &Place, binaries: &Binaries) -> anyhow::Result<Child> {
    let path = log_path(place);
    let log = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    let settings = [
        "listen_addresses=",
        "port=5432",
        "unix_socket_permissions=0700",
        "shared_buffers=128MB",
        "max_connections=60",
        "synchronous_commit=on",
        "fsync=on",
        "logging_collector=off",
        "log_destination=stderr",
        "log_line_prefix=%m [%p] ",
        "timezone=UTC",
        "log_timezone=UTC",
    ];
    command(Path::new("/bin/sh"), place)
        .args(["-c", WATCHER, "atelier-postgres"])
        .arg(binaries.program("postgres"))
        .arg("-D")
        .arg(&place.pgdata)
        .arg("-k")
        .arg(&place.sockets)
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
        // A Ctrl-C in the terminal is for us; we stop PostgreSQL when the work is done.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("cannot start PostgreSQL")
}

/// An earlier Atelier was killed: its PostgreSQL is stopping, or somehow still there. We hold the lock, so it is ours.
async fn end_leftover(pgdata: &Path) -> anyhow::Result<()> {
    let file = pgdata.join("postmaster.pid");
    let deadline = Instant::now() + STOP;
    let mut asked = false;
    loop {
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        let number = text.lines().next().and_then(|line| line.trim().parse().ok());
        let Some(pid) = number.and_then(Pid::from_raw).filter(|pid| runs_in(*pid, pgdata)) else {
            // Nobody runs there. PostgreSQL would stumble if the number now belongs to another process of its user.
            return match std::fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(error).with_context(|| format!("cannot remove {}", file.display()))
                }
                _ => Ok(()),
            };
        };
        if !asked {
            tracing::warn!(
                pid = pid.as_raw_nonzero().get(),
                "stopping the PostgreSQL that an earlier Atelier left behind"
            );
            let _ = kill_process(pid, Signal::INT);
            asked = true;
        }
        ensure!(
            Instant::now() < deadline,
            "the PostgreSQL of an earlier Atelier (process {}) does not stop; end it and start again",
            pid.as_raw_nonzero()
        );
        sleep(LOOK).await;
    }
}

/// Is the process a server on this cluster? Its working directory is the cluster's folder.
fn runs_in(pid: Pid, pgdata: &Path) -> bool {
    if test_kill_process(pid).is_err_and(|error| error == rustix::io::Errno::SRCH) {
        return false;
    }
    match std::fs::read_link(format!("/proc/{}/cwd", pid.as_raw_nonzero())) {
        Ok(folder) => folder == pgdata,
        // Ended just now, or a system without /proc: only there the number has to be trusted.
        Err(_) => !Path::new("/proc/self").exists(),
    }
}
