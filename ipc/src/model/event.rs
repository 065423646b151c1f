//! The event stream `GET /api/events`.

use serde::{Deserialize, Serialize};

use crate::Time;

use super::{
    alert::Alert,
    connectivity::ConnectivitySummary,
    inventory::ModelList,
    node::Node,
    operation::Operation,
    service::Service,
    settings::Settings,
    status::{Proxy, Snapshot},
    unit::Unit,
};

/// A changed section, whole. On the wire the SSE event name is the name of the section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Changed<T> {
    pub now: Time,
    #[serde(flatten)]
    pub section: T,
}

macro_rules! section {
    ($name:ident, $field:ident, $type:ty) => {
        #[doc = concat!("Body of the event `", stringify!($field), "`.")]
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        pub struct $name {
            pub $field: Vec<$type>,
        }
    };
}
section!(Nodes, nodes, Node);
section!(Units, units, Unit);
section!(Services, services, Service);
section!(Operations, operations, Operation);
section!(Alerts, alerts, Alert);

/// Body of the event `traffic`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Traffic {
    pub proxy: Proxy,
}

/// Body of the event `connectivity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ConnectivityNews {
    pub connectivity: ConnectivitySummary,
}

/// Body of the event `heartbeat`, every ten seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Heartbeat {
    pub now: Time,
}

/// One event, decoded.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Snapshot(Box<Snapshot>),
    Nodes(Changed<Nodes>),
    Models(Changed<ModelList>),
    Units(Changed<Units>),
    Services(Changed<Services>),
    Operations(Changed<Operations>),
    Alerts(Changed<Alerts>),
    Traffic(Changed<Traffic>),
    Settings(Changed<Settings>),
    Connectivity(Changed<ConnectivityNews>),
    Heartbeat(Heartbeat),
    /// A section that this client does not know.
    Unknown(String),
}

impl Event {
    /// Decodes the SSE event `name` with the JSON `data`.
    pub fn decode(name: &str, data: &str) -> Result<Self, serde_json::Error> {
        Ok(match name {
            "snapshot" => Self::Snapshot(serde_json::from_str(data)?),
            "nodes" => Self::Nodes(serde_json::from_str(data)?),
            "models" => Self::Models(serde_json::from_str(data)?),
            "units" => Self::Units(serde_json::from_str(data)?),
            "services" => Self::Services(serde_json::from_str(data)?),
            "operations" => Self::Operations(serde_json::from_str(data)?),
            "alerts" => Self::Alerts(serde_json::from_str(data)?),
            "traffic" => Self::Traffic(serde_json::from_str(data)?),
            "settings" => Self::Settings(serde_json::from_str(data)?),
            "connectivity" => Self::Connectivity(serde_json::from_str(data)?),
            "heartbeat" => Self::Heartbeat(serde_json::from_str(data)?),
            other => Self::Unknown(other.to_owned()),
        })
    }
}
