//! A world to plan in: two healthy Sparks, a fabric, an image and a model, to be spoilt by each test.

use std::sync::Arc;

use spark_ipc::Time;
use spark_ipc::id::{NodeId, OperationId, RecipeId, RepoId, UnitId};
use spark_ipc::model::inventory::LastLoaded;
use spark_ipc::model::node::{
    DockerState, Freshness, GpuProcess, Identity, Link, LinkState, Node, UnifiedMemory,
};
use spark_ipc::model::unit::{Rank, Unit, UnitState};

use crate::catalog::Catalog;
use crate::inventory::{DiskModel, DiskState};
use crate::launch::{FabricLink, ImageFacts, NodeFacts, Ping, Reach};
use crate::plan::{GIB, Intent, Measured, NodeWorld, Plan, PlanSettings, Planned, World, plan};
use crate::units::OWNER;

/// MemTotal of a 128 GB Spark.
pub(crate) const TOTAL: u64 = 127_535_084 * 1024;
pub(crate) const IMAGE: &str = "eugr/spark-vllm:latest";

/// A solo and a two-node recipe for one repository, and one over Ray.
const RECIPES: &str = "
recipes:
  - {id: solo, repo: Org/Model-8B, image: 'eugr/spark-vllm:latest', flags: [--gpu-memory-utilization=0.80]}
  - {id: duo, repo: Org/Model-8B, image: 'eugr/spark-vllm:latest', nodes: 2, flags: [--gpu-memory-utilization=0.80]}
  - {id: ray, repo: Org/Model-8B, image: 'eugr/spark-vllm:latest', nodes: 2, executor: ray}
  - {id: small, repo: Org/Other, image: 'eugr/spark-vllm:latest', need_gib: 20, flags: [--kv-cache-memory-bytes=4G]}
";

pub(crate) fn now() -> Time {
    Time("2026-11-23T12:00:00Z".parse().unwrap())
}

pub(crate) fn id(n: u32) -> NodeId {
    NodeId::numbered(n)
}

pub(crate) fn operation() -> OperationId {
    OperationId::new("0193-launch-1").unwrap()
}

pub(crate) fn disk_model(repo: &str) -> DiskModel {
    DiskModel {
        repo: RepoId::new(repo).unwrap(),
        state: DiskState::Complete,
        commit: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
        revisions: 1,
        size_bytes: 16 * GIB,
        weight_bytes: 16 * GIB,
        index_bytes: None,
        incomplete_bytes: 0,
        missing: Vec::new(),
        missing_count: 0,
        markers: vec!["safetensors".to_owned()],
        adapter_base: None,
        config: None,
        quant_config: None,
        warnings: Vec::new(),
    }
}

pub(crate) fn facts(n: u8) -> NodeFacts {
    let image = ImageFacts {
        id: "sha256:aaaa".to_owned(),
        architecture: "arm64".to_owned(),
        entrypoint: "null".to_owned(),
    };
    let link = |hca: &str, interface: &str, net: u8| FabricLink {
        hca: hca.to_owned(),
        interface: interface.to_owned(),
        address: [192, 168, net, 9 + n].into(),
        prefix: 24,
        up: true,
        mtu: Some(9000),
        gid_index: Some(3),
    };
    NodeFacts {
        home: "/home/spark".to_owned(),
        hub: "/home/spark/.cache/huggingface/hub".to_owned(),
        user: "spark".to_owned(),
        uid: Some(1000),
        has_infiniband: true,
        fabric: vec![
            link("rocep1s0f1", "enp1s0f1np1", 100),
            link("roceP2p1s0f1", "enP2p1s0f1np1", 101),
        ],
        images: [(IMAGE.to_owned(), image)].into(),
        absent: Vec::new(),
        nvidia_runtime: Some(true),
        clock_s: None,
        clock_ahead_s: Some(0),
        pings: (1..=2)
            .filter(|other| *other != n)
            .map(|other| Ping {
                address: [192, 168, 100, 9 + other].into(),
                payload: 8972,
                reach: Reach::Whole,
            })
            .collect(),
    }
}

