//! The API and the dashboard: one router for both doors.
//!
//! A request passes the envelope (id, security headers, one shape for errors), then the guard of its
//! route's class, then its handler. Handlers read the [`View`] or ask a handle; none of them decides
//! anything. What matched no route is refused by the strictest guard first.

mod actor;
mod api;
mod assets;
mod cors;
mod envelope;
mod events;
mod extract;
pub(crate) mod fault;
pub mod guard;
mod handles;
mod metrics;
mod sections;
mod sse;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use spark_ipc::text::clean_line;
use spark_ipc::version::VersionInfo;
use spark_ipc::{ApiError, ErrorCode};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;

use crate::connectivity::Connectivity;
use crate::deep::Deep;
use crate::gate::Gate;
use crate::models::Recipes;
use crate::operations::Operations;
use crate::proxy::{Forwarder, Traffic};
use crate::settings::Store;
use crate::tasks::Tasks;
use crate::view::View;
use crate::webhook::Webhook;
use fault::Fault;
use guard::Hosts;
use sections::Sections;

pub use handles::{AdoptionActions, ServiceActions};
pub use handles::{
    Answer, BugReport, FabricDoctor, LogStream, ModelDetails, NodeActions, UnitLogs,
};

/// What the router serves and asks.
#[derive(Clone)]
pub struct AppState {
    pub view: View,
    pub operations: Operations,
    pub deep: Deep,
    pub connectivity: Connectivity,
    pub gate: Gate,
    pub traffic: Traffic,
    pub tasks: Tasks,
    pub version: VersionInfo,
    pub nodes: Arc<dyn NodeActions>,
    pub logs: Arc<dyn UnitLogs>,
    pub services: Arc<dyn ServiceActions>,
    pub adoptions: Arc<dyn AdoptionActions>,
    pub models: Arc<dyn ModelDetails>,
    pub doctor: Arc<dyn FabricDoctor>,
    pub bug_reports: Arc<dyn BugReport>,
    pub recipes: Recipes,
    /// The settings, to change them.
    pub settings: Arc<Store>,
    pub webhook: Webhook,
    /// Which hosts the guard lets in.
    pub hosts: Hosts,
}

impl fmt::Debug for AppState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppState")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// The state of the router: what it was given, and what it makes of that.
#[derive(Clone)]
pub(crate) struct Web(Arc<Parts>);

struct Parts {
    app: AppState,
    sections: Sections,
    forwarder: Forwarder,
    counters: metrics::Counters,
}

impl Web {
    fn new(app: AppState) -> Result<Self, reqwest::Error> {
        let sections = Sections::new(&app.view);
        let forwarder = Forwarder::new(app.gate.clone(), app.traffic.clone())?;
        Ok(Self(Arc::new(Parts {
            app,
            sections,
            forwarder,
            counters: metrics::Counters::default(),
        })))
    }

    fn app(&self) -> &AppState {
        &self.0.app
    }

    fn sections(&self) -> &Sections {
        &self.0.sections
    }

    fn counters(&self) -> &metrics::Counters {
        &self.0.counters
    }

    fn hosts(&self) -> &Hosts {
        &self.0.app.hosts
    }

    pub(crate) fn forwarder(&self) -> &Forwarder {
        &self.0.forwarder
    }
}

#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "Spark Control",
    description = "Errors of the control plane have the shape `ErrorBody`; those of `/v1` have OpenAI's. Every answer carries `x-request-id`.",
))]
struct Document;

/// The router, for both doors. Fails when the client of the data plane cannot be made.
pub fn router(state: AppState) -> Result<Router, reqwest::Error> {
    let web = Web::new(state)?;
    let (control, data, health) = planes();
    let routes = |plane: OpenApiRouter<Web>| {
        let (router, _document) = plane.split_for_parts();
        router
            .method_not_allowed_fallback(wrong_method)
            .layer(CatchPanicLayer::custom(envelope::panicked))
    };
    let control = routes(control)
        .fallback(unknown_path)
        .layer(from_fn_with_state(web.clone(), guard::layer::control));
    let data = routes(data).layer(from_fn_with_state(web.clone(), guard::layer::data));
    let health = routes(health).layer(from_fn_with_state(web.clone(), guard::layer::health));
    let assets = assets::routes()
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(web.clone(), guard::layer::assets));
    let router = control
        .merge(data)
        .merge(health)
        .merge(assets)
        .layer(from_fn_with_state(web.clone(), envelope::wrap))
        .with_state(web);
    Ok(router)
}

/// The `OpenAPI` document of the router, as `docs/openapi.json` has it.
pub fn openapi() -> String {
    let (control, data, health) = planes();
    let document = control.merge(data).merge(health).into_openapi();
    document.to_pretty_json().unwrap_or_default() + "\n"
}

/// The documented routes by class: control, data, health.
fn planes() -> (OpenApiRouter<Web>, OpenApiRouter<Web>, OpenApiRouter<Web>) {
    let control = OpenApiRouter::with_openapi(Document::openapi()).merge(api::control());
    (control, crate::proxy::routes(), api::health())
}

async fn unknown_path(uri: Uri) -> Fault {
    let message = format!("there is nothing at {:?}", clean_line(uri.path(), 200));
    let hint = "/api/openapi.json lists what there is";
    ApiError::new(ErrorCode::NotFound, message)
        .with_hint(hint)
        .into()
}

async fn wrong_method(method: Method, uri: Uri) -> Fault {
    let message = format!(
        "{method} is not offered at {:?}",
        clean_line(uri.path(), 200)
    );
    Fault::from(ApiError::new(ErrorCode::Unsupported, message))
        .with_status(StatusCode::METHOD_NOT_ALLOWED)
}
