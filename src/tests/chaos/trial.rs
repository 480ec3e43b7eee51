//! One fault, from the first vote to the verdict.
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{
    faults::{Fault, Since},
    house::House,
    people::{LABELS, Person, Scene},
    table::Row,
    verdict::Verdict,
};
use crate::support::{
    Client, Meeting, Reply, Wire,
    client::Key,
    sheet::{fresh, single},
};

/// How much.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub people: usize,
    /// Between two deeds of one person.
    pub pace: Duration,
    /// A fault lasts this many times less.
    pub hurry: u32,
}

/// Nobody is waited for any longer.
const RECOVERY: Duration = Duration::from_secs(90);
/// Deeds that everybody has done before it begins.
const WARM: usize = 3;

/// A session in which people are acting.
pub struct Trial {
    pub scene: Scene,
    pub people: Vec<Person>,
    pub meeting: Meeting,
}

impl Trial {
    /// A third of all people at each node, over all kinds of wires.
    pub async fn begins(house: &House, size: Size) -> Self {
        let account = house.account(0);
        let meeting = account.creates_as(json!({ "title": "Trial", "maxParticipants": 1000 })).await;
        let host = Client::new(house.nodes[0].place(), Key::Ticket(account, meeting.clone(), None));
        host.comes().await;
        host.starts().await;
        let poll = single("Which?", &LABELS);
        host.opens(&poll).await;
        let seats = (1..=size.people).map(|number| {
            let (meeting, account) = (&meeting, house.account(number % house.nodes.len()));
            async move {
                let wire = match number % 6 {
                    4 => Wire::Events,
                    5 => Wire::Answers,
                    _ => Wire::Socket,
                };
                let client = meeting.seats(&account.site, &format!("P{number}")).await.over(wire);
                client.comes().await;
                Person::new(number, client)
            }
        });
        let mut people = vec![Person::new(0, host)];
        people.extend(join_all(seats).await);
        let places = house.places();
        let scene = Scene {
            poll,
            places,
            pace: size.pace,
            questions: Mutex::default(),
            over: std::sync::atomic::AtomicBool::new(false),
        };
        Self { scene, people, meeting }
    }

    /// Everybody acts while something else goes on, and finishes what was begun.
    pub async fn while_all_act<T>(&self, meanwhile: impl Future<Output = T>) -> T {
        let acting = join_all(self.people.iter().map(|person| person.acts(&self.scene)));
        let meanwhile = async {
            let done = meanwhile.await;
            self.scene.over.store(true, Ordering::Relaxed);
            done
        };
        tokio::join!(meanwhile, acting).0
    }

