//! The server in a process of its own, which can be killed.
use std::{net::SocketAddr, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use super::client::DEADLINE;

/// An address that nobody has at the moment.
pub fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A server over the database at `url`, which has said that it is ready.
pub async fn started(url: &str, address: SocketAddr, folder: &std::path::Path) -> Child {
    started_with(&[("DATABASE_URL", url)], address, folder).await
}

/// The same with more said in its environment.
pub async fn started_with(said: &[(&str, &str)], address: SocketAddr, folder: &std::path::Path) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_atelier"))
        .arg("serve")
        .current_dir(folder)
        .env_clear()
        .envs(said.iter().copied())
        .env("ATELIER_LISTEN", address.to_string())
        .env("ATELIER_LIMIT_COMMANDS_PER_SECOND", "10000")
        .env("ATELIER_LIMIT_COMMANDS_BURST", "10000")
        .env("ATELIER_LOG", "error")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("/docs") {
                return;
            }
        }
        panic!("the server has ended");
    };
    timeout(DEADLINE, ready).await.expect("ready");
    child
}
