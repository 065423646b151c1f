//! What the router asks of nodes, units and models, in the router's words.

mod services;

use spark_ipc::id::{Fingerprint, NodeId, RepoId, UnitId};
use spark_ipc::model::doctor::DoctorReport;
use spark_ipc::model::inventory::ModelDetail;
use spark_ipc::model::node::{NodeTest, SshKey};
use spark_ipc::model::recipe::RecipeInForce;

use crate::bugreport::BugReports;
use crate::doctor::Doctor;
use crate::models::Details;
use crate::nodes::Nodes;
use crate::units::Logs;
use crate::web::{Answer, BugReport, FabricDoctor, LogStream, ModelDetails, NodeActions, UnitLogs};

pub(crate) use services::{AdoptionHandle, ServiceHandle};

/// The connections to the nodes.
#[derive(Debug)]
pub(crate) struct NodeHandle(pub Nodes);

impl NodeActions for NodeHandle {
    fn test(&self, node: NodeId) -> Answer<'_, NodeTest> {
        Box::pin(async move { self.0.test(&node).await })
    }

    fn trust(&self, node: NodeId, fingerprint: Fingerprint) -> Answer<'_, ()> {
        Box::pin(async move { self.0.trust(&node, &fingerprint).await })
    }

    fn ssh_key(&self) -> Answer<'_, SshKey> {
        Box::pin(async move { Ok(self.0.ssh_key()) })
    }
}

/// The logs of units.
#[derive(Debug)]
pub(crate) struct LogHandle(pub Logs);

impl UnitLogs for LogHandle {
    fn tail(&self, unit: UnitId, lines: usize) -> Answer<'_, String> {
        Box::pin(async move { self.0.tail(&unit, lines).await })
    }

    fn follow(&self, unit: UnitId, lines: usize) -> Answer<'_, LogStream> {
        Box::pin(async move { self.0.follow(&unit, lines).await })
    }
}

/// Facts of models.
#[derive(Debug)]
pub(crate) struct DetailHandle(pub Details);

impl ModelDetails for DetailHandle {
    fn detail(&self, repo: RepoId) -> Answer<'_, ModelDetail> {
        Box::pin(async move { self.0.detail(&repo) })
    }

    fn recipe(&self, repo: RepoId) -> Answer<'_, RecipeInForce> {
        Box::pin(async move { self.0.recipe(&repo) })
    }
}

impl FabricDoctor for Doctor {
    fn examine(&self) -> Answer<'_, DoctorReport> {
        Box::pin(Self::examine(self))
    }

    fn last(&self) -> Option<DoctorReport> {
        Self::last(self).map(|report| DoctorReport::clone(&report))
    }
}

impl BugReport for BugReports {
    fn make(&self) -> Answer<'_, Vec<u8>> {
        Box::pin(Self::make(self))
    }
}
