//! Other people's sessions: every route of the contract, tried by strangers and by those without the part.
use atelier::{
    kernel::Code,
    live::{core::Command, room::writer::Key},
};
use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Account, Atelier, Client, Meeting, sheet::single};

/// Every route that names a session, with its method: `/live-sessions/{id}`.
async fn routes(app: &Atelier) -> Vec<(Method, String)> {
    let contract = app.ask(Method::GET, "/openapi.json", None, None).await;
    let paths = contract.is(200).body["paths"].as_object().unwrap().clone();
    let mut routes = Vec::new();
    for (path, methods) in paths {
        for method in methods.as_object().unwrap().keys() {
            if let Ok(method) = method.to_uppercase().parse::<Method>()
                && path.contains("/live-sessions/{id}")
            {
                routes.push((method, path.clone()));
            }
        }
    }
    assert!(routes.len() >= 11, "{routes:?}");
    routes
}

/// What a route needs before it looks at whose session it is. **A new route with a body gets a line here.**
fn body(path: &str) -> Value {
    match path.rsplit('/').next() {
        Some("links") => json!({ "scope": "present" }),
        Some("notes") => json!({ "participantsMay": "edit" }),
        _ => json!({}),
    }
}

/// For every member of the organization.
fn is_open_to_members(method: &Method, path: &str) -> bool {
    path.ends_with("/ticket") || (method == Method::GET && path.ends_with("/live-sessions/{id}"))
}

struct Place {
    app: Atelier,
    ada: Account,
    session: Meeting,
    link: String,
    host: Client,
}

impl Place {
    async fn open() -> Self {
        let app = Atelier::start().await;
        let ada = app.instructor("ada").await;
        let session = ada.creates("Secret plans").await;
        let host = ada.starts(&session).await;
        let (link, _) = ada.links(&session).await;
        Self { app, ada, session, link, host }
    }
    async fn tries(&self, method: &Method, path: &str, token: Option<&str>) -> crate::support::Answer {
        let path = path.replace("{id}", &self.session.id.to_string()).replace("{link}", &self.link);
        assert!(!path.contains('{'), "{path} has a parameter this test does not know");
        let body = (method != Method::GET && method != Method::DELETE).then(|| body(&path));
        self.app.ask(method.clone(), &path, token, body.as_ref()).await
    }
}

#[tokio::test]
async fn nobody_from_outside_reaches_a_session_on_any_route() {
    let place = Place::open().await;
    let eve = place.app.instructor("eve").await;
    let guest = place.session.joins("Bo").await.token().await;
    let before = place.app.truth(&place.session).await.seq;
    for (method, path) in routes(&place.app).await {
        // Guests may ask for what is shared; here is nothing for them.
        let to_guests = match path.rsplit('/').next() {
            Some("notes" | "whiteboard") => 404,
            Some("documents") => 200,
            _ => 401,
        };
        for (who, token, status) in [
            ("eve", Some(eve.token.as_str()), 404),
            ("nobody", None, 401),
            ("a guest", Some(guest.as_str()), to_guests),
        ] {
            let answer = place.tries(&method, &path, token).await;
            assert_eq!(answer.status.as_u16(), status, "{who}: {method} {path}: {}", answer.body);
            assert!(!answer.body.to_string().contains("Secret plans"), "{who}: {method} {path}");
        }
    }
    assert_eq!(place.app.truth(&place.session).await.seq, before, "nothing happened");
    assert_eq!(eve.get("/live-sessions").await.is(200).body["items"], json!([]));
    let after = format!("/live-sessions?after={}", place.session.id);
    assert_eq!(eve.get(&after).await.is(200).body["items"], json!([]));
}

