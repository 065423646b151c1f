//! States in words: each with a glyph and a tone, the same on every surface.

use spark_ipc::model::alert::Severity;
use spark_ipc::model::connectivity::Availability;
use spark_ipc::model::deep::DeepState;
use spark_ipc::model::inventory::{FitVerdict, ModelState};
use spark_ipc::model::node::{CheckState, Freshness, Link, LinkCause, LinkState, Node};
use spark_ipc::model::operation::{OperationKind, OperationState, StepState};
use spark_ipc::model::service::ServiceState;
use spark_ipc::model::status::ProxyState;
use spark_ipc::model::unit::UnitState;

use crate::paint::{Span, Tone};

/// A state: `● ready`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    pub glyph: char,
    pub text: &'static str,
    pub tone: Tone,
}

impl Word {
    const fn new(glyph: char, text: &'static str, tone: Tone) -> Self {
        Self { glyph, text, tone }
    }

    /// `● ready` as one span.
    pub fn span(self) -> Span {
        Span::new(self.tone, format!("{} {}", self.glyph, self.text))
    }
}

pub fn model(state: ModelState) -> Word {
    match state {
        ModelState::Running => Word::new('●', "running", Tone::Good),
        ModelState::Loading => Word::new('◐', "loading", Tone::Busy),
        ModelState::Ready => Word::new('○', "ready", Tone::Plain),
        ModelState::NeedsSetup => Word::new('?', "needs setup", Tone::Warn),
        ModelState::Partial => Word::new('▲', "partial", Tone::Warn),
        ModelState::Downloading => Word::new('◐', "downloading", Tone::Busy),
        ModelState::NoWeights => Word::new('–', "no weights", Tone::Dim),
    }
}

pub fn unit(state: UnitState) -> Word {
    match state {
        UnitState::Loading => Word::new('◐', "loading", Tone::Busy),
        UnitState::Ready => Word::new('●', "ready", Tone::Good),
        UnitState::Stopping => Word::new('◐', "stopping", Tone::Busy),
        UnitState::Failed => Word::new('✖', "failed", Tone::Bad),
        UnitState::Stopped => Word::new('○', "stopped", Tone::Dim),
        UnitState::Unknown => Word::new('?', "unknown", Tone::Warn),
    }
}

/// The last deep probe; `None` before the first.
pub fn deep(state: Option<DeepState>) -> Word {
    match state {
        None => Word::new('?', "not asked", Tone::Dim),
        Some(DeepState::Passed) => Word::new('●', "right", Tone::Good),
        Some(DeepState::Failed) => Word::new('✖', "wrong", Tone::Bad),
        Some(DeepState::Busy) => Word::new('◐', "busy", Tone::Busy),
        Some(DeepState::Unsupported) => Word::new('○', "alive", Tone::Plain),
    }
}

pub fn availability(state: Availability) -> Word {
    match state {
        Availability::Up => Word::new('●', "up", Tone::Good),
        Availability::Degraded => Word::new('▲', "degraded", Tone::Warn),
        Availability::Down => Word::new('✖', "down", Tone::Bad),
        Availability::Off => Word::new('○', "off", Tone::Dim),
        Availability::Unknown => Word::new('?', "unknown", Tone::Warn),
    }
}

pub fn service(state: ServiceState) -> Word {
    match state {
        ServiceState::Unknown => Word::new('?', "unknown", Tone::Warn),
        ServiceState::Off => Word::new('○', "off", Tone::Dim),
        ServiceState::CrashLoop => Word::new('✖', "crash loop", Tone::Bad),
        ServiceState::Failed => Word::new('✖', "failed", Tone::Bad),
        ServiceState::Starting => Word::new('◐', "starting", Tone::Busy),
        ServiceState::Degraded => Word::new('▲', "degraded", Tone::Warn),
        ServiceState::Ready => Word::new('●', "ready", Tone::Good),
    }
}

/// How a node is: its freshness, and when it is not fresh, why.
pub fn node(node: &Node) -> Word {
    match (node.freshness, node.link.state) {
        (_, LinkState::Quarantined) => Word::new('▲', "host key waits", Tone::Warn),
        (Freshness::Fresh, _) => Word::new('●', "fresh", Tone::Good),
        (Freshness::Stale, _) => Word::new('◐', "stale", Tone::Warn),
        (Freshness::Unreachable, _) => Word::new('✖', cause(&node.link), Tone::Bad),
        (Freshness::Unknown, LinkState::Connecting) => Word::new('◐', "connecting", Tone::Busy),
        (Freshness::Unknown, _) => Word::new('?', "unknown", Tone::Warn),
    }
}

