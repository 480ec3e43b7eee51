//! From one room to many sockets: a ring of shared frames per audience, newest-wins slots, and one line per connection.
//!
//! A frame is encoded once per audience and shared. A connection holds a cursor into its audience's ring; one that
//! falls off the ring asks for a fresh snapshot. Private frames wait in the line. Nothing here waits: a slow reader
//! costs a cursor, never the room.
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;
use parking_lot::{Mutex, RwLock};

use super::core::PollId;
pub use crate::socket::Frame;

/// What a slot holds; the newest frame per key replaces the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SlotKey {
    /// The running result of a poll.
    Tally(PollId),
    /// How many are here.
    Presence,
    /// The integrity panel.
    Integrity,
}

/// Who of the audience gets a slot's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// All of it.
    Everyone,
    /// Who has a ballot in this round.
    Voted(PollId, u32),
}

#[derive(Debug, Clone)]
struct Slot {
    stamp: u64,
    condition: Condition,
    frame: Frame,
}

/// The frames of one audience.
#[derive(Debug)]
pub struct Ring {
    inner: RwLock<Inner>,
    max_frames: usize,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct Inner {
    /// Index of `frames[0]`.
    base: u64,
    frames: VecDeque<Frame>,
    bytes: usize,
    slots: BTreeMap<SlotKey, Slot>,
    stamp: u64,
}

/// How far a connection has read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Next ring index.
    pub index: u64,
    /// Newest slot stamp seen.
    pub stamp: u64,
}

/// What a connection has missed is gone; it needs a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FellOff;

impl Ring {
    /// An empty ring holding at most so many frames and bytes.
    pub fn new(max_frames: usize, max_bytes: usize) -> Self {
        Self { inner: RwLock::default(), max_frames: max_frames.max(1), max_bytes }
    }

    /// Adds a frame; the oldest go when there are too many.
    pub fn push(&self, frame: Frame) {
        let mut inner = self.inner.write();
        inner.bytes += frame.wire().len();
        inner.frames.push_back(frame);
        while inner.frames.len() > self.max_frames || (inner.bytes > self.max_bytes && inner.frames.len() > 1) {
            if let Some(old) = inner.frames.pop_front() {
                inner.bytes -= old.wire().len();
                inner.base += 1;
            }
        }
    }

    /// Replaces a slot's frame.
    pub fn set(&self, key: SlotKey, condition: Condition, frame: Frame) {
        let mut inner = self.inner.write();
        inner.stamp += 1;
        let stamp = inner.stamp;
        inner.slots.insert(key, Slot { stamp, condition, frame });
    }

    /// Empties a slot: what it said is said by the entity itself now.
    pub fn clear(&self, key: SlotKey) {
        self.inner.write().slots.remove(&key);
    }

    /// Where the ring ends now: the cursor of somebody who knows everything up to here but no slot.
    pub fn end(&self) -> Cursor {
        let inner = self.inner.read();
        Cursor {
            index: inner.base + inner.frames.len() as u64,
            stamp: if planted!(SlotNotResent) { inner.stamp } else { 0 },
        }
    }

    /// Is everything after `index` still here?
    pub fn holds(&self, index: u64) -> bool {
        index >= self.inner.read().base
    }

    /// Takes what is new since `cursor` into `out`, at most `most` ring frames, and moves the cursor.
    /// True: there is more.
    pub fn take(
        &self,
        cursor: &mut Cursor,
        most: usize,
        voted: impl Fn(PollId, u32) -> bool,
        out: &mut Vec<Frame>,
    ) -> Result<bool, FellOff> {
        let inner = self.inner.read();
        let Some(skip) = cursor.index.checked_sub(inner.base) else { return Err(FellOff) };
        let skip = usize::try_from(skip).map_err(|_| FellOff)?;
        let before = out.len();
        out.extend(inner.frames.iter().skip(skip).take(most).cloned());
        cursor.index += (out.len() - before) as u64;
        if skip + most < inner.frames.len() {
            return Ok(true);
        }
        if cursor.stamp < inner.stamp {
            for slot in inner.slots.values().filter(|slot| slot.stamp > cursor.stamp) {
                if match slot.condition {
                    Condition::Everyone => true,
                    Condition::Voted(poll, round) => voted(poll, round),
                } {
                    out.push(slot.frame.clone());
                }
            }
            cursor.stamp = inner.stamp;
        }
        Ok(false)
    }
}

/// The room's end of one connection.
#[derive(Debug, Default)]
pub struct Line {
    /// There may be something new.
    awake: AtomicBool,
    waker: AtomicWaker,
    private: Mutex<Private>,
    stale: AtomicBool,
}

#[derive(Debug, Default)]
struct Private {
    frames: VecDeque<Frame>,
    voted: Vec<(PollId, u32)>,
    close: Option<u16>,
    /// Commands handed to the room, whose answers are not here yet.
    unanswered: u32,
    /// How it ends once everything is answered.
    parting: Option<u16>,
}

/// How many private frames may wait for one connection: more than its budget of commands can cause. A line over it is
/// closed as too slow, and resumes.
const MOST_PRIVATE: usize = 1024;

