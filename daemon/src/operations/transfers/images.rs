//! Images: the list of all nodes, and what stands in the way of a pull or a copy.

use std::time::Duration;

use futures_util::future::join_all;
use spark_core::transfer::image::{self, InRegistry, LocalImage};
use spark_core::transfer::{Fault, FaultId, JobName, job, plan};
use spark_ipc::id::{ImageRef, NodeId};
use spark_ipc::model::operation::Operation;
use spark_ipc::model::preflight::Finding;
use spark_ipc::model::transfer::{
    ImageCopyRequest, ImageList, ImagePullRequest, TransferLeg, TransferPreview, TransferWay,
};
use spark_ipc::{ApiError, ErrorCode};

use super::super::context::Context;
use super::super::hands::{self, Done};
use super::super::job::Job;
use super::super::jobs::detached::ready;
use super::super::jobs::image_copy::ImageCopy;
use super::super::jobs::image_pull::ImagePull;
use super::super::jobs::image_remove::ImageRemove;
use super::super::requests::known;
use super::super::{Context as OperationsContext, Operations};
use super::copies::finding;
use super::{blocked, chosen, paths, said};

/// Layers are compressed on the way; unpacked they take about this many times the room.
const UNPACKED: u64 = 2;

impl Operations {
    /// The images on the nodes, and those that a recipe needs.
    pub async fn images(&self) -> Result<ImageList, ApiError> {
        self.look(async move |ctx: OperationsContext| {
            let nodes = chosen(&ctx, &[])?;
            let lists = join_all(nodes.iter().map(|node| list(&ctx, node))).await;
            let lists = nodes.iter().cloned().zip(lists).collect();
            let recipes: Vec<(String, ImageRef)> = ctx
                .catalog
                .borrow()
                .entries()
                .iter()
                .map(|e| (e.recipe.id.to_string(), e.recipe.image.clone()))
                .collect();
            Ok(image::merge(lists, &recipes))
        })
        .await
    }

    /// What a pull would bring, and what stands in its way; writes nothing.
    pub async fn look_at_pull(
        &self,
        request: ImagePullRequest,
    ) -> Result<TransferPreview, ApiError> {
        self.look(async move |ctx: OperationsContext| Ok(plan_pull(&ctx, &request).await?.0))
            .await
    }

    /// Begins a pull.
    pub async fn pull(
        &self,
        request: ImagePullRequest,
        actor: String,
    ) -> Result<Operation, ApiError> {
        self.begin(actor, async move |ctx: OperationsContext, _id| {
            let (preview, nodes) = plan_pull(&ctx, &request).await?;
            match blocked(&preview.blockers) {
                Some(error) => Err(error),
                None => Ok(Job::ImagePull(ImagePull {
                    image: request.image,
                    nodes,
                })),
            }
        })
        .await
    }

    /// What a copy of an image would bring, and what stands in its way; writes nothing.
    pub async fn look_at_image_copy(
        &self,
        request: ImageCopyRequest,
    ) -> Result<TransferPreview, ApiError> {
        self.look(async move |ctx: OperationsContext| Ok(plan_copy(&ctx, &request).await?.0))
            .await
    }

    /// Begins a copy of an image.
    pub async fn copy_image(
        &self,
        request: ImageCopyRequest,
        actor: String,
    ) -> Result<Operation, ApiError> {
        self.begin(actor, async move |ctx: OperationsContext, _id| {
            let (preview, job) = plan_copy(&ctx, &request).await?;
            match (blocked(&preview.blockers), job) {
                (None, Some(job)) => Ok(Job::ImageCopy(job)),
                (Some(error), _) => Err(error),
                (None, None) => Err(ApiError::new(ErrorCode::Internal, "there is no way")),
            }
        })
        .await
    }
}

impl Operations {
    /// Removes an image from nodes; refused with `conflict` while a container, running or not, was made from it.
    pub async fn remove_image(
        &self,
        image: ImageRef,
        nodes: Vec<NodeId>,
        actor: String,
    ) -> Result<Operation, ApiError> {
        self.begin(actor, async move |ctx: OperationsContext, _id| {
            let nodes = plan_removal(&ctx, &image, &nodes).await?;
            Ok(Job::ImageRemove(ImageRemove { image, nodes }))
        })
        .await
    }
}

