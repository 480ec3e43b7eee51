//! The bare relay: hands every frame to everybody else in the same document. Reads nothing, merges nothing, keeps
//! nothing. A process of its own, so that its memory can be measured like the server's.
use std::{
    collections::HashMap,
    io::Write,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;
use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    sync::mpsc,
    task::JoinSet,
};
use tokio_tungstenite::{accept_async_with_config, tungstenite::Message};

use crate::connect::small_buffers;

/// Frames that may wait for one socket; whoever sends more waits with them.
const WAITING: usize = 4_096;

type Rooms = Arc<Mutex<HashMap<Vec<u8>, Vec<mpsc::Sender<Message>>>>>;

/// The relay: says its port, serves until its input ends.
pub async fn serve() -> anyhow::Result<()> {
    crate::process::need_files(1_000)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?.port())?;
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    tokio::select! {
        result = relay(listener) => result,
        ended = ended => ended.map(drop).map_err(Into::into),
    }
}

async fn relay(listener: TcpListener) -> anyhow::Result<()> {
    let rooms = Rooms::default();
    let mut sockets = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let rooms = rooms.clone();
        // Whoever goes away does so without a word; the run notices what is missing.
        sockets.spawn(async move { drop(attend(stream, rooms).await) });
    }
}

/// The first frame names the document; all others go to everybody else.
async fn attend(stream: TcpStream, rooms: Rooms) -> anyhow::Result<()> {
    let (mut out, mut input) = accept_async_with_config(stream, Some(small_buffers())).await?.split();
    let document = input.next().await.context("gone")??.into_data().to_vec();
    let (tell, mut told) = mpsc::channel::<Message>(WAITING);
    rooms.lock().unwrap_or_else(PoisonError::into_inner).entry(document.clone()).or_default().push(tell.clone());
    out.send(Message::binary(document.clone())).await?;
    let writing = async {
        while let Some(message) = told.recv().await {
            out.send(message).await?;
        }
        anyhow::Ok(())
    };
    let reading = async {
        while let Some(Ok(message)) = input.next().await {
            let others: Vec<_> = {
                let rooms = rooms.lock().unwrap_or_else(PoisonError::into_inner);
                let here = rooms.get(&document).into_iter().flatten();
                here.filter(|other| !other.same_channel(&tell)).cloned().collect()
            };
            for other in others {
                // Closed: that one has left.
                let _ = other.send(message.clone()).await;
            }
        }
        anyhow::Ok(())
    };
    tokio::select! { result = writing => result, result = reading => result }
}

/// A running relay. Ends with its input.
pub struct Relay {
    /// Its process.
    pub pid: u32,
    /// Its port.
    pub port: u16,
    _process: Child,
}

impl Relay {
    /// Starts it.
    pub async fn start() -> anyhow::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("relay")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the relay")?;
        let mut lines = BufReader::new(process.stdout.take().context("no output")?).lines();
        let port = lines.next_line().await?.context("the relay said nothing")?.parse()?;
        Ok(Self { pid: process.id().context("the relay has ended")?, port, _process: process })
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A relay that ends with the test.
    #[expect(clippy::disallowed_methods, reason = "a test's relay may end with the test")]
    pub async fn in_this_process() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(relay(listener));
        port
    }
}
