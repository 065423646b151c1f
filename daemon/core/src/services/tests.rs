//! What the catalogue, the planner, the read-model and the autostart of services promise.

use serde_json::json;
use spark_ipc::Time;
use spark_ipc::id::{NodeId, OperationId};
use spark_ipc::model::node::{DockerState, Freshness, GpuProcess, LinkState, Node};
use spark_ipc::model::service::{Service, ServiceChange, ServiceKind, ServiceProbe, ServiceState};

use super::*;
use crate::launch::{ImageFacts, NodeFacts};
use crate::units::ContainerFacts;

mod starting;

const GIB: u64 = 1 << 30;

fn bundled() -> Services {
    Services::load(BUNDLED, None)
}

fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

fn now() -> Time {
    Time("2026-11-23T12:00:00Z".parse().unwrap())
}

fn later() -> Time {
    Time("2026-11-23T12:10:00Z".parse().unwrap())
}

fn launch() -> OperationId {
    OperationId::new("0199-service").unwrap()
}

/// A node that is well, with as much free memory as told.
fn node(number: u32, available: u64) -> Node {
    let mut node = crate::plan::tests::world::node(number);
    node.freshness = Freshness::Fresh;
    node.link.state = LinkState::Connected;
    node.docker = Some(DockerState::Ok);
    node.identity.boot_id = Some(format!("boot-{number}"));
    node.listening_ports = vec![22];
    node.containers = Vec::new();
    if let Some(memory) = &mut node.memory {
        memory.available_bytes = available;
    }
    node
}

fn container(service: &str, state: &str) -> ContainerFacts {
    let labels = [
        ("service", service),
        ("launch", "0199-service"),
        ("port", "8880"),
    ];
    ContainerFacts {
        id: format!("{service:0<12}"),
        name: format!("sparkctl-svc-{service}"),
        image: "x".to_owned(),
        state: state.to_owned(),
        exit_code: Some(i32::from(state == "exited")),
        started_at: Some(now()),
        labels: labels
            .map(|(k, v)| (format!("sparkctl.{k}"), v.to_owned()))
            .into_iter()
            .collect(),
        ..ContainerFacts::default()
    }
}

fn place<'a>(node: &'a NodeId, containers: Option<&'a [ContainerFacts]>) -> ServiceNode<'a> {
    ServiceNode {
        node,
        host: "10.0.0.1",
        containers,
        gpu_processes: &[],
    }
}

fn told<'a>(
    answers: &'a Answers,
    restarts: &'a Restarts,
    operations: &'a [spark_ipc::model::operation::Operation],
) -> Told<'a> {
    Told {
        answers,
        restarts,
        operations,
    }
}

/// The read-model of one service.
fn one(
    service: &str,
    containers: Option<&[ContainerFacts]>,
    answers: &Answers,
    restarts: u32,
    previous: &[Service],
) -> Service {
    let id = NodeId::numbered(1);
    let restarts = Restarts::from([(name(service), restarts)]);
    let all = view(
        &bundled(),
        &[place(&id, containers)],
        &told(answers, &restarts, &[]),
        previous,
        later(),
    );
    all.into_iter()
        .find(|s| s.name.as_str() == service)
        .unwrap()
}

fn answered(container: &ContainerFacts, at: Option<Time>, silent: Option<&str>) -> Answers {
    let seen = Seen {
        answered_at: at,
        silent: silent.map(str::to_owned),
    };
    Answers::from([((container.id.clone(), container.started_at), seen)])
}

#[test]
fn the_bundled_services_have_no_fault_and_cover_every_kind() {
    let services = bundled();
    assert_eq!(services.errors(), [""; 0]);
    for kind in [
        ServiceKind::SpeechToText,
        ServiceKind::Diarizer,
        ServiceKind::TextToSpeech,
        ServiceKind::Embeddings,
        ServiceKind::Rerank,
        ServiceKind::Llm,
    ] {
        assert!(
            services.entries().iter().any(|e| e.spec.kind == kind),
            "{kind:?}"
        );
    }
    for entry in services.entries() {
        let spec = &entry.spec;
        assert_ne!(
            spec.probe,
            ServiceProbe::None,
            "{} has no real answer",
            spec.name
        );
        assert!(!spec.autostart && spec.enabled, "{}", spec.name);
        assert!(
            !spec.nim || spec.secrets == ["NGC_API_KEY"],
            "{}",
            spec.name
        );
    }
}

#[test]
fn the_schema_names_exactly_the_fields_of_an_entry() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../../docs/services.schema.json")).unwrap();
    let keys = |value: &Value| {
        let object = value.as_object().unwrap();
        object
            .keys()
            .cloned()
            .collect::<std::collections::BTreeSet<_>>()
    };
    let entry = &schema["$defs"]["service"]["properties"];
    let spec = serde_json::to_value(&bundled().entries()[0].spec).unwrap();
    assert_eq!(keys(entry), keys(&spec));
}

