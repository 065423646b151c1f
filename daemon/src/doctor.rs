//! The fabric doctor at work: runs what `spark_core::doctor` asks for, on all nodes at once, and keeps the result.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use spark_core::doctor::{
    self, Crossing, Patient, Said, crossings, examine, ports_command, read_ports,
};
use spark_core::shell::Remote;
use spark_ipc::id::NodeId;
use spark_ipc::model::doctor::{DoctorCheck, DoctorReport};
use spark_ipc::model::node::Node;
use spark_ipc::{ApiError, ErrorCode};
use tokio::sync::{Mutex, watch};

use crate::clock;
use crate::nodes::Nodes;
use crate::ssh::{Limits, Outcome};

/// How long a node may take to tell of its ports, and one try over the cable. Both together stay below the
/// time that a client waits for an answer, with two tries after one another on each node.
const LOOK: Duration = Duration::from_secs(8);
const TRY: Duration = Duration::from_secs(9);

/// Tries that run on one node at the same time; a connection has eight channels, and others use it too.
const TOGETHER: usize = 4;

/// The handle; cheap to clone.
#[derive(Debug, Clone)]
pub struct Doctor {
    nodes: Nodes,
    // Held while an examination runs: two at once would only tread on each other's pings.
    at_work: Arc<Mutex<()>>,
    last: watch::Sender<Option<Arc<DoctorReport>>>,
}

impl Doctor {
    pub fn new(nodes: Nodes) -> Self {
        Self {
            nodes,
            at_work: Arc::default(),
            last: watch::Sender::new(None),
        }
    }

    /// The last report; `None` while there is none.
    pub fn last(&self) -> Option<Arc<DoctorReport>> {
        self.last.borrow().clone()
    }

    /// Examines all nodes now. `busy` while another examination runs.
    pub async fn examine(&self) -> Result<DoctorReport, ApiError> {
        let _at_work = self.at_work.try_lock().map_err(|_busy| {
            ApiError::new(ErrorCode::Busy, "the fabric is being examined already")
                .with_hint("GET /api/doctor has the result in some seconds")
        })?;
        let started_at = clock::now();
        let nodes = Arc::clone(&self.nodes.list().borrow());
        let patients = join_all(nodes.iter().map(|node| self.look(node))).await;
        let mut checks = examine(&patients);
        checks.extend(self.try_all(&patients).await);
        let report = DoctorReport {
            started_at,
            ended_at: clock::now(),
            passed: doctor::passed(&checks),
            checks,
        };
        self.last.send_replace(Some(Arc::new(report.clone())));
        Ok(report)
    }

    async fn look(&self, node: &Node) -> Patient {
        let begun = Instant::now();
        let ports = match self.run(&node.id, &ports_command(), LOOK).await {
            Said::Exited { status: 0, text } => {
                read_ports(&text).ok_or_else(|| "its answer was cut".to_owned())
            }
            Said::Exited { status, .. } => Err(format!("the look ended with status {status}")),
            Said::TooSlow => Err(format!("no answer within {} s", LOOK.as_secs())),
            Said::Lost(why) => Err(why),
        };
        Patient {
            node: node.id.clone(),
            user: node.user.clone(),
            ssh_port: node.ssh_port,
            ports,
            took_ms: ms(begun),
        }
    }

    /// All tries: nodes side by side, some at once on each.
    async fn try_all(&self, patients: &[Patient]) -> Vec<DoctorCheck> {
        let all = crossings(patients);
        let of_node = |patient: &Patient| {
            let own = all.iter().filter(|c| c.from == patient.node);
            let tries: Vec<_> = own.map(|crossing| self.cross(crossing)).collect();
            stream::iter(tries).buffered(TOGETHER).collect::<Vec<_>>()
        };
        let each: Vec<_> = patients.iter().map(of_node).collect();
        join_all(each).await.concat()
    }

    async fn cross(&self, crossing: &Crossing) -> DoctorCheck {
        let begun = Instant::now();
        let said = match crossing.command() {
            Ok(Some(command)) => Some(self.run(&crossing.from, &command, TRY).await),
            Ok(None) => None,
            Err(invalid) => Some(Said::Lost(invalid.to_string())),
        };
        crossing.judge(said.as_ref(), ms(begun))
    }

    async fn run(&self, node: &NodeId, command: &Remote, deadline: Duration) -> Said {
        let Some(link) = self.nodes.link(node) else {
            return Said::Lost("it is not set up".to_owned());
        };
        match link.run(command, Limits::within(deadline)).await {
            Outcome::Exited {
                status,
                stdout,
                stderr,
                ..
            } => Said::Exited {
                status,
                text: stdout + &stderr,
            },
            Outcome::TimedOut => Said::TooSlow,
            Outcome::Lost { cause } => Said::Lost(cause),
            Outcome::Refused(cause) => Said::Lost(format!("there is no connection: {cause:?}")),
        }
    }
}

fn ms(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1000.0
}
