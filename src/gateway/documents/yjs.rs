//! y-websocket: one document per socket, named in the path, the token in the query.
use super::{Documents, Entered, Line};
use crate::{
    collab::{
        Scope,
        awareness::Connection,
        room::{Handle, Peer, Wire, Words},
        ysync::{Message, Sync},
    },
    socket::{Frame, Socket},
};

/// Messages in one frame. Providers write one.
const MOST_MESSAGES: usize = 64;

/// The document's name from the path, which providers do not escape in the same way.
pub fn name(path: &str) -> Option<String> {
    decoded(path.strip_prefix("/collab/yjs/")?, false)
}

/// The token from the query.
pub fn token(query: &str) -> Option<String> {
    query.split('&').find_map(|pair| pair.strip_prefix("token=")).and_then(|value| decoded(value, true))
}

/// Percent-decodes; in queries a plus is a blank.
fn decoded(text: &str, plus: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let (high, low) = (hex(rest.next()?)?, hex(rest.next()?)?);
                high << 4 | low
            }
            b'+' if plus => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Serves a socket until one side ends it.
pub async fn serve(socket: Socket, documents: Documents, mut entered: Entered) {
    let Entered { key, user, scope, rights, .. } = entered;
    let mut line = Line::new(socket, &documents.limits, documents.collab.roles());
    let outbox = line.outbox.clone();
    let peer = || Peer::new(outbox.clone(), Wire::YWebsocket, user, scope, rights);
    let end = match documents.collab.enter(key, peer).await {
        Ok((handle, connection)) => {
            // The server asks first: so it gets what the client has written meanwhile.
            let end = match greet(&handle, connection, scope).await {
                Ok(()) => listen(&mut line, &documents, &mut entered, &handle, connection).await,
                Err(end) => end,
            };
            handle.leave(connection).await;
            end
        }
        Err(_) => Some((1011, "unavailable")),
    };
    line.end(end).await;
}

async fn greet(handle: &Handle, connection: Connection, scope: Scope) -> Result<(), super::End> {
    if scope == Scope::ReadOnly {
        return Ok(());
    }
    handle.say(connection, Words::Hello).await.map_err(|_| Some((super::RESET, "reset")))
}

async fn listen(
    line: &mut Line,
    documents: &Documents,
    entered: &mut Entered,
    handle: &Handle,
    connection: Connection,
) -> super::End {
    // An awareness update about nobody: says that the line is alive, and nothing else.
    let quiet = Frame::binary(&Message::Awareness(&[0]).frame());
    loop {
        let frame = match line.next(&quiet).await {
            Ok(frame) => frame,
            Err(end) => return end,
        };
        if let Err(end) = entered.recheck(documents).await {
            return end;
        }
        let Some(frame) = frame else { continue };
        for (number, message) in Message::all(&frame).enumerate() {
            if number >= MOST_MESSAGES {
                return Some((4400, "too many messages in one frame"));
            }
            let words = match message {
                Ok(Message::Sync(Sync::Step1(vector))) => Words::Step1(vector.to_vec()),
                Ok(Message::Sync(Sync::Step2(update))) => Words::Step2(update.to_vec()),
                Ok(Message::Sync(Sync::Update(update))) => Words::Update(update.to_vec()),
                Ok(Message::Awareness(update)) => Words::Awareness(update.to_vec()),
                Ok(Message::QueryAwareness) => Words::QueryAwareness,
                Ok(Message::Mark(mark)) => Words::Mark(mark),
                Ok(Message::Denied(_)) => continue,
                Err(_) => return Some((4400, "not the protocol of y-websocket")),
            };
            line.heard(&words);
            if handle.say(connection, words).await.is_err() {
                return Some((super::RESET, "reset"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_tokens_are_read_however_the_client_wrote_them() {
        assert_eq!(name("/collab/yjs/live_notes:0198").as_deref(), Some("live_notes:0198"));
        assert_eq!(name("/collab/yjs/live_notes%3A0198").as_deref(), Some("live_notes:0198"));
        assert_eq!(name("/collab/yjs/%f"), None);
        assert_eq!(name("/collab/yjs/%ff"), None);
        assert_eq!(token("a=1&token=x%20y+z").as_deref(), Some("x y z"));
        assert_eq!(token("tokens=x"), None);
    }
}
