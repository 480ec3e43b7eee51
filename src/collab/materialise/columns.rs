//! What a document says and what is in columns, into each other.
use uuid::Uuid;

use crate::{
    builder, coaching,
    collab::{
        Kind, Name,
        schema::{Content, Fields, Item, Value, rich::Rich},
    },
    db::TenantTx,
    kernel::text,
};

/// What the columns say, for a document that is to be made. None: nothing that a document could say.
pub(super) async fn read(tx: &mut TenantTx, name: Name) -> Result<Option<Content>, sqlx::Error> {
    Ok(match name.kind {
        Kind::BuilderSession => builder::read_texts(tx, name.subject).await?.map(|texts| plan(&texts)),
        Kind::Summary => coaching::read_texts(tx, name.subject).await?.map(|texts| summary(&texts)),
        Kind::LiveNotes | Kind::LiveWhiteboard => None,
    })
}

/// Writes a valid content into the columns.
pub(super) async fn write(
    tx: &mut TenantTx,
    name: Name,
    content: &Content,
    author: Option<Uuid>,
) -> Result<(), sqlx::Error> {
    match name.kind {
        Kind::BuilderSession => builder::write_texts(tx, name.subject, &plan_texts(content), author).await,
        Kind::Summary => coaching::write_texts(tx, name.subject, &summary_texts(content), author).await,
        Kind::LiveNotes | Kind::LiveWhiteboard => Ok(()),
    }
}

fn short(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn long(markdown: Option<&str>) -> Value {
    Value::Rich(Rich::from_markdown(markdown.unwrap_or_default()))
}

fn plan(texts: &builder::Texts) -> Content {
    let agenda = texts.agenda.iter().map(|item| Item {
        id: item.id.hyphenated().to_string(),
        fields: Fields::from([
            ("title", short(&item.title)),
            ("description", long(item.description.as_deref())),
            ("durationMinutes", Value::Number(item.duration_minutes.map(f64::from))),
            ("notes", long(item.notes.as_deref())),
        ]),
    });
    let fields = Fields::from([
        ("title", short(&texts.title)),
        ("subtitle", short(texts.subtitle.as_deref().unwrap_or_default())),
        ("audience", short(&texts.audience)),
        ("objective", long(Some(&texts.objective))),
        ("agenda", Value::Items(agenda.collect())),
    ]);
    Content { fields }
}

fn summary(texts: &coaching::Texts) -> Content {
    let actions = texts.actions.iter().map(|action| Item {
        id: action.id.hyphenated().to_string(),
        fields: Fields::from([
            ("text", short(&action.text)),
            ("owner", Value::Word(action.owner.clone())),
            ("dueOn", Value::Word(action.due_on.clone())),
            ("done", Value::Flag(action.done)),
        ]),
    });
    let fields = Fields::from([
        ("wins", long(texts.wins.as_deref())),
        ("challenges", long(texts.challenges.as_deref())),
        ("recommendations", long(texts.recommendations.as_deref())),
        ("actions", Value::Items(actions.collect())),
        ("edited", long(texts.edited.as_deref())),
    ]);
    Content { fields }
}

/// One line, as people see it.
fn line(fields: &Fields, name: &str) -> String {
    match fields.get(name) {
        Some(Value::Text(text) | Value::Word(Some(text))) => text::line(text),
        _ => String::new(),
    }
}

/// Several lines of plain text, or Markdown.
fn lines(fields: &Fields, name: &str) -> String {
    match fields.get(name) {
        Some(Value::Text(text)) => text::block(text),
        Some(Value::Rich(rich)) => text::block(&rich.to_markdown()),
        _ => String::new(),
    }
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn items<'a>(content: &'a Content, name: &str) -> impl Iterator<Item = (Uuid, &'a Fields)> {
    let items = match content.get(name) {
        Some(Value::Items(items)) => items.as_slice(),
        _ => &[],
    };
    items.iter().filter_map(|item| Some((item.id.parse().ok()?, &item.fields)))
}

fn plan_texts(content: &Content) -> builder::Texts {
    let agenda = items(content, "agenda").map(|(id, fields)| builder::AgendaItem {
        id,
        title: line(fields, "title"),
        description: some(lines(fields, "description")),
        duration_minutes: match fields.get("durationMinutes") {
            Some(Value::Number(Some(minutes))) => whole(*minutes),
            _ => None,
        },
        notes: some(lines(fields, "notes")),
    });
    builder::Texts {
        title: line(&content.fields, "title"),
        subtitle: some(line(&content.fields, "subtitle")),
        audience: lines(&content.fields, "audience"),
        objective: lines(&content.fields, "objective"),
        agenda: agenda.collect(),
    }
}

fn summary_texts(content: &Content) -> coaching::Texts {
    let actions = items(content, "actions").map(|(id, fields)| coaching::Action {
        id,
        text: line(fields, "text"),
        owner: some(line(fields, "owner")),
        due_on: some(line(fields, "dueOn")),
        done: matches!(fields.get("done"), Some(Value::Flag(true))),
    });
    coaching::Texts {
        wins: some(lines(&content.fields, "wins")),
        challenges: some(lines(&content.fields, "challenges")),
        recommendations: some(lines(&content.fields, "recommendations")),
        actions: actions.collect(),
        edited: some(lines(&content.fields, "edited")),
    }
}

/// The rules of the schema let only numbers through that fit.
#[expect(clippy::cast_possible_truncation, reason = "checked just before")]
fn whole(number: f64) -> Option<i32> {
    (number >= 1.0 && number <= f64::from(i32::MAX) && number.fract() == 0.0).then_some(number as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collab::document::Document;

    /// Columns into a document and back.
    fn there_and_back(kind: Kind, content: &Content) -> Content {
        let mut document = Document::new(kind.schema(), 7);
        document.write(content, "test").unwrap();
        document.read().unwrap()
    }

    #[test]
    fn a_plan_survives_its_document() {
        let texts = builder::Texts {
            title: "Indexes".to_owned(),
            subtitle: None,
            audience: "Developers\nand operators".to_owned(),
            objective: "Read a **plan**.\n\n- [ ] try".to_owned(),
            agenda: [2_u128, 1]
                .map(|id| builder::AgendaItem {
                    id: Uuid::from_u128(id),
                    title: format!("Step {id}"),
                    description: Some("## How".to_owned()).filter(|_| id == 1),
                    duration_minutes: Some(15).filter(|_| id == 2),
                    notes: None,
                })
                .to_vec(),
        };
        assert_eq!(plan_texts(&there_and_back(Kind::BuilderSession, &plan(&texts))), texts);
    }

    #[test]
    fn a_summary_survives_its_document() {
        let texts = coaching::Texts {
            wins: Some("She **asked**.".to_owned()),
            actions: vec![coaching::Action {
                id: Uuid::from_u128(3),
                text: "Call".to_owned(),
                owner: Some("Bo".to_owned()),
                due_on: Some("2026-12-01".to_owned()),
                done: true,
            }],
            ..coaching::Texts::default()
        };
        assert_eq!(summary_texts(&there_and_back(Kind::Summary, &summary(&texts))), texts);
    }

    #[test]
    fn what_cannot_be_stored_or_seen_does_not_reach_columns() {
        let content = Content { fields: Fields::from([("title", short(" a\0b\n\u{202E}c "))]) };
        assert_eq!(plan_texts(&content).title, "a b c");
    }
}
