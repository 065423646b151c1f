//! The operations of the matrix, and the world that each wants.

use std::fmt;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use spark_ipc::id::OperationId;
use spark_ipc::model::operation::{OperationStarted, OperationState};
use spark_ipc::model::transfer::ImageList;
use spark_ipc::model::unit::UnitState;

use crate::fleet::{Fleet, SMALL};

const SERVICE: &str = "kokoro";
/// A small image that every simulated node has.
const IMAGE: &str = "ghcr.io/remsky/kokoro-fastapi-cpu:latest";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Swap,
    Stop,
    Download,
    Copy,
    Delete,
    Verify,
    ImagePull,
    ImageCopy,
    ImageRemove,
    ServiceStart,
    ServiceStop,
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Swap => "swap",
            Self::Stop => "stop",
            Self::Download => "download",
            Self::Copy => "copy",
            Self::Delete => "delete",
            Self::Verify => "verify",
            Self::ImagePull => "image pull",
            Self::ImageCopy => "image copy",
            Self::ImageRemove => "image remove",
            Self::ServiceStart => "service start",
            Self::ServiceStop => "service stop",
        })
    }
}

impl Deed {
    pub const ALL: [Self; 11] = [
        Self::Swap,
        Self::Stop,
        Self::Download,
        Self::Copy,
        Self::Delete,
        Self::Verify,
        Self::ImagePull,
        Self::ImageCopy,
        Self::ImageRemove,
        Self::ServiceStart,
        Self::ServiceStop,
    ];

    pub(super) fn nodes(self) -> usize {
        match self {
            Self::Copy | Self::ImageCopy => 2,
            _ => 1,
        }
    }

    /// The node that the operation writes to, and that is struck.
    pub(super) fn struck(self) -> usize {
        self.nodes() - 1
    }

    /// Whether it lasts long enough to be struck in its middle; the others are struck as they begin.
    pub(super) fn lasts(self) -> bool {
        matches!(
            self,
            Self::Swap | Self::Download | Self::Copy | Self::ImagePull | Self::ImageCopy
        )
    }

    /// Bytes a second, in MB, at which it is made to last some seconds.
    fn pace(self) -> Option<&'static str> {
        match self {
            Self::Download | Self::Copy | Self::ImagePull | Self::ImageCopy => Some("300"),
            _ => None,
        }
    }

    pub(super) fn slow(self, fleet: &Fleet) -> Result<()> {
        let Some(rate) = self.pace() else {
            return Ok(());
        };
        let mut sparks = fleet.sparks.iter();
        sparks.try_for_each(|s| s.set_fault(&["slow_transfers", "--mb-per-s", rate]))
    }

    /// Makes it as quick as the node again.
    pub(super) fn quick(self, fleet: &Fleet) -> Result<()> {
        if self.pace().is_none() {
            return Ok(());
        }
        let mut sparks = fleet.sparks.iter();
        sparks.try_for_each(|s| s.clear_fault("slow_transfers"))
    }

    /// Brings about the world in which it can begin.
    pub(super) async fn ready(self, fleet: &Fleet) -> Result<()> {
        match self {
            Self::Swap => stopped(fleet).await,
            Self::Stop => running(fleet).await,
            Self::Download => model(fleet, "spark1", false).await,
            Self::Copy => model(fleet, "spark2", false).await,
            Self::Delete | Self::Verify => model(fleet, "spark1", true).await,
            Self::ImagePull => image(fleet, "spark1", false).await,
            Self::ImageCopy => image(fleet, "spark2", false).await,
            Self::ImageRemove => image(fleet, "spark1", true).await,
            Self::ServiceStart => service(fleet, false).await,
            Self::ServiceStop => service(fleet, true).await,
        }
    }

    pub(super) async fn begin(self, fleet: &Fleet) -> Result<OperationId> {
        let (path, body) = match self {
            Self::Swap => ("/api/swap".to_owned(), json!({ "repo": SMALL })),
            Self::Stop => ("/api/stop".to_owned(), json!({ "all": true })),
            Self::Download => ("/api/downloads".to_owned(), json!({ "repo": SMALL })),
            Self::Copy => (
                "/api/copies".to_owned(),
                json!({"repo": SMALL, "from": "spark1", "to": "spark2"}),
            ),
            Self::Verify => ("/api/verifications".to_owned(), json!({ "repo": SMALL })),
            Self::ImagePull => (
                "/api/images/pull".to_owned(),
                json!({"image": IMAGE, "nodes": ["spark1"]}),
            ),
            Self::ImageCopy => (
                "/api/images/copy".to_owned(),
                json!({"image": IMAGE, "from": "spark1", "to": "spark2"}),
            ),
            Self::ServiceStart => (format!("/api/services/{SERVICE}/start"), json!({})),
            Self::ServiceStop => (format!("/api/services/{SERVICE}/stop"), json!({})),
            Self::Delete => {
                return delete(fleet, &format!("/api/models/{SMALL}?node=spark1")).await;
            }
            Self::ImageRemove => {
                return delete(fleet, &format!("/api/images?image={IMAGE}&node=spark1")).await;
            }
        };
        post(fleet, &path, &body).await
    }
}

