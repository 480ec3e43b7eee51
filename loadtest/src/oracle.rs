//! The witness: follows what one client is told and says what cannot be right. Knows nothing of sockets.
use std::collections::BTreeMap;

/// How many faults are described in words; the rest are counted.
const MOST_DESCRIBED: usize = 20;

/// What went wrong, over all clients. All zero is the only good result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// Numbers that were skipped without a snapshot.
    pub gaps: u64,
    /// Numbers that were told twice.
    pub duplicates: u64,
    /// Older things told after newer ones.
    pub reorders: u64,
    /// Acknowledged, but not there.
    pub lost: u64,
    /// There, but never asked for; or counted twice.
    pub invented: u64,
    /// The first faults in words.
    pub described: Vec<String>,
}

impl Faults {
    /// Nothing wrong?
    pub fn none(&self) -> bool {
        self.total() == 0
    }
    /// How many.
    pub fn total(&self) -> u64 {
        self.gaps + self.duplicates + self.reorders + self.lost + self.invented
    }
    /// Adds those of another witness.
    pub fn merge(&mut self, other: Self) {
        self.gaps += other.gaps;
        self.duplicates += other.duplicates;
        self.reorders += other.reorders;
        self.lost += other.lost;
        self.invented += other.invented;
        let room = MOST_DESCRIBED.saturating_sub(self.described.len());
        self.described.extend(other.described.into_iter().take(room));
    }
    fn describe(&mut self, words: impl FnOnce() -> String) {
        if self.described.len() < MOST_DESCRIBED {
            self.described.push(words());
        }
    }
    /// Notes that something acknowledged is not there.
    pub fn lose(&mut self, count: u64, words: impl FnOnce() -> String) {
        self.lost += count;
        self.describe(words);
    }
    /// Notes that there is more than was asked for.
    pub fn invent(&mut self, count: u64, words: impl FnOnce() -> String) {
        self.invented += count;
        self.describe(words);
    }
}

/// A mark that the tester writes into what it changes: which thing, which step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Which of the things that are changed.
    pub entity: u32,
    /// Its step, rising.
    pub step: u32,
}

impl Mark {
    /// As it is written into a text.
    pub fn text(self) -> String {
        format!("~{}.{}~", self.entity, self.step)
    }
    /// All marks in a frame, without reading its JSON.
    pub fn all(frame: &str) -> impl Iterator<Item = Self> {
        frame.split('~').skip(1).step_by(2).filter_map(|text| {
            let (entity, step) = text.split_once('.')?;
            Some(Self { entity: entity.parse().ok()?, step: step.parse().ok()? })
        })
    }
}

/// What one client holds, and what was wrong on the way.
#[derive(Debug, Default)]
pub struct Witness {
    /// Named in fault descriptions.
    pub client: usize,
    seq: Option<u64>,
    last: Option<(u64, u64)>,
    marks: BTreeMap<u32, u32>,
    tallies: BTreeMap<String, (u32, u64)>,
    acked: u64,
    /// What was wrong.
    pub faults: Faults,
}

impl Witness {
    /// Of this client.
    pub fn new(client: usize) -> Self {
        Self { client, ..Self::default() }
    }
    /// The last number held; goes into `hello`.
    pub fn seq(&self) -> Option<u64> {
        self.seq
    }
    /// The highest number told, by events or by an answer; goes into commands.
    pub fn known(&self) -> u64 {
        self.seq.unwrap_or(0).max(self.acked)
    }
    /// The newest step held of a thing.
    pub fn step(&self, entity: u32) -> Option<u32> {
        self.marks.get(&entity).copied()
    }

    /// A new connection. Running results are newest-wins: another node may be a moment behind with them.
    pub fn welcome(&mut self) {
        self.tallies.clear();
    }

    /// A snapshot replaces everything; it may not be older than what is held.
    pub fn snapshot(&mut self, seq: u64) {
        let client = self.client;
        if let Some(held) = self.seq.filter(|held| seq < *held) {
            self.faults.reorders += 1;
            self.faults.describe(|| format!("client {client}: snapshot of {seq} after {held}"));
        }
        self.seq = Some(seq);
        self.last = None;
    }

