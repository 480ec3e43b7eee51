//! Lifecycle (domain 6.6): scheduled → starting → active ⇄ paused → ended | cancelled, and the session's settings.
use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use super::{
    Decision, Event, Session,
    actor::{Who, allowed},
    documents::SessionDocuments,
    poll,
    roster::Right,
    timer::later,
    wording::optional_block,
};
use crate::kernel::{Code, Moment, Refusal, text};

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(export_to = "Status.ts")]
pub enum Status {
    /// Planned; people see a waiting page.
    Scheduled,
    /// The lobby is open; features are still closed.
    Starting,
    /// Running.
    Active,
    /// Standing still; timers stop.
    Paused,
    /// Over; final.
    Ended,
    /// Called off; final.
    Cancelled,
}

impl Status {
    /// The stored word.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Starting => "starting",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
        }
    }
    /// Ended or cancelled.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Ended | Self::Cancelled)
    }
}

/// What a session is called and how it behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Settings.ts")]
pub struct Settings {
    /// 1 to 200 characters.
    pub title: String,
    /// Up to 4,000 characters.
    pub description: Option<String>,
    /// Planned start.
    pub scheduled_start: Moment,
    /// Planned end, after the start.
    pub scheduled_end: Moment,
    /// How many connected people with the role participant at most, 1 to 100,000.
    pub max_participants: u32,
    /// Ask for a name when joining.
    pub needs_name: bool,
    /// The poll feature.
    pub polls: PollSettings,
    /// The Q&A feature.
    pub qa: QaSettings,
    /// The notes and the whiteboard; absent: none.
    #[serde(default, skip_serializing_if = "SessionDocuments::is_empty")]
    #[ts(optional, as = "Option<SessionDocuments>")]
    pub documents: SessionDocuments,
}

/// Configuration of polls (domain 10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "PollSettings.ts")]
pub struct PollSettings {
    /// Off: poll commands are refused with `feature_disabled`.
    pub enabled: bool,
    /// How many polls may be open at once, 1 to 10.
    pub max_open: u32,
}

/// Configuration of Q&A (domain 10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "QaSettings.ts")]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, as the design names them")]
pub struct QaSettings {
    /// Off: question commands are refused with `feature_disabled`.
    pub enabled: bool,
    /// Questions wait for a moderator before others see them.
    pub pre_moderated: bool,
    /// Questions may be asked without a name.
    pub anonymous_allowed: bool,
    /// Questions may be supported.
    pub upvotes: bool,
}

/// A change of settings while the session lives; absent fields stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[ts(export_to = "Configure.ts", optional_fields)]
#[expect(missing_docs, reason = "the fields are those of Settings")]
pub struct Configure {
    pub title: Option<String>,
    pub max_participants: Option<u32>,
    pub needs_name: Option<bool>,
    pub polls_enabled: Option<bool>,
    pub max_open: Option<u32>,
    pub qa_enabled: Option<bool>,
    pub pre_moderated: Option<bool>,
    pub anonymous_allowed: Option<bool>,
    pub upvotes: Option<bool>,
}

/// A change of the plan before the start; absent fields stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[ts(export_to = "Plan.ts", optional_fields)]
#[expect(missing_docs, reason = "the fields are those of Settings")]
pub struct Plan {
    pub title: Option<String>,
    pub description: Option<String>,
    pub scheduled_start: Option<chrono::DateTime<chrono::Utc>>,
    pub scheduled_end: Option<chrono::DateTime<chrono::Utc>>,
    pub max_participants: Option<u32>,
    pub needs_name: Option<bool>,
}

/// How long before the planned start a session may be opened.
const EARLIEST: TimeDelta = TimeDelta::minutes(60);
/// How long after the planned end a session without hosts goes on (L6) …
const OVERTIME: TimeDelta = TimeDelta::minutes(30);
/// … and how long the last host must have been away.
const HOSTLESS: TimeDelta = TimeDelta::minutes(15);
/// How long after the planned end a session that never started is called off (L7).
const FORGOTTEN: TimeDelta = TimeDelta::hours(24);

impl Settings {
    /// Cleans the texts and checks the bounds (L1).
    pub fn checked(mut self) -> Result<Self, Refusal> {
        self.title = text::required(&self.title, 200)?;
        self.description = optional_block(self.description.as_deref(), 4000)?;
        if self.scheduled_end <= self.scheduled_start || !is_sane(self.scheduled_start) || !is_sane(self.scheduled_end)
        {
            return Err(Code::Invalid.into());
        }
        if !(1..=100_000).contains(&self.max_participants) {
            return Err(Refusal::with_limit(Code::Invalid, 100_000));
        }
        if !(1..=10).contains(&self.polls.max_open) {
            return Err(Refusal::with_limit(Code::Invalid, 10));
        }
        Ok(self)
    }
}

/// A time that every calendar and the database can hold: the years 2000 to 2199.
pub fn is_sane(at: Moment) -> bool {
    (2000..2200).contains(&chrono::Datelike::year(&at))
}

