//! What is hostile, on its way in from clients, recipes and nodes: nothing of it is ever run, and nothing
//! of it is shown as it came.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use spark_core::shell::EXEC;
use spark_e2e::daemon::Daemon;
use spark_e2e::fleet::{Fleet, FleetOptions, Record, SMALL, Spark};
use spark_e2e::programs::program;
use spark_e2e::wire::{
    Answer, DOORS, Door, encode, ensure_clean, ensure_clean_json, ensure_refused, send,
};
use spark_ipc::model::inventory::ModelState;
use spark_ipc::model::node::{Freshness, Node};
use spark_ipc::model::operation::{OperationStarted, OperationState};
use spark_ipc::model::preflight::Preflight;
use spark_ipc::model::status::Snapshot;

fn options() -> FleetOptions {
    FleetOptions {
        nodes: 1,
        speed: 200.0,
        models: vec![SMALL],
        record: true,
        ..FleetOptions::default()
    }
}

/// The file that an injected command would make, in whatever folder it ran.
const MARK: &str = "PWNED";

/// No file of that name lies in the fleet's folder, in the real home of the nodes' user, or here.
fn ensure_nothing_ran(fleet: &Fleet) -> Result<()> {
    let mut found = Vec::new();
    find_mark(fleet.folder(), &mut found)?;
    let user = fleet.sparks[0].sshd.user();
    let entry = Command::new("getent").args(["passwd", user]).output()?;
    let entry = String::from_utf8(entry.stdout)?;
    let home = entry.split(':').nth(5).context("no home")?;
    for folder in [Path::new(home), &std::env::current_dir()?, Path::new("/")] {
        found.extend(std::iter::once(folder.join(MARK)).filter(|f| f.exists()));
    }
    ensure!(found.is_empty(), "something ran: {found:?}");
    for spark in &fleet.sparks {
        let execs = spark.recorded(Record::Execs)?;
        ensure!(!execs.is_empty(), "nothing was recorded");
        let other = execs.iter().find(|exec| *exec != EXEC);
        ensure!(other.is_none(), "the node was asked to run {other:?}");
    }
    Ok(())
}

fn find_mark(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy() == MARK {
            found.push(entry.path());
        }
        if entry.file_type()?.is_dir() {
            find_mark(&entry.path(), found)?;
        }
    }
    Ok(())
}

/// What no field takes.
fn hostile_values() -> Vec<String> {
    let mut values: Vec<String> = [
        "'; touch PWNED; '",
        "\"; touch PWNED; \"",
        "$(touch PWNED)",
        "`touch PWNED`",
        ";touch PWNED",
        "a\ntouch PWNED",
        "a\r\nx-injected: 1",
        "--privileged",
        "-v/:/host",
        "../..",
        "a/../../PWNED",
        "größe/模型",
        "a\0b",
        "\u{1b}]0;title\u{7}\u{1b}[2J",
        "\u{9b}31m\u{202e}gnp.exe",
        "{{.Names}}",
        "%s%n",
    ]
    .map(str::to_owned)
    .to_vec();
    values.push("a;".repeat(50_000));
    values
}

/// The bodies that carry a value, with the field that must be named.
fn bodies(value: &str) -> Vec<(&'static str, serde_json::Value, &'static str)> {
    use serde_json::json;
    let mut bodies = vec![
        ("/api/stop", json!({"unit": value}), "/unit"),
        ("/api/stop", json!({"all": value}), "/all"),
        (
            "/api/nodes/spark1/trust",
            json!({"fingerprint": value}),
            "/fingerprint",
        ),
        (
            "/api/swap",
            json!({"repo": SMALL, "dry_run": value}),
            "/dry_run",
        ),
    ];
    for route in ["/api/swap", "/api/preflight"] {
        bodies.extend([
            (route, json!({"repo": value}), "/repo"),
            (route, json!({"repo": SMALL, "recipe": value}), "/recipe"),
            (route, json!({"repo": SMALL, "nodes": [value]}), "/nodes/0"),
            (route, json!({"repo": SMALL, "nodes": value}), "/nodes"),
            (route, json!({"repo": SMALL, "keep": value}), "/keep"),
        ]);
    }
    bodies.extend(transfers(value));
    bodies
}

