//! No new requests for the units that stop, and time for those in flight.

use std::time::Duration;

use spark_core::plan::Plan;
use tokio_util::sync::CancellationToken;

use super::super::context::Context;
use super::super::run::{Halt, StepResult};
use crate::gate::Route;

/// Seconds that a client is told to wait when nothing better is known.
const RETRY_AFTER_S: u32 = 30;

pub(in crate::operations) async fn drain(
    ctx: &Context,
    plan: &Plan,
    cancel: &CancellationToken,
) -> StepResult {
    let coming = plan.launch.as_ref();
    let expected = coming
        .and_then(|l| l.expected_s)
        .map_or(RETRY_AFTER_S, whole_seconds);
    ctx.gate.set(match coming {
        Some(launch) => Route::Swapping {
            to: Some(launch.served_name.clone()),
            retry_after_s: expected,
        },
        None => Route::NoModel,
    });
    let limit = Duration::from_secs(ctx.drain_timeout_s.get());
    let left = tokio::select! {
        left = ctx.gate.drained(limit) => left,
        () = cancel.cancelled() => return Err(Halt::Cancelled),
        () = ctx.tasks.token().cancelled() => return Err(Halt::ShutDown),
    };
    Ok(match left {
        0 => Some("no request in flight".to_owned()),
        1 => Some("one request was still in flight and is cut off".to_owned()),
        n => Some(format!("{n} requests were still in flight and are cut off")),
    })
}

/// Whole seconds for a Retry-After header, between 5 and 600.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 5..=600"
)]
fn whole_seconds(seconds: f64) -> u32 {
    seconds.clamp(5.0, 600.0).ceil() as u32
}
