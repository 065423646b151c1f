//! `download`: a model from the Hub to the disks.

use spark_ipc::model::transfer::DownloadRequest;

use super::context::Context;
use super::failure::Failure;
use super::transfer::{Act, send};
use crate::args::Download;
use crate::exit::Exit;

pub(super) async fn run(context: &mut Context, args: Download) -> Result<Exit, Failure> {
    let act = Act {
        dry_run: args.dry_run,
        no_wait: args.no_wait,
        timeout: args.timeout,
    };
    let request = DownloadRequest {
        repo: args.repo,
        revision: args.revision,
        nodes: args.nodes,
        include: args.include,
        exclude: args.exclude,
        verify: args.verify,
        dry_run: args.dry_run,
    };
    send(context, "/api/downloads", &request, act).await
}
