//! Ways in that are closed: tickets, tokens, codes.
use std::time::Duration;

use atelier::kernel::Clock;
use atelier::runtime::{Limits, Rate, Rates};
use axum::http::Method;
use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};

use crate::support::{Atelier, Client, Setup, Wire, client::Key, wire::over_every_wire};

over_every_wire! {
    tickets_open_once_and_not_for_long => tickets,
    a_seat_lasts_as_long_as_its_token => seats,
    who_cannot_be_looked_up_in_time_is_told_to_come_back => crowded,
}

async fn is_turned_away(app: &Atelier, token: &str) {
    let client = Client::new(app.address, Key::Token(token.to_owned())).over(app.wire);
    assert!(!client.tries_to_come().await);
    client.is_closed_with(4001).await;
}

async fn tickets(wire: Wire) {
    let clock = Clock::manual(DateTime::from_timestamp(1_780_000_000, 0).unwrap());
    let app = Atelier::with(Setup { clock: clock.clone(), wire, ..Setup::default() }).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let ticket = async || ada.ticket(&session, None).await.is(200).text("/token").to_owned();
    let (used, late) = (ticket().await, ticket().await);
    let client = Client::new(app.address, Key::Token(used.clone()));
    client.over(wire).comes().await;
    is_turned_away(&app, &used).await;
    clock.advance(TimeDelta::seconds(61));
    is_turned_away(&app, &late).await;
    for forged in ["", "atl_", "null", &format!("atl_{}", "A".repeat(43)), "x\u{0}y", &"x".repeat(5_000)] {
        is_turned_away(&app, forged).await;
    }
    is_turned_away(&app, &ada.token).await;
    let another = ticket().await;
    let get = app.ask(Method::GET, "/api/v1/auth/me", Some(&another), None).await;
    get.refuses(401, "unauthenticated");
}

async fn seats(wire: Wire) {
    let clock = Clock::manual(DateTime::from_timestamp(1_780_000_000, 0).unwrap());
    let app = Atelier::with(Setup { clock: clock.clone(), wire, ..Setup::default() }).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates_as(json!({ "title": "Long", "scheduledEnd": clock.now() + TimeDelta::days(90) })).await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    clock.advance(TimeDelta::days(40));
    bo.breaks_off().await;
    assert!(!bo.tries_to_come().await);
    bo.is_closed_with(4001).await;
    host.breaks_off().await;
}

/// The tokens are locked away for longer than anybody is asked to wait.
async fn crowded(wire: Wire) {
    let limits = Limits { hello: Duration::from_millis(500), ..Setup::default().limits };
    let app = Atelier::with(Setup { limits, wire, ..Setup::default() }).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let _host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    bo.breaks_off().await;
    let mut behind = app.database.superuser().await;
    sqlx::query("BEGIN").execute(&mut behind).await.unwrap();
    sqlx::query("LOCK TABLE auth_tokens IN ACCESS EXCLUSIVE MODE").execute(&mut behind).await.unwrap();
    let told = tokio::time::timeout(Duration::from_secs(8), async {
        assert!(!bo.tries_to_come().await);
        bo.is_closed_with(4100).await;
    });
    told.await.expect("an answer before the database gives up");
    sqlx::query("ROLLBACK").execute(&mut behind).await.unwrap();
    bo.comes().await;
}

#[tokio::test]
async fn codes_that_lead_nowhere_are_told_apart_and_not_guessed() {
    let rates = Rates { join_unknown: Rate { times: 4, per: Duration::from_hours(1) }, ..Setup::default().rates };
    let app = Atelier::with(Setup { rates, ..Setup::default() }).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let spaced = format!("{} - {}", &session.code[..3].to_lowercase(), &session.code[3..]);
    app.join(&spaced, Some("Bo"), None).await.refuses(409, "session_not_started");
    for code in ["ZZZZZZ", "", "😀", "a\u{0}b"] {
        app.join(code, Some("Bo"), None).await.refuses(404, "code_unknown");
    }
    app.join("ZZZZZZ", Some("Bo"), None).await.refuses(429, "rate_limited");
    // A guesser does not learn that a code is right.
    app.join(&spaced, Some("Bo"), None).await.refuses(429, "rate_limited");
    for wrong in [json!({}), json!({ "code": 7 }), json!([]), json!({ "code": "A", "role": "instructor" }), Value::Null]
    {
        let answer = app.ask(Method::POST, "/api/v1/join", None, Some(&wrong)).await;
        assert!(matches!(answer.status.as_u16(), 400 | 422), "{wrong}: {}", answer.body);
    }
}

#[tokio::test]
async fn guests_may_be_unwelcome_and_a_seat_is_good_for_one_session() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (session, other) = (ada.creates("One").await, ada.creates("Two").await);
    let (_host, _other_host) = (ada.starts(&session).await, ada.starts(&other).await);
    let bo = session.joins("Bo").await;
    // A token of one session is a stranger's in another.
    let seat = app.join(&other.code, Some("Bo"), Some(&bo.token().await)).await;
    assert_ne!(seat.is(200).text("/participantId"), bo.me().to_string());
    let mut superuser = app.database.superuser().await;
    let shut = "UPDATE organizations SET settings = '{\"guest_join\": false}'";
    sqlx::query(shut).execute(&mut superuser).await.unwrap();
    session.refuses(Some("Cy"), None, 403, "guests_not_allowed").await;
    app.join(&session.code, None, Some(&ada.token)).await.is(200);
}

#[tokio::test]
async fn a_character_that_the_database_does_not_take_breaks_nothing() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let nul = "a\u{0}b";
    let account = json!({ "email": format!("{nul}@example.org"), "password": format!("a long password {nul}"),
        "firstName": nul, "lastName": nul, "organizationName": nul, "displayName": nul, "code": nul });
    for (path, fields) in [
        ("/api/v1/auth/register", &["email", "password", "firstName", "lastName", "organizationName"][..]),
        ("/api/v1/auth/login", &["email", "password"]),
        ("/api/v1/join", &["code", "displayName"]),
    ] {
        let body: serde_json::Map<_, _> =
            fields.iter().map(|field| ((*field).to_owned(), account[*field].clone())).collect();
        let answer = app.ask(Method::POST, path, None, Some(&Value::Object(body))).await;
        assert!(answer.status.as_u16() < 500, "{path}: {}", answer.body);
    }
    ada.post("/live-sessions", json!({ "title": nul, "description": nul })).await.is(201);
    ada.patch(&format!("/live-sessions/{}", session.id), json!({ "title": nul, "description": nul })).await.is(200);
    ada.post(&format!("/live-sessions/{}/duplicate", session.id), json!({ "title": nul })).await.is(201);
    for path in ["/live-sessions?status=%00", "/live-sessions?after=%00", "/join/A%00B", "/live-sessions/%00"] {
        let answer = ada.get(path).await;
        assert!((400..500).contains(&answer.status.as_u16()), "{path}: {}", answer.body);
    }
}
