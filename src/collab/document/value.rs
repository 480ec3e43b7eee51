//! Values of Yjs and JSON.
use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value as Json, json};
use yrs::Any;

use crate::collab::schema::content::number;

/// As JSON; a byte string as base64.
pub(super) fn to_json(value: &Any) -> Json {
    match value {
        Any::Null | Any::Undefined => Json::Null,
        Any::Bool(value) => json!(value),
        Any::Number(value) => value.as_f64().map_or_else(|| json!(value.as_i64()), number),
        Any::String(text) => json!(&**text),
        Any::Buffer(bytes) => json!(STANDARD.encode(bytes)),
        Any::Array(values) => values.iter().map(to_json).collect(),
        Any::Map(entries) => Json::Object(entries.iter().map(|(key, value)| (key.clone(), to_json(value))).collect()),
    }
}

/// From JSON. Numbers become what JavaScript takes for numbers.
pub(super) fn to_any(json: &Json) -> Any {
    match json {
        Json::Null => Any::Null,
        Json::Bool(value) => Any::Bool(*value),
        Json::Number(value) => match (value.as_i64(), value.as_f64()) {
            (Some(whole), _) if whole.unsigned_abs() <= crate::collab::lib0::LARGEST => Any::from(whole),
            (_, float) => Any::from(float.unwrap_or(0.0)),
        },
        Json::String(text) => Any::from(text.as_str()),
        Json::Array(values) => Any::Array(values.iter().map(to_any).collect()),
        Json::Object(entries) => {
            Any::Map(Arc::new(entries.iter().map(|(key, value)| (key.clone(), to_any(value))).collect()))
        }
    }
}
