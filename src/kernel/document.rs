//! How things that people write together are spoken about: who may do what with them, and whether what was written has
//! arrived in columns.
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// What participants may do with a document of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "ParticipantsMay.ts")]
pub enum ParticipantsMay {
    /// They do not see it.
    Nothing,
    /// They read along.
    Read,
    /// They write, or draw, too.
    Edit,
}

impl ParticipantsMay {
    /// The stored word.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Read => "read",
            Self::Edit => "edit",
        }
    }
    /// By the stored word.
    pub fn of(key: &str) -> Self {
        [Self::Nothing, Self::Edit].into_iter().find(|known| known.key() == key).unwrap_or(Self::Read)
    }
}

/// How far somebody reaches, whatever state the thing is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Read.
    View,
    /// Write, because of an invitation.
    Edit,
    /// Write because of a role or because it is theirs; invite others; take decisions.
    Manage,
}

impl Reach {
    /// Of an invitation, by its level in the database.
    pub fn invited(level: &str) -> Self {
        if level == "edit" { Self::Edit } else { Self::View }
    }
}

/// How somebody stands to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How far they reach.
    pub reach: Reach,
    /// Is it in a state in which its text may be changed?
    pub open: bool,
}

impl Standing {
    /// May they change its text now?
    pub fn may_edit(self) -> bool {
        self.open && self.reach >= Reach::Edit
    }
}

/// Whether what was typed has arrived in the columns that everything else reads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "DocumentState.ts")]
pub struct DocumentState {
    /// Everything has arrived and is valid.
    pub clean: bool,
    /// Why the newest text was not taken over; the last valid one is shown.
    pub error: Option<DocumentError>,
    /// Since when it is read only, if it is.
    pub frozen_at: Option<DateTime<Utc>>,
}

/// Why the whole of a document was not taken over into columns. Closed: clients have words for each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export_to = "DocumentErrorCode.ts")]
pub enum DocumentErrorCode {
    /// Fields are not what they must be.
    DocumentInvalid,
    /// The database did not take it; nothing is tried again until the document changes.
    DocumentRefused,
    /// What is stored cannot be read; nothing is tried again until the document changes.
    DocumentUnreadable,
}

/// What is wrong with a field. Closed: clients have words for each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export_to = "DocumentFaultWhy.ts")]
pub enum DocumentFaultWhy {
    /// Nothing is there.
    Blank,
    /// It is too long, or there are too many.
    TooMuch,
    /// It is no whole number above zero.
    NotPositive,
    /// It is no date.
    NotADate,
    /// The key of an item is no id.
    NoId,
    /// Anything else.
    #[serde(other)]
    Invalid,
}

impl DocumentFaultWhy {
    /// As in JSON.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::TooMuch => "too_much",
            Self::NotPositive => "not_positive",
            Self::NotADate => "not_a_date",
            Self::NoId => "no_id",
            Self::Invalid => "invalid",
        }
    }
}

/// Why the text of a document was not taken over into columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "DocumentError.ts")]
pub struct DocumentError {
    /// Why.
    pub code: DocumentErrorCode,
    /// What is wrong with which field; at most twenty.
    pub fields: Vec<DocumentFault>,
}

/// What is wrong with one field of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "DocumentFault.ts")]
pub struct DocumentFault {
    /// Its name; of an item `agenda/id/title`.
    pub field: String,
    /// What is wrong with it.
    pub why: DocumentFaultWhy,
}

/// How far a document and its columns are, by its row.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// The number of its last update.
    pub head: i64,
    /// The number of the last one that was looked at for the columns.
    pub materialised: i64,
    /// A [`DocumentError`] as JSON.
    pub error: Option<String>,
    /// Since when it is read only.
    pub frozen_at: Option<DateTime<Utc>>,
}

impl DocumentError {
    /// From its JSON; what cannot be understood is invalid.
    pub fn of(text: &str) -> Self {
        let otherwise = || Self { code: DocumentErrorCode::DocumentInvalid, fields: vec![] };
        serde_json::from_str(text).unwrap_or_else(|_| otherwise())
    }
}

impl DocumentState {
    /// None: there is no document yet, so the columns are all there is.
    pub fn of(progress: Option<Progress>) -> Self {
        let Some(Progress { head, materialised, error, frozen_at }) = progress else {
            return Self { clean: true, ..Self::default() };
        };
        let error = error.as_deref().map(DocumentError::of);
        Self { clean: error.is_none() && materialised == head, error, frozen_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_means_that_everything_arrived_and_is_valid() {
        let clean = |head, materialised, error: Option<&str>| {
            let error = error.map(str::to_owned);
            DocumentState::of(Some(Progress { head, materialised, error, frozen_at: None })).clean
        };
        assert!(DocumentState::of(None).clean, "nothing was typed yet");
        assert!(clean(3, 3, None));
        assert!(!clean(4, 3, None));
        assert!(!clean(3, 3, Some(r#"{"code":"document_invalid","fields":[]}"#)));
        assert!(!clean(3, 3, Some("not JSON")));
    }

    #[test]
    fn what_is_wrong_has_one_name() {
        use DocumentFaultWhy::{Blank, Invalid, NoId, NotADate, NotPositive, TooMuch};
        for why in [Blank, TooMuch, NotPositive, NotADate, NoId, Invalid] {
            assert_eq!(serde_json::to_value(why).unwrap(), why.key());
        }
        let newer = r#"{"code":"document_invalid","fields":[{"field":"title","why":"too_loud"}]}"#;
        assert_eq!(DocumentError::of(newer).fields[0].why, Invalid, "a newer node knows more");
    }

    #[test]
    fn a_closed_thing_is_edited_by_nobody() {
        for reach in [Reach::View, Reach::Edit, Reach::Manage] {
            assert!(!Standing { reach, open: false }.may_edit());
            assert_eq!(Standing { reach, open: true }.may_edit(), reach > Reach::View);
        }
    }
}
