//! What is known of every target: the last probe, how long it has failed, and earlier latencies.

use std::collections::BTreeMap;

use spark_ipc::Time;
use spark_ipc::model::alert::{Alert, AlertKind, Severity};
use spark_ipc::model::deep::{
    DeepCheck, DeepKind, DeepLevel, DeepPoint, DeepResult, DeepState, DeepSubject, DeepSummary,
};

use super::{Probed, Target};

/// Earlier probes that are kept of a target: 8 hours at the default interval.
pub const HISTORY: usize = 96;

/// Which target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub subject: DeepSubject,
    /// Id of the unit, or name of the service.
    pub id: String,
}

/// The results of all targets.
#[derive(Debug, Clone, Default)]
pub struct Book {
    pages: BTreeMap<Key, Page>,
}

#[derive(Debug, Clone)]
struct Page {
    result: DeepResult,
    launch: String,
    due: bool,
    /// The last probe that told anything, if it failed.
    failure: Option<DeepSummary>,
    dimensions: Option<usize>,
}

impl Book {
    /// Takes the targets of now: new ones get a page, those that are gone lose theirs, and a target that was
    /// launched anew begins with a clean one. Returns whether anything changed.
    pub fn keep(&mut self, targets: &[Target]) -> bool {
        let before = self.results();
        self.pages.retain(|key, page| {
            targets
                .iter()
                .any(|t| t.key == *key && t.launch == page.launch)
        });
        for target in targets {
            let page = self
                .pages
                .entry(target.key.clone())
                .or_insert_with(|| Page::new(target));
            page.due = target.due;
            page.result.kind = target.kind;
            page.result.node.clone_from(&target.node);
            page.result.model.clone_from(&target.model);
        }
        before != self.results()
    }

    /// A probe of `key` begins.
    pub fn begin(&mut self, key: &Key) {
        if let Some(page) = self.pages.get_mut(key) {
            page.result.running = true;
        }
    }

    /// The probe of this launch of `key` has ended; one of an earlier launch is dropped.
    pub fn end(&mut self, key: &Key, launch: &str, probed: Probed, now: Time) {
        if let Some(page) = self.pages.get_mut(key).filter(|page| page.launch == launch) {
            page.end(probed, now);
        }
    }

    /// Length of the vectors of this target, if they were seen.
    pub fn dimensions(&self, key: &Key) -> Option<usize> {
        self.pages.get(key)?.dimensions
    }

    /// Whether a probe of it is on its way.
    pub fn is_running(&self, key: &Key) -> bool {
        self.pages.get(key).is_some_and(|page| page.result.running)
    }

    /// Whether it was never asked, and is not being asked.
    pub fn is_new(&self, key: &Key) -> bool {
        let page = self.pages.get(key);
        page.is_some_and(|page| page.result.history.is_empty() && !page.result.running)
    }

    /// Whether it has ever given a right answer in this launch, and so is warm.
    pub fn has_passed(&self, key: &Key) -> bool {
        let history = self.pages.get(key).map(|page| &page.result.history);
        history.is_some_and(|points| points.iter().any(|p| p.state == DeepState::Passed))
    }

    pub fn results(&self) -> Vec<DeepResult> {
        self.pages
            .values()
            .map(|page| page.result.clone())
            .collect()
    }

    /// The last probe of one target.
    pub fn summary(&self, subject: DeepSubject, id: &str) -> Option<DeepSummary> {
        let key = Key {
            subject,
            id: id.to_owned(),
        };
        self.pages.get(&key)?.result.last.clone()
    }

    /// An alert for each target that ought to answer and fails. One that is being started or stopped is left to
    /// those who do that.
    pub fn alerts(&self) -> Vec<Alert> {
        let failing = self.pages.values().filter(|page| page.due);
        failing.filter_map(alert).collect()
    }
}

impl Page {
    fn new(target: &Target) -> Self {
        Self {
            result: DeepResult {
                subject: target.key.subject,
                id: target.key.id.clone(),
                kind: DeepKind::None,
                node: None,
                model: None,
                last: None,
                checks: Vec::new(),
                advice: None,
                running: false,
                failing_since: None,
                history: Vec::new(),
            },
            launch: target.launch.clone(),
            due: false,
            failure: None,
            dimensions: None,
        }
    }

    fn end(&mut self, probed: Probed, now: Time) {
        let result = &mut self.result;
        result.running = false;
        result.failing_since = match probed.state {
            DeepState::Failed => result.failing_since.or(Some(now)),
            // Nothing was learnt: what was known of it holds.
            DeepState::Busy => result.failing_since,
            DeepState::Passed | DeepState::Unsupported => None,
        };
        if probed.state != DeepState::Busy {
            result.advice = probed.advice;
            self.dimensions = probed.dimensions.or(self.dimensions);
        }
        let first_token = |check: &DeepCheck| check.first_token_ms;
        result.history.push(DeepPoint {
            at: now,
            state: probed.state,
            latency_ms: Some(probed.latency_ms),
            first_token_ms: probed.checks.iter().find_map(first_token),
        });
        let surplus = result.history.len().saturating_sub(HISTORY);
        result.history.drain(..surplus);
        let summary = DeepSummary {
            state: probed.state,
            level: probed.level,
            at: now,
            latency_ms: Some(probed.latency_ms),
            error: probed.error,
        };
        if probed.state != DeepState::Busy {
            let failed = probed.state == DeepState::Failed;
            self.failure = failed.then(|| summary.clone());
        }
        result.last = Some(summary);
        result.checks = probed.checks;
    }
}

fn alert(page: &Page) -> Option<Alert> {
    let result = &page.result;
    let since = result.failing_since?;
    let last = page.failure.as_ref()?;
    let node = result.node.clone()?;
    let error = last.error.as_deref().unwrap_or("no right answer");
    let advice = result.advice.as_ref();
    let (what, log) = match result.subject {
        DeepSubject::Unit => ("unit", format!("spark-control logs {}", result.id)),
        DeepSubject::Service => (
            "service",
            format!("spark-control services logs {}", result.id),
        ),
    };
    let title = match last.level {
        DeepLevel::Port => "Its port is closed",
        DeepLevel::Health => "It is not healthy",
        DeepLevel::ModelName => "It serves another model",
        DeepLevel::Inference => advice.map_or("It gives no right answer", |a| a.title.as_str()),
    };
    let fix = advice.map_or_else(
        || format!("See its log: {log}; then start it again."),
        |advice| advice.remedy.clone(),
    );
    Some(Alert {
        id: format!("{node}/deep_health/{}", result.id),
        node,
        kind: AlertKind::DeepHealth,
        severity: Severity::Critical,
        title: title.to_owned(),
        text: format!(
            "The {what} {} failed its deep health check: {error}",
            result.id
        ),
        fix: Some(fix),
        since,
    })
}
