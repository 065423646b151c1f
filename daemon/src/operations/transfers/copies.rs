//! A copy from node to node: what the source has, the way to the target, and the room there.

use std::time::Duration;

use spark_core::transfer::{JobName, Seen, job, plan};
use spark_ipc::id::{NodeId, RepoId};
use spark_ipc::model::operation::Operation;
use spark_ipc::model::preflight::Finding;
use spark_ipc::model::transfer::{CopyRequest, TransferLeg, TransferPreview, TransferWay};
use spark_ipc::{ApiError, ErrorCode};

use super::super::context::Context;
use super::super::job::Job;
use super::super::jobs::copy::Copy;
use super::super::jobs::detached::ready;
use super::super::requests::known;
use super::super::{Context as OperationsContext, Operations};
use super::{blocked, paths, said};

impl Operations {
    /// What a copy would bring, and what stands in its way; writes nothing.
    pub async fn look_at_copy(&self, request: CopyRequest) -> Result<TransferPreview, ApiError> {
        self.look(async move |ctx: OperationsContext| {
            let (preview, _) = plan_copy(&ctx, &request).await?;
            Ok(preview)
        })
        .await
    }

    /// Begins a copy.
    pub async fn copy(&self, request: CopyRequest, actor: String) -> Result<Operation, ApiError> {
        self.begin(actor, async move |ctx: OperationsContext, _id| {
            let (preview, job) = plan_copy(&ctx, &request).await?;
            match blocked(&preview.blockers) {
                Some(error) => Err(error),
                None => Ok(Job::Copy(job)),
            }
        })
        .await
    }
}

async fn plan_copy(
    ctx: &Context,
    request: &CopyRequest,
) -> Result<(TransferPreview, Copy), ApiError> {
    let (from, to) = (&request.from, &request.to);
    known(ctx, &[from.clone(), to.clone()])?;
    if from == to {
        return Err(ApiError::new(
            ErrorCode::Invalid,
            "from and to are the same node",
        ));
    }
    let (near, far) = tokio::join!(disk(ctx, from, &request.repo), disk(ctx, to, &request.repo));
    let near = near.map_err(|why| ApiError::new(ErrorCode::Unreachable, why))?;
    let far = far.map_err(|why| ApiError::new(ErrorCode::Unreachable, why))?;
    let size = near.bytes.unwrap_or(0);
    if size == 0 {
        let message = format!("{} is not on {from}", request.repo);
        return Err(ApiError::new(ErrorCode::NotFound, message));
    }
    let have = far.bytes.unwrap_or(0);
    let mut job = Copy {
        repo: request.repo.clone(),
        from: from.clone(),
        to: to.clone(),
        target: None,
        bytes: Some(size.saturating_sub(have)),
        have_bytes: have,
    };
    let mut preview = empty(request, size);
    let (way, reason) = if request.relay {
        let reason = "through the daemon, as asked; this is slow".to_owned();
        (TransferWay::Relay, reason)
    } else {
        direct(ctx, request, &mut job, &mut preview).await
    };
    let reserve = ctx.disk_reserve_bytes.get();
    if let Some((message, fix)) = plan::no_room(job.bytes, far.free_bytes, reserve) {
        preview
            .blockers
            .push(finding("disk_full", to, message, Some(fix)));
    }
    preview.legs.push(TransferLeg {
        node: to.clone(),
        way,
        from: Some(from.clone()),
        bytes: job.bytes,
        free_bytes: far.free_bytes,
        reserve_bytes: reserve,
        reason,
    });
    Ok((preview, job))
}

/// The way from node to node; a login that fails is a blocker with the line that mends it.
async fn direct(
    ctx: &Context,
    request: &CopyRequest,
    job: &mut Copy,
    preview: &mut TransferPreview,
) -> (TransferWay, String) {
    let (path, over_fabric) = paths::path(ctx, &request.from, &request.to, true).await;
    if let Some(fault) = &path.fault {
        let fix = format!(
            "{}; or copy through the daemon (relay), which is slow",
            fault.remedy(path.target.as_ref())
        );
        let message = format!(
            "{} cannot log in to {}: {}",
            request.from,
            request.to,
            fault.sentence()
        );
        preview
            .blockers
            .push(finding(fault.code(), &request.from, message, Some(fix)));
    } else if path.target.is_none() {
        let message = format!(
            "{} or {} does not tell its addresses",
            request.from, request.to
        );
        preview
            .blockers
            .push(finding("unreachable", &request.to, message, None));
    }
    let address = path
        .target
        .as_ref()
        .map_or("?", |t| t.address.as_str())
        .to_owned();
    job.target = path.target;
    if over_fabric {
        return (
            TransferWay::Fabric,
            format!("over the fabric, to {address}"),
        );
    }
    let message =
        "no fabric joins the two nodes, so the copy goes over the ordinary network".to_owned();
    preview
        .warnings
        .push(finding("no_fabric", &request.to, message, None));
    (
        TransferWay::Lan,
        format!("over the ordinary network, to {address}"),
    )
}

fn empty(request: &CopyRequest, size: u64) -> TransferPreview {
    TransferPreview {
        subject: request.repo.to_string(),
        commit: None,
        files: None,
        total_bytes: Some(size),
        legs: Vec::new(),
        blockers: Vec::new(),
        warnings: Vec::new(),
    }
}

pub(super) fn finding(code: &str, node: &NodeId, message: String, fix: Option<String>) -> Finding {
    Finding {
        code: code.to_owned(),
        node: Some(node.clone()),
        message,
        fix,
    }
}

/// Bytes of the model on a node, and the room there.
async fn disk(ctx: &Context, node: &NodeId, repo: &RepoId) -> Result<Seen, String> {
    let no_job = JobName::checked("none").map_err(|e| e.to_string())?;
    let command = ready(job::follow(&no_job, Some(repo)));
    let output = said(ctx, node, command, Duration::from_secs(40)).await?;
    job::read(&output)
}
