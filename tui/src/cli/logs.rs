//! `logs`: what a unit says.

use serde_json::json;
use spark_ipc::model::operation::LogLine;
use spark_ipc::model::unit::UnitList;

use super::context::Context;
use super::failure::Failure;
use super::pick;
use crate::args::Logs;
use crate::exit::Exit;
use crate::paint::{Line, Tone};
use crate::wire;

pub(super) async fn run(context: &mut Context, args: Logs) -> Result<Exit, Failure> {
    let units = context.client.get::<UnitList>("/api/units").await?.units;
    let unit = pick::unit(&units, args.unit)?;
    let path = format!("/api/units/{unit}/logs?tail={}", args.tail);
    print(context, &path, args.follow).await
}

/// Prints the log at `path`, and goes on with new lines if told to.
pub(super) async fn print(context: &mut Context, path: &str, go_on: bool) -> Result<Exit, Failure> {
    if go_on {
        return follow(context, &format!("{path}&follow=true")).await;
    }
    let text = context.client.text(path).await?;
    for line in text.lines() {
        if context.json {
            context.print_json("spark.log/1", &json!({ "text": line }))?;
        } else {
            context.out.line(&Line::plain(line))?;
        }
    }
    Ok(Exit::Done)
}

/// Prints lines as they come; the end of the stream is the end of the unit.
async fn follow(context: &mut Context, path: &str) -> Result<Exit, Failure> {
    let mut stream = context.client.events(path, None).await?;
    while let Some(raw) = stream.next().await? {
        if raw.name != "log" {
            continue;
        }
        let line: LogLine = serde_json::from_str(&wire::clean_json(&raw.data))?;
        if context.json {
            context.print_json("spark.log/1", &line)?;
        } else {
            context.out.line(&shown(&line))?;
        }
    }
    Ok(Exit::Done)
}

fn shown(line: &LogLine) -> Line {
    let place = match (&line.node, line.rank) {
        (Some(node), Some(rank)) => format!("{node}/{rank} "),
        (Some(node), None) => format!("{node} "),
        _ => String::new(),
    };
    Line::of(Tone::Dim, place).add(Tone::Plain, line.text.clone())
}
