//! Plans and summaries: made over HTTP, written in by editors, read from columns.
use atelier::collab::Scope;
use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::editor::Editor;
use crate::support::{Account, Atelier};

impl Account {
    /// A plan: its id and the name of its document.
    pub async fn plans(&self, title: &str) -> (String, String) {
        let wish = json!({ "title": title, "audience": "Developers", "objective": "Read a **plan**." });
        let made = self.post("/builder-sessions", wish).await;
        made.is(201);
        (made.text("/id").to_owned(), made.text("/document").to_owned())
    }
    /// A summary: its id and the name of its document.
    pub async fn summarises(&self, client: &str) -> (String, String) {
        let made = self.post("/summaries", json!({ "clientName": client, "sessionDate": "2026-11-20" })).await;
        made.is(201);
        (made.text("/id").to_owned(), made.text("/document").to_owned())
    }
    /// Hires somebody who has an account of their own: signs them in here, with this role.
    pub async fn hires(&self, app: &Atelier, name: &str, role: &str) -> Account {
        let other = app.instructor(name).await;
        let organization = self.body["organization"]["id"].as_str().unwrap();
        let employ = "WITH m AS (INSERT INTO memberships (id, organization_id, user_id)
                VALUES (gen_random_uuid(), $1::uuid, $2::uuid) RETURNING id, organization_id)
            INSERT INTO membership_roles (organization_id, membership_id, role_id)
            SELECT m.organization_id, m.id, r.id FROM m, roles r WHERE r.key = $3 AND r.organization_id IS NULL";
        let made = sqlx::query(employ)
            .bind(organization)
            .bind(other.body["user"]["id"].as_str().unwrap())
            .bind(role)
            .execute(&mut app.database.superuser().await)
            .await
            .unwrap();
        assert_eq!(made.rows_affected(), 1, "{role}");
        let login = json!({ "email": other.body["user"]["email"], "password": "a long password",
            "organizationId": organization });
        let answer = app.ask(Method::POST, "/api/v1/auth/login", None, Some(&login)).await;
        Account { token: answer.is(200).text("/token").to_owned(), body: answer.body.clone(), ..other }
    }
}

#[tokio::test]
async fn a_plan_is_made_and_its_document_says_what_its_columns_say() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (id, name) = ada.plans("Indexes").await;
    let row = ada.get("/builder-sessions").await.is(200).body["items"][0].clone();
    assert_eq!((&row["id"], &row["title"], &row["mayEdit"]), (&json!(id), &json!("Indexes"), &json!(true)));
    let ticket = ada.post(&format!("/documents/{name}/ticket"), json!({})).await;
    assert!(ticket.is(200).text("/url").ends_with("/collab/hocuspocus"));
    let editor = Editor::opens(app.address, &name, ticket.text("/token")).await.comes_in().await;
    assert_eq!(editor.scope, Some(Scope::ReadWrite));
    assert_eq!((editor.text("title"), editor.text("audience")), ("Indexes".to_owned(), "Developers".to_owned()));
    let mut again = Editor::opens(app.address, &name, ticket.text("/token")).await;
    again.until("a no", |editor| editor.denied).await;
    let content = ada.get(&format!("/documents/{name}/content")).await;
    assert_eq!(content.is(200).body["title"], "Indexes");
    let view = ada.get(&format!("/builder-sessions/{id}")).await;
    assert_eq!(view.is(200).body["documentState"], json!({ "clean": true, "error": null, "frozenAt": null }));
}

#[tokio::test]
async fn a_document_ticket_opens_nothing_else() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (_, name) = ada.plans("One").await;
    let (_, other) = ada.plans("Two").await;
    let ticket = ada.post(&format!("/documents/{name}/ticket"), json!({})).await;
    let mut editor = Editor::opens(app.address, &other, ticket.is(200).text("/token")).await;
    editor.until("a no", |editor| editor.denied).await;
}