/// As [`bodies`], of what moves models and images.
fn transfers(value: &str) -> Vec<(&'static str, serde_json::Value, &'static str)> {
    use serde_json::json;
    let (download, copy) = ("/api/downloads", "/api/copies");
    let (pull, image_copy) = ("/api/images/pull", "/api/images/copy");
    vec![
        (download, json!({"repo": value}), "/repo"),
        (
            download,
            json!({"repo": SMALL, "revision": value}),
            "/revision",
        ),
        (
            download,
            json!({"repo": SMALL, "include": [value]}),
            "/include/0",
        ),
        (
            download,
            json!({"repo": SMALL, "exclude": [value]}),
            "/exclude/0",
        ),
        (
            download,
            json!({"repo": SMALL, "nodes": [value]}),
            "/nodes/0",
        ),
        (
            copy,
            json!({"repo": value, "from": "spark1", "to": "spark2"}),
            "/repo",
        ),
        (
            copy,
            json!({"repo": SMALL, "from": value, "to": "spark2"}),
            "/from",
        ),
        (
            copy,
            json!({"repo": SMALL, "from": "spark1", "to": value}),
            "/to",
        ),
        (pull, json!({"image": value}), "/image"),
        (
            pull,
            json!({"image": "a/b:1", "nodes": [value]}),
            "/nodes/0",
        ),
        (
            image_copy,
            json!({"image": value, "from": "spark1", "to": "spark2"}),
            "/image",
        ),
        (
            image_copy,
            json!({"image": "a/b:1", "from": "spark1", "to": value}),
            "/to",
        ),
    ]
}

/// The paths and queries that carry a value, with the parameter that must be named.
fn targets(value: &str) -> Vec<(&'static str, String, &'static str)> {
    let v = encode(value);
    vec![
        ("GET", format!("/api/models/{v}"), "repo"),
        ("GET", format!("/api/models/{v}/recipe"), "repo"),
        ("GET", format!("/api/models/{v}/name"), "repo"),
        ("GET", format!("/api/models/org/{v}"), "repo"),
        ("GET", format!("/api/models/org/{v}/recipe"), "repo"),
        ("DELETE", format!("/api/models/{v}/name"), "repo"),
        ("DELETE", format!("/api/models/org/{v}"), "repo"),
        ("DELETE", format!("/api/models/org/name?node={v}"), "node"),
        (
            "DELETE",
            format!("/api/models/org/name?dry_run={v}"),
            "dry_run",
        ),
        ("DELETE", format!("/api/models/org/name?{v}=1"), "query"),
        ("GET", format!("/api/nodes/{v}"), "node"),
        ("POST", format!("/api/nodes/{v}/test"), "node"),
        ("POST", format!("/api/nodes/{v}/trust"), "node"),
        ("GET", format!("/api/operations/{v}"), "id"),
        ("POST", format!("/api/operations/{v}/cancel"), "id"),
        ("GET", format!("/api/operations/{v}/events"), "id"),
        ("GET", format!("/api/units/{v}/logs"), "unit"),
        ("GET", format!("/api/units/main/logs?tail={v}"), "tail"),
        ("GET", format!("/api/units/main/logs?follow={v}"), "follow"),
        ("GET", format!("/api/units/main/logs?{v}=1"), "query"),
    ]
}

fn refuses(daemon: &Daemon, door: Door, value: &str) -> Result<()> {
    let shown: String = value.escape_debug().take(40).collect();
    for (route, body, field) in bodies(value) {
        let answer = send(daemon, door, ("POST", route), &[], &body.to_string())?;
        ensure_refused(&format!("{door:?} {route} {field} {shown}"), &answer, field)?;
    }
    // A name that no body has; the whole of it must not come back.
    let unknown = serde_json::json!({"repo": SMALL, value: true}).to_string();
    let answer = send(daemon, door, ("POST", "/api/swap"), &[], &unknown)?;
    ensure!(
        answer.status == 400 && answer.body.len() < 4000,
        "{answer:?}"
    );
    ensure_clean_json(&shown, &answer.body)?;
    for (method, target, field) in targets(value) {
        let answer = send(daemon, door, (method, &target), &[], "{}")?;
        if target.len() > 60_000 {
            // Refused while its head is read, before any route.
            ensure!(matches!(answer.status, 414 | 431), "{}", answer.status);
            continue;
        }
        // Some are refused by the guard, since two readers could take the path for two different ones.
        let by_guard = answer.body.contains("\"path\":\"path\"");
        let field = if by_guard { "path" } else { field };
        ensure_refused(&format!("{door:?} {method} {target}"), &answer, field)?;
    }
    if !value.contains(char::is_control) && value.len() < 1000 {
        let target = "/api/operations/0123456789/events";
        let answer = send(
            daemon,
            door,
            ("GET", target),
            &[("last-event-id", value)],
            "",
        )?;
        ensure_refused(&format!("{door:?} {shown}"), &answer, "Last-Event-ID")?;
    }
    Ok(())
}