    /// Events covering `(after, seq]`.
    pub fn events(&mut self, after: u64, seq: u64) {
        let client = self.client;
        match self.seq {
            None => {
                self.faults.gaps += 1;
                self.faults.describe(|| format!("client {client}: events ({after}, {seq}] before any snapshot"));
            }
            Some(held) if after > held => {
                self.faults.gaps += after - held;
                self.faults.describe(|| format!("client {client}: holds {held}, told ({after}, {seq}]"));
            }
            Some(held) if after < held => {
                if seq < held && self.last != Some((after, seq)) {
                    self.faults.reorders += 1;
                } else {
                    self.faults.duplicates += held.min(seq).saturating_sub(after);
                }
                self.faults.describe(|| format!("client {client}: holds {held}, told again ({after}, {seq}]"));
            }
            Some(_) => {}
        }
        self.last = Some((after, seq));
        self.seq = Some(self.seq.unwrap_or(0).max(seq));
    }

    /// A mark in a frame. True: it is new here. A thing never goes back to an older step.
    pub fn mark(&mut self, mark: Mark) -> bool {
        let client = self.client;
        match self.marks.insert(mark.entity, mark.step) {
            Some(held) if held > mark.step => {
                self.faults.reorders += 1;
                self.faults.describe(|| {
                    format!("client {client}: thing {} went from step {held} to {}", mark.entity, mark.step)
                });
                self.marks.insert(mark.entity, held);
                false
            }
            held => held != Some(mark.step),
        }
    }

    /// A running result; versions within a round only rise.
    pub fn tally(&mut self, poll: &str, round: u32, version: u64) {
        let client = self.client;
        let now = (round, version);
        if let Some(held) = self.tallies.insert(poll.to_owned(), now)
            && held > now
        {
            self.faults.reorders += 1;
            self.faults.describe(|| format!("client {client}: tally {now:?} of {poll} after {held:?}"));
        }
    }

    /// A command of this client was acknowledged with this number.
    pub fn acked(&mut self, seq: u64) {
        self.acked = self.acked.max(seq);
    }

    /// At the end, when all is quiet: everything up to `head` and every step must be here.
    pub fn close(&mut self, head: u64, steps: &BTreeMap<u32, u32>) {
        let client = self.client;
        let head = head.max(self.acked);
        let seq = self.seq.unwrap_or(0);
        if seq < head {
            self.faults.lose(head - seq, || format!("client {client}: holds {seq}, should be {head}"));
        }
        for (entity, step) in steps {
            let known = self.step(*entity);
            if known != Some(*step) {
                self.faults
                    .lose(1, || format!("client {client}: thing {entity} is at step {known:?}, should be {step}"));
            }
        }
    }
}

/// Ballots as the voters know them, against the server's count.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Ballots {
    /// Acknowledged, per option.
    pub acked: Vec<u64>,
    /// Sent and never answered: may be there or not.
    pub unknown: u64,
}