async fn post(fleet: &Fleet, path: &str, body: &Value) -> Result<OperationId> {
    let started: OperationStarted = fleet.daemon.client().post(path, body).await?;
    Ok(started.operation.id)
}

async fn delete(fleet: &Fleet, path: &str) -> Result<OperationId> {
    let started: OperationStarted = fleet.daemon.client().delete(path).await?;
    Ok(started.operation.id)
}

async fn done(fleet: &Fleet, id: &OperationId) -> Result<()> {
    let end = fleet.daemon.ended_operation(id).await?;
    ensure!(
        end.state == OperationState::Succeeded,
        "to make ready: {:?} {:#?}",
        end.error,
        end.steps
    );
    Ok(())
}

async fn stopped(fleet: &Fleet) -> Result<()> {
    if fleet.daemon.status().await?.units.is_empty() {
        return Ok(());
    }
    done(fleet, &Deed::Stop.begin(fleet).await?).await
}

async fn running(fleet: &Fleet) -> Result<()> {
    let status = fleet.daemon.status().await?;
    if status.units.iter().any(|u| u.state == UnitState::Ready) {
        return Ok(());
    }
    done(fleet, &Deed::Swap.begin(fleet).await?).await
}

/// The small model on a node, or not. It is taken away by hand: what was cut off a moment ago counts as being
/// downloaded, and the product keeps its hands off that.
async fn model(fleet: &Fleet, node: &str, wanted: bool) -> Result<()> {
    let spark = fleet.sparks.iter().find(|s| s.dir.ends_with(node));
    let spark = spark.context("no such node")?;
    let folder = format!("models--{}", SMALL.replacen('/', "--", 1));
    if !wanted {
        spark.run(&format!("rm -rf ~/.cache/huggingface/hub/{folder}"))?;
        return Ok(());
    }
    if spark.node()?.hub().join(folder).exists() {
        return Ok(());
    }
    let body = json!({"repo": SMALL, "nodes": [node]});
    done(fleet, &post(fleet, "/api/downloads", &body).await?).await
}

/// An image on a node, or not.
async fn image(fleet: &Fleet, node: &str, wanted: bool) -> Result<()> {
    let list: ImageList = fleet.daemon.client().get("/api/images").await?;
    let mut images = list.images.iter();
    let known = images.find(|i| i.reference == IMAGE);
    let there = known.is_some_and(|i| i.nodes.iter().any(|n| n.node.as_str() == node));
    if there == wanted {
        return Ok(());
    }
    let id = if wanted {
        let body = json!({"image": IMAGE, "nodes": [node]});
        post(fleet, "/api/images/pull", &body).await?
    } else {
        delete(fleet, &format!("/api/images?image={IMAGE}&node={node}")).await?
    };
    done(fleet, &id).await
}

async fn service(fleet: &Fleet, wanted: bool) -> Result<()> {
    let status = fleet.daemon.status().await?;
    let mut services = status.services.iter();
    let known = services.find(|s| s.name.as_str() == SERVICE);
    let service = known.context("no such service")?;
    if service.container.is_some() == wanted {
        return Ok(());
    }
    let deed = if wanted {
        Deed::ServiceStart
    } else {
        Deed::ServiceStop
    };
    done(fleet, &Box::pin(deed.begin(fleet)).await?).await
}
