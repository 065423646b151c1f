//! The bug report, as an archive to save.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use spark_ipc::ErrorBody;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::web::Web;
use crate::web::fault::Fault;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(bugreport))
}

/// A `tar.gz` with state, settings, logs and journals, without secrets. Takes some seconds.
#[utoipa::path(
    get, path = "/api/bugreport", tag = "doctor",
    responses(
        (status = 200, content_type = "application/gzip", body = Vec<u8>),
        (status = 500, body = ErrorBody),
    )
)]
async fn bugreport(State(web): State<Web>) -> Result<impl IntoResponse, Fault> {
    let archive = web.app().bug_reports.make().await?;
    let headers = [
        (header::CONTENT_TYPE, "application/gzip"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"spark-control-report.tar.gz\"",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, archive))
}
