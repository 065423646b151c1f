//! Launches of a model that fail one after the other.

use spark_ipc::Time;
use spark_ipc::model::alert::{Alert, AlertKind, Severity};
use spark_ipc::model::operation::{Operation, OperationKind, OperationState};

use super::hold::Timing;
use super::{Finding, Found};
use crate::advice;

/// How far back failures count, and how many in a row are an alert.
const WINDOW_S: f64 = 3600.0;
const FAILURES: usize = 3;

/// The models whose last launches all failed. `operations` is newest first; it stands until a launch succeeds or
/// the last failure is an hour old.
pub fn launches(operations: &[Operation], now: Time) -> Vec<Alert> {
    let mut subjects: Vec<&str> = Vec::new();
    let mut alerts = Vec::new();
    for operation in operations.iter().filter(|o| counts(o)) {
        if !subjects.contains(&operation.subject.as_str()) {
            subjects.push(&operation.subject);
            alerts.extend(failing(operations, operation, now).map(|found| found.alert));
        }
    }
    alerts
}

fn counts(operation: &Operation) -> bool {
    operation.kind == OperationKind::Swap && operation.state.is_final()
}

/// The alert for the subject of `newest`.
fn failing(operations: &[Operation], newest: &Operation, now: Time) -> Option<Found> {
    let failed = |o: &&Operation| {
        matches!(o.state, OperationState::Failed | OperationState::RolledBack)
            && o.ended_at
                .is_some_and(|at| now.seconds_since(at) < WINDOW_S)
    };
    let same = operations
        .iter()
        .filter(|o| counts(o) && o.subject == newest.subject);
    // A launch that somebody cancelled says nothing either way.
    let told = same.filter(|o| o.state != OperationState::Cancelled);
    let row: Vec<&Operation> = told.take_while(failed).collect();
    let last = row.first().filter(|_| row.len() >= FAILURES)?;
    let why = last.advice.as_ref().map(|a| a.title.as_str());
    let why = why
        .or(last.error.as_deref())
        .unwrap_or("no cause was found");
    let advice = advice::failing_launches(&last.subject, row.len(), why);
    let finding = Finding {
        kind: AlertKind::CrashLoop,
        detail: Some(last.subject.clone()),
        severity: Severity::Warning,
        title: advice.title,
        text: advice.cause,
        fix: Some(advice.remedy),
        timing: Timing::AT_ONCE,
    };
    let since = row.last().and_then(|o| o.ended_at).unwrap_or(now);
    Some(finding.on(last.nodes.first()?, since))
}
