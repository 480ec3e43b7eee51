//! People type in shared documents; beside it the same over a bare relay. In the end all have one text, and after a
//! kill the server still has everything that it had called saved.
mod editor;
mod frames;
pub mod relay;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::Args;
use hdrhistogram::Histogram;
use tokio::{process::Command, task::JoinSet};

use self::{
    editor::{Editor, Key, Outcome, Place, Schedule},
    relay::Relay,
};
use crate::{
    api::Api,
    oracle::Faults,
    process,
    report::{Report, progress, to_f64},
    server::{Folder, Server, free_address},
    stats::{micros, new_histogram},
};

/// How many, how often.
#[derive(Debug, Clone, Args)]
pub struct Load {
    /// Documents x editors of each; several with commas, each on a server that was just started.
    #[arg(long, value_delimiter = ',', default_value = "10x10,1x200")]
    pub shape: Vec<Shape>,
    /// Keys a second of each editor.
    #[arg(long, default_value_t = 0.5)]
    pub rate: f64,
    /// Seconds.
    #[arg(long, default_value_t = 20.0)]
    pub duration: f64,
    /// The server's release binary.
    #[arg(long, default_value = "target/release/atelier")]
    pub server: PathBuf,
    /// Its database. Put `scripts/with-postgres.sh` before the command to have one made.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database: String,
    /// Also write the result here.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// So many documents, and so many editors in each.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    documents: u32,
    editors: u32,
}

impl FromStr for Shape {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (documents, editors) = text.split_once('x').context("write it as 10x10")?;
        match (documents.parse()?, editors.parse()?) {
            (documents @ 1.., editors @ 2..) => Ok(Self { documents, editors }),
            _ => bail!("at least one document, and two editors in it"),
        }
    }
}

/// What a round came to, on the server or on the relay.
struct Round {
    /// For each document what its editors have.
    documents: Vec<Vec<Outcome>>,
    /// Keys of each document.
    keys: u64,
    /// Resident memory: before, with one editor in each document, with everybody in, after the last key.
    resident: [u64; 4],
    cpu: Duration,
}

/// The scenario.
pub async fn run(load: &Load) -> anyhow::Result<Report> {
    process::need_files(1_000)?;
    let mut report = Report::new(format!("editors: {} keys a second each, for {} s", load.rate, load.duration));
    let folder = Folder::fresh()?;
    let begun = (process::own_cpu(), Instant::now());
    for shape in &load.shape {
        on_server(load, *shape, &folder.0, &mut report).await?;
        let relay = Relay::start().await?;
        let places: Vec<_> = (0..shape.documents).map(|n| Place::Relay(relay.port, format!("d{n}").into())).collect();
        let round = play(relay.pid, &places, *shape, load).await?;
        told(&mut report, *shape, "relay", &round);
        let mut faults = Faults::default();
        round.documents.iter().for_each(|outcomes| check(outcomes, None, round.keys, &mut faults));
        report.faults(faults);
    }
    let cores = process::own_cpu().saturating_sub(begun.0).as_secs_f64() / begun.1.elapsed().as_secs_f64();
    report.number("testerCores", "CPU of the tester itself", cores, "cores");
    Ok(report)
}

async fn launch(load: &Load, folder: &Path) -> anyhow::Result<Server> {
    let mut command = Command::new(&load.server);
    command.env("DATABASE_URL", &load.database).env_remove("REDIS_URL");
    Server::launch(command, free_address()?, &folder.join("server.log")).await
}

fn places(server: &Server, names: &[Arc<str>], token: &Arc<str>) -> Vec<Place> {
    let address = server.url.trim_start_matches("http://");
    names.iter().map(|name| Place::Server(address.to_owned(), name.clone(), token.clone())).collect()
}

