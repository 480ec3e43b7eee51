//! What the document says, for whoever is no editor.
use std::time::Instant;

use tokio::sync::oneshot;

use super::{Due, Room};
use crate::{
    collab::{
        document::WriteError,
        schema::Content,
        store::{Draft, Origin},
    },
    kernel::{Id, caller},
};

/// What somebody wants the document to say.
#[derive(Debug, Clone)]
pub struct Change {
    /// The fields that shall change.
    pub content: Content,
    /// Who wants it.
    pub author: Id<caller::User>,
}

/// The document would be too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// What the document says, or why it does not say that.
pub(super) type Reply = oneshot::Sender<Result<Content, Full>>;

impl Room {
    /// Makes the document say what is wanted, if anything, and answers with what it says then, once that is saved.
    pub(super) fn tell_content(&mut self, change: Option<Change>, reply: Reply) {
        if let Some(change) = change {
            match self.document.write(&change.content, "server") {
                Ok(Some(delta)) => {
                    self.unwritten += delta.bytes.len();
                    let draft = Draft { payload: delta.bytes, author: Some(change.author), origin: Origin::Server };
                    self.next.drafts.push((draft, None));
                    self.try_held();
                }
                Ok(None) => {}
                Err(WriteError::Full) => {
                    // Whoever asked may be gone.
                    let _ = reply.send(Err(Full));
                    return;
                }
                Err(WriteError::Broken(_)) => return self.give_up("a change of ours broke it"),
            }
        }
        let Ok(content) = self.document.read() else { return self.give_up("it cannot be read") };
        self.next.dues.push(Due::Content(reply, Box::new(content)));
        if self.peers.is_empty() {
            self.idle_since = Some(Instant::now());
        }
    }
}