/// The nodes that have the image, none of which uses it.
async fn plan_removal(
    ctx: &Context,
    image: &ImageRef,
    named: &[NodeId],
) -> Result<Vec<NodeId>, ApiError> {
    let nodes = chosen(ctx, named)?;
    let lists = join_all(nodes.iter().map(|node| list(ctx, node))).await;
    let tag = image::with_tag(image.as_str());
    let (mut there, mut users) = (Vec::new(), Vec::new());
    for (node, images) in nodes.into_iter().zip(lists) {
        let images = images.map_err(|why| ApiError::new(ErrorCode::Unreachable, why))?;
        if let Some(found) = images.into_iter().find(|i| i.tags.contains(&tag)) {
            let named = found.used_by.iter().map(|c| format!("{c} on {node}"));
            users.extend(named);
            there.push(node);
        }
    }
    if !users.is_empty() {
        let message = format!("{image} is not removed: used by {}", users.join(", "));
        let hint = "remove the containers first; a stopped one still holds its image";
        return Err(ApiError::new(ErrorCode::Conflict, message).with_hint(hint));
    }
    if there.is_empty() {
        let message = format!("{image} is on none of these nodes");
        return Err(ApiError::new(ErrorCode::NotFound, message));
    }
    Ok(there)
}

async fn list(ctx: &Context, node: &NodeId) -> Result<Vec<LocalImage>, String> {
    let output = said(
        ctx,
        node,
        Ok(image::list_command()),
        Duration::from_secs(70),
    )
    .await?;
    image::read_list(&output)
}

fn preview(image: &ImageRef) -> TransferPreview {
    TransferPreview {
        subject: image.to_string(),
        commit: None,
        files: None,
        total_bytes: None,
        legs: Vec::new(),
        blockers: Vec::new(),
        warnings: Vec::new(),
    }
}

async fn plan_pull(
    ctx: &Context,
    request: &ImagePullRequest,
) -> Result<(TransferPreview, Vec<NodeId>), ApiError> {
    let nodes = chosen(ctx, &request.nodes)?;
    let mut preview = preview(&request.image);
    // Every node may have another login and another mirror, so each is asked.
    let looks = join_all(nodes.iter().map(|node| registry(ctx, node, &request.image))).await;
    let rooms = join_all(nodes.iter().map(|node| room(ctx, node))).await;
    for ((node, look), free) in nodes.iter().zip(looks).zip(rooms) {
        let bytes = match look {
            Ok(bytes) => bytes,
            Err(Stop::Blocker(found)) => {
                preview.blockers.push(*found);
                None
            }
            Err(Stop::Warning(found)) => {
                preview.warnings.push(*found);
                None
            }
        };
        add_leg(
            ctx,
            &mut preview,
            (node, None, TransferWay::Download),
            bytes,
            free,
        );
    }
    Ok((preview, nodes))
}

fn add_leg(
    ctx: &Context,
    preview: &mut TransferPreview,
    (node, from, way): (&NodeId, Option<&NodeId>, TransferWay),
    bytes: Option<u64>,
    free: Option<u64>,
) {
    let reserve = ctx.disk_reserve_bytes.get();
    let unpacked = match way {
        TransferWay::Download => bytes.map(|b| b.saturating_mul(UNPACKED)),
        _ => bytes,
    };
    if let Some((message, fix)) = plan::no_room(unpacked.or(Some(1)), free, reserve) {
        preview
            .blockers
            .push(finding("disk_full", node, message, Some(fix)));
    }
    let reason = match from {
        Some(from) => format!("from {from}, through SSH"),
        None => "from the registry; it takes about twice that room unpacked".to_owned(),
    };
    preview.total_bytes = preview.total_bytes.max(bytes);
    preview.legs.push(TransferLeg {
        node: node.clone(),
        way,
        from: from.cloned(),
        bytes,
        free_bytes: free,
        reserve_bytes: reserve,
        reason,
    });
}

/// Why a registry's answer does not do.
enum Stop {
    Blocker(Box<Finding>),
    Warning(Box<Finding>),
}

