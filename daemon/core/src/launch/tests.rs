//! The exact commands, and that they mean what they show.

use proptest::prelude::*;
use spark_ipc::id::{OperationId, UnitId};
use spark_ipc::model::recipe::{Executor, Recipe};

use super::*;
use crate::plan::tests::world::{facts, id, intent, plan_of, world};

fn recipe(nodes: u32) -> Recipe {
    let text = format!(
        "recipes: [{{id: r, repo: Qwen/Qwen3-0.6B, image: 'eugr/spark-vllm:latest', nodes: {nodes}, \
         flags: [--max-model-len=32768], env: {{A: 'b c'}}}}]"
    );
    crate::catalog::Catalog::load(&text, None, None).entries()[0]
        .recipe
        .clone()
}

fn argv(recipe: &Recipe, nodes: &[&NodeFacts], rank: u32) -> Result<Vec<String>, LaunchError> {
    let ids: Vec<_> = (1..).take(nodes.len()).map(id).collect();
    let ranks = ids
        .iter()
        .zip(nodes)
        .map(|(node, facts)| Placed { node, facts })
        .collect();
    let unit = UnitId::new("main").unwrap();
    let launch = OperationId::new("0193-launch-1").unwrap();
    let remote = rank_argv(
        recipe,
        &Placement {
            unit,
            launch,
            ranks,
        },
        rank,
    )?;
    verify_round_trip(&remote)?;
    Ok(remote.argv())
}

#[test]
fn the_solo_command_is_exactly_this() {
    let words = argv(&recipe(1), &[&facts(1)], 0).unwrap();
    let spec = words
        .iter()
        .find(|w| w.starts_with("--label=sparkctl.spec="))
        .unwrap()
        .clone();
    assert_eq!(spec.len(), "--label=sparkctl.spec=".len() + 32);
    let expected = "docker run --detach --name=sparkctl-main-r0 --entrypoint=vllm --gpus=all --network=host \
        --ipc=host --shm-size=10g --ulimit=memlock=-1 --ulimit=stack=67108864 --ulimit=nofile=1048576:1048576 \
        --cap-add=IPC_LOCK --device=/dev/infiniband --restart=no --log-opt=max-size=50m --log-opt=max-file=3 \
        --label=sparkctl.unit=main --label=sparkctl.recipe=r --label=sparkctl.repo=Qwen/Qwen3-0.6B \
        --label=sparkctl.rank=0 --label=sparkctl.world=1 --label=sparkctl.launch=0193-launch-1 SPEC \
        --label=sparkctl.served=qwen3-0.6b --label=sparkctl.port=8000 --label=sparkctl.head=spark1 \
        --volume=/home/spark/.cache/huggingface:/root/.cache/huggingface \
        --volume=/home/spark/.cache/vllm:/root/.cache/vllm \
        --volume=/home/spark/.cache/flashinfer:/root/.cache/flashinfer \
        --volume=/home/spark/.triton:/root/.triton --env=HF_HOME=/root/.cache/huggingface \
        --env=HF_HUB_OFFLINE=1 --env=PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True \
        --env=NCCL_IGNORE_CPU_AFFINITY=1 '--env=A=b c' eugr/spark-vllm:latest serve Qwen/Qwen3-0.6B \
        --served-model-name=qwen3-0.6b --max-model-len=32768 --host=0.0.0.0 --port=8000";
    assert_eq!(
        words,
        shlex::split(&expected.replace("SPEC", &spec)).unwrap()
    );
}

#[test]
fn ranks_differ_only_where_they_must() {
    let nodes = [&facts(1), &facts(2)];
    let head = argv(&recipe(2), &nodes, 0).unwrap();
    let worker = argv(&recipe(2), &nodes, 1).unwrap();
    let only = |a: &[String], b: &[String]| -> Vec<String> {
        a.iter().filter(|w| !b.contains(w)).cloned().collect()
    };
    assert_eq!(
        only(&worker, &head),
        [
            "--name=sparkctl-main-r1",
            "--label=sparkctl.rank=1",
            "--env=VLLM_HOST_IP=192.168.100.11",
            "--node-rank=1",
            "--headless"
        ]
    );
    assert_eq!(
        only(&head, &worker),
        [
            "--name=sparkctl-main-r0",
            "--label=sparkctl.rank=0",
            "--env=VLLM_HOST_IP=192.168.100.10",
            "--host=0.0.0.0",
            "--port=8000",
            "--node-rank=0"
        ]
    );
    for word in [
        "--tensor-parallel-size=2",
        "--distributed-executor-backend=mp",
        "--nnodes=2",
        "--master-addr=192.168.100.10",
        "--master-port=29501",
        "--env=NCCL_IB_HCA=rocep1s0f1,roceP2p1s0f1",
        "--env=NCCL_SOCKET_IFNAME=enp1s0f1np1",
        "--env=NCCL_IB_GID_INDEX=3",
    ] {
        assert!(
            head.contains(&word.to_owned()) && worker.contains(&word.to_owned()),
            "{word}"
        );
    }
}

#[test]
fn an_unresolved_gid_and_a_missing_device_are_left_out() {
    let mut bare = facts(1);
    bare.has_infiniband = false;
    bare.fabric[0].gid_index = None;
    let words = argv(&recipe(2), &[&bare, &facts(2)], 0).unwrap();
    assert!(
        !words
            .iter()
            .any(|w| w.contains("GID_INDEX") || w.starts_with("--device"))
    );
}

