//! The floor: what the kernel alone takes to hand prepared bytes to many sockets.
//!
//! The sender is a process of its own that does nothing but `write(2)` one prepared image to each socket, step by step,
//! at the same rate as the host of the measured server. Its CPU time is read from `/proc/PID/stat` like the server's,
//! so on both sides the sender is counted and the readers are not. On loopback the kernel does the receiver's TCP work
//! and wakes the reader inside the sender's `write`; that is in both figures as well. The readers are the same code
//! (tungstenite, one task per socket, the frame's JSON is read), so that they are as busy and as often asleep.
use std::{
    io::{BufRead, Write},
    net::{TcpListener, TcpStream},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Args;
use futures_util::StreamExt;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::Command,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};

use crate::{
    connect::small_buffers,
    oracle::Mark,
    process,
    report::{progress, to_f64},
    stats::{Stats, micros},
    wire::Incoming,
};

/// Payload of a frame.
const PAYLOAD: usize = 200;

/// Less CPU time than this says nothing: `/proc/PID/stat` counts in steps of 10 ms.
const LEAST_MICROS: u64 = 100_000;

/// What the sender does.
#[derive(Debug, Clone, Copy, Args)]
pub struct Options {
    /// How many sockets.
    #[arg(long)]
    pub sockets: usize,
    /// How many steps.
    #[arg(long)]
    pub steps: u32,
    /// Frames per step and socket, in one write.
    #[arg(long)]
    pub per_step: usize,
    /// Milliseconds between steps.
    #[arg(long)]
    pub interval_ms: u64,
}

/// A text frame of 200 bytes with its header, as the server would send it.
fn frame() -> Vec<u8> {
    let head = r#"{"type":"events","after":1000,"seq":1001,"events":[{"stage":{"show":{"text":{"title":"~0.1~"#;
    let tail = r#"","body":null}},"highlighted":null}}]}"#;
    let padding = "x".repeat(PAYLOAD - head.len() - tail.len());
    let mut frame = vec![0x81, 126];
    frame.extend(u16::try_from(PAYLOAD).unwrap_or(0).to_be_bytes());
    frame.extend([head, &padding, tail].concat().bytes());
    frame
}

/// The sender: says its port, accepts, waits for a line, sends, says its CPU time in microseconds, waits for the end.
pub fn send(options: &Options) -> anyhow::Result<()> {
    process::need_files(options.sockets as u64 + 50)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", listener.local_addr()?.port())?;
    let mut sockets: Vec<TcpStream> = Vec::with_capacity(options.sockets);
    while sockets.len() < options.sockets {
        let (socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        sockets.push(socket);
    }
    let mut line = String::new();
    let mut input = std::io::stdin().lock();
    input.read_line(&mut line)?;
    let image = frame().repeat(options.per_step);
    let before = process::own_cpu();
    let epoch = Instant::now();
    for step in 0..options.steps {
        let due = Duration::from_millis(options.interval_ms) * step;
        std::thread::sleep(due.saturating_sub(epoch.elapsed()));
        for mut socket in &sockets {
            let written = socket.write(&image)?;
            ensure!(written == image.len(), "a socket's buffer is full: the readers are too slow for a floor");
        }
    }
    writeln!(out, "{}", micros(process::own_cpu().saturating_sub(before)))?;
    input.read_line(&mut line)?;
    Ok(())
}

/// Runs the sender beside our readers. Microseconds of CPU time per frame and socket.
pub async fn measure(options: Options) -> anyhow::Result<f64> {
    let mut sender = Command::new(std::env::current_exe()?)
        .arg("floor")
        .args(["--sockets", &options.sockets.to_string(), "--steps", &options.steps.to_string()])
        .args(["--per-step", &options.per_step.to_string(), "--interval-ms", &options.interval_ms.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start the floor's sender")?;
    let mut lines = BufReader::new(sender.stdout.take().context("no output")?).lines();
    let mut input = sender.stdin.take().context("no input")?;
    let port: u16 = lines.next_line().await?.context("the sender said nothing")?.parse()?;
    let stats = Stats::new();
    let mut readers = JoinSet::new();
    for _ in 0..options.sockets {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, Some(small_buffers())).await;
        let stats = stats.clone();
        readers.spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                let Ok(text) = message.to_text() else { continue };
                stats.frame(text.len());
                let known = serde_json::from_str::<Incoming<'_>>(text).is_ok_and(|frame| frame.kind == "events");
                stats.events(u64::from(known && Mark::all(text).count() == 1));
            }
        });
    }
    input.write_all(b"go\n").await?;
    progress(|| format!("floor: {} frames per write", options.per_step));
    let cpu: u64 = lines.next_line().await?.context("the sender ended early")?.parse()?;
    ensure!(
        cpu >= LEAST_MICROS,
        "the floor took {} ms of CPU time, too little for a clock with steps of 10 ms: take more participants or seconds",
        cpu / 1_000
    );
    let expected = options.sockets as u64 * u64::from(options.steps) * options.per_step as u64;
    let all = async {
        while stats.counts().numbers < expected {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), all).await.context("not every frame of the floor arrived")?;
    drop(input);
    sender.wait().await?;
    readers.shutdown().await;
    Ok(to_f64(cpu) / to_f64(expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_is_what_it_says() {
        let frame = frame();
        assert_eq!(frame.len(), PAYLOAD + 4);
        let text = std::str::from_utf8(&frame[4..]).unwrap();
        let read: Incoming<'_> = serde_json::from_str(text).unwrap();
        assert_eq!((read.after, read.seq, Mark::all(text).count()), (Some(1000), Some(1001), 1));
    }
}
