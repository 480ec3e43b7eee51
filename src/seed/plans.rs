//! Two plans of trainings and two summaries of coaching, as somebody would have left them yesterday.
use anyhow::anyhow;
use chrono::{NaiveDate, TimeDelta};
use uuid::Uuid;

use crate::{
    builder::{self, AgendaItem, http::CreatePlan},
    coaching::{self, Action, CreateSummary},
    db::{Db, TenantTx},
    http::Problem,
    kernel::{Caller, Clock},
};

/// Makes them. Nobody has opened their documents yet: those are made from what is written here.
pub async fn write(db: &Db, clock: &Clock, caller: &Caller) -> anyhow::Result<()> {
    let mut tx = db.tenant(caller).await?;
    indexes(&mut tx, clock, caller).await.map_err(|problem| told(&problem))?;
    feedback(&mut tx, clock, caller).await.map_err(|problem| told(&problem))?;
    let today = clock.now().date_naive();
    meetings(&mut tx, clock, caller, today).await.map_err(|problem| told(&problem))?;
    delegating(&mut tx, clock, caller, today).await.map_err(|problem| told(&problem))?;
    Ok(tx.commit().await?)
}

fn told(problem: &Problem) -> anyhow::Error {
    anyhow!("{}", problem.title)
}

struct Step(&'static str, i32, &'static str, &'static str);

async fn plan(
    tx: &mut TenantTx,
    clock: &Clock,
    caller: &Caller,
    wish: CreatePlan,
    steps: &[Step],
) -> Result<Uuid, Problem> {
    let id = builder::http::insert(tx, clock, caller, &wish).await?;
    let agenda = steps.iter().map(|Step(title, minutes, description, notes)| AgendaItem {
        id: clock.id::<()>().uuid(),
        title: (*title).to_owned(),
        duration_minutes: Some(*minutes),
        description: Some((*description).to_owned()).filter(|text| !text.is_empty()),
        notes: Some((*notes).to_owned()).filter(|text| !text.is_empty()),
    });
    if let Some(texts) = builder::read_texts(tx, id).await? {
        let texts = builder::Texts { agenda: agenda.collect(), ..texts };
        builder::write_texts(tx, id, &texts, None).await?;
    }
    Ok(id)
}

async fn indexes(tx: &mut TenantTx, clock: &Clock, caller: &Caller) -> Result<(), Problem> {
    let wish = CreatePlan {
        title: "Indexes that pay for themselves".to_owned(),
        subtitle: Some("Reading query plans without fear".to_owned()),
        audience: "Backend developers who write SQL every week and have never been shown how it is executed."
            .to_owned(),
        objective:
            "Afterwards everybody can\n\n- read a plan and say **where the time goes**,\n- decide whether an index \
                    helps, and which one,\n- explain why an index that is there is not used."
                .to_owned(),
    };
    let steps = [
        Step(
            "What hurts",
            15,
            "Everybody brings one slow query. We collect guesses about the reason on a poll.",
            "Keep the guesses: they are compared with the findings at the end.",
        ),
        Step(
            "How a plan is read",
            35,
            "From the inside out, with `EXPLAIN (ANALYZE, BUFFERS)`:\n\n1. rows expected and \
              rows found\n2. loops\n3. what came from disk",
            "",
        ),
        Step("Break", 10, "", ""),
        Step(
            "Three indexes, one table",
            45,
            "In pairs: find the index that serves all three queries.",
            "Hint after 20 minutes: the order of the columns.",
        ),
        Step("Back to what hurts", 15, "Was the first guess right?", ""),
    ];
    plan(tx, clock, caller, wish, &steps).await.map(drop)
}

async fn feedback(tx: &mut TenantTx, clock: &Clock, caller: &Caller) -> Result<(), Problem> {
    let wish = CreatePlan {
        title: "Feedback that is heard".to_owned(),
        subtitle: None,
        audience: "New team leads, at most twelve".to_owned(),
        objective: "Say what was seen, what it did, and what is wished for, **in that order**, and bear the silence \
                    after it."
            .to_owned(),
    };
    let steps = [
        Step("The last one I remember", 20, "A round: one piece of feedback that stuck, and why.", ""),
        Step(
            "Three sentences",
            30,
            "Practise in threes; the third person only watches.",
            "Change roles every ten minutes.",
        ),
    ];
    plan(tx, clock, caller, wish, &steps).await.map(drop)
}

async fn summary(
    tx: &mut TenantTx,
    clock: &Clock,
    caller: &Caller,
    (name, email, date): (&str, &str, NaiveDate),
    texts: coaching::Texts,
) -> Result<Uuid, Problem> {
    let wish = CreateSummary {
        client_name: name.to_owned(),
        client_email: Some(email.to_owned()),
        session_date: date,
        live_session: None,
    };
    let id = coaching::insert(tx, clock, caller, &wish).await?;
    coaching::write_texts(tx, id, &texts, None).await?;
    Ok(id)
}

fn action(clock: &Clock, text: &str, due: NaiveDate) -> Action {
    Action {
        id: clock.id::<()>().uuid(),
        text: text.to_owned(),
        due_on: Some(due.format("%Y-%m-%d").to_string()),
        ..Action::default()
    }
}

async fn meetings(tx: &mut TenantTx, clock: &Clock, caller: &Caller, today: NaiveDate) -> Result<(), Problem> {
    let texts = coaching::Texts {
        wins: Some(
            "- Said no to a meeting for the first time, and nothing broke.\n- The weekly review takes 20 minutes \
                    instead of an hour."
                .to_owned(),
        ),
        challenges: Some(
            "Interruptions in the morning are still taken as *urgent* before anybody has asked.".to_owned(),
        ),
        recommendations: Some("Two hours without a calendar, three mornings a week, announced to the team.".to_owned()),
        actions: vec![
            action(clock, "Block Tuesday, Wednesday and Thursday from 8 to 10", today + TimeDelta::days(3)),
            Action {
                owner: Some("Jonas".to_owned()),
                ..action(clock, "Agree with the team what counts as urgent", today + TimeDelta::days(7))
            },
        ],
        edited: Some(
            "Dear Jonas,\n\nyou came with a full calendar and went with a sentence: *I will look at it at ten.* \
                      Keep it. Next time we look at what the two free hours were used for."
                .to_owned(),
        ),
    };
    let about = ("Jonas Weber", "jonas.weber@client.example", today - TimeDelta::days(1));
    let id = summary(tx, clock, caller, about, texts).await?;
    coaching::begin_refinement(tx, clock, id, Some(caller.user.uuid())).await?;
    Ok(())
}

async fn delegating(tx: &mut TenantTx, clock: &Clock, caller: &Caller, today: NaiveDate) -> Result<(), Problem> {
    let texts = coaching::Texts {
        wins: Some("Handed over the release notes completely, including the mistakes in them.".to_owned()),
        challenges: Some("Letting go is easy for tasks and hard for **decisions**.".to_owned()),
        actions: vec![action(
            clock,
            "Name one decision that the team takes alone from now on",
            today + TimeDelta::days(5),
        )],
        ..coaching::Texts::default()
    };
    let about = ("Mira Okafor", "mira.okafor@client.example", today - TimeDelta::days(4));
    summary(tx, clock, caller, about, texts).await.map(drop)
}
