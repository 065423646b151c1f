//! Jobs at the manager: planned beside it, admitted by it, one after the other.

use spark_ipc::ApiError;
use spark_ipc::model::operation::Operation;

use super::super::job::{Job, JobRun};
use super::super::{JobAdmission, Planner, Reply, Request};
use super::{Manager, answer, busy, internal, new_id, new_operation, send};

impl Manager {
    /// Plans beside the manager: a slow node delays no answer about another.
    pub(super) fn plan_job(&self, planner: Planner, actor: String, reply: Reply<Operation>) {
        let (ctx, manager) = (self.ctx.clone(), self.seat.sender.clone());
        self.ctx.tasks.spawn("plan a job", async move {
            let id = new_id();
            match planner.0(ctx, id.clone()).await {
                Err(error) => answer(reply, Err(error)),
                Ok(job) => {
                    let admission = JobAdmission {
                        job,
                        id,
                        actor,
                        reply,
                    };
                    send(&manager, Request::AdmitJob(Box::new(admission))).await;
                }
            }
        });
    }

    /// Decides whether a job may begin, and begins it.
    pub(super) async fn admit_job(&mut self, admission: JobAdmission) {
        let JobAdmission {
            job,
            id,
            actor,
            reply,
        } = admission;
        if let Some(holder) = self.holder(job.kind(), &job.nodes()) {
            return answer(reply, Err(busy(&holder.operation)));
        }
        let operation = Operation {
            nodes: job.nodes(),
            steps: job.view_steps(),
            ..new_operation(id, job.kind(), job.subject(), actor)
        };
        answer(reply, self.begin_job(operation, job).await);
    }

    async fn begin_job(&mut self, operation: Operation, job: Job) -> Result<Operation, ApiError> {
        let text = serde_json::to_string(&job).map_err(|e| internal(&e))?;
        self.write_begin(&operation, text).await?;
        let (record, cancel) = self.enlist(operation.clone());
        let run = JobRun {
            ctx: self.ctx.clone(),
            record,
            cancel,
        };
        self.ctx.tasks.spawn("operation", run.execute(job));
        Ok(operation)
    }
}
