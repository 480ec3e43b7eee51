//! People who do something all the time, insist on an answer, and go to another node when they lose theirs.
use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use atelier::live::core::{Command, OptionId, QuestionId, Stage};
use parking_lot::Mutex;
use tokio::time::sleep;

use crate::support::{Client, Reply, Sheet, sheet::fresh};

/// How long somebody waits for an answer before going elsewhere.
const ANSWER: Duration = Duration::from_secs(4);
/// How long for a welcome.
const WELCOME: Duration = Duration::from_secs(4);
/// Whoever has got no answer for so long gives up.
const INSISTENCE: Duration = Duration::from_secs(90);
pub const LABELS: [&str; 4] = ["A", "B", "C", "D"];

/// Something done, and done once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Deed {
    Vote(OptionId),
    Ask(QuestionId),
    Upvote(QuestionId, bool),
    Show(String),
}

/// A deed that was acknowledged.
#[derive(Debug, Clone)]
pub struct Told {
    pub deed: Deed,
    pub seq: u64,
    pub begun: Instant,
    pub at: Instant,
}

/// What all have in common.
pub struct Scene {
    pub poll: Sheet,
    pub places: Vec<SocketAddr>,
    pub pace: Duration,
    /// What was asked, and by whom.
    pub questions: Mutex<Vec<(QuestionId, usize)>>,
    pub over: AtomicBool,
}

pub struct Person {
    /// 0 is the host.
    pub number: usize,
    pub client: Client,
    pub told: Mutex<Vec<Told>>,
    /// Given up without an answer: nobody knows.
    pub unsure: Mutex<Option<Deed>>,
    pub refused: Mutex<Vec<String>>,
    place: Mutex<usize>,
}

impl Person {
    pub fn new(number: usize, client: Client) -> Self {
        Self {
            number,
            client,
            told: Mutex::default(),
            unsure: Mutex::default(),
            refused: Mutex::default(),
            place: Mutex::new(number),
        }
    }

    /// Until it is over: one deed after the other.
    pub async fn acts(&self, scene: &Scene) {
        let mut supported = HashMap::new();
        // Not all in the same moment.
        sleep(scene.pace.mul_f64(share(self.number))).await;
        for turn in 0.. {
            if scene.over.load(Ordering::Relaxed) || self.unsure.lock().is_some() {
                return;
            }
            // Commands by POST go through without a stream; but whoever has none hears nothing, and counts as gone.
            self.is_here(scene).await;
            let deed = self.next(scene, turn, &mut supported);
            self.insists(scene, deed).await;
            sleep(scene.pace).await;
        }
    }

    fn next(&self, scene: &Scene, turn: usize, supported: &mut HashMap<QuestionId, bool>) -> Deed {
        if self.number == 0 {
            return Deed::Show(format!("Step {turn}"));
        }
        let vote = || Deed::Vote(scene.poll.option(LABELS[(turn + self.number) % LABELS.len()]));
        match turn % 8 {
            3 if turn < 40 => Deed::Ask(fresh()),
            1 | 5 => {
                let questions = scene.questions.lock();
                let others: Vec<QuestionId> =
                    questions.iter().filter(|(_, author)| *author != self.number).map(|(id, _)| *id).collect();
                let Some(question) = others.get(turn % others.len().max(1)) else { return vote() };
                let on = supported.entry(*question).or_default();
                *on = !*on;
                Deed::Upvote(*question, *on)
            }
            _ => vote(),
        }
    }

    async fn insists(&self, scene: &Scene, deed: Deed) {
        let (command, begun) = (command(scene, &deed), Instant::now());
        while begun.elapsed() < INSISTENCE {
            match self.client.attempts(&command, ANSWER).await {
                Some(Reply::Ack { seq, .. }) => {
                    if let Deed::Ask(question) = deed {
                        scene.questions.lock().push((question, self.number));
                    }
                    self.told.lock().push(Told { deed, seq, begun, at: Instant::now() });
                    return;
                }
                Some(Reply::Refused(code)) => {
                    self.refused.lock().push(format!("person {}: {deed:?} was refused: {code:?}", self.number));
                    return;
                }
                Some(Reply::Retry { after_ms, .. }) => sleep(Duration::from_millis(u64::from(after_ms))).await,
                None => self.goes_elsewhere(scene).await,
            }
        }
        *self.unsure.lock() = Some(deed);
    }

    /// To the next node, and the one after it, a little slower each time.
    async fn goes_elsewhere(&self, scene: &Scene) {
        for attempt in 1..=6 {
            self.client.breaks_off().await;
            let place = {
                let mut place = self.place.lock();
                *place += 1;
                scene.places[*place % scene.places.len()]
            };
            self.client.moves_to(place);
            sleep((Duration::from_millis(250) * attempt).mul_f64(share(self.number))).await;
            if self.client.arrives(WELCOME).await {
                return;
            }
        }
    }

    /// Is connected; comes again if not. False: cannot.
    pub async fn is_here(&self, scene: &Scene) -> bool {
        for _ in 0..3 {
            let gone = {
                let copies = self.client.copies();
                let copy = copies.borrow();
                copy.closed.is_some() || !copy.greeted
            };
            if !gone {
                return true;
            }
            self.goes_elsewhere(scene).await;
        }
        false
    }

    /// What stands at the end, as far as this person was told.
    pub fn last_vote(&self) -> Option<OptionId> {
        self.told
            .lock()
            .iter()
            .rev()
            .find_map(|told| if let Deed::Vote(option) = told.deed { Some(option) } else { None })
    }

    /// The last word about each question.
    pub fn supports(&self) -> BTreeMap<QuestionId, bool> {
        let told = self.told.lock();
        let words = told.iter().filter_map(|told| match told.deed {
            Deed::Upvote(question, on) => Some((question, on)),
            _ => None,
        });
        words.collect()
    }
}

fn command(scene: &Scene, deed: &Deed) -> Command {
    match deed {
        Deed::Vote(option) => Command::Vote {
            poll: scene.poll.id,
            round: None,
            choice: atelier::live::core::Choice::Options(vec![*option]),
        },
        Deed::Ask(question) => Command::Ask { question: *question, body: format!("Why {question}?"), anonymous: false },
        Deed::Upvote(question, on) => Command::Upvote { question: *question, on: *on },
        Deed::Show(title) => Command::Show { stage: Stage::Text { title: title.clone(), body: None } },
    }
}

/// A share from 0 to 1 of one's own.
fn share(number: usize) -> f64 {
    f64::from(u32::try_from(number * 37 % 100).unwrap()) / 100.0
}