/// The data plane's answer to a model that does not run.
fn ensure_no_such_model(answer: &Answer) -> Result<()> {
    ensure!(
        answer.status == 404 && answer.body.len() < 4000,
        "{answer:?}"
    );
    ensure_clean_json("/v1", &answer.body)?;
    let error = &answer.json()?["error"];
    ensure!(
        error["param"] == "model" && error["code"] == "model_not_found",
        "{error}"
    );
    Ok(())
}

#[tokio::test]
async fn no_route_lets_a_value_into_a_command() -> Result<()> {
    let fleet = Fleet::start(&options())?;
    fleet.daemon.settled().await?;
    for door in DOORS {
        for value in hostile_values() {
            refuses(&fleet.daemon, door, &value)?;
        }
    }
    assert_eq!(fleet.sparks[0].run("docker ps -aq")?, "");
    assert!(fleet.daemon.status().await?.operations.is_empty());

    let end = fleet.daemon.swapped(SMALL).await?;
    assert_eq!(end.state, OperationState::Succeeded, "{:?}", end.error);
    for (door, value) in DOORS
        .iter()
        .flat_map(|d| hostile_values().into_iter().map(|v| (*d, v)))
    {
        let body = serde_json::json!({"model": value, "messages": []}).to_string();
        for route in ["/v1/chat/completions", "/v1/completions"] {
            ensure_no_such_model(&send(&fleet.daemon, door, ("POST", route), &[], &body)?)?;
        }
        if value.len() < 1000 {
            let target = format!("/v1/{}", encode(&value));
            let answer = send(&fleet.daemon, door, ("GET", &target), &[], "")?;
            // 400 where two readers could take the path for two different ones.
            ensure!(matches!(answer.status, 400 | 404), "{answer:?}");
            ensure_clean_json(&target, &answer.body)?;
        }
    }
    assert_eq!(fleet.sparks[0].running()?, ["sparkctl-main-r0"]);
    let words = fleet.sparks[0].recorded(Record::DockerWords)?;
    assert!(words.iter().any(|w| w == "run"), "{words:?}");
    for bad in [MARK, "--privileged", "/:/host", "x-injected"] {
        assert!(!words.iter().any(|w| w.contains(bad)), "{bad}: {words:?}");
    }
    ensure_clean("the log", &fleet.daemon.log())?;
    ensure_nothing_ran(&fleet)
}

/// A recipe that is refused: its lines after `- id: …`, and what the error must name.
const REFUSED: [(&str, &str); 11] = [
    (
        "repo: Qwen/Qwen3-0.6B\n    image: a/b\n    flags: ['; touch PWNED']",
        "flags[0]",
    ),
    (
        "repo: Qwen/Qwen3-0.6B\n    image: a/b\n    flags: ['--max-num-seqs=1; touch PWNED']",
        "flags[0]",
    ),
    (
        "repo: Qwen/Qwen3-0.6B\n    image: a/b\n    flags: ['--seed $(touch PWNED)']",
        "flags[0]",
    ),
    (
        "repo: Qwen/Qwen3-0.6B\n    image: a/b\n    flags: ['-v/:/host']",
        "flags[0]",
    ),
    (
        "repo: Qwen/Qwen3-0.6B\n    image: a/b\n    flags: [\"--revision=a\\nb\"]",
        "flags[0]",
    ),
    (
        "repo: Qwen/Qwen3-0.6B\n    image: a/b\n    env: {A: \"x\\ntouch PWNED\"}",
        "env.A",
    ),
    (
        "repo: Qwen/Qwen3-0.6B\n    image: a/b\n    env: {'A=1 -v/:/host': x}",
        "env.A=1 -v/:/host",
    ),
    (
        "repo: Qwen/Qwen3-0.6B\n    image: a/b\n    env: {LD_PRELOAD: /x.so}",
        "env.LD_PRELOAD",
    ),
    (
        "repo: Qwen/Qwen3-0.6B\n    image: a/b\n    served_name: $(touch PWNED)",
        "served_name",
    ),
    (
        "repo: Qwen/Qwen3-0.6B\n    image: --privileged",
        "image reference",
    ),
    ("repo: a/b;touch PWNED\n    image: a/b", "repository id"),
];