/// scheduled → starting (L2).
pub(super) fn start(state: &Session, who: &Who<'_>, now: Moment) -> Decision {
    allowed(who.is_host())?;
    match state.status {
        Status::Scheduled if state.settings.scheduled_start.signed_duration_since(now) > EARLIEST => {
            Err(Code::TooEarly.into())
        }
        Status::Scheduled => Ok(vec![moved(Status::Starting)]),
        Status::Starting | Status::Active | Status::Paused => Ok(vec![]),
        Status::Ended | Status::Cancelled => Err(Code::SessionEnded.into()),
    }
}

/// starting → active (L3), with a host present.
pub(super) fn go(state: &Session, who: &Who<'_>) -> Decision {
    allowed(who.is_host())?;
    match state.status {
        Status::Starting if host_present(state) => Ok(vec![moved(Status::Active)]),
        Status::Active | Status::Paused => Ok(vec![]),
        Status::Scheduled | Status::Starting => Err(Code::WrongState.into()),
        Status::Ended | Status::Cancelled => Err(Code::SessionEnded.into()),
    }
}

/// active → paused (L4). Polls whose time is over close before their timers freeze.
pub(super) fn pause(state: &Session, who: &Who<'_>, now: Moment) -> Decision {
    who.needs(Right::CanModerate)?;
    match state.status {
        Status::Active => {
            let mut events = poll::decide::close_due(state, now);
            events.push(moved(Status::Paused));
            Ok(events)
        }
        Status::Paused => Ok(vec![]),
        Status::Scheduled | Status::Starting => Err(Code::WrongState.into()),
        Status::Ended | Status::Cancelled => Err(Code::SessionEnded.into()),
    }
}

/// paused → active (L5).
pub(super) fn resume(state: &Session, who: &Who<'_>) -> Decision {
    who.needs(Right::CanModerate)?;
    match state.status {
        Status::Paused => Ok(vec![moved(Status::Active)]),
        Status::Active => Ok(vec![]),
        Status::Scheduled | Status::Starting => Err(Code::WrongState.into()),
        Status::Ended | Status::Cancelled => Err(Code::SessionEnded.into()),
    }
}

/// active or paused → ended (L6). An assistant may when no instructor is here.
pub(super) fn end(state: &Session, who: &Who<'_>) -> Decision {
    allowed(who.leads())?;
    match state.status {
        Status::Active | Status::Paused => Ok(finish(state, Status::Ended, None)),
        Status::Ended => Ok(vec![]),
        Status::Scheduled | Status::Starting => Err(Code::WrongState.into()),
        Status::Cancelled => Err(Code::SessionEnded.into()),
    }
}

/// Not final → cancelled (L7). An assistant may when no instructor is here.
pub(super) fn cancel(state: &Session, who: &Who<'_>, reason: &str) -> Decision {
    allowed(who.leads())?;
    match state.status {
        Status::Cancelled => Ok(vec![]),
        Status::Ended => Err(Code::SessionEnded.into()),
        Status::Scheduled | Status::Starting | Status::Active | Status::Paused => {
            Ok(finish(state, Status::Cancelled, Some(text::required_block(reason, 500)?)))
        }
    }
}

/// Closes or opens the door.
pub(super) fn lock(state: &Session, who: &Who<'_>, locked: bool) -> Decision {
    who.needs(Right::CanModerate)?;
    Ok(if state.locked == locked { vec![] } else { vec![Event::Locked { locked }] })
}

/// Changes settings. Switching polls off closes the open ones.
pub(super) fn configure(state: &Session, who: &Who<'_>, change: &Configure) -> Decision {
    who.needs(Right::CanModerate)?;
    let mut settings = state.settings.clone();
    set(&mut settings.title, change.title.clone());
    set(&mut settings.max_participants, change.max_participants);
    set(&mut settings.needs_name, change.needs_name);
    set(&mut settings.polls.enabled, change.polls_enabled);
    set(&mut settings.polls.max_open, change.max_open);
    set(&mut settings.qa.enabled, change.qa_enabled);
    set(&mut settings.qa.pre_moderated, change.pre_moderated);
    set(&mut settings.qa.anonymous_allowed, change.anonymous_allowed);
    set(&mut settings.qa.upvotes, change.upvotes);
    let polls_on = settings.polls.enabled;
    let mut events = if polls_on { vec![] } else { poll::decide::close_all(state) };
    events.extend(reconfigured(state, settings)?);
    Ok(events)
}

/// Changes the plan before the start.
pub(super) fn reschedule(state: &Session, plan: &Plan) -> Decision {
    match state.status {
        Status::Scheduled => {}
        Status::Ended | Status::Cancelled => return Err(Code::SessionEnded.into()),
        Status::Starting | Status::Active | Status::Paused => return Err(Code::WrongState.into()),
    }
    let mut settings = state.settings.clone();
    set(&mut settings.title, plan.title.clone());
    if plan.description.is_some() {
        settings.description.clone_from(&plan.description);
    }
    set(&mut settings.scheduled_start, plan.scheduled_start);
    set(&mut settings.scheduled_end, plan.scheduled_end);
    set(&mut settings.max_participants, plan.max_participants);
    set(&mut settings.needs_name, plan.needs_name);
    reconfigured(state, settings)
}