async fn on_server(load: &Load, shape: Shape, folder: &Path, report: &mut Report) -> anyhow::Result<()> {
    let server = launch(load, folder).await?;
    let api = Api::sign_in(std::slice::from_ref(&server.url), None).await?;
    let mut names: Vec<Arc<str>> = Vec::new();
    for _ in 0..=shape.documents {
        let session = api.create("Load test: editors", 10).await?;
        names.push(api.notes(&session.id).await?.into());
    }
    let token: Arc<str> = api.token().into();
    // Signing in took memory that is given back later: measured is a process that has not done so, but has opened a
    // document before.
    server.stop().await?;
    let server = launch(load, folder).await?;
    for place in places(&server, &names.split_off(shape.documents as usize), &token) {
        drop(Editor::opens(&place).await?);
    }
    let round = play(server.pid, &places(&server, &names, &token), shape, load).await?;
    told(report, shape, "server", &round);
    // What is only in its memory is gone.
    server.kill().await?;
    let server = launch(load, folder).await?;
    let mut faults = Faults::default();
    for (place, outcomes) in places(&server, &names, &token).iter().zip(&round.documents) {
        let text = Editor::opens(place).await?.reads();
        check(outcomes, Some(&text), round.keys, &mut faults);
        let refused: u64 = outcomes.iter().map(|outcome| outcome.refused).sum();
        if refused > 0 {
            report.problem(format!("{refused} changes were refused"));
        }
    }
    report.faults(faults);
    server.stop().await
}

/// Everybody comes in, types by the schedule, and waits for the others.
async fn play(pid: u32, places: &[Place], shape: Shape, load: &Load) -> anyhow::Result<Round> {
    let before = process::resident(pid)?;
    let (mut all, mut one) = (Vec::new(), before);
    for editor in 0..shape.editors {
        for (number, place) in places.iter().enumerate() {
            progress(|| format!("document {number}: editor {editor} of {}", shape.editors));
            all.push((number, editor, Editor::opens(place).await?));
        }
        if editor == 0 {
            one = process::resident(pid)?;
        }
    }
    let inside = process::resident(pid)?;
    let cpu = process::cpu(pid)?;
    let interval = Duration::from_secs_f64(1.0 / load.rate.max(0.01));
    let keys = Duration::from_secs_f64(load.duration.max(0.0)).as_millis() / interval.as_millis().max(1);
    let epoch = Instant::now() + Duration::from_secs(1);
    let schedule = Schedule { epoch, interval, editors: shape.editors, keys: u32::try_from(keys)?.max(1) };
    let acked = matches!(places.first(), Some(Place::Server(..)));
    let mut typing = JoinSet::new();
    for (number, editor, it) in all {
        typing.spawn(async move { (number, it.types(editor, schedule, acked).await) });
    }
    let mut documents: Vec<Vec<Outcome>> = places.iter().map(|_| Vec::new()).collect();
    while let Some(done) = typing.join_next().await {
        let (number, outcome) = done?;
        documents[number].push(outcome?);
    }
    let cpu = process::cpu(pid)?.saturating_sub(cpu);
    // Everybody has just left; what the documents take is still there.
    let keys = u64::from(schedule.keys) * u64::from(shape.editors);
    Ok(Round { documents, keys, resident: [before, one, inside, process::resident(pid)?], cpu })
}

/// All have one text with every key in it once; it is also what the server has after a kill, and so is at least
/// everything that was called saved.
fn check(outcomes: &[Outcome], kept: Option<&str>, keys: u64, faults: &mut Faults) {
    let Some(first) = outcomes.first() else { return };
    let typed = count(&first.text);
    let missing = keys.saturating_sub(typed.len() as u64);
    if missing > 0 {
        faults.lost += missing;
        faults.described.push(format!("{missing} keys never arrived"));
    }
    faults.duplicates += typed.values().filter(|times| **times > 1).map(|times| times - 1).sum::<u64>();
    for outcome in outcomes {
        if outcome.text != first.text {
            faults.lost += 1;
            faults.described.push("two editors of a document have different texts".to_owned());
        }
    }
    let Some(kept) = kept else { return };
    if kept != first.text {
        faults.lost += 1;
        faults.described.push("the server has another text after a kill".to_owned());
    }
    let kept = count(kept);
    for key in outcomes.iter().flat_map(|outcome| &outcome.saved) {
        if !kept.contains_key(key) {
            faults.lost += 1;
            faults.described.push(format!("{} was called saved, and is gone", key.text().trim()));
        }
    }
}

fn count(text: &str) -> HashMap<Key, u64> {
    let mut times = HashMap::new();
    for key in Key::all(text.as_bytes()) {
        *times.entry(key).or_default() += 1;
    }
    times
}

