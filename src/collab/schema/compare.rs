//! What has changed between two states of a document, as people read it: field by field, items by their ids.
use std::collections::HashMap;

use super::{
    Content, Field, Item, Schema, Shape, Value,
    content::number,
    diff::changes,
    page::{heading, title},
    rich::{Element, Node, Rich, Span, compared, marked_words},
};

/// A field that has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Its name.
    pub field: &'static str,
    /// Both states in one, safe to show. Empty if there is nothing to read in it, as in the points of a line.
    pub html: String,
    /// Of a field with items: all that were or are in it, in their order.
    pub items: Vec<ItemChange>,
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is there still.
    Kept,
}

/// An item that was or is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemChange {
    /// Its id.
    pub id: String,
    /// What became of it.
    pub fate: Fate,
    /// Has it another place among the others?
    pub moved: bool,
    /// What has changed in it.
    pub fields: Vec<FieldChange>,
}

/// All fields that differ, but for `but`.
pub fn changed(schema: &Schema, old: &Content, new: &Content, but: &str) -> Vec<FieldChange> {
    let fields = schema.fields.iter().filter(|field| field.name != but);
    fields.filter_map(|field| changed_field(field, old.get(field.name), new.get(field.name))).collect()
}

fn changed_field(field: &'static Field, old: Option<&Value>, new: Option<&Value>) -> Option<FieldChange> {
    if let Shape::Items(inner) = field.shape {
        return changed_items(field.name, inner, list(old), list(new));
    }
    if old == new {
        return None;
    }
    Some(FieldChange { field: field.name, html: html(both(field.shape, old, new)), items: vec![] })
}

fn html(nodes: Vec<Node>) -> String {
    Rich { nodes, ..Rich::default() }.to_html()
}

/// Both values in one.
fn both(shape: Shape, old: Option<&Value>, new: Option<&Value>) -> Vec<Node> {
    match shape {
        Shape::Rich => compared(rich(old), rich(new)),
        Shape::Json | Shape::Items(_) => vec![],
        Shape::Text => vec![Node::Text(marked_words(&words(old), &words(new)))],
        // Not word by word: a date is a date.
        Shape::Word | Shape::Number | Shape::Flag => {
            let (mut gone, mut come) = (marked_words(&words(old), ""), marked_words("", &words(new)));
            if old == new {
                (gone, come) = (vec![], vec![Span::plain(&words(new))]);
            }
            if !gone.is_empty() && !come.is_empty() {
                gone.push(Span::plain(" "));
            }
            gone.append(&mut come);
            vec![Node::Text(gone)]
        }
    }
}

fn rich(value: Option<&Value>) -> &[Node] {
    match value {
        Some(Value::Rich(rich)) => &rich.nodes,
        _ => &[],
    }
}

fn list(value: Option<&Value>) -> &[Item] {
    match value {
        Some(Value::Items(items)) => items,
        _ => &[],
    }
}

/// A short value as people read it.
fn words(value: Option<&Value>) -> String {
    match value {
        Some(Value::Text(text) | Value::Word(Some(text))) => text.clone(),
        Some(Value::Number(Some(value))) => number(*value).to_string(),
        Some(Value::Flag(true)) => "✓".to_owned(),
        _ => String::new(),
    }
}

fn changed_items(name: &'static str, inner: &'static [Field], old: &[Item], new: &[Item]) -> Option<FieldChange> {
    let before: HashMap<&str, &Item> = old.iter().map(|item| (item.id.as_str(), item)).collect();
    let after: HashMap<&str, &Item> = new.iter().map(|item| (item.id.as_str(), item)).collect();
    let (mut nodes, mut items, mut at) = (vec![], vec![], 0);
    let mut add = |id: &str, moved: bool| {
        let (old, new) = (before.get(id).copied(), after.get(id).copied());
        let item = changed_item(inner, id, old, new, moved);
        nodes.extend(shown(inner, &item, old, new));
        items.push(item);
    };
    let ids = |items: &[Item]| items.iter().map(|item| item.id.clone()).collect::<Vec<_>>();
    let (old_ids, new_ids) = (ids(old), ids(new));
    for change in changes(&old_ids, &new_ids) {
        new_ids[at..change.new.start].iter().for_each(|id| add(id, false));
        at = change.new.end;
        old_ids[change.old].iter().filter(|id| !after.contains_key(id.as_str())).for_each(|id| add(id, false));
        new_ids[change.new].iter().for_each(|id| add(id, before.contains_key(id.as_str())));
    }
    new_ids[at..].iter().for_each(|id| add(id, false));
    let same = |item: &ItemChange| item.fate == Fate::Kept && !item.moved && item.fields.is_empty();
    if items.iter().all(same) { None } else { Some(FieldChange { field: name, html: html(nodes), items }) }
}

