//! The main job, played through.
use crate::support::{
    Atelier, Wire,
    sheet::{single, tally},
    wire::over_every_wire,
};

over_every_wire! { an_instructor_asks_and_everybody_sees_the_answer => main_job }

async fn main_job(wire: Wire) {
    let app = Atelier::over_wire(wire).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let screen = ada.projects(&session).await;
    let bo = session.joins("Bo").await;
    let cy = session.joins("Cy").await;
    let poll = single("Tea?", &["yes", "no"]);
    host.opens(&poll).await;
    bo.votes(&poll, &["yes"]).await;
    cy.votes(&poll, &["no"]).await;
    bo.votes(&poll, &["no"]).await;
    for client in [&host, &screen, &bo, &cy] {
        client.sees(&poll, tally!["no": 2]).await;
    }
    app.agrees_with(&session, &[&host, &screen, &bo, &cy]).await;
    host.does(poll.close()).await;
    app.agrees_with(&session, &[&host, &screen, &bo, &cy]).await;
}
