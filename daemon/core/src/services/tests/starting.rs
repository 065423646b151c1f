//! Starts: where, with which command, what stands in the way, and which come by themselves.

use spark_ipc::model::node::Container;
use spark_ipc::model::operation::{Operation, OperationKind, OperationState, Progress};

use super::*;

fn facts(image: &str, architecture: &str) -> NodeFacts {
    let found = ImageFacts {
        id: "sha256:1".to_owned(),
        architecture: architecture.to_owned(),
        entrypoint: "null".to_owned(),
    };
    NodeFacts {
        home: "/home/nvidia".to_owned(),
        images: [(image.to_owned(), found)].into(),
        ..NodeFacts::default()
    }
}

/// Plans a start of `service` on `node`, with `services` running beside.
fn planned(
    service: &str,
    node: &Node,
    services: &[Service],
    restart: bool,
    spoil: impl FnOnce(&mut NodeFacts, &mut Vec<&'static str>),
) -> Result<StartPlan, Vec<String>> {
    let catalog = bundled();
    let spec = &catalog.get(&name(service)).unwrap().spec;
    let mut facts = facts(spec.image.as_str(), "arm64");
    let mut secrets = vec!["NGC_API_KEY"];
    spoil(&mut facts, &mut secrets);
    let placed = Placed {
        node: place(&node.id, Some(&[])),
        view: node,
        facts: &facts,
    };
    let world = ServiceWorld {
        services,
        units: &[],
        secrets: &secrets,
    };
    let plan = plan_start(spec, &placed, &world, restart, &launch());
    plan.map_err(|found| found.into_iter().map(|f| f.code).collect())
}

fn codes(service: &str, node: &Node) -> Vec<String> {
    planned(service, node, &[], false, |_, _| {})
        .err()
        .unwrap_or_default()
}

/// A service as it is shown while its container runs on the first node.
fn shown(service: &str, state: ServiceState) -> Service {
    let facts = container(service, "running");
    let mut shown = one(
        service,
        Some(std::slice::from_ref(&facts)),
        &Answers::new(),
        0,
        &[],
    );
    shown.state = state;
    shown.port = bundled().get(&name(service)).unwrap().spec.port;
    shown
}

#[test]
fn the_command_of_a_plain_service() {
    let plan = planned("kokoro", &node(1, 60 * GIB), &[], false, |_, _| {}).unwrap();
    let argv = plan.run.argv().join(" ");
    let expected = "docker run --detach --name=sparkctl-svc-kokoro --restart=no --log-opt=max-size=50m \
         --log-opt=max-file=3 --label=sparkctl.service=kokoro --label=sparkctl.launch=0199-service";
    assert!(argv.starts_with(expected), "{argv}");
    assert!(
        argv.ends_with("--publish=8880:8880 ghcr.io/remsky/kokoro-fastapi-cpu:latest"),
        "{argv}"
    );
    assert!(plan.image_present);
    assert_eq!(plan.endpoint, "http://10.0.0.1:8880");
}

#[test]
fn a_nim_gets_its_key_by_name_and_its_cache_opened() {
    let plan = planned("parakeet-nim", &node(1, 60 * GIB), &[], false, |_, _| {}).unwrap();
    let argv = plan.run.argv();
    for word in [
        "--env=NGC_API_KEY",
        "--gpus=all",
        "--shm-size=8g",
        "--publish=9000:9000",
        "--publish=50051:50051",
        "--volume=/home/nvidia/.cache/nim:/opt/nim/.cache",
        "--env=NIM_TAGS_SELECTOR=mode=all,vad=default,diarizer=disabled",
    ] {
        assert!(argv.iter().any(|w| w == word), "{word} in {argv:?}");
    }
    assert_eq!(plan.folders, [("/home/nvidia/.cache/nim".to_owned(), true)]);
    assert_eq!(plan.cache.as_deref(), Some("/home/nvidia/.cache/nim"));
    let stored = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<StartPlan>(&stored).unwrap(), plan);
}

#[test]
fn an_embeddings_server_is_vllm_with_its_entry_point_replaced() {
    let plan = planned("embeddings", &node(1, 60 * GIB), &[], false, |_, _| {}).unwrap();
    let argv = plan.run.argv();
    let image = argv
        .iter()
        .position(|w| w == "vllm/vllm-openai:latest")
        .unwrap();
    assert!(argv[..image].contains(&"--entrypoint=vllm".to_owned()));
    assert_eq!(
        argv[image + 1..image + 4],
        ["serve", "Qwen/Qwen3-Embedding-0.6B", "--runner=pooling"]
    );
}

