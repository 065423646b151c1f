//! `status`: one screen.

use spark_ipc::model::alert::Severity;
use spark_ipc::model::deep::DeepState;
use spark_ipc::model::event::Event;
use spark_ipc::model::node::{Freshness, Node};
use spark_ipc::model::status::{Snapshot, Status};
use spark_ipc::model::unit::{Unit, UnitState};

use super::context::Context;
use super::failure::Failure;
use super::table;
use crate::exit::Exit;
use crate::format::{age, bytes, or_unknown};
use crate::paint::{Line, Span, Tone};
use crate::state::world::World;
use crate::trouble::Trouble;
use crate::{outcome, wire, words};

/// Prints the status; with `watch` again on every change.
pub(super) async fn run(context: &mut Context, watch: bool) -> Result<Exit, Failure> {
    if watch {
        return follow(context).await;
    }
    let status: Status = context.client.get("/api/status").await?;
    print(context, &status)?;
    Ok(judge(&status))
}

/// Whether all is well. Warnings alone are well enough.
fn judge(status: &Status) -> Exit {
    let nodes = &status.nodes;
    if !nodes.is_empty() && nodes.iter().all(|n| n.freshness == Freshness::Unreachable) {
        return Exit::Unreachable;
    }
    let well = status.setup.complete
        && nodes.iter().all(|n| n.freshness == Freshness::Fresh)
        && status
            .alerts
            .iter()
            .all(|a| a.severity != Severity::Critical)
        && status
            .units
            .iter()
            .all(|u| u.state != UnitState::Failed && !answers_wrong(u));
    if well { Exit::Done } else { Exit::Degraded }
}

/// Whether a real question was answered wrong, whatever the port says.
fn answers_wrong(unit: &Unit) -> bool {
    unit.deep
        .as_ref()
        .is_some_and(|d| d.state == DeepState::Failed)
}

/// Its state; green only after a real answer.
fn unit_word(unit: &Unit) -> Span {
    if unit.state != UnitState::Ready {
        return words::unit(unit.state).span();
    }
    match unit.deep.as_ref().map(|d| d.state) {
        Some(DeepState::Failed) => Span::new(Tone::Bad, "✖ answers wrong"),
        None => Span::new(Tone::Plain, "○ ready, not asked"),
        Some(_) => words::unit(unit.state).span(),
    }
}

async fn follow(context: &mut Context) -> Result<Exit, Failure> {
    let mut stream = context.client.events("/api/events", None).await?;
    let mut world: Option<World> = None;
    while let Some(raw) = stream.next().await? {
        let event = Event::decode(&raw.name, &wire::clean_json(&raw.data))?;
        if matches!(
            event,
            Event::Heartbeat(_) | Event::Unknown(_) | Event::Settings(_)
        ) {
            continue;
        }
        World::fold(&mut world, event, std::time::Instant::now());
        if let Some(Snapshot { status, .. }) = world.as_ref().map(|w| &w.snapshot) {
            if context.out.is_tty && !context.json {
                context.out.clear_screen()?;
            }
            print(context, status)?;
            if !context.out.is_tty && !context.json {
                context.out.line(&Line::default())?;
            }
        }
    }
    Err(Trouble::new(
        Exit::Unreachable,
        "unreachable",
        "the daemon closed the stream",
    )
    .into())
}

fn print(context: &mut Context, status: &Status) -> Result<(), Failure> {
    if context.json {
        context.print_json("spark.status/1", status)?;
        return Ok(());
    }
    if context.quiet {
        let text = match judge(status) {
            Exit::Done => "well",
            Exit::Unreachable => "unreachable",
            _ => "degraded",
        };
        return context.out.line(&Line::plain(text));
    }
    let width = context.out.width;
    context.out.lines(&node_table(status, width))?;
    context.out.line(&Line::default())?;
    context.out.lines(&unit_table(status, width))?;
    context.out.lines(&rest(status))
}

/// The table of the nodes, also for `nodes`.
pub(super) fn node_table(status: &Status, width: Option<usize>) -> Vec<Line> {
    let rows = status.nodes.iter().map(|n| node_row(n, status)).collect();
    let headers = [
        "NODE", "STATE", "SEEN", "GPU", "TEMP", "POWER", "FREE", "MEMORY",
    ];
    table::lines(&headers, rows, width)
}

