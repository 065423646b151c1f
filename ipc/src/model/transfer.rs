//! Downloads, copies and deletion of models, and images on the nodes.

use serde::{Deserialize, Serialize};

use crate::{
    Time,
    id::{ImageRef, NodeId, OperationId, RepoId, UnitId},
};

/// `POST /api/downloads`: a model from the Hub to the disk of one or several nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DownloadRequest {
    pub repo: RepoId,
    /// Branch, tag or commit; the main branch when not given.
    #[serde(default)]
    pub revision: Option<String>,
    /// Where to; every node when empty. The first one downloads, the others copy from it where they can.
    #[serde(default)]
    pub nodes: Vec<NodeId>,
    /// Only files that match one of these patterns, e.g. `*.safetensors`.
    #[serde(default)]
    pub include: Vec<String>,
    /// No files that match one of these.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Compare every file with the Hub's checksums at the end: slow, since every byte is read. Sizes are always
    /// compared.
    #[serde(default)]
    pub verify: bool,
    /// Only say what would be done; nothing is written.
    #[serde(default)]
    pub dry_run: bool,
}

/// `POST /api/copies`: a model from the disk of one node to that of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CopyRequest {
    pub repo: RepoId,
    pub from: NodeId,
    pub to: NodeId,
    /// Through the daemon, when the nodes cannot reach each other. Slow.
    #[serde(default)]
    pub relay: bool,
    #[serde(default)]
    pub dry_run: bool,
}

/// `POST /api/verifications`: every file of a model against the Hub's sizes and checksums. Slow: every byte is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct VerifyRequest {
    pub repo: RepoId,
    /// Where; every node that has it when empty.
    #[serde(default)]
    pub nodes: Vec<NodeId>,
    /// Remove the damaged files, so that a download brings them anew. Refused while the model is in use.
    #[serde(default)]
    pub repair: bool,
}

/// How the bytes come to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TransferWay {
    /// From the Hub or the registry.
    Download,
    /// From another node, over the fabric.
    Fabric,
    /// From another node, over the ordinary network.
    Lan,
    /// From another node, through the daemon.
    Relay,
    /// It is all there already.
    Nothing,
}

/// What a download or a copy does on one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TransferLeg {
    pub node: NodeId,
    pub way: TransferWay,
    /// The node that it is copied from.
    pub from: Option<NodeId>,
    /// Bytes that are still to come; `null` when the manifest tells none.
    pub bytes: Option<u64>,
    /// Room on the disk of the model cache now.
    pub free_bytes: Option<u64>,
    /// Room that must stay free.
    pub reserve_bytes: u64,
    /// Why this way, in words.
    pub reason: String,
}

/// Answer to a dry run of a download or a copy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TransferPreview {
    pub subject: String,
    /// The commit that the revision stands for.
    pub commit: Option<String>,
    /// Files of the selection.
    pub files: Option<u64>,
    /// Bytes of the selection, whether on a disk already or not.
    pub total_bytes: Option<u64>,
    pub legs: Vec<TransferLeg>,
    pub blockers: Vec<super::preflight::Finding>,
    pub warnings: Vec<super::preflight::Finding>,
}

/// What keeps a model on a disk in use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ModelUser {
    /// A unit serves or loads it.
    Unit { unit: UnitId },
    /// A container that is not ours names it.
    Container { name: String },
    /// An operation works with it.
    Operation { operation: OperationId },
    /// Files of it are growing, whoever writes them.
    Download,
    /// A recipe would launch it; that does not hold up its deletion.
    Recipe { recipe: String },
}

impl ModelUser {
    /// Whether the model may not be deleted as long as this is so.
    pub fn holds(&self) -> bool {
        !matches!(self, Self::Recipe { .. })
    }
}

/// What a node knows of a model that is to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeleteState {
    /// It is there and can be deleted.
    Present,
    /// Something uses it.
    InUse,
    /// It is not there.
    Absent,
    /// It is there and may not be touched; `detail` says why (a link, another owner).
    Refused,
    /// The node does not answer.
    Unknown,
}

/// A model on one node, before it is deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeleteOnNode {
    pub node: NodeId,
    pub state: DeleteState,
    /// Bytes that come free.
    pub size_bytes: Option<u64>,
    /// The later of its last launch and the last read that the disk remembers.
    pub last_used: Option<Time>,
    pub used_by: Vec<ModelUser>,
    /// The folder, and why it may not be touched.
    pub detail: Option<String>,
}

/// `DELETE /api/models/{org}/{name}?dry_run=true`: what would be deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeletePreview {
    pub repo: RepoId,
    pub nodes: Vec<DeleteOnNode>,
    /// Bytes that come free on all nodes together.
    pub total_bytes: u64,
    /// Recipes, for people to know: they stay.
    pub warnings: Vec<String>,
}

/// `POST /api/images/pull`: an image from its registry to one or several nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ImagePullRequest {
    pub image: ImageRef,
    /// Where to; every node when empty.
    #[serde(default)]
    pub nodes: Vec<NodeId>,
    #[serde(default)]
    pub dry_run: bool,
}

/// `POST /api/images/copy`: an image from one node to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ImageCopyRequest {
    pub image: ImageRef,
    pub from: NodeId,
    pub to: NodeId,
    #[serde(default)]
    pub dry_run: bool,
}

/// An image on one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ImageOnNode {
    pub node: NodeId,
    /// `sha256:…`; equal ids are equal images.
    pub id: String,
    pub size_bytes: Option<u64>,
    /// e.g. `arm64`.
    pub architecture: Option<String>,
    pub created: Option<Time>,
    /// Containers, running or not, that were made from it.
    pub used_by: Vec<String>,
}

/// An image on the nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Image {
    /// As recipes name it: `repository:tag`.
    pub reference: String,
    pub nodes: Vec<ImageOnNode>,
    /// Nodes that answered and do not have it.
    pub missing_on: Vec<NodeId>,
    /// Whether the copies differ from node to node.
    pub differs: bool,
    /// Recipes that launch it.
    pub recipes: Vec<String>,
}

/// `GET /api/images`: the images on the nodes, and those that a recipe needs and no node has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ImageList {
    pub images: Vec<Image>,
    /// Nodes that did not answer, with the reason.
    pub unknown: Vec<ImagesUnknown>,
}

/// A node whose images are not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ImagesUnknown {
    pub node: NodeId,
    pub reason: String,
}
