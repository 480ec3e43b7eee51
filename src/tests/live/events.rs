//! The protocol over plain HTTP: what is particular to it. What it shares with the socket runs over every wire.
use atelier::{
    bus::Bus,
    live::{
        core::{Actor, Command, SystemCommand},
        room::{
            Rejection,
            writer::{Ask, Key},
        },
    },
    runtime::Tasks,
};
use axum::http::{HeaderMap, Method, header};
use http_body_util::BodyExt;
use serde_json::json;

use crate::support::{
    Answer, Atelier, Setup, Site, Wire,
    copy::Copy,
    sheet::{single, tally},
    wire::{Event, Events, ask},
};

/// An answer, read to its end.
async fn hears(site: &Site, path: &str, token: &str) -> (HeaderMap, Vec<Event>) {
    let tasks = Tasks::new();
    let answer = ask(site.address, None, path, token, &tasks).await.unwrap();
    let (head, body) = answer.into_parts();
    assert_eq!(head.status, 200);
    let events = Events::default().push(&body.collect().await.unwrap().to_bytes());
    tasks.stop();
    (head.headers, events)
}

fn kinds(events: &[Event]) -> Vec<String> {
    let kind = |event: &Event| {
        let data: serde_json::Value = serde_json::from_str(&event.data).unwrap();
        event.name.clone().unwrap_or_else(|| data["type"].as_str().unwrap().to_owned())
    };
    events.iter().map(kind).collect()
}

