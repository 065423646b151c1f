//! A download: the manifest of every node, the way between them, and the room.

use std::time::Duration;

use futures_util::future::join_all;
use spark_core::transfer::plan::{self, NodeLook, Planned};
use spark_core::transfer::{Selection, manifest};
use spark_ipc::id::NodeId;
use spark_ipc::model::operation::Operation;
use spark_ipc::model::transfer::{DownloadRequest, TransferPreview};
use spark_ipc::{ApiError, ErrorCode, FieldError};

use super::super::context::Context;
use super::super::job::Job;
use super::super::jobs::download::{Download, access};
use super::super::run::Halt;
use super::super::{Context as OperationsContext, Operations};
use super::{blocked, chosen, paths, said};

impl Operations {
    /// What a download would bring, and what stands in its way; writes nothing.
    pub async fn look_at_download(
        &self,
        request: DownloadRequest,
    ) -> Result<TransferPreview, ApiError> {
        let what = selection(&request)?;
        self.look(async move |ctx: OperationsContext| {
            let planned = plan(&ctx, &what, &request.nodes).await?;
            Ok(planned.preview)
        })
        .await
    }

    /// Begins a download.
    pub async fn download(
        &self,
        request: DownloadRequest,
        actor: String,
    ) -> Result<Operation, ApiError> {
        let what = selection(&request)?;
        self.begin(actor, async move |ctx: OperationsContext, _id| {
            let planned = plan(&ctx, &what, &request.nodes).await?;
            match blocked(&planned.preview.blockers) {
                Some(error) => Err(error),
                None => Ok(Job::Download(Download {
                    what,
                    legs: planned.legs,
                    verify: request.verify,
                })),
            }
        })
        .await
    }
}

fn selection(request: &DownloadRequest) -> Result<Selection, ApiError> {
    let checked = Selection::checked(
        request.repo.clone(),
        request.revision.as_deref(),
        &request.include,
        &request.exclude,
    );
    checked.map_err(|(path, error)| {
        let field = FieldError {
            path: path.clone(),
            message: error.to_string(),
        };
        ApiError::new(ErrorCode::Invalid, format!("{path}: {error}")).with_fields(vec![field])
    })
}

async fn plan(ctx: &Context, what: &Selection, named: &[NodeId]) -> Result<Planned, ApiError> {
    let nodes = chosen(ctx, named)?;
    let looks = join_all(nodes.iter().map(|node| look(ctx, what, node))).await;
    let source = plan::source(&looks).map(|(node, _)| node.clone());
    let mut ways = Vec::new();
    if let Some(source) = source {
        let others = nodes.iter().filter(|node| **node != source);
        let found = join_all(others.map(|to| paths::path(ctx, &source, to, false))).await;
        ways.extend(found.into_iter().map(|(path, _)| path));
    }
    let reserve = ctx.disk_reserve_bytes.get();
    Ok(plan::download(what.repo.as_str(), &looks, &ways, reserve))
}

async fn look(ctx: &Context, what: &Selection, node: &NodeId) -> NodeLook {
    let manifest = match access(ctx, node) {
        Ok(access) => {
            let command = manifest::command(what, &access);
            let output = said(ctx, node, command, Duration::from_secs(190)).await;
            output.and_then(|output| manifest::read(&output))
        }
        Err(Halt::Failed { error, .. }) => Err(error),
        Err(Halt::Cancelled | Halt::ShutDown) => Err("the daemon is shutting down".to_owned()),
    };
    NodeLook {
        node: node.clone(),
        manifest,
    }
}