fn told(report: &mut Report, shape: Shape, what: &str, round: &Round) {
    let Shape { documents, editors } = shape;
    let (name, id) = (format!("{documents} × {editors}, {what}"), format!("{what}{documents}x{editors}"));
    let sum = |of: fn(&Outcome) -> &Histogram<u64>| {
        let mut sum = new_histogram();
        for outcome in round.documents.iter().flatten() {
            // All are made alike, so that nothing is out of range.
            let _ = sum.add(of(outcome));
        }
        sum
    };
    let delivered = sum(|outcome| &outcome.delivery);
    let [before, one, inside, after] = round.resident;
    let each = |bytes: u64| to_f64(bytes.saturating_sub(before)) / f64::from(documents) / 1024.0;
    for (key, words, bytes) in [("One", "one editor", one), ("Open", "all in", inside), ("Typed", "typed in", after)] {
        report.number(&format!("{id}Kib{key}"), &format!("{name}: per document, {words}"), each(bytes), "KiB");
    }
    let cpu = to_f64(micros(round.cpu)) / to_f64(delivered.len()).max(1.0);
    report.number(&format!("{id}CpuMicros"), &format!("{name}: CPU/key and peer"), cpu, "µs");
    let keys: u64 = round.documents.iter().flatten().map(|outcome| outcome.saved.len() as u64).sum();
    if keys > 0 {
        report.fact(&format!("{id}Saved"), &format!("{name}: called saved"), keys, format!("{keys} keys"));
        report.latency(&format!("{id}Ack"), &format!("{name}: key → saved"), sum(|outcome| &outcome.ack));
    }
    let expected = u64::from(editors - 1) * keys;
    if keys > 0 && delivered.len() != expected {
        report.problem(format!("{name}: {} deliveries instead of {expected}", delivered.len()));
    }
    report.latency(&format!("{id}Peer"), &format!("{name}: key → peer"), delivered);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str, saved: &[u32]) -> Outcome {
        let saved = saved.iter().map(|number| Key { editor: 0, number: *number }).collect();
        let (delivery, ack) = (new_histogram(), new_histogram());
        Outcome { text: text.to_owned(), saved, delivery, ack, refused: 0 }
    }

    fn faults(outcomes: &[Outcome], kept: Option<&str>, keys: u64) -> (u64, u64) {
        let mut faults = Faults::default();
        check(outcomes, kept, keys, &mut faults);
        (faults.lost, faults.duplicates)
    }

    #[test]
    fn the_oracle_sees_what_is_lost_doubled_or_different() {
        let (one, two) = ("~0.0 ~0.1 ", "~0.1 ~0.0 ");
        assert_eq!(faults(&[outcome(one, &[0, 1]), outcome(one, &[])], Some(one), 2), (0, 0));
        assert_eq!(faults(&[outcome(one, &[]), outcome(two, &[])], None, 2), (1, 0), "another order");
        assert_eq!(faults(&[outcome(one, &[0, 1])], Some("~0.1 "), 2), (2, 0), "another text, and one key less");
        assert_eq!(faults(&[outcome("~0.0 ~0.0 ", &[0])], Some("~0.0 ~0.0 "), 1), (0, 1));
        assert_eq!(faults(&[outcome(one, &[])], None, 3), (1, 0), "typed, and nowhere");
    }

    #[test]
    fn shapes_are_read() {
        assert!("10x10".parse::<Shape>().is_ok_and(|shape| (shape.documents, shape.editors) == (10, 10)));
        for bad in ["10", "0x10", "1x1", "ax2"] {
            assert!(bad.parse::<Shape>().is_err(), "{bad}");
        }
    }

    /// The relay in this process: two editors over it end with one text.
    #[tokio::test]
    async fn editors_over_a_relay_agree() {
        let port = relay::tests::in_this_process().await;
        let places = [Place::Relay(port, "d".into())];
        let load = Load {
            shape: Vec::new(),
            rate: 50.0,
            duration: 0.4,
            server: PathBuf::new(),
            database: String::new(),
            json: None,
        };
        let round = play(std::process::id(), &places, Shape { documents: 1, editors: 3 }, &load).await.unwrap();
        let outcomes = &round.documents[0];
        assert_eq!((faults(outcomes, None, 60), count(&outcomes[0].text).len()), ((0, 0), 60));
        assert!(outcomes.iter().all(|outcome| outcome.delivery.len() == 40));
    }
}
