//! What a document says, as values: read from a document, or to be written into one. And its JSON.
use std::collections::{BTreeMap, HashSet};

use serde_json::{Map as Object, Value as Json, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    Field, Schema, Shape,
    rich::{JsonError, Rich, Unfit},
};

/// The longest Markdown of one field. A document may be longer; one that is, is changed with an editor.
pub const MOST_MARKDOWN: usize = 256 << 10;
/// The most items of one field in one change.
pub const MOST_ITEMS: usize = 1_000;

/// Values of fields by their names.
pub type Fields = BTreeMap<&'static str, Value>;

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Short text.
    Text(String),
    /// Long text.
    Rich(Rich),
    /// A string, if there is one.
    Word(Option<String>),
    /// A number, if there is one.
    Number(Option<f64>),
    /// Yes or no.
    Flag(bool),
    /// Any JSON.
    Json(Json),
    /// Things in their order.
    Items(Vec<Item>),
}

/// One of several things in a field.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Item {
    /// Its key: a UUID, if an honest client made it.
    pub id: String,
    /// Its fields. Written: those that shall change.
    pub fields: Fields,
}

/// What a document says: read, all of its fields; written, those that shall change.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Content {
    /// The fields.
    pub fields: Fields,
}

/// How rich text is written in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As the JSON of a ProseMirror document.
    Nodes,
    /// As Markdown.
    Markdown,
    /// As HTML that is safe to show.
    Html,
    /// As text without formats.
    Plain,
}

/// Something that is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct Fault {
    /// Which field; of an item `items/id/field`.
    pub field: String,
    /// What is wrong.
    pub why: Why,
}

/// What is wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// There is no such field.
    #[error("there is no such field")]
    Unknown,
    /// Not of the kind that the field holds.
    #[error("this is not what the field holds")]
    Shape,
    /// Nested too deep.
    #[error("it is nested too deep")]
    TooDeep,
    /// Rich text that editors would delete.
    #[error("{0}")]
    Unfit(Unfit),
    /// Longer than what may be sent at once, in bytes; of items, in number.
    #[error("at most {0} in one change")]
    TooLarge(usize),
    /// An item without a UUID as `id`.
    #[error("an item needs a UUID as its id")]
    NoId,
    /// Two items with the same id.
    #[error("two items have the same id")]
    IdTwice,
    /// Blank where something is needed.
    #[error("this must not be blank")]
    Blank,
    /// Longer than this many characters, or more entries.
    #[error("at most {0}")]
    TooMuch(u32),
    /// Not a whole number above zero.
    #[error("this must be a whole number above zero")]
    NotPositive,
    /// Not a date.
    #[error("this must be a date, as 2026-11-21")]
    NotADate,
}

impl Content {
    /// The value of a field, if it is there.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    /// From JSON: an object with some of the fields. Rich text is Markdown, or the JSON of a ProseMirror document. Items
    /// are all items of the field in their order, each with its id and some of its fields. Null empties a field.
    pub fn from_json(schema: &'static Schema, json: &Json) -> Result<Self, Vec<Fault>> {
        let mut faults = vec![];
        let fields = if let Json::Object(object) = json {
            fields(schema.fields, object, "", &mut faults)
        } else {
            faults.push(Fault { field: String::new(), why: Why::Shape });
            Fields::new()
        };
        if faults.is_empty() { Ok(Self { fields }) } else { Err(faults) }
    }

    /// Names what it says: a part for each field, so that it can be told which of them say something else.
    pub fn tag(&self) -> String {
        self.fields.values().map(digest).collect::<Vec<_>>().join(".")
    }

    /// Do these fields say what they said when the whole of it had this tag?
    pub fn is_as_in<'a>(&self, tag: &str, mut fields: impl Iterator<Item = &'a &'static str>) -> bool {
        let then: Vec<&str> = tag.split('.').collect();
        let part = |name: &str| then.get(self.fields.keys().position(|known| *known == name)?);
        then.len() == self.fields.len()
            && fields.all(|name| self.fields.get(name).is_some_and(|value| part(name) == Some(&digest(value).as_str())))
    }

    /// As JSON, with all fields that are there.
    pub fn to_json(&self, form: Form) -> Json {
        object(&self.fields, form)
    }

    /// All of it as one Markdown text: the first field is the title, the others have headings.
    pub fn to_markdown(&self, schema: &Schema) -> String {
        super::page::page(schema, self).to_markdown()
    }

    /// All of it as one HTML page, without the frame of one.
    pub fn to_html(&self, schema: &Schema) -> String {
        super::page::page(schema, self).to_html()
    }

    /// All of it as plain text, for searching.
    pub fn to_plain(&self, schema: &Schema) -> String {
        super::page::page(schema, self).to_plain()
    }
}

