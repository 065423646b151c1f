//! The webhook: what is sent, how it goes, and the answer to a test.

use serde::{Deserialize, Serialize};

use super::alert::Alert;
use super::operation::Advice;
use crate::{
    Time,
    id::{NodeId, OperationId},
};

/// What an event tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum WebhookEventName {
    #[serde(rename = "swap.started")]
    SwapStarted,
    /// The new model has answered.
    #[serde(rename = "swap.done")]
    SwapDone,
    /// It failed, was cancelled, or the last good model came back instead.
    #[serde(rename = "swap.failed")]
    SwapFailed,
    #[serde(rename = "node.down")]
    NodeDown,
    #[serde(rename = "node.up")]
    NodeUp,
    #[serde(rename = "service.down")]
    ServiceDown,
    #[serde(rename = "service.up")]
    ServiceUp,
    /// An alert was raised or has cleared.
    #[serde(rename = "alert")]
    Alert,
    /// Asked for by `POST /api/webhook/test`.
    #[serde(rename = "test")]
    Test,
}

impl WebhookEventName {
    /// Every event that happens by itself.
    pub const ALL: [Self; 8] = [
        Self::SwapStarted,
        Self::SwapDone,
        Self::SwapFailed,
        Self::NodeDown,
        Self::NodeUp,
        Self::ServiceDown,
        Self::ServiceUp,
        Self::Alert,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SwapStarted => "swap.started",
            Self::SwapDone => "swap.done",
            Self::SwapFailed => "swap.failed",
            Self::NodeDown => "node.down",
            Self::NodeUp => "node.up",
            Self::ServiceDown => "service.down",
            Self::ServiceUp => "service.up",
            Self::Alert => "alert",
            Self::Test => "test",
        }
    }
}

/// The body of a webhook request. Fields that do not belong to the event are absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WebhookEvent {
    /// The same in every try; a receiver that knows it already has the event.
    pub id: String,
    pub event: WebhookEventName,
    pub at: Time,
    /// One sentence for people.
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The repository that a swap is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The first cause of a failed swap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<Advice>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<Alert>,
    /// Of an alert: whether it has cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared: Option<bool>,
}

/// How one event went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WebhookDelivery {
    pub id: String,
    pub event: WebhookEventName,
    pub at: Time,
    pub delivered: bool,
    /// Requests that were made.
    pub tries: u32,
    /// Status of the last answer; `null` when there was none.
    pub status: Option<u16>,
    /// Why it was not delivered.
    pub error: Option<String>,
}

/// The webhook in `GET /api/status`; the counters begin with the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WebhookStatus {
    /// Scheme and host of the receiver; the rest may hold a token.
    pub receiver: String,
    /// Whether requests carry a signature.
    pub signed: bool,
    pub queued: u64,
    pub delivered_total: u64,
    pub failed_total: u64,
    /// Events that found the queue full.
    pub dropped_total: u64,
    pub last: Option<WebhookDelivery>,
}
