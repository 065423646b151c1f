//! The whole read-model.

use serde::{Deserialize, Serialize};

use crate::Time;

use super::{
    alert::Alert, connectivity::ConnectivitySummary, inventory::ModelList, node::Node,
    operation::Operation, service::Service, settings::Settings, unit::Unit, webhook::WebhookStatus,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProxyState {
    /// Requests go to the running model.
    Serving,
    /// Nothing runs.
    NoModel,
    /// A swap is on: 503 with Retry-After.
    Swapping,
}

/// The data plane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Proxy {
    pub state: ProxyState,
    /// The served name of the running model.
    pub model: Option<String>,
    pub upstream: Option<String>,
    pub requests_in_flight: u64,
    pub requests_total: u64,
    pub errors_total: u64,
}

/// Whether the operator still has something to do before the first swap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Setup {
    pub complete: bool,
    /// What is left, in plain words.
    pub needs: Vec<String>,
}

/// `GET /api/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Status {
    /// The daemon's clock, to reckon ages with.
    pub now: Time,
    pub nodes: Vec<Node>,
    pub units: Vec<Unit>,
    pub services: Vec<Service>,
    pub operations: Vec<Operation>,
    pub alerts: Vec<Alert>,
    pub proxy: Proxy,
    /// `null` while no webhook is set.
    pub webhook: Option<WebhookStatus>,
    pub setup: Setup,
    /// The newest changes of connectivity.
    #[serde(default)]
    pub connectivity: ConnectivitySummary,
}

/// The first event of a stream: the status, the models and the settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Snapshot {
    #[serde(flatten)]
    pub status: Status,
    pub models: ModelList,
    pub settings: Settings,
}
