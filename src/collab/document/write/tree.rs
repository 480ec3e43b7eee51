//! The blocks of a rich text: those that are the same are not touched, those that are alike are changed within, the rest
//! comes and goes.
use std::ops::Range;

use serde_json::{Value as Json, json};
use yrs::{Out, TransactionMut, Xml, XmlElementPrelim, XmlElementRef, XmlFragment, XmlTextPrelim};

use super::text;
use crate::collab::document::{read, value::to_any};
use crate::collab::schema::{
    diff::changes,
    rich::{Attributes, Element, Node, Precision, alike, is_expressible_attribute, reduced},
};

/// Makes the children of a fragment or an element be `wanted`.
pub(super) fn children<P>(txn: &mut TransactionMut, parent: &P, wanted: &[Node], precision: Precision)
where
    P: XmlFragment + AsRef<yrs::ArrayRef>,
{
    let found = read::children(txn, parent.as_ref());
    let nodes: Vec<Option<Node>> = found.iter().map(|out| read::node(txn, out)).collect();
    let key = |node: Option<&Node>| node.and_then(|node| key(node, precision));
    let old: Vec<_> = nodes.iter().map(|node| key(node.as_ref())).collect();
    let new: Vec<_> = wanted.iter().map(|node| key(Some(node))).collect();
    // From the end, so that what comes before stays where it is.
    for change in changes(&old, &new).into_iter().rev() {
        let pairs = alike(&nodes[change.old.clone()], &wanted[change.new.clone()]);
        let (mut old_end, mut new_end) = (change.old.end, change.new.end);
        for (one, other) in pairs.into_iter().rev() {
            let (one, other) = (change.old.start + one, change.new.start + other);
            replace(txn, parent, one + 1..old_end, &old, &wanted[other + 1..new_end], precision);
            edit(txn, &found[one], &wanted[other], precision);
            (old_end, new_end) = (one, other);
        }
        replace(txn, parent, change.old.start..old_end, &old, &wanted[change.new.start..new_end], precision);
    }
}

/// What makes two nodes the same; none if a node says nothing to whoever wrote the new ones.
fn key(node: &Node, precision: Precision) -> Option<String> {
    let whole = |node: &Node| format!("{node:?}");
    match precision {
        Precision::Exact => Some(whole(node)),
        Precision::Markdown => reduced(node).as_ref().map(whole),
    }
}

/// Takes some children away and puts others in their place.
fn replace<P: XmlFragment>(
    txn: &mut TransactionMut,
    parent: &P,
    old: Range<usize>,
    keys: &[Option<String>],
    new: &[Node],
    precision: Precision,
) {
    let index = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    for at in old.clone().rev() {
        // What cannot be said in Markdown is not gone because Markdown does not say it.
        if precision == Precision::Exact || keys[at].is_some() {
            parent.remove_range(txn, index(at), 1);
        }
    }
    for (offset, node) in new.iter().enumerate() {
        insert(txn, parent, index(old.start + offset), node, precision);
    }
}

fn insert<P: XmlFragment>(txn: &mut TransactionMut, parent: &P, at: u32, node: &Node, precision: Precision) {
    match node {
        Node::Text(spans) => {
            let text = parent.insert(txn, at, XmlTextPrelim::new(""));
            text::append(txn, &text, spans, precision);
        }
        Node::Element(element) => {
            let made = parent.insert(txn, at, XmlElementPrelim::empty(element.name.as_str()));
            for (name, value) in element.attributes.iter().filter(|(_, value)| !value.is_null()) {
                made.insert_attribute(txn, name.as_str(), to_any(value));
            }
            for (at, child) in (0..).zip(&element.children) {
                insert(txn, &made, at, child, precision);
            }
        }
    }
}

/// Makes one node say what another of its kind says.
fn edit(txn: &mut TransactionMut, found: &Out, wanted: &Node, precision: Precision) {
    match (found, wanted) {
        (Out::YXmlText(found), Node::Text(wanted)) => text::marked(txn, found, wanted, precision),
        (Out::YXmlElement(found), Node::Element(wanted)) => {
            attributes(txn, found, wanted, precision);
            children(txn, found, &wanted.children, precision);
        }
        _ => {}
    }
}

fn attributes(txn: &mut TransactionMut, element: &XmlElementRef, wanted: &Element, precision: Precision) {
    let found = read::attributes(txn, element);
    let meant = |name: &str| precision == Precision::Exact || is_expressible_attribute(&wanted.name, name);
    for (name, value) in wanted.attributes.iter().filter(|(name, _)| meant(name)) {
        if found.get(name).or(default(&wanted.name, name).as_ref()) != Some(value) {
            element.insert_attribute(txn, name.as_str(), to_any(value));
        }
    }
    for name in gone(&found, wanted).filter(|name| meant(name)) {
        element.remove_attribute(txn, &name);
    }
}

fn gone(found: &Attributes, wanted: &Element) -> impl Iterator<Item = String> {
    found.keys().filter(|name| !wanted.attributes.contains_key(*name)).cloned().collect::<Vec<_>>().into_iter()
}

/// What an attribute is when it is not there.
fn default(element: &str, attribute: &str) -> Option<Json> {
    match (element, attribute) {
        ("heading", "level") | ("orderedList", "start") => Some(json!(1)),
        ("taskItem", "checked") => Some(json!(false)),
        _ => None,
    }
}
