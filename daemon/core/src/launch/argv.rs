//! The words of one rank's `docker run`.

use sha2::{Digest, Sha256};
use spark_ipc::id::{ContainerName, NodeId, OperationId, UnitId};
use spark_ipc::model::recipe::{Executor, Recipe};

use super::{Fabric, LaunchError, MASTER_PORT, NodeFacts, common_fabric};
use crate::shell::{Arg, EnvName, EnvValue, Flag, HomePath, RawArg, Remote};

/// Where the cache of Hugging Face is in every container.
const HF_HOME: &str = "/root/.cache/huggingface";

/// Caches of compiled kernels that make the second start much faster: in the home directory, in the container.
const CACHES: [(&str, &str); 3] = [
    (".cache/vllm", "/root/.cache/vllm"),
    (".cache/flashinfer", "/root/.cache/flashinfer"),
    (".triton", "/root/.triton"),
];

/// One rank's node.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'a> {
    pub node: &'a NodeId,
    pub facts: &'a NodeFacts,
}

/// Where a unit goes: its name, the operation that launches it, and its nodes by rank.
#[derive(Debug, Clone)]
pub struct Placement<'a> {
    pub unit: UnitId,
    pub launch: OperationId,
    /// Head first.
    pub ranks: Vec<Placed<'a>>,
}

/// The name of a rank's container: `sparkctl-main-r0`.
pub fn container_name(unit: &UnitId, rank: u32) -> Result<ContainerName, LaunchError> {
    let name = format!("sparkctl-{unit}-r{rank}");
    ContainerName::new(name.clone()).map_err(|_invalid| LaunchError::Name(name))
}

/// The name that clients use: the recipe's, else the repository's last part in lower case.
pub(crate) fn served_name(recipe: &Recipe) -> String {
    recipe
        .served_name
        .clone()
        .unwrap_or_else(|| recipe.repo.name().to_ascii_lowercase())
}

/// A digest over what decides how a unit behaves: the recipe and the image it ran with.
pub fn spec_digest(recipe: &Recipe, image_id: Option<&str>) -> String {
    let mut hash = Sha256::new();
    hash.update(serde_json::to_vec(recipe).unwrap_or_default());
    hash.update(image_id.unwrap_or_default());
    let digest = hash.finalize();
    let hex = |text: String, byte: &u8| text + &format!("{byte:02x}");
    digest.iter().take(16).fold(String::new(), hex)
}

/// The `docker run` of `rank`.
pub fn rank_argv(
    recipe: &Recipe,
    placement: &Placement<'_>,
    rank: u32,
) -> Result<Remote, LaunchError> {
    let index = usize::try_from(rank).unwrap_or(usize::MAX);
    let placed = placement
        .ranks
        .get(index)
        .ok_or(LaunchError::NoSuchRank(rank))?;
    let fabric = match placement.ranks.as_slice() {
        [_] => None,
        ranks => {
            let facts: Vec<&NodeFacts> = ranks.iter().map(|p| p.facts).collect();
            Some(common_fabric(&facts).ok_or(LaunchError::NoFabric)?)
        }
    };
    let run = Remote::command("docker")
        .lit("run")
        .lit("--detach")
        .opt("--name", container_name(&placement.unit, rank)?);
    let run = with_limits(run, placed.facts);
    let run = with_labels(run, recipe, placement, rank)?;
    let run = with_mounts(run, placed.facts)?;
    let run = with_environment(run, recipe, fabric.as_ref(), index)?;
    let run = run.arg(&recipe.image).lit("serve").arg(&recipe.repo);
    with_engine_flags(run, recipe, placement, fabric.as_ref(), rank)
}

fn with_limits(run: Remote, facts: &NodeFacts) -> Remote {
    let run = run
        .lit("--entrypoint=vllm")
        .lit("--gpus=all")
        .lit("--network=host")
        .lit("--ipc=host")
        .lit("--shm-size=10g")
        .lit("--ulimit=memlock=-1")
        .lit("--ulimit=stack=67108864")
        .lit("--ulimit=nofile=1048576:1048576")
        .lit("--cap-add=IPC_LOCK");
    let run = if facts.has_infiniband {
        run.lit("--device=/dev/infiniband")
    } else {
        run
    };
    run.lit("--restart=no")
        .lit("--log-opt=max-size=50m")
        .lit("--log-opt=max-file=3")
}

