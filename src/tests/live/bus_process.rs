//! Redis as an operator meets it: in the environment, in `doctor`, in readiness and in the metrics.
use std::{net::SocketAddr, process::Stdio, time::Duration};

use serde_json::Value;
use sqlx::ConnectOptions;
use tokio::process::{Child, Command};

use crate::support::{
    TestDb,
    redis::{Redis, SETTLED, free_port},
};

fn atelier(database: &TestDb, redis: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atelier"));
    command.env_clear().env("DATABASE_URL", database.options().to_url_lossy().to_string()).env("REDIS_URL", redis);
    command.env("ATELIER_LISTEN", "127.0.0.1:0").kill_on_drop(true).stdin(Stdio::null());
    command
}

/// What it says on its way to the end, and whether all was well.
async fn said(mut command: Command) -> (bool, String) {
    let done = command.output().await.unwrap();
    let said = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8(said).unwrap())
}

fn started(database: &TestDb, redis: &str, port: u16) -> Child {
    let mut command = atelier(database, redis);
    let address = SocketAddr::from(([127, 0, 0, 1], port)).to_string();
    command.env("ATELIER_LISTEN", address).env("ATELIER_LOG", "error").stdout(Stdio::null()).spawn().unwrap()
}

/// Asks until readiness has this status, and compares the metric.
async fn becomes(port: u16, status: &str, carrying: &str) -> Value {
    let asked = async {
        loop {
            let answer = reqwest::get(format!("http://127.0.0.1:{port}/health/ready")).await;
            if let Ok(answer) = answer {
                let ready = answer.status().as_u16();
                let body: Value = answer.json().await.unwrap();
                assert!(ready == 200 || body["status"] == "unavailable", "{body}");
                if body["status"] == status {
                    return body;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let body = tokio::time::timeout(SETTLED, asked).await.unwrap_or_else(|_| panic!("never {status}"));
    let metrics = reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains(&format!("\natelier_bus_carrying {carrying}\n")), "{metrics}");
    body
}

#[tokio::test]
async fn a_server_starts_without_redis_and_tells_how_it_is() {
    let database = TestDb::new().await;
    let mut redis = Redis::start();
    redis.falls();
    let port = free_port();
    let mut child = started(&database, &redis.url(), port);
    let ready = becomes(port, "degraded", "0").await;
    assert!(ready["checks"]["bus"].as_str().unwrap().starts_with("degraded: the connection is refused, since 2"));
    redis.rises();
    assert_eq!(becomes(port, "ok", "1").await["checks"]["bus"], "ok");
    redis.falls();
    becomes(port, "degraded", "0").await;
    child.kill().await.unwrap();
}

#[tokio::test]
async fn a_wrong_address_is_fatal_and_shows_no_secret() {
    let database = TestDb::new().await;
    for wrong in ["redis://:geheim@", "localhost:6379/geheim", "redis+sentinel://:geheim@a"] {
        let (fine, said) = said(atelier(&database, wrong)).await;
        assert!(!fine && said.contains("REDIS_URL is not valid: write it as redis://user:password@host"), "{said}");
        assert!(!said.contains("geheim"), "{said}");
    }
}

#[tokio::test]
async fn the_doctor_sends_a_probe() {
    let database = TestDb::new().await;
    let mut redis = Redis::with(&["--requirepass", "geheim"]);
    let place = format!("127.0.0.1:{}", redis.port);
    let doctor = async |login: &str| {
        let mut command = atelier(&database, &format!("redis://{login}{place}"));
        command.arg("doctor");
        said(command).await
    };
    let (fine, healthy) = doctor(":geheim@").await;
    assert!(fine && healthy.contains(&format!("ok     Redis: {place} carries")), "{healthy}");
    let (fine, refused) = doctor(":geheimer@").await;
    assert!(!fine && refused.contains(&format!("wrong  Redis: {place}: WRONGPASS")), "{refused}");
    redis.falls();
    let (fine, gone) = doctor("").await;
    assert!(!fine && gone.contains("the connection is refused") && !gone.contains("geheim"), "{gone}");
}
