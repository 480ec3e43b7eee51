//! The server as an operator meets it: started on an empty folder, asked over HTTP, stopped, started again.
use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use atelier::{
    app::{App, Metrics},
    config::Config,
    db::embedded::Embedded,
    runtime::Tasks,
    server::{Opened, Server},
    telemetry,
};
use reqwest::{Client, Response};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

/// A folder that the user PostgreSQL runs as can reach.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).unwrap();
    folder
}

struct Running {
    address: String,
    tasks: Tasks,
    opened: Opened,
    client: Client,
}

impl Running {
    async fn start(data: &Path) -> Self {
        let config = Config::from_text(&format!("listen = '127.0.0.1:0'\ndata_dir = '{}'", data.display())).unwrap();
        let opened = Opened::open(&config).await.unwrap();
        let server = Server::bind(&config).unwrap();
        let address = format!("http://{}", server.address().unwrap());
        let tasks = Tasks::new();
        let metrics = Metrics(telemetry::metrics().unwrap());
        let app = App::new(Arc::new(config), opened.db.clone(), tasks.clone(), metrics).unwrap();
        let (router, serving) = (app.router().unwrap(), tasks.clone());
        tasks.spawn("server", async move { server.run(router, &serving).await });
        Self { address, tasks, opened, client: Client::new() }
    }
    async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.address)).send().await.unwrap()
    }
    async fn stop(self) {
        self.tasks.drain(Duration::from_secs(10)).await.unwrap();
        self.opened.close().await;
    }
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn problem(response: Response, status: u16, code: &str) {
    assert_eq!(response.status(), status);
    assert_eq!(header(&response, "content-type"), "application/problem+json");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["code"], code);
}

#[tokio::test]
async fn it_answers() {
    let folder = folder();
    let server = Running::start(&folder.path().join("data")).await;

    let live = server.get("/health/live").await;
    assert_eq!((live.status().as_u16(), header(&live, "x-content-type-options")), (200, "nosniff"));
    assert!(!header(&live, "x-request-id").is_empty());
    assert_eq!(server.get("/health/ready").await.status(), 200);

    problem(server.get("/api/v1/nothing").await, 404, "not_found").await;
    problem(server.get("/live/nothing").await, 404, "not_found").await;
    let posted = server.client.post(format!("{}/health/live", server.address)).send().await.unwrap();
    assert_eq!(header(&posted, "allow"), "GET,HEAD");
    problem(posted, 405, "method_not_allowed").await;

    let page = server.get("/K7Q2MP").await;
    assert_eq!(page.status(), 200);
    let policy = header(&page, "content-security-policy");
    assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"), "{policy}");

    let openapi: Value = server.get("/openapi.json").await.json().await.unwrap();
    assert_eq!(openapi["openapi"].as_str().map(|v| v.starts_with("3.1")), Some(true));
    let asyncapi: Value = server.get("/asyncapi.json").await.json().await.unwrap();
    assert!(asyncapi["components"]["schemas"]["Command"].is_object());
    let docs = server.get("/docs").await.text().await.unwrap();
    assert!(docs.contains("atelier.v1") && !docs.contains("<script"));

    let numbers = server.get("/metrics").await.text().await.unwrap();
    for part in
        ["route=\"/health/live\",status=\"200\"", "_bucket{", "atelier_db_connections_open", "atelier_http_connections"]
    {
        assert!(numbers.contains(part), "{part} is missing in {numbers}");
    }

    // Nothing is left that would take a request, and a database that is gone is reported.
    server.opened.db.close().await;
    let ready = server.get("/health/ready").await;
    assert_eq!(ready.status(), 503);
    let ready: Value = ready.json().await.unwrap();
    assert_eq!(ready["checks"]["database"], "it cannot be reached");
    let address = server.address.clone();
    server.stop().await;
    assert!(Client::new().get(address).send().await.is_err());
}

