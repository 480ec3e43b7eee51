//! What a room does that answers or publishes before it has committed; see [`crate::planted`].
use super::{
    Reply, Room, encode,
    writer::{Ask, Batch},
};
use crate::live::{
    core::{self, Actor},
    log::{self, Logged},
    protocol::ServerMessage,
};

impl Room {
    /// Looks ahead at what the batch will come to, as if nothing could come between.
    pub(super) fn look_ahead(&mut self) {
        let (acks, publishes) = (planted!(AckBeforeCommit), planted!(PublishBeforeCommit));
        if !acks && !publishes {
            return;
        }
        let (mut state, mut seq, at) = (self.state.clone(), self.seq, self.clock.now());
        let mut events = Vec::new();
        for (ask, reply) in &mut self.under_way {
            let (actor, command) = match ask {
                Ask::Command(actor, command) => (*actor, command),
                Ask::Knowing(person, command, _) => (Actor::Participant(*person), command),
                Ask::System(_) | Ask::Documents => continue,
            };
            let Ok(decided) = core::decide(&state, actor, command, at) else { continue };
            for event in decided {
                core::apply(&mut state, &event, at);
                seq += 1;
                events.push(Logged { seq, at, actor: log::actor_id(actor), event });
            }
            if let Reply::Line(line, reference) = reply
                && acks
            {
                line.send(encode(&ServerMessage::Ack { reference: *reference, seq, at }));
                *reply = Reply::Nobody;
            }
        }
        if publishes {
            self.publish(&Batch { events, ..Batch::default() });
        }
    }
}
