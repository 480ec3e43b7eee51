//! Plays a scene: the same commands that people give, by as many people.
use anyhow::{Context, anyhow, bail};
use chrono::TimeDelta;

use super::script::{Ask as Poll, Ends, NAMES, Raised, Scene};
use crate::{
    db::Db,
    identity::{Identity, Seat, Settings as IdentitySettings},
    kernel::{Caller, Clock, Id},
    live::{
        Live,
        core::{
            Actor, Choice, Command, OptionId, ParticipantId, PollDraft, PollId, PollOption, QuestionId, Role,
            SessionDocuments, Settings, SystemCommand,
            lifecycle::{PollSettings, QaSettings},
            poll::PollKind,
            roster,
        },
        http::create_session,
        room::writer::{Ask, Key},
    },
};

/// A scene in play.
pub struct Play<'a> {
    db: &'a Db,
    live: &'a Live,
    clock: Clock,
    identity: Identity,
    key: Key,
    host: Option<ParticipantId>,
    guests: Vec<ParticipantId>,
    dice: u32,
}

impl<'a> Play<'a> {
    /// Makes the session.
    pub async fn open(
        db: &'a Db,
        live: &'a Live,
        clock: Clock,
        caller: &Caller,
        scene: &Scene,
    ) -> anyhow::Result<Self> {
        let start = clock.now();
        let settings = Settings {
            title: scene.title.to_owned(),
            description: Some(scene.description.to_owned()),
            scheduled_start: start,
            scheduled_end: start + TimeDelta::hours(2),
            max_participants: 50,
            needs_name: false,
            polls: PollSettings { enabled: true, max_open: 1 },
            qa: QaSettings { enabled: true, pre_moderated: false, anonymous_allowed: true, upvotes: true },
            documents: SessionDocuments::default(),
        };
        let mut tx = db.tenant(caller).await?;
        let session =
            create_session(&mut tx, &clock, caller, settings, Vec::new()).await.map_err(|p| anyhow!("{}", p.title))?;
        tx.commit().await?;
        let key = Key { organization: caller.organization, session: Id::new(session) };
        let identity = Identity::new(db.clone(), clock.clone(), IdentitySettings::default());
        let mut play = Self { db, live, clock, identity, key, host: None, guests: Vec::new(), dice: 17 };
        let host = roster::Join {
            fresh: play.clock.id(),
            user: caller.user,
            name: Some("Ada Lindqvist".to_owned()),
            role: Role::Instructor,
        };
        play.host = Some(host.fresh);
        play.ask(Ask::System(SystemCommand::Join(host))).await?;
        Ok(play)
    }

    /// Plays it as far as it goes.
    pub async fn perform(&mut self, scene: &Scene) -> anyhow::Result<()> {
        let mut polls = Vec::new();
        for poll in &scene.polls {
            polls.push((self.prepare(poll).await?, poll));
        }
        match scene.ends {
            Ends::Scheduled => return Ok(()),
            Ends::Cancelled => return self.leads(Command::Cancel { reason: scene.description.to_owned() }).await,
            _ => self.leads(Command::Start {}).await?,
        }
        for name in NAMES.iter().take(scene.people) {
            self.comes(name).await?;
        }
        if scene.ends == Ends::Lobby {
            return Ok(());
        }
        self.passes(3);
        self.leads(Command::Go {}).await?;
        // A running session stands in the middle of its second poll.
        let last = if scene.ends == Ends::Active { 2 } else { polls.len() };
        for (number, (drawn, poll)) in polls.iter().take(last).enumerate() {
            self.passes(6);
            let stays_open = scene.ends == Ends::Active && number + 1 == last;
            self.holds(drawn, poll, stays_open).await?;
        }
        for raised in &scene.questions {
            self.raises(raised).await?;
        }
        self.passes(4);
        match scene.ends {
            Ends::Paused => self.leads(Command::Pause {}).await,
            Ends::Ended => {
                self.passes(60);
                self.leads(Command::End {}).await
            }
            _ => Ok(()),
        }
    }

    /// The code that leads to it.
    pub async fn code(&self) -> anyhow::Result<String> {
        let mut tx = self.db.tenant_as(self.key.organization, None).await?;
        let view = crate::live::http::find_session(&mut tx, self.key.session.uuid()).await;
        Ok(view.map_err(|problem| anyhow!("{}", problem.title))?.join_code)
    }

    fn passes(&self, minutes: i64) {
        self.clock.advance(TimeDelta::minutes(minutes));
    }

    /// Not chance: the same scene each time.
    fn roll(&mut self, sides: u32) -> u32 {
        self.dice = self.dice.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        (self.dice >> 16) % sides.max(1)
    }

    async fn ask(&self, ask: Ask) -> anyhow::Result<()> {
        match self.live.ask(self.key, ask.clone()).await {
            Ok(_) => Ok(()),
            Err(rejection) => bail!("{ask:?}: {rejection:?}"),
        }
    }

    async fn leads(&self, command: Command) -> anyhow::Result<()> {
        let host = self.host.context("nobody leads")?;
        self.ask(Ask::Command(Actor::Participant(host), command)).await
    }

