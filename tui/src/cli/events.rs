//! `events`: every change, one line each.

use serde_json::{Value, json};

use super::context::Context;
use super::failure::Failure;
use crate::exit::Exit;
use crate::paint::{Line, Tone};
use crate::trouble::Trouble;
use crate::wire;

pub(super) async fn run(context: &mut Context) -> Result<Exit, Failure> {
    let mut stream = context.client.events("/api/events", None).await?;
    while let Some(raw) = stream.next().await? {
        let body: Value = serde_json::from_str(&wire::clean_json(&raw.data))?;
        if context.json {
            let event = json!({ "event": raw.name, "body": body });
            context.print_json("spark.event/1", &event)?;
        } else {
            let now = body.get("now").and_then(Value::as_str).unwrap_or("–");
            let line = Line::of(Tone::Dim, format!("{now}  "))
                .add(Tone::Strong, raw.name)
                .add(Tone::Plain, format!("  {}", summary(&body)));
            context.out.line(&line)?;
        }
    }
    Err(Trouble::new(
        Exit::Unreachable,
        "unreachable",
        "the daemon closed the stream",
    )
    .into())
}

/// How many things each list of the section has.
fn summary(body: &Value) -> String {
    let Some(fields) = body.as_object() else {
        return String::new();
    };
    let counts: Vec<String> = fields
        .iter()
        .filter_map(|(name, value)| Some(format!("{} {name}", value.as_array()?.len())))
        .collect();
    counts.join(", ")
}
