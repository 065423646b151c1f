//! The fabric doctor.

use axum::Json;
use axum::extract::State;
use spark_ipc::ErrorBody;
use spark_ipc::model::doctor::{DoctorLast, DoctorReport};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::web::Web;
use crate::web::fault::Fault;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(last, examine))
}

/// The last report; `null` while there is none.
#[utoipa::path(get, path = "/api/doctor", tag = "doctor", responses((status = 200, body = DoctorLast)))]
async fn last(State(web): State<Web>) -> Json<DoctorLast> {
    let report = web.app().doctor.last();
    Json(DoctorLast { report })
}

/// Examines the cable between the Sparks: links, speed, addresses, MTU, RDMA entries, logins, whole frames. Takes
/// some seconds.
#[utoipa::path(
    post, path = "/api/doctor", tag = "doctor",
    responses(
        (status = 200, body = DoctorReport),
        (status = 409, description = "An examination is under way.", body = ErrorBody),
    )
)]
async fn examine(State(web): State<Web>) -> Result<Json<DoctorReport>, Fault> {
    Ok(Json(web.app().doctor.examine().await?))
}
