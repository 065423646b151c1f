//! `stop`: one unit, or all of ours.

use spark_ipc::model::operation::{OperationStarted, StopRequest};
use spark_ipc::model::unit::{Unit, UnitList};

use super::context::Context;
use super::failure::Failure;
use super::{follow, pick};
use crate::args::Stop;
use crate::exit::Exit;
use crate::paint::{Line, Tone};
use crate::trouble::Trouble;

pub(super) async fn run(context: &mut Context, args: Stop) -> Result<Exit, Failure> {
    let units = context.client.get::<UnitList>("/api/units").await?.units;
    let (request, what) = if args.all {
        (
            StopRequest {
                unit: None,
                all: true,
            },
            "every unit of ours".to_owned(),
        )
    } else {
        let id = pick::unit(&units, args.unit)?;
        let what = units
            .iter()
            .find(|u| u.id == id)
            .map_or(id.to_string(), described);
        (
            StopRequest {
                unit: Some(id),
                all: false,
            },
            what,
        )
    };
    if !args.yes && !agreed(context, &what)? {
        return Ok(Exit::Cancelled);
    }
    let started: OperationStarted = context.client.post("/api/stop", &request).await?;
    if args.no_wait {
        return follow::left_running(context, &started.operation);
    }
    follow::to_the_end(context, started.operation, args.timeout, &[]).await
}

fn described(unit: &Unit) -> String {
    let model = unit
        .repo
        .as_ref()
        .map(|r| format!(" ({r})"))
        .unwrap_or_default();
    let mut nodes: Vec<&str> = unit.ranks.iter().map(|r| r.node.as_str()).collect();
    nodes.dedup();
    format!("{}{model} on {}", unit.id, nodes.join("+"))
}

fn agreed(context: &mut Context, what: &str) -> Result<bool, Failure> {
    if !context.may_ask || context.json {
        let text = format!("stopping {what} must be agreed to, and nobody can be asked here");
        return Err(Trouble::new(Exit::Usage, "not_agreed", text)
            .hint("add --yes")
            .into());
    }
    let agreed = context.ask(&format!("Stop {what}?"))?;
    if !agreed {
        context
            .out
            .line(&Line::of(Tone::Dim, "Nothing was changed."))?;
    }
    Ok(agreed)
}
