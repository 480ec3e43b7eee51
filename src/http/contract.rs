//! The documents that say what this server speaks: OpenAPI for HTTP, AsyncAPI for the socket, and a page to read.

use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};

use super::{assets::page, docs};

/// One line of the list of close codes.
#[derive(Debug, Clone, Copy)]
pub struct CloseCode {
    /// The number.
    pub code: u16,
    /// What happened.
    pub meaning: &'static str,
}

/// The documents, as they are served and written to disk.
#[derive(Debug, Clone)]
pub struct Documents {
    /// OpenAPI 3.1.
    pub openapi: Value,
    /// AsyncAPI 3.0.
    pub asyncapi: Value,
}

impl Documents {
    /// `openapi.json`, `asyncapi.json`, `/docs`: rendered once.
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let json = |value: &Value| -> Bytes { pretty(value).into() };
        let (openapi, asyncapi) = (json(&self.openapi), json(&self.asyncapi));
        let html: Bytes = docs::render(&self.openapi, &self.asyncapi).into();
        Router::new()
            .route("/openapi.json", get(async move || document("application/json", openapi)))
            .route("/asyncapi.json", get(async move || document("application/json", asyncapi)))
            .route("/docs.css", get(async || document("text/css; charset=utf-8", Bytes::from_static(docs::STYLE))))
            .route("/docs", get(async move || page(StatusCode::OK, docs::CSP, html)))
    }
}

/// As people read it and as it is kept in the repository.
pub fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn document(kind: &'static str, body: Bytes) -> Response {
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")];
    let mut response = (headers, body).into_response();
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// Describes the socket at `/live/ws` and its messages over plain HTTP: `Client` is what clients send, `Server` what they
/// get.
pub fn asyncapi<Client: JsonSchema, Server: JsonSchema>(subprotocol: &str, closes: &[CloseCode]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| s.definitions_path = "/components/schemas".into());
    let mut generator = SchemaGenerator::new(settings);
    let client = generator.subschema_for::<Client>();
    let server = generator.subschema_for::<Server>();
    let schemas = generator.take_definitions(true);
    let closes: Vec<String> = closes.iter().map(|close| format!("- {}: {}", close.code, close.meaning)).collect();
    let description = format!(
        "One WebSocket, subprotocol `{subprotocol}`, text frames with JSON. The client says `hello` within 5 seconds; \
         the server answers `welcome`, then a `snapshot` or the missing `events`. Each `do` is answered by exactly one \
         of `ack` (it is durable), `refused` (final) or `retry` (send again). Every command may be sent again: its \
         effect happens once.\n\nWhere WebSockets do not get through, the same messages travel as server-sent events \
         (`GET /live/{{session}}/events`; with `wait`, one answer at a time) and commands one by one (`POST \
         /live/{{session}}/commands`), with the same numbers; a client may change from one to the other at any time.\n\n\
         Close codes. 4000 to 4099: do not come back. 4100 to 4199: come back after a random \
         delay that grows. 4200 to 4299: come back at once, after a random moment of up to \
         a quarter of a second.\n\n{}",
        closes.join("\n")
    );
    json!({
        "asyncapi": "3.0.0",
        "info": {"title": "Atelier live sessions", "version": env!("CARGO_PKG_VERSION"), "description": description},
        "defaultContentType": "application/json",
        "servers": {
            "here": {"host": "localhost:8080", "protocol": "ws"},
            "plain": {"host": "localhost:8080", "protocol": "http"},
        },
        "channels": {
            "events": plain("events", "Server-sent events; the `id` is the number held.", &["server"]),
            "commands": plain("commands", "`do` without its `type`; answered by what the socket answers.", &["client", "server"]),
            "live": {
                "servers": [{"$ref": "#/servers/here"}],
                "address": "/live/ws",
                "title": subprotocol,
                "bindings": {"ws": {"method": "GET", "headers": {
                    "type": "object",
                    "properties": {"Sec-WebSocket-Protocol": {"type": "string", "const": subprotocol}},
                }}},
                "messages": {
                    "client": {"$ref": "#/components/messages/client"},
                    "server": {"$ref": "#/components/messages/server"},
                },
            },
        },
        "operations": operations(),
        "components": {
            "messages": {
                "client": {"title": "From the client", "payload": client},
                "server": {"title": "From the server", "payload": server},
            },
            "schemas": schemas,
        },
    })
}

/// An address of the live protocol over plain HTTP.
fn plain(what: &str, description: &str, messages: &[&str]) -> Value {
    let message = |name: &&str| ((*name).to_owned(), json!({"$ref": format!("#/components/messages/{name}")}));
    json!({
        "address": format!("/live/{{session}}/{what}"),
        "description": description,
        "servers": [{"$ref": "#/servers/plain"}],
        "parameters": {"session": {"description": "The session's id; `-` is the one that the token opens."}},
        "messages": messages.iter().map(message).collect::<serde_json::Map<_, _>>(),
    })
}

fn operations() -> Value {
    let reference = |channel: &str, message: &str| json!({"$ref": format!("#/channels/{channel}/messages/{message}")});
    let operation = |action: &str, summary: &str, channel: &str, message: &str| {
        json!({
            "action": action,
            "summary": summary,
            "channel": {"$ref": format!("#/channels/{channel}")},
            "messages": [reference(channel, message)],
        })
    };
    let mut events = operation("send", "What the server sends, without a socket", "events", "server");
    events["bindings"] = json!({"http": {"method": "GET"}});
    let mut command = operation("receive", "A command, without a socket", "commands", "client");
    command["bindings"] = json!({"http": {"method": "POST"}});
    command["reply"] =
        json!({"channel": {"$ref": "#/channels/commands"}, "messages": [reference("commands", "server")]});
    json!({
        "fromClient": operation("receive", "What clients send", "live", "client"),
        "toClient": operation("send", "What the server sends", "live", "server"),
        "eventsToClient": events,
        "commandFromClient": command,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Inner {
        n: u32,
    }
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    enum Said {
        Inner(Inner),
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = asyncapi::<Said, Inner>("x.v1", &[CloseCode { code: 4001, meaning: "who are you?" }]);
        let text = document.to_string();
        assert!(text.contains("4001: who are you?"));
        let mut references = 0;
        for part in text.split("\"$ref\":\"#").skip(1) {
            let pointer = part.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
            references += 1;
        }
        assert!(references >= 8, "{references}");
    }
}
