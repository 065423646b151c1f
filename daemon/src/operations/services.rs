//! Starts, stops and restarts of services: the nodes are looked at, the core plans, a job is made of it.

use std::time::Duration;

use spark_core::launch::{self, NodeFacts};
use spark_core::services::{
    Entry, Placed, ServiceNode, ServiceWorld, StartPlan, StopPlan, choose_node, plan_start,
    plan_stop,
};
use spark_core::shell::{EnvName, EnvValue, Remote};
use spark_core::units::ContainerFacts;
use spark_ipc::id::{NodeId, OperationId, ServiceName};
use spark_ipc::model::node::Node;
use spark_ipc::model::operation::Operation;
use spark_ipc::model::preflight::Finding;
use spark_ipc::model::service::ServiceProfiles;
use spark_ipc::text::clean_text;
use spark_ipc::{ApiError, ErrorCode};

use super::Operations;
use super::context::{self, Context};
use super::hands::{self, Done};
use super::job::Job;
use super::jobs::service::{Act, ServiceJob};
use super::transfers::blocked;
use crate::clock;
use crate::services::unknown;

/// How long a node may take to be read afresh.
const LOOK: Duration = Duration::from_secs(8);

impl Operations {
    /// Starts a service where it is asked to, else where its entry says, else where most memory is free.
    pub async fn start_service(
        &self,
        name: ServiceName,
        node: Option<NodeId>,
        actor: String,
    ) -> Result<Operation, ApiError> {
        self.begin(actor, async move |ctx: Context, id: OperationId| {
            let look = Look::take(&ctx, &name).await?;
            let start = look.start(&ctx, node.as_ref(), false, &id).await?;
            Ok(Job::Service(ServiceJob {
                act: Act::Start,
                stop: None,
                start: Some(start),
            }))
        })
        .await
    }

    /// Stops a service and removes its container.
    pub async fn stop_service(
        &self,
        name: ServiceName,
        actor: String,
    ) -> Result<Operation, ApiError> {
        self.begin(actor, async move |ctx: Context, _id: OperationId| {
            let look = Look::take(&ctx, &name).await?;
            let stop = look.stop().ok_or_else(|| not_running(&name))?;
            Ok(Job::Service(ServiceJob {
                act: Act::Stop,
                stop: Some(stop),
                start: None,
            }))
        })
        .await
    }

    /// Stops a service and starts it with its entry as it is now; one that does not run is started.
    pub async fn restart_service(
        &self,
        name: ServiceName,
        node: Option<NodeId>,
        actor: String,
    ) -> Result<Operation, ApiError> {
        self.begin(actor, async move |ctx: Context, id: OperationId| {
            let look = Look::take(&ctx, &name).await?;
            let stop = look.stop();
            // It stays where it runs, unless it is told to move.
            let place = node.or_else(|| stop.as_ref().map(|s| s.node.clone()));
            let start = look.start(&ctx, place.as_ref(), true, &id).await?;
            Ok(Job::Service(ServiceJob {
                act: Act::Restart,
                stop,
                start: Some(start),
            }))
        })
        .await
    }
}

/// How long a NIM may take to list its profiles.
const PROFILES_S: u64 = 25;

impl Operations {
    /// What `list-model-profiles` of a NIM's image says on a node: which profiles suit its GPU. The image must be
    /// there; the container is gone afterwards.
    pub async fn service_profiles(
        &self,
        name: ServiceName,
        node: Option<NodeId>,
    ) -> Result<ServiceProfiles, ApiError> {
        self.look(move |ctx: Context| async move {
            let look = Look::take(&ctx, &name).await?;
            let spec = &look.entry.spec;
            if !spec.nim {
                let message = format!("{name} is no NIM, so it has no profiles");
                return Err(ApiError::new(ErrorCode::Unsupported, message));
            }
            let place = choose_node(spec, node.as_ref(), &look.nodes).map_err(|f| refusal(&[f]))?;
            let mut command = Remote::command("docker")
                .lit("run")
                .lit("--rm")
                .lit("--pull=never")
                .lit("--gpus=all")
                .lit("--env=NGC_API_KEY")
                .arg(&spec.image)
                .lit("list-model-profiles");
            if let Some(key) = ctx.secret("NGC_API_KEY")
                && let (Ok(name), Ok(value)) = (
                    EnvName::checked("NGC_API_KEY"),
                    EnvValue::checked(key.expose()),
                )
            {
                command = command.secret(name, value);
            }
            match hands::exec(&ctx, &place.id, Ok(command), PROFILES_S).await {
                Done::Ok(text) => Ok(ServiceProfiles {
                    node: place.id.clone(),
                    text: clean_text(&text),
                }),
                Done::Refused { stderr, .. } => Err(ApiError::new(ErrorCode::Blocked, stderr)
                    .with_hint("start the service once, so that its image is pulled")),
                Done::Unknown(why) => Err(ApiError::new(ErrorCode::Unreachable, why)),
            }
        })
        .await
    }
}

