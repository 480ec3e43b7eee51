//! The comparison of what people were told with what is there.
use std::{collections::HashMap, hash::Hash, panic::AssertUnwindSafe, time::Duration};

use atelier::live::core::{Choice, Event, ParticipantId, Stage};
use futures_util::FutureExt;

use super::{
    house::House,
    people::{Deed, Person, Scene},
};
use crate::support::{Client, Meeting, Truth, client::Key};

/// How long until everybody holds the same, when nothing happens any more.
const AGREEMENT: Duration = Duration::from_secs(30);
/// How long one is waited for before the truth is read again: somebody may have been marked away meanwhile.
const LOOK: Duration = Duration::from_secs(3);

/// All zero is the only good one.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Acknowledged, but not there.
    pub lost: usize,
    /// There more often than it was done.
    pub duplicated: usize,
    /// In another order, or numbers told twice or with a gap.
    pub reordered: usize,
    /// Anything else, and details.
    pub notes: Vec<String>,
}

impl Verdict {
    pub fn is_good(&self) -> bool {
        *self == Self::default()
    }

    fn note(&mut self, words: String) {
        if self.notes.len() < 20 {
            self.notes.push(words);
        }
    }

    /// One person's deeds, as told and as found, in order. What nobody knows may be there or not.
    fn compare<T: Eq + Hash + Clone + std::fmt::Debug>(
        &mut self,
        who: usize,
        told: &[T],
        found: &[T],
        unsure: Option<&T>,
    ) {
        let found = match (found.split_last(), unsure) {
            (Some((last, rest)), Some(unsure)) if found.len() > told.len() && last == unsure => rest,
            _ => found,
        };
        if told == found {
            return;
        }
        let mut counts = HashMap::<&T, (usize, usize)>::new();
        for deed in told {
            counts.entry(deed).or_default().0 += 1;
        }
        for deed in found {
            counts.entry(deed).or_default().1 += 1;
        }
        let lost: usize = counts.values().map(|(told, found)| told.saturating_sub(*found)).sum();
        let more: usize = counts.values().map(|(told, found)| found.saturating_sub(*told)).sum();
        let moved = told.iter().zip(found).filter(|(a, b)| a != b).count();
        self.lost += lost;
        self.duplicated += more;
        self.reordered += if lost + more == 0 { moved } else { 0 };
        let first = told.iter().zip(found).position(|(a, b)| a != b).unwrap_or(told.len().min(found.len()));
        self.note(format!(
            "person {who}: {} told, {} found, different from the {}. on: told {:?}, found {:?}",
            told.len(),
            found.len(),
            first + 1,
            told.get(first),
            found.get(first)
        ));
    }

    /// What the log and the tables say about what these people were told.
    pub fn of(truth: &Truth, scene: &Scene, people: &[Person]) -> Self {
        let mut verdict = Self::default();
        for person in people {
            let found = deeds(truth, person.client.me());
            let told = person.told.lock();
            let unsure = person.unsure.lock();
            let as_told: Vec<Deed> = told.iter().map(|told| told.deed.clone()).collect();
            let as_found: Vec<Deed> = found.iter().map(|(_, deed)| deed.clone()).collect();
            verdict.compare(person.number, &as_told, &as_found, unsure.as_ref());
            for told in told.iter() {
                // Acknowledged with a number at which it was not there yet.
                if !found.iter().any(|(seq, deed)| *deed == told.deed && *seq <= told.seq) {
                    verdict.lost += 1;
                    verdict.note(format!("person {}: {:?} is not there at {}", person.number, told.deed, told.seq));
                }
            }
            if let Some(deed) = unsure.as_ref() {
                verdict.note(format!("person {}: no answer to {deed:?}", person.number));
            }
            for words in person.refused.lock().iter() {
                verdict.note(words.clone());
            }
            let copies = person.client.copies();
            let broken = copies.borrow().broken.clone();
            verdict.reordered += broken.len();
            for words in broken {
                verdict.note(format!("person {}: {words}", person.number));
            }
        }
        verdict.tallies(truth, scene, people);
        verdict
    }

    /// What stands at the end.
    fn tallies(&mut self, truth: &Truth, scene: &Scene, people: &[Person]) {
        let poll = &truth.state.polls[&scene.poll.id];
        for person in people.iter().filter(|person| person.unsure.lock().is_none()) {
            let stands = poll.ballots.get(&person.client.me()).map(|ballot| &ballot.choice);
            let wanted = person.last_vote().map(|option| Choice::Options(vec![option]));
            if stands != wanted.as_ref() {
                self.lost += 1;
                self.note(format!("person {}: {wanted:?} was the last vote, {stands:?} counts", person.number));
            }
            for (question, on) in person.supports() {
                let counts = truth.state.questions[&question].upvotes.contains(&person.client.me());
                if counts != on {
                    self.lost += 1;
                    self.note(format!("person {}: support of {question} is {counts}, should be {on}", person.number));
                }
            }
        }
    }

