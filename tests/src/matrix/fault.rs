//! The faults of the matrix.

use std::fmt;

use anyhow::{Context, Result};
use spark_ipc::id::OperationId;
use spark_ipc::model::node::LinkState;
use spark_ipc::model::operation::OperationStarted;
use spark_ipc::model::status::Snapshot;

use super::deed::Deed;
use crate::fleet::{Fleet, SMALL, Spark};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    LinkLost,
    DaemonKilled,
    NodeRebooted,
    DiskFull,
    DockerStopped,
    WrongPermission,
    Cancelled,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::LinkLost => "link lost",
            Self::DaemonKilled => "daemon killed",
            Self::NodeRebooted => "node rebooted",
            Self::DiskFull => "disk full",
            Self::DockerStopped => "docker stopped",
            Self::WrongPermission => "wrong permission",
            Self::Cancelled => "cancelled",
        })
    }
}

impl Fault {
    pub const ALL: [Self; 7] = [
        Self::LinkLost,
        Self::DaemonKilled,
        Self::NodeRebooted,
        Self::DiskFull,
        Self::DockerStopped,
        Self::WrongPermission,
        Self::Cancelled,
    ];

    /// Whether the same work may be begun anew by the same operation: only when the node lost it.
    pub(super) fn loses_work(self) -> bool {
        self == Self::NodeRebooted
    }

    pub(super) async fn strike(
        self,
        fleet: &mut Fleet,
        deed: Deed,
        id: &OperationId,
    ) -> Result<()> {
        let n = deed.struck();
        match self {
            Self::LinkLost => link_lost(fleet, n).await,
            Self::DaemonKilled => {
                fleet.daemon.kill()?;
                fleet.daemon.start()
            }
            Self::NodeRebooted => spark(fleet, n)?.set_fault(&["reboot", "--away-s", "60"]),
            Self::DiskFull => spark(fleet, n)?.set_fault(&["full_disk"]),
            Self::DockerStopped => spark(fleet, n)?.set_fault(&["docker_down"]),
            Self::WrongPermission => match deed {
                Deed::Download | Deed::Copy | Deed::Delete | Deed::Verify => {
                    spark(fleet, n)?.set_fault(&["root_owned", SMALL])
                }
                _ => spark(fleet, n)?.set_fault(&["docker_denied"]),
            },
            Self::Cancelled => cancel(fleet, id).await,
        }
    }
}

fn spark(fleet: &Fleet, n: usize) -> Result<&Spark> {
    fleet.sparks.get(n).context("no such node")
}

/// The node's SSH server is away until the daemon has noticed, and then comes back.
async fn link_lost(fleet: &mut Fleet, n: usize) -> Result<()> {
    let spark = fleet.sparks.get_mut(n).context("no such node")?;
    spark.sshd.stop();
    let lost = |s: &Snapshot| {
        let node = s.status.nodes.get(n);
        node.is_some_and(|node| node.link.state != LinkState::Connected)
    };
    fleet.daemon.wait_for("the loss of the link", lost).await?;
    let spark = fleet.sparks.get_mut(n).context("no such node")?;
    spark.sshd.restart()
}

/// Asks for a cancel. What has just ended cannot be cancelled, and says so.
async fn cancel(fleet: &Fleet, id: &OperationId) -> Result<()> {
    let path = format!("/api/operations/{id}/cancel");
    let asked = fleet
        .daemon
        .client()
        .post::<_, OperationStarted>(&path, &())
        .await;
    match asked {
        Ok(_) => Ok(()),
        Err(spark_ipc::client::ClientError::Api(error))
            if error.code == spark_ipc::ErrorCode::Conflict =>
        {
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