fn known(events: &[Event]) -> String {
    let end = events.last().filter(|event| event.name.as_deref() == Some("end")).expect("an end");
    serde_json::from_str::<serde_json::Value>(&end.data).unwrap()["known"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn who_changes_wires_and_nodes_holds_exactly_the_snapshot() {
    let bus = Bus::local();
    let first = Atelier::with(Setup { bus: bus.clone(), ..Setup::default() }).await;
    let second = first.another(bus).await;
    let ada = first.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let mut bo = session.joins("Bo").await;
    let cy = session.joins_at(&second.site, "Cy").await;
    let poll = single("Tea?", &["yes", "no"]);
    host.opens(&poll).await;
    let wires = [Wire::Events, Wire::Socket, Wire::Answers, Wire::Events, Wire::Answers, Wire::Socket];
    for (n, wire) in wires.into_iter().cycle().take(18).enumerate() {
        bo.breaks_off().await;
        // What happens while nobody listens, here and there.
        cy.votes(&poll, &[["yes", "no"][n % 2]]).await;
        let title = format!("Round {n}");
        host.does(json!({ "configure": { "title": title } })).await;
        bo = bo.over(wire);
        bo.moves_to([second.address, first.address][n % 2]);
        bo.comes().await;
        assert!(bo.look(|copy| copy.resumed && copy.snapshots == 1), "{n}: {wire:?}: only what was missed");
        bo.votes(&poll, &[["no", "yes"][n % 2]]).await;
        let so = |copy: &Copy| copy.state.as_ref().is_some_and(|state| state.session.settings.title == title);
        bo.waits("the title", so).await;
        if n % 6 == 5 {
            first.agrees_with(&session, &[&host, &bo, &cy]).await;
        }
    }
    first.agrees_with(&session, &[&host, &bo, &cy]).await;
}

#[tokio::test]
async fn a_command_may_land_on_another_node_than_the_stream() {
    let first = Atelier::over_wire(Wire::Events).await;
    let second = first.another(Bus::local()).await;
    let ada = first.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    let poll = single("Tea?", &["yes", "no"]);
    host.opens(&poll).await;
    // The stream stays where it is; from now on commands go elsewhere.
    bo.moves_to(second.address);
    bo.votes(&poll, &["yes"]).await;
    bo.waits("one's own vote", |copy| copy.vote(poll.id).is_some()).await;
    bo.sees(&poll, tally!["yes": 1]).await;
    first.agrees_with(&session, &[&host, &bo]).await;
}

#[tokio::test]
async fn a_command_alone_brings_somebody_back_into_the_room() {
    let app = Atelier::over_wire(Wire::Events).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let poll = single("Tea?", &["yes", "no"]);
    host.opens(&poll).await;
    let bo = session.joins("Bo").await;
    let gone = SystemCommand::Leave(vec![bo.me()]);
    let organization = ada.body["organization"]["id"].as_str().unwrap().parse().unwrap();
    let key = Key { organization: atelier::kernel::Id::new(organization), session: session.id };
    bo.breaks_off().await;
    app.live.ask(key, Ask::System(gone)).await.unwrap();
    assert!(!app.truth(&session).await.state.people[&bo.me()].is_present());
    // One that was on its way meanwhile is not told to go for good.
    let on_its_way = Ask::Command(Actor::Participant(bo.me()), poll.vote(&["yes"]));
    assert!(matches!(app.live.ask(key, on_its_way.clone()).await, Err(Rejection::Retry { .. })));
    let path = format!("/live/{}/commands", session.id);
    let vote = json!({ "ref": 1, "command": poll.vote(&["yes"]) });
    let answer = app.ask(Method::POST, &path, Some(&bo.token().await), Some(&vote)).await;
    assert_eq!(answer.is(200).body["type"], "ack");
    assert!(app.truth(&session).await.state.people[&bo.me()].is_present());
    // Who was sent out is not brought back by it.
    host.does(Command::Ban { participant: bo.me() }).await;
    let answer = app.ask(Method::POST, &path, Some(&bo.token().await), Some(&vote)).await;
    assert_eq!((&answer.is(200).body["type"], &answer.body["code"]), (&json!("refused"), &json!("removed")));
    assert!(matches!(app.live.ask(key, on_its_way).await, Err(Rejection::Refused(_))));
}

#[tokio::test]
async fn programs_on_the_way_are_asked_not_to_gather() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let _host = ada.starts(&session).await;
    let bo = session.seats(&app.site, "Bo").await;
    let tasks = Tasks::new();
    let path = format!("/live/{}/events", session.id);
    let answer = ask(app.address, None, &path, &bo.token().await, &tasks).await.unwrap();
    let headers = answer.headers().clone();
    assert_eq!(headers[header::CONTENT_TYPE], "text/event-stream");
    assert_eq!(headers[header::CACHE_CONTROL], "no-store, no-transform");
    assert_eq!(headers["x-accel-buffering"], "no");
    assert!(!headers.contains_key(header::CONTENT_LENGTH) && !headers.contains_key(header::CONTENT_ENCODING));
    let mut body = answer.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(first.len() > 2_048 && first.starts_with(b":") && first.ends_with(b"\n\n"), "filled up");
    tasks.stop();
}

#[tokio::test]
async fn an_answer_waits_for_news_and_says_what_is_known() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.seats(&app.site, "Bo").await;
    let token = bo.token().await;
    let poll = single("Tea?", &["yes", "no"]);
    host.opens(&poll).await;
    // Nothing held, nothing known: everything at once, however long one would wait.
    let path = format!("/live/{}/events?wait=25", session.id);
    let (_, events) = hears(&app.site, &path, &token).await;
    assert_eq!(kinds(&events)[..2], ["welcome", "snapshot"]);
    assert!(events.iter().all(|event| event.id.is_some() == event.data.starts_with("{\"type\":\"snapshot\"")));
    let held = events[1].id.unwrap();
    host.waits("somebody", |copy| copy.online == 1).await;
    // Until both sides are quiet, each answer has news.
    let mut word = known(&events);
    let mut after = held;
    loop {
        let path = format!("/live/-/events?wait=0&after={after}&known={word}");
        let (_, events) = hears(&app.site, &path, &token).await;
        after = events.iter().filter_map(|event| event.id).max().unwrap_or(after);
        let next = known(&events);
        if std::mem::replace(&mut word, next) == word && kinds(&events).iter().all(|kind| kind != "events") {
            break;
        }
    }
    // Now it waits.
    let path = format!("/live/-/events?wait=25&after={after}&known={word}");
    let waiting = hears(&app.site, &path, &token);
    let mut waiting = std::pin::pin!(waiting);
    let settled = tokio::time::timeout(std::time::Duration::from_millis(500), waiting.as_mut()).await;
    assert!(settled.is_err(), "{:?}", settled.map(|(_, events)| kinds(&events)));
    host.votes(&poll, &["yes"]).await;
    let (_, events) = waiting.await;
    assert_eq!(kinds(&events).first().unwrap(), "welcome");
    assert!(kinds(&events).contains(&"tally".to_owned()), "{:?}", kinds(&events));
    // A number beyond everything and a number from the header.
    let (_, events) = hears(&app.site, "/live/-/events?wait=0&after=999999", &token).await;
    assert_eq!(kinds(&events)[..2], ["welcome", "snapshot"], "begins anew");
}

