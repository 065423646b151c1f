//! Units as Docker's own words tell them.

use serde_json::json;
use spark_ipc::Time;

use super::*;
use crate::plan::tests::world::{id, now};

/// `docker inspect` of one of our ranks.
fn ours(rank: u32, world: u32, state: &serde_json::Value) -> serde_json::Value {
    json!({
        "Id": format!("3f1c{rank}"), "Name": format!("/sparkctl-main-r{rank}"), "Image": "sha256:aaaa",
        "Path": "vllm", "Args": ["serve", "Qwen/Qwen3-0.6B"],
        "State": state,
        "Config": {"Image": "eugr/spark-vllm:latest", "Labels": {
            "sparkctl.unit": "main", "sparkctl.recipe": "qwen3-0.6b", "sparkctl.repo": "Qwen/Qwen3-0.6B",
            "sparkctl.rank": rank.to_string(), "sparkctl.world": world.to_string(),
            "sparkctl.launch": "0193-launch-1", "sparkctl.served": "qwen3-0.6b", "sparkctl.port": "8000",
            "sparkctl.head": "spark1", "org.opencontainers.image.title": "dropped"}},
    })
}

fn running() -> serde_json::Value {
    json!({"Status": "running", "ExitCode": 0, "OOMKilled": false, "Error": "", "Pid": 4242,
        "StartedAt": "2026-11-23T12:00:00.5Z", "FinishedAt": "0001-01-01T00:00:00Z"})
}

fn exited(code: i32) -> serde_json::Value {
    json!({"Status": "exited", "ExitCode": code, "OOMKilled": false, "Error": "", "Pid": 0,
        "StartedAt": "2026-11-23T12:00:00Z", "FinishedAt": "2026-11-23T12:01:00Z"})
}

fn facts_of(entries: &[serde_json::Value]) -> Vec<ContainerFacts> {
    let (containers, warnings) = read(&json!(entries).to_string()).unwrap();
    assert_eq!(warnings, [] as [String; 0]);
    containers
}

/// The units of two nodes; `None` is a node that cannot be reached.
fn units(
    first: Option<&[ContainerFacts]>,
    second: Option<&[ContainerFacts]>,
    previous: &[Unit],
) -> Vec<Unit> {
    let (one, two) = (id(1), id(2));
    let process = GpuProcess {
        pid: 1,
        name: "VLLM::EngineCore".into(),
        memory_bytes: Some(7),
        container: Some("sparkctl-main-r0".into()),
        orphan: false,
    };
    let node = |node, host, containers, gpu_processes| NodeContainers {
        node,
        host,
        containers,
        gpu_processes,
    };
    from_containers(
        &[
            node(&one, "192.168.1.21", first, &[process]),
            node(&two, "fe80::2", second, &[]),
        ],
        previous,
    )
}

#[test]
fn the_ranks_of_one_launch_are_one_unit() {
    let head = facts_of(&[ours(0, 2, &running())]);
    let worker = facts_of(&[ours(1, 2, &running())]);
    let found = units(Some(&head), Some(&worker), &[]);
    let [unit] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(
        (unit.id.as_str(), unit.state, unit.owner.as_str()),
        ("main", UnitState::Loading, OWNER)
    );
    assert_eq!(unit.endpoint.as_deref(), Some("http://192.168.1.21:8000"));
    assert_eq!(unit.served_name.as_deref(), Some("qwen3-0.6b"));
    assert_eq!(unit.memory_bytes, Some(7));
    assert_eq!(unit.ranks.len(), 2);
    assert!(unit.started_at.is_some() && unit.ready_at.is_none());
}

#[test]
fn a_unit_that_has_answered_stays_ready_until_a_rank_dies() {
    let head = facts_of(&[ours(0, 2, &running())]);
    let worker = facts_of(&[ours(1, 2, &running())]);
    let mut before = units(Some(&head), Some(&worker), &[]);
    before[0].state = UnitState::Ready;
    before[0].ready_at = Some(now());
    let after = units(Some(&head), Some(&worker), &before);
    assert_eq!(
        (after[0].state, after[0].ready_at),
        (UnitState::Ready, Some(now()))
    );

    let dead = facts_of(&[ours(1, 2, &exited(137))]);
    let failed = &units(Some(&head), Some(&dead), &after)[0];
    assert_eq!(failed.state, UnitState::Failed);
    let message = failed.message.as_deref().unwrap();
    assert_eq!(
        message,
        "sparkctl-main-r1 on spark2 ended with code 137 (killed; memory may have run out)"
    );

    let gone = &units(Some(&head), Some(&[]), &after)[0];
    assert_eq!(
        gone.message.as_deref(),
        Some("the container of rank 1 is missing")
    );
    assert_eq!(gone.state, UnitState::Failed);
}