#[test]
fn each_thing_in_the_way_has_its_finding() {
    let well = || node(1, 60 * GIB);
    let spoilt = |spoil: fn(&mut Node)| {
        let mut node = well();
        spoil(&mut node);
        codes("kokoro", &node)
    };
    assert_eq!(codes("kokoro", &well()), [""; 0]);
    assert_eq!(
        spoilt(|n| n.freshness = Freshness::Unreachable),
        ["node_unreachable"]
    );
    assert_eq!(
        spoilt(|n| n.docker = Some(DockerState::Denied)),
        ["docker_denied"]
    );
    assert_eq!(
        spoilt(|n| n.docker = Some(DockerState::Down)),
        ["docker_down"]
    );
    assert_eq!(
        spoilt(|n| n.docker = Some(DockerState::Missing)),
        ["docker_missing"]
    );
    assert_eq!(spoilt(|n| n.memory = None), ["memory_unknown"]);
    assert_eq!(spoilt(|n| n.listening_ports.push(8880)), ["port_taken"]);
    let foreign = |n: &mut Node| {
        n.containers.push(Container {
            id: "abc".to_owned(),
            name: "sparkctl-svc-kokoro".to_owned(),
            image: "x".to_owned(),
            state: "running".to_owned(),
            status: "Up".to_owned(),
            owner: "unknown".to_owned(),
        });
    };
    assert_eq!(spoilt(foreign), ["name_taken"]);
    assert_eq!(codes("kokoro", &node(1, 3 * GIB)), ["memory_short"]);
    let wrong = planned("kokoro", &well(), &[], false, |facts, _| {
        facts
            .images
            .values_mut()
            .for_each(|i| i.architecture = "amd64".to_owned());
    });
    assert_eq!(wrong.unwrap_err(), ["image_architecture"]);
    let no_key = planned("parakeet-nim", &well(), &[], false, |_, secrets| {
        secrets.clear();
    });
    assert_eq!(no_key.unwrap_err(), ["secret_missing"]);
}

#[test]
fn an_image_that_is_absent_is_no_blocker() {
    let plan = planned("kokoro", &node(1, 60 * GIB), &[], false, |facts, _| {
        facts.images.clear();
    });
    assert!(!plan.unwrap().image_present);
}

#[test]
fn what_runs_already_is_not_started_twice_but_may_be_restarted() {
    let mut node = node(1, 2 * GIB);
    node.listening_ports.push(8880);
    let running = [shown("kokoro", ServiceState::Ready)];
    let start = planned("kokoro", &node, &running, false, |_, _| {});
    assert_eq!(
        start.unwrap_err(),
        ["already_running", "port_taken", "memory_short"]
    );
    // Its own port and memory are free by then.
    assert!(planned("kokoro", &node, &running, true, |_, _| {}).is_ok());
}

#[test]
fn memory_is_promised_to_services_that_still_start() {
    let beside = |state| [shown("embeddings", state)];
    let tight = node(1, 11 * GIB);
    let starting = planned(
        "kokoro",
        &tight,
        &beside(ServiceState::Starting),
        false,
        |_, _| {},
    );
    assert_eq!(starting.unwrap_err(), ["memory_short"]);
    assert!(
        planned(
            "kokoro",
            &tight,
            &beside(ServiceState::Ready),
            false,
            |_, _| {}
        )
        .is_ok()
    );
}

#[test]
fn without_a_node_the_one_with_most_room_is_taken() {
    let catalog = bundled();
    let spec = &catalog.get(&name("kokoro")).unwrap().spec;
    let nodes = [node(1, 20 * GIB), node(2, 90 * GIB)];
    let chosen = |asked: Option<u32>, nodes: &[Node]| {
        let asked = asked.map(NodeId::numbered);
        choose_node(spec, asked.as_ref(), nodes)
            .map(|n| n.id.to_string())
            .map_err(|f| f.code)
    };
    assert_eq!(chosen(None, &nodes).unwrap(), "spark2");
    assert_eq!(chosen(Some(1), &nodes).unwrap(), "spark1");
    assert_eq!(chosen(Some(7), &nodes).unwrap_err(), "unknown_node");
    assert_eq!(
        chosen(None, &[node(1, GIB), node(2, GIB)]).unwrap(),
        "spark1"
    );
    assert_eq!(chosen(None, &[]).unwrap_err(), "node_unreachable");
}

#[test]
fn a_stop_takes_the_containers_of_the_service_alone() {
    let id = NodeId::numbered(1);
    let all = [container("kokoro", "running"), container("tei", "running")];
    let plan = plan_stop(&name("kokoro"), &[place(&id, Some(&all))]).unwrap();
    assert_eq!(plan.containers, [all[0].id.clone()]);
    assert_eq!(plan_stop(&name("rerank"), &[place(&id, Some(&all))]), None);
}