fn with_labels(
    run: Remote,
    recipe: &Recipe,
    placement: &Placement<'_>,
    rank: u32,
) -> Result<Remote, LaunchError> {
    let head = placement.ranks.first().ok_or(LaunchError::NoSuchRank(0))?;
    let image_id = head
        .facts
        .images
        .get(recipe.image.as_str())
        .map(|i| i.id.as_str());
    let world = placement.ranks.len();
    let labels = [
        ("unit", placement.unit.to_string()),
        ("recipe", recipe.id.to_string()),
        ("repo", recipe.repo.to_string()),
        ("rank", rank.to_string()),
        ("world", world.to_string()),
        ("launch", placement.launch.to_string()),
        ("spec", spec_digest(recipe, image_id)),
        ("served", served_name(recipe)),
        ("port", recipe.port.to_string()),
        ("head", head.node.to_string()),
    ];
    labels.iter().try_fold(run, |run, (key, value)| {
        Ok(run.opt(
            "--label",
            RawArg::checked(&format!("sparkctl.{key}={value}"))?,
        ))
    })
}

fn with_mounts(run: Remote, facts: &NodeFacts) -> Result<Remote, LaunchError> {
    // A hub folder of another name cannot be had through its parent, so it is mounted by itself.
    let (source, target) = match facts.hub.strip_suffix("/hub") {
        Some(parent) if !parent.is_empty() => (parent, HF_HOME.to_owned()),
        _ => (facts.hub.as_str(), format!("{HF_HOME}/hub")),
    };
    let run = run.opt("--volume", mount(source, &target)?);
    CACHES.iter().try_fold(run, |run, (source, target)| {
        let source = format!("{}/{source}", facts.home.trim_end_matches('/'));
        Ok(run.opt("--volume", mount(&source, target)?))
    })
}

fn mount(source: &str, target: &str) -> Result<Arg, LaunchError> {
    let colon = RawArg::checked(&format!(":{target}"))?;
    Ok(Arg::from(HomePath::checked(source)?).then(colon))
}

fn with_environment(
    run: Remote,
    recipe: &Recipe,
    fabric: Option<&Fabric>,
    rank: usize,
) -> Result<Remote, LaunchError> {
    let mut variables: Vec<(String, String)> = [
        ("HF_HOME", HF_HOME),
        ("HF_HUB_OFFLINE", "1"),
        ("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True"),
        ("NCCL_IGNORE_CPU_AFFINITY", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    variables.extend(fabric.map(|f| f.environment(rank)).unwrap_or_default());
    variables.retain(|(name, _)| !recipe.env.contains_key(name));
    variables.extend(recipe.env.iter().map(|(n, v)| (n.clone(), v.clone())));
    variables.iter().try_fold(run, |run, (name, value)| {
        let name = Arg::from(EnvName::checked(name)?);
        let value = EnvValue::checked(value)?;
        Ok(run.opt("--env", name.then(Arg::lit("=")).then(value)))
    })
}

fn with_engine_flags(
    run: Remote,
    recipe: &Recipe,
    placement: &Placement<'_>,
    fabric: Option<&Fabric>,
    rank: u32,
) -> Result<Remote, LaunchError> {
    let flags = recipe
        .flags
        .iter()
        .map(|f| Flag::checked(f))
        .collect::<Result<Vec<_>, _>>()?;
    let mut run = run
        .opt(
            "--served-model-name",
            RawArg::checked(&served_name(recipe))?,
        )
        .args(flags);
    if rank == 0 {
        run = run.lit("--host=0.0.0.0").opt("--port", recipe.port);
    }
    let Some(fabric) = fabric else {
        return Ok(run);
    };
    let world = u32::try_from(placement.ranks.len()).unwrap_or(u32::MAX);
    if !sets_parallelism(recipe) {
        run = run.opt("--tensor-parallel-size", world);
    }
    if recipe.executor == Executor::Mp {
        let head = fabric.address(0).ok_or(LaunchError::NoFabric)?;
        run = run
            .lit("--distributed-executor-backend=mp")
            .opt("--nnodes", world)
            .opt("--node-rank", rank)
            .opt("--master-addr", RawArg::checked(&head.to_string())?)
            .opt("--master-port", MASTER_PORT);
        if rank > 0 {
            run = run.lit("--headless");
        }
    }
    Ok(run)
}

/// Whether the recipe itself says how the model is spread.
fn sets_parallelism(recipe: &Recipe) -> bool {
    const NAMES: [&str; 3] = [
        "--tensor-parallel-size",
        "--pipeline-parallel-size",
        "--data-parallel-size",
    ];
    recipe
        .flags
        .iter()
        .any(|flag| NAMES.contains(&flag.split('=').next().unwrap_or_default()))
}
