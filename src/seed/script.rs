//! What is played: sessions of a workshop business, with their polls, answers and questions.
use crate::live::core::poll::{PollKind, Visibility};

/// How far a session is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Planned only.
    Scheduled,
    /// The lobby is open.
    Lobby,
    /// In the middle of a poll.
    Active,
    /// In a break.
    Paused,
    /// Over.
    Ended,
    /// Called off.
    Cancelled,
}

/// One poll with its answers.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The question.
    pub question: &'static str,
    /// Kind of answer.
    pub kind: PollKind,
    /// Options with their weight, or texts with their weight.
    pub answers: &'static [(&'static str, u32)],
    /// Who sees results when.
    pub visibility: Visibility,
    /// Asked a second time at the end, with the weights reversed.
    pub again: bool,
}

/// One question from the audience: text, supporters, whether it was answered, and how.
#[derive(Debug, Clone)]
pub struct Raised {
    /// What was asked.
    pub body: &'static str,
    /// How many support it.
    pub support: usize,
    /// Without a name.
    pub anonymous: bool,
    /// The written answer, if it was answered.
    pub answer: Option<&'static str>,
}

/// One session.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Its title.
    pub title: &'static str,
    /// What it is about.
    pub description: &'static str,
    /// Minutes from now; negative is the past.
    pub starts_in_minutes: i64,
    /// How many come.
    pub people: usize,
    /// What is asked.
    pub polls: Vec<Ask>,
    /// What they ask.
    pub questions: Vec<Raised>,
    /// How far it goes.
    pub ends: Ends,
}

const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

/// First names of those who come.
pub const NAMES: [&str; 24] = [
    "Noor", "Tomás", "Ylva", "Kofi", "Mei", "Jonas", "Aisha", "Luca", "Freya", "Omar", "Ines", "Pavel", "Zoë", "Raj",
    "Hanna", "Mateo", "Sanne", "Idris", "Clara", "Bo", "Yuki", "Emeka", "Lena", "Arthur",
];

fn spend_the_hour() -> Ask {
    Ask {
        question: "What should we spend the last hour on?",
        kind: PollKind::Single,
        answers: &[
            ("Pair on the hardest exercise", 9),
            ("Walk through the solutions together", 5),
            ("Open questions, any topic", 7),
            ("A quick look at testing in production", 4),
        ],
        visibility: Visibility::AfterVote,
        again: false,
    }
}

fn confidence() -> Ask {
    Ask {
        question: "How confident are you about reading a query plan?",
        kind: PollKind::Rating,
        answers: &[("1", 2), ("2", 6), ("3", 8), ("4", 5), ("5", 1)],
        visibility: Visibility::Always,
        again: true,
    }
}

fn one_word() -> Ask {
    Ask {
        question: "One word for today",
        kind: PollKind::WordCloud,
        answers: &[
            ("indexes", 9),
            ("locks", 6),
            ("vacuum", 5),
            ("aha!", 4),
            ("coffee", 3),
            ("planner", 3),
            ("deadlock", 2),
            ("joins", 4),
            ("statistics", 2),
            ("surprising", 1),
        ],
        visibility: Visibility::Always,
        again: false,
    }
}

fn tools() -> Ask {
    Ask {
        question: "Which of these do you use every week?",
        kind: PollKind::Multiple,
        answers: &[
            ("EXPLAIN ANALYZE", 8),
            ("pg_stat_statements", 5),
            ("A graphical client", 9),
            ("psql", 7),
            ("None", 1),
        ],
        visibility: Visibility::Always,
        again: false,
    }
}

fn take_home() -> Ask {
    Ask {
        question: "What will you do differently on Monday?",
        kind: PollKind::OpenText,
        answers: &[
            ("Look at the plan before adding an index", 3),
            ("Set a lock timeout in every migration", 2),
            ("Turn on pg_stat_statements", 2),
            ("Ask before I use OFFSET", 1),
            ("Talk to our DBA more often", 1),
        ],
        visibility: Visibility::AfterClose,
        again: false,
    }
}

fn questions() -> Vec<Raised> {
    vec![
        Raised {
            body: "How do we roll this back if the migration half-finishes?",
            support: 12,
            anonymous: false,
            answer: None,
        },
        Raised { body: "Is there a reading list for the second part?", support: 7, anonymous: true, answer: None },
        Raised {
            body: "Could you show the slow query again?",
            support: 5,
            anonymous: false,
            answer: Some("Yes, it is on page 12 of the handout, with the plan beside it."),
        },
        Raised { body: "Does this also hold for partitioned tables?", support: 3, anonymous: false, answer: None },
    ]
}

/// All sessions, oldest first.
pub fn scenes() -> Vec<Scene> {
    let scene = |title, description, starts_in_minutes, people, ends| Scene {
        title,
        description,
        starts_in_minutes,
        people,
        polls: Vec::new(),
        questions: Vec::new(),
        ends,
    };
    vec![
        Scene {
            polls: vec![confidence(), tools(), one_word(), take_home()],
            questions: questions(),
            ..scene("Postgres in anger, part one", "Plans, locks and other surprises.", -7 * DAY, 22, Ends::Ended)
        },
        Scene {
            polls: vec![tools(), take_home()],
            questions: questions(),
            ..scene("Code review that people like", "Half a day with one team.", -3 * DAY, 14, Ends::Ended)
        },
        scene("Evening lecture: queues", "Called off; the hall was flooded.", -DAY, 0, Ends::Cancelled),
        Scene {
            polls: vec![confidence(), spend_the_hour(), one_word(), take_home()],
            questions: questions(),
            ..scene("Postgres in anger, part two", "Bring the slowest query you have.", -40, 24, Ends::Active)
        },
        Scene {
            polls: vec![tools()],
            ..scene("Retrospective, team Heron", "What went well, what shall change.", -25, 9, Ends::Paused)
        },
        scene("Drop-in clinic", "Come with a question, leave with a plan.", -5, 3, Ends::Lobby),
        Scene {
            polls: vec![confidence(), one_word()],
            ..scene("Event sourcing without tears", "A workshop with exercises.", DAY + 2 * HOUR, 0, Ends::Scheduled)
        },
        scene("Facilitating hybrid groups", "For trainers.", 6 * DAY, 0, Ends::Scheduled),
    ]
}
