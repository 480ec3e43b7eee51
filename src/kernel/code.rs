//! The closed list of codes: why something was refused. Clients switch on them; nothing depends on the sentences.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// A normal "no" of the core: a code and, where the rule has a number, that number. Holds no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub code: Code,
    /// The bound that was passed, where the rule has one.
    pub limit: Option<u32>,
}

impl Refusal {
    /// A refusal without a number.
    pub const fn new(code: Code) -> Self {
        Self { code, limit: None }
    }
    /// A refusal that names the bound.
    pub const fn with_limit(code: Code, limit: u32) -> Self {
        Self { code, limit: Some(limit) }
    }
    /// The sentence for people: what was wrong and what is allowed.
    pub fn message(self) -> String {
        match self.limit {
            Some(limit) => format!("{} Allowed: at most {limit}.", self.code.message()),
            None => self.code.message().to_owned(),
        }
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:literal, $message:literal;)+) => {
        /// Why something was refused. Closed: the TypeScript client switches on it exhaustively.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS, JsonSchema, ToSchema)]
        #[serde(rename_all = "snake_case")]
        #[ts(export_to = "Code.ts")]
        pub enum Code { $($(#[$doc])* #[doc = $message] $name,)+ }

        impl Code {
            /// The HTTP status that goes with the code.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }
            /// One English sentence: what was wrong, and what is allowed.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)+ }
            }
            /// All codes, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];
        }
    };
}

codes! {
    // --- anyone
    Unauthenticated = 401, "You are not signed in, or the token is unknown, expired or already used.";
    Forbidden = 403, "You may not do this here.";
    NotFound = 404, "There is no such thing, or you may not see it.";
    MethodNotAllowed = 405, "This address does not take that method.";
    Malformed = 400, "The request could not be read.";
    Invalid = 422, "Some fields are not valid.";
    Conflict = 409, "Somebody else changed this in the meantime, or the id is already taken.";
    TooLarge = 413, "The request is too large.";
    UnsupportedMedia = 415, "Send JSON, with Content-Type application/json.";
    RateLimited = 429, "Too many requests. Wait a moment and try again.";
    Internal = 500, "Something went wrong on our side. It has been logged.";
    Unavailable = 503, "The service cannot do this right now. Nothing was changed; try again.";
    Timeout = 504, "That took too long and was stopped. Try again.";
    ForeignOrigin = 403, "This request comes from another web site.";
    // --- identity
    WrongPassword = 401, "The e-mail address or the password is wrong.";
    EmailTaken = 409, "There is already an account with this e-mail address.";
    RegistrationClosed = 403, "New accounts cannot be made on this server.";
    GuestsNotAllowed = 403, "This organization does not let guests in. Sign in first.";
    // --- text
    TextEmpty = 422, "The text is empty.";
    TextTooLong = 422, "The text is too long.";
    // --- session
    CodeUnknown = 404, "No session has this code. Check the six characters on the screen.";
    SessionEnded = 410, "This session has ended.";
    SessionNotStarted = 409, "This session has not started yet.";
    SessionNotActive = 409, "This can only be done while the session is running.";
    SessionPaused = 409, "The session is paused. Wait until it goes on.";
    SessionFull = 409, "The session is full.";
    SessionLocked = 403, "The session is locked: nobody else can join.";
    TooEarly = 409, "A session can be opened 60 minutes before its planned start at the earliest.";
    WrongState = 409, "This step is not possible from the current state.";
    FeatureDisabled = 409, "This feature is switched off in this session.";
    NameRequired = 422, "This session asks for your name.";
    // --- people
    Removed = 403, "You were removed from this session.";
    UnknownParticipant = 404, "There is no such participant in this session.";
    LastInstructor = 409, "A session keeps at least one instructor.";
    InstructorHere = 409, "An instructor is here.";
    // --- polls
    PollUnknown = 404, "There is no such poll in this session.";
    PollNotOpen = 409, "This poll is not open yet.";
    PollClosed = 409, "This poll is closed.";
    PollLocked = 409, "The options cannot be changed once votes exist.";
    PollRoundOver = 409, "That round is over; a new round has begun.";
    TooManyOpenPolls = 409, "Another poll is open. Close it first.";
    TooFewOptions = 422, "A choice poll needs at least two options.";
    TooManyOptions = 422, "That is too many options.";
    OptionUnknown = 422, "That option does not belong to this poll.";
    OptionTwice = 422, "The same option was given twice.";
    ChoiceWrongKind = 422, "That answer does not fit the kind of this poll.";
    TooFewChoices = 422, "Choose more options.";
    TooManyChoices = 422, "Choose fewer options.";
    AlreadyVoted = 409, "You have voted, and votes in this poll cannot be changed.";
    TooManyPolls = 409, "A session cannot hold more polls.";
    // --- questions
    QuestionUnknown = 404, "There is no such question in this session.";
    TooManyQuestions = 409, "Too many questions are waiting for an answer. Wait until some are answered.";
    OwnQuestion = 409, "You cannot support your own question.";
    AnonymousNotAllowed = 409, "Questions are asked with a name in this session.";
    // --- documents
    DocumentInvalid = 422, "The document is not in order yet. Put right what it says about its fields.";
    DocumentFrozen = 409, "The document can only be read now.";
    DocumentMoved = 412, "Somebody has changed this part of the document since you read it. Read it again.";
    PreconditionRequired = 428, "Say with If-Match which state you have read.";
    NothingToApprove = 422, "There is no text to approve yet.";
    // --- protocol
    HelloExpected = 400, "Send hello first.";
    ProtocolError = 400, "The message does not follow the protocol.";
}
