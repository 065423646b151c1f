//! What the pre-flight shows: every item, also what is in order; and other nodes where the first are short.

use super::*;
use crate::launch::Reach;

fn fixed(recipe: &str, node: u32) -> Intent {
    Intent {
        nodes: Some(vec![id(node)]),
        ..intent(recipe)
    }
}

/// Name, node and state of every item that is not in order.
fn not_ok(planned: &Planned) -> Vec<String> {
    let open = planned
        .checks
        .iter()
        .filter(|c| c.state != PreflightState::Ok);
    open.map(|c| {
        let node = c.node.as_ref().map(|n| format!("@{n}")).unwrap_or_default();
        format!("{}{node} {:?}", c.name, c.state)
    })
    .collect()
}

fn look(recipe: &str, spoil: impl FnOnce(&mut World)) -> Planned {
    let mut world = world();
    let disk = Disk {
        mount: "/".into(),
        total_bytes: 100 * GIB,
        used_bytes: 40 * GIB,
        available_bytes: 60 * GIB,
    };
    for node in &mut world.nodes {
        node.node.disks.push(disk.clone());
    }
    spoil(&mut world);
    planned(&intent(recipe), &world)
}

#[test]
fn every_item_is_shown_also_what_is_in_order() {
    let planned = look("duo", |_| {});
    assert_eq!(not_ok(&planned), [] as [&str; 0]);
    let shown: Vec<String> = planned
        .checks
        .iter()
        .map(|c| {
            let node = c.node.as_ref().map_or("-", |n| n.as_str());
            format!("{node} {}: {}", c.name, c.detail)
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn a_launch_on_one_node_has_no_items_of_the_fabric() {
    let planned = look("solo", |_| {});
    let of_fabric = |c: &&PreflightCheck| c.name.contains("fabric") || c.name == "gid";
    assert_eq!(planned.checks.iter().find(of_fabric), None);
    assert_eq!(not_ok(&planned), [] as [&str; 0]);
}

#[test]
fn a_finding_is_the_result_of_its_item() {
    type Spoil = fn(&mut World);
    let cases: [(Spoil, &[&str]); 9] = [
        (
            |w| w.nodes[1].node.docker = Some(DockerState::Denied),
            &["docker@spark2 Blocked"],
        ),
        (
            |w| w.nodes[1].facts.as_mut().unwrap().nvidia_runtime = Some(false),
            &["nvidia_runtime@spark2 Warning"],
        ),
        (
            |w| w.nodes[1].facts.as_mut().unwrap().clock_ahead_s = Some(-6),
            &["clock@spark2 Warning"],
        ),
        (
            |w| w.nodes[1].facts.as_mut().unwrap().clock_ahead_s = Some(5),
            &[],
        ),
        (
            |w| w.nodes[1].facts.as_mut().unwrap().clock_ahead_s = None,
            &["clock@spark2 Unknown"],
        ),
        (
            |w| w.nodes[1].facts.as_mut().unwrap().fabric[0].gid_index = None,
            &["gid@spark2 Warning"],
        ),
        (
            |w| w.nodes[0].facts.as_mut().unwrap().pings[0].reach = Reach::Small,
            &["fabric_frames@spark1 Blocked"],
        ),
        (
            |w| w.nodes[0].facts.as_mut().unwrap().pings[0].reach = Reach::Silent,
            &["fabric_frames@spark1 Warning"],
        ),
        (
            |w| w.nodes[0].facts.as_mut().unwrap().pings.clear(),
            &["fabric_frames@spark1 Unknown"],
        ),
    ];
    for (number, (spoil, expected)) in cases.into_iter().enumerate() {
        assert_eq!(not_ok(&look("duo", spoil)), expected, "case {number}");
    }
}

#[test]
fn a_node_that_cannot_be_reached_leaves_its_items_open() {
    let planned = look("solo", |w| {
        w.nodes.truncate(1);
        w.nodes[0].node.freshness = Freshness::Unreachable;
    });
    let states = planned
        .checks
        .iter()
        .filter(|c| c.node.is_some())
        .map(|c| c.state);
    let (blocked, unknown): (Vec<_>, Vec<_>) =
        states.partition(|state| *state == PreflightState::Blocked);
    assert_eq!(blocked.len(), 1);
    assert!(
        unknown
            .iter()
            .all(|state| *state == PreflightState::Unknown)
    );
}

#[test]
fn a_dangerous_flag_blocks_until_it_has_a_yes() {
    let text = "recipes: [{id: solo, repo: Org/Model-8B, image: 'eugr/spark-vllm:latest', \
                flags: [--trust-remote-code, --gpu-memory-utilization=0.8, '--hf-overrides={}']}]";
    let mut world = world();
    world.catalog = Arc::new(Catalog::load(text, None, None));
    let mut wish = intent("solo");
    let refused = planned(&wish, &world);
    let names: Vec<&str> = refused.confirm.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["--trust-remote-code", "--hf-overrides"]);
    assert_eq!(codes(&wish, &world), ["needs_yes", "needs_yes"]);
    wish.allow = vec!["--trust-remote-code".to_owned()];
    assert_eq!(codes(&wish, &world), ["needs_yes"]);
    wish.allow.push("--hf-overrides".to_owned());
    let agreed = planned(&wish, &world);
    assert!(agreed.plan.is_some());
    assert_eq!(agreed.confirm, []);
    assert!(agreed.warnings.iter().all(|w| w.code == "dangerous_flag"));
}

#[test]
fn the_node_that_has_the_memory_is_taken_and_the_other_is_explained() {
    let mut world = world();
    world.nodes[0].node.memory.as_mut().unwrap().available_bytes = 17 * GIB;
    let open = planned(&intent("solo"), &world);
    assert_eq!(open.plan.unwrap().launch.unwrap().nodes, [id(2)]);
    let warning = &open.warnings[0];
    assert_eq!(warning.code, "placed_elsewhere");
    assert!(
        warning
            .message
            .starts_with("It goes to spark2: spark1 will have 17.0 GiB free"),
        "{}",
        warning.message
    );

    let named = planned(&fixed("solo", 1), &world);
    let fix = named.blockers[0].fix.as_deref().unwrap();
    assert!(fix.ends_with("It would fit on spark2."), "{fix}");
    let check = named.checks.iter().find(|c| c.name == "memory").unwrap();
    assert_eq!(check.fix.as_deref(), Some(fix));

    world.nodes[1].node.memory.as_mut().unwrap().available_bytes = 17 * GIB;
    assert_eq!(codes(&intent("solo"), &world), ["memory_short"]);
    let nowhere = planned(&fixed("solo", 1), &world);
    assert!(
        !nowhere.blockers[0]
            .fix
            .as_deref()
            .unwrap()
            .contains("spark2")
    );
}

#[test]
fn a_busy_node_is_not_evaded() {
    let mut world = world();
    world.nodes[0].node.memory.as_mut().unwrap().available_bytes = 17 * GIB;
    world.busy.push(Busy {
        operation: operation(),
        nodes: vec![id(1)],
        subject: "Org/Other".into(),
    });
    assert_eq!(codes(&intent("solo"), &world), ["busy", "memory_short"]);
}