#[tokio::test]
async fn two_who_open_a_document_first_find_its_text_once() {
    let app = Atelier::start().await;
    let elsewhere = app.another(atelier::bus::Bus::local()).await;
    let ada = app.instructor("ada").await;
    for turn in 0..8 {
        let (_, name) = ada.plans(&format!("Plan {turn}")).await;
        let open = async |app: &Atelier| Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
        let (one, two) = tokio::join!(open(&app), open(&elsewhere));
        assert_eq!((one.text("title"), two.text("title")), (format!("Plan {turn}"), format!("Plan {turn}")));
    }
}

#[tokio::test]
async fn the_schedule_of_a_plan_is_changed_by_whoever_has_read_the_newest() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (id, _) = ada.plans("Indexes").await;
    let path = format!("/builder-sessions/{id}");
    let later = json!({ "scheduledAt": "2027-01-05T09:00:00Z", "durationMinutes": 90, "lockVersion": 0 });
    let changed = ada.patch(&path, later).await;
    assert_eq!((&changed.is(200).body["durationMinutes"], &changed.body["lockVersion"]), (&json!(90), &json!(1)));
    let late = ada.patch(&path, json!({ "durationMinutes": 30, "lockVersion": 0 })).await;
    late.refuses(409, "conflict");
    assert_eq!(late.body["current"]["durationMinutes"], 90);
    let cleared = ada.patch(&path, json!({ "scheduledAt": null, "lockVersion": 1 })).await;
    assert_eq!(
        (&cleared.is(200).body["scheduledAt"], &cleared.body["durationMinutes"]),
        (&Value::Null, &json!(90)),
        "what is absent stays"
    );
    ada.patch(&path, json!({ "durationMinutes": 0, "lockVersion": 2 })).await.refuses(422, "invalid");
    ada.patch(&path, json!({ "durationMinutes": 5 })).await.refuses(422, "invalid");
    ada.patch(&path, json!({ "title": "By the back door", "lockVersion": 2 })).await.refuses(422, "invalid");
}

#[tokio::test]
async fn one_client_is_one_person_and_has_one_summary_of_a_session() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Coaching").await;
    let wish = json!({ "clientName": "Bo", "clientEmail": "bo@example.org", "sessionDate": "2026-11-20",
        "liveSession": session.id });
    let first = ada.post("/summaries", wish.clone()).await;
    first.is(201);
    ada.post("/summaries", wish.clone()).await.refuses(409, "conflict");
    let mut second = wish;
    second["liveSession"] = Value::Null;
    second["clientEmail"] = json!("BO@example.org");
    let second = ada.post("/summaries", second).await;
    assert_eq!(second.is(201).body["client"], first.body["client"]);
    let (eve, session) = (app.instructor("eve").await, session.id);
    let stolen = json!({ "clientName": "Bo", "sessionDate": "2026-11-20", "liveSession": session });
    eve.post("/summaries", stolen).await.refuses(422, "invalid");
    for (field, value) in
        [("clientName", json!(" ")), ("clientEmail", json!("nobody")), ("sessionDate", json!("0001-01-01"))]
    {
        let mut wish = json!({ "clientName": "Bo", "sessionDate": "2026-11-20" });
        wish[field] = value;
        let refused = ada.post("/summaries", wish).await;
        refused.refuses(422, "invalid");
        assert_eq!(refused.body["errors"][0]["field"], field);
    }
}