/// Bytes of the image in its registry; what cannot be pulled is told before it is tried.
async fn registry(ctx: &Context, node: &NodeId, wanted: &ImageRef) -> Result<Option<u64>, Stop> {
    let first = manifest(ctx, node, wanted, None).await?;
    match first {
        InRegistry::Single { bytes } => Ok(Some(bytes).filter(|b| *b > 0)),
        InRegistry::NotForArm(others) => {
            let fault = Fault::silent(FaultId::WrongArchitecture);
            let message = format!("{} There is: {}", fault.sentence(), others.join(", "));
            let fix = Some(fault.remedy(None));
            Err(Stop::Blocker(Box::new(finding(
                fault.code(),
                node,
                message,
                fix,
            ))))
        }
        InRegistry::Listed(digest) => match manifest(ctx, node, wanted, Some(&digest)).await? {
            InRegistry::Single { bytes } => Ok(Some(bytes).filter(|b| *b > 0)),
            InRegistry::Listed(_) | InRegistry::NotForArm(_) => Ok(None),
        },
    }
}

async fn manifest(
    ctx: &Context,
    node: &NodeId,
    wanted: &ImageRef,
    digest: Option<&str>,
) -> Result<InRegistry, Stop> {
    let command = image::registry_command(wanted, digest);
    let warn =
        |code: &str, message: String| Stop::Warning(Box::new(finding(code, node, message, None)));
    match hands::exec(ctx, node, command, 70).await {
        Done::Ok(output) => {
            image::read_registry(&output).map_err(|why| warn("registry_unread", why))
        }
        Done::Refused { stderr, .. } => {
            let fault = image::refused(&stderr);
            let certain = matches!(
                fault.id,
                FaultId::NoSuchImage
                    | FaultId::RegistryLogin
                    | FaultId::WrongArchitecture
                    | FaultId::DockerDenied
                    | FaultId::DockerDown
            );
            let fix = Some(fault.remedy(None));
            if certain {
                let found = finding(fault.code(), node, fault.sentence(), fix);
                return Err(Stop::Blocker(Box::new(found)));
            }
            Err(warn(
                fault.code(),
                format!("the registry was not asked: {}", fault.evidence),
            ))
        }
        Done::Unknown(why) => {
            let message = format!("{node} does not answer: {why}");
            Err(Stop::Blocker(Box::new(finding(
                "unreachable",
                node,
                message,
                None,
            ))))
        }
    }
}

/// Room on the disk of the model cache: a Spark has one disk.
async fn room(ctx: &Context, node: &NodeId) -> Option<u64> {
    let no_job = JobName::checked("none").ok()?;
    let command = ready(job::follow(&no_job, None));
    let output = said(ctx, node, command, Duration::from_secs(40))
        .await
        .ok()?;
    job::read(&output).ok()?.free_bytes
}

async fn plan_copy(
    ctx: &Context,
    request: &ImageCopyRequest,
) -> Result<(TransferPreview, Option<ImageCopy>), ApiError> {
    let (from, to) = (&request.from, &request.to);
    known(ctx, &[from.clone(), to.clone()])?;
    if from == to {
        return Err(ApiError::new(
            ErrorCode::Invalid,
            "from and to are the same node",
        ));
    }
    let images = list(ctx, from).await;
    let images = images.map_err(|why| ApiError::new(ErrorCode::Unreachable, why))?;
    let tag = image::with_tag(request.image.as_str());
    let found = images.into_iter().find(|i| i.tags.contains(&tag));
    let missing = || {
        let message = format!("{} is not on {from}", request.image);
        ApiError::new(ErrorCode::NotFound, message).with_hint("GET /api/images lists what is where")
    };
    let found = found.ok_or_else(missing)?;
    let mut preview = preview(&request.image);
    let ((path, over_fabric), free) = tokio::join!(paths::path(ctx, from, to, true), room(ctx, to));
    if let Some(fault) = &path.fault {
        let message = format!("{from} cannot log in to {to}: {}", fault.sentence());
        let fix = Some(fault.remedy(path.target.as_ref()));
        preview
            .blockers
            .push(finding(fault.code(), from, message, fix));
    } else if path.target.is_none() {
        let message = format!("{from} or {to} does not tell its addresses");
        preview
            .blockers
            .push(finding("unreachable", to, message, None));
    }
    let way = if over_fabric {
        TransferWay::Fabric
    } else {
        TransferWay::Lan
    };
    add_leg(
        ctx,
        &mut preview,
        (to, Some(from), way),
        found.size_bytes,
        free,
    );
    let job = path.target.map(|target| ImageCopy {
        image: request.image.clone(),
        from: from.clone(),
        to: to.clone(),
        target,
        bytes: found.size_bytes,
    });
    Ok((preview, job))
}
