//! A whole document as one page of rich text, for export and for search.
use super::{
    Field, Schema, Shape,
    content::{Content, Fields, Item, Value},
    rich::{Element, Node, Rich, Span},
};

/// Short texts first, the first of them as the title; then each longer one under a heading; items with headings of their
/// own. Remarks and drawings are no text of the document.
pub(super) fn page(schema: &Schema, content: &Content) -> Rich {
    let mut nodes = vec![];
    for (number, field) in schema.fields.iter().enumerate() {
        match content.get(field.name) {
            Some(Value::Text(text)) if number == 0 => headed(1, text, &mut nodes),
            Some(Value::Text(text)) => line(text, &mut nodes),
            Some(Value::Rich(rich)) => {
                if schema.fields.iter().filter(|field| field.shape == Shape::Rich).count() > 1 && !is_empty(rich) {
                    headed(2, &title(field.name), &mut nodes);
                }
                nodes.extend(rich.nodes.iter().cloned());
            }
            Some(Value::Items(items)) if !items.is_empty() && is_text(field) => {
                headed(2, &title(field.name), &mut nodes);
                for one in items {
                    item(field, one, &mut nodes);
                }
            }
            _ => {}
        }
    }
    Rich { nodes, ..Rich::default() }
}

/// Remarks are anchored, drawings have places; both are left out.
fn is_text(field: &Field) -> bool {
    matches!(field.shape, Shape::Items(inner) if !inner.iter().any(|field| field.shape == Shape::Json))
}

fn item(field: &Field, item: &Item, nodes: &mut Vec<Node>) {
    let Shape::Items(inner) = field.shape else { return };
    for (number, field) in inner.iter().enumerate() {
        match item.fields.get(field.name) {
            Some(Value::Text(text)) if number == 0 => headed(3, text, nodes),
            Some(Value::Text(text)) => line(text, nodes),
            Some(Value::Rich(rich)) => nodes.extend(rich.nodes.iter().cloned()),
            _ => {}
        }
    }
    let facts = facts(inner, &item.fields);
    line(&facts, nodes);
}

fn facts(inner: &[Field], fields: &Fields) -> String {
    let facts = inner.iter().filter_map(|field| {
        let value = match fields.get(field.name)? {
            Value::Word(Some(word)) if !word.is_empty() => word.clone(),
            Value::Number(Some(number)) => number.to_string(),
            Value::Flag(true) => "✓".to_owned(),
            _ => return None,
        };
        Some(format!("{}: {value}", title(field.name)))
    });
    facts.collect::<Vec<_>>().join(" · ")
}

/// `durationMinutes` as "Duration minutes".
pub(super) fn title(name: &str) -> String {
    let mut title = String::new();
    for c in name.chars() {
        if title.is_empty() {
            title.extend(c.to_uppercase());
        } else if c.is_uppercase() {
            title.push(' ');
            title.extend(c.to_lowercase());
        } else {
            title.push(c);
        }
    }
    title
}

fn is_empty(rich: &Rich) -> bool {
    rich.reduced().is_empty()
}

/// A heading with this in it.
pub(super) fn heading(level: u8, line: Vec<Node>) -> Node {
    Node::Element(Element::new("heading", line).with("level", level))
}

fn headed(level: u8, text: &str, nodes: &mut Vec<Node>) {
    if !text.trim().is_empty() {
        nodes.push(heading(level, vec![Node::Text(vec![Span::plain(text.trim())])]));
    }
}

fn line(text: &str, nodes: &mut Vec<Node>) {
    if !text.trim().is_empty() {
        nodes.push(Node::Element(Element::new("paragraph", vec![Node::Text(vec![Span::plain(text.trim())])])));
    }
}