fn node_row(node: &Node, status: &Status) -> Vec<Span> {
    let seen = node.observed_at.map(|at| status.now.seconds_since(at));
    let gpu = node.gpu.as_ref();
    let memory = node.memory.as_ref();
    vec![
        node.id.as_str().into(),
        words::node(node).span(),
        or_unknown(seen, |s| format!("{} ago", age(s))).into(),
        or_unknown(gpu.and_then(|g| g.utilization_percent), |v| {
            format!("{v:.0} %")
        })
        .into(),
        or_unknown(gpu.and_then(|g| g.temperature_c), |v| format!("{v:.0} °C")).into(),
        or_unknown(gpu.and_then(|g| g.power_w), |v| format!("{v:.0} W")).into(),
        or_unknown(memory.map(|m| m.available_bytes), bytes).into(),
        or_unknown(memory.map(|m| m.total_bytes), bytes).into(),
    ]
}

fn unit_table(status: &Status, width: Option<usize>) -> Vec<Line> {
    if status.units.is_empty() {
        return vec![Line::of(Tone::Dim, "Nothing runs.")];
    }
    let rows = status.units.iter().map(|u| unit_row(u, status)).collect();
    table::lines(
        &["UNIT", "STATE", "MODEL", "NODES", "SINCE", "MEMORY"],
        rows,
        width,
    )
}

fn unit_row(unit: &Unit, status: &Status) -> Vec<Span> {
    let mut nodes: Vec<&str> = unit.ranks.iter().map(|r| r.node.as_str()).collect();
    nodes.dedup();
    let since = unit.started_at.map(|at| age(status.now.seconds_since(at)));
    let served = unit.repo.as_ref().map(ToString::to_string);
    vec![
        unit.id.as_str().into(),
        unit_word(unit),
        or_unknown(served.or_else(|| unit.served_name.clone()), |s| s).into(),
        nodes.join("+").into(),
        or_unknown(since, |s| s).into(),
        or_unknown(unit.memory_bytes, bytes).into(),
    ]
}

fn rest(status: &Status) -> Vec<Line> {
    let mut lines = vec![Line::default()];
    let proxy = words::proxy(status.proxy.state).span();
    let in_flight = format!("  {} in flight", status.proxy.requests_in_flight);
    lines.push(
        Line::of(Tone::Dim, "proxy  ")
            .add(proxy.tone, proxy.text)
            .add(Tone::Dim, in_flight),
    );
    for operation in status.operations.iter().filter(|o| !o.state.is_final()) {
        let text = format!(
            "{} {}  {}",
            words::kind(operation.kind).0,
            operation.subject,
            outcome::progress(operation)
        );
        lines.push(Line::of(Tone::Dim, "now    ").add(Tone::Busy, text));
    }
    for alert in &status.alerts {
        let word = words::severity(alert.severity);
        let text = format!("{} {}: {}  ", word.glyph, alert.node, alert.title);
        lines.push(Line::of(word.tone, text).add(Tone::Plain, alert.text.clone()));
        if let Some(fix) = &alert.fix {
            lines.push(Line::of(Tone::Dim, format!("  fix: {fix}")));
        }
    }
    let needs = status.setup.needs.iter();
    lines.extend(needs.map(|n| Line::of(Tone::Warn, format!("▲ setup: {n}"))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_exit_code_says_whether_all_is_well() {
        let judged = |change: fn(&mut Status)| {
            let mut status = fixture::snapshot().status;
            status.alerts.clear();
            status
                .nodes
                .iter_mut()
                .for_each(|n| n.freshness = Freshness::Fresh);
            change(&mut status);
            judge(&status)
        };
        assert_eq!(judged(|_| {}), Exit::Done);
        assert_eq!(
            judged(|s| s.nodes[0].freshness = Freshness::Stale),
            Exit::Degraded
        );
        assert_eq!(judged(|s| s.setup.complete = false), Exit::Degraded);
        assert_eq!(
            judged(|s| s.units[0].state = UnitState::Failed),
            Exit::Degraded
        );
        assert_eq!(
            judged(|s| s.alerts = fixture::snapshot().status.alerts),
            Exit::Degraded
        );
        let all = |s: &mut Status| {
            s.nodes
                .iter_mut()
                .for_each(|n| n.freshness = Freshness::Unreachable);
        };
        assert_eq!(judged(all), Exit::Unreachable);
    }
}