#[tokio::test]
async fn the_number_in_the_header_counts_before_the_one_in_the_address() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.seats(&app.site, "Bo").await;
    let held = host.seq();
    host.opens(&single("Tea?", &["yes", "no"])).await;
    let http = reqwest::Client::new();
    let url = format!("http://{}/live/-/events?wait=0&after=1", app.address);
    let answer = http.get(url).bearer_auth(bo.token().await).header("last-event-id", held).send().await.unwrap();
    let text = answer.text().await.unwrap();
    assert!(text.contains(&format!("{{\"type\":\"events\",\"after\":{held},")), "{text}");
}

#[tokio::test]
async fn nobody_seems_to_leave_between_two_answers() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.seats(&app.site, "Bo").await.over(Wire::Answers);
    bo.comes().await;
    host.waits("somebody", |copy| copy.online == 1).await;
    let before = host.look(|copy| copy.raw.len());
    for n in 0..5 {
        let question = host.asks(&format!("{n}?")).await;
        bo.waits("the question", |copy| copy.question(question).is_some()).await;
    }
    let flickered = host.look(|copy| {
        let later = &copy.raw[before..];
        later.iter().any(|frame| frame.contains("\"presence\"") && frame.contains("\"online\":0"))
    });
    assert!(!flickered);
    assert_eq!(host.look(|copy| copy.online), 1);
    bo.breaks_off().await;
    host.waits("nobody", |copy| copy.online == 0).await;
}

#[tokio::test]
async fn doors_that_are_closed_say_so_in_the_head() {
    let app = Atelier::start().await;
    let (ada, eve) = (app.instructor("ada").await, app.instructor("eve").await);
    let (session, other) = (ada.creates("Mine").await, eve.creates("Hers").await);
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    let token = bo.token().await;
    let refuses = |answer: Answer, status: u16, code: &str, close: &str| {
        answer.refuses(status, code);
        assert_eq!(answer.headers["atelier-close"], close);
    };
    let vote = json!({ "ref": 1, "command": { "end": {} } });
    for (path, who, status, code, close) in [
        (format!("/live/{}", session.id), None, 401, "unauthenticated", "4001"),
        (format!("/live/{}", session.id), Some(ada.token.as_str()), 401, "unauthenticated", "4001"),
        (format!("/live/{}", session.id), Some("atl_nonsense"), 401, "unauthenticated", "4001"),
        // A seat is good for its own session, whoever asks.
        (format!("/live/{}", other.id), Some(token.as_str()), 404, "not_found", "4001"),
        ("/live/nonsense".to_owned(), Some(token.as_str()), 404, "not_found", "4001"),
    ] {
        let answer = app.ask(Method::GET, &format!("{path}/events"), who, None).await;
        refuses(answer, status, code, close);
        let answer = app.ask(Method::POST, &format!("{path}/commands"), who, Some(&vote)).await;
        refuses(answer, status, code, close);
    }
    // Neither the address nor a cookie opens anything: the one is in logs, the other comes along by itself.
    let answer = app.ask(Method::GET, &format!("/live/-/events?token={token}"), None, None).await;
    refuses(answer, 401, "unauthenticated", "4001");
    let cookie = format!("atelier_session={token}");
    let request = reqwest::Client::new().post(format!("http://{}/live/-/commands", app.address));
    assert_eq!(request.header("cookie", cookie).json(&vote).send().await.unwrap().status(), 401);
    // A screen only looks.
    let (_, screen) = ada.links(&session).await;
    let answer = app.ask(Method::POST, "/live/-/commands", Some(&screen), Some(&vote)).await;
    assert_eq!((&answer.is(200).body["code"], &answer.body["ref"]), (&json!("forbidden"), &json!(1)));
    host.does(Command::Ban { participant: bo.me() }).await;
    let answer = app.ask(Method::GET, "/live/-/events", Some(&token), None).await;
    refuses(answer, 403, "removed", "4003");
    host.does(Command::End {}).await;
    let answer = app.ask(Method::GET, "/live/-/events", Some(&token), None).await;
    refuses(answer, 410, "session_ended", "4004");
    assert_eq!(eve.get("/live-sessions").await.is(200).body["items"][0]["status"], "scheduled");
}