#[tokio::test]
async fn members_are_found_by_name_and_guests_are_not() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let _bo = ada.hires(&app, "bo", "coach").await;
    let _eve = app.instructor("eve").await;
    let session = ada.creates("Intro").await;
    let _host = ada.starts(&session).await;
    session.joins("Bob the guest").await;
    let names = async |query: &str| {
        let answer = ada.get(&format!("/members{query}")).await;
        let items = answer.is(200).body["items"].as_array().unwrap().clone();
        items.iter().map(|member| member["displayName"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("").await, ["ada Example", "bo Example"]);
    assert_eq!(names("?search=BO").await, ["bo Example"]);
    assert_eq!(names("?search=%25").await, Vec::<String>::new());
    let first = ada.get("/members?limit=1").await;
    let next = format!("?limit=1&after={}", first.is(200).text("/next"));
    assert_eq!(names(&next).await, ["bo Example"]);
}

/// Every route about a plan or a summary, tried by those who have no business there.
#[tokio::test]
async fn nobody_without_the_right_finds_plans_and_summaries() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (plan, plan_document) = ada.plans("Secret plans").await;
    let (summary, summary_document) = ada.summarises("Secret client").await;
    let eve = app.instructor("eve").await;
    let learner = ada.hires(&app, "lea", "learner").await;
    let coach = ada.hires(&app, "cho", "coach").await;
    let trainer = ada.hires(&app, "tea", "trainer").await;
    let contract = app.ask(Method::GET, "/openapi.json", None, None).await;
    let (mut tried, anybody) = (0, Uuid::from_u128(1));
    for (path, methods) in contract.is(200).body["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
            let paths: Vec<String> = if path.contains("{document}") {
                [&plan_document, &summary_document].map(|name| path.replace("{document}", name)).to_vec()
            } else if path.starts_with("/api/v1/builder-sessions/{id}") {
                vec![path.replace("{id}", &plan)]
            } else if path.starts_with("/api/v1/summaries/{id}") {
                vec![path.replace("{id}", &summary)]
            } else {
                continue;
            };
            for path in paths {
                let path = path.replace("{user}", &anybody.to_string()).replace("{version}", &anybody.to_string());
                let body = (method != Method::GET && method != Method::DELETE).then(|| body(&path));
                for (who, token, status) in [
                    ("nobody", None, 401),
                    ("eve", Some(&eve.token), 404),
                    ("a learner", Some(&learner.token), 404),
                    ("another coach", Some(&coach.token), 404),
                    ("a trainer", Some(&trainer.token), 404),
                ] {
                    let answer = app.ask(method.clone(), &path, token.map(String::as_str), body.as_ref()).await;
                    assert_eq!(answer.status.as_u16(), status, "{who}: {method} {path}: {}", answer.body);
                    assert!(!answer.body.to_string().contains("Secret"), "{who}: {method} {path}");
                }
                tried += 1;
            }
        }
    }
    assert!(tried >= 15, "{tried}");
    for other in [&eve, &learner, &coach, &trainer] {
        for list in ["/builder-sessions", "/summaries"] {
            assert_eq!(other.get(list).await.is(200).body["items"], json!([]));
        }
    }
    let wish = json!({ "title": "T", "audience": "A", "objective": "O" });
    coach.post("/builder-sessions", wish).await.refuses(403, "forbidden");
    let wish = json!({ "clientName": "Bo", "sessionDate": "2026-11-20" });
    trainer.post("/summaries", wish).await.refuses(403, "forbidden");
}

/// What a route needs before it looks at who asks.
fn body(path: &str) -> Value {
    match path.rsplit('/').next() {
        Some("content") => json!({}),
        _ if path.contains("/collaborators/") => json!({ "level": "edit" }),
        Some("versions") => json!({ "label": "Mine" }),
        _ => json!({}),
    }
}

#[tokio::test]
async fn what_is_thrown_away_is_gone_for_those_who_have_it_open() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (id, name) = ada.plans("Indexes").await;
    let developer = ada.hires(&app, "dev", "content_developer").await;
    let mut editor = Editor::opens(app.address, &name, &developer.token).await.comes_in().await;
    developer.delete(&format!("/builder-sessions/{id}")).await.refuses(403, "forbidden");
    assert_eq!(ada.delete(&format!("/builder-sessions/{id}")).await.status.as_u16(), 204);
    editor.until("the end", |editor| editor.closed.is_some()).await;
    let mut again = Editor::opens(app.address, &name, &developer.token).await;
    again.until("a no", |editor| editor.denied).await;
    ada.get(&format!("/builder-sessions/{id}")).await.refuses(404, "not_found");
    assert_eq!(ada.get("/builder-sessions").await.is(200).body["items"], json!([]));
}
