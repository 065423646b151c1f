//! The control plane, a module for each noun.

mod bugreport;
mod connectivity;
mod deep;
mod doctor;
mod meta;
mod models;
mod nodes;
mod operations;
mod recipes;
mod services;
mod settings;
mod transfers;
mod units;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Web, events, metrics};

/// The routes that the control guard looks after.
pub(super) fn control() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .merge(bugreport::routes())
        .merge(doctor::routes())
        .merge(meta::routes())
        .merge(deep::routes())
        .merge(connectivity::routes())
        .merge(nodes::routes())
        .merge(models::routes())
        .merge(recipes::routes())
        .merge(operations::routes())
        .merge(settings::routes())
        .merge(transfers::routes())
        .merge(units::routes())
        .merge(services::routes())
        .routes(routes!(events::events))
        .routes(routes!(metrics::metrics))
}

/// The routes that tell only whether the daemon lives.
pub(super) fn health() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(meta::healthz))
        .routes(routes!(meta::readyz))
}
