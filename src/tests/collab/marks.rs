//! y-websocket has no word for *saved*: a client asks with a mark, and hears it when all before it is in the database.
use std::time::Duration;

use atelier::collab::ysync::{Message, Sync};
use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite};
use yrs::{Doc, Text, Transact};

use super::log;
use crate::support::{Atelier, client::DEADLINE};

struct Line(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Line {
    async fn opens(app: &Atelier, name: &str, token: &str) -> Self {
        Self(connect_async(format!("ws://{}/collab/yjs/{name}?token={token}", app.address)).await.unwrap().0)
    }
    async fn says(&mut self, message: Message<'_>) {
        self.0.send(tungstenite::Message::binary(message.frame())).await.unwrap();
    }
    /// The next mark that comes; none within a moment that is long for a server that has nothing else to do.
    async fn mark(&mut self, patience: Duration) -> Option<u64> {
        let hearing = async {
            loop {
                if let tungstenite::Message::Binary(frame) = self.0.next().await.unwrap().unwrap()
                    && let Some(Ok(Message::Mark(mark))) = Message::all(&frame).next()
                {
                    return mark;
                }
            }
        };
        timeout(patience, hearing).await.ok()
    }
}

/// Two changes, of which the second builds on the first.
fn changes() -> [Vec<u8>; 2] {
    let doc = Doc::new();
    ["one ", "two "].map(|words| {
        let text = doc.get_or_insert_text("t");
        let mut txn = doc.transact_mut();
        text.insert(&mut txn, 0, words);
        txn.encode_update_v1()
    })
}

#[tokio::test]
async fn a_mark_comes_back_when_all_before_it_is_saved_and_not_before() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let name = ada.notes(&ada.creates("Intro").await, "edit").await;
    let mut behind = app.database.superuser().await;
    let [first, second] = changes();
    let mut line = Line::opens(&app, &name, &ada.token).await;
    line.says(Message::Mark(7)).await;
    assert_eq!(line.mark(DEADLINE).await, Some(7));
    // The second alone cannot be saved: it waits for the first.
    line.says(Message::Sync(Sync::Update(&second))).await;
    line.says(Message::Mark(8)).await;
    assert_eq!(line.mark(Duration::from_millis(300)).await, None);
    line.says(Message::Sync(Sync::Update(&first))).await;
    assert_eq!(line.mark(DEADLINE).await, Some(8));
    assert_eq!(log::read(&mut behind).await.0, "two one ");
}

#[tokio::test]
async fn whoever_may_only_read_never_hears_that_a_change_is_saved() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let _host = ada.starts(&session).await;
    let name = ada.notes(&session, "read").await;
    let mut line = Line::opens(&app, &name, &session.joins("Bo").await.token().await).await;
    line.says(Message::Mark(1)).await;
    assert_eq!(line.mark(DEADLINE).await, Some(1), "nothing is unsaved yet");
    line.says(Message::Sync(Sync::Update(&changes()[0]))).await;
    line.says(Message::Mark(2)).await;
    assert_eq!(line.mark(Duration::from_millis(300)).await, None);
}