fn operation(kind: OperationKind) -> Operation {
    Operation {
        id: launch(),
        kind,
        subject: "x".to_owned(),
        state: OperationState::Running,
        nodes: vec![NodeId::numbered(1)],
        steps: Vec::new(),
        progress: Progress::default(),
        error: None,
        advice: None,
        actor: "daemon".to_owned(),
        started_at: now(),
        ended_at: None,
        cancelling: false,
        seq: 0,
        last_good: None,
        own_ms: None,
    }
}

#[test]
fn a_start_that_failed_is_told_until_the_next_act() {
    let id = NodeId::numbered(1);
    let states = |newest: OperationKind, state: OperationState| {
        let about = |kind, state, error: Option<&str>| Operation {
            subject: "kokoro".to_owned(),
            state,
            error: error.map(str::to_owned),
            ..operation(kind)
        };
        let all = [
            about(newest, state, Some("no room")),
            about(
                OperationKind::ServiceStart,
                OperationState::Failed,
                Some("older"),
            ),
        ];
        let all = view(
            &bundled(),
            &[place(&id, Some(&[]))],
            &told(&Answers::new(), &Restarts::new(), &all),
            &[],
            now(),
        );
        let found = all
            .into_iter()
            .find(|s| s.name.as_str() == "kokoro")
            .unwrap();
        (found.state, found.message.unwrap_or_default())
    };
    let (state, message) = states(OperationKind::ServiceStart, OperationState::Failed);
    assert_eq!(state, ServiceState::Failed);
    assert_eq!(message, "the last start failed: no room");
    let after = |kind, state| states(kind, state).0;
    assert_eq!(
        after(OperationKind::ServiceStart, OperationState::Cancelled),
        ServiceState::Off
    );
    assert_eq!(
        after(OperationKind::ServiceStop, OperationState::Failed),
        ServiceState::Off
    );
    assert_eq!(
        after(OperationKind::ServiceStart, OperationState::Running),
        ServiceState::Starting
    );
}

/// Two services that start by themselves, in their order.
fn wanting() -> Vec<Service> {
    let mut all = ["kokoro", "embeddings"].map(|n| one(n, Some(&[]), &Answers::new(), 0, &[]));
    for service in &mut all {
        service.autostart = true;
    }
    all.to_vec()
}

#[test]
fn services_start_in_order_once_a_boot_and_wait_for_one_another() {
    let nodes = [node(1, 60 * GIB)];
    let none = std::collections::BTreeSet::new();
    let next = |services: &[Service], running: &[Operation], tried: &Tried| {
        due(services, &nodes, running, tried, &none).map(|d| d.service.to_string())
    };
    let mut services = wanting();
    let mut tried = Tried::new();
    assert_eq!(next(&services, &[], &tried).as_deref(), Some("kokoro"));
    assert_eq!(
        next(&services, &[operation(OperationKind::ServiceStart)], &tried),
        None
    );
    let download = [operation(OperationKind::Download)];
    assert_eq!(
        next(&services, &download, &tried).as_deref(),
        Some("kokoro")
    );
    tried.insert(name("kokoro"), "boot-1".to_owned());
    assert_eq!(next(&services, &[], &tried).as_deref(), Some("embeddings"));
    tried.insert(name("embeddings"), "boot-1".to_owned());
    assert_eq!(next(&services, &[], &tried), None);
    tried.insert(name("kokoro"), "an earlier boot".to_owned());
    assert_eq!(next(&services, &[], &tried).as_deref(), Some("kokoro"));
    services[0].state = ServiceState::Ready;
    assert_eq!(next(&services, &[], &tried), None);
}

#[test]
fn a_node_that_is_not_well_starts_nothing() {
    let none = std::collections::BTreeSet::new();
    let spoilt = |spoil: fn(&mut Node)| {
        let mut node = node(1, 60 * GIB);
        spoil(&mut node);
        due(&wanting(), &[node], &[], &Tried::new(), &none)
    };
    assert!(spoilt(|_| {}).is_some());
    assert!(spoilt(|n| n.freshness = Freshness::Stale).is_none());
    assert!(spoilt(|n| n.docker = Some(DockerState::Down)).is_none());
    assert!(spoilt(|n| n.link.state = LinkState::BackingOff).is_none());
    assert!(spoilt(|n| n.identity.boot_id = None).is_none());
}

#[test]
fn one_that_died_is_started_again_three_times() {
    let nodes = [node(1, 60 * GIB)];
    let mut services = wanting();
    services[0].state = ServiceState::Failed;
    services[1].autostart = false;
    let tried = Tried::from([(name("kokoro"), "boot-1".to_owned())]);
    let died = [name("kokoro")].into();
    assert!(due(&services, &nodes, &[], &tried, &died).is_some_and(|d| d.again));
    services[0].restarts = 3;
    assert_eq!(due(&services, &nodes, &[], &tried, &died), None);
    services[0].restarts = 0;
    let none = std::collections::BTreeSet::new();
    assert_eq!(due(&services, &nodes, &[], &tried, &none), None);
}