/// What the planner looks at, taken afresh.
struct Look {
    entry: Entry,
    nodes: Vec<Node>,
    containers: std::collections::BTreeMap<NodeId, Vec<ContainerFacts>>,
}

impl Look {
    async fn take(ctx: &Context, name: &ServiceName) -> Result<Self, ApiError> {
        let catalog = ctx.services.catalog();
        let entry = catalog.get(name).ok_or_else(|| unknown(name, &catalog))?;
        let known = ctx.units.refresh().await;
        Ok(Self {
            entry: entry.clone(),
            nodes: Vec::clone(&ctx.view.nodes.borrow()),
            containers: known.containers.as_ref().clone(),
        })
    }

    fn place<'a>(&'a self, node: &'a Node) -> ServiceNode<'a> {
        ServiceNode {
            node: &node.id,
            host: &node.host,
            containers: self.containers.get(&node.id).map(Vec::as_slice),
            gpu_processes: node.gpu_processes.as_deref().unwrap_or_default(),
        }
    }

    fn stop(&self) -> Option<StopPlan> {
        let places: Vec<ServiceNode<'_>> = self.nodes.iter().map(|n| self.place(n)).collect();
        plan_stop(&self.entry.spec.name, &places)
    }

    async fn start(
        &self,
        ctx: &Context,
        asked: Option<&NodeId>,
        restart: bool,
        id: &OperationId,
    ) -> Result<StartPlan, ApiError> {
        let spec = &self.entry.spec;
        let chosen =
            choose_node(spec, asked, &self.nodes).map_err(|finding| refusal(&[finding]))?;
        // Ports and memory as they are now, not as the last poll had them.
        let fresh = context::fresh(ctx, &chosen.id, clock::now(), LOOK).await;
        let node = fresh.as_ref().unwrap_or(chosen);
        let facts = facts(ctx, &self.entry, &node.id)
            .await
            .unwrap_or_else(|why| {
                tracing::warn!(node = %node.id, why, "the facts of a node cannot be read");
                None
            });
        let unread = NodeFacts::default();
        let placed = Placed {
            node: self.place(node),
            view: node,
            facts: facts.as_ref().unwrap_or(&unread),
        };
        let services = ctx.services.list().borrow().clone();
        let units = ctx.view.units.borrow().clone();
        let secrets = ctx.secrets();
        let world = ServiceWorld {
            services: &services,
            units: &units,
            secrets: &secrets,
        };
        let plan =
            plan_start(spec, &placed, &world, restart, id).map_err(|found| refusal(&found))?;
        if facts.is_none() {
            let message = format!("{} did not say what is on it", node.id);
            return Err(
                ApiError::new(ErrorCode::Unreachable, message).with_hint("try again in a moment")
            );
        }
        Ok(plan)
    }
}

/// The facts of a node with those of the service's image; `None` when it does not answer.
async fn facts(ctx: &Context, entry: &Entry, node: &NodeId) -> Result<Option<NodeFacts>, String> {
    let command = launch::facts_command(std::slice::from_ref(&entry.spec.image));
    match hands::exec(ctx, node, Ok(command), 12).await {
        Done::Ok(output) => {
            let (facts, warnings) = launch::read_facts(&output);
            for warning in warnings {
                tracing::warn!(%node, ?warning, "a fact cannot be read");
            }
            Ok((!facts.home.is_empty()).then_some(facts))
        }
        Done::Refused { stderr, .. } => Err(stderr),
        Done::Unknown(_) => Ok(None),
    }
}

fn refusal(found: &[Finding]) -> ApiError {
    let conflict = found.first().is_some_and(|f| f.code == "already_running");
    let missing = found
        .first()
        .is_some_and(|f| f.code.starts_with("unknown_"));
    let mut error = blocked(found)
        .unwrap_or_else(|| ApiError::new(ErrorCode::Blocked, "it cannot be started now"));
    if missing {
        error.code = ErrorCode::NotFound;
    } else if conflict {
        error.code = ErrorCode::Conflict;
    }
    error
}

fn not_running(name: &ServiceName) -> ApiError {
    ApiError::new(
        ErrorCode::Conflict,
        format!("{name} has no container, so there is nothing to stop"),
    )
    .with_hint("GET /api/services says what runs")
}