fn fields(known: &'static [Field], object: &Object<String, Json>, path: &str, faults: &mut Vec<Fault>) -> Fields {
    let mut fields = Fields::new();
    for (name, json) in object {
        let path = format!("{path}{name}");
        match known.iter().find(|field| field.name == name) {
            None => faults.push(Fault { field: path, why: Why::Unknown }),
            Some(field) => match value(field, json, &path, faults) {
                Ok(value) => drop(fields.insert(field.name, value)),
                Err(why) => faults.push(Fault { field: path, why }),
            },
        }
    }
    fields
}

fn value(field: &'static Field, json: &Json, path: &str, faults: &mut Vec<Fault>) -> Result<Value, Why> {
    Ok(match (field.shape, json) {
        (Shape::Text, Json::Null) => Value::Text(String::new()),
        (Shape::Text, Json::String(text)) => Value::Text(text.clone()),
        (Shape::Rich, Json::Null) => Value::Rich(Rich::from_markdown("")),
        (Shape::Rich, Json::String(markdown)) if markdown.len() > MOST_MARKDOWN => {
            return Err(Why::TooLarge(MOST_MARKDOWN));
        }
        (Shape::Rich, Json::String(markdown)) => Value::Rich(Rich::from_markdown(markdown)),
        (Shape::Rich, json) => match Rich::from_json(json) {
            Ok(rich) => Value::Rich(rich),
            Err(JsonError::Shape) => return Err(Why::Shape),
            Err(JsonError::TooDeep) => return Err(Why::TooDeep),
            Err(JsonError::Misfit(misfit)) => {
                faults.push(Fault { field: format!("{path}{}", misfit.at), why: Why::Unfit(misfit.why) });
                Value::Rich(Rich::default())
            }
        },
        (Shape::Word, Json::Null) => Value::Word(None),
        (Shape::Word, Json::String(word)) => Value::Word(Some(word.clone())),
        (Shape::Number, Json::Null) => Value::Number(None),
        (Shape::Number, Json::Number(number)) => Value::Number(number.as_f64()),
        (Shape::Flag, Json::Null) => Value::Flag(false),
        (Shape::Flag, Json::Bool(flag)) => Value::Flag(*flag),
        (Shape::Json, json) => Value::Json(json.clone()),
        (Shape::Items(_), Json::Null) => Value::Items(vec![]),
        (Shape::Items(_), Json::Array(list)) if list.len() > MOST_ITEMS => return Err(Why::TooLarge(MOST_ITEMS)),
        (Shape::Items(inner), Json::Array(list)) => Value::Items(items(inner, list, path, faults)),
        _ => return Err(Why::Shape),
    })
}

fn items(inner: &'static [Field], list: &[Json], path: &str, faults: &mut Vec<Fault>) -> Vec<Item> {
    let mut items: Vec<Item> = vec![];
    let mut known = HashSet::new();
    for (number, json) in list.iter().enumerate() {
        let mut fault = |why| faults.push(Fault { field: format!("{path}/{number}"), why });
        let Json::Object(object) = json else {
            fault(Why::Shape);
            continue;
        };
        // One spelling for each id: it is a key.
        let id = object.get("id").and_then(Json::as_str).and_then(|id| Uuid::try_parse(id).ok());
        let Some(id) = id.map(|id| id.hyphenated().to_string()) else {
            fault(Why::NoId);
            continue;
        };
        if !known.insert(id.clone()) {
            fault(Why::IdTwice);
            continue;
        }
        let mut rest = object.clone();
        rest.remove("id");
        let fields = fields(inner, &rest, &format!("{path}/{id}/"), faults);
        items.push(Item { id, fields });
    }
    items
}

fn digest(value: &Value) -> String {
    let digest = Sha256::digest(of(value, Form::Nodes).to_string());
    let (head, _) = digest.split_at(8);
    format!("{:016x}", head.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)))
}

fn object(fields: &Fields, form: Form) -> Json {
    Json::Object(fields.iter().map(|(name, value)| ((*name).to_owned(), of(value, form))).collect())
}

fn of(value: &Value, form: Form) -> Json {
    match value {
        Value::Text(text) => json!(text),
        Value::Rich(rich) => match form {
            Form::Nodes => rich.to_json(),
            Form::Markdown => json!(rich.to_markdown()),
            Form::Html => json!(rich.to_html()),
            Form::Plain => json!(rich.to_plain()),
        },
        Value::Word(word) => json!(word),
        Value::Number(number) => number.map_or(Json::Null, self::number),
        Value::Flag(flag) => json!(flag),
        Value::Json(json) => json.clone(),
        Value::Items(items) => items
            .iter()
            .map(|item| {
                let mut json = object(&item.fields, form);
                json["id"] = json!(item.id);
                json
            })
            .collect(),
    }
}

/// Whole numbers without a point.
#[expect(clippy::cast_possible_truncation, reason = "only of whole numbers that fit")]
pub fn number(number: f64) -> Json {
    if number.fract() == 0.0 && number.abs() < 9e15 { json!(number as i64) } else { json!(number) }
}
