//! Values into a document, as the smallest change: whoever edits the same field keeps his place, and nothing that
//! somebody wrote in the meantime is lost.
mod items;
mod text;
mod tree;

use yrs::{Map, MapRef, TextPrelim, TransactionMut, WriteTxn, XmlFragmentPrelim};

use super::read;
use crate::collab::schema::{Content, Field, Schema, Shape, Value, rich::Span};

/// Makes the fields of a document say what `content` says; what it does not mention stays.
pub(super) fn content(txn: &mut TransactionMut, schema: &'static Schema, content: &Content) {
    for field in schema.fields {
        match (field.shape, content.get(field.name)) {
            (Shape::Text, Some(Value::Text(wanted))) => {
                let text = txn.get_or_insert_text(field.name);
                text::plain(txn, &text, wanted);
            }
            (Shape::Rich, Some(Value::Rich(wanted))) => {
                let fragment = txn.get_or_insert_xml_fragment(field.name);
                tree::children(txn, &fragment, &wanted.nodes, wanted.precision);
            }
            (Shape::Items(inner), Some(Value::Items(wanted))) => {
                let map = txn.get_or_insert_map(field.name);
                items::items(txn, &map, inner, wanted);
            }
            _ => {}
        }
    }
}

/// Makes a field of an item say what `wanted` says.
fn field(txn: &mut TransactionMut, map: &MapRef, field: &Field, wanted: &Value) {
    let name = field.name;
    let found = map.get(txn, name);
    match (field.shape, wanted) {
        (Shape::Text, Value::Text(wanted)) => {
            let text = match found {
                Some(yrs::Out::YText(text)) => text,
                _ => map.insert(txn, name, TextPrelim::new("")),
            };
            text::plain(txn, &text, wanted);
        }
        (Shape::Rich, Value::Rich(wanted)) => {
            let fragment = match found {
                Some(yrs::Out::YXmlFragment(fragment)) => fragment,
                _ => map.insert(txn, name, XmlFragmentPrelim::default()),
            };
            tree::children(txn, &fragment, &wanted.nodes, wanted.precision);
        }
        (Shape::Word, Value::Word(wanted)) => items::set(txn, map, name, wanted.as_deref().map(Into::into)),
        (Shape::Number, Value::Number(wanted)) => {
            let number = wanted.map(|number| super::value::to_any(&crate::collab::schema::content::number(number)));
            items::set(txn, map, name, number);
        }
        (Shape::Flag, Value::Flag(wanted)) => items::set(txn, map, name, wanted.then_some(true.into())),
        (Shape::Json, Value::Json(wanted)) => {
            items::set(txn, map, name, Some(super::value::to_any(wanted)).filter(|value| *value != yrs::Any::Null));
        }
        _ => {}
    }
}

/// A text without marks.
fn plain_spans(text: &str) -> Vec<Span> {
    vec![Span::plain(text)]
}
