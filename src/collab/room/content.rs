//! What the document says, for whoever is no editor.
use std::time::Instant;

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::oneshot,
};

use super::{Due, Room};
use crate::{
    collab::{
        document::{Delta, WriteError},
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
    /// Why.
    pub occasion: Occasion,
    /// The tag of what the document said when it was read; none: whatever it says.
    pub base: Option<String>,
}

/// Why somebody who is no editor changes a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// Something shall be different.
    Edit,
    /// It shall be as it was. What it says until then is kept as a version.
    Restore,
}

/// Why a document does not say what it shall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It would be too large.
    Full,
    /// It can only be read since a moment ago.
    Frozen,
    /// It says something else than what the change builds on.
    Moved,
}

/// What the document says, or why it does not say that.
pub(super) type Reply = oneshot::Sender<Result<Content, Refused>>;

impl Room {
    /// Makes the document say what is wanted, if anything, and answers with what it says then, once that is saved.
    pub(super) fn tell_content(&mut self, change: Option<Change>, reply: Reply) {
        if let Some(change) = change {
            match aside(|| self.write(&change)) {
                Ok(true) => {}
                Ok(false) => {
                    // Whoever asked may be gone.
                    let _ = reply.send(Err(Refused::Moved));
                    return;
                }
                Err(WriteError::Full) => {
                    // Whoever asked may be gone.
                    let _ = reply.send(Err(Refused::Full));
                    return;
                }
                Err(WriteError::Broken(_)) => return self.give_up("a change of ours broke it"),
            }
        }
        let Ok(content) = aside(|| self.document.read()) else { return self.give_up("it cannot be read") };
        self.next.dues.push(Due::Content(reply, Box::new(content)));
        if self.peers.is_empty() {
            self.idle_since = Some(Instant::now());
        }
    }

    /// False: nothing was changed, because it says something else than when it was read.
    fn write(&mut self, change: &Change) -> Result<bool, WriteError> {
        if let Some(base) = &change.base
            && !self.document.read()?.is_as_in(base, change.content.fields.keys())
        {
            return Ok(false);
        }
        // Here and not earlier: what is typed until this moment is in the version.
        let before = match change.occasion {
            Occasion::Edit => None,
            Occasion::Restore => Some(self.document.state()?.into()),
        };
        let Some(delta) = self.document.write(&change.content, "server")? else { return Ok(true) };
        self.unwritten += delta.bytes.len();
        let Delta { bytes: payload, inserted, .. } = delta;
        let claims = inserted.iter().map(|range| range.client).collect();
        let draft = Draft { payload, author: Some(change.author), origin: Origin::Server, inserted, claims, before };
        self.next.since.get_or_insert_with(Instant::now);
        self.next.drafts.push((draft, None));
        self.try_held();
        Ok(true)
    }
}

/// Does what may take long while the other tasks of this thread go on elsewhere.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        // There is nowhere else.
        _ => work(),
    }
}
