//! What a swap would do, in lines: the same on the command line and in the dialog.

use spark_ipc::id::NodeId;
use spark_ipc::model::preflight::{
    Finding, MemoryForecast, PlanView, Preflight, PreflightCheck, PreflightState,
};
use spark_ipc::model::unit::Unit;

use crate::format::{bytes, duration, or_unknown};
use crate::paint::{Line, Tone};
use crate::words;

/// The preview of `preflight`; `units` name what is stopped. With `commands`, also every exact command.
pub fn lines(preflight: &Preflight, units: &[Unit], commands: bool) -> Vec<Line> {
    let mut lines = Vec::new();
    lines.extend(findings(&preflight.blockers, '✖', Tone::Bad));
    lines.extend(findings(&preflight.warnings, '▲', Tone::Warn));
    if let Some(plan) = &preflight.plan {
        lines.extend(plan_lines(plan, units));
    }
    lines.extend(preflight.memory.iter().map(memory));
    if commands {
        lines.extend(self::commands(preflight));
    }
    lines
}

/// Every exact command.
pub fn commands(preflight: &Preflight) -> Vec<Line> {
    let mut lines = Vec::new();
    for command in &preflight.commands {
        let rank = command
            .rank
            .map(|r| format!(" rank {r}"))
            .unwrap_or_default();
        lines.push(Line::of(Tone::Dim, format!("# {}{rank}", command.node)));
        lines.push(Line::plain(command.rendered.clone()));
    }
    lines
}

/// Everything that was looked at and is not told as a finding already: what is in order, and what nobody
/// could tell.
pub fn checks(preflight: &Preflight) -> Vec<Line> {
    let quiet =
        |c: &&PreflightCheck| matches!(c.state, PreflightState::Ok | PreflightState::Unknown);
    let mut lines = Vec::new();
    for check in preflight.checks.iter().filter(quiet) {
        let (glyph, tone) = match check.state {
            PreflightState::Ok => ('✔', Tone::Good),
            _ => ('?', Tone::Warn),
        };
        let node = check.node.as_ref().map(|n| format!("{n}: "));
        let text = format!("{}{}", node.unwrap_or_default(), check.detail);
        lines.push(
            Line::of(tone, format!("{glyph} "))
                .add(Tone::Dim, format!("{:<8} ", words::spaced(&check.name)))
                .add(Tone::Plain, text),
        );
        let fix = check.fix.iter();
        lines.extend(fix.map(|f| Line::of(Tone::Dim, format!("  fix: {f}"))));
    }
    lines
}

fn findings(findings: &[Finding], glyph: char, tone: Tone) -> Vec<Line> {
    let mut lines = Vec::new();
    for finding in findings {
        let node = finding.node.as_ref().map(|n| format!("{n}: "));
        let text = format!("{}{}", node.unwrap_or_default(), finding.message);
        lines.push(Line::of(tone, format!("{glyph} {text}")));
        if let Some(fix) = &finding.fix {
            lines.push(Line::of(Tone::Dim, format!("  fix: {fix}")));
        }
    }
    lines
}

fn plan_lines(plan: &PlanView, units: &[Unit]) -> Vec<Line> {
    let label = |name: &str| Line::of(Tone::Dim, format!("{name:<9}"));
    let mut lines: Vec<Line> = plan
        .stops
        .iter()
        .map(|stop| {
            let unit = units.iter().find(|u| u.id == *stop);
            let repo = unit.and_then(|u| u.repo.as_ref());
            let text = repo.map_or(stop.to_string(), |repo| format!("{repo} ({stop})"));
            label("stops").add(Tone::Plain, text)
        })
        .collect();
    if plan.stops.is_empty() {
        lines.push(label("stops").add(Tone::Dim, "nothing"));
    }
    let starts = format!("{} on {}", plan.repo, joined(&plan.nodes));
    lines.push(label("starts").add(Tone::Strong, starts));
    let recipe = format!("{}, served as {}", plan.recipe, plan.served_name);
    lines.push(label("recipe").add(Tone::Plain, recipe));
    let expected = match plan.expected_s {
        Some(s) => format!("about {} (as last time)", duration(s)),
        None => "not known: never launched here".to_owned(),
    };
    lines.push(label("takes").add(Tone::Plain, expected));
    lines
}

/// `memory spark1: 20.1 GiB free now, 100 GiB once stopped; needs 95 GiB of 122 GiB (measured)`.
///
/// Where it is not known what is given back, nothing is said about afterwards.
fn memory(forecast: &MemoryForecast) -> Line {
    let after = forecast
        .available_bytes
        .zip(forecast.freed_bytes)
        .map(|(available, freed)| available.saturating_add(freed));
    let short = matches!((after, forecast.need_bytes), (Some(a), Some(n)) if a < n);
    let text = format!(
        "{}: {} free now{}; needs {} of {} ({})",
        forecast.node,
        or_unknown(forecast.available_bytes, bytes),
        after.map_or(String::new(), |a| format!(", {} once stopped", bytes(a))),
        or_unknown(forecast.need_bytes, bytes),
        or_unknown(forecast.total_bytes, bytes),
        forecast.need_source,
    );
    let tone = if short { Tone::Bad } else { Tone::Plain };
    Line::of(Tone::Dim, "memory   ").add(tone, text)
}

/// `spark1+spark2`; `no node` when empty.
pub fn joined(nodes: &[NodeId]) -> String {
    if nodes.is_empty() {
        return "no node".to_owned();
    }
    let names: Vec<&str> = nodes.iter().map(NodeId::as_str).collect();
    names.join("+")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn last(change: impl FnOnce(&mut MemoryForecast)) -> Line {
        let mut preflight = fixture::preflight();
        change(&mut preflight.memory[0]);
        lines(&preflight, &[], false).pop().unwrap()
    }

    #[test]
    fn what_is_given_back_is_told_only_when_it_is_known() {
        let known = "memory   spark1: 18.0 GiB free now, 114 GiB once stopped; needs 12.0 GiB of 122 GiB (measured)";
        assert_eq!(last(|_| {}).text(), known);
        let unknown = "memory   spark1: 18.0 GiB free now; needs 12.0 GiB of 122 GiB (measured)";
        assert_eq!(last(|m| m.freed_bytes = None).text(), unknown);
    }

    #[test]
    fn a_shortage_is_marked() {
        assert_eq!(
            last(|m| m.need_bytes = Some(120 << 30)).0[1].tone,
            Tone::Bad
        );
        assert_eq!(last(|_| {}).0[1].tone, Tone::Plain);
    }
}