pub(crate) fn node(n: u32) -> Node {
    Node {
        id: id(n),
        name: format!("spark-{n}"),
        host: format!("192.168.1.{}", 20 + n),
        user: "spark".to_owned(),
        ssh_port: 22,
        link: Link {
            state: LinkState::Connected,
            since: now(),
            cause: None,
            message: None,
            fix: None,
            host_key: None,
            retry_in_ms: None,
        },
        freshness: Freshness::Fresh,
        observed_at: Some(now()),
        poll_ms: None,
        identity: Identity::default(),
        cpu_percent: None,
        load1: None,
        memory: Some(UnifiedMemory {
            total_bytes: TOTAL,
            available_bytes: 117 * GIB,
            ..UnifiedMemory::default()
        }),
        gpu: None,
        gpu_processes: Some(Vec::new()),
        temperatures: Vec::new(),
        disks: Vec::new(),
        interfaces: Vec::new(),
        fabric: Vec::new(),
        gids: Vec::new(),
        kernel: Vec::new(),
        docker: Some(DockerState::Ok),
        containers: Vec::new(),
        listening_ports: vec![22],
        warnings: Vec::new(),
        stale: Vec::new(),
        history: Vec::new(),
    }
}

/// Two idle nodes with everything in place.
pub(crate) fn world() -> World {
    let node_world = |n: u32| NodeWorld {
        node: node(n),
        models: Some(vec![disk_model("Org/Model-8B"), disk_model("Org/Other")]),
        facts: Some(facts(u8::try_from(n).unwrap())),
        best_idle_bytes: Some(117 * GIB),
    };
    let catalog = Catalog::load(RECIPES, None, None);
    assert_eq!(catalog.errors(), &[] as &[String]);
    World {
        nodes: vec![node_world(1), node_world(2)],
        catalog: Arc::new(catalog),
        ..World::default()
    }
}

/// Puts a running unit of ours with `bytes` of GPU memory a rank on `nodes`.
pub(crate) fn run_unit(world: &mut World, name: &str, nodes: &[u32], bytes: u64) {
    let mut ranks = Vec::new();
    for (rank, n) in (0u32..).zip(nodes) {
        let container = format!("sparkctl-{name}-r{rank}");
        let there = world
            .nodes
            .iter_mut()
            .find(|w| w.node.id == id(*n))
            .unwrap();
        there.node.memory.as_mut().unwrap().available_bytes -= bytes;
        there.node.gpu_processes.as_mut().unwrap().push(GpuProcess {
            pid: 4910,
            name: "VLLM::EngineCore".to_owned(),
            memory_bytes: Some(bytes),
            container: Some(container.clone()),
            orphan: false,
        });
        ranks.push(Rank {
            node: id(*n),
            rank,
            container,
            container_id: format!("id-{name}-{rank}"),
            image: IMAGE.to_owned(),
            state: "running".to_owned(),
            exit_code: None,
            started_at: Some(now()),
        });
    }
    let head = world
        .nodes
        .iter_mut()
        .find(|w| w.node.id == id(nodes[0]))
        .unwrap();
    head.node.listening_ports.push(8000);
    let endpoint = format!("http://{}:8000", head.node.host);
    world.units.push(Unit {
        id: UnitId::new(name).unwrap(),
        state: UnitState::Ready,
        owner: OWNER.to_owned(),
        adopted: false,
        repo: Some(RepoId::new("Org/Other").unwrap()),
        recipe: None,
        served_name: Some("other".to_owned()),
        endpoint: Some(endpoint),
        ranks,
        launch: Some(OperationId::new("0192-launch-0").unwrap()),
        started_at: Some(now()),
        ready_at: Some(now()),
        memory_bytes: Some(bytes * nodes.len() as u64),
        message: None,
        deep: None,
    });
}

pub(crate) fn intent(recipe: &str) -> Intent {
    let repo = if recipe == "small" {
        "Org/Other"
    } else {
        "Org/Model-8B"
    };
    Intent {
        repo: RepoId::new(repo).unwrap(),
        recipe: Some(RecipeId::new(recipe).unwrap()),
        nodes: None,
        keep: false,
        allow: Vec::new(),
    }
}

pub(crate) fn planned(intent: &Intent, world: &World) -> Planned {
    plan(intent, world, &PlanSettings::default(), now(), operation())
}

/// The plan; fails with the blockers where there is none.
pub(crate) fn plan_of(intent: &Intent, world: &World) -> Plan {
    let planned = planned(intent, world);
    let blockers = format!("{:#?}", planned.blockers);
    planned.plan.expect(&blockers)
}

/// Codes of the blockers.
pub(crate) fn codes(intent: &Intent, world: &World) -> Vec<String> {
    let planned = planned(intent, world);
    assert!(
        planned.blockers.is_empty() == planned.plan.is_some(),
        "a plan, or blockers"
    );
    planned.blockers.into_iter().map(|b| b.code).collect()
}

pub(crate) fn measured(repo: &str, recipe: &str, load_s: f64, memory: Option<u64>) -> Measured {
    Measured {
        repo: RepoId::new(repo).unwrap(),
        launch: LastLoaded {
            at: now(),
            load_s,
            memory_bytes: memory,
            recipe: RecipeId::new(recipe).unwrap(),
        },
    }
}