    /// Everybody holds what the database says, and so does whoever comes anew, at any node.
    pub async fn agree(&mut self, house: &House, scene: &Scene, people: &[Person], meeting: &Meeting) -> Option<Truth> {
        let here = futures_util::future::join_all(people.iter().map(|person| person.is_here(scene))).await;
        for (person, _) in people.iter().zip(here).filter(|(_, here)| !here) {
            self.note(format!("person {} cannot come back", person.number));
        }
        let (_, link) = house.account(0).links(meeting).await;
        let mut viewers: Vec<(String, Client)> =
            people.iter().map(|person| (format!("person {}", person.number), person.client.clone())).collect();
        for node in 0..house.nodes.len() {
            let place = house.nodes[node].place();
            let screen = Client::new(place, Key::Token(link.clone()));
            let host = Client::new(place, Key::Ticket(house.account(node), meeting.clone(), None));
            for (name, fresh) in [("a screen", screen), ("a host", host)] {
                if !fresh.arrives(LOOK).await {
                    self.note(format!("{name} cannot come to node {}", node + 1));
                }
                viewers.push((format!("{name} that came to node {}", node + 1), fresh));
            }
        }
        let began = std::time::Instant::now();
        loop {
            let read = AssertUnwindSafe(async { Truth::read_from(&mut house.superuser().await, meeting.id).await });
            let Ok(truth) = read.catch_unwind().await else {
                self.note("the tables do not agree with the log".to_owned());
                return None;
            };
            let looks = viewers.iter().map(|(name, viewer)| {
                let truth = &truth;
                async move { (name, viewer.differs_from(truth, LOOK).await) }
            });
            let differ = futures_util::future::join_all(looks).await;
            let differ: Vec<_> = differ.into_iter().filter(|(_, faults)| !faults.is_empty()).collect();
            if differ.is_empty() {
                return Some(truth);
            }
            if began.elapsed() > AGREEMENT {
                for (name, faults) in differ {
                    self.note(format!("{name} holds something else: {}", faults.join("; ")));
                }
                return Some(truth);
            }
        }
    }
}

/// What somebody did, by the log.
fn deeds(truth: &Truth, who: ParticipantId) -> Vec<(u64, Deed)> {
    let own = truth.log.iter().filter(|entry| entry.actor == Some(who));
    let deeds = own.filter_map(|entry| {
        let deed = match &entry.event {
            Event::Voted { participant, choice: Choice::Options(chosen), .. } if *participant == who => {
                Deed::Vote(chosen[0])
            }
            Event::Asked { question, participant, .. } if *participant == who => Deed::Ask(*question),
            Event::Upvoted { question, participant, on } if *participant == who => Deed::Upvote(*question, *on),
            Event::StageChanged { stage: Stage::Text { title, .. } } => Deed::Show(title.clone()),
            _ => return None,
        };
        Some((entry.seq, deed))
    });
    deeds.collect()
}

#[test]
fn planted_differences_are_counted() {
    let compare = |told: &[u32], found: &[u32], unsure: Option<u32>| {
        let mut verdict = Verdict::default();
        verdict.compare(1, told, found, unsure.as_ref());
        assert_eq!(verdict.is_good(), verdict.notes.is_empty());
        (verdict.lost, verdict.duplicated, verdict.reordered)
    };
    assert_eq!(compare(&[1, 2, 1], &[1, 2, 1], None), (0, 0, 0));
    assert_eq!(compare(&[1, 2, 1], &[1, 2], None), (1, 0, 0));
    assert_eq!(compare(&[1, 2], &[1, 2, 2], None), (0, 1, 0));
    assert_eq!(compare(&[1, 2, 3], &[2, 1, 3], None), (0, 0, 2));
    assert_eq!(compare(&[1, 2], &[1, 2, 3], Some(3)), (0, 0, 0));
    assert_eq!(compare(&[1, 2], &[1, 2, 3, 3], Some(3)), (0, 1, 0));
    assert_eq!(compare(&[1, 2], &[1, 3], Some(3)), (1, 1, 0), "the unknown does not stand for what was told");
}
