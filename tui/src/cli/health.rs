//! `health`: does everything that runs give right answers.

use std::time::Duration;

use spark_ipc::model::deep::{
    DeepCheck, DeepCheckState, DeepHealth, DeepLevel, DeepRequest, DeepResult, DeepState,
    DeepSubject,
};

use super::context::Context;
use super::failure::Failure;
use super::table;
use crate::exit::Exit;
use crate::format::{duration, or_unknown};
use crate::paint::{Line, Span, Tone};
use crate::words;

/// Between two looks at probes that go on.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn run(
    context: &mut Context,
    names: Vec<String>,
    now: bool,
) -> Result<Exit, Failure> {
    let mut health = if now {
        probe(context, &names).await?
    } else {
        context.client.get("/api/health/deep").await?
    };
    if !names.is_empty() {
        health.results.retain(|result| names.contains(&result.id));
    }
    let failed = |result: &DeepResult| state(result) == Some(DeepState::Failed);
    let exit = if health.results.iter().any(failed) {
        Exit::Degraded
    } else {
        Exit::Done
    };
    if context.json {
        context.print_json("spark.health/1", &health)?;
    } else if context.quiet {
        let lines: Vec<Line> = health.results.iter().map(quiet).collect();
        context.out.lines(&lines)?;
    } else {
        let lines = lines(&health, context.out.width);
        context.out.lines(&lines)?;
    }
    Ok(exit)
}

/// Asks for probes and waits until none goes on. Each has deadlines of its own, so this ends.
async fn probe(context: &mut Context, names: &[String]) -> Result<DeepHealth, Failure> {
    let request = DeepRequest {
        units: (!names.is_empty()).then(|| names.to_vec()),
    };
    let mut health: DeepHealth = context.client.post("/api/health/deep", &request).await?;
    while health.results.iter().any(|result| result.running) {
        if context.out.is_tty && !context.json {
            context.out.progress("waiting for answers…")?;
        }
        tokio::time::sleep(PAUSE).await;
        health = context.client.get("/api/health/deep").await?;
    }
    context.out.clear_progress()?;
    Ok(health)
}

fn state(result: &DeepResult) -> Option<DeepState> {
    result.last.as_ref().map(|last| last.state)
}

fn quiet(result: &DeepResult) -> Line {
    let word = words::deep(state(result));
    Line::plain(format!("{} {}", result.id, word.text))
}

pub(crate) fn lines(health: &DeepHealth, width: Option<usize>) -> Vec<Line> {
    if health.results.is_empty() {
        return vec![Line::of(Tone::Dim, "Nothing runs that could be asked.")];
    }
    let rows = health.results.iter().map(row).collect();
    let headers = ["NAME", "KIND", "HEALTH", "TIME", "SEEN"];
    let mut lines = table::lines(&headers, rows, width);
    lines.extend(health.results.iter().flat_map(trouble));
    if health.interval_s == 0 {
        let told = "Nothing is asked by itself: DEEP_HEALTH_INTERVAL_S is 0.";
        lines.push(Line::of(Tone::Dim, told));
    }
    lines
}

fn row(result: &DeepResult) -> Vec<Span> {
    let kind = match result.subject {
        DeepSubject::Unit => "unit",
        DeepSubject::Service => "service",
    };
    let last = result.last.as_ref();
    let latency = last.and_then(|last| last.latency_ms);
    let told = result
        .checks
        .iter()
        .rev()
        .find_map(|check| check.detail.clone());
    vec![
        result.id.as_str().into(),
        kind.into(),
        words::deep(state(result)).span(),
        or_unknown(latency, |ms| duration(ms / 1000.0))
            .as_str()
            .into(),
        told.unwrap_or_default().as_str().into(),
    ]
}

/// What is wrong with one that fails: the level, each check, and what to do.
fn trouble(result: &DeepResult) -> Vec<Line> {
    let failed = result
        .last
        .as_ref()
        .filter(|last| last.state == DeepState::Failed);
    let Some(last) = failed else {
        return Vec::new();
    };
    let error = last.error.as_deref().unwrap_or("no right answer");
    let level = match last.level {
        DeepLevel::Port => "port",
        DeepLevel::Health => "health route",
        DeepLevel::ModelName => "model name",
        DeepLevel::Inference => "answer",
    };
    let mut lines = vec![Line::of(
        Tone::Bad,
        format!("✖ {}: {level}: {error}", result.id),
    )];
    lines.extend(result.checks.iter().map(check));
    if let Some(advice) = &result.advice {
        lines.push(Line::of(Tone::Warn, format!("  {}", advice.title)));
        lines.push(Line::of(Tone::Dim, format!("  fix: {}", advice.remedy)));
    }
    lines
}

fn check(check: &DeepCheck) -> Line {
    let (glyph, tone) = match check.state {
        DeepCheckState::Passed => ('✔', Tone::Good),
        DeepCheckState::Failed => ('✖', Tone::Bad),
        DeepCheckState::Skipped => ('–', Tone::Dim),
    };
    let took = check
        .latency_ms
        .map(|ms| format!("  {}", duration(ms / 1000.0)));
    Line::of(tone, format!("  {glyph} "))
        .add(Tone::Plain, format!("{:<14}", words::spaced(&check.name)))
        .add(Tone::Plain, check.detail.clone().unwrap_or_default())
        .add(Tone::Dim, took.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn health(state: &str, level: &str, error: Option<&str>) -> DeepHealth {
        let advice = error.map(|_| {
            json!({"id": "garbage_answers", "title": "The model answers nonsense, fast", "cause": "", "node": null,
                   "remedy": "Try another image.", "rank": null, "evidence": []})
        });
        serde_json::from_value(json!({"interval_s": 300, "results": [{
            "subject": "unit", "id": "main", "kind": "chat", "node": "spark1", "model": "m", "running": false,
            "last": {"state": state, "level": level, "at": "2026-11-23T12:00:00Z", "latency_ms": 1500.0, "error": error},
            "checks": [
                {"name": "model_name", "state": "passed", "latency_ms": 3.0, "first_token_ms": null, "detail": null},
                {"name": "arithmetic", "state": "failed", "latency_ms": 900.0, "first_token_ms": 40.0, "detail": "it said 7"},
            ],
            "advice": advice, "failing_since": null, "history": [],
        }]}))
        .unwrap()
    }

    fn text(health: &DeepHealth) -> Vec<String> {
        lines(health, None).iter().map(Line::text).collect()
    }

    #[test]
    fn a_failure_is_told_with_its_level_its_checks_and_its_fix() {
        let text = text(&health("failed", "inference", Some("it answers garbage")));
        assert_eq!(
            text,
            [
                "NAME  KIND  HEALTH   TIME   SEEN",
                "main  unit  ✖ wrong  1.5 s  it said 7",
                "✖ main: answer: it answers garbage",
                "  ✔ model name      0.0 s",
                "  ✖ arithmetic    it said 7  0.9 s",
                "  The model answers nonsense, fast",
                "  fix: Try another image.",
            ]
        );
    }

    #[test]
    fn what_is_well_is_one_line() {
        let text = text(&health("passed", "inference", None));
        assert_eq!(text[1..], ["main  unit  ● right  1.5 s  it said 7"]);
    }
}
