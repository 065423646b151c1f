//! The daemon's beginning and end: what it refuses to start with, what it puts up with, how it leaves.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use spark_e2e::daemon::Daemon;
use spark_e2e::fleet::{Fleet, FleetOptions, SMALL, address_block};
use spark_ipc::model::inventory::ModelList;
use spark_ipc::version::VersionInfo;
use tempfile::TempDir;

/// A daemon, not started yet, whose only node refuses every connection.
fn lonely(settings: &[(&str, String)]) -> Result<(TempDir, Daemon)> {
    let folder = tempfile::tempdir()?;
    let mut daemon = Daemon::prepare(folder.path(), address_block(), settings)?;
    for (name, value) in [
        ("SPARK1_HOST", "127.0.0.1"),
        ("SPARK1_USER", "nobody"),
        ("SPARK1_SSH_PORT", "1"),
    ] {
        daemon.set(name, value);
    }
    Ok((folder, daemon))
}

fn run(daemon: &Daemon, verb: &str) -> Result<Output> {
    Ok(daemon.command(verb)?.output()?)
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn version(daemon: &Daemon) -> Result<VersionInfo> {
    Ok(daemon.client().get("/api/version").await?)
}

fn mode(path: &Path) -> Result<u32> {
    Ok(std::fs::symlink_metadata(path)?.permissions().mode() & 0o777)
}

#[test]
fn every_fault_of_the_environment_is_told_at_once() -> Result<()> {
    let (_folder, mut daemon) = lonely(&[])?;
    let faults = [
        ("SPARK1_HOST", "my spark"),
        ("SPARK1_USER", "ro$ot"),
        ("SPARK1_SSH_PORT", "70000"),
        ("SPARK2_USER", "-oProxyCommand=x"),
        ("BIND_ADDR", "everywhere"),
        ("BIND_PORT", "0"),
        ("POLL_INTERVAL_S", "soon"),
        ("HOST_KEY_POLICY", "never"),
    ];
    for (name, value) in faults {
        daemon.set(name, value);
    }
    for verb in ["serve", "check", "ssh-key"] {
        let output = run(&daemon, verb)?;
        assert_eq!(output.status.code(), Some(78), "{output:?}");
        let said = err(&output);
        // SPARK2_HOST is missing as well.
        assert!(
            said.starts_with("spark-controld: the environment has 9 faults:\n"),
            "{said}"
        );
        assert_eq!(said.lines().count(), 10, "{said}");
        for name in faults.map(|f| f.0).into_iter().chain(["SPARK2_HOST"]) {
            assert!(said.contains(&format!("\n  {name}: ")), "{name}: {said}");
        }
        assert_eq!(out(&output), "");
    }
    assert!(
        !daemon.data().exists(),
        "nothing is made before all is well"
    );
    Ok(())
}

#[tokio::test]
async fn a_second_daemon_is_refused_and_a_killed_one_succeeded() -> Result<()> {
    let (folder, mut daemon) = lonely(&[])?;
    daemon.start()?;
    let first = version(&daemon).await?;
    let mut second = Daemon::prepare(folder.path(), address_block(), &[])?;
    second.set("SPARK1_HOST", "127.0.0.1");
    second.set("SPARK1_USER", "nobody");
    let output = run(&second, "serve")?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let pid = daemon.pid().context("no pid")?;
    assert!(
        err(&output).contains(&format!(
            "another spark-controld serves {}",
            daemon.socket().display()
        )),
        "{output:?}"
    );
    assert!(err(&output).contains(&format!("pid {pid}")), "{output:?}");
    assert_eq!(version(&daemon).await?.instance, first.instance);

    daemon.kill()?;
    assert!(
        std::fs::symlink_metadata(daemon.socket())?
            .file_type()
            .is_socket()
    );
    daemon.start()?;
    assert_ne!(version(&daemon).await?.instance, first.instance);
    assert!(daemon.terminate()?.success());
    assert!(!daemon.socket().exists());
    Ok(())
}

#[tokio::test]
async fn what_is_no_socket_is_left_alone() -> Result<()> {
    let (_folder, daemon) = lonely(&[])?;
    std::fs::create_dir(daemon.data())?;
    std::fs::write(daemon.socket(), "precious")?;
    let output = run(&daemon, "serve")?;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err(&output).contains("is there and is not a socket"),
        "{output:?}"
    );
    assert_eq!(std::fs::read_to_string(daemon.socket())?, "precious");
    Ok(())
}