/// Values that may be launched, since a flag or a variable can hold any text.
const NOTE: &str = r#"--override-generation-config={"note":"$(touch PWNED) `touch PWNED` 'a' && touch PWNED; \\"}"#;
const TRACES: &str = "--otlp-traces-endpoint=http://x/ ; touch PWNED | cat > PWNED";
const VARIABLE: &str = r#"$(touch PWNED) 'a' "b" \ ; touch PWNED #"#;

/// The overrides, and the first line of each refused entry.
fn overrides() -> (String, Vec<usize>) {
    let accepted = serde_json::json!([
        NOTE,
        TRACES,
        "--max-model-len=8192",
        "--gpu-memory-utilization=0.10"
    ]);
    let mut text = format!(
        "recipes:\n  - id: odd\n    repo: {SMALL}\n    image: eugr/spark-vllm:latest\n    \
         flags: {accepted}\n    env: {}\n",
        serde_json::json!({"ODD": VARIABLE}),
    );
    let mut lines = Vec::new();
    for (n, (entry, _)) in REFUSED.iter().enumerate() {
        lines.push(text.lines().count() + 1);
        text.extend(["  - id: bad", &n.to_string(), "\n    ", entry, "\n"]);
    }
    (text, lines)
}

#[tokio::test]
async fn a_hostile_recipe_is_refused_or_launched_word_for_word() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("overrides.yaml");
    let (text, lines) = overrides();
    std::fs::write(&path, text)?;
    let settings = vec![("MODELS_OVERRIDES", path.display().to_string())];
    let fleet = Fleet::start(&FleetOptions {
        settings,
        ..options()
    })?;
    fleet.daemon.settled().await?;

    let mut errors = fleet.daemon.models().await?.recipe_errors;
    let line_of = |error: &String| {
        error
            .split(':')
            .nth(1)
            .and_then(|n| n.parse::<usize>().ok())
    };
    errors.sort_by_key(line_of);
    assert_eq!(errors.len(), REFUSED.len(), "{errors:#?}");
    for (((_, named), line), error) in REFUSED.iter().zip(&lines).zip(&errors) {
        let told = line_of(error).context("no line")?;
        assert!((*line..line + 4).contains(&told), "line {line}: {error}");
        assert!(error.contains(named), "{named}: {error}");
        ensure_clean("recipe_errors", error)?;
    }

    let body = serde_json::json!({"repo": SMALL, "dry_run": true});
    let preview: Preflight = fleet.daemon.client().post("/api/swap", &body).await?;
    let argv = &preview.commands[0].argv;
    let image = argv
        .iter()
        .position(|w| w == "eugr/spark-vllm:latest")
        .context("no image")?;
    let end = fleet.daemon.swapped(SMALL).await?;
    assert_eq!(
        end.state,
        OperationState::Succeeded,
        "{:?} {:?}",
        end.error,
        end.advice
    );
    let config =
        fleet.sparks[0].run("docker inspect --format '{{json .Config}}' sparkctl-main-r0")?;
    let config: serde_json::Value = serde_json::from_str(&config)?;
    let words: Vec<String> = serde_json::from_value(config["Cmd"].clone())?;
    assert_eq!(words, argv[image + 1..]);
    for word in [NOTE, TRACES] {
        assert!(words.iter().any(|w| w == word), "{words:?}");
    }
    let env: Vec<String> = serde_json::from_value(config["Env"].clone())?;
    assert!(env.contains(&format!("ODD={VARIABLE}")), "{env:?}");
    ensure_nothing_ran(&fleet)
}

/// What a broken tool or shell may print.
const BABBLE: &[u8] =
    b"\x1b]0;pwned\x07\x1b[2J\xe2\x80\xae{\"x\":\xff\x00\x08 \xc2\x9b31m\r\n$(touch PWNED)\n";

/// Nothing of what was said came through as it was, wherever it can be seen.
async fn ensure_all_clean(daemon: &Daemon) -> Result<()> {
    for door in DOORS {
        for path in [
            "/api/status",
            "/api/nodes",
            "/api/nodes/spark1",
            "/api/models",
            "/api/units",
            "/api/operations",
        ] {
            let answer = send(daemon, door, ("GET", path), &[], "")?;
            ensure!(answer.status == 200, "{path}: {answer:?}");
            ensure_clean_json(path, &answer.body)?;
        }
        let metrics = send(daemon, door, ("GET", "/metrics"), &[], "")?;
        ensure_clean("/metrics", &metrics.body)?;
    }
    let mut events = daemon.client().events("/api/events", None).await?;
    let snapshot = events.next().await?.context("the stream ended")?;
    assert_eq!(snapshot.name, "snapshot");
    ensure_clean_json("/api/events", &snapshot.data)?;
    for words in [
        &["status"][..],
        &["models"],
        &["nodes"],
        &["ops"],
        &["status", "--json"],
    ] {
        let output = Command::new(program("spark-control")?)
            .arg("--socket")
            .arg(daemon.socket())
            .args(words)
            .output()?;
        ensure_clean(&format!("{words:?}"), std::str::from_utf8(&output.stdout)?)?;
        ensure_clean(&format!("{words:?}"), std::str::from_utf8(&output.stderr)?)?;
    }
    ensure_clean("the log", &daemon.log())
}

