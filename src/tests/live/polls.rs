//! Every kind of poll, rounds, changes, order.
use atelier::{
    kernel::Code,
    live::core::{Choice, Command, poll::PollStatus},
};
use serde_json::json;

use crate::support::{
    Atelier, Sheet,
    sheet::{multiple, open_text, rating, single, tally, word_cloud},
};

#[tokio::test]
async fn every_kind_counts_in_its_own_way() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let screen = ada.projects(&session).await;
    let (bo, cy, di) = (session.joins("Bo").await, session.joins("Cy").await, session.joins("Di").await);
    let everybody = [&host, &screen, &bo, &cy, &di];
    for (poll, ballots, counts) in [
        (single("one", &["A", "B"]), [&["A"][..], &["B"], &["B"]], tally!["A": 1, "B": 2]),
        (multiple("some", &["A", "B", "C"], 2), [&["A", "B"][..], &["B", "C"], &["B"]], tally!["A": 1, "B": 3, "C": 1]),
        (rating("how", &["1", "2", "3"]), [&["1"][..], &["3"], &["3"]], tally!["1": 1, "3": 2]),
        (open_text("why"), [&["Because."][..], &["because."], &["So what"]], tally!["Because.": 2, "So what": 1]),
        (word_cloud("what"), [&["Sun", "moon"][..], &["SUN", "sea"], &["sun"]], tally!["Sun": 3, "moon": 1, "sea": 1]),
    ] {
        host.opens(&poll).await;
        for (voter, words) in [&bo, &cy, &di].into_iter().zip(ballots) {
            voter.votes(&poll, words).await;
        }
        for client in everybody {
            client.sees(&poll, counts.clone()).await;
            assert_eq!(client.look(|copy| copy.poll(poll.id).unwrap().tally.as_ref().unwrap().voters), 3);
        }
        host.does(poll.close()).await;
        app.agrees_with(&session, &everybody).await;
    }
}

#[tokio::test]
async fn rounds_are_kept_for_comparison_and_thrown_away_by_a_reset() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let (bo, cy) = (session.joins("Bo").await, session.joins("Cy").await);
    let poll = single("Sure?", &["yes", "no"]);
    host.opens(&poll).await;
    bo.votes(&poll, &["yes"]).await;
    cy.votes(&poll, &["yes"]).await;
    host.does(poll.revote()).await;
    bo.sees(&poll, tally![]).await;
    let stale = Command::Vote { poll: poll.id, round: Some(1), choice: poll.choice(&["no"]) };
    bo.is_refused(stale, Code::PollRoundOver).await;
    let ahead = Command::Vote { poll: poll.id, round: Some(3), choice: poll.choice(&["no"]) };
    bo.is_refused(ahead, Code::Invalid).await;
    bo.votes(&poll, &["no"]).await;
    cy.sees(&poll, tally!["no": 1]).await;
    let past = |copy: &crate::support::copy::Copy| {
        let rounds = copy.poll(poll.id).map(|poll| poll.past.iter().map(|t| (t.round, t.counts.clone())).collect());
        rounds == Some(vec![(1, vec![2, 0])])
    };
    cy.waits("the first round", past).await;
    host.does(poll.reset()).await;
    cy.sees(&poll, tally![]).await;
    assert!(cy.look(past), "what was thrown away is not compared with");
    bo.votes(&poll, &["yes"]).await;
    bo.votes(&poll, &["no"]).await;
    cy.sees(&poll, tally!["no": 1]).await;
    let truth = app.agrees_with(&session, &[&host, &bo, &cy]).await;
    let rounds: Vec<_> =
        truth.state.polls[&poll.id].past.iter().map(|r| (r.round, r.discarded, r.ballots.len())).collect();
    assert_eq!(rounds, [(1, false, 2), (2, true, 1)]);
}

#[tokio::test]
async fn votes_change_only_where_they_may() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    let poll = single("Sure?", &["yes", "no"]).final_votes();
    host.opens(&poll).await;
    bo.votes(&poll, &["yes"]).await;
    bo.is_refused(poll.vote(&["no"]), Code::AlreadyVoted).await;
    host.waits("the panel", |copy| copy.integrity.as_ref().is_some_and(|panel| panel.refused_duplicates == 1)).await;
    host.does(poll.close()).await;
    bo.is_refused(poll.vote(&["no"]), Code::PollClosed).await;
    host.does(poll.open()).await;
    bo.is_refused(poll.vote(&["no"]), Code::AlreadyVoted).await;
    bo.sees(&poll, tally!["yes": 1]).await;
    app.agrees_with(&session, &[&host, &bo]).await;
}

