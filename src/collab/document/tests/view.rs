//! What is to be seen in a document, in the words of `clients/interop/histories.mjs`.
use serde_json::{Map as Object, Value, json};
use yrs::{Any, Array, ArrayRef, Doc, Map, MapRef, Out, ReadTxn, Text, Transact, Xml, branch::BranchPtr, types::Attrs};

pub(super) fn view(doc: &Doc) -> Value {
    let txn = doc.transact();
    let root = |name: &str| txn.get(name);
    let branch = |out: &Out| out.try_branch().map(BranchPtr::from);
    let part = |name: &str, none: Value, show: &dyn Fn(BranchPtr) -> Value| {
        root(name).as_ref().and_then(branch).map_or(none, show)
    };
    json!({
        "text": part("text", json!([]), &|branch| runs(&txn, &yrs::TextRef::from(branch))),
        "body": part("body", json!([]), &|branch| list(&txn, &ArrayRef::from(branch))),
        "map": part("map", json!({}), &|branch| map(&txn, &MapRef::from(branch))),
        "list": part("list", json!([]), &|branch| list(&txn, &ArrayRef::from(branch))),
    })
}

fn list<T: ReadTxn>(txn: &T, list: &ArrayRef) -> Value {
    list.iter(txn).map(|out| show(txn, out)).collect()
}

fn map<T: ReadTxn>(txn: &T, map: &MapRef) -> Value {
    Value::Object(map.iter(txn).map(|(key, out)| (key.to_owned(), show(txn, out))).collect())
}

fn show<T: ReadTxn>(txn: &T, out: Out) -> Value {
    match out {
        Out::Any(value) => any(&value),
        Out::YText(text) => json!({ "text": runs(txn, &text) }),
        Out::YXmlText(text) => json!({ "text": runs(txn, &text) }),
        Out::YArray(array) => list(txn, &array),
        Out::YMap(inner) => json!({ "map": map(txn, &inner) }),
        Out::YXmlElement(element) => {
            let attributes: Object<_, _> =
                element.attributes(txn).map(|(key, out)| (key.to_owned(), show(txn, out))).collect();
            let content: &ArrayRef = element.as_ref();
            json!({ "name": &**element.tag(), "attrs": attributes, "content": list(txn, content) })
        }
        other => panic!("no client made {other:?}"),
    }
}

fn runs<T: ReadTxn>(txn: &T, text: &impl Text) -> Value {
    let mut joined: Vec<(Value, Value)> = vec![];
    for part in text.diff(txn, |change| change) {
        let marks = marks(part.attributes.as_deref());
        match (joined.last_mut(), show(txn, part.insert)) {
            (Some((Value::String(before), same)), Value::String(text)) if *same == marks => before.push_str(&text),
            (_, insert) => joined.push((insert, marks)),
        }
    }
    joined.into_iter().map(|(insert, marks)| json!({ "insert": insert, "marks": marks })).collect()
}

fn marks(attributes: Option<&Attrs>) -> Value {
    Value::Object(attributes.into_iter().flatten().map(|(name, value)| (name.to_string(), any(value))).collect())
}

fn any(value: &Any) -> Value {
    match value {
        Any::Null | Any::Undefined => Value::Null,
        Any::Bool(value) => json!(value),
        Any::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) if whole.unsigned_abs() < 1 << 53 => json!(whole),
            (_, float) => json!(float),
        },
        Any::String(text) => json!(&**text),
        Any::Buffer(bytes) => json!({ "bytes": &**bytes }),
        Any::Array(values) => values.iter().map(any).collect(),
        Any::Map(entries) => Value::Object(entries.iter().map(|(key, value)| (key.clone(), any(value))).collect()),
    }
}
