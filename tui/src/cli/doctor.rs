//! `doctor`: is the cable between the Sparks as it should be.

use serde_json::json;
use spark_ipc::model::doctor::{DoctorCheck, DoctorLast, DoctorReport};
use spark_ipc::model::node::CheckState;

use super::context::Context;
use super::failure::Failure;
use crate::exit::Exit;
use crate::format::duration;
use crate::paint::{Line, Tone};
use crate::trouble::Trouble;
use crate::words;

pub(super) async fn run(context: &mut Context, last: bool) -> Result<Exit, Failure> {
    let report = if last {
        let kept: DoctorLast = context.client.get("/api/doctor").await?;
        kept.report.ok_or_else(none_yet)?
    } else {
        context.client.post("/api/doctor", &json!({})).await?
    };
    let exit = if report.passed {
        Exit::Done
    } else {
        Exit::Degraded
    };
    if context.json {
        context.print_json("spark.doctor/1", &report)?;
    } else {
        context.out.lines(&lines(&report, context.quiet))?;
    }
    Ok(exit)
}

fn none_yet() -> Failure {
    Trouble::new(
        Exit::NotFound,
        "not_found",
        "the fabric has not been examined since the daemon started".to_owned(),
    )
    .into()
}

/// Every check, or with `quiet` only what is not well; then one sentence.
pub(crate) fn lines(report: &DoctorReport, quiet: bool) -> Vec<Line> {
    let well =
        |check: &&DoctorCheck| matches!(check.state, CheckState::Passed | CheckState::Skipped);
    let shown = report.checks.iter().filter(|check| !(quiet && well(check)));
    let mut lines: Vec<Line> = shown.flat_map(check).collect();
    let count = |state| report.checks.iter().filter(|c| c.state == state).count();
    let (failed, warned) = (count(CheckState::Failed), count(CheckState::Warning));
    lines.push(match (failed, warned) {
        (0, 0) => Line::of(Tone::Good, "The fabric is well."),
        (0, n) => Line::of(Tone::Warn, format!("The fabric works, with {n} warnings.")),
        (n, _) => Line::of(Tone::Bad, format!("{n} checks failed.")),
    });
    lines
}

fn check(check: &DoctorCheck) -> Vec<Line> {
    let word = words::check(check.state);
    let place = match (&check.node, &check.peer) {
        (Some(node), Some(peer)) => format!("{node} → {peer}"),
        (Some(node), None) => node.to_string(),
        (None, _) => String::new(),
    };
    let mut line = Line::of(word.tone, format!("{} ", word.glyph))
        .add(Tone::Strong, format!("{:<8}", check.name))
        .add(Tone::Plain, format!("{place:<16} {}", check.detail));
    if check.duration_ms >= 1.0 {
        line = line.add(
            Tone::Dim,
            format!("  {}", duration(check.duration_ms / 1000.0)),
        );
    }
    let fix = check.fix.as_ref();
    let fix = fix.map(|fix| Line::of(Tone::Dim, format!("  fix: {fix}")));
    std::iter::once(line).chain(fix).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use spark_ipc::Time;
    use spark_ipc::id::NodeId;

    fn report(states: &[CheckState]) -> DoctorReport {
        let at = Time("2026-11-23T12:00:00Z".parse().unwrap());
        let check = |(n, state): (u32, &CheckState)| DoctorCheck {
            name: "mtu".to_owned(),
            node: Some(NodeId::numbered(n)),
            peer: (n > 1).then(|| NodeId::numbered(1)),
            state: *state,
            detail: "9000 bytes".to_owned(),
            fix: (*state == CheckState::Failed).then(|| "sudo ip link".to_owned()),
            duration_ms: 0.0,
        };
        DoctorReport {
            started_at: at,
            ended_at: at,
            passed: !states.contains(&CheckState::Failed),
            checks: (1..).zip(states).map(check).collect(),
        }
    }

    fn shown(states: &[CheckState], quiet: bool) -> Vec<String> {
        let lines = lines(&report(states), quiet);
        lines.iter().map(Line::text).collect()
    }

    #[test]
    fn a_fault_is_followed_by_its_fix() {
        assert_eq!(
            shown(&[CheckState::Passed, CheckState::Failed], false),
            [
                "✔ mtu     spark1           9000 bytes",
                "✖ mtu     spark2 → spark1  9000 bytes",
                "  fix: sudo ip link",
                "1 checks failed.",
            ]
        );
    }

    #[test]
    fn quiet_says_only_what_is_not_well() {
        assert_eq!(
            shown(&[CheckState::Passed, CheckState::Skipped], true),
            ["The fabric is well."]
        );
        assert_eq!(shown(&[CheckState::Warning], true).len(), 2);
    }
}
