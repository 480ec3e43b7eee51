//! Between two answers nobody is connected, and yet nobody has left: whoever was answered stays in the room for a
//! moment, so that counts do not flicker.
use std::{future::poll_fn, sync::Arc, time::Duration};

use dashmap::DashMap;
use tokio::{sync::oneshot, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    gateway::{hello::Hello, viewing::Viewing},
    identity::UserId,
    live::room::{Viewer, writer::Key},
};

/// How long after an answer the next request is expected.
const MOMENT: Duration = Duration::from_secs(5);
/// Taking a viewer out of a room takes as long as its inbox.
const LEAVING: Duration = Duration::from_secs(1);

/// Who lingers where.
pub type Whose = (Key, UserId);

/// Who lingers, if it is a person: screens are not counted.
pub fn whose(hello: &Hello) -> Option<Whose> {
    match hello.viewer {
        Viewer::Person { user, .. } => Some((hello.key, user)),
        Viewer::Screen => None,
    }
}

/// Somebody between two answers.
#[derive(Debug)]
struct Leaving {
    stop: CancellationToken,
    gone: oneshot::Receiver<()>,
}

/// All who linger on this node. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Lingering(Arc<DashMap<Whose, Vec<Leaving>>>);

impl Lingering {
    /// Whoever comes back takes the place of the one who lingered, which counts as a connection no longer.
    pub async fn call_back(&self, whose: Option<Whose>) {
        let found = whose.and_then(|whose| self.0.get_mut(&whose)?.pop());
        if let Some(leaving) = found {
            leaving.stop.cancel();
            // Gone or not: one connection too many closes the oldest.
            let _ = timeout(LEAVING, leaving.gone).await;
        }
    }

    /// From now on somebody may be called back. To be said before the last words of an answer: the next request comes
    /// as soon as they are read.
    pub fn announce(&self, whose: Option<Whose>) -> Option<Stay> {
        let whose = whose?;
        let (stop, (say, gone)) = (CancellationToken::new(), oneshot::channel());
        self.0.entry(whose).or_default().push(Leaving { stop: stop.clone(), gone });
        Some(Stay { lingering: self.clone(), whose, stop, say })
    }
}

/// The stay of one.
#[derive(Debug)]
pub struct Stay {
    lingering: Lingering,
    whose: Whose,
    stop: CancellationToken,
    say: oneshot::Sender<()>,
}

impl Stay {
    /// Stays for a moment, then leaves.
    pub async fn linger(self, viewing: Viewing) {
        let staying = async {
            while !viewing.is_over() {
                poll_fn(|cx| viewing.poll_woken(cx)).await;
            }
        };
        // Called back, sent away, or the moment is over: all the same.
        let _ = timeout(MOMENT, self.stop.run_until_cancelled(staying)).await;
        self.leave(viewing).await;
    }

    /// Leaves at once.
    pub async fn leave(self, viewing: Viewing) {
        viewing.end().await;
        // Whoever called back may have stopped waiting.
        let _ = self.say.send(());
        let Lingering(all) = self.lingering;
        if let Some(mut list) = all.get_mut(&self.whose) {
            // One that has spoken is of no use to anybody.
            list.retain_mut(|leaving| leaving.gone.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        }
        all.remove_if(&self.whose, |_, list| list.is_empty());
    }
}