/// A file of recipes whose second entry has a tab at the third line of it.
const BROKEN: &str = "recipes:\n  - id: good\n    repo: Org/Good\n    image: a/b\n  - id: bad\n    repo: Org/Bad\n\timage: a/b\n";

#[tokio::test]
async fn broken_recipes_are_told_with_their_place_and_cost_nothing_else() -> Result<()> {
    let (folder, mut daemon) = lonely(&[])?;
    let file = folder.path().join("recipes.yaml");
    let absent = folder.path().join("absent.yaml");
    for (variable, name) in [
        ("MODELS_YAML", "models.yaml"),
        ("MODELS_OVERRIDES", "overrides"),
    ] {
        for (text, place) in [
            (BROKEN, "7:"),
            ("recipes: {\n", ""),
            ("recipes:\n  - id: [\n", ""),
        ] {
            std::fs::write(&file, text)?;
            daemon.set(variable, &file.display().to_string());
            let start = format!("{name}:{place}");
            let checked = run(&daemon, "check")?;
            let told = format!("recipes: {start}");
            let line = out(&checked)
                .lines()
                .find(|l| l.starts_with(&told))
                .map(str::to_owned);
            let line = line.with_context(|| format!("no {told:?}: {checked:?}"))?;
            let numbers: Vec<&str> = line.split(':').skip(2).take(2).collect();
            ensure!(numbers.iter().all(|n| n.parse::<u32>().is_ok()), "{line}");

            daemon.start()?;
            let models: ModelList = daemon.client().get("/api/models").await?;
            let [error] = models.recipe_errors.as_slice() else {
                anyhow::bail!("{:?}", models.recipe_errors);
            };
            assert_eq!(format!("recipes: {error}"), line);
            assert!(daemon.status().await?.nodes.len() == 1);
            assert!(daemon.terminate()?.success());
        }
        daemon.unset(variable);
    }
    daemon.set("MODELS_YAML", &absent.display().to_string());
    let said = out(&run(&daemon, "check")?);
    assert!(
        said.contains(&format!("recipes: {} cannot be read", absent.display())),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn a_broken_journal_is_set_aside() -> Result<()> {
    let (_folder, mut daemon) = lonely(&[])?;
    std::fs::create_dir(daemon.data())?;
    let garbage = "this is no database\n".repeat(500);
    std::fs::write(daemon.data().join("journal.db"), &garbage)?;
    daemon.start()?;
    assert!(daemon.status().await?.operations.is_empty());
    assert!(
        daemon
            .log()
            .contains("the journal was broken and is set aside"),
        "{}",
        daemon.log()
    );
    let kept = std::fs::read_dir(daemon.data())?.flatten().any(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with("journal.db")
            && daemon.log().contains(&name)
            && std::fs::read(entry.path()).is_ok_and(|bytes| bytes == garbage.as_bytes())
    });
    assert!(kept, "nothing is lost: {}", daemon.log());
    Ok(())
}

#[test]
fn a_folder_that_cannot_be_made_is_named_with_the_cause() -> Result<()> {
    let (folder, mut daemon) = lonely(&[])?;
    let file = folder.path().join("file");
    std::fs::write(&file, "")?;
    for place in [file.join("data"), "/proc/spark-control".into()] {
        daemon.set("DATA_DIR", &place.display().to_string());
        let output = run(&daemon, "serve")?;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = err(&output);
        assert!(
            said.contains(&format!("cannot make the folder {}", place.display())),
            "{said}"
        );
        assert!(
            said.contains("DATA_DIR") && said.contains("\n  because: "),
            "{said}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_socket_is_for_owner_and_group_alone() -> Result<()> {
    let (folder, mut daemon) = lonely(&[])?;
    let own = folder.path().join("run/deep/control.sock");
    daemon.start()?;
    assert_eq!(
        (mode(&daemon.socket())?, mode(daemon.data())?),
        (0o660, 0o700)
    );
    assert_eq!(mode(&daemon.data().join("ssh/id_ed25519"))?, 0o600);
    assert!(daemon.terminate()?.success());
    daemon.set("SPARK_CONTROL_SOCKET", &own.display().to_string());
    daemon.start()?;
    assert_eq!(
        (mode(&own)?, mode(own.parent().context("no parent")?)?),
        (0o660, 0o750)
    );
    Ok(())
}

#[tokio::test]
async fn health_answers_by_exit_code() -> Result<()> {
    let (_folder, mut daemon) = lonely(&[])?;
    let output = run(&daemon, "health")?;
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(err(&output).contains("no daemon answers at"), "{output:?}");
    daemon.start()?;
    let output = run(&daemon, "health")?;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(out(&output).contains("is well"), "{output:?}");
    daemon.kill()?;
    assert_eq!(run(&daemon, "health")?.status.code(), Some(4));
    Ok(())
}

#[test]
fn the_key_comes_with_one_line_that_installs_it() -> Result<()> {
    let (folder, daemon) = lonely(&[])?;
    let said = out(&run(&daemon, "ssh-key")?);
    let key = said.lines().next().context("no key")?.to_owned();
    assert!(key.starts_with("ssh-ed25519 AAAA"), "{said}");
    let [line] = said
        .lines()
        .skip(1)
        .filter(|l| l.contains(&key))
        .collect::<Vec<_>>()[..]
    else {
        anyhow::bail!("not one line: {said}");
    };
    let home = folder.path().join("home");
    std::fs::create_dir(&home)?;
    // Pasted twice, on a Spark whose file ends without a line end.
    std::fs::create_dir(home.join(".ssh"))?;
    std::fs::write(
        home.join(".ssh/authorized_keys"),
        "ssh-ed25519 AAAAother me",
    )?;
    for _ in 0..2 {
        let done = Command::new("sh")
            .args(["-c", line])
            .env("HOME", &home)
            .status()?;
        assert!(done.success());
    }
    let keys = std::fs::read_to_string(home.join(".ssh/authorized_keys"))?;
    let lines: Vec<&str> = keys.lines().filter(|l| !l.is_empty()).collect();
    assert_eq!(lines, ["ssh-ed25519 AAAAother me", &key]);
    assert_eq!(
        run(&daemon, "ssh-key")?.stdout,
        said.as_bytes(),
        "the key stays"
    );
    Ok(())
}

/// Sends a request and reads in a thread until the other end closes.
fn reader(address: &str, request: &str) -> Result<std::thread::JoinHandle<String>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(request.as_bytes())?;
    Ok(std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A connection that is cut has told what it had to tell.
        drop(stream.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    }))
}

#[tokio::test]
async fn it_ends_in_time_whatever_is_open() -> Result<()> {
    let mut fleet = Fleet::start(&FleetOptions {
        nodes: 1,
        speed: 200.0,
        models: vec![SMALL],
        ..FleetOptions::default()
    })?;
    fleet.daemon.swapped_when_settled(SMALL).await?;
    let pid = fleet.sparks[0].run("docker inspect --format '{{.State.Pid}}' sparkctl-main-r0")?;
    // An engine that takes the connection and says nothing more.
    fleet.sparks[0].run(&format!("kill -STOP {}", pid.trim()))?;
    let address = fleet.daemon.address().to_owned();
    let events = reader(
        &address,
        "GET /api/events HTTP/1.1\r\nhost: localhost\r\n\r\n",
    )?;
    let body = r#"{"stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let chat = reader(&address, &request)?;
    fleet
        .daemon
        .wait_for("the request in flight", |s| {
            s.status.proxy.requests_in_flight == 1
        })
        .await?;
    let begun = Instant::now();
    let status = fleet.daemon.terminate()?;
    let took = begun.elapsed();
    assert_eq!(status.code(), Some(0), "{}", fleet.daemon.log());
    assert!(
        took < Duration::from_secs(8),
        "{took:?}\n{}",
        fleet.daemon.log()
    );
    let events = events
        .join()
        .map_err(|_panic| anyhow::anyhow!("the reader panicked"))?;
    assert!(events.contains("event: bye"), "{events}");
    drop(chat.join());
    // The model runs on, and the next daemon finds it.
    fleet.sparks[0].run(&format!("kill -CONT {}", pid.trim()))?;
    fleet.daemon.start()?;
    let (model, _) = {
        use spark_ipc::model::status::ProxyState;
        fleet
            .daemon
            .wait_for("the model again", |s| {
                s.status.proxy.state == ProxyState::Serving
            })
            .await?;
        fleet.daemon.ask("What is 12*17?").await?
    };
    assert_eq!(model, "qwen3-0.6b");
    Ok(())
}
