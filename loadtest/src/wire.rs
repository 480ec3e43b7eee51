//! The protocol `atelier.v1`, written down a second time on purpose: the tester is a witness and shares no code with
//! the server.
use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, json};

/// The subprotocol.
pub const SUBPROTOCOL: &str = "atelier.v1";

/// The parts of server messages that the tester reads.
#[derive(Debug, Deserialize)]
pub struct Incoming<'a> {
    /// welcome, snapshot, events, ack, refused, retry, mine, tally, upvotes, presence, integrity, ping.
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    /// Newest number.
    pub seq: Option<u64>,
    /// Events: from, exclusive.
    pub after: Option<u64>,
    /// Answers: which command.
    #[serde(rename = "ref")]
    pub reference: Option<u64>,
    /// Welcome: do events follow, or a snapshot?
    pub resumed: Option<bool>,
    /// Welcome: seconds between pings.
    pub heartbeat: Option<u32>,
    /// Refused, retry: why.
    #[serde(borrow)]
    pub code: Option<Cow<'a, str>>,
    /// Retry: when.
    #[serde(rename = "afterMs")]
    pub after_ms: Option<u64>,
    /// Tally: which poll.
    #[serde(borrow)]
    pub poll: Option<Cow<'a, str>>,
    /// Tally: round.
    pub round: Option<u32>,
    /// Tally: newest wins.
    pub version: Option<u64>,
}

/// The first frame.
pub fn hello(token: &str, after: Option<u64>) -> String {
    let mut hello = json!({ "type": "hello", "token": token, "client": "loadtest" });
    if let Some(after) = after {
        hello["after"] = after.into();
    }
    hello.to_string()
}

/// A command with its number, from somebody who has been told of the session up to `known`.
pub fn command(reference: u64, known: u64, command: &Value) -> String {
    json!({ "type": "do", "ref": reference, "after": known, "command": command }).to_string()
}

/// The answer to `ping`.
pub const PONG: &str = r#"{"type":"pong"}"#;

/// A fresh id for a poll, an option or a question.
#[expect(clippy::disallowed_methods, reason = "a tester has no clock to hold still; ids may be truly random")]
pub fn fresh_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_the_server_are_read() {
        let events: Incoming<'_> =
            serde_json::from_str(r#"{"type":"events","after":3,"seq":5,"events":[{"pollGone":"x"}]}"#).unwrap();
        assert_eq!((events.kind.as_ref(), events.after, events.seq), ("events", Some(3), Some(5)));
        let retry: Incoming<'_> =
            serde_json::from_str(r#"{"type":"retry","ref":2,"code":"unavailable","afterMs":800}"#).unwrap();
        assert_eq!((retry.reference, retry.after_ms), (Some(2), Some(800)));
        let integrity: Incoming<'_> =
            serde_json::from_str(r#"{"type":"integrity","joined":1,"connected":1,"poll":null}"#).unwrap();
        assert_eq!(integrity.poll, None);
    }

    #[test]
    fn hello_says_what_is_held() {
        assert!(hello("t", Some(4)).contains(r#""after":4"#) && !hello("t", None).contains("after"));
    }
}