/// Why a node cannot be reached, in two or three words.
pub fn cause(link: &Link) -> &'static str {
    match link.cause {
        Some(LinkCause::Dns) => "name not found",
        Some(LinkCause::Refused) => "SSH refused",
        Some(LinkCause::TimedOut) => "no answer",
        Some(LinkCause::NoRoute) => "no route",
        Some(LinkCause::NoBanner) => "frozen",
        Some(LinkCause::Auth) => "key not accepted",
        Some(LinkCause::HostKeyUnknown) => "host key unknown",
        Some(LinkCause::HostKeyChanged) => "host key changed",
        Some(LinkCause::Lost) => "connection lost",
        Some(LinkCause::Protocol) | None => "unreachable",
    }
}

pub fn operation(state: OperationState) -> Word {
    match state {
        OperationState::Running => Word::new('◐', "running", Tone::Busy),
        OperationState::Succeeded => Word::new('✔', "succeeded", Tone::Good),
        OperationState::Failed => Word::new('✖', "failed", Tone::Bad),
        OperationState::RolledBack => Word::new('▲', "rolled back", Tone::Warn),
        OperationState::Cancelled => Word::new('○', "cancelled", Tone::Dim),
        OperationState::Interrupted => Word::new('▲', "interrupted", Tone::Bad),
    }
}

pub fn step(state: StepState) -> Word {
    match state {
        StepState::Pending => Word::new('·', "pending", Tone::Dim),
        StepState::Running => Word::new('◐', "running", Tone::Busy),
        StepState::Done => Word::new('✔', "done", Tone::Good),
        StepState::Failed => Word::new('✖', "failed", Tone::Bad),
        StepState::Skipped => Word::new('–', "skipped", Tone::Dim),
    }
}

pub fn proxy(state: ProxyState) -> Word {
    match state {
        ProxyState::Serving => Word::new('●', "serving", Tone::Good),
        ProxyState::NoModel => Word::new('○', "no model", Tone::Dim),
        ProxyState::Swapping => Word::new('◐', "swapping", Tone::Busy),
    }
}

pub fn fit(verdict: FitVerdict) -> Word {
    match verdict {
        FitVerdict::Fits => Word::new('✔', "fits", Tone::Good),
        FitVerdict::Tight => Word::new('▲', "tight", Tone::Warn),
        FitVerdict::DoesNotFit => Word::new('✖', "too large", Tone::Bad),
        FitVerdict::Unknown => Word::new('?', "unknown", Tone::Dim),
    }
}

pub fn severity(severity: Severity) -> Word {
    match severity {
        Severity::Warning => Word::new('▲', "warning", Tone::Warn),
        Severity::Critical => Word::new('✖', "critical", Tone::Bad),
    }
}

pub fn check(state: CheckState) -> Word {
    match state {
        CheckState::Passed => Word::new('✔', "passed", Tone::Good),
        CheckState::Failed => Word::new('✖', "failed", Tone::Bad),
        CheckState::Skipped => Word::new('–', "skipped", Tone::Dim),
        CheckState::Warning => Word::new('▲', "warning", Tone::Warn),
    }
}

/// The noun and the past tense of what an operation does.
pub fn kind(kind: OperationKind) -> (&'static str, &'static str) {
    match kind {
        OperationKind::Swap => ("swap", "Swapped"),
        OperationKind::Stop => ("stop", "Stopped"),
        OperationKind::Download => ("download", "Downloaded"),
        OperationKind::Copy => ("copy", "Copied"),
        OperationKind::Delete => ("deletion", "Deleted"),
        OperationKind::Verify => ("verification", "Verified"),
        OperationKind::ImagePull => ("pull", "Pulled"),
        OperationKind::ImageCopy => ("copy", "Copied"),
        OperationKind::ImageRemove => ("removal", "Removed"),
        OperationKind::ServiceStart => ("start", "Started"),
        OperationKind::ServiceStop => ("stop", "Stopped"),
        OperationKind::ServiceRestart => ("restart", "Restarted"),
    }
}

/// A name of the API as people write it: `prove_free` is `prove free`.
pub fn spaced(name: &str) -> String {
    name.replace('_', " ")
}