fn warned(node: &Node, section: &str) -> bool {
    let start = format!("{section}: not understood: ");
    node.warnings
        .iter()
        .any(|w| w.starts_with(&start) && w.len() > start.len())
}

/// What a broken tool must not take away.
fn kept(node: &Node) -> (bool, bool, usize, usize) {
    (
        node.memory.is_some(),
        node.gpu.is_some(),
        node.disks.len(),
        node.containers.len(),
    )
}

#[tokio::test]
async fn a_tool_that_prints_nonsense_is_warned_of_and_costs_no_value() -> Result<()> {
    let fleet = Fleet::start(&options())?;
    fleet.daemon.swapped_when_settled(SMALL).await?;
    let before = fleet
        .daemon
        .wait_for("the container", |s| s.status.nodes[0].containers.len() == 1)
        .await?;
    let before = kept(&before.status.nodes[0]);
    assert!(before.0 && before.1 && before.2 > 0, "{before:?}");
    let spark = &fleet.sparks[0];
    for (tool, section) in [
        ("nvidia-smi", "gpu"),
        ("nvidia-smi", "apps"),
        ("docker", "docker"),
        ("df", "disk"),
    ] {
        spark.set_fault(&["nonsense", "--tool", tool])?;
        let is_told = |s: &Snapshot| warned(&s.status.nodes[0], section);
        let seen = fleet
            .daemon
            .wait_for(&format!("a warning of {tool}"), is_told)
            .await?;
        assert_eq!(kept(&seen.status.nodes[0]), before, "{tool}");
        assert_eq!(seen.status.units.len(), 1, "{tool}");
        ensure_all_clean(&fleet.daemon).await?;
        spark.clear_faults()?;
        fleet
            .daemon
            .wait_for("no warning", |s| s.status.nodes[0].warnings.is_empty())
            .await?;
    }
    spark.set_fault(&["nonsense"])?;
    let all = |s: &Snapshot| {
        ["gpu", "apps", "docker", "disk"]
            .iter()
            .all(|t| warned(&s.status.nodes[0], t))
    };
    let seen = fleet
        .daemon
        .wait_for("a warning of everything", all)
        .await?;
    assert_eq!(kept(&seen.status.nodes[0]), before);
    let logs = send(
        &fleet.daemon,
        Door::Tcp,
        ("GET", "/api/units/main/logs?tail=50"),
        &[],
        "",
    )?;
    ensure_clean("the log of a unit", &logs.body)?;
    ensure_all_clean(&fleet.daemon).await?;
    ensure_nothing_ran(&fleet)
}

#[tokio::test]
async fn a_node_whose_shell_prints_nonsense_ages() -> Result<()> {
    let settings = vec![("INVENTORY_INTERVAL_S", "5".to_owned())];
    let fleet = Fleet::start(&FleetOptions {
        settings,
        ..options()
    })?;
    let before = fleet.daemon.settled().await?;
    fleet.sparks[0].babble(Some(BABBLE))?;
    let aged = |s: &Snapshot| s.status.nodes[0].freshness != Freshness::Fresh;
    let seen = fleet.daemon.wait_for("old values", aged).await?;
    let (node, known) = (&seen.status.nodes[0], &before.status.nodes[0]);
    assert_eq!(
        node.memory.as_ref().map(|m| m.total_bytes),
        known.memory.as_ref().map(|m| m.total_bytes)
    );
    assert!(node.observed_at.is_some() && node.gpu.is_some(), "{node:?}");
    assert_eq!(seen.models.models.len(), before.models.models.len());
    ensure_all_clean(&fleet.daemon).await?;
    fleet.sparks[0].babble(None)?;
    fleet
        .daemon
        .wait_for("fresh values", |s| {
            s.status.nodes[0].freshness == Freshness::Fresh
        })
        .await?;
    ensure_nothing_ran(&fleet)
}