#[test]
fn an_override_changes_what_it_names_and_may_add_a_service() {
    let text = "services:\n  - name: kokoro\n    port: 8881\n    autostart: true\n  - name: whisper\n    kind: speech_to_text\n    image: ghcr.io/speaches-ai/speaches:latest\n    port: 8100\n    memory_gib: 6\n";
    let services = Services::load(BUNDLED, Some(text));
    assert_eq!(services.errors(), [""; 0]);
    let kokoro = services.get(&name("kokoro")).unwrap();
    assert_eq!((kokoro.spec.port, kokoro.spec.autostart), (8881, true));
    assert_eq!(kokoro.source, ServiceSource::Changed);
    assert_eq!(kokoro.spec.probe, ServiceProbe::Speech);
    let whisper = services.get(&name("whisper")).unwrap();
    assert_eq!(
        (whisper.source, whisper.spec.health.as_str()),
        (ServiceSource::Override, "/health")
    );
}

#[test]
fn a_faulty_override_is_told_with_its_line_and_costs_nothing_else() {
    let text = "services:\n  - name: kokoro\n    port: 80\n  - name: tei\n    colour: red\n  - name: Bad\n  - name: rerank\n    memory_gib: 7\n  - name: x\n    kind: nothing\n";
    let services = Services::load(BUNDLED, Some(text));
    let errors = services.errors().join("\n");
    for part in [
        "overrides:2:5: service kokoro: port: 80 belongs to the system",
        "overrides:4:5: service tei: unknown field `colour`",
        "overrides:6:5: a service needs a name",
        "overrides:9:5: service x: unknown variant `nothing`",
    ] {
        assert!(errors.contains(part), "{part} in {errors}");
    }
    let kokoro = services.get(&name("kokoro")).unwrap();
    assert_eq!(
        (kokoro.spec.port, kokoro.source),
        (8880, ServiceSource::Bundled)
    );
    assert_eq!(services.get(&name("rerank")).unwrap().spec.memory_gib, 7);
    let broken = Services::load(BUNDLED, Some("services:\n  - name: kokoro\n    port: [\n"));
    assert_eq!(broken.errors().len(), 1);
    assert_eq!(broken.entries().len(), bundled().entries().len());
}

