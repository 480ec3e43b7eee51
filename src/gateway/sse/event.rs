//! Messages of the protocol as server-sent events (HTML, 9.2).
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::{gateway::hello::Farewell, live::fanout::Frame};

/// What a stream begins with: more than the few kilobytes that some programs on the way gather before they pass the
/// first of them on, and how long a browser's own client waits before it comes back.
pub fn prelude() -> String {
    format!(":{}\nretry: 1000\n\n", " ".repeat(2_048))
}

/// Adds a message. Its `id` is the number that is held with it; a message without a number has none, so that nobody
/// comes back with a number whose events he never got.
pub fn write(frame: &Frame, out: &mut String) {
    let text = frame.as_text();
    if let Some(seq) = number(text) {
        out.push_str("id: ");
        out.push_str(&seq.to_string());
        out.push('\n');
    }
    // JSON has no line ends outside of strings, and escapes those within.
    out.push_str("data: ");
    out.push_str(text);
    out.push_str("\n\n");
}

/// The last event of a connection.
pub fn close(farewell: Farewell) -> String {
    let close = json!({ "code": farewell.code, "reason": farewell.reason });
    format!("event: close\ndata: {close}\n\n")
}

/// The last event of an answer after which the client asks again.
pub fn end(known: u64) -> String {
    format!("event: end\ndata: {}\n\n", json!({ "known": word(known) }))
}

/// How a client carries what it knows.
pub fn word(known: u64) -> String {
    format!("{known:016x}")
}

/// The tag of a message; it is always the first member.
fn kind(text: &str) -> &str {
    text.strip_prefix("{\"type\":\"").and_then(|rest| rest.split('"').next()).unwrap_or_default()
}

fn number(text: &str) -> Option<u64> {
    if !matches!(kind(text), "snapshot" | "events") {
        return None;
    }
    // `seq` stands before everything that people write.
    let digits = text.split_once("\"seq\":")?.1;
    digits[..digits.find(|c: char| !c.is_ascii_digit())?].parse().ok()
}

/// Frames of which only the newest matters: they are sent again to everybody who comes.
fn is_repeated(text: &str) -> bool {
    matches!(kind(text), "tally" | "presence" | "integrity")
}

/// Is there anything that whoever knows the newest values and the newest number does not know?
pub fn is_news(frames: &[Frame]) -> bool {
    frames.iter().map(Frame::as_text).any(|text| kind(text) != "welcome" && !is_repeated(text))
}

/// What a client knows that has no number: himself, and the newest values in `newest`. The same on every node.
pub fn known<'a>(opening: &[Frame], newest: impl IntoIterator<Item = &'a Frame>) -> u64 {
    #[derive(Deserialize)]
    struct Welcome<'a> {
        #[serde(borrow)]
        you: &'a RawValue,
    }
    let mut hasher = DefaultHasher::new();
    let welcome = opening.iter().map(Frame::as_text).rfind(|text| kind(text) == "welcome");
    let you = welcome.and_then(|text| serde_json::from_str::<Welcome<'_>>(text).ok());
    you.map(|welcome| welcome.you.get()).hash(&mut hasher);
    for value in newest.into_iter().map(Frame::as_text).filter(|text| is_repeated(text)) {
        value.hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kernel::Code,
        live::{
            core::audience::{Change, watcher},
            protocol::{ServerMessage, close},
            room::encode,
        },
    };

    fn written(message: &ServerMessage) -> String {
        let mut out = String::new();
        write(&encode(message), &mut out);
        out
    }
    fn welcome(seq: u64, number: u32) -> Frame {
        let mut you = watcher();
        you.number = number;
        let server_time = chrono::DateTime::from_timestamp(1_780_000_000, 0).unwrap();
        encode(&ServerMessage::Welcome { seq, you, server_time, heartbeat: 25, resumed: true })
    }
    fn presence(online: u32) -> Frame {
        encode(&ServerMessage::Presence { online })
    }

    #[test]
    fn only_what_brings_a_number_has_an_id() {
        let gone = Change::PollGone(crate::kernel::Id::new(uuid::Uuid::nil()));
        let events = written(&ServerMessage::Events { after: 130, seq: 134, events: vec![gone] });
        assert!(events.starts_with("id: 134\ndata: {\"type\":\"events\",\"after\":130,"), "{events}");
        assert!(events.ends_with("}\n\n") && events.lines().count() == 3, "{events}");
        let mut out = String::new();
        write(&welcome(134, 1), &mut out);
        assert!(out.starts_with("data: {\"type\":\"welcome\""), "the events before it are still to come: {out}");
        assert_eq!(written(&ServerMessage::Ping), "data: {\"type\":\"ping\"}\n\n");
    }

    #[test]
    fn goodbyes_say_what_a_close_frame_says() {
        let farewell = Farewell::new(close::SESSION_ENDED, Code::SessionEnded);
        assert_eq!(super::close(farewell), "event: close\ndata: {\"code\":4004,\"reason\":\"session_ended\"}\n\n");
        let bare = super::close(Farewell::bare(close::DRAINING));
        assert_eq!(bare, "event: close\ndata: {\"code\":4200,\"reason\":null}\n\n");
    }

    #[test]
    fn what_is_known_depends_on_nothing_but_values() {
        let knows = |you: u32, online: u32| known(&[welcome(1, you)], [&presence(online)]);
        assert_eq!(knows(1, 5), known(&[welcome(2, 1)], [&presence(5)]), "a number is told by itself");
        assert_ne!(knows(1, 5), knows(1, 6));
        assert_ne!(knows(1, 5), knows(2, 5));
        let ack = encode(&ServerMessage::Events { after: 1, seq: 2, events: Vec::new() });
        assert!(is_news(&[welcome(1, 1), presence(1), ack]) && !is_news(&[welcome(1, 1), presence(1)]));
    }
}