#[tokio::test]
async fn polls_are_edited_ordered_and_put_away() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    let (first, second) = (single("first", &["A", "B"]), single("second", &["A", "B"]));
    host.does(first.create()).await;
    host.does(second.create()).await;
    let edited = Sheet { id: first.id, ..single("First!", &["C", "D", "E"]) };
    host.does(Command::EditPoll { poll: first.id, draft: edited.draft.clone() }).await;
    host.does(Command::MovePoll { poll: second.id, position: 0 }).await;
    let order: Vec<_> = app.truth(&session).await.state.polls.iter().map(|(id, p)| (p.position, *id)).collect();
    assert!(order.contains(&(0, second.id)) && order.contains(&(1, first.id)));
    host.does(edited.open()).await;
    host.is_refused(second.open(), Code::TooManyOpenPolls).await;
    bo.votes(&edited, &["E"]).await;
    host.is_refused(Command::EditPoll { poll: first.id, draft: first.draft.clone() }, Code::PollLocked).await;
    let mut renamed = edited.draft.clone();
    renamed.question = "Last.".to_owned();
    host.does(Command::EditPoll { poll: first.id, draft: renamed }).await;
    host.is_refused(Command::ArchivePoll { poll: first.id, archived: true }, Code::WrongState).await;
    host.does(edited.close()).await;
    bo.sees_status(&edited, PollStatus::Closed).await;
    host.does(Command::ArchivePoll { poll: first.id, archived: true }).await;
    bo.waits("nothing", |copy| copy.poll(first.id).is_none()).await;
    app.agrees_with(&session, &[&host, &bo]).await;
    host.does(Command::ArchivePoll { poll: first.id, archived: false }).await;
    bo.sees(&edited, tally!["E": 1]).await;
    app.agrees_with(&session, &[&host, &bo]).await;
    let rows = ada.get(&format!("/live-sessions/{}/polls", session.id)).await;
    let questions: Vec<_> = rows.body["items"].as_array().unwrap().iter().map(|row| &row["question"]).collect();
    assert_eq!(questions, [&json!("second"), &json!("Last.")]);
}

#[tokio::test]
async fn hosts_hide_what_should_not_be_on_the_wall() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let screen = ada.projects(&session).await;
    let bo = session.joins("Bo").await;
    let poll = word_cloud("How?");
    host.opens(&poll).await;
    bo.votes(&poll, &["fine", "Rude"]).await;
    screen.sees(&poll, tally!["fine": 1, "Rude": 1]).await;
    host.does(Command::HideAnswer { poll: poll.id, text: "rude".to_owned(), hidden: true }).await;
    screen.sees(&poll, tally!["fine": 1]).await;
    bo.sees(&poll, tally!["fine": 1]).await;
    host.sees(&poll, tally!["fine": 1, "Rude": 1]).await;
    app.agrees_with(&session, &[&host, &screen, &bo]).await;
    host.does(Command::HideAnswer { poll: poll.id, text: "RUDE".to_owned(), hidden: false }).await;
    screen.sees(&poll, tally!["fine": 1, "Rude": 1]).await;
}

#[tokio::test]
async fn answers_that_do_not_fit_are_refused() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada
        .creates_as(json!({ "title": "Intro", "features": [
        { "type": "poll", "config": { "maxOpen": 10 } }] }))
        .await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    let (one, some) = (single("one", &["A", "B"]), multiple("some", &["A", "B", "C"], 2));
    let (text, words) = (open_text("why"), word_cloud("what"));
    for poll in [&one, &some, &text, &words] {
        host.opens(poll).await;
    }
    let long = "x".repeat(10_000);
    let foreign = some.choice(&["A"]);
    for (poll, choice, code) in [
        (&one, Choice::Options(vec![]), Code::TooFewChoices),
        (&one, one.choice(&["A", "B"]), Code::TooManyChoices),
        (&one, foreign, Code::OptionUnknown),
        (&one, Choice::Text("A".to_owned()), Code::ChoiceWrongKind),
        (&some, some.choice(&["A", "B", "C"]), Code::TooManyChoices),
        (&some, some.choice(&["A", "A"]), Code::OptionTwice),
        (&text, text.choice(&[&long]), Code::TextTooLong),
        (&text, text.choice(&[" \u{200B}\0 "]), Code::TextEmpty),
        (&text, one.choice(&["A"]), Code::ChoiceWrongKind),
        (&words, words.choice(&["a", "b", "c", "d"]), Code::TooManyChoices),
        (&words, words.choice(&["a", "A "]), Code::OptionTwice),
        (&words, words.choice(&[&long]), Code::TextTooLong),
    ] {
        bo.is_refused(Command::Vote { poll: poll.id, round: None, choice }, code).await;
    }
    let nothing = app.agrees_with(&session, &[&host, &bo]).await;
    assert!(nothing.state.polls.values().all(|poll| poll.ballots.is_empty()));
}
