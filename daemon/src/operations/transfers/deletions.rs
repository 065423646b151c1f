//! A deletion: what the node has, and who uses it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use spark_core::transfer::delete::{self, Users};
use spark_ipc::id::{NodeId, OperationId, RepoId};
use spark_ipc::model::operation::{Operation, OperationState};
use spark_ipc::model::transfer::{DeleteOnNode, DeletePreview, DeleteState, ModelUser};
use spark_ipc::{ApiError, ErrorCode, FieldError};

use super::super::context::Context;
use super::super::job::Job;
use super::super::jobs::delete::{Delete, user_words};
use super::super::jobs::detached::ready;
use super::super::{Context as OperationsContext, Operations};
use super::{chosen, said};

impl Operations {
    /// What a deletion would remove, and what uses it; removes nothing.
    pub async fn look_at_deletion(
        &self,
        repo: RepoId,
        nodes: Vec<NodeId>,
    ) -> Result<DeletePreview, ApiError> {
        self.look(async move |ctx: OperationsContext| preview(&ctx, &repo, &nodes).await)
            .await
    }

    /// Begins a deletion; refused with `conflict` while something uses the model.
    pub async fn delete(
        &self,
        repo: RepoId,
        nodes: Vec<NodeId>,
        actor: String,
    ) -> Result<Operation, ApiError> {
        self.begin(actor, async move |ctx: OperationsContext, _id| {
            let preview = preview(&ctx, &repo, &nodes).await?;
            if let Some(error) = refusal(&preview) {
                return Err(error);
            }
            let present = preview.nodes.into_iter();
            let present = present.filter(|n| n.state == DeleteState::Present);
            Ok(Job::Delete(Delete {
                repo,
                nodes: present.map(|n| n.node).collect(),
            }))
        })
        .await
    }
}

async fn preview(
    ctx: &Context,
    repo: &RepoId,
    named: &[NodeId],
) -> Result<DeletePreview, ApiError> {
    let nodes = chosen(ctx, named)?;
    let looks = nodes.iter().map(|node| deletion(ctx, repo, node, None));
    Ok(delete::preview(repo, join_all(looks).await))
}

/// The first thing that stands in the way: in use, then not to be touched, then not known, then not there.
fn refusal(preview: &DeletePreview) -> Option<ApiError> {
    let order = [
        (DeleteState::InUse, ErrorCode::Conflict),
        (DeleteState::Refused, ErrorCode::Blocked),
        (DeleteState::Unknown, ErrorCode::Unreachable),
    ];
    for (state, code) in order {
        let these: Vec<&DeleteOnNode> = preview.nodes.iter().filter(|n| n.state == state).collect();
        if these.is_empty() {
            continue;
        }
        let words: Vec<String> = these
            .iter()
            .map(|n| format!("{}: {}", n.node, why_not(n)))
            .collect();
        let fields = these.iter().map(|n| FieldError {
            path: n.node.to_string(),
            message: why_not(n),
        });
        let message = format!("{} is not deleted: {}", preview.repo, words.join("; "));
        return Some(ApiError::new(code, message).with_fields(fields.collect()));
    }
    let present = preview
        .nodes
        .iter()
        .any(|n| n.state == DeleteState::Present);
    let absent = || {
        let message = format!("{} is on none of these nodes", preview.repo);
        ApiError::new(ErrorCode::NotFound, message)
    };
    (!present).then(absent)
}

/// Why it is not deleted there, in words.
pub(in crate::operations) fn why_not(found: &DeleteOnNode) -> String {
    let users: Vec<String> = found
        .used_by
        .iter()
        .filter(|u| u.holds())
        .map(user_words)
        .collect();
    if found.state == DeleteState::InUse && !users.is_empty() {
        return users.join(", ");
    }
    found.detail.clone().unwrap_or_default()
}

/// What a node has of a model and what uses it there; `own` is the operation that asks.
pub(in crate::operations) async fn deletion(
    ctx: &Context,
    repo: &RepoId,
    node: &NodeId,
    own: Option<&OperationId>,
) -> DeleteOnNode {
    let output = said(
        ctx,
        node,
        ready(delete::look(repo)),
        Duration::from_secs(70),
    )
    .await;
    let look = output.and_then(|output| delete::read(&output));
    delete::on_node(node, look, users(ctx, repo, node, own))
}

fn users(ctx: &Context, repo: &RepoId, node: &NodeId, own: Option<&OperationId>) -> Users {
    let mut users = Users::default();
    for unit in ctx.view.units.borrow().iter() {
        let here = unit.ranks.iter().filter(|r| r.node == *node);
        let names: Vec<String> = here.map(|r| r.container.clone()).collect();
        if unit.repo.as_ref() == Some(repo) && !names.is_empty() {
            users.used_by.push(ModelUser::Unit {
                unit: unit.id.clone(),
            });
            users.own_containers.extend(names);
        }
    }
    for operation in ctx.view.operations.borrow().iter() {
        let works = operation.state == OperationState::Running
            && operation.subject == repo.as_str()
            && operation.nodes.contains(node)
            && Some(&operation.id) != own;
        if works {
            users.used_by.push(ModelUser::Operation {
                operation: operation.id.clone(),
            });
        }
    }
    for entry in ctx.catalog.borrow().for_repo(repo) {
        users.used_by.push(ModelUser::Recipe {
            recipe: entry.recipe.id.to_string(),
        });
    }
    let launches = Arc::clone(&ctx.launches.borrow());
    let of_it = launches
        .iter()
        .filter(|l| l.repo == *repo && l.nodes.contains(node));
    users.last_launch = of_it.map(|l| l.at).max();
    users
}