impl Line {
    /// A fresh line.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }
    /// Something may be new.
    pub fn wake(&self) {
        if !self.awake.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }
    /// Waits until something may be new; asking answers it. For one task only.
    pub fn poll_woken(&self, cx: &Context<'_>) -> Poll<()> {
        if self.awake.swap(false, Ordering::AcqRel) {
            return Poll::Ready(());
        }
        self.waker.register(cx.waker());
        // Woken between the look and the registration.
        if self.awake.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
    }
    /// Queues a frame for this connection alone.
    pub fn send(&self, frame: Frame) {
        let mut private = self.private.lock();
        if private.frames.len() >= MOST_PRIVATE {
            private.close.get_or_insert(super::protocol::close::TOO_SLOW);
        } else {
            private.frames.push_back(frame);
        }
        drop(private);
        self.wake();
    }
    /// Ends the connection with a close code, after what is queued.
    pub fn close(&self, code: u16) {
        self.private.lock().close.get_or_insert(code);
        self.wake();
    }
    /// A command is on its way to the room; [`Line::answer`] or [`Line::expect_none`] will follow.
    pub fn expect_answer(&self) {
        self.private.lock().unanswered += 1;
    }
    /// The command did not get there.
    pub fn expect_none(&self) {
        let mut private = self.private.lock();
        private.unanswered = private.unanswered.saturating_sub(1);
    }
    /// Queues the answer to a command.
    pub fn answer(&self, frame: Frame) {
        self.expect_none();
        self.send(frame);
    }
    /// Ends the connection with a close code, once every command it has given is answered. It takes no more.
    pub fn part(&self, code: u16) {
        self.private.lock().parting.get_or_insert(code);
        self.wake();
    }
    /// Was it told to end as soon as everything is answered?
    pub fn is_parting(&self) -> bool {
        self.private.lock().parting.is_some()
    }
    /// From now on this connection sees another audience, and must attach anew.
    pub fn make_stale(&self) {
        self.stale.store(true, Ordering::Release);
        self.wake();
    }
    /// Must it attach anew? Asking answers it.
    pub fn take_stale(&self) -> bool {
        self.stale.swap(false, Ordering::AcqRel)
    }
    /// Remembers in which rounds this viewer has voted.
    pub fn set_voted(&self, poll: PollId, round: u32) {
        let mut private = self.private.lock();
        private.voted.retain(|(known, _)| *known != poll);
        private.voted.push((poll, round));
    }
    /// Has this viewer voted in this round?
    pub fn has_voted(&self, poll: PollId, round: u32) -> bool {
        self.private.lock().voted.contains(&(poll, round))
    }
    /// Takes the private frames, and the close code once one is set.
    pub fn drain(&self, out: &mut Vec<Frame>) -> Option<u16> {
        let mut private = self.private.lock();
        out.extend(private.frames.drain(..));
        if private.frames.capacity() > 64 {
            private.frames.shrink_to_fit();
        }
        private.close.or(private.parting.filter(|_| private.unanswered == 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Frame {
        Frame::text(text)
    }
    fn taken(ring: &Ring, cursor: &mut Cursor, voted: bool) -> Result<Vec<String>, FellOff> {
        let mut out = Vec::new();
        ring.take(cursor, 64, |_, _| voted, &mut out)?;
        Ok(out.iter().map(|frame| frame.as_text().to_owned()).collect())
    }

    #[test]
    fn readers_get_each_frame_once_and_in_order() {
        let ring = Ring::new(8, 1 << 20);
        let mut early = ring.end();
        ring.push(frame("a"));
        ring.push(frame("b"));
        let mut late = ring.end();
        ring.push(frame("c"));
        assert_eq!(taken(&ring, &mut early, true).expect("on the ring"), ["a", "b", "c"]);
        assert_eq!(taken(&ring, &mut late, true).expect("on the ring"), ["c"]);
        assert!(taken(&ring, &mut early, true).expect("on the ring").is_empty());
    }

    #[test]
    fn a_reader_that_is_too_slow_falls_off_by_count_or_by_bytes() {
        let ring = Ring::new(2, 1 << 20);
        let mut cursor = ring.end();
        for text in ["a", "b", "c"] {
            ring.push(frame(text));
        }
        assert_eq!(taken(&ring, &mut cursor, true), Err(FellOff));
        let ring = Ring::new(100, 4);
        let mut cursor = ring.end();
        ring.push(frame("abc"));
        ring.push(frame("def"));
        assert_eq!(taken(&ring, &mut cursor, true), Err(FellOff));
    }

    #[test]
    fn a_line_that_parts_gives_its_answers_first() {
        let line = Line::new();
        line.expect_answer();
        line.expect_answer();
        line.part(4200);
        let mut out = Vec::new();
        assert!(line.is_parting() && line.drain(&mut out).is_none());
        line.answer(frame("ack"));
        assert_eq!(line.drain(&mut out), None, "one is still on its way");
        line.expect_none();
        assert_eq!((line.drain(&mut out), out.len()), (Some(4200), 1));
        line.close(4004);
        assert_eq!(line.drain(&mut out), Some(4004), "what ends for good counts more");
    }

    #[test]
    fn slots_give_only_the_newest_and_only_to_those_who_may_see_it() {
        let ring = Ring::new(8, 1 << 20);
        let poll = PollId::new(uuid::Uuid::nil());
        let mut cursor = ring.end();
        ring.set(SlotKey::Presence, Condition::Everyone, frame("1"));
        ring.set(SlotKey::Presence, Condition::Everyone, frame("2"));
        ring.set(SlotKey::Tally(poll), Condition::Voted(poll, 1), frame("secret"));
        let mut other = cursor;
        assert_eq!(taken(&ring, &mut cursor, false).expect("on the ring"), ["2"]);
        let mut all = taken(&ring, &mut other, true).expect("on the ring");
        all.sort();
        assert_eq!(all, ["2", "secret"]);
        assert!(taken(&ring, &mut other, true).expect("on the ring").is_empty());
    }
}
