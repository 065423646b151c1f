//! The small part of `OpenAI`'s chat shapes that a client of ours needs to talk to the running model.

use serde::{Deserialize, Serialize};

/// One entry of `GET /v1/models`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ServedModel {
    pub id: String,
    pub object: String,
    pub owned_by: String,
}

/// `GET /v1/models`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ServedModels {
    pub object: String,
    pub data: Vec<ServedModel>,
}