#[tokio::test]
async fn bodies_that_are_no_commands_change_nothing() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.seats(&app.site, "Bo").await;
    let (token, before) = (bo.token().await, app.truth(&session).await.seq);
    let http = reqwest::Client::new();
    for (body, status) in [
        ("", 400),
        ("not JSON", 400),
        ("[]", 400),
        ("{\"ref\":1}", 400),
        ("{\"ref\":\"one\",\"command\":{\"end\":{}}}", 400),
        ("{\"ref\":-1,\"command\":{\"end\":{}}}", 400),
        (&*format!("{{\"ref\":1,\"command\":\"{}\"}}", "x".repeat(32 * 1024)), 413),
        (&*"x".repeat(100_000), 413),
    ] {
        let request = http.post(format!("http://{}/live/-/commands", app.address)).bearer_auth(&token);
        let answer = request.body(body.to_owned()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{}", body.chars().take(40).collect::<String>());
    }
    let answer = app.ask(Method::GET, "/live/-/commands", Some(&token), None).await;
    answer.refuses(405, "method_not_allowed");
    for query in ["after=-1", "after=x", "wait=-1", "wait=x"] {
        app.ask(Method::GET, &format!("/live/-/events?{query}"), Some(&token), None).await.refuses(400, "malformed");
    }
    assert_eq!(app.truth(&session).await.seq, before);
    host.breaks_off().await;
}

#[tokio::test]
async fn the_end_and_the_door_are_told_in_the_last_event() {
    let app = Atelier::over_wire(Wire::Events).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let (bo, cy) = (session.joins("Bo").await, session.joins("Cy").await);
    let di = session.seats(&app.site, "Di").await.over(Wire::Answers);
    di.comes().await;
    host.does(Command::Ban { participant: bo.me() }).await;
    bo.is_closed_with(4003).await;
    host.does(Command::End {}).await;
    for client in [&host, &cy, &di] {
        client.is_closed_with(4004).await;
    }
}

#[tokio::test]
async fn a_ticket_opens_one_call() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let ticket = async || ada.ticket(&session, None).await.is(200).text("/token").to_owned();
    let (once, again) = (ticket().await, ticket().await);
    let start = json!({ "ref": 1, "command": { "start": {} } });
    let answer = app.ask(Method::POST, "/live/-/commands", Some(&once), Some(&start)).await;
    assert_eq!(answer.is(200).body["type"], "ack");
    app.ask(Method::POST, "/live/-/commands", Some(&once), Some(&start)).await.refuses(401, "unauthenticated");
    app.ask(Method::POST, "/live/-/commands", Some(&again), Some(&start)).await.is(200);
}