#[test]
fn every_fault_of_an_entry_is_found_at_once() {
    let mut spec = bundled().get(&name("kokoro")).unwrap().spec.clone();
    spec.port = 0;
    spec.health = "health".to_owned();
    spec.memory_gib = 200;
    spec.ready_limit_s = 1;
    spec.env = [("NGC_API_KEY", "nvapi-x"), ("PATH", "/x"), ("A", "b\nc")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
    spec.secrets = vec!["OTHER".to_owned()];
    spec.mounts = serde_json::from_value(json!([{"source": "../x", "target": "x"}])).unwrap();
    let found = problems(&spec);
    let paths: Vec<&str> = found.iter().map(|p| p.path.as_str()).collect();
    for path in [
        "port",
        "health",
        "memory_gib",
        "ready_limit_s",
        "env",
        "secrets",
        "mounts",
    ] {
        assert!(paths.contains(&path), "{path} in {paths:?}");
    }
    assert!(!format!("{found:?}").contains("nvapi-x"));
}

#[test]
fn a_change_rewrites_one_entry_and_keeps_the_rest() {
    let text = "# ours\nservices:\n  - name: tei # small\n    port: 9100\n  # the voice\n  - name: kokoro\n    port: 8881\n";
    let change = ServiceChange {
        autostart: Some(true),
        node: Some(NodeId::numbered(2)),
        ..ServiceChange::default()
    };
    let made = change::apply(BUNDLED, text, &name("kokoro"), &change).unwrap();
    assert!(
        made.starts_with(
            "# ours\nservices:\n  - name: tei # small\n    port: 9100\n  # the voice\n"
        ),
        "{made}"
    );
    let services = Services::load(BUNDLED, Some(&made));
    let spec = &services.get(&name("kokoro")).unwrap().spec;
    assert_eq!(
        (spec.port, spec.autostart, spec.node.clone()),
        (8881, true, Some(NodeId::numbered(2)))
    );
    let reset = ServiceChange {
        reset: true,
        ..ServiceChange::default()
    };
    let back = change::apply(BUNDLED, &made, &name("kokoro"), &reset).unwrap();
    assert_eq!(
        Services::load(BUNDLED, Some(&back))
            .get(&name("kokoro"))
            .unwrap()
            .source,
        ServiceSource::Bundled
    );
    assert!(back.contains("name: tei # small"));
}

#[test]
fn a_change_makes_the_file_and_refuses_what_is_wrong() {
    let change = |port| ServiceChange {
        port: Some(port),
        ..ServiceChange::default()
    };
    let made = change::apply(BUNDLED, "", &name("kokoro"), &change(8890)).unwrap();
    assert_eq!(
        Services::load(BUNDLED, Some(&made))
            .get(&name("kokoro"))
            .unwrap()
            .spec
            .port,
        8890
    );
    // What is as bundled needs no entry.
    let same = change::apply(BUNDLED, &made, &name("kokoro"), &change(8880)).unwrap();
    assert_eq!(
        Services::load(BUNDLED, Some(&same))
            .get(&name("kokoro"))
            .unwrap()
            .source,
        ServiceSource::Bundled
    );
    let wrong = change::apply(BUNDLED, &made, &name("kokoro"), &change(22)).unwrap_err();
    assert_eq!(wrong[0].path, "port");
    let flow = "services: [{name: tei, port: 9100}]\n";
    let refused = change::apply(BUNDLED, flow, &name("kokoro"), &change(8890)).unwrap_err();
    assert_eq!(refused[0].path, "SERVICES_OVERRIDES");
}

#[test]
fn a_service_goes_through_its_states() {
    let running = container("kokoro", "running");
    let none = Answers::new();
    let with = |c: &ContainerFacts, answers: &Answers, restarts| {
        one(
            "kokoro",
            Some(std::slice::from_ref(c)),
            answers,
            restarts,
            &[],
        )
        .state
    };
    assert_eq!(
        one("kokoro", Some(&[]), &none, 0, &[]).state,
        ServiceState::Off
    );
    assert_eq!(with(&running, &none, 0), ServiceState::Starting);
    let ok = answered(&running, Some(later()), None);
    assert_eq!(with(&running, &ok, 0), ServiceState::Ready);
    let silent = answered(&running, Some(now()), Some("it answers 503"));
    assert_eq!(with(&running, &silent, 0), ServiceState::Degraded);
    let dead = container("kokoro", "exited");
    assert_eq!(with(&dead, &none, 0), ServiceState::Failed);
    assert_eq!(with(&dead, &none, 3), ServiceState::CrashLoop);
    let ended = ContainerFacts {
        exit_code: Some(0),
        ..dead
    };
    assert_eq!(with(&ended, &none, 0), ServiceState::Off);
    let again = ContainerFacts {
        state: "restarting".to_owned(),
        restarts: 4,
        ..running
    };
    assert_eq!(with(&again, &none, 0), ServiceState::CrashLoop);
}

#[test]
fn an_answer_of_an_earlier_start_does_not_count() {
    let running = container("kokoro", "running");
    let answers = answered(&running, Some(now()), None);
    let restarted = ContainerFacts {
        started_at: Some(later()),
        ..running
    };
    let service = one("kokoro", Some(&[restarted]), &answers, 0, &[]);
    assert_eq!(service.state, ServiceState::Starting);
}

#[test]
fn a_service_on_a_lost_node_is_unknown_and_remembered() {
    let running = container("kokoro", "running");
    let before = one(
        "kokoro",
        Some(std::slice::from_ref(&running)),
        &Answers::new(),
        0,
        &[],
    );
    let lost = one(
        "kokoro",
        None,
        &Answers::new(),
        0,
        std::slice::from_ref(&before),
    );
    assert_eq!(
        (lost.state, lost.node.clone()),
        (ServiceState::Unknown, Some(NodeId::numbered(1)))
    );
    assert_eq!(lost.container, before.container);
    let still = one("kokoro", None, &Answers::new(), 0, &[lost]);
    assert_eq!(still.container, before.container);
}

#[test]
fn only_what_died_by_itself_and_not_for_memory_is_started_again() {
    let id = NodeId::numbered(1);
    let died = container("kokoro", "exited");
    let cases = [
        (died.clone(), true),
        (
            ContainerFacts {
                exit_code: Some(0),
                ..died.clone()
            },
            false,
        ),
        (
            ContainerFacts {
                exit_code: Some(137),
                ..died.clone()
            },
            false,
        ),
        (
            ContainerFacts {
                oom_killed: true,
                ..died.clone()
            },
            false,
        ),
        (container("kokoro", "running"), false),
        (container("kokoro", "created"), false),
    ];
    for (facts, expected) in cases {
        let found = fallen(
            &bundled(),
            &[place(&id, Some(std::slice::from_ref(&facts)))],
        );
        assert_eq!(!found.is_empty(), expected, "{facts:?}");
    }
}

#[test]
fn the_memory_of_a_service_is_that_of_its_processes() {
    let id = NodeId::numbered(1);
    let facts = [container("embeddings", "running")];
    let process = |container: &str, bytes| GpuProcess {
        pid: 1,
        name: "VLLM::EngineCore".to_owned(),
        memory_bytes: Some(bytes),
        container: Some(container.to_owned()),
        orphan: false,
    };
    let processes = [
        process("sparkctl-svc-embeddings", 6 * GIB),
        process("other", GIB),
    ];
    let place = ServiceNode {
        gpu_processes: &processes,
        ..place(&id, Some(&facts))
    };
    let all = view(
        &bundled(),
        &[place],
        &told(&Answers::new(), &Restarts::new(), &[]),
        &[],
        now(),
    );
    let embeddings = all
        .iter()
        .find(|s| s.name.as_str() == "embeddings")
        .unwrap();
    assert_eq!(embeddings.memory_bytes, Some(6 * GIB));
}