impl Ballots {
    /// Compares with the server's tally.
    pub fn check(&self, counts: &[u64], voters: u64) -> Faults {
        let mut faults = Faults::default();
        let mut above = 0;
        for (option, acked) in self.acked.iter().enumerate() {
            let counted = counts.get(option).copied().unwrap_or(0);
            if counted < *acked {
                faults.lose(acked - counted, || format!("option {option}: {acked} acknowledged, {counted} counted"));
            }
            above += counted.saturating_sub(*acked);
        }
        if above > self.unknown {
            let unknown = self.unknown;
            faults.invent(above - unknown, || format!("{above} votes more than acknowledged, {unknown} unanswered"));
        }
        let counted: u64 = counts.iter().sum();
        if voters != counted {
            faults.invent(voters.abs_diff(counted), || format!("{voters} voters, but {counted} single votes"));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn following() -> Witness {
        let mut witness = Witness::new(7);
        witness.snapshot(10);
        witness.events(10, 12);
        witness.events(12, 13);
        witness
    }

    #[test]
    fn a_faultless_client() {
        let mut witness = following();
        assert!(witness.mark(Mark { entity: 0, step: 1 }) && !witness.mark(Mark { entity: 0, step: 1 }));
        witness.tally("p", 1, 4);
        witness.tally("p", 2, 1);
        witness.acked(13);
        witness.close(13, &BTreeMap::from([(0, 1)]));
        assert_eq!(witness.faults, Faults::default());
        // Behind by more than the server keeps: a fresh snapshot on the same socket.
        witness.snapshot(90);
        witness.events(90, 91);
        assert!(witness.faults.none());
    }

    #[test]
    fn a_planted_gap() {
        let mut witness = following();
        witness.events(14, 15);
        assert_eq!((witness.faults.gaps, witness.faults.total()), (1, 1));
        let mut early = Witness::new(1);
        early.events(0, 1);
        assert_eq!(early.faults.gaps, 1, "events before a snapshot");
    }

    #[test]
    fn a_planted_duplicate() {
        let mut witness = following();
        witness.events(12, 13);
        assert_eq!((witness.faults.duplicates, witness.faults.total()), (1, 1));
        let mut overlapping = following();
        overlapping.events(11, 20);
        assert_eq!(overlapping.faults.duplicates, 2);
        assert_eq!(overlapping.seq(), Some(20));
    }

    #[test]
    fn planted_reorders() {
        let mut witness = following();
        witness.events(10, 12);
        assert_eq!((witness.faults.reorders, witness.faults.total()), (1, 1));
        assert_eq!(witness.seq(), Some(13), "what is held stays");
        let mut marks = following();
        marks.mark(Mark { entity: 3, step: 5 });
        marks.mark(Mark { entity: 3, step: 4 });
        let mut tallies = following();
        tallies.tally("p", 1, 9);
        tallies.tally("p", 1, 8);
        let mut snapshot = following();
        snapshot.snapshot(9);
        for faulty in [marks, tallies, snapshot] {
            assert_eq!((faulty.faults.reorders, faulty.faults.total()), (1, 1), "{:?}", faulty.faults);
        }
    }

    #[test]
    fn acknowledged_but_missing() {
        let mut witness = following();
        witness.acked(15);
        witness.close(0, &BTreeMap::new());
        assert_eq!(witness.faults.lost, 2);
        let mut behind = following();
        behind.mark(Mark { entity: 0, step: 8 });
        behind.close(13, &BTreeMap::from([(0, 9), (1, 1)]));
        assert_eq!(behind.faults.lost, 2);
    }

    #[test]
    fn a_lost_vote_and_a_vote_too_many() {
        let ballots = Ballots { acked: vec![5, 3], unknown: 0 };
        assert!(ballots.check(&[5, 3], 8).none());
        assert_eq!(ballots.check(&[5, 2], 7).lost, 1);
        assert_eq!(ballots.check(&[5, 4], 9).invented, 1);
        assert_eq!(ballots.check(&[5, 3], 7).invented, 1, "voters and votes disagree");
        let moved = ballots.check(&[4, 4], 8);
        assert_eq!((moved.lost, moved.invented), (1, 1), "one vote under the wrong option");
        let unsure = Ballots { acked: vec![5, 3], unknown: 2 };
        assert!(unsure.check(&[6, 4], 10).none() && !unsure.check(&[7, 4], 11).none());
    }

    #[test]
    fn marks_are_found_in_frames() {
        let frame = format!(
            "{{\"a\":\"{}xx\",\"b\":\"{}\"}}",
            Mark { entity: 1, step: 20 }.text(),
            Mark { entity: 2, step: 3 }.text()
        );
        let marks: Vec<Mark> = Mark::all(&frame).collect();
        assert_eq!(marks, [Mark { entity: 1, step: 20 }, Mark { entity: 2, step: 3 }]);
        assert_eq!(Mark::all("no ~ marks ~ here ~").count(), 0);
    }

    #[test]
    fn faults_add_up() {
        let mut all = Faults::default();
        for client in 0..30 {
            let mut witness = Witness::new(client);
            witness.snapshot(1);
            witness.events(5, 6);
            all.merge(witness.faults);
        }
        assert_eq!((all.gaps, all.described.len()), (120, MOST_DESCRIBED));
    }
}
