//! Bugs that are planted on purpose, so that the simulation can be shown to find them. Outside of its tests there is
//! nothing here: `planted!` is `false`.

#[cfg(test)]
macro_rules! planted {
    ($bug:ident) => {
        $crate::planted::PLANTED.get() == Some($crate::planted::Bug::$bug)
    };
}

#[cfg(not(test))]
macro_rules! planted {
    ($bug:ident) => {
        false
    };
}

/// A bug that somebody could have made; some somebody has made.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// The ack is sent before the transaction has ended.
    AckBeforeCommit,
    /// Other nodes are told before the transaction has ended.
    PublishBeforeCommit,
    /// What the bus brings is applied though something before it is missing.
    GapIgnored,
    /// Who comes back is not told what happened right after he left.
    BatchLostAtReconnect,
    /// A snapshot claims to be one event newer than it is.
    SnapshotOneOff,
    /// After a transaction of unknown fate the next batch is decided against what may not have happened.
    DraftKept,
    /// The head is locked, but what others wrote before is not read.
    FenceIgnored,
    /// Who was overtaken writes nevertheless.
    OvertakenUnnoticed,
    /// Of several running results only one is sent.
    TallyOff,
    /// Running results are kept up to date only for those who look at that moment.
    TallyForLookersOnly,
    /// Running results are not sent again to those who come back.
    SlotNotResent,
    /// Who has voted before he comes back is not known to have voted.
    VoterForgotten,
    /// A new role does not change what somebody sees.
    AudienceKept,
    /// Who got another role while away is only told what happened meanwhile.
    AudienceKeptAway,
    /// Those who stay are not told that somebody's new role has moved their number.
    NumberUnheard,
    /// What follows for those who come back begins before what they hold.
    ResumeOverlaps,
    /// A prepared snapshot is used though somebody holds more.
    StepBack,
    /// Numbers are not compared with the database.
    HeadCheckOff,
    /// Who comes back after more than is remembered is told what is remembered.
    HistoryBegins,
    /// A prepared snapshot is used though nothing was added to it while nobody looked.
    SnapshotStale,
    /// Reading a session waits for a dead connection without end.
    NoDeadline,
    /// Who was connected to a lost node goes on being counted.
    LostStillCounted,
    /// Who is said to have left, but is connected, is not let in again.
    StrayForgotten,
    /// Who does not come back in time is not missed.
    GraceForgotten,
    /// What comes late is done, though its sender has done something else since.
    LateIsDone,
}

#[cfg(test)]
impl Bug {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::AckBeforeCommit,
        Self::PublishBeforeCommit,
        Self::GapIgnored,
        Self::BatchLostAtReconnect,
        Self::SnapshotOneOff,
        Self::DraftKept,
        Self::FenceIgnored,
        Self::OvertakenUnnoticed,
        Self::TallyOff,
        Self::TallyForLookersOnly,
        Self::SlotNotResent,
        Self::VoterForgotten,
        Self::AudienceKept,
        Self::AudienceKeptAway,
        Self::NumberUnheard,
        Self::ResumeOverlaps,
        Self::StepBack,
        Self::HeadCheckOff,
        Self::HistoryBegins,
        Self::SnapshotStale,
        Self::NoDeadline,
        Self::LostStillCounted,
        Self::StrayForgotten,
        Self::GraceForgotten,
        Self::LateIsDone,
    ];
}

#[cfg(test)]
thread_local! {
    /// The bug planted on this thread.
    pub static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}