    /// Waits until everybody has done so many things.
    pub async fn is_warm(&self) {
        let warm = async {
            while !self.people.iter().all(|person| person.told.lock().len() >= WARM) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(RECOVERY, warm).await.expect("everybody is served before anything happens");
    }

    /// Waits until everybody has been told about something they began after `moment`, and all have heard of all that.
    async fn recovers(&self, moment: Instant) -> Option<Instant> {
        let recovery = async {
            let served = |person: &Person| person.told.lock().iter().any(|told| told.begun >= moment);
            while !self.people.iter().all(served) {
                sleep(Duration::from_millis(10)).await;
            }
            let newest = |person: &Person| person.told.lock().last().map_or(0, |told| told.seq);
            let head = self.people.iter().map(newest).max().unwrap_or(0);
            let knows = |person: &Person| person.client.copies().borrow().seq >= head;
            while !self.people.iter().all(knows) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(RECOVERY, recovery).await.ok()?;
        Some(Instant::now())
    }

    async fn suffers(&self, house: &mut House, fault: Fault, hurry: u32) -> Suffering {
        self.is_warm().await;
        let mut suffering = Suffering { begun: Instant::now(), recovered: Some(Duration::ZERO) };
        for step in 0..fault.steps() {
            let begun = Instant::now();
            fault.strikes(house, step).await;
            let struck = Instant::now();
            let lasts = async {
                sleep(fault.lasts() / hurry).await;
                fault.is_over(house, step).await;
                Instant::now()
            };
            let took = match fault.since() {
                Since::Beginning => {
                    let (recovered, _) = tokio::join!(self.recovers(struck), lasts);
                    recovered.map(|at| at - begun)
                }
                Since::End => {
                    let over = lasts.await;
                    self.recovers(over).await.map(|at| at - over)
                }
            };
            suffering.recovered = suffering.recovered.zip(took).map(|(longest, took)| longest.max(took));
        }
        // What comes back may do harm, too.
        sleep(Duration::from_secs(2)).await;
        suffering
    }

    fn longest_wait(&self, since: Instant) -> Duration {
        let told = self.people.iter().flat_map(|person| person.told.lock().clone());
        told.filter(|told| told.at >= since).map(|told| told.at - told.begun).max().unwrap_or_default()
    }

    /// The log, the tables, what people were told, what they hold.
    pub async fn verdict(&self, house: &House) -> Verdict {
        let mut verdict = Verdict::default();
        let Some(truth) = verdict.agree(house, &self.scene, &self.people, &self.meeting).await else { return verdict };
        let mut judged = Verdict::of(&truth, &self.scene, &self.people);
        judged.notes.append(&mut verdict.notes);
        judged
    }
}

struct Suffering {
    begun: Instant,
    recovered: Option<Duration>,
}

/// One row of the table.
pub async fn of(house: &mut House, fault: Fault, size: Size) -> Row {
    let trial = Trial::begins(house, size).await;
    let suffering = trial.while_all_act(trial.suffers(house, fault, size.hurry)).await;
    let verdict = trial.verdict(house).await;
    Row {
        fault: fault.name(),
        since: fault.since(),
        clients: trial.people.len(),
        acked: trial.people.iter().map(|person| person.told.lock().len()).sum(),
        verdict,
        recovered: suffering.recovered,
        longest: trial.longest_wait(suffering.begun),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oracle_fires() {
    let _turn = super::TURN.lock().await;
    let house = House::open().await;
    let size = Size { people: 8, pace: Duration::from_millis(20), hurry: 1 };
    let trial = Trial::begins(&house, size).await;
    trial.while_all_act(trial.is_warm()).await;
    let good = trial.verdict(&house).await;
    assert!(good.is_good(), "{good:#?}");
    let liar = &trial.people[1];

    // Somebody says that a vote was acknowledged that was never sent.
    let mut lie = liar.told.lock().last().unwrap().clone();
    lie.deed = super::people::Deed::Ask(fresh());
    liar.told.lock().push(lie);
    assert_eq!(trial.verdict(&house).await.lost, 2, "not there, and not at its number");
    liar.told.lock().pop();

    // Somebody did something and does not say so.
    let silent = liar.told.lock().pop().unwrap();
    assert_eq!(trial.verdict(&house).await.duplicated, 1);
    liar.told.lock().push(silent);

    // Two things change their places.
    let last = liar.told.lock().len() - 1;
    liar.told.lock().swap(last, last - 1);
    let swapped = trial.verdict(&house).await;
    assert!(!swapped.is_good(), "{swapped:?}");
    liar.told.lock().swap(last, last - 1);
    assert!(trial.verdict(&house).await.is_good());

    // A row vanishes behind the log's back.
    let mut connection = house.superuser().await;
    let gone = sqlx::query("DELETE FROM live_poll_votes WHERE participant_id = $1").bind(liar.client.me().uuid());
    assert!(gone.execute(&mut connection).await.unwrap().rows_affected() > 0);
    assert_eq!(trial.verdict(&house).await.notes, ["the tables do not agree with the log"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_that_a_wire_has_lost_is_noticed() {
    let _turn = super::TURN.lock().await;
    let house = House::open().await;
    let size = Size { people: 4, pace: Duration::from_millis(20), hurry: 1 };
    let trial = Trial::begins(&house, size).await;
    // Person 3 is alone at its node with the host, and reads a socket.
    let wire = &house.nodes[3 % house.nodes.len()].people;
    wire.loses("Lost on the way");
    let host = &trial.people[0].client;
    let stage = |title: &str| json!({ "show": { "stage": { "text": { "title": title, "body": null } } } });
    // The host may be the one who loses it.
    for title in ["Lost on the way", "Not lost"] {
        assert!(matches!(host.attempts(stage(title), RECOVERY).await, Some(Reply::Ack { .. })));
    }
    let noticed = async {
        while trial.people.iter().all(|person| person.client.copies().borrow().broken.is_empty()) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(RECOVERY, noticed).await.expect("a gap is noticed");
    assert!(wire.has_lost());
    let verdict = trial.verdict(&house).await;
    assert!(verdict.reordered > 0 && !verdict.is_good(), "{verdict:?}");
}
