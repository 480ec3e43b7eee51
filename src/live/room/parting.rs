//! A room on a node that goes down: its connections leave one after the other, so that the nodes they come to are not
//! overrun; those who are still here are served until it is their turn.
use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use super::{Room, handle::Reply};
use crate::{kernel::Code, live::protocol::close};

/// Who leaves within the same step leaves together.
const STEP: Duration = Duration::from_millis(25);
/// Fewer than so many per step are not worth the waiting: a small room is gone sooner.
const LEAST: u32 = 2;

/// When it is whose turn to leave.
#[derive(Debug, Default)]
pub struct Parting {
    turns: BTreeSet<(Instant, u64)>,
}

impl Parting {
    /// Gives each of these connections a turn within `over`, evenly but in no order that means anything: neighbours in
    /// the hall, who came one after the other, do not leave together.
    pub fn spread(connections: &[u64], over: Duration, now: Instant) -> Self {
        let count = u32::try_from(connections.len()).unwrap_or(u32::MAX);
        let over = over.min(STEP * (count / LEAST));
        let steps = u32::try_from(over.as_millis() / STEP.as_millis()).unwrap_or(u32::MAX).max(1);
        let mut shuffled = connections.to_vec();
        shuffled.sort_unstable_by_key(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let turn = |place: usize| {
            let place = u64::try_from(place).unwrap_or(u64::MAX);
            let step = place * u64::from(steps) / u64::from(count.max(1));
            now + STEP * u32::try_from(step).unwrap_or(steps)
        };
        Self { turns: shuffled.into_iter().enumerate().map(|(place, number)| (turn(place), number)).collect() }
    }

    /// One more.
    pub fn add(&mut self, connection: u64, at: Instant) {
        self.turns.insert((at, connection));
    }

    /// When the next turn is.
    pub fn next(&self) -> Option<Instant> {
        self.turns.first().map(|(at, _)| *at)
    }

    /// Those whose turn has come.
    pub fn due(&mut self, now: Instant) -> Vec<u64> {
        let mut due = Vec::new();
        while let Some(turn) = self.turns.first().copied().filter(|(at, _)| *at <= now) {
            self.turns.remove(&turn);
            due.push(turn.1);
        }
        due
    }
}

impl Room {
    /// Lets nobody in any more, and everybody out within this time.
    pub(super) fn drain(&mut self, over: Duration) {
        self.close_door();
        self.parting = Parting::spread(&self.members.numbers(), over, Instant::now());
    }

    /// Ends as soon as everybody has gone, which they do now, answered or not.
    pub(super) fn send_away(&mut self) {
        self.close_door();
        for member in self.members.all() {
            member.line.close(close::DRAINING);
        }
    }

    fn close_door(&mut self) {
        self.draining = true;
        for request in std::mem::take(&mut self.early) {
            self.turn_away(Reply::Attach(Box::new(request)), Code::Unavailable, 200);
        }
    }

    pub(super) fn part_some(&mut self, now: Instant) {
        for number in self.parting.due(now) {
            if let Some(member) = self.members.get(number) {
                member.line.part(close::DRAINING);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_full_hall_leaves_evenly_and_in_time() {
        let now = Instant::now();
        let connections: Vec<u64> = (1..=2_000).collect();
        let over = Duration::from_secs(3);
        let mut parting = Parting::spread(&connections, over, now);
        let mut each_step = BTreeMap::<Instant, u32>::new();
        for (at, _) in &parting.turns {
            *each_step.entry(*at).or_default() += 1;
        }
        assert_eq!(each_step.len(), 120);
        assert!(each_step.values().all(|count| (16..=17).contains(count)), "{each_step:?}");
        let first: Vec<u64> = parting.due(now + STEP * 3);
        assert!(first.windows(2).any(|pair| pair[0] > pair[1]), "in no order: {first:?}");
        let rest = parting.due(now + over);
        assert_eq!(first.len() + rest.len(), 2_000);
        assert_eq!(parting.next(), None);
    }

    #[test]
    fn a_handful_leaves_at_once_and_who_comes_late_too() {
        let now = Instant::now();
        let mut parting = Parting::spread(&[4, 5, 6], Duration::from_mins(1), now);
        parting.add(7, now);
        assert_eq!(parting.due(now).len(), 4);
        let mut at_once = Parting::spread(&(0..500).collect::<Vec<_>>(), Duration::ZERO, now);
        assert_eq!((at_once.due(now).len(), Parting::spread(&[], STEP, now).next()), (500, None));
    }
}
