//! Settings: looked at, changed; and the test of the webhook that they set.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use spark_ipc::model::settings::{Settings, SettingsChanged};
use spark_ipc::model::webhook::WebhookDelivery;
use spark_ipc::{ApiError, ErrorBody, ErrorCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::settings::ChangeError;
use crate::web::Web;
use crate::web::actor::Actor;
use crate::web::extract::JsonBody;
use crate::web::fault::Fault;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(settings, change))
        .routes(routes!(test_webhook))
}

/// The settings as a form would show them.
#[utoipa::path(get, path = "/api/settings", tag = "settings", responses((status = 200, body = Settings)))]
async fn settings(State(web): State<Web>) -> Json<Settings> {
    let settings = web.app().view.settings.borrow().clone();
    Json(Settings::clone(&settings))
}

/// Changes settings, all or none; `null` goes back to the environment or the default. `If-Match` with the
/// revision keeps a form that was opened earlier from undoing somebody else's change.
#[utoipa::path(
    post, path = "/api/settings", tag = "settings", request_body = serde_json::Value,
    params(("if-match" = Option<String>, Header, description = "The revision that the change rests on.")),
    responses(
        (status = 200, body = SettingsChanged),
        (status = 400, description = "`fields` has every fault.", body = ErrorBody),
        (status = 412, description = "The settings have changed since.", body = ErrorBody),
        (status = 507, description = "The disk is full; nothing was changed.", body = ErrorBody),
    )
)]
async fn change(
    State(web): State<Web>,
    Actor(actor): Actor,
    headers: HeaderMap,
    JsonBody(changes): JsonBody<BTreeMap<String, serde_json::Value>>,
) -> Result<Json<SettingsChanged>, Fault> {
    let expected = revision(&headers)?;
    let (store, keys) = (
        Arc::clone(&web.app().settings),
        changes.keys().cloned().collect::<Vec<_>>(),
    );
    let changing = tokio::task::spawn_blocking(move || store.change(&changes, expected));
    let changed = changing.await.map_err(|_panicked| {
        ApiError::new(
            ErrorCode::Internal,
            "the change of the settings was not finished",
        )
    })?;
    let revision = changed.map_err(refused)?;
    tracing::info!(%actor, ?keys, revision, "settings were changed");
    Ok(Json(SettingsChanged {
        revision,
        applied: keys,
        failed: Vec::new(),
        restart_required: Vec::new(),
    }))
}

fn revision(headers: &HeaderMap) -> Result<Option<u64>, Fault> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim_matches('"');
    let revision = text.parse().ok().map(Some);
    revision.ok_or_else(|| {
        Fault::invalid("if-match", "it is no revision")
            .with_hint("send the `revision` of GET /api/settings")
    })
}

fn refused(error: ChangeError) -> Fault {
    let text = error.to_string();
    match error {
        ChangeError::Stale { .. } => Fault::from(
            ApiError::new(ErrorCode::Conflict, text)
                .with_hint("read the settings again; somebody has changed them"),
        )
        .with_status(StatusCode::PRECONDITION_FAILED),
        ChangeError::Invalid(fields) => {
            let first = fields.first().map(|f| format!("{} {}", f.path, f.message));
            ApiError::new(ErrorCode::Invalid, first.unwrap_or(text))
                .with_fields(fields)
                .into()
        }
        ChangeError::Write(error) => {
            let full = error.kind() == std::io::ErrorKind::StorageFull;
            let fault =
                Fault::from(ApiError::new(ErrorCode::Internal, text).with_hint(
                    "the old settings are in force; make room in DATA_DIR and try again",
                ));
            if full {
                fault.with_status(StatusCode::INSUFFICIENT_STORAGE)
            } else {
                fault
            }
        }
    }
}

/// Sends a test event to the webhook, once, and tells what came of it.
#[utoipa::path(
    post, path = "/api/webhook/test", tag = "settings",
    responses(
        (status = 200, body = WebhookDelivery),
        (status = 409, description = "No usable webhook is set.", body = ErrorBody),
    )
)]
async fn test_webhook(State(web): State<Web>) -> Result<Json<WebhookDelivery>, Fault> {
    Ok(Json(web.app().webhook.test().await?))
}
