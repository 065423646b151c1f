//! A verification: where the model is, and that nothing uses it where damaged files are to go.

use futures_util::future::join_all;
use spark_ipc::model::operation::Operation;
use spark_ipc::model::transfer::{DeleteOnNode, DeleteState, VerifyRequest};
use spark_ipc::{ApiError, ErrorCode};

use super::super::job::Job;
use super::super::jobs::verification::Verification;
use super::super::{Context as OperationsContext, Operations};
use super::{chosen, deletion, why_not};

impl Operations {
    /// Begins to compare a model with the Hub's checksums. With `repair`, refused with `conflict` while something
    /// uses it.
    pub async fn verify(
        &self,
        request: VerifyRequest,
        actor: String,
    ) -> Result<Operation, ApiError> {
        self.begin(actor, async move |ctx: OperationsContext, _id| {
            let nodes = chosen(&ctx, &request.nodes)?;
            let looks = nodes.iter().map(|n| deletion(&ctx, &request.repo, n, None));
            let found = join_all(looks).await;
            for node in &found {
                refused(&request, node).map_or(Ok(()), Err)?;
            }
            let there = found.into_iter().filter(|n| n.state != DeleteState::Absent);
            let nodes: Vec<_> = there.map(|n| n.node).collect();
            if nodes.is_empty() {
                let message = format!("{} is on none of these nodes", request.repo);
                return Err(ApiError::new(ErrorCode::NotFound, message));
            }
            Ok(Job::Verify(Verification {
                repo: request.repo,
                nodes,
                repair: request.repair,
            }))
        })
        .await
    }
}

fn refused(request: &VerifyRequest, found: &DeleteOnNode) -> Option<ApiError> {
    let code = match found.state {
        DeleteState::Unknown => ErrorCode::Unreachable,
        DeleteState::InUse if request.repair => ErrorCode::Conflict,
        DeleteState::Refused if request.repair => ErrorCode::Blocked,
        DeleteState::Absent if !request.nodes.is_empty() => ErrorCode::NotFound,
        _ => return None,
    };
    let message = format!(
        "{} is not verified on {}: {}",
        request.repo,
        found.node,
        why_not(found)
    );
    Some(ApiError::new(code, message))
}
