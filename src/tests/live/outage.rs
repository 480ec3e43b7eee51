//! The database goes away in the middle of a burst of votes, and comes back.
use std::{collections::BTreeMap, sync::Arc};

use atelier::{db::Db, kernel::Code, live::core::ParticipantId};

use crate::support::{Atelier, Client, Reply, Setup, TestDb, Truth, proxy::Wire, sheet::single, truth::Receipts};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_that_is_not_there_and_all_goes_on() {
    let database = Arc::new(TestDb::new().await);
    let wire = Wire::to(&database.options()).await;
    let through = database.options().host("127.0.0.1").port(wire.address.port());
    let db = Db::connect(through, 8).await.unwrap();
    let app = Atelier::over(database, db, Setup::default());
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let mut people: Vec<Client> = Vec::new();
    for n in 0..20 {
        people.push(session.joins(&format!("P{n}")).await);
    }
    let poll = single("Which?", &["A", "B"]);
    host.opens(&poll).await;
    let seen = tokio::sync::Semaphore::new(0);
    let voting = futures_util::future::join_all(people.iter().map(|person| {
        let (poll, seen) = (&poll, &seen);
        async move {
            let (mut receipts, mut retries) = (Receipts::new(), 0);
            for turn in 0..40 {
                let label = ["A", "B"][turn % 2];
                let (seq, again) = person.insists(poll.vote(&[label])).await;
                receipts.push((seq, poll.option(label)));
                retries += again;
                seen.add_permits(1);
            }
            (person.me(), receipts, retries)
        }
    }));
    let trouble = async {
        // Some votes are in; then the wire is cut twice.
        for votes in [100, 200] {
            seen.acquire_many(votes).await.unwrap().forget();
            wire.cut();
            let probe = host.tries(poll.vote(&["A"])).await;
            assert!(matches!(probe, Some(Reply::Retry { code: Code::Unavailable, .. })), "{probe:?}");
            let stranger = session.site.join(&session.code, Some("Late"), None).await;
            stranger.refuses(503, "unavailable");
            // What clients were told until now is there, read past the wire.
            let told: Vec<_> = people.iter().map(|person| person.look(|copy| copy.replies.clone())).collect();
            let truth = Truth::read(&app.database, session.id).await;
            let newest = told.iter().flat_map(|replies| replies.values());
            let newest = newest.filter_map(|reply| if let Reply::Ack { seq, .. } = reply { Some(*seq) } else { None });
            assert!(newest.max().unwrap() <= truth.seq, "acknowledged, but not there");
            wire.mend();
        }
    };
    let (voted, ()) = tokio::join!(voting, trouble);
    assert!(voted.iter().any(|(_, _, retries)| *retries > 0), "clients were told to retry");
    let told: BTreeMap<ParticipantId, Receipts> =
        voted.into_iter().map(|(person, receipts, _)| (person, receipts)).collect();
    let mut everybody: Vec<&Client> = people.iter().collect();
    everybody.push(&host);
    app.agrees_with(&session, &everybody).await.accounts_for(&told);
}