#[test]
fn an_unreachable_node_makes_a_unit_unknown_and_not_gone() {
    let head = facts_of(&[ours(0, 2, &running())]);
    let worker = facts_of(&[ours(1, 2, &running())]);
    let mut before = units(Some(&head), Some(&worker), &[]);
    before[0].state = UnitState::Ready;
    before[0].ready_at = Some(now());

    let half = units(Some(&head), None, &before);
    assert_eq!(
        (half[0].state, half[0].ranks.len()),
        (UnitState::Unknown, 2)
    );
    let none = units(None, None, &half);
    assert_eq!(
        (none[0].state, none[0].ranks.len()),
        (UnitState::Unknown, 2)
    );
    let back = units(Some(&head), Some(&worker), &half);
    assert_eq!(back[0].state, UnitState::Ready);
    let mut again = running();
    again["StartedAt"] = json!("2026-11-23T13:00:00Z");
    let restarted = facts_of(&[ours(1, 2, &again)]);
    let anew = units(Some(&head), Some(&restarted), &back);
    assert_eq!(
        (anew[0].state, anew[0].ready_at),
        (UnitState::Loading, None)
    );
}

#[test]
fn a_clean_end_is_stopped_and_a_start_that_failed_says_why() {
    let done = facts_of(&[ours(0, 1, &exited(0))]);
    assert_eq!(
        units(Some(&done), Some(&[]), &[])[0].state,
        UnitState::Stopped
    );
    let mut state = running();
    state["Status"] = json!("created");
    state["Error"] = json!("no such device");
    let created = facts_of(&[ours(0, 1, &state)]);
    let unit = &units(Some(&created), Some(&[]), &[])[0];
    assert_eq!(unit.state, UnitState::Failed);
    assert_eq!(
        unit.message.as_deref(),
        Some("sparkctl-main-r0 on spark1 was made but never started: no such device")
    );
}

#[test]
fn what_others_started_is_shown_with_its_owner() {
    let foreign = |name: &str, image: &str, args: &[&str]| {
        json!({"Id": name, "Name": format!("/{name}"), "Image": "sha256:b", "Path": "vllm", "Args": args,
            "State": running(), "Config": {"Image": image, "Labels": null}})
    };
    let cases = [
        ("sparkrun_abc_node_0", "x", "sparkrun"),
        ("vllm_node", "x", "eugr"),
        ("nim-llama", "x", "nim"),
        ("node-1", "x", "ray"),
        ("chat", "nvcr.io/nim/meta/llama:1", "nim"),
        ("chat", "ollama/ollama", "ollama"),
        ("chat", "nvcr.io/nvidia/vllm:26.05-py3", "vllm"),
    ];
    for (name, image, owner) in cases {
        let facts = facts_of(&[foreign(
            name,
            image,
            &["serve", "Org/M", "--port", "8001", "--served-model-name=m"],
        )]);
        let found = units(Some(&[]), Some(&facts), &[]);
        let [unit] = found.as_slice() else {
            panic!("{name} {image}: {found:?}")
        };
        assert_eq!(
            (unit.owner.as_str(), unit.id.as_str()),
            (owner, format!("spark2.{name}").as_str())
        );
        assert_eq!(unit.endpoint.as_deref(), Some("http://[fe80::2]:8001"));
        assert_eq!(unit.repo.as_ref().map(RepoId::as_str), Some("Org/M"));
        assert_eq!(unit.served_name.as_deref(), Some("m"));
    }
    for (name, image) in [
        ("node-exporter", "prom/node-exporter"),
        ("postgres", "postgres:17"),
    ] {
        assert_eq!(
            units(
                Some(&facts_of(&[foreign(name, image, &[])])),
                Some(&[]),
                &[]
            ),
            [],
            "{name}"
        );
    }
}

/// A container that others started.
fn stranger(name: &str, image: &str, ports: &serde_json::Value) -> serde_json::Value {
    json!({"Id": name, "Name": format!("/{name}"), "Image": "sha256:b", "Path": "serve", "Args": [],
        "State": running(), "Config": {"Image": image, "Labels": null},
        "HostConfig": {"PortBindings": ports}})
}