    async fn comes(&mut self, name: &str) -> anyhow::Result<()> {
        let participant: ParticipantId = self.clock.id();
        let mut tx = self.db.tenant_as(self.key.organization, None).await?;
        let seat = Seat { live_session: self.key.session.uuid(), participant: participant.uuid() };
        let guest = self.identity.tokens.issue_guest(&mut tx, name, seat).await.map_err(|p| anyhow!("{}", p.title))?;
        tx.commit().await?;
        let join =
            roster::Join { fresh: participant, user: guest.user, name: Some(name.to_owned()), role: Role::Participant };
        self.ask(Ask::System(SystemCommand::Join(join))).await?;
        self.guests.push(participant);
        Ok(())
    }

    async fn prepare(&self, poll: &Poll) -> anyhow::Result<(PollId, Vec<OptionId>)> {
        let id: PollId = self.clock.id();
        let options: Vec<PollOption> = if poll.kind.is_text() {
            Vec::new()
        } else {
            let labels = poll.answers.iter().map(|(label, _)| *label);
            labels.map(|label| PollOption { id: self.clock.id(), label: label.to_owned() }).collect()
        };
        let ids = options.iter().map(|option| option.id).collect();
        let rating = poll.kind == PollKind::Rating;
        let draft = PollDraft {
            question: poll.question.to_owned(),
            kind: poll.kind,
            options,
            min_choices: None,
            max_choices: None,
            low_label: rating.then(|| "not at all".to_owned()),
            high_label: rating.then(|| "very".to_owned()),
            visibility: Some(poll.visibility),
            allow_change: None,
            seconds: None,
        };
        self.leads(Command::CreatePoll { poll: id, draft }).await?;
        Ok((id, ids))
    }

    async fn holds(&mut self, drawn: &(PollId, Vec<OptionId>), poll: &Poll, stays_open: bool) -> anyhow::Result<()> {
        let id = drawn.0;
        self.leads(Command::OpenPoll { poll: id, seconds: None }).await?;
        self.all_vote(drawn, poll, 1).await?;
        if stays_open {
            return Ok(());
        }
        self.passes(2);
        self.leads(Command::ClosePoll { poll: id }).await?;
        if poll.again {
            self.passes(20);
            self.leads(Command::Revote { poll: id, round: None }).await?;
            self.all_vote(drawn, poll, 2).await?;
            self.leads(Command::ClosePoll { poll: id }).await?;
        }
        Ok(())
    }

    async fn all_vote(&mut self, drawn: &(PollId, Vec<OptionId>), poll: &Poll, round: u32) -> anyhow::Result<()> {
        for (number, guest) in self.guests.clone().into_iter().enumerate() {
            // Somebody is always looking for coffee.
            if number % 7 == 6 {
                continue;
            }
            let choice = self.chooses(drawn, poll, round);
            let vote = Command::Vote { poll: drawn.0, round: Some(round), choice };
            self.ask(Ask::Command(Actor::Participant(guest), vote)).await?;
        }
        Ok(())
    }

    fn chooses(&mut self, drawn: &(PollId, Vec<OptionId>), poll: &Poll, round: u32) -> Choice {
        let first = self.draw(poll, round);
        match poll.kind {
            PollKind::Single | PollKind::Rating => Choice::Options(vec![drawn.1[first]]),
            PollKind::Multiple => {
                let second = self.draw(poll, round);
                let mut chosen = vec![drawn.1[first]];
                if second != first {
                    chosen.push(drawn.1[second]);
                }
                Choice::Options(chosen)
            }
            PollKind::OpenText => Choice::Text(poll.answers[first].0.to_owned()),
            PollKind::WordCloud => Choice::Words(vec![poll.answers[first].0.to_owned()]),
        }
    }

    /// A weighted answer; the second time around the upper half of the list has grown.
    fn draw(&mut self, poll: &Poll, round: u32) -> usize {
        let last = poll.answers.len() - 1;
        let weight = |index: usize| {
            let index = if round > 1 { last - index } else { index };
            poll.answers[index].1
        };
        let total = (0..=last).map(weight).sum();
        let mut left = self.roll(total);
        for index in 0..=last {
            if left < weight(index) {
                return index;
            }
            left -= weight(index);
        }
        last
    }

    async fn raises(&mut self, raised: &Raised) -> anyhow::Result<()> {
        let author = self.roll(u32::try_from(self.guests.len()).unwrap_or(1)) as usize;
        let question: QuestionId = self.clock.id();
        let by = |participant| Actor::Participant(participant);
        let asked = Command::Ask { question, body: raised.body.to_owned(), anonymous: raised.anonymous };
        self.ask(Ask::Command(by(self.guests[author]), asked)).await?;
        let supporters = self.guests.iter().enumerate().filter(|(number, _)| *number != author);
        for (_, supporter) in supporters.take(raised.support) {
            self.ask(Ask::Command(by(*supporter), Command::Upvote { question, on: true })).await?;
        }
        if let Some(text) = raised.answer {
            self.leads(Command::Answer { question, text: Some(text.to_owned()) }).await?;
        }
        Ok(())
    }
}
