//! A PostgreSQL of a test's own, which can fall without taking other tests along.
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection, PgConnection};

/// The cluster. Ends with the test, also when that is killed: then nothing holds its input any more.
pub struct Postgres {
    /// An empty database in it, as a superuser.
    pub url: String,
    script: Child,
}

impl Postgres {
    /// With commits that survive its processes, unlike those of the other test databases.
    pub async fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/with-postgres.sh");
        let mut command = Command::new(script);
        command.args(["sh", "-c", "echo \"$DATABASE_URL\"; read -r line"]);
        let mut script = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(script.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let started = Self { url: url.trim().to_owned(), script };
        let mut behind = started.superuser().await.expect("it has started");
        sqlx::raw_sql("ALTER DATABASE atelier SET synchronous_commit = on").execute(&mut behind).await.unwrap();
        started
    }

    pub async fn superuser(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect(&self.url).await
    }

    /// One of its processes is killed, after which it ends all others, recovers what was committed, and goes on.
    pub async fn crashes(&self) {
        let mut behind = self.superuser().await.unwrap();
        let victim: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut behind).await.unwrap();
        kill_process(Pid::from_raw(victim).unwrap(), Signal::KILL).unwrap();
        assert!(sqlx::query("SELECT pg_sleep(60)").execute(&mut behind).await.is_err(), "it fell");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Its input ends, and with it the script, which takes everything along.
        let _ = self.script.wait();
    }
}
