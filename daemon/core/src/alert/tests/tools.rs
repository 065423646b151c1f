//! The link, Docker, the kernel's log, and tools that talk nonsense.

use spark_ipc::model::node::Stale;

use super::*;

#[test]
fn docker() {
    let docker = |state| with(|node| node.docker = Some(state));
    check(
        AlertKind::Docker,
        [
            (docker(DockerState::Ok), None),
            (docker(DockerState::Down), None),
            (docker(DockerState::Ok), None),
            (docker(DockerState::Down), None),
            (docker(DockerState::Down), CRITICAL),
            (docker(DockerState::Denied), CRITICAL),
            (docker(DockerState::Missing), WARNING),
            (docker(DockerState::Ok), None),
        ],
    );
}

#[test]
fn a_stopped_docker_is_started() {
    let node = with(|node| node.docker = Some(DockerState::Down));
    let mut memory = Memory::default();
    evaluate(&[], &mut memory, std::slice::from_ref(&node), at(0));
    let alerts = evaluate(&[], &mut memory, &[node], at(10));
    assert_eq!(
        alerts[0].fix.as_deref(),
        Some("sudo systemctl start docker")
    );
}

#[test]
fn unreachable_once_the_values_have_aged() {
    check(
        AlertKind::Unreachable,
        [
            (broken(LinkCause::Lost, Freshness::Fresh), None),
            (broken(LinkCause::Lost, Freshness::Unreachable), CRITICAL),
            (
                broken(LinkCause::NoBanner, Freshness::Unreachable),
                CRITICAL,
            ),
            (healthy(), None),
        ],
    );
}

#[test]
fn host_key_at_once() {
    check(
        AlertKind::HostKey,
        [
            (
                broken(LinkCause::HostKeyUnknown, Freshness::Unknown),
                WARNING,
            ),
            (
                broken(LinkCause::HostKeyChanged, Freshness::Fresh),
                CRITICAL,
            ),
            (healthy(), None),
        ],
    );
}

fn stale(section: &str, failed_looks: u32) -> Node {
    with(|node| {
        node.stale = vec![Stale {
            section: section.to_owned(),
            read_at: Some(at(-30)),
            failed_looks,
            problem: format!("{section}: not understood: <html>"),
        }];
    })
}

#[test]
fn nonsense() {
    check(
        AlertKind::Reading,
        [
            (stale("gpu", 1), None),
            (stale("gpu", 2), None),
            (stale("gpu", 3), WARNING),
            (healthy(), WARNING),
            (stale("gpu", 1), None),
            (healthy(), None),
        ],
    );
}

#[test]
fn nonsense_says_what_is_old_and_where_to_look() {
    let alerts = evaluate(&[], &mut Memory::default(), &[stale("docker", 4)], at(0));
    assert_eq!(alerts[0].title, "The list of containers cannot be read");
    assert_eq!(
        alerts[0].text,
        "4 looks in a row: docker: not understood: <html>. What is shown is from 2026-11-23T11:59:30Z."
    );
    assert_eq!(
        alerts[0].fix.as_deref(),
        Some("See what it says on the Spark: docker ps -a")
    );
}

#[test]
fn a_docker_that_is_down_is_told_once() {
    let mut node = stale("docker", 9);
    node.docker = Some(DockerState::Down);
    check(AlertKind::Docker, [(node.clone(), None), (node, CRITICAL)]);
}

#[test]
fn a_connected_node_whose_looks_fail() {
    let silent = || {
        with(|node| {
            node.freshness = Freshness::Stale;
            node.warnings = vec!["poll: the tool did not end in time".to_owned()];
        })
    };
    check(
        AlertKind::Reading,
        [(healthy(), None), (silent(), CRITICAL), (healthy(), None)],
    );
}

/// A node whose kernel has said these things.
fn kernel(lines: &[(Option<i64>, &str)]) -> Node {
    with(|node| {
        let line = |(second, text): &(Option<i64>, &str)| KernelLine {
            at: second.map(at),
            text: (*text).to_owned(),
        };
        node.kernel = lines.iter().map(line).collect();
    })
}

const XID: &str = "NVRM: Xid (PCI:000f:01:00): 13, pid=4910, name=VLLM::EngineCor";
const OOM: &str = "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=docker";
const NO_MEMORY: &str =
    "NVRM: nvCheckOkFailedNoLog: Check failed: Out of memory [NV_ERR_NO_MEMORY] (0x00000051)";

#[test]
fn kernel_lines() {
    let xid = || kernel(&[(Some(5), XID)]);
    let standing = (1..91).map(|_| (xid(), WARNING));
    check(
        AlertKind::Kernel,
        [(healthy(), None)]
            .into_iter()
            .chain(standing)
            .chain([(xid(), None), (kernel(&[(None, OOM)]), CRITICAL)]),
    );
}

#[test]
fn an_old_line_is_no_news_and_one_refused_allocation_no_proof() {
    check(
        AlertKind::Kernel,
        [
            (kernel(&[(Some(-3600), OOM)]), None),
            (kernel(&[(Some(1), NO_MEMORY)]), None),
            (
                kernel(&[(Some(1), NO_MEMORY), (Some(2), NO_MEMORY)]),
                WARNING,
            ),
        ],
    );
}
