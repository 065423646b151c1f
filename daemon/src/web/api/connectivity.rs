//! Connectivity: who was up when.

use axum::Json;
use axum::extract::State;
use spark_ipc::model::connectivity::Connectivity;
use spark_ipc::text::clean_line;
use spark_ipc::{ErrorBody, Time};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::clock;
use crate::web::Web;
use crate::web::extract::Pairs;
use crate::web::fault::Fault;

/// How far back a report goes when the request does not say, seconds.
const DAY_S: i64 = 86_400;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(report))
}

/// Transitions, timelines and uptime of nodes, units, services and the daemon itself. `since` is a time (RFC 3339);
/// default a day ago.
#[utoipa::path(
    get, path = "/api/connectivity", tag = "health", params(("since" = Option<Time>, Query)),
    responses((status = 200, body = Connectivity), (status = 400, body = ErrorBody))
)]
async fn report(State(web): State<Web>, Pairs(pairs): Pairs) -> Result<Json<Connectivity>, Fault> {
    let since = since(&pairs, clock::now())?;
    Ok(Json(web.app().connectivity.report(since).await?))
}

fn since(pairs: &[(String, String)], now: Time) -> Result<Time, Fault> {
    let mut since = now.plus_seconds(-DAY_S);
    for (name, value) in pairs {
        if name != "since" {
            let message = format!("{:?} is not known here", clean_line(name, 60));
            return Err(Fault::invalid("query", message).with_hint("since is"));
        }
        let time = value.parse::<jiff::Timestamp>().map_err(|_not_a_time| {
            let message = format!("{:?} is no time", clean_line(value, 60));
            Fault::invalid("since", message).with_hint("e.g. 2026-11-23T12:00:00Z")
        })?;
        since = time.into();
    }
    Ok(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_goes_back_a_day_or_as_far_as_asked() {
        let now: Time = "2026-11-23T12:00:00Z"
            .parse::<jiff::Timestamp>()
            .unwrap()
            .into();
        let of = |name: &str, value: &str| since(&[(name.to_owned(), value.to_owned())], now);
        let told = |time: Time| time.to_string();
        assert_eq!(told(since(&[], now).unwrap()), "2026-11-22T12:00:00Z");
        let asked = of("since", "2026-11-01T00:00:00+01:00").unwrap();
        assert_eq!(told(asked), "2026-10-31T23:00:00Z");
        assert!(of("since", "yesterday").is_err());
        assert!(of("until", "2026-11-01T00:00:00Z").is_err());
    }
}
