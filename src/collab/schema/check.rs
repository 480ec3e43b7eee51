//! What a document must be before it is copied into columns: the rules of its fields.
use super::{
    Field, Rule, Schema,
    content::{Content, Fault, Fields, Item, Value, Why},
};
use crate::kernel::text;

/// So much of an item's key is named: clients make keys, of any length.
const MOST_OF_A_KEY: usize = 64;

/// All that is wrong, in the order of the fields; nothing if it may be copied. Looks at the whole document: a field that
/// is not there is empty.
pub fn faults(schema: &Schema, content: &Content) -> Vec<Fault> {
    let mut faults = vec![];
    look(schema.fields, &content.fields, "", &mut faults);
    faults
}

fn look(known: &[Field], fields: &Fields, path: &str, faults: &mut Vec<Fault>) {
    for field in known {
        let path = format!("{path}{}", field.name);
        let value = fields.get(field.name);
        if let Some(why) = broken(field.rule, value) {
            faults.push(Fault { field: path.clone(), why });
        }
        if let (super::Shape::Items(inner), Some(Value::Items(items))) = (field.shape, value) {
            for item in items {
                look_at_item(inner, item, &path, faults);
            }
        }
    }
}

fn look_at_item(inner: &[Field], item: &Item, path: &str, faults: &mut Vec<Fault>) {
    let key: String = item.id.chars().take(MOST_OF_A_KEY).collect();
    let path = format!("{path}/{key}");
    // Another spelling would be the same id to PostgreSQL.
    if uuid::Uuid::try_parse(&item.id).is_ok_and(|id| id.hyphenated().to_string() == item.id) {
        look(inner, &item.fields, &format!("{path}/"), faults);
    } else {
        faults.push(Fault { field: path, why: Why::NoId });
    }
}

fn broken(rule: Rule, value: Option<&Value>) -> Option<Why> {
    match rule {
        Rule::Free => None,
        Rule::Required(_) | Rule::RequiredLines(_) if is_blank(value) => Some(Why::Blank),
        Rule::Most(most) | Rule::Required(most) => too_much(value, most, text::line),
        Rule::RequiredLines(most) => too_much(value, most, text::block),
        Rule::Positive => match value {
            Some(Value::Number(Some(number))) => {
                (*number < 1.0 || number.fract() != 0.0 || *number > f64::from(i32::MAX)).then_some(Why::NotPositive)
            }
            _ => None,
        },
        Rule::Date => match value {
            Some(Value::Word(Some(word))) if !word.is_empty() && !is_date(word) => Some(Why::NotADate),
            _ => None,
        },
    }
}

/// Short text is measured as `written` into columns, which may be more than was typed; long text as people see it.
fn too_much(value: Option<&Value>, most: u32, written: fn(&str) -> String) -> Option<Why> {
    let length = match value {
        Some(Value::Text(text) | Value::Word(Some(text))) => written(text).chars().count(),
        Some(Value::Rich(rich)) => text::block(&rich.to_plain()).chars().count(),
        Some(Value::Items(items)) => items.len(),
        _ => 0,
    };
    (length > most as usize).then_some(Why::TooMuch(most))
}

fn is_blank(value: Option<&Value>) -> bool {
    match value {
        // Without what nobody can see, as it goes into the columns.
        Some(Value::Text(text) | Value::Word(Some(text))) => text::block(text).is_empty(),
        Some(Value::Rich(rich)) => text::block(&rich.to_plain()).is_empty(),
        Some(Value::Items(items)) => items.is_empty(),
        _ => true,
    }
}

fn is_date(word: &str) -> bool {
    word.len() == 10 && chrono::NaiveDate::parse_from_str(word, "%Y-%m-%d").is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::collab::schema::Kind;

    #[test]
    fn rules_are_those_of_the_columns() {
        let id = "0198c0de-0000-7000-8000-000000000001";
        let schema = Kind::BuilderSession.schema();
        let of = |json: serde_json::Value| {
            let content = Content::from_json(schema, &json).unwrap();
            faults(schema, &content).into_iter().map(|fault| (fault.field, fault.why)).collect::<Vec<_>>()
        };
        let good = json!({"title": "T", "audience": "A", "objective": "**O**", "agenda": [{"id": id, "title": "One"}]});
        assert_eq!(of(good.clone()), []);
        let mut bad = good;
        bad["title"] = json!(" \u{200B} ");
        bad["subtitle"] = json!("ä".repeat(301));
        bad["objective"] = json!("\n");
        bad["agenda"][0]["durationMinutes"] = json!(1.5);
        assert_eq!(
            of(bad),
            [
                ("title".to_owned(), Why::Blank),
                ("subtitle".to_owned(), Why::TooMuch(300)),
                ("objective".to_owned(), Why::Blank),
                (format!("agenda/{id}/durationMinutes"), Why::NotPositive),
            ]
        );
        let schema = Kind::Summary.schema();
        let actions = |due: &str| json!({"actions": [{"id": id, "text": "x", "dueOn": due}]});
        for (due, fine) in
            [("2026-11-21", true), ("", true), ("2026-2-1", false), ("2026-02-30", false), ("soon", false)]
        {
            let content = Content::from_json(schema, &actions(due)).unwrap();
            assert_eq!(faults(schema, &content).is_empty(), fine, "{due}");
        }
    }

    /// Composed, U+FB2C is three characters: that is what a column would get.
    #[test]
    fn text_is_measured_as_it_is_written() {
        let schema = Kind::Summary.schema();
        let id = "0198c0de-0000-7000-8000-000000000001";
        let faults_of = |owner: &str| {
            let json = json!({"actions": [{"id": id, "text": "x", "owner": owner}]});
            faults(schema, &Content::from_json(schema, &json).unwrap()).len()
        };
        assert_eq!([66, 67].map(|times| faults_of(&"\u{FB2C}".repeat(times))), [0, 1]);
        assert_eq!(faults_of(&format!("{} x", " ".repeat(300))), 0, "what is not written counts for nothing");
        assert_eq!(faults_of(&"a\0".repeat(101)), 1, "a character that becomes a space is one");
    }

    #[test]
    fn a_long_key_is_named_by_its_beginning() {
        let item = Item { id: "ä".repeat(10_000), fields: Fields::new() };
        let content = Content { fields: Fields::from([("actions", Value::Items(vec![item]))]) };
        let found = faults(Kind::Summary.schema(), &content);
        assert_eq!(found, [Fault { field: format!("actions/{}", "ä".repeat(64)), why: Why::NoId }]);
    }

    #[test]
    fn a_key_that_is_no_uuid_cannot_become_a_row() {
        let item = Item { id: "not-a-uuid".to_owned(), fields: Fields::new() };
        let content = Content { fields: Fields::from([("actions", Value::Items(vec![item]))]) };
        let found = faults(Kind::Summary.schema(), &content);
        assert_eq!(found, [Fault { field: "actions/not-a-uuid".to_owned(), why: Why::NoId }]);
    }
}
