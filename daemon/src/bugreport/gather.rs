//! What a report holds: the read-model, and what nodes and operations have said lately.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{join, join_all};
use spark_core::shell::Remote;
use spark_ipc::Time;
use spark_ipc::id::{NodeId, OperationId, UnitId};
use spark_ipc::model::operation::{LogLine, OperationEvent};
use spark_ipc::text::{clean_line, clean_text};

use super::BugReports;
use super::bundle::Bundle;
use crate::ssh::{Limits, Outcome};

/// Lines of each unit's log, of each operation's, and operations.
const UNIT_LINES: usize = 500;
const OPERATION_LINES: usize = 300;
const OPERATIONS: usize = 20;

/// How long a node may take for its journal.
const JOURNAL: Duration = Duration::from_secs(15);

/// The last lines of the kernel and of Docker, as far as the login user may read them.
const JOURNAL_SCRIPT: &str = "\
for what in -k -udocker -ussh; do
  printf '== journalctl %s\\n' \"$what\"
  timeout -k 1 4 journalctl \"$what\" --no-pager --lines=150 2>&1
done
printf '== nvidia-smi\\n'; timeout -k 1 4 nvidia-smi 2>&1
printf '== docker ps\\n'; timeout -k 1 4 docker ps -a 2>&1
exit 0";

const README: &str = "\
A report of Spark Control: what runs, what is wrong, and what was said lately. Tokens, keys, passwords and
webhook addresses have been taken out; names of machines, users, models and files have not. Look it through
before you send it to somebody.
";

/// A file of the report: its name and its text.
type File = (String, String);

/// What is known here already.
pub(super) fn state(bundle: &mut Bundle, reports: &BugReports, now: Time) {
    let view = &reports.view;
    bundle.text("README.txt", README);
    bundle.json("version.json", &reports.version);
    bundle.json("settings.json", &**view.settings.borrow());
    bundle.json("status.json", &view.status(now));
    bundle.json("alerts.json", &**view.alerts.borrow());
    bundle.json("models.json", &**view.models.borrow());
    for node in view.nodes.borrow().iter() {
        bundle.json(&format!("nodes/{}.json", node.id), node);
    }
    for operation in view.operations.borrow().iter().take(OPERATIONS) {
        bundle.json(&format!("operations/{}.json", operation.id), operation);
    }
}

/// What has to be asked for.
pub(super) async fn texts(reports: &BugReports) -> Vec<File> {
    let view = &reports.view;
    let units: Vec<UnitId> = view.units.borrow().iter().map(|u| u.id.clone()).collect();
    let nodes: Vec<NodeId> = view.nodes.borrow().iter().map(|n| n.id.clone()).collect();
    let newest = view.operations.borrow().clone();
    let newest = newest.iter().take(OPERATIONS);
    let newest: Vec<OperationId> = newest.map(|o| o.id.clone()).collect();
    let units = join_all(units.iter().map(|unit| unit_log(reports, unit)));
    let nodes = join_all(nodes.iter().map(|node| journal(reports, node)));
    let operations = join_all(newest.iter().map(|id| operation_log(reports, id)));
    let ((units, nodes), operations) = join(join(units, nodes), operations).await;
    let operations = operations.into_iter().flatten();
    units.into_iter().chain(nodes).chain(operations).collect()
}

async fn unit_log(reports: &BugReports, unit: &UnitId) -> File {
    let text = match reports.logs.tail(unit, UNIT_LINES).await {
        Ok(text) => text,
        Err(error) => format!("it cannot be had: {}", error.message),
    };
    (format!("units/{unit}.log"), text)
}

async fn journal(reports: &BugReports, node: &NodeId) -> File {
    let command = Remote::script("journal", JOURNAL_SCRIPT).timeout(20);
    let said = match reports.nodes.link(node) {
        Some(link) => Some(link.run(&command, Limits::within(JOURNAL)).await),
        None => None,
    };
    let text = match said {
        Some(Outcome::Exited { stdout, stderr, .. }) => clean_text(&(stdout + &stderr)),
        other => format!(
            "it cannot be had: {}",
            clean_line(&format!("{other:?}"), 200)
        ),
    };
    (format!("nodes/{node}.journal.txt"), text)
}

/// The log of an operation, as far as it is kept: only of this run of the daemon.
async fn operation_log(reports: &BugReports, id: &OperationId) -> Option<File> {
    let feed = reports.operations.feed(id.clone()).await.ok()?;
    let events = feed.reader(None).next().now_or_never()??;
    let lines: Vec<LogLine> = events
        .into_iter()
        .filter_map(|(_, event)| match event {
            OperationEvent::Log { line } => Some(line),
            OperationEvent::Operation { .. } | OperationEvent::Lagged { .. } => None,
        })
        .collect();
    let from = lines.len().saturating_sub(OPERATION_LINES);
    let tail = lines.get(from..).unwrap_or_default();
    let text: String = tail.iter().map(shown).collect();
    (!text.is_empty()).then(|| (format!("operations/{id}.log"), text))
}

fn shown(line: &LogLine) -> String {
    let at = line.at.map_or(String::new(), |at| format!("{at} "));
    let node = line
        .node
        .as_ref()
        .map_or(String::new(), |n| format!("{n} "));
    format!("{at}{node}{}\n", line.text)
}
