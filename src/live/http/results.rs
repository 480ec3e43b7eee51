//! Results of a session, during and after it, as hosts see them.
use axum::{Json as Answer, extract::State};
use serde::Serialize;
use ts_rs::TS;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{super::Live, host, key, sessions};
use crate::{
    http::{Problem, extract::Path},
    identity::{Can, LiveJoin},
    live::core::audience::{self, Audience, SessionState},
};

/// A session and everything that came of it.
#[derive(Debug, Clone, Serialize, ToSchema, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Results.ts")]
pub struct Results {
    /// The session's row.
    pub session: sessions::LiveSessionView,
    /// Polls with results of all rounds, questions, people: the `SessionState` of the socket protocol (AsyncAPI).
    #[schema(value_type = Object)]
    pub state: SessionState,
}

/// Show results
#[utoipa::path(get, path = "/live-sessions/{id}/results", tag = "live sessions", params(("id" = Uuid, Path)), responses(
    (status = 200, description = "As of now.", body = Results),
    (status = 403, description = "Hosts only.", body = Problem),
    (status = 404, description = "Not in your organization.", body = Problem),
))]
pub(super) async fn results(
    can: Can<LiveJoin>,
    State(live): State<Live>,
    Path(id): Path<Uuid>,
) -> Result<Answer<Results>, Problem> {
    let mut tx = can.begin().await?;
    host(&mut tx, &can.caller, id).await?;
    let session = sessions::find(&mut tx, id).await?;
    tx.commit().await?;
    let state = live.look(key(&can.caller, id), |_, state| audience::snapshot(state, Audience::Hosts)).await?;
    Ok(Answer(Results { session, state }))
}