fn changed_item(inner: &'static [Field], id: &str, old: Option<&Item>, new: Option<&Item>, moved: bool) -> ItemChange {
    let fate = match (old, new) {
        (None, _) => Fate::Added,
        (_, None) => Fate::Removed,
        _ => Fate::Kept,
    };
    let value = |item: Option<&'_ Item>, field: &Field| item.and_then(|item| item.fields.get(field.name)).cloned();
    let fields = inner.iter().filter_map(|field| {
        let (old, new) = (value(old, field), value(new, field));
        let blank = |value: Option<&Value>| value.is_none_or(is_blank);
        if fate != Fate::Kept && blank(old.as_ref()) && blank(new.as_ref()) {
            return None;
        }
        changed_field(field, old.as_ref(), new.as_ref())
    });
    ItemChange { id: id.to_owned(), fate, moved, fields: fields.collect() }
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Rich(rich) => rich.reduced().is_empty(),
        Value::Json(json) => json.is_null(),
        value => words(Some(value)).is_empty(),
    }
}

/// An item to read: its first text as a heading, and of the rest what has changed.
fn shown(inner: &'static [Field], item: &ItemChange, old: Option<&Item>, new: Option<&Item>) -> Vec<Node> {
    let drawn = inner.iter().any(|field| field.shape == Shape::Json);
    let mut nodes = vec![];
    for (number, field) in inner.iter().enumerate() {
        let value = |item: Option<&'_ Item>| item.and_then(|item| item.fields.get(field.name)).cloned();
        let (old, new) = (value(old), value(new));
        let both = || both(field.shape, old.as_ref(), new.as_ref());
        let changed = item.fields.iter().any(|change| change.field == field.name);
        match field.shape {
            Shape::Text if number == 0 => nodes.push(heading(3, both())),
            _ if !changed => {}
            Shape::Text => nodes.push(Node::Element(Element::new("paragraph", both()))),
            Shape::Rich => nodes.extend(both()),
            // Where on the board it is, nobody reads.
            Shape::Word | Shape::Number | Shape::Flag if !drawn => {
                let name = Node::Text(vec![Span::plain(&format!("{}: ", title(field.name)))]);
                nodes.push(Node::Element(Element::new("paragraph", [vec![name], both()].concat())));
            }
            _ => {}
        }
    }
    nodes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::collab::schema::Kind;

    fn plan(json: &serde_json::Value) -> Content {
        Content::from_json(Kind::BuilderSession.schema(), json).unwrap()
    }
    fn of(old: &serde_json::Value, new: &serde_json::Value) -> Vec<FieldChange> {
        changed(Kind::BuilderSession.schema(), &plan(old), &plan(new), "comments")
    }
    const IDS: [&str; 3] = [
        "00000000-0000-4000-8000-00000000000a",
        "00000000-0000-4000-8000-00000000000b",
        "00000000-0000-4000-8000-00000000000c",
    ];

    #[test]
    fn only_fields_that_differ_are_there() {
        let old = json!({ "title": "Trust in teams", "objective": "They know **why**.", "comments": [] });
        let new = json!({ "title": "Trust in large teams", "objective": "They know **why**.",
            "comments": [{ "id": IDS[0], "body": "?" }] });
        let found = of(&old, &new);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].field, found[0].html.as_str()), ("title", "Trust in <ins>large </ins>teams"));
        assert_eq!(of(&old, &old), []);
    }

    #[test]
    fn items_come_go_move_and_change() {
        let item =
            |n: usize, title: &str, minutes: u32| json!({ "id": IDS[n], "title": title, "durationMinutes": minutes });
        let old = json!({ "agenda": [item(0, "Welcome", 10), item(1, "Lunch", 60), item(2, "Feedback", 15)] });
        let new = json!({ "agenda": [item(2, "Feedback", 15), item(0, "Warm welcome", 20)] });
        let found = of(&old, &new);
        let items: Vec<_> =
            found[0].items.iter().map(|item| (item.id.as_str(), item.fate, item.moved, item.fields.len())).collect();
        assert_eq!(
            items,
            [(IDS[1], Fate::Removed, false, 2), (IDS[2], Fate::Kept, false, 0), (IDS[0], Fate::Kept, true, 2),]
        );
        assert_eq!(
            found[0].html,
            "<h3><del>Lunch</del></h3><p>Duration minutes: <del>60</del></p><h3>Feedback</h3>\
             <h3><del>Welcome</del><ins>Warm welcome</ins></h3><p>Duration minutes: <del>10</del> <ins>20</ins></p>"
        );
        let added = of(
            &json!({ "agenda": [item(0, "Welcome", 10)] }),
            &json!({ "agenda": [item(0, "Welcome", 10), item(1, "Lunch", 60)] }),
        );
        assert_eq!((added[0].items[1].fate, added[0].items[0].fields.len()), (Fate::Added, 0));
    }

    #[test]
    fn a_drawing_has_no_words_but_changes() {
        let shape = |x: u32| json!({ "shapes": [{ "id": IDS[0], "kind": "note", "x": x, "text": "Hello" }] });
        let board = |json| Content::from_json(Kind::LiveWhiteboard.schema(), &json).unwrap();
        let found = changed(Kind::LiveWhiteboard.schema(), &board(shape(1)), &board(shape(2)), "");
        assert_eq!((found[0].html.as_str(), found[0].items[0].fields[0].field), ("", "x"));
    }
}