/// A container that calls itself names, beside what the node's Docker says.
const EVIL_DOCKER: &str = r#"#!/bin/sh
if [ "$1" = ps ]; then
    case " $* " in
    *json*) printf '%s\n' '{"ID":"$(touch PWNED)","Names":"\u001b[31mevil\u202e;touch PWNED","Image":"\u009b2Ja b","State":"running","Status":"Up\n1","Labels":"sparkctl.unit=$(touch PWNED)"}' ;;
    *) printf '%s\n' '$(touch${IFS}PWNED)' '--privileged' ;;
    esac
    exit 0
fi
if [ "$1" = inspect ]; then
    printf '%s\n' '[{"Id":"$(touch PWNED)","Name":"/\u001b[31m\u202eevil","Image":"sha256:\u009b","State":{"Status":"running","ExitCode":0,"Error":"\u0007"},"Config":{"Image":"\u001b]0;x\u0007a;touch PWNED","Labels":{"sparkctl.unit":"$(touch PWNED)","sparkctl.rank":"-1"}}}]'
    exit 0
fi
echo 'x'
"#;

/// A disk and a Docker full of names that no real one has.
fn hostile_names(_n: usize, spark: &Spark) -> Result<()> {
    let hub = spark.node()?.hub();
    for folder in [
        "models--a--b;touch PWNED",
        "models--$(touch PWNED)--b",
        "models--a--\u{1b}[31mred\u{202e}",
        "models--x--y\nmodels--z--z",
        "models----rf--b",
        "models--..--..",
    ] {
        let snapshot = hub.join(folder).join("snapshots/abc");
        std::fs::create_dir_all(&snapshot)?;
        std::fs::write(snapshot.join("model.safetensors"), "weights")?;
    }
    let snapshot = hub.join("models--Org--Odd/snapshots/abc");
    std::fs::create_dir_all(&snapshot)?;
    std::fs::write(
        snapshot.join("config.json"),
        r#"{"architectures":["\u001b[31m$(touch PWNED)"],
            "auto_map":{"\u202eAutoConfig":["\u009b2Jx"],"\u0007":{"a":"\u001b]0;b\u0007"}}}"#,
    )?;
    std::os::unix::fs::symlink(
        "nowhere",
        snapshot.join("$(touch PWNED)\u{1b}[2J\u{9b}\n.safetensors"),
    )?;
    spark.replace_tool("docker", EVIL_DOCKER)?;
    Ok(())
}

#[tokio::test]
async fn hostile_names_on_a_node_are_left_out_or_cleaned() -> Result<()> {
    let fleet = Fleet::start(&FleetOptions {
        prepare: hostile_names,
        ..options()
    })?;
    let seen = fleet.daemon.wait_for("the lists", |s| {
        s.models.models.len() > 1 && !s.status.nodes[0].containers.is_empty()
    });
    let seen = seen.await?;
    let repos: Vec<&str> = seen.models.models.iter().map(|m| m.repo.as_str()).collect();
    assert_eq!(repos, ["Org/Odd", SMALL]);
    let odd = &seen.models.models[0];
    assert_eq!(odd.state, ModelState::Partial);
    assert_eq!(odd.nodes[0].missing_count, 1);
    assert_eq!(seen.status.nodes[0].containers[0].name, "evil;touch PWNED");
    ensure_all_clean(&fleet.daemon).await?;
    for door in DOORS {
        let path = "/api/models/Org/Odd";
        let detail = send(&fleet.daemon, door, ("GET", path), &[], "")?;
        ensure!(detail.status == 200, "{detail:?}");
        ensure!(detail.body.contains("AutoConfig"), "{detail:?}");
        ensure_clean_json(path, &detail.body)?;
    }
    // Whatever such a container is shown as, acting on it runs nothing.
    let units = fleet.daemon.status().await?.units;
    for unit in &units {
        let body = serde_json::json!({"unit": unit.id});
        let stop = fleet
            .daemon
            .client()
            .post::<_, OperationStarted>("/api/stop", &body)
            .await;
        if let Ok(stop) = stop {
            fleet.daemon.ended_operation(&stop.operation.id).await?;
        }
        let logs = format!("/api/units/{}/logs?tail=5", unit.id);
        ensure_clean(
            "logs",
            &send(&fleet.daemon, Door::Socket, ("GET", &logs), &[], "")?.body,
        )?;
    }
    ensure_all_clean(&fleet.daemon).await?;
    ensure_nothing_ran(&fleet)
}
