//! Units: what runs, what it says, and whose it is.

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use spark_ipc::ErrorBody;
use spark_ipc::id::UnitId;
use spark_ipc::model::service::Adopted;
use spark_ipc::model::unit::UnitList;
use spark_ipc::text::clean_line;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::web::actor::Actor;
use crate::web::extract::{Pairs, PathId};
use crate::web::fault::Fault;
use crate::web::{Web, sse};

/// Lines that are shown when the request does not say.
const TAIL: usize = 200;
/// Most lines that are shown at once.
const MAX_TAIL: usize = 10_000;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(logs))
        .routes(routes!(adopt, release))
}

/// What runs, ours and foreign.
#[utoipa::path(get, path = "/api/units", tag = "units", responses((status = 200, body = UnitList)))]
async fn list(State(web): State<Web>) -> Json<UnitList> {
    let units = web.app().view.units.borrow().clone();
    Json(UnitList {
        units: Vec::clone(&units),
    })
}

/// The end of a unit's log as text; with `follow=true` as server-sent events `log` that go on.
#[utoipa::path(
    get, path = "/api/units/{unit}/logs", tag = "units",
    params(
        ("unit" = UnitId, Path),
        ("tail" = Option<usize>, Query, minimum = 1, maximum = 10000),
        ("follow" = Option<bool>, Query),
    ),
    responses(
        (status = 200, content(
            (String = "text/plain"),
            (spark_ipc::model::operation::LogLine = "text/event-stream"),
        )),
        (status = 404, body = ErrorBody),
    )
)]
async fn logs(
    State(web): State<Web>,
    PathId(unit): PathId<UnitId>,
    Pairs(pairs): Pairs,
) -> Result<Response, Fault> {
    let wanted = Wanted::of(&pairs)?;
    if wanted.follow {
        let lines = web.app().logs.follow(unit, wanted.tail).await?;
        let events = lines.map(|line| sse::event("log", Some(line.seq), &line));
        return Ok(sse::response(events, web.app().tasks.token().clone()));
    }
    let text = web.app().logs.tail(unit, wanted.tail).await?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// Takes over what somebody else started: from now on it may be stopped, and served from, like a unit of ours.
#[utoipa::path(
    post, path = "/api/units/{unit}/adopt", tag = "units", params(("unit" = UnitId, Path)),
    responses(
        (status = 200, body = Adopted), (status = 404, body = ErrorBody),
        (status = 409, description = "It is ours already.", body = ErrorBody),
    )
)]
async fn adopt(
    State(web): State<Web>,
    PathId(unit): PathId<UnitId>,
    Actor(actor): Actor,
) -> Result<Json<Adopted>, Fault> {
    let unit = web.app().adoptions.adopt(unit, actor).await?;
    Ok(Json(Adopted { unit }))
}

/// Lets an adopted unit go: it is not touched any more.
#[utoipa::path(
    delete, path = "/api/units/{unit}/adopt", tag = "units", params(("unit" = UnitId, Path)),
    responses((status = 200, body = Adopted), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody))
)]
async fn release(
    State(web): State<Web>,
    PathId(unit): PathId<UnitId>,
) -> Result<Json<Adopted>, Fault> {
    let unit = web.app().adoptions.release(unit).await?;
    Ok(Json(Adopted { unit }))
}

/// Which part of a log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) tail: usize,
    pub(super) follow: bool,
}

impl Wanted {
    pub(super) fn of(pairs: &[(String, String)]) -> Result<Self, Fault> {
        let mut wanted = Self {
            tail: TAIL,
            follow: false,
        };
        for (name, value) in pairs {
            let shown = clean_line(value, 60);
            match name.as_str() {
                "tail" => {
                    let number = value.parse().ok().filter(|n| (1..=MAX_TAIL).contains(n));
                    let wrong =
                        || Fault::invalid("tail", format!("{shown:?} is not 1 to {MAX_TAIL}"));
                    wanted.tail = number.ok_or_else(wrong)?;
                }
                "follow" => {
                    let wrong =
                        |_| Fault::invalid("follow", format!("{shown:?} is not true or false"));
                    wanted.follow = value.parse().map_err(wrong)?;
                }
                other => {
                    let message = format!("{:?} is not known here", clean_line(other, 60));
                    return Err(Fault::invalid("query", message).with_hint("tail and follow are"));
                }
            }
        }
        Ok(wanted)
    }
}
