//! Clients of coaching: found by their address, made at once, and called what their coach calls them.
use serde_json::{Value, json};
use sqlx::Connection;

use super::refused::somebody_waits;
use crate::support::Atelier;

/// Another coach makes the coaching session of the same live session at this very moment.
#[tokio::test]
async fn two_who_summarise_a_live_session_at_once_share_its_coaching_session() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let cho = ada.hires(&app, "cho", "coach").await;
    let session = ada.creates("Coaching").await.id.uuid().to_string();
    let mut behind = app.database.superuser().await;
    let mut other = behind.begin().await.unwrap();
    sqlx::query(
        "WITH k AS (INSERT INTO coach_profiles (organization_id, user_id)
             SELECT organization_id, $2::uuid FROM live_sessions WHERE id = $1::uuid RETURNING organization_id, id)
         INSERT INTO coaching_sessions (organization_id, coach_id, live_session_id, session_date)
             SELECT organization_id, id, $1::uuid, '2026-11-20' FROM k",
    )
    .bind(&session)
    .bind(cho.body["user"]["id"].as_str().unwrap())
    .execute(&mut *other)
    .await
    .unwrap();
    let deciding = async {
        somebody_waits(&mut app.database.superuser().await).await;
        other.commit().await.unwrap();
    };
    let wish = json!({ "clientName": "Bo", "sessionDate": "2026-11-20", "liveSession": session });
    let (made, ()) = tokio::join!(ada.post("/summaries", wish), deciding);
    made.is(201);
    let sessions = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM coaching_sessions");
    assert_eq!(sessions.fetch_one(&mut behind).await.unwrap(), 1);
}

#[tokio::test]
async fn a_coach_does_not_learn_how_another_one_calls_a_client() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let cho = ada.hires(&app, "cho", "coach").await;
    let dan = ada.hires(&app, "dan", "coach").await;
    let wish =
        |name: &str, email: Value| json!({ "clientName": name, "clientEmail": email, "sessionDate": "2026-11-20" });
    let first = cho.post("/summaries", wish("Bo Secret", json!("bo@example.org"))).await;
    assert_eq!(first.is(201).body["client"]["name"], "Bo Secret");
    let second = dan.post("/summaries", wish("Robert", json!("BO@example.org"))).await;
    assert_eq!(second.is(201).body["client"]["id"], first.body["client"]["id"], "one person");
    let path = format!("/summaries/{}", second.text("/id"));
    for seen in [second.body.clone(), dan.get(&path).await.body.clone(), dan.get("/summaries").await.body.clone()] {
        assert!(!seen.to_string().contains("Secret") && seen.to_string().contains("Robert"), "{seen}");
    }
    // They are found again by what they are called here, and by no other name.
    let again = dan.post("/summaries", wish("robert", Value::Null)).await;
    assert_eq!(again.is(201).body["client"]["id"], second.body["client"]["id"]);
    let other = dan.post("/summaries", wish("Bo Secret", Value::Null)).await;
    assert_ne!(other.is(201).body["client"]["id"], first.body["client"]["id"]);
    // Whoever has made them and whoever sees all coaching know them by their name.
    let third = cho.post("/summaries", wish("B.", json!("bo@example.org"))).await;
    assert_eq!(third.is(201).body["client"]["name"], "Bo Secret");
    assert_eq!(ada.get(&path).await.is(200).body["client"]["name"], "Bo Secret");
}