#[test]
fn the_recipe_can_spread_the_model_and_change_the_environment_itself() {
    let mut own = recipe(2);
    own.flags = vec!["--pipeline-parallel-size=2".to_owned()];
    own.env.insert("NCCL_DEBUG".to_owned(), "INFO".to_owned());
    let words = argv(&own, &[&facts(1), &facts(2)], 0).unwrap();
    assert!(
        !words
            .iter()
            .any(|w| w.starts_with("--tensor-parallel-size"))
    );
    let debug: Vec<_> = words
        .iter()
        .filter(|w| w.starts_with("--env=NCCL_DEBUG="))
        .collect();
    assert_eq!(debug, ["--env=NCCL_DEBUG=INFO"]);
}

#[test]
fn a_cache_of_another_name_is_mounted_by_itself() {
    let mut moved = facts(1);
    moved.hub = "/data/models".to_owned();
    let words = argv(&recipe(1), &[&moved], 0).unwrap();
    assert!(words.contains(&"--volume=/data/models:/root/.cache/huggingface/hub".to_owned()));
}

#[test]
fn what_cannot_be_said_safely_is_not_said() {
    let mut moved = facts(1);
    moved.hub = "/data/$(id)/hub".to_owned();
    assert!(matches!(
        argv(&recipe(1), &[&moved], 0),
        Err(LaunchError::Word(_))
    ));
    let mut flagged = recipe(1);
    flagged.flags.push("--a\nb".to_owned());
    assert!(matches!(
        argv(&flagged, &[&facts(1)], 0),
        Err(LaunchError::Word(_))
    ));
    assert_eq!(
        argv(&recipe(1), &[&facts(1)], 3),
        Err(LaunchError::NoSuchRank(3))
    );
    let mut alone = facts(2);
    alone.fabric.clear();
    assert_eq!(
        argv(&recipe(2), &[&facts(1), &alone], 0),
        Err(LaunchError::NoFabric)
    );
}

#[test]
fn the_rank_of_a_plan_is_rebuilt_to_the_same_words() {
    let plan = plan_of(&intent("duo"), &world());
    for rank in &plan.launch.unwrap().ranks {
        let again = DockerRun::try_from(rank.run.argv()).unwrap();
        assert_eq!(again.remote(), rank.run.remote());
    }
}

#[test]
fn facts_are_read_and_nonsense_is_warned_of() {
    let output = "home\t/home/u\nuser\tu\t1000\t1000\nhub\t~/models/hub/\nclock\t1795000000\ninfiniband\tyes\n\
        fabric\troceP2p1s0f1\tenP2p1s0f1np1\t192.168.101.10/24\t4: ACTIVE\tup\t9000\t3\n\
        fabric\trocep1s0f1\tenp1s0f1np1\t192.168.100.10/24\t4: ACTIVE\tup\t9000\t3\n\
        fabric\trocep1s0f0\tenp1s0f0np0\t192.168.102.10/24\t1: DOWN\tdown\t1500\t\n\
        fabric\tbad name\tx\t1.2.3.4/24\t4: ACTIVE\tup\t\t\n\
        runtime\tnvidia\nimage\tvllm-node\tsha256:abc arm64 [\"/bin/bash\"]\nabsent\tother:tag\n\
        \u{1b}[31mnonsense\nend\n";
    let (facts, warnings) = read_facts(output);
    assert_eq!(facts.hub, "/home/u/models/hub");
    assert_eq!(
        (facts.uid, facts.has_infiniband, facts.nvidia_runtime),
        (Some(1000), true, Some(true))
    );
    let up: Vec<bool> = facts.fabric.iter().map(|l| l.up).collect();
    assert_eq!(up, [true, false, true]);
    assert_eq!(facts.fabric[0].hca, "rocep1s0f1");
    assert_eq!(
        (facts.fabric[0].gid_index, facts.fabric[1].gid_index),
        (Some(3), None)
    );
    assert_eq!(facts.images["vllm-node"].architecture, "arm64");
    assert_eq!(facts.absent, ["other:tag"]);
    assert_eq!(warnings.len(), 2);
    assert!(warnings[1].contains("nonsense") && !warnings[1].contains('\u{1b}'));
    assert_eq!(read_facts("home\t/h\n").1, ["facts: the answer was cut"]);
}

#[test]
fn ray_has_no_flags_of_the_other_engine() {
    let mut ray = recipe(2);
    ray.executor = Executor::Ray;
    let words = argv(&ray, &[&facts(1), &facts(2)], 1).unwrap();
    assert!(
        !words
            .iter()
            .any(|w| w.starts_with("--nnodes") || w == "--headless")
    );
}

proptest! {
    /// Whatever flags, variables and names the grammar lets through, the shown command splits back to its words.
    #[test]
    fn commands_split_back_to_their_words(
        value in "[^\\p{Cc}]{0,40}", variable in "[^\\p{Cc}]{0,40}", name in "[A-Za-z0-9][A-Za-z0-9._:/-]{0,20}", two in any::<bool>()
    ) {
        let mut recipe = recipe(if two { 2 } else { 1 });
        recipe.flags = vec![format!("--hf-overrides={value}")];
        recipe.env.insert("X".to_owned(), variable);
        recipe.served_name = Some(name);
        let nodes = [&facts(1), &facts(2)];
        let words = argv(&recipe, &nodes[..if two { 2 } else { 1 }], 0);
        let words = words.unwrap();
        let flag = format!("--hf-overrides={value}");
        prop_assert!(words.contains(&flag));
        let stored = DockerRun::try_from(words.clone()).unwrap();
        prop_assert_eq!(stored.argv(), words);
    }
}
