//! Who sees results when: four rules, four kinds of people, at every step of a poll's life.
use atelier::live::core::{Command, poll::Visibility};
use serde_json::json;

use crate::support::{
    Atelier, Client, Meeting, Wire,
    sheet::{single, tally},
    wire::over_every_wire,
};

over_every_wire! {
    results_show_to_whom_and_when_the_rule_says => rules,
    results_that_may_not_be_seen_any_more_are_not_given_to_newcomers => newcomers,
    who_voted_sees_the_result_also_after_coming_back => voters_return,
}

struct Room {
    app: Atelier,
    session: Meeting,
    host: Client,
    screen: Client,
    voter: Client,
    idler: Client,
}

impl Room {
    async fn open(wire: Wire) -> Self {
        let app = Atelier::over_wire(wire).await;
        let ada = app.instructor("ada").await;
        let session = ada
            .creates_as(json!({ "title": "Intro", "features": [{ "type": "poll", "config": { "maxOpen": 10 } }] }))
            .await;
        let host = ada.starts(&session).await;
        let screen = ada.projects(&session).await;
        let (voter, idler) = (session.joins("Bo").await, session.joins("Cy").await);
        Self { app, session, host, screen, voter, idler }
    }

    /// These see the result now, and the others do not; everybody's copy is what the log says.
    async fn seen(&self, step: &str, poll: &crate::support::Sheet, expected: [bool; 4]) {
        let people = [&self.host, &self.voter, &self.idler, &self.screen];
        self.app.agrees_with(&self.session, &people).await;
        self.host.settles(&people[1..]).await;
        let found = people.map(|client| client.tally(poll).is_some());
        assert_eq!(found, expected, "{:?}, {step}: host, voter, idler, screen", poll.draft.visibility());
    }
}

async fn rules(wire: Wire) {
    use Visibility::{AfterClose, AfterVote, Always, Never};
    let room = Room::open(wire).await;
    let (all, host) = ([true; 4], [true, false, false, false]);
    let voters = [true, true, false, false];
    for (rule, opened, voted, closed) in [
        (Always, all, all, all),
        (AfterVote, host, voters, all),
        (AfterClose, host, host, all),
        (Never, host, host, host),
    ] {
        let poll = single(&format!("{rule:?}"), &["A", "B"]).showing(rule);
        room.host.opens(&poll).await;
        room.voter.sees_status(&poll, atelier::live::core::poll::PollStatus::Open).await;
        room.seen("opened", &poll, opened).await;
        room.voter.votes(&poll, &["A"]).await;
        room.host.sees(&poll, tally!["A": 1]).await;
        room.seen("voted", &poll, voted).await;
        room.host.does(poll.close()).await;
        room.seen("closed", &poll, closed).await;
        room.host.does(poll.reveal(true)).await;
        room.seen("revealed", &poll, all).await;
        room.host.does(poll.reveal(false)).await;
        room.seen("hidden again", &poll, closed).await;
        room.host.does(poll.open()).await;
        room.seen("open again", &poll, voted).await;
        room.host.does(poll.reveal(true)).await;
        room.seen("revealed while open", &poll, all).await;
        room.host.does(poll.revote()).await;
        room.seen("another round", &poll, opened).await;
        room.host.does(poll.close()).await;
    }
}

async fn newcomers(wire: Wire) {
    let room = Room::open(wire).await;
    let poll = single("secret?", &["A", "B"]);
    room.host.opens(&poll).await;
    room.voter.votes(&poll, &["A"]).await;
    for client in [&room.host, &room.idler, &room.screen] {
        client.sees(&poll, tally!["A": 1]).await;
    }
    let hidden = poll.clone().showing(Visibility::Never);
    room.host.does(Command::EditPoll { poll: poll.id, draft: hidden.draft.clone() }).await;
    room.seen("edited", &hidden, [true, false, false, false]).await;
    let late = room.session.joins("Late").await;
    room.app.agrees_with(&room.session, &[&late]).await;
    room.host.settles(&[&late]).await;
    late.sees_no_result(&poll);
}

async fn voters_return(wire: Wire) {
    let room = Room::open(wire).await;
    let poll = single("Tea?", &["A", "B"]).showing(Visibility::AfterVote);
    room.host.opens(&poll).await;
    room.voter.votes(&poll, &["A"]).await;
    room.voter.sees(&poll, tally!["A": 1]).await;
    room.voter.breaks_off().await;
    room.idler.votes(&poll, &["B"]).await;
    room.host.sees(&poll, tally!["A": 1, "B": 1]).await;
    room.voter.comes().await;
    room.voter.sees(&poll, tally!["A": 1, "B": 1]).await;
    room.app.agrees_with(&room.session, &[&room.host, &room.voter, &room.idler, &room.screen]).await;
    // Another node knows the room from the log only.
    let other = room.app.another(atelier::bus::Bus::local()).await;
    room.voter.breaks_off().await;
    room.voter.forgets();
    room.voter.moves_to(other.address);
    room.voter.comes().await;
    room.app.agrees_with(&room.session, &[&room.voter]).await;
}
