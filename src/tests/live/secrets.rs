//! What must not travel: marked words are planted wherever something is hidden, and every frame is searched for them.
use atelier::live::core::{Command, Role, poll::Visibility};
use serde_json::{Value, json};

use crate::support::{
    Atelier, Client, Wire,
    sheet::{fresh, open_text, single, word_cloud},
    wire::over_every_wire,
};

over_every_wire! { what_is_hidden_reaches_nobody_who_may_not_know_it => marked_words }

#[track_caller]
fn never_heard(clients: &[&Client], marker: &str) {
    for client in clients {
        assert_eq!(client.heard(marker), None, "{marker}");
    }
}

#[expect(clippy::too_many_lines, reason = "one script")]
async fn marked_words(wire: Wire) {
    let app = Atelier::over_wire(wire).await;
    let ada = app.instructor("ada").await;
    let session = ada
        .creates_as(json!({ "title": "Intro", "features": [{ "type": "poll", "config": { "maxOpen": 10 } },
            { "type": "qa", "config": { "preModerated": true } }] }))
        .await;
    let host = ada.starts(&session).await;
    let screen = ada.projects(&session).await;
    let (bo, cy) = (session.joins("NameOfBo").await, session.joins("NameOfCy").await);
    let watcher = session.joins("NameOfWatcher").await;
    host.does(Command::SetRole { participant: watcher.me(), role: Role::Observer }).await;
    let others = [&cy, &screen, &watcher];

    host.does(single("DraftQuestion", &["DraftOption", "x"]).create()).await;
    let quiet = open_text("never shown").showing(Visibility::Never);
    let words = word_cloud("words");
    host.opens(&quiet).await;
    host.opens(&words).await;
    bo.votes(&quiet, &["NeverShownText"]).await;
    host.waits("the text", |copy| copy.tally(quiet.id).is_some_and(|tally| tally.contains_key("NeverShownText"))).await;
    bo.votes(&words, &["HiddenWord"]).await;
    screen.waits("the word", |copy| copy.tally(words.id).is_some_and(|tally| !tally.is_empty())).await;
    host.does(Command::HideAnswer { poll: words.id, text: "HiddenWord".to_owned(), hidden: true }).await;

    let (pending, dismissed, anonymous) = (fresh(), fresh(), fresh());
    for (question, body, hidden) in
        [(pending, "PendingText", false), (dismissed, "DismissedText", false), (anonymous, "AnonymousText", true)]
    {
        bo.does(Command::Ask { question, body: body.to_owned(), anonymous: hidden }).await;
    }
    host.does(Command::Dismiss { question: dismissed }).await;
    host.does(Command::Approve { question: anonymous }).await;
    host.does(Command::Star { question: anonymous, on: true }).await;
    cy.waits("the question", |copy| copy.question(anonymous).is_some()).await;
    cy.does(Command::Upvote { question: anonymous, on: true }).await;
    host.settles(&[&bo, &cy, &screen, &watcher]).await;
    // Whoever comes later, or comes back, learns no more.
    let late = session.joins("NameOfLate").await;
    for client in [&cy, &watcher] {
        client.breaks_off().await;
        client.comes().await;
    }
    host.does(quiet.close()).await;
    host.settles(&[&bo, &cy, &screen, &watcher, &late]).await;
    app.agrees_with(&session, &[&host, &bo, &cy, &screen, &watcher, &late]).await;

    let everybody_else = [others[0], others[1], others[2], &late];
    for marker in ["DraftQuestion", "DraftOption", "NeverShownText", "PendingText", "DismissedText", "NameOfBo"] {
        never_heard(&everybody_else, marker);
    }
    never_heard(&[&late], "HiddenWord");
    never_heard(&everybody_else, &bo.me().to_string());
    never_heard(&[&bo], "NeverShownText\",\"count");
    // Not even hosts are told who asked without a name, or who voted what.
    let with_author = host.heard("AnonymousText").unwrap();
    // What happened at the same time may stand beside it.
    let frame: Value = serde_json::from_str(&with_author).unwrap();
    let changes = frame["events"].as_array().unwrap().iter().map(Value::to_string);
    for change in changes.filter(|change| change.contains("AnonymousText")) {
        assert!(!change.contains("NameOfBo"), "{change}");
    }
    host.look(|copy| {
        let linked =
            copy.raw.iter().filter(|frame| frame.contains("NeverShownText") || frame.contains("AnonymousText"));
        for frame in linked.filter(|frame| !frame.contains("\"snapshot\"")) {
            assert!(!frame.contains(&bo.me().to_string()) && !frame.contains("NameOfBo"), "{frame}");
        }
    });
    let results = ada.get(&format!("/live-sessions/{}/questions", session.id)).await;
    let row = results.body["items"].as_array().unwrap().iter().find(|row| row["body"] == "AnonymousText").unwrap();
    assert_eq!(row["authorName"], json!(null));
    assert!(!row.to_string().contains(&bo.me().to_string()));
    // The search would find them: those who may know were told.
    for marker in ["DraftQuestion", "NeverShownText", "PendingText", "DismissedText", "HiddenWord", "NameOfBo"] {
        assert!(host.heard(marker).is_some(), "{marker}");
    }
}
