//! `history`: who was up when, why not, and for how long.

use std::time::Duration;

use spark_ipc::Time;
use spark_ipc::model::connectivity::{
    Connectivity, EntryKind, Subject, SubjectHistory, Transition,
};

use super::context::Context;
use super::failure::Failure;
use super::table;
use crate::exit::Exit;
use crate::format::{duration, or_unknown};
use crate::paint::{Line, Span, Tone};
use crate::words;

/// How far back the daemon goes by itself.
const DAY: Duration = Duration::from_secs(86_400);

pub(super) async fn run(
    context: &mut Context,
    names: Vec<String>,
    since: Duration,
) -> Result<Exit, Failure> {
    let mut report: Connectivity = context.client.get("/api/connectivity").await?;
    if since != DAY {
        // Reckoned by the daemon's clock.
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        let from: Time = report.now.plus_seconds(-seconds);
        let path = format!("/api/connectivity?since={from}");
        report = context.client.get(&path).await?;
    }
    if !names.is_empty() {
        let wanted = |subject: &Subject| names.contains(&subject.id);
        report.subjects.retain(|one| wanted(&one.subject));
        report.transitions.retain(|entry| wanted(&entry.subject));
    }
    if context.json {
        return context.print_json("spark.history/1", &report);
    }
    let lines = if context.quiet {
        report.transitions.iter().map(entry).collect()
    } else {
        lines(&report, context.out.width)
    };
    context.out.lines(&lines)?;
    Ok(Exit::Done)
}

pub(crate) fn lines(report: &Connectivity, width: Option<usize>) -> Vec<Line> {
    let rows = report
        .subjects
        .iter()
        .map(|one| row(one, report.now))
        .collect();
    let headers = [
        "NAME",
        "STATE",
        "SINCE",
        "24 H",
        "7 D",
        "30 D",
        "RESTARTS",
        "LINK CHANGES",
    ];
    let mut lines = table::lines(&headers, rows, width);
    lines.push(Line::plain(""));
    if report.truncated {
        lines.push(Line::of(Tone::Dim, "older entries are left out"));
    }
    lines.extend(report.transitions.iter().map(entry));
    if report.transitions.is_empty() {
        lines.push(Line::of(Tone::Dim, "Nothing changed."));
    }
    if let Some(warning) = &report.warning {
        lines.push(Line::of(Tone::Warn, format!("▲ {warning}")));
    }
    lines
}

fn row(one: &SubjectHistory, now: Time) -> Vec<Span> {
    let mut row = vec![
        one.subject.id.as_str().into(),
        words::availability(one.state).span(),
        duration(now.seconds_since(one.since)).as_str().into(),
    ];
    row.extend(one.uptime.iter().map(|window| {
        let text = or_unknown(window.uptime_percent, |percent| format!("{percent:.2} %"));
        Span::from(text.as_str())
    }));
    for count in [one.reboots, one.link_changes] {
        row.push(count.to_string().as_str().into());
    }
    row
}

/// `12:00:00 spark1 down: No answer. (up 3 h)`.
fn entry(entry: &Transition) -> Line {
    let line = Line::of(Tone::Dim, format!("{:.19}Z  ", entry.at.to_string()))
        .add(Tone::Strong, format!("{}  ", entry.subject.id));
    let why = entry
        .message
        .clone()
        .unwrap_or_else(|| words::spaced(&entry.cause));
    match entry.kind {
        EntryKind::State => {
            let word = words::availability(entry.to);
            let before = words::availability(entry.from).text;
            let lasted = entry.lasted_s;
            let lasted = lasted.map(|s| format!("  after {} {before}", duration(s)));
            line.add(word.tone, format!("{} {}", word.glyph, word.text))
                .add(Tone::Plain, format!(": {why}"))
                .add(Tone::Dim, lasted.unwrap_or_default())
        }
        EntryKind::Reboot | EntryKind::Link => line.add(Tone::Warn, format!("▲ {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn report() -> Connectivity {
        let subject = json!({"kind": "node", "id": "spark1"});
        let window = |s, percent| {
            json!({"window_s": s, "up_s": 1.0, "degraded_s": 0.0, "down_s": 0.0, "off_s": 0.0, "unknown_s": 0.0,
                   "uptime_percent": percent})
        };
        let entry = |kind: &str, from: &str, to: &str, cause: &str, lasted: Option<f64>| {
            json!({"seq": 1, "at": "2026-11-23T12:00:00.25Z", "kind": kind, "subject": subject, "node": "spark1",
                   "from": from, "to": to, "cause": cause, "message": null, "lasted_s": lasted})
        };
        serde_json::from_value(json!({
            "now": "2026-11-23T12:10:00Z", "since": "2026-11-22T12:10:00Z", "truncated": false,
            "transitions": [
                entry("state", "unknown", "up", "answers", None),
                entry("state", "up", "down", "timed_out", Some(600.0)),
                entry("reboot", "down", "down", "reboot", None),
            ],
            "subjects": [{
                "subject": subject, "state": "down", "since": "2026-11-23T12:00:00Z", "timeline": [],
                "uptime": [window(86_400, Some(99.5)), window(604_800, None), window(2_592_000, None)],
                "reboots": 1, "link_changes": 0,
            }],
            "warning": "the disk is full",
        }))
        .unwrap()
    }

    #[test]
    fn states_figures_and_changes_are_told() {
        let text: Vec<String> = lines(&report(), None).iter().map(Line::text).collect();
        assert_eq!(
            text,
            [
                "NAME    STATE   SINCE   24 H     7 D  30 D  RESTARTS  LINK CHANGES",
                "spark1  ✖ down  10 min  99.50 %  –    –     1         0",
                "",
                "2026-11-23T12:00:00Z  spark1  ● up: answers",
                "2026-11-23T12:00:00Z  spark1  ✖ down: timed out  after 10 min up",
                "2026-11-23T12:00:00Z  spark1  ▲ reboot",
                "▲ the disk is full",
            ]
        );
    }
}
