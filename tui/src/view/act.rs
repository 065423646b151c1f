//! What an act would come to, in the lines of its question.

use spark_ipc::model::infer::{MemoryFit, Suggestion};

use crate::cli;
use crate::format::{bytes, or_unknown};
use crate::paint::{Line, Tone};
use crate::state::act::{Act, Look, Verb};
use crate::words;

pub(super) fn lines(act: &Act, look: Option<&Result<Look, String>>) -> Vec<Line> {
    match look {
        None if act.has_preview() => {
            vec![Line::of(Tone::Busy, "◐ checking what it would do…")]
        }
        None => plain(act),
        Some(Err(why)) => vec![Line::of(Tone::Bad, format!("✖ {why}"))],
        Some(Ok(Look::Transfer(preview))) => cli::transfer_lines(preview),
        Some(Ok(Look::Delete(preview))) => cli::deletion_lines(preview),
        Some(Ok(Look::SetUp(suggestion))) => set_up(suggestion),
    }
}

/// Of what the daemon tells nothing beforehand.
fn plain(act: &Act) -> Vec<Line> {
    let (what, note) = match act {
        Act::Verify(_) => (
            "Every byte on every node is read and compared with the Hub's checksums.",
            "It is slow, and changes nothing: `spark-control models verify --repair` mends.",
        ),
        Act::Service(_, Verb::Start) => (
            "Its container is started where there is memory for it.",
            "The first start of a NIM fetches its weights, which takes long.",
        ),
        Act::Service(_, Verb::Stop) => (
            "Its container is stopped and removed.",
            "Whoever calls it now gets an error.",
        ),
        Act::Service(_, Verb::Restart) => (
            "Its container is stopped and started again.",
            "Whoever calls it meanwhile gets an error.",
        ),
        Act::Adopt(_) => (
            "It is treated like a unit of ours then: a swap may stop it.",
            "Requests may be sent to it. Nothing of it is changed now.",
        ),
        Act::Release(_) => (
            "It is not touched any more, and gets no requests.",
            "It goes on running.",
        ),
        Act::Download(_) | Act::Copy(_) | Act::Delete(_) | Act::SetUp(..) => return Vec::new(),
    };
    vec![Line::plain(what), Line::of(Tone::Dim, note)]
}

/// The inferred recipe: each value with its reason, then the memory, then what to know.
fn set_up(suggestion: &Suggestion) -> Vec<Line> {
    let mut lines = memory(&suggestion.fit);
    for warning in &suggestion.warnings {
        lines.push(Line::of(Tone::Warn, format!("▲ {}", warning.message)));
        lines.push(Line::of(Tone::Dim, format!("  fix: {}", warning.fix)));
    }
    let mut value = |name: &str, value: String, reason: &str| {
        lines.push(
            Line::of(Tone::Dim, format!("{name:<8}"))
                .add(Tone::Strong, value)
                .add(Tone::Dim, format!("  {reason}")),
        );
    };
    let s = suggestion;
    value("image", s.image.value.to_string(), &s.image.reason);
    let nodes = format!("{}", s.placement.value.nodes);
    value("nodes", nodes, &s.placement.reason);
    value("name", s.served_name.value.clone(), &s.served_name.reason);
    value("port", s.port.value.to_string(), &s.port.reason);
    for flag in &s.flags {
        value("flag", flag.word(), &flag.reason);
    }
    for variable in &s.env {
        let text = format!("{}={}", variable.name, variable.value);
        value("env", text, &variable.reason);
    }
    lines.push(Line::of(
        Tone::Dim,
        format!(
            "To change a value first: spark-control recipe {} (--help tells), or the dashboard.",
            s.repo
        ),
    ));
    lines
}

fn memory(fit: &MemoryFit) -> Vec<Line> {
    let verdict = match fit.fits {
        Some(true) => words::fit(spark_ipc::model::inventory::FitVerdict::Fits),
        Some(false) => words::fit(spark_ipc::model::inventory::FitVerdict::DoesNotFit),
        None => words::fit(spark_ipc::model::inventory::FitVerdict::Unknown),
    };
    let text = format!(
        "  a node needs about {} of {}: weights {}, cache {} for {} tokens",
        bytes(fit.need_bytes),
        or_unknown(fit.usable_bytes, bytes),
        bytes(fit.weights_bytes),
        bytes(fit.kv_bytes),
        fit.context_tokens,
    );
    let largest = fit.largest_context_tokens;
    let largest = largest.map(|t| format!("  the largest context that fits: {t} tokens"));
    let head = Line(vec![verdict.span()]).add(Tone::Plain, text);
    std::iter::once(head)
        .chain(largest.map(|text| Line::of(Tone::Dim, text)))
        .collect()
}
