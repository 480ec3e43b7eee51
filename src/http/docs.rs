//! The reference at `/docs`: one plain page made from the OpenAPI and AsyncAPI documents. No script.
use std::fmt::Write;

use serde_json::{Map, Value};

/// Its stylesheet.
pub(super) const STYLE: &[u8] = include_bytes!("docs.css");
/// Its policy: a stylesheet of ours, and nothing else.
pub(super) const CSP: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];

/// The whole page.
pub(super) fn render(openapi: &Value, asyncapi: &Value) -> String {
    let mut out = String::with_capacity(64 * 1024);
    let title = text(&openapi["info"]["title"]);
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>{title}: reference</title><link rel=\"stylesheet\" \
         href=\"/docs.css\"></head><body><main><h1>{title}</h1><p class=\"soft\">Version {}. Machine-readable: \
         <a href=\"/openapi.json\">openapi.json</a>, <a href=\"/asyncapi.json\">asyncapi.json</a>.</p>",
        text(&openapi["info"]["version"])
    );
    paragraphs(&mut out, &openapi["info"]["description"]);
    let operations = operations(openapi);
    contents(&mut out, &operations);
    let mut section = None;
    for operation in &operations {
        if section != Some(operation.tag) {
            let _ = write!(out, "<h2>{}</h2>", escape(operation.tag));
            section = Some(operation.tag);
        }
        operation.render(&mut out);
    }
    out.push_str("<h2 id=\"socket\">The socket</h2>");
    paragraphs(&mut out, &asyncapi["info"]["description"]);
    messages(&mut out, asyncapi);
    schemas(&mut out, "Shapes of the HTTP interface", "", &openapi["components"]["schemas"]);
    schemas(&mut out, "Shapes of the socket", "live-", &asyncapi["components"]["schemas"]);
    out.push_str("</main></body></html>\n");
    out
}

struct Operation<'a> {
    tag: &'a str,
    method: &'static str,
    path: &'a str,
    value: &'a Value,
}

fn operations(openapi: &Value) -> Vec<Operation<'_>> {
    let mut found = Vec::new();
    for (path, item) in openapi["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            if let Some(value) = item.get(method) {
                let tag = value["tags"][0].as_str().unwrap_or("Other");
                found.push(Operation { tag, method, path, value });
            }
        }
    }
    found.sort_by_key(|operation| (operation.tag, operation.path));
    found
}

impl Operation<'_> {
    fn anchor(&self) -> String {
        escape(&format!("{}{}", self.method, self.path.replace(['/', '{', '}'], "-")))
    }

    fn render(&self, out: &mut String) {
        let value = self.value;
        let (anchor, method, path) = (self.anchor(), self.method.to_ascii_uppercase(), escape(self.path));
        let _ = write!(
            out,
            "<article id=\"{anchor}\"><h3><span class=\"method\">{method}</span> <code>{path}</code></h3><p>{}</p>",
            text(&value["summary"])
        );
        paragraphs(out, &value["description"]);
        let mut rows: Vec<[String; 3]> = Vec::new();
        for parameter in value["parameters"].as_array().into_iter().flatten() {
            let place = format!("{}, {}", text(&parameter["in"]), shape(&parameter["schema"], ""));
            rows.push([text(&parameter["name"]), place, text(&parameter["description"])]);
        }
        for (kind, content) in value["requestBody"]["content"].as_object().into_iter().flatten() {
            rows.push(["body".to_owned(), escape(kind), shape(&content["schema"], "")]);
        }
        table(out, ["Send", "Where", "What"], &rows);
        let mut rows: Vec<[String; 3]> = Vec::new();
        for (status, answer) in value["responses"].as_object().into_iter().flatten() {
            let content = answer["content"].as_object().and_then(|content| content.values().next());
            let body = content.map_or(String::new(), |content| shape(&content["schema"], ""));
            rows.push([escape(status), text(&answer["description"]), body]);
        }
        table(out, ["Answer", "When", "What"], &rows);
        out.push_str("</article>");
    }
}