#[tokio::test]
async fn members_without_a_part_in_it_do_not_host() {
    let place = Place::open().await;
    let eve = place.app.instructor("eve").await;
    let mut superuser = place.app.database.superuser().await;
    let organization = place.ada.body["organization"]["id"].as_str().unwrap();
    let employ = "WITH m AS (INSERT INTO memberships (id, organization_id, user_id)
            VALUES (gen_random_uuid(), $1::uuid, $2::uuid) RETURNING id, organization_id)
        INSERT INTO membership_roles (organization_id, membership_id, role_id)
        SELECT m.organization_id, m.id, r.id FROM m, roles r
        WHERE r.key = $3 AND (r.organization_id IS NULL OR r.organization_id = m.organization_id)";
    for (role, expected) in [("learner", "forbidden"), ("coach", "forbidden")] {
        sqlx::query("DELETE FROM membership_roles WHERE membership_id IN (SELECT id FROM memberships WHERE user_id = $1::uuid AND organization_id = $2::uuid)")
            .bind(eve.body["user"]["id"].as_str().unwrap()).bind(organization).execute(&mut superuser).await.unwrap();
        sqlx::query("DELETE FROM memberships WHERE user_id = $1::uuid AND organization_id = $2::uuid")
            .bind(eve.body["user"]["id"].as_str().unwrap())
            .bind(organization)
            .execute(&mut superuser)
            .await
            .unwrap();
        let made = sqlx::query(employ)
            .bind(organization)
            .bind(eve.body["user"]["id"].as_str().unwrap())
            .bind(role)
            .execute(&mut superuser)
            .await
            .unwrap();
        assert_eq!(made.rows_affected(), 1, "{role}");
        let login = json!({ "email": eve.body["user"]["email"], "password": "a long password",
            "organizationId": organization });
        let answer = place.app.ask(Method::POST, "/api/v1/auth/login", None, Some(&login)).await;
        let token = answer.is(200).text("/token").to_owned();
        for (method, path) in routes(&place.app).await {
            let answer = place.tries(&method, &path, Some(&token)).await;
            if is_open_to_members(&method, &path) {
                assert!(answer.status.is_success(), "{role}: {method} {path}: {}", answer.body);
            } else {
                assert_eq!(answer.body["code"], expected, "{role}: {method} {path}: {}", answer.body);
            }
        }
        let ticket = format!("/api/v1/live-sessions/{}/ticket", place.session.id);
        for role in ["instructor", "assistant"] {
            let wish = json!({ "role": role });
            place.app.ask(Method::POST, &ticket, Some(&token), Some(&wish)).await.refuses(403, "forbidden");
        }
    }
}

#[tokio::test]
async fn ids_of_another_session_do_no_harm() {
    let place = Place::open().await;
    let eve = place.app.instructor("eve").await;
    let other = eve.creates("Elsewhere").await;
    let (eves, bo) = (eve.starts(&other).await, place.session.joins("Bo").await);
    let poll = single("Tea?", &["yes", "no"]);
    place.host.opens(&poll).await;
    bo.votes(&poll, &["yes"]).await;
    let question = bo.asks("Why?").await;
    for command in [
        poll.vote(&["no"]),
        poll.close(),
        poll.reveal(true),
        Command::EditPoll { poll: poll.id, draft: poll.draft.clone() },
    ] {
        eves.is_refused(command, Code::PollUnknown).await;
    }
    eves.is_refused(Command::Dismiss { question }, Code::QuestionUnknown).await;
    for command in [Command::Kick { participant: bo.me() }, Command::Rename { participant: bo.me(), name: "X".into() }]
    {
        eves.is_refused(command, Code::UnknownParticipant).await;
    }
    // The same ids made anew elsewhere are other things.
    eves.opens(&poll).await;
    eves.votes(&poll, &["no"]).await;
    eves.does(Command::Ask { question, body: "Mine".to_owned(), anonymous: false }).await;
    eves.does(Command::Dismiss { question }).await;
    eves.does(poll.reset()).await;
    place.app.agrees_with(&place.session, &[&place.host, &bo]).await;
    let truth = place.app.agrees_with(&other, &[&eves]).await;
    assert_eq!(truth.state.people.len(), 1);
    let mine = place.app.truth(&place.session).await;
    assert_eq!(mine.state.polls[&poll.id].ballots.len(), 1);
    assert_eq!(mine.state.questions[&question].body, "Why?");
}

#[tokio::test]
async fn an_open_session_is_not_there_for_another_organization() {
    let place = Place::open().await;
    let eve = place.app.instructor("eve").await;
    let id = |account: &Account| account.body["organization"]["id"].as_str().unwrap().parse().unwrap();
    let key = |organization| Key { organization, session: place.session.id };
    assert!(place.app.live.room(key(id(&eve))).await.is_err());
    assert!(place.app.live.room(key(id(&place.ada))).await.is_ok());
}
