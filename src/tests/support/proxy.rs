//! Wires between a server and what it needs, or between people and a server: they can be cut, held and slowed down, and
//! may lose a frame.
use std::{net::SocketAddr, sync::Arc, time::Duration};

use atelier::runtime::Tasks;
use parking_lot::Mutex;
use sqlx::postgres::PgConnectOptions;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

/// Pieces that may be on their way in one direction.
const UNDER_WAY: usize = 1_024;

/// How a wire is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Whole,
    /// Connections break off, new ones are dropped at once.
    Cut,
    /// Nothing comes through, and nobody is told; what was sent arrives when it is whole again.
    Silent,
}

#[derive(Debug, Clone, Copy)]
struct Setting {
    condition: Condition,
    delay: Duration,
}

/// A mark in the frame that is to be lost.
type Losing = Arc<Mutex<Option<String>>>;

/// The wire.
pub struct Wire {
    pub address: SocketAddr,
    setting: watch::Sender<Setting>,
    losing: Losing,
    /// One for each connection, and one for those to come.
    carried: Arc<()>,
    tasks: Tasks,
}

impl Wire {
    /// A whole one, to the PostgreSQL that is named.
    pub async fn to(to: &PgConnectOptions) -> Self {
        Self::towards(format!("{}:{}", to.get_host(), to.get_port())).await
    }

    /// A whole one, to an address.
    pub async fn towards(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (setting, state) = watch::channel(Setting { condition: Condition::Whole, delay: Duration::ZERO });
        let (tasks, losing) = (Tasks::new(), Losing::default());
        let carried = Arc::new(());
        let (inner, lost, one) = (tasks.clone(), losing.clone(), carried.clone());
        tasks.spawn_until_shutdown("wire", async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let (mut state, target, lost, one) = (state.clone(), target.clone(), lost.clone(), one.clone());
                if state.borrow().condition == Condition::Cut {
                    continue;
                }
                inner.spawn_until_shutdown("wire", async move {
                    tokio::select! {
                        () = carry(near, target, state.clone(), lost) => {}
                        _ = state.wait_for(|setting| setting.condition == Condition::Cut) => {}
                    }
                    drop(one);
                });
            }
        });
        Self { address, setting, losing, carried, tasks }
    }

    pub fn cut(&self) {
        self.becomes(Condition::Cut);
    }
    pub fn mend(&self) {
        self.becomes(Condition::Whole);
    }
    /// Nothing comes through any more, and nobody is told.
    pub fn falls_silent(&self) {
        self.becomes(Condition::Silent);
    }
    /// Everything takes so much longer, each way.
    pub fn slows_down(&self, delay: Duration) {
        self.setting.send_modify(|setting| setting.delay = delay);
    }
    /// The next frame of a socket that holds this mark is lost on its way to the client.
    pub fn loses(&self, mark: &str) {
        *self.losing.lock() = Some(mark.to_owned());
    }
    /// Has it been lost?
    pub fn has_lost(&self) -> bool {
        self.losing.lock().is_none()
    }

    /// Have both sides of all connections closed them?
    pub fn is_idle(&self) -> bool {
        Arc::strong_count(&self.carried) == 2
    }

    fn becomes(&self, condition: Condition) {
        self.setting.send_modify(|setting| setting.condition = condition);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

async fn carry(near: TcpStream, target: String, state: watch::Receiver<Setting>, losing: Losing) {
    let Ok(far) = TcpStream::connect(target).await else { return };
    // Where a socket option is not taken, it is only slower.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
    let back = Some(Frames { losing, kept: Vec::new(), kind: Kind::Unknown });
    tokio::join!(pump(from_near, to_far, state.clone(), None), pump(from_far, to_near, state, back));
}

/// One direction: what is read waits out the delay and the silence, in order.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut state: watch::Receiver<Setting>,
    mut frames: Option<Frames>,
) {
    let (queue, mut queued) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let now = state.clone();
    let reading = async move {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let mut piece = buffer[..read].to_vec();
            if let Some(frames) = frames.as_mut() {
                piece = frames.pass(piece);
            }
            let due = Instant::now() + now.borrow().delay;
            if queue.send((due, piece)).await.is_err() {
                return;
            }
        }
    };
    let writing = async move {
        while let Some((due, piece)) = queued.recv().await {
            sleep_until(due).await;
            let whole = state.wait_for(|setting| setting.condition != Condition::Silent).await.is_ok();
            if !whole || to.write_all(&piece).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(reading, writing);
}

/// A server's bytes after the handshake of a socket, frame by frame: only so can one be lost and the next be whole.
struct Frames {
    losing: Losing,
    kept: Vec<u8>,
    kind: Kind,
}

#[derive(PartialEq)]
enum Kind {
    Unknown,
    /// Anything but a socket.
    Plain,
    Socket,
}

impl Frames {
    fn pass(&mut self, piece: Vec<u8>) -> Vec<u8> {
        let mut out = Vec::new();
        self.kept.extend(piece);
        if self.kind == Kind::Unknown {
            let head = self.kept.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
            match head.filter(|_| self.kept.starts_with(b"HTTP/1.1 101")) {
                Some(head) => {
                    self.kind = Kind::Socket;
                    out.extend(self.kept.drain(..head));
                }
                None => self.kind = Kind::Plain,
            }
        }
        if self.kind == Kind::Plain {
            out.append(&mut self.kept);
        }
        while let Some(length) = length(&self.kept) {
            let frame: Vec<u8> = self.kept.drain(..length).collect();
            let mut losing = self.losing.lock();
            let marked = losing.as_ref().is_some_and(|mark| String::from_utf8_lossy(&frame).contains(mark.as_str()));
            if marked {
                *losing = None;
            } else {
                out.extend(frame);
            }
        }
        out
    }
}

/// Bytes of the first frame, once all of them are there. Servers do not mask.
fn length(bytes: &[u8]) -> Option<usize> {
    let (head, payload) = match *bytes.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        short => (2, usize::from(short)),
    };
    (bytes.len() >= head + payload).then_some(head + payload)
}
