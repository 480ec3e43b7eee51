//! Polls: counting, and the result as it is sent.
use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{ParticipantId, wording::normalised},
    Ballot, Choice, Counts, Poll, PollDraft, Tally, TextCount,
};

/// How many texts a result holds at most.
const MOST_TEXTS: usize = 200;

impl Counts {
    /// Counts one answer.
    pub fn add(&mut self, choice: &Choice) {
        match choice {
            Choice::Options(options) => {
                for option in options {
                    let count = self.options.entry(*option).or_default();
                    *count = count.saturating_add(1);
                }
            }
            Choice::Text(text) => self.add_text(text),
            Choice::Words(words) => words.iter().for_each(|word| self.add_text(word)),
        }
    }
    /// Takes one answer out again. What nobody chooses any more is not mentioned.
    pub fn remove(&mut self, choice: &Choice) {
        match choice {
            Choice::Options(options) => {
                for option in options {
                    if let Some(count) = self.options.get_mut(option) {
                        *count = count.saturating_sub(1);
                        if *count == 0 {
                            self.options.remove(option);
                        }
                    }
                }
            }
            Choice::Text(text) => self.remove_text(text),
            Choice::Words(words) => words.iter().for_each(|word| self.remove_text(word)),
        }
    }
    /// The count of a whole round, in the order in which the ballots were set.
    pub fn of(ballots: &BTreeMap<ParticipantId, Ballot>) -> Self {
        let mut ordered: Vec<&Ballot> = ballots.values().collect();
        ordered.sort_by_key(|ballot| ballot.at);
        let mut counts = Self::default();
        for ballot in ordered {
            counts.add(&ballot.choice);
        }
        counts
    }
    fn add_text(&mut self, text: &str) {
        let (count, _) = self.texts.entry(normalised(text)).or_insert_with(|| (0, text.to_owned()));
        *count = count.saturating_add(1);
    }
    fn remove_text(&mut self, text: &str) {
        let key = normalised(text);
        if let Some((count, _)) = self.texts.get_mut(&key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.texts.remove(&key);
            }
        }
    }
}

/// The current round's result. Hosts receive hidden texts, flagged; others do not receive them.
pub fn tally(poll: &Poll, hosts: bool) -> Tally {
    Tally {
        round: poll.round,
        version: poll.version,
        voters: voters(&poll.ballots),
        counts: per_option(&poll.draft, &poll.counts),
        texts: texts(&poll.counts, &poll.hidden, hosts),
    }
}

/// The results of the rounds before, without those that were thrown away.
pub(in super::super) fn past(poll: &Poll, hosts: bool) -> Vec<Tally> {
    let kept = poll.past.iter().filter(|round| !round.discarded);
    let results = kept.map(|round| {
        let counts = Counts::of(&round.ballots);
        Tally {
            round: round.round,
            version: 0,
            voters: voters(&round.ballots),
            counts: per_option(&poll.draft, &counts),
            texts: texts(&counts, &poll.hidden, hosts),
        }
    });
    results.collect()
}

fn voters(ballots: &BTreeMap<ParticipantId, Ballot>) -> u32 {
    u32::try_from(ballots.len()).unwrap_or(u32::MAX)
}

fn per_option(draft: &PollDraft, counts: &Counts) -> Vec<u32> {
    draft.options.iter().map(|option| counts.options.get(&option.id).copied().unwrap_or_default()).collect()
}

fn texts(counts: &Counts, hidden: &BTreeSet<String>, hosts: bool) -> Vec<TextCount> {
    let all = counts.texts.iter().map(|(key, (count, text))| TextCount {
        text: text.clone(),
        count: *count,
        hidden: hidden.contains(key),
    });
    let mut shown: Vec<TextCount> = all.filter(|text| hosts || !text.hidden).collect();
    shown.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.text.cmp(&b.text)));
    shown.truncate(MOST_TEXTS);
    shown
}
