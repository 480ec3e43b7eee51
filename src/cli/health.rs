//! Asks a running server of this configuration how it is: for containers, which have no other program to ask with.
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, ensure};
use clap::ValueEnum;

use crate::config::Config;

const DEADLINE: Duration = Duration::from_secs(5);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Question {
    /// Does the process answer at all?
    Live,
    /// Can it do its work?
    Ready,
}

/// Prints the answer; an error when it is no.
pub fn ask(config: &Config, question: Question) -> anyhow::Result<()> {
    let path = match question {
        Question::Live => "/health/live",
        Question::Ready => "/health/ready",
    };
    let answer = get(config, path).with_context(|| format!("no answer at {}", config.listen))?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    println!("{body}");
    ensure!(answer.starts_with("HTTP/1.1 200"), "the server says no");
    Ok(())
}

/// The whole answer to a GET at the address of this configuration, on this machine.
pub fn get(config: &Config, path: &str) -> std::io::Result<String> {
    let ip = if config.listen.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { config.listen.ip() };
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(ip, config.listen.port()), DEADLINE)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