fn contents(out: &mut String, operations: &[Operation<'_>]) {
    out.push_str("<nav aria-label=\"Contents\"><ul>");
    for operation in operations {
        let method = operation.method.to_ascii_uppercase();
        let _ = write!(out, "<li><a href=\"#{}\">{method} {}</a></li>", operation.anchor(), escape(operation.path));
    }
    out.push_str("<li><a href=\"#socket\">The socket</a></li></ul></nav>");
}

fn table(out: &mut String, head: [&str; 3], rows: &[[String; 3]]) {
    if rows.is_empty() {
        return;
    }
    let [a, b, c] = head;
    let _ = write!(out, "<table><thead><tr><th>{a}</th><th>{b}</th><th>{c}</th></tr></thead><tbody>");
    for [a, b, c] in rows {
        let _ = write!(out, "<tr><td><code>{a}</code></td><td>{b}</td><td>{c}</td></tr>");
    }
    out.push_str("</tbody></table>");
}

fn messages(out: &mut String, asyncapi: &Value) {
    for message in asyncapi["components"]["messages"].as_object().into_iter().flat_map(Map::values) {
        let _ = write!(out, "<p>{}: {}</p>", text(&message["title"]), shape(&message["payload"], "live-"));
    }
}

fn schemas(out: &mut String, title: &str, prefix: &str, schemas: &Value) {
    let Some(schemas) = schemas.as_object().filter(|schemas| !schemas.is_empty()) else { return };
    let _ = write!(out, "<h2>{title}</h2>");
    for (name, schema) in schemas {
        let name = escape(name);
        let _ = write!(out, "<article id=\"{prefix}{name}\"><h3><code>{name}</code></h3>");
        paragraphs(out, &schema["description"]);
        properties(out, prefix, schema);
        for one in schema["oneOf"].as_array().into_iter().flatten() {
            let _ = write!(out, "<p>{}</p>", shape(one, prefix));
            paragraphs(out, &one["description"]);
            properties(out, prefix, one);
        }
        if let Some(values) = schema["enum"].as_array() {
            let values: Vec<String> = values.iter().map(|value| format!("<code>{}</code>", text(value))).collect();
            let _ = write!(out, "<p>{}</p>", values.join(", "));
        }
        out.push_str("</article>");
    }
}

fn properties(out: &mut String, prefix: &str, schema: &Value) {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut rows: Vec<[String; 3]> = Vec::new();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let optional = if required.contains(&name.as_str()) { "" } else { " (may be absent)" };
        rows.push([escape(name), format!("{}{optional}", shape(property, prefix)), text(&property["description"])]);
    }
    table(out, ["Field", "Type", "What"], &rows);
}

/// A schema in a few words, with links.
fn shape(schema: &Value, prefix: &str) -> String {
    if let Some(target) = schema["$ref"].as_str() {
        let name = escape(target.rsplit('/').next().unwrap_or(target));
        return format!("<a href=\"#{prefix}{name}\">{name}</a>");
    }
    if let Some(value) = schema.get("const") {
        return format!("<code>{}</code>", text(value));
    }
    for (word, between) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(parts) = schema[word].as_array() {
            return parts.iter().map(|part| shape(part, prefix)).collect::<Vec<_>>().join(between);
        }
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        Value::Null => "anything".to_owned(),
        kind => text(kind),
    };
    if kind.starts_with("array") {
        return format!("list of {}", shape(&schema["items"], prefix));
    }
    match schema["format"].as_str() {
        Some(format) => format!("{kind} ({})", escape(format)),
        None => kind,
    }
}

/// Text becomes paragraphs; a line that starts with `- ` stays a line of its own.
fn paragraphs(out: &mut String, value: &Value) {
    for part in value.as_str().unwrap_or_default().split("\n\n").filter(|part| !part.trim().is_empty()) {
        let tag = if part.starts_with("- ") { "pre" } else { "p" };
        let _ = write!(out, "<{tag}>{}</{tag}>", escape(part));
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => escape(text),
        Value::Null => String::new(),
        other => escape(&other.to_string()),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_operation_and_shape_is_on_the_page_and_nothing_is_markup() {
        let openapi = json!({
            "info": {"title": "<b>A</b>", "version": "1"},
            "paths": {"/x/{id}": {"get": {"tags": ["Things"], "summary": "One & only",
                "parameters": [{"name": "id", "in": "path", "schema": {"type": "string", "format": "uuid"}}],
                "responses": {"200": {"description": "Here", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}}}}},
            "components": {"schemas": {"Thing": {"type": "object", "required": ["a"], "properties": {
                "a": {"type": "integer"}, "b": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/Thing"}}}}}},
        });
        let page = render(&openapi, &json!({}));
        for part in [
            "&lt;b&gt;A",
            "One &amp; only",
            "<code>/x/{id}</code>",
            "string (uuid)",
            "id=\"Thing\"",
            "list of <a href=\"#Thing\">",
        ] {
            assert!(page.contains(part), "{part} is missing in {page}");
        }
        assert!(!page.contains("<b>") && !page.contains("<script") && !page.contains("style=\""));
    }
}
