//! The control plane, a module for each noun.

mod meta;
mod models;
mod nodes;
mod operations;
mod units;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Web, events, metrics};

/// The routes that the control guard looks after.
pub(super) fn control() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .merge(meta::routes())
        .merge(nodes::routes())
        .merge(models::routes())
        .merge(operations::routes())
        .merge(units::routes())
        .routes(routes!(events::events))
        .routes(routes!(metrics::metrics))
}

/// The routes that tell only whether the daemon lives.
pub(super) fn health() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(meta::healthz))
        .routes(routes!(meta::readyz))
}
