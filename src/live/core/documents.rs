//! What people write and draw together in a session: where it is and what participants may do there. Kept and guarded by
//! the tables of shared documents; the session says it on, so that everybody hears of it at once.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{Event, Session, Settings, audience::Audience};
use crate::kernel::document::ParticipantsMay;

/// The notes and the whiteboard of a session, as far as there are any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[ts(export_to = "SessionDocuments.ts", optional_fields)]
pub struct SessionDocuments {
    /// The shared notes; absent: none that this viewer may see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<SessionNotes>,
    /// The whiteboard; absent: none that this viewer may see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whiteboard: Option<SessionBoard>,
}

/// The shared notes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "SessionNotes.ts")]
pub struct SessionNotes {
    /// The document's name, for `/collab/hocuspocus` and `/collab/yjs/{document}`.
    pub document: String,
    /// What participants may do with it.
    pub participants_may: ParticipantsMay,
}

/// The whiteboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "SessionBoard.ts")]
pub struct SessionBoard {
    /// The document's name, for `/collab/hocuspocus` and `/collab/yjs/{document}`.
    pub document: String,
    /// What it is called.
    pub title: String,
    /// Only hosts draw.
    pub is_locked: bool,
    /// What participants may do with it; whoever has the right `can_use_whiteboard` draws anyway, unless it is locked.
    pub participants_may: ParticipantsMay,
}

impl SessionDocuments {
    /// Nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.notes.is_none() && self.whiteboard.is_none()
    }

    /// Those that a whole audience may see.
    pub fn seen_by(&self, audience: Audience) -> Self {
        let seen = |may: ParticipantsMay| audience == Audience::Hosts || may != ParticipantsMay::Nothing;
        Self {
            notes: self.notes.clone().filter(|notes| seen(notes.participants_may)),
            whiteboard: self.whiteboard.clone().filter(|board| seen(board.participants_may)),
        }
    }
}

/// What the tables say now. Of a session that is over nothing is said any more.
pub(super) fn told(state: &Session, documents: &SessionDocuments) -> Vec<Event> {
    if state.status.is_final() || state.settings.documents == *documents {
        return vec![];
    }
    let settings = Settings { documents: documents.clone(), ..state.settings.clone() };
    vec![Event::Configured { settings }]
}