#[tokio::test]
async fn a_private_database_keeps_its_data_and_has_one_master() {
    let folder = folder();
    // Long enough that the socket has to live elsewhere.
    let data = folder.path().join("a-rather-long-name-for-a-data-directory-that-does-not-fit-into-a-socket-address");
    let first = Embedded::start(&data, None).await.unwrap();
    let refused = Embedded::start(&data, None).await.unwrap_err().to_string();
    assert!(refused.contains("in use by another Atelier"), "{refused}");
    run(&first, "CREATE TABLE kept AS SELECT 7 AS number").await;
    first.stop().await;
    assert!(!data.join("pgdata/postmaster.pid").exists());
    drop(first);

    // What a crash leaves behind: a number that belongs to somebody else now.
    std::fs::write(data.join("pgdata/postmaster.pid"), format!("{}\n", std::process::id())).unwrap();
    let second = Embedded::start(&data, None).await.unwrap();
    run(&second, "SELECT 1 / (number - 6) FROM kept").await;
    let sockets = second.owner_options().get_socket().cloned().unwrap();
    assert!(sockets.starts_with("/tmp") && sockets.exists());
    second.stop().await;
    assert!(!sockets.exists(), "{} is left behind", sockets.display());
}

async fn run(embedded: &Embedded, statement: &'static str) {
    use sqlx::Connection;
    let mut connection = sqlx::PgConnection::connect_with(&embedded.owner_options()).await.unwrap();
    sqlx::query(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_taken_port_is_explained() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    let config = Config::from_text(&format!("listen = '{address}'")).unwrap();
    let message = Server::bind(&config).unwrap_err().to_string();
    assert!(
        message.starts_with(&format!("Port {} is in use. Is Atelier already running?", address.port())),
        "{message}"
    );
}

/// The binary itself, as an operator starts it.
struct Process {
    child: Child,
    said: BufReader<ChildStderr>,
    address: String,
}

impl Process {
    fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_atelier"))
            .env_remove("DATABASE_URL")
            .env_remove("ATELIER_OWNER_DATABASE_URL")
            // Meant for tests; a server knows no such setting.
            .env_remove("ATELIER_FUZZ_SECONDS")
            .env_remove("ATELIER_SEED")
            .env("ATELIER_DATA_DIR", data)
            .env("ATELIER_LISTEN", "127.0.0.1:0")
            .env("ATELIER_LOG", "info")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "it ended before it was ready");
            if let Some((_, rest)) = line.split_once("ready address=") {
                break rest.split_whitespace().next().unwrap().to_owned();
            }
        };
        Self { child, said, address }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Everything it still said.
    fn stop(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success(), "{rest}");
        rest
    }
}

#[tokio::test]
async fn it_comes_back_after_it_was_killed_and_leaves_nothing_running_when_stopped() {
    let folder = folder();
    let data = folder.path().join("data");
    Process::start(&data).kill();
    // At once: the database of the first life is still on its way out.
    let again = Process::start(&data);
    let ready = Client::new().get(format!("http://{}/health/ready", again.address)).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    let pid = std::fs::read_to_string(data.join("pgdata/postmaster.pid")).unwrap();
    let pid: i32 = pid.lines().next().unwrap().parse().unwrap();
    let rest = again.stop();
    assert!(rest.contains("shutting down") && rest.contains("stopped"), "{rest}");
    assert!(test_kill_process(Pid::from_raw(pid).unwrap()).is_err(), "PostgreSQL still runs");
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let folder = folder();
    let mut server = Process::start(&folder.path().join("data"));
    // Somebody who never finishes a request: the shutdown would wait for the drain's ten seconds.
    let mut request = std::net::TcpStream::connect(&server.address).unwrap();
    request.write_all(b"POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n").unwrap();
    let answer = Client::new().get(format!("http://{}/health/live", server.address)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let pid = Pid::from_child(&server.child);
    kill_process(pid, Signal::TERM).unwrap();
    let mut said = String::new();
    while !said.contains("shutting down") {
        assert_ne!(server.said.read_line(&mut said).unwrap(), 0, "{said}");
    }
    let asked = std::time::Instant::now();
    kill_process(pid, Signal::TERM).unwrap();
    server.said.read_to_string(&mut said).unwrap();
    assert_eq!(server.child.wait().unwrap().code(), Some(143), "{said}");
    assert!(said.contains("asked twice") && asked.elapsed() < Duration::from_secs(5), "{said}");
}
