//! What a document says, read from yrs. Whatever clients have put where it does not belong is as if it were not there.
use serde_json::Value as Json;
use yrs::{Any, Array, ArrayRef, GetString, Map, MapRef, Out, ReadTxn, Text, Xml, XmlElementRef, types::Attrs};

use super::value::to_json;
use crate::collab::schema::{
    Content, Field, Fields, Item, ORDER, Schema, Shape, Value,
    rich::{Attributes, Element, Node, Precision, Rich, Span},
};

/// All fields.
pub(super) fn content<T: ReadTxn>(txn: &T, schema: &Schema) -> Content {
    let mut fields = Fields::new();
    for field in schema.fields {
        let value = match field.shape {
            Shape::Text => Value::Text(txn.get_text(field.name).map(|text| text.get_string(txn)).unwrap_or_default()),
            Shape::Rich => {
                let nodes = txn.get_xml_fragment(field.name).map(|fragment| nodes(txn, fragment.as_ref()));
                Value::Rich(rich(nodes.unwrap_or_default()))
            }
            Shape::Items(inner) => {
                let items = txn.get_map(field.name).map(|map| items(txn, &map, inner)).unwrap_or_default();
                Value::Items(items.into_iter().map(|placed| placed.item).collect())
            }
            // Roots cannot be plain values.
            Shape::Word | Shape::Number | Shape::Flag | Shape::Json => continue,
        };
        fields.insert(field.name, value);
    }
    Content { fields }
}

/// An item, where it is kept, and its key among its siblings.
pub(super) struct Placed {
    pub(super) item: Item,
    pub(super) map: MapRef,
    pub(super) order: String,
}

/// Items in their order.
pub(super) fn items<T: ReadTxn>(txn: &T, map: &MapRef, inner: &'static [Field]) -> Vec<Placed> {
    let mut items = vec![];
    for (id, out) in map.iter(txn) {
        let Out::YMap(map) = out else { continue };
        let order = match map.get(txn, ORDER) {
            Some(Out::Any(Any::String(order))) => order.to_string(),
            _ => String::new(),
        };
        let fields = inner.iter().map(|field| (field.name, value(txn, &map, field))).collect();
        items.push(Placed { item: Item { id: id.to_owned(), fields }, map, order });
    }
    items.sort_by(|one, other| (&one.order, &one.item.id).cmp(&(&other.order, &other.item.id)));
    items
}

/// A field of an item.
fn value<T: ReadTxn>(txn: &T, map: &MapRef, field: &Field) -> Value {
    let out = map.get(txn, field.name);
    match (field.shape, out) {
        (Shape::Text, Some(Out::YText(text))) => Value::Text(text.get_string(txn)),
        (Shape::Text, Some(Out::Any(Any::String(text)))) => Value::Text(text.to_string()),
        (Shape::Text, _) => Value::Text(String::new()),
        (Shape::Rich, Some(Out::YXmlFragment(fragment))) => Value::Rich(rich(nodes(txn, fragment.as_ref()))),
        (Shape::Rich, _) => Value::Rich(Rich::default()),
        (Shape::Word, Some(Out::Any(Any::String(word)))) => Value::Word(Some(word.to_string())),
        (Shape::Word, _) => Value::Word(None),
        (Shape::Number, Some(Out::Any(Any::Number(number)))) => {
            Value::Number(number.as_f64().filter(|number| number.is_finite()))
        }
        (Shape::Number, _) => Value::Number(None),
        (Shape::Flag, out) => Value::Flag(matches!(out, Some(Out::Any(Any::Bool(true))))),
        (Shape::Json, Some(Out::Any(value))) => Value::Json(to_json(&value)),
        (Shape::Json, _) => Value::Json(Json::Null),
        (Shape::Items(_), _) => Value::Items(vec![]),
    }
}

fn rich(nodes: Vec<Node>) -> Rich {
    Rich { nodes, precision: Precision::Exact }
}

/// The children of a fragment or an element. The gate lets nothing else than elements and texts be among them.
pub(super) fn children<T: ReadTxn>(txn: &T, parent: &ArrayRef) -> Vec<Out> {
    parent.iter(txn).collect()
}

fn nodes<T: ReadTxn>(txn: &T, parent: &ArrayRef) -> Vec<Node> {
    children(txn, parent).iter().filter_map(|out| node(txn, out)).collect()
}

/// An element or a text with all that is in it.
pub(super) fn node<T: ReadTxn>(txn: &T, out: &Out) -> Option<Node> {
    match out {
        Out::YXmlElement(found) => Some(Node::Element(element(txn, found))),
        Out::YXmlText(text) => Some(Node::Text(spans(txn, text))),
        _ => None,
    }
}

fn element<T: ReadTxn>(txn: &T, element: &XmlElementRef) -> Element {
    Element {
        name: element.try_tag().map(ToString::to_string).unwrap_or_default(),
        attributes: attributes(txn, element),
        children: nodes(txn, element.as_ref()),
    }
}

/// The attributes of an element that are not null.
pub(super) fn attributes<T: ReadTxn>(txn: &T, element: &XmlElementRef) -> Attributes {
    let plain = element.attributes(txn).filter_map(|(name, out)| match out {
        Out::Any(value) => Some((name.to_owned(), to_json(&value))),
        _ => None,
    });
    plain.filter(|(_, value)| !value.is_null()).collect()
}

/// A text in pieces with the same marks.
pub(super) fn spans<T: ReadTxn>(txn: &T, text: &impl Text) -> Vec<Span> {
    let mut spans: Vec<Span> = vec![];
    for part in text.diff(txn, |change| change) {
        let marks = marks(part.attributes.as_deref());
        let text = match part.insert {
            Out::Any(Any::String(text)) => text.to_string(),
            _ => "\u{FFFC}".to_owned(),
        };
        match spans.last_mut() {
            Some(last) if last.marks == marks && text != "\u{FFFC}" && last.text != "\u{FFFC}" => {
                last.text.push_str(&text);
            }
            _ => spans.push(Span { text, marks }),
        }
    }
    spans
}

fn marks(attributes: Option<&Attrs>) -> Attributes {
    attributes.into_iter().flatten().map(|(name, value)| (name.to_string(), to_json(value))).collect()
}
