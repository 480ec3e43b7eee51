//! Errors as answers: `application/problem+json` (RFC 9457) with a closed [`Code`].
//!
//! Policy: the core refuses with [`Refusal`]; handlers return [`Problem`]; what is nobody's fault becomes `internal`,
//! is logged once here, and tells the client nothing but the request id (the `x-request-id` header).
use axum::{
    Json,
    extract::rejection::{JsonRejection, PathRejection, QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::kernel::{Code, Refusal};

/// An error answer.
#[derive(Debug, Clone, Serialize, ToSchema, ts_rs::TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "ProblemBody.ts", rename = "ProblemBody", optional_fields)]
pub struct Problem {
    /// Why; switch on this.
    pub code: Code,
    /// The HTTP status.
    pub status: u16,
    /// A sentence for people.
    pub title: String,
    /// More about this occurrence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What is wrong with which field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<FieldError>>")]
    pub errors: Vec<FieldError>,
    /// Seconds to wait before trying again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// With `conflict`: how it is now, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    #[ts(type = "unknown", optional)]
    pub current: Option<Box<serde_json::Value>>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, ts_rs::TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "FieldError.ts")]
pub struct FieldError {
    /// The field's name as in the request.
    pub field: String,
    /// Why.
    pub code: Code,
    /// A sentence for people.
    pub message: String,
}

impl Problem {
    /// A problem with nothing but a code.
    pub fn new(code: Code) -> Self {
        Self {
            code,
            status: code.status(),
            title: code.message().to_owned(),
            detail: None,
            errors: Vec::new(),
            retry_after: None,
            current: None,
        }
    }
    /// Adds what happened in particular.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
    /// `conflict`, with the row as it is now.
    pub fn conflict(current: &impl Serialize) -> Self {
        Self { current: serde_json::to_value(current).ok().map(Box::new), ..Self::new(Code::Conflict) }
    }
    /// `invalid`, naming one field.
    pub fn field(field: &str, refusal: impl Into<Refusal>) -> Self {
        Self::new(Code::Invalid).and_field(field, refusal)
    }
    /// Names one more field.
    pub fn and_field(mut self, field: &str, refusal: impl Into<Refusal>) -> Self {
        let refusal = refusal.into();
        self.errors.push(FieldError { field: field.to_owned(), code: refusal.code, message: refusal.message() });
        self
    }
    /// Says when to come back.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds.max(1));
        self
    }
    /// Something unexpected: logged here, hidden from the client.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "internal error");
        Self::new(Code::Internal)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let problem = Self::new(refusal.code);
        if refusal.limit.is_some() { problem.detail(refusal.message()) } else { problem }
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        let away = match &error {
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::BeginFailed
            | sqlx::Error::WorkerCrashed => true,
            // Connection exceptions, too little of something, shutting down.
            sqlx::Error::Database(db) => {
                db.code().is_some_and(|code| ["08", "53", "57"].iter().any(|class| code.starts_with(class)))
            }
            _ => false,
        };
        if away {
            tracing::warn!(%error, "the database does not answer");
            return Self::new(Code::Unavailable).retry_after(2);
        }
        Self::internal(error)
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        let code = match rejection.status() {
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMedia,
            StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
            StatusCode::UNPROCESSABLE_ENTITY => Code::Invalid,
            _ => Code::Malformed,
        };
        Self::new(code).detail(rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(_: PathRejection) -> Self {
        Self::new(Code::NotFound)
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(Code::Malformed).detail(rejection.body_text())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