#[test]
fn the_address_of_a_stranger_follows_its_published_port() {
    let endpoint = |name: &str, image: &str, ports: serde_json::Value| {
        let facts = facts_of(&[stranger(name, image, &ports)]);
        let found = units(Some(&facts), Some(&[]), &[]);
        found[0].endpoint.clone().unwrap()
    };
    let published = json!({"8000/tcp": [{"HostIp": "", "HostPort": "9123"}], "50051/udp": null});
    assert!(endpoint("nim-llama", "x", published).ends_with(":9123"));
    assert!(endpoint("ollama", "ollama/ollama", json!({})).ends_with(":11434"));
    assert!(endpoint("vllm_node", "x", json!(null)).ends_with(":8000"));
}

#[test]
fn what_nobody_signed_is_shown_when_it_holds_gpu_memory() {
    let facts = facts_of(&[stranger("comfy", "yan/comfyui", &json!({}))]);
    let process = GpuProcess {
        pid: 7,
        name: "python3".to_owned(),
        memory_bytes: Some(9 << 30),
        container: Some("comfy".to_owned()),
        orphan: false,
    };
    let id = NodeId::numbered(1);
    let node = |gpu_processes| NodeContainers {
        node: &id,
        host: "10.0.0.1",
        containers: Some(&facts),
        gpu_processes,
    };
    let processes = [process];
    let found = from_containers(&[node(&processes)], &[]);
    assert_eq!(
        (found[0].owner.as_str(), found[0].memory_bytes),
        ("by hand", Some(9 << 30))
    );
    assert_eq!(from_containers(&[node(&[])], &[]), []);
}

#[test]
fn an_adopted_stranger_loads_answers_and_is_let_go() {
    let facts = facts_of(&[stranger("vllm_node", "x", &json!({}))]);
    let look = |adopted: &[&str], heard: &Heard| {
        let mut found = units(Some(&facts), Some(&[]), &[]);
        let adoptions: Adoptions = adopted.iter().map(|id| (*id).to_owned()).collect();
        take_over(&mut found, &adoptions, heard);
        found.remove(0)
    };
    let (at, start) = (Time(jiff::Timestamp::UNIX_EPOCH), facts[0].started_at);
    let heard = Heard::from([(("vllm_node".to_owned(), start), (at, "theirs".to_owned()))]);
    let strange = look(&[], &heard);
    assert_eq!(
        (strange.adopted, strange.state),
        (false, UnitState::Unknown)
    );
    assert!(!is_ours(&strange));
    let loading = look(&["vllm_node"], &Heard::new());
    assert_eq!((loading.adopted, loading.state), (true, UnitState::Loading));
    assert!(is_ours(&loading));
    let ready = look(&["vllm_node"], &heard);
    assert_eq!((ready.state, ready.ready_at), (UnitState::Ready, Some(at)));
    assert_eq!(ready.served_name.as_deref(), Some("theirs"));
}

#[test]
fn only_our_labels_are_kept_and_never_happened_is_no_time() {
    let facts = &facts_of(&[ours(0, 1, &running())])[0];
    assert!(facts.labels.keys().all(|k| k.starts_with("sparkctl.")));
    assert_eq!(facts.finished_at, None);
}

#[test]
fn nonsense_is_warned_of_and_costs_itself_alone() {
    let warning = read("<html>\u{1b}[31m502").unwrap_err();
    assert!(warning.contains("502") && !warning.contains('\u{1b}'));
    let mixed = json!([{"Id": 1}, ours(0, 1, &running())]).to_string();
    let (containers, warnings) = read(&mixed).unwrap();
    assert_eq!((containers.len(), warnings.len()), (1, 1));
    assert_eq!(read("[]"), Ok((Vec::new(), Vec::new())));
}

#[test]
fn what_an_earlier_launch_left_behind_has_a_name_of_its_own() {
    let mut old = ours(1, 2, &exited(1));
    old["Config"]["Labels"]["sparkctl.launch"] = json!("0192-launch-0");
    old["State"]["StartedAt"] = json!("2026-11-22T12:00:00Z");
    let head = facts_of(&[ours(0, 1, &running())]);
    let found = units(Some(&head), Some(&facts_of(&[old])), &[]);
    let names: Vec<_> = found.iter().map(|u| (u.id.as_str(), u.state)).collect();
    assert_eq!(
        names,
        [
            ("main", UnitState::Loading),
            ("main.0192-launch-0", UnitState::Failed)
        ]
    );
}
