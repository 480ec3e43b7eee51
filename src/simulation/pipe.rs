//! One direction of a connection between a client and a node: in order, not at once, at most so much under way.
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// The end that is written to.
#[derive(Debug)]
pub struct Out<T> {
    sender: mpsc::Sender<(Instant, T)>,
    last: Instant,
}

/// The end that is read from.
#[derive(Debug)]
pub struct In<T> {
    receiver: mpsc::Receiver<(Instant, T)>,
    next: Option<(Instant, T)>,
    severed: Arc<AtomicBool>,
}

/// Cuts a pipe: what is under way does not arrive.
#[derive(Debug, Clone)]
pub struct Knife(Arc<AtomicBool>);

/// Nobody is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// A pipe that holds so many things.
pub fn pipe<T>(capacity: usize) -> (Out<T>, In<T>, Knife) {
    let (sender, receiver) = mpsc::channel(capacity);
    let severed = Arc::new(AtomicBool::new(false));
    let (out, inward) = (Out { sender, last: Instant::now() }, In { receiver, next: None, severed: severed.clone() });
    (out, inward, Knife(severed))
}

impl Knife {
    /// From now on nothing more arrives, only the end.
    pub fn cut(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl<T> Out<T> {
    /// Puts something in, which arrives after this time and after everything before it. Waits while the pipe is full.
    pub async fn send(&mut self, thing: T, takes: Duration) -> Result<(), Gone> {
        self.last = self.last.max(Instant::now() + takes);
        self.sender.send((self.last, thing)).await.map_err(|_| Gone)
    }
}

impl<T> In<T> {
    /// What comes next; nothing when the other end is gone or the pipe is cut. Whoever drops the wait loses nothing.
    pub async fn next(&mut self) -> Option<T> {
        if self.next.is_none() {
            self.next = self.receiver.recv().await;
        }
        let (at, _) = self.next.as_ref()?;
        if *at > Instant::now() {
            sleep_until(*at).await;
        }
        if self.severed.load(Ordering::SeqCst) {
            return None;
        }
        self.next.take().map(|(_, thing)| thing)
    }
}
