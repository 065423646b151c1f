//! `adopt`: take over what somebody else started, or let it go.

use serde_json::json;
use spark_ipc::model::service::Adopted;

use super::context::Context;
use super::failure::Failure;
use crate::args::Adopt;
use crate::exit::Exit;
use crate::paint::{Line, Tone};
use crate::trouble::Trouble;

pub(super) async fn run(context: &mut Context, args: Adopt) -> Result<Exit, Failure> {
    let path = format!("/api/units/{}/adopt", args.unit);
    let adopted: Adopted = if args.release {
        context.client.delete(&path).await?
    } else {
        if !args.yes && !agreed(context, &args)? {
            return Ok(Exit::Cancelled);
        }
        context.client.post(&path, &json!({})).await?
    };
    if context.json {
        return context.print_json("spark.adopted/1", &adopted);
    }
    let unit = adopted.unit;
    let text = if unit.adopted {
        format!(
            "{} ({}) is treated like a unit of ours now.",
            unit.id, unit.owner
        )
    } else {
        format!("{} ({}) is not touched any more.", unit.id, unit.owner)
    };
    context.out.line(&Line::plain(text))?;
    Ok(Exit::Done)
}

fn agreed(context: &mut Context, args: &Adopt) -> Result<bool, Failure> {
    let unit = &args.unit;
    if !context.may_ask || context.json {
        let text = format!("taking over {unit} must be agreed to, and nobody can be asked here");
        return Err(Trouble::new(Exit::Usage, "not_agreed", text)
            .hint("add --yes")
            .into());
    }
    let question = format!("Take over {unit}? A swap may stop it then, and requests may go to it.");
    let agreed = context.ask(&question)?;
    if !agreed {
        let text = Line::of(Tone::Dim, "Nothing was changed.");
        context.out.line(&text)?;
    }
    Ok(agreed)
}
