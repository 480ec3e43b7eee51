//! Items by their ids: those that are not wanted go, new ones come, and of those that stay only what differs changes,
//! their place included.
use std::collections::{HashMap, HashSet};

use yrs::{Any, Map, MapPrelim, MapRef, Out, TextPrelim, TransactionMut, XmlFragmentPrelim};

use super::{field, read};
use crate::collab::schema::{
    Field, Item, ORDER, Shape,
    order::{is_key, several},
};

/// Makes the items of a field be `wanted`, in that order.
pub(super) fn items(txn: &mut TransactionMut, map: &MapRef, inner: &'static [Field], wanted: &[Item]) {
    let found = read::items(txn, map, inner);
    let kept: HashSet<&str> = wanted.iter().map(|item| item.id.as_str()).collect();
    for placed in found.iter().filter(|placed| !kept.contains(placed.item.id.as_str())) {
        map.remove(txn, &placed.item.id);
    }
    let known: HashMap<&str, (&MapRef, &str)> =
        found.iter().map(|placed| (placed.item.id.as_str(), (&placed.map, placed.order.as_str()))).collect();
    let places: Vec<Option<&str>> =
        wanted.iter().map(|item| known.get(item.id.as_str()).map(|(_, order)| *order)).collect();
    for (item, order) in wanted.iter().zip(orders(&places)) {
        let place = match known.get(item.id.as_str()) {
            Some((place, _)) => (*place).clone(),
            None => new_item(txn, map, inner, &item.id),
        };
        set(txn, &place, ORDER, Some(order.into()));
        for inner in inner {
            if let Some(value) = item.fields.get(inner.name) {
                field(txn, &place, inner, value);
            }
        }
    }
}

/// With all its texts: two people who begin to write in one then write in the same.
fn new_item(txn: &mut TransactionMut, map: &MapRef, inner: &[Field], id: &str) -> MapRef {
    let item = map.insert(txn, id, MapPrelim::default());
    for field in inner {
        match field.shape {
            Shape::Text => drop(item.insert(txn, field.name, TextPrelim::new(""))),
            Shape::Rich => drop(item.insert(txn, field.name, XmlFragmentPrelim::default())),
            _ => {}
        }
    }
    item
}

/// Sets a value if it differs; none takes it away.
pub(super) fn set(txn: &mut TransactionMut, map: &MapRef, name: &str, value: Option<Any>) {
    match (map.get(txn, name), value) {
        (Some(Out::Any(found)), Some(value)) if same(&found, &value) => {}
        (_, Some(value)) => drop(map.insert(txn, name, value)),
        (Some(_), None) => drop(map.remove(txn, name)),
        (None, None) => {}
    }
}

/// A number is the same whether it was written as a whole one or not.
fn same(one: &Any, other: &Any) -> bool {
    match (one, other) {
        (Any::Number(one), Any::Number(other)) => one.as_f64() == other.as_f64(),
        _ => super::super::value::to_json(one) == super::super::value::to_json(other),
    }
}

/// A key for each item, in order. As many as possible keep theirs.
fn orders(places: &[Option<&str>]) -> Vec<String> {
    let kept = longest_rising(places);
    let (mut orders, mut at): (Vec<String>, usize) = (vec![], 0);
    for next in kept.iter().copied().map(Some).chain([None]) {
        let end = next.unwrap_or(places.len());
        let upper = next.and_then(|next| places[next]);
        let Some(between) = several(orders.last().map(String::as_str), upper, end - at) else {
            return fresh(places.len());
        };
        orders.extend(between);
        orders.extend(upper.map(str::to_owned));
        at = end + 1;
    }
    orders
}

fn fresh(count: usize) -> Vec<String> {
    several(None, None, count).unwrap_or_default()
}

/// The most items whose keys already rise.
fn longest_rising(places: &[Option<&str>]) -> Vec<usize> {
    let keys: Vec<(usize, &str)> =
        places.iter().enumerate().filter_map(|(at, key)| Some((at, key.filter(|key| is_key(key))?))).collect();
    // The ends of the best rows of each length, and what is before each.
    let (mut ends, mut before): (Vec<usize>, Vec<Option<usize>>) = (vec![], vec![None; keys.len()]);
    for (number, (_, key)) in keys.iter().enumerate() {
        let length = ends.partition_point(|end| keys[*end].1 < *key);
        before[number] = length.checked_sub(1).map(|length| ends[length]);
        if length == ends.len() { ends.push(number) } else { ends[length] = number }
    }
    let mut row = vec![];
    let mut at = ends.last().copied();
    while let Some(number) = at {
        row.push(keys[number].0);
        at = before[number];
    }
    row.reverse();
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_few_items_as_possible_get_a_new_place() {
        let of = |places: &[&str]| {
            let places: Vec<_> = places.iter().map(|key| Some(*key).filter(|key| !key.is_empty())).collect();
            orders(&places)
        };
        assert_eq!(of(&["", ""]), ["a0", "a1"]);
        assert_eq!(of(&["a0", "a1", "a2"]), ["a0", "a1", "a2"]);
        assert_eq!(of(&["a2", "a0", "a1"]), ["Zz", "a0", "a1"]);
        assert_eq!(of(&["a0", "", "a1"]), ["a0", "a0V", "a1"]);
        assert_eq!(of(&["a0", "a0", "a1"]), ["Zz", "a0", "a1"], "two people chose the same place");
        assert_eq!(of(&["nonsense!", "a0"]), ["Zz", "a0"]);
    }
}
