//! What downloads, copies and pulls have in common: their preview, their start, and the wait for their end.

use std::time::Duration;

use serde::Serialize;
use spark_ipc::model::operation::OperationStarted;
use spark_ipc::model::preflight::Finding;
use spark_ipc::model::transfer::{TransferLeg, TransferPreview, TransferWay};

use super::context::Context;
use super::failure::Failure;
use super::follow;
use crate::exit::Exit;
use crate::format::{UNKNOWN, bytes, or_unknown};
use crate::paint::{Line, Tone};

/// The daemon asks the Hub or a registry before it answers.
const PATIENCE: Duration = Duration::from_secs(240);

/// What is to be done with a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Act {
    pub(super) dry_run: bool,
    pub(super) no_wait: bool,
    pub(super) timeout: Duration,
}

/// Sends `request` to `path`: previews it, leaves it running, or follows it to its end.
pub(super) async fn send<B: Serialize + Sync>(
    context: &mut Context,
    path: &str,
    request: &B,
    act: Act,
) -> Result<Exit, Failure> {
    let client = context.client.within(PATIENCE);
    if act.dry_run {
        let preview: TransferPreview = client.post(path, request).await?;
        return show(context, &preview);
    }
    let started: OperationStarted = client.post(path, request).await?;
    if act.no_wait {
        return follow::left_running(context, &started.operation);
    }
    follow::to_the_end(context, started.operation, act.timeout, &[]).await
}

fn show(context: &mut Context, preview: &TransferPreview) -> Result<Exit, Failure> {
    if context.json {
        context.print_json("spark.transfer/1", preview)?;
    } else {
        context.out.lines(&lines(preview))?;
    }
    Ok(if preview.blockers.is_empty() {
        Exit::Done
    } else {
        Exit::Degraded
    })
}

pub(crate) fn lines(preview: &TransferPreview) -> Vec<Line> {
    let size = or_unknown(preview.total_bytes, bytes);
    let files = preview.files.map(|n| format!(", {n} files"));
    let head = format!("{}: {size}{}", preview.subject, files.unwrap_or_default());
    let mut lines = vec![Line::of(Tone::Strong, head)];
    lines.extend(preview.legs.iter().map(leg));
    lines.extend(
        preview
            .warnings
            .iter()
            .flat_map(|f| finding(f, "▲", Tone::Warn)),
    );
    lines.extend(
        preview
            .blockers
            .iter()
            .flat_map(|f| finding(f, "✖", Tone::Bad)),
    );
    lines
}

/// `spark2  34.2 GiB over the fabric, when spark1 has it; 1.2 TiB free`.
fn leg(leg: &TransferLeg) -> Line {
    let come = match leg.way {
        TransferWay::Nothing => UNKNOWN.to_owned(),
        _ => or_unknown(leg.bytes, bytes),
    };
    let free = leg.free_bytes.map(|free| format!("; {} free", bytes(free)));
    let text = format!("{come} {}{}", leg.reason, free.unwrap_or_default());
    Line::of(Tone::Plain, format!("{}  ", leg.node)).add(Tone::Plain, text)
}

fn finding(finding: &Finding, glyph: &str, tone: Tone) -> Vec<Line> {
    let node = finding.node.as_ref().map(|n| format!("{n}: "));
    let text = format!("{glyph} {}{}", node.unwrap_or_default(), finding.message);
    let fix = finding.fix.as_ref();
    let fix = fix.map(|fix| Line::of(Tone::Dim, format!("  fix: {fix}")));
    std::iter::once(Line::of(tone, text)).chain(fix).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use spark_ipc::id::NodeId;

    #[test]
    fn the_preview_says_what_comes_which_way_and_what_stands_in_it() {
        let preview = TransferPreview {
            subject: "a/b".to_owned(),
            commit: None,
            files: Some(3),
            total_bytes: Some(2 << 30),
            legs: vec![TransferLeg {
                node: NodeId::numbered(2),
                way: TransferWay::Fabric,
                from: Some(NodeId::numbered(1)),
                bytes: Some(1 << 30),
                free_bytes: Some(5 << 30),
                reserve_bytes: 0,
                reason: "over the fabric, when spark1 has it".to_owned(),
            }],
            blockers: vec![Finding {
                code: "disk_full".to_owned(),
                node: Some(NodeId::numbered(2)),
                message: "1.0 GB are lacking".to_owned(),
                fix: Some("delete something".to_owned()),
            }],
            warnings: Vec::new(),
        };
        let text: Vec<String> = lines(&preview).iter().map(Line::text).collect();
        assert_eq!(
            text,
            [
                "a/b: 2.0 GiB, 3 files",
                "spark2  1.0 GiB over the fabric, when spark1 has it; 5.0 GiB free",
                "✖ spark2: 1.0 GB are lacking",
                "  fix: delete something",
            ]
        );
    }
}
