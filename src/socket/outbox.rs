//! What waits to be written to one socket, put there by others: bounded, in order, never dropped in the middle.
use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use super::Frame;

/// Frames of one socket. Whoever writes shares it with whoever sends.
#[derive(Debug)]
pub struct Outbox {
    inner: Mutex<Inner>,
    waker: AtomicWaker,
    most_frames: usize,
    most_bytes: usize,
    overflow: u16,
}

#[derive(Debug, Default)]
struct Inner {
    frames: VecDeque<Frame>,
    bytes: usize,
    close: Option<(u16, &'static str)>,
}

impl Outbox {
    /// An empty one. When more frames or bytes would wait than this, the socket is closed with `overflow`: its client
    /// comes back and asks for what it has missed.
    pub fn new(most_frames: usize, most_bytes: usize, overflow: u16) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), waker: AtomicWaker::new(), most_frames, most_bytes, overflow })
    }

    /// Puts a frame behind the others.
    pub fn send(&self, frame: Frame) {
        let mut inner = self.inner.lock();
        if inner.close.is_some() {
            return;
        }
        inner.bytes += frame.wire().len();
        inner.frames.push_back(frame);
        if inner.frames.len() > self.most_frames || inner.bytes > self.most_bytes {
            inner.frames.clear();
            inner.close = Some((self.overflow, "too slow"));
        }
        drop(inner);
        self.waker.wake();
    }

    /// Ends the socket after what waits. The first reason counts.
    pub fn close(&self, code: u16, reason: &'static str) {
        self.inner.lock().close.get_or_insert((code, reason));
        self.waker.wake();
    }

    /// Is it about to end? What is sent now goes nowhere.
    pub fn is_closed(&self) -> bool {
        self.inner.lock().close.is_some()
    }

    /// Takes what waits into `out`; the reason to close once there is one and nothing waits behind it. For one task only.
    pub fn poll_take(&self, out: &mut Vec<Frame>, cx: &Context<'_>) -> Poll<Option<(u16, &'static str)>> {
        self.waker.register(cx.waker());
        let mut inner = self.inner.lock();
        if inner.frames.is_empty() && inner.close.is_none() {
            return Poll::Pending;
        }
        out.extend(inner.frames.drain(..));
        if inner.frames.capacity() > 64 {
            inner.frames.shrink_to_fit();
        }
        inner.bytes = 0;
        Poll::Ready(inner.close)
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Waker};

    use super::*;

    #[tokio::test]
    async fn frames_come_in_order_and_the_end_comes_last() {
        let outbox = Outbox::new(8, 1_000, 4205);
        let mut out = Vec::new();
        assert!(outbox.poll_take(&mut out, &Context::from_waker(Waker::noop())).is_pending());
        outbox.send(Frame::text("a"));
        outbox.send(Frame::text("b"));
        assert_eq!(poll_fn(|cx| outbox.poll_take(&mut out, cx)).await, None);
        outbox.close(4000, "enough");
        outbox.close(4001, "late");
        outbox.send(Frame::text("c"));
        assert_eq!(poll_fn(|cx| outbox.poll_take(&mut out, cx)).await, Some((4000, "enough")));
        assert_eq!(out.iter().map(Frame::as_text).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[tokio::test]
    async fn who_does_not_read_is_closed_by_count_and_by_bytes() {
        for (frames, bytes) in [(2, 1_000), (100, 12)] {
            let outbox = Outbox::new(frames, bytes, 4205);
            for _ in 0..3 {
                outbox.send(Frame::text("12345"));
            }
            let mut out = Vec::new();
            assert_eq!(poll_fn(|cx| outbox.poll_take(&mut out, cx)).await, Some((4205, "too slow")));
            assert!(out.is_empty(), "half of a document is worse than none");
        }
    }
}
