//! Real faults: three processes, PostgreSQL and Redis of the test's own, wires between all of them, and people who vote
//! and ask without a pause. After each fault the log, the tables, what people were told and what they hold are compared.
//!
//! A few faults are in the normal run. `make chaos` tries all of them and writes down what it measured.
mod faults;
mod house;
mod links;
mod people;
mod servers;
mod table;
mod trial;
mod verdict;

use std::time::Duration;

use tokio::sync::Mutex;

use self::{faults::Fault, house::House, table::Table, trial::Size};

/// One house at a time: two would measure each other.
static TURN: Mutex<()> = Mutex::const_new(());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_faults() {
    let _turn = TURN.lock().await;
    let few = [Fault::NodeKilled, Fault::RedisKilled, Fault::SubscriptionsKilled, Fault::NodeWithoutPostgres];
    let table = measure(&few, Size { people: 18, pace: Duration::from_millis(60), hurry: 2 }).await;
    assert!(table.is_good(), "{table}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: make chaos"]
async fn every_fault() {
    let _turn = TURN.lock().await;
    let people = std::env::var("CHAOS_PEOPLE").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let only = std::env::var("CHAOS_ONLY").unwrap_or_default();
    let faults: Vec<Fault> = Fault::ALL.into_iter().filter(|fault| fault.name().contains(&only)).collect();
    let table = measure(&faults, Size { people, pace: Duration::from_millis(50), hurry: 1 }).await;
    println!("{table}");
    if let Ok(place) = std::env::var("CHAOS_REPORT") {
        table.write(place.as_ref());
    }
    assert!(table.is_good());
}

async fn measure(faults: &[Fault], size: Size) -> Table {
    let mut house = House::open().await;
    let mut table = Table::default();
    for fault in faults {
        let row = trial::of(&mut house, *fault, size).await;
        println!("{row}");
        let failed = !row.is_good();
        table.add(row);
        if failed {
            println!("{}", house.logs());
        }
    }
    table
}
