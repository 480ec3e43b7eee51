//! Polls as a test writes them down, and the words of commands.
use std::collections::BTreeMap;

use atelier::{
    kernel::Clock,
    live::core::{
        Choice, Command, OptionId, PollDraft, PollId, PollOption,
        poll::{PollKind, Visibility},
    },
};

/// A poll on paper: its id, and what it asks.
#[derive(Debug, Clone)]
pub struct Sheet {
    pub id: PollId,
    pub draft: PollDraft,
}

/// The counts of a poll by label: `tally!["A": 2, "B": 1]`.
macro_rules! tally {
    ($($label:literal : $count:expr),* $(,)?) => {
        ::std::collections::BTreeMap::<String, u32>::from([$(($label.to_owned(), $count)),*])
    };
}
pub(crate) use tally;

/// What [`tally!`] makes.
pub type Counts = BTreeMap<String, u32>;

/// A fresh id.
pub fn fresh<T>() -> atelier::kernel::Id<T> {
    Clock::system().id()
}

fn sheet(question: &str, kind: PollKind, labels: &[&str]) -> Sheet {
    let options = labels.iter().map(|label| PollOption { id: fresh(), label: (*label).to_owned() }).collect();
    Sheet {
        id: fresh(),
        draft: PollDraft {
            question: question.to_owned(),
            kind,
            options,
            min_choices: None,
            max_choices: None,
            low_label: None,
            high_label: None,
            visibility: None,
            allow_change: None,
            seconds: None,
        },
    }
}

pub fn single(question: &str, labels: &[&str]) -> Sheet {
    sheet(question, PollKind::Single, labels)
}
pub fn multiple(question: &str, labels: &[&str], most: u32) -> Sheet {
    sheet(question, PollKind::Multiple, labels).with(|draft| draft.max_choices = Some(most))
}
pub fn rating(question: &str, steps: &[&str]) -> Sheet {
    sheet(question, PollKind::Rating, steps)
}
pub fn open_text(question: &str) -> Sheet {
    sheet(question, PollKind::OpenText, &[])
}
pub fn word_cloud(question: &str) -> Sheet {
    sheet(question, PollKind::WordCloud, &[])
}

impl Sheet {
    fn with(mut self, change: impl FnOnce(&mut PollDraft)) -> Self {
        change(&mut self.draft);
        self
    }
    /// Who sees results when.
    pub fn showing(self, visibility: Visibility) -> Self {
        self.with(|draft| draft.visibility = Some(visibility))
    }
    /// Votes stay as they are.
    pub fn final_votes(self) -> Self {
        self.with(|draft| draft.allow_change = Some(false))
    }
    /// Closes by itself.
    pub fn timed(self, seconds: u32) -> Self {
        self.with(|draft| draft.seconds = Some(seconds))
    }
    pub fn option(&self, label: &str) -> OptionId {
        let known = self.draft.options.iter().find(|option| option.label == label);
        known.unwrap_or_else(|| panic!("no option {label}")).id
    }
    /// The answer that chooses these options, writes this text or these words.
    pub fn choice(&self, words: &[&str]) -> Choice {
        match self.draft.kind {
            PollKind::Single | PollKind::Multiple | PollKind::Rating => {
                Choice::Options(words.iter().map(|label| self.option(label)).collect())
            }
            PollKind::OpenText => Choice::Text(words.concat()),
            PollKind::WordCloud => Choice::Words(words.iter().map(|word| (*word).to_owned()).collect()),
        }
    }

    pub fn create(&self) -> Command {
        Command::CreatePoll { poll: self.id, draft: self.draft.clone() }
    }
    pub fn open(&self) -> Command {
        Command::OpenPoll { poll: self.id, seconds: None }
    }
    pub fn close(&self) -> Command {
        Command::ClosePoll { poll: self.id }
    }
    pub fn reveal(&self, revealed: bool) -> Command {
        Command::RevealPoll { poll: self.id, revealed }
    }
    pub fn revote(&self) -> Command {
        Command::Revote { poll: self.id, round: None }
    }
    pub fn reset(&self) -> Command {
        Command::ResetPoll { poll: self.id, round: None }
    }
    pub fn vote(&self, words: &[&str]) -> Command {
        Command::Vote { poll: self.id, round: None, choice: self.choice(words) }
    }
}
