//! `copy`: a model from one node to another.

use spark_ipc::model::inventory::ModelList;
use spark_ipc::model::transfer::CopyRequest;

use super::context::Context;
use super::failure::Failure;
use super::pick;
use super::transfer::{Act, send};
use crate::args::Copy;
use crate::exit::Exit;

pub(super) async fn run(context: &mut Context, args: Copy) -> Result<Exit, Failure> {
    let list: ModelList = context.client.get("/api/models").await?;
    let act = Act {
        dry_run: args.dry_run,
        no_wait: args.no_wait,
        timeout: args.timeout,
    };
    let request = CopyRequest {
        repo: pick::model(&list.models, &args.model)?.repo.clone(),
        from: args.from,
        to: args.to,
        relay: args.relay,
        dry_run: args.dry_run,
    };
    send(context, "/api/copies", &request, act).await
}