/// The settings as an event, when they are valid and different. The limit cannot go below the people present.
fn reconfigured(state: &Session, settings: Settings) -> Decision {
    let settings = settings.checked()?;
    if settings.max_participants < state.settings.max_participants
        && state.participants_present() > settings.max_participants as usize
    {
        return Err(Refusal::with_limit(Code::SessionFull, settings.max_participants));
    }
    Ok(if settings == state.settings { vec![] } else { vec![Event::Configured { settings }] })
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// Ends or cancels a session that nobody hosts any more, when its time has come.
pub(super) fn expire(state: &Session, now: Moment) -> Vec<Event> {
    match expiry(state) {
        Some((due, Status::Cancelled)) if due <= now => {
            finish(state, Status::Cancelled, Some("The session was never started.".to_owned()))
        }
        Some((due, status)) if due <= now => finish(state, status, None),
        _ => vec![],
    }
}

/// When the server ends this session by itself, if nothing happens before, and how (L6, L7).
pub(super) fn expiry(state: &Session) -> Option<(Moment, Status)> {
    let end = state.settings.scheduled_end;
    match state.status {
        Status::Scheduled | Status::Starting => Some((later(end, FORGOTTEN), Status::Cancelled)),
        Status::Active | Status::Paused if host_present(state) => None,
        Status::Active | Status::Paused => {
            let hosts = state.people.values().filter(|person| person.role.is_host());
            let hostless = hosts.filter_map(|person| person.left_at).max().map(|left| later(left, HOSTLESS));
            let overtime = later(end, OVERTIME);
            Some((hostless.map_or(overtime, |hostless| hostless.max(overtime)), Status::Ended))
        }
        Status::Ended | Status::Cancelled => None,
    }
}

/// `session_not_active`, `session_paused`, `session_ended` unless running.
pub(super) fn running(state: &Session) -> Result<(), Refusal> {
    match state.status {
        Status::Active => Ok(()),
        Status::Paused => Err(Code::SessionPaused.into()),
        Status::Scheduled | Status::Starting => Err(Code::SessionNotActive.into()),
        Status::Ended | Status::Cancelled => Err(Code::SessionEnded.into()),
    }
}

/// As [`running`], but moderators may go on in a pause.
pub(super) fn running_for(state: &Session, who: &Who<'_>) -> Result<(), Refusal> {
    if state.status == Status::Paused && who.moderates() { Ok(()) } else { running(state) }
}

fn host_present(state: &Session) -> bool {
    state.people.values().any(|person| person.role.is_host() && person.is_present())
}

fn moved(status: Status) -> Event {
    Event::StatusChanged { status, reason: None }
}

/// The way to a final state: from a pause through a resume (the graph knows no other way), open polls closed.
fn finish(state: &Session, status: Status, reason: Option<String>) -> Vec<Event> {
    let mut events = vec![];
    if state.status == Status::Paused {
        events.push(moved(Status::Active));
    }
    events.extend(poll::decide::close_all(state));
    events.push(Event::StatusChanged { status, reason });
    events
}

/// Takes the next step of the state.
pub(super) fn apply(state: &mut Session, event: &Event, at: Moment) {
    match event {
        Event::Created { settings } | Event::Configured { settings } => state.settings = settings.clone(),
        Event::Locked { locked } => state.locked = *locked,
        Event::StatusChanged { status, reason } => {
            enter(state, *status, at);
            if *status == Status::Cancelled {
                state.reason.clone_from(reason);
            }
        }
        _ => {}
    }
}

/// Pausing freezes the timers of polls, leaving the pause sets them going; the end marks everybody left.
fn enter(state: &mut Session, status: Status, at: Moment) {
    let was = std::mem::replace(&mut state.status, status);
    if status == Status::Paused && was != Status::Paused {
        state.paused_at = Some(at);
        for poll in state.polls.values_mut() {
            poll.timer = poll.timer.map(|timer| timer.frozen(at));
        }
    }
    if was == Status::Paused && status != Status::Paused {
        let since = state.paused_at.take().unwrap_or(at);
        state.paused_seconds = state.paused_seconds.saturating_add(at.signed_duration_since(since).num_seconds());
        for poll in state.polls.values_mut() {
            poll.timer = poll.timer.map(|timer| timer.running(at));
        }
    }
    if status == Status::Active {
        state.started_at.get_or_insert(at);
    }
    if status.is_final() {
        state.ended_at.get_or_insert(at);
        for person in state.people.values_mut() {
            person.left_at.get_or_insert(at);
        }
    }
}
