//! Settings, as a form would show them.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SettingSource {
    Default,
    Environment,
    Overlay,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SettingField {
    /// The name of its variable, e.g. `POLL_INTERVAL_S`.
    pub key: String,
    /// `text`, `integer`, `number`, `boolean`, `choice`.
    pub kind: String,
    pub label: String,
    pub help: String,
    pub group: String,
    /// `null` for a secret.
    pub value: serde_json::Value,
    pub source: SettingSource,
    pub default: serde_json::Value,
    pub secret: bool,
    /// Whether it has a value.
    pub set: bool,
    /// `at_use` or `restart`.
    pub applies: String,
    /// Owned by the service manager: not to be changed here.
    pub locked: bool,
}

/// `GET /api/settings`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Settings {
    pub revision: u64,
    pub fields: Vec<SettingField>,
}

/// Answer to `POST /api/settings`: everything that was asked for is in force and on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SettingsChanged {
    pub revision: u64,
    /// Keys that are in force.
    pub applied: Vec<String>,
    /// Keys that are stored and could not be put in force.
    pub failed: Vec<String>,
    /// Keys that are in force after a restart.
    pub restart_required: Vec<String>,
}
