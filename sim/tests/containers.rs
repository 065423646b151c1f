//! Containers of a simulated node, through real shell scripts and the built executable.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use spark_sim::cache::{self, Extent};
use spark_sim::faults::Fault;
use spark_sim::node::{process, sshd_environment};
use spark_sim::{Node, NodeConfig, tools};

const MODEL: &str = "Qwen/Qwen3-0.6B";
const IMAGE: &str = "eugr/spark-vllm:latest";

/// A node in a folder of its own; its processes end with it.
struct Spark {
    node: Node,
    _dir: tempfile::TempDir,
}

impl Spark {
    fn new(last: u8) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [.., high, low] = std::process::id().to_be_bytes();
        let mut config = NodeConfig {
            address: Ipv4Addr::new(127, high.max(1), low, last),
            fabric: vec![Ipv4Addr::new(127, high.max(1), low.wrapping_add(1), last)],
            speed: 2000.0,
            ..NodeConfig::default()
        };
        config.images.push("alpine:latest".to_owned());
        let node = Node::create(&dir.path().join("n"), config).unwrap();
        node.link_tools(Path::new(env!("CARGO_BIN_EXE_spark-sim")), tools::NAMES)
            .unwrap();
        Self { node, _dir: dir }
    }

    /// Runs a script as one that arrives over SSH.
    fn sh(&self, script: &str) -> Output {
        let mut command = Command::new("/bin/sh");
        command
            .env_clear()
            .envs(sshd_environment(&self.node))
            .args(["-c", script]);
        command.current_dir(self.node.home()).output().unwrap()
    }

    /// Its standard output, when it went well.
    fn ok(&self, script: &str) -> String {
        let output = self.sh(script);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{script}\n{out}\n{err}");
        out.trim_end().to_owned()
    }

    /// Its exit code and standard error, when it failed.
    fn fails(&self, script: &str) -> (i32, String) {
        let output = self.sh(script);
        assert!(
            !output.status.success(),
            "{script}\n{}",
            text(&output.stdout)
        );
        (output.status.code().unwrap_or(-1), text(&output.stderr))
    }

    /// Looks until `script` prints `want`: at the thing itself, for a bounded number of looks.
    fn until(&self, script: &str, want: &str) {
        let mut last = String::new();
        for _ in 0..600 {
            text(&self.sh(script).stdout)
                .trim_end()
                .clone_into(&mut last);
            if last == want {
                return;
            }
        }
        let logs = self.sh("for c in $(docker ps -aq); do docker logs $c 2>&1 | tail -20; done");
        panic!("{script}: never {want}, now {last}\n{}", text(&logs.stdout));
    }

    fn serve(&self, name: &str, port: u16) -> String {
        cache::put(&self.node, MODEL, Extent::Complete).unwrap();
        self.ok(&format!(
            "docker run -d --name {name} --entrypoint vllm --gpus all --network host --ipc host \
             --ulimit memlock=-1 --cap-add IPC_LOCK --device /dev/infiniband --restart no \
             --log-opt max-size=50m --log-opt max-file=3 -l sparkctl.unit={name} -l a=b,c \
             -v \"$HOME/.cache/huggingface\":/root/.cache/huggingface -e HF_HUB_OFFLINE=1 \
             {IMAGE} serve {MODEL} --port {port} --gpu-memory-utilization 0.4 --max-model-len 2048"
        ))
    }
}

impl Drop for Spark {
    fn drop(&mut self) {
        process::kill_all(self.node.dir());
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_model_is_launched_seen_asked_and_stopped() {
    let spark = Spark::new(1);
    let id = spark.serve("main", 8000);
    assert_eq!(id.len(), 64);
    spark.until(
        "docker logs main 2>&1 | grep -c 'Application startup complete'",
        "1",
    );
    let row: Value = serde_json::from_str(
        &spark.ok("docker ps -a --no-trunc --filter label=sparkctl.unit --format '{{json .}}'"),
    )
    .unwrap();
    assert_eq!(row["ID"], id.as_str());
    assert_eq!(row["State"], "running");
    assert_eq!(row["Labels"], "a=b,c,sparkctl.unit=main");
    assert_eq!(
        spark.ok("docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' main"),
        "running 0"
    );
    assert_eq!(
        spark.ok("docker inspect -f '{{json .Config.Entrypoint}}' main"),
        "[\"vllm\"]"
    );
    let apps = "nvidia-smi --query-compute-apps=process_name --format=csv,noheader";
    assert_eq!(spark.ok(apps), "VLLM::EngineCore");
    assert_eq!(spark.ok(&format!("docker exec main {apps}")), "");
    assert_eq!(spark.ok("ss -Hltn | awk '{print $4}'"), "0.0.0.0:8000");
    assert!(spark.ok("ss -Hltnp").contains("users:((\"vllm\",pid="));

    let busy = "nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader,nounits";
    assert_eq!(spark.ok(busy), "0");
    let address = spark.node.config().address;
    let body = format!(r#"{{"model": "{MODEL}", "prompt": "hello", "max_tokens": 4}}"#);
    let ask = format!(
        "curl -fsS -H 'content-type: application/json' -d '{body}' http://{address}:8000/v1/completions"
    );
    spark.until(
        &format!("{ask} >/dev/null; test $({busy}) -ge 90 && echo busy"),
        "busy",
    );

    spark.ok("docker stop -t 20 main");
    assert_eq!(spark.ok("docker wait main"), "0");
    assert_eq!(
        spark.ok("docker inspect -f '{{.State.Status}} {{.State.OOMKilled}}' main"),
        "exited false"
    );
    assert_eq!(spark.ok(apps), "");
    spark.ok("docker rm main");
    assert_eq!(
        spark.fails("docker inspect main"),
        (1, "Error: No such object: main\n".to_owned())
    );
}

#[test]
fn an_engine_that_finds_no_model_exits_and_leaves_its_log() {
    let spark = Spark::new(2);
    spark.ok(&format!(
        "docker run -d --name xx --entrypoint vllm --gpus all --network host -e HF_HUB_OFFLINE=1 \
         {IMAGE} serve nobody/nothing"
    ));
    assert_eq!(spark.ok("docker wait xx"), "1");
    assert!(
        spark
            .ok("docker ps -a --format '{{.Status}}'")
            .starts_with("Exited (1)")
    );
    assert!(spark.ok("docker logs xx 2>&1").contains("nobody/nothing"));
    let (code, err) = spark.fails(&format!("docker run -d --name xx {IMAGE} true"));
    assert_eq!(code, 125);
    assert!(
        err.starts_with(
            "docker: Error response from daemon: Conflict. The container name \"/xx\" is already in use by \
             container \""
        ),
        "{err}"
    );
    assert!(
        err.contains("You have to remove (or rename) that container"),
        "{err}"
    );
}

#[test]
fn unknown_engine_flags_are_refused_by_the_engine() {
    let spark = Spark::new(3);
    spark.ok(&format!(
        "docker run -d --name xx --entrypoint vllm --gpus all {IMAGE} serve m --no-such-flag 1"
    ));
    assert_eq!(spark.ok("docker wait xx"), "2");
    assert!(
        spark
            .ok("docker logs xx 2>&1")
            .contains("unrecognized arguments: --no-such-flag")
    );
}

#[test]
fn shells_run_for_real_and_streams_stay_apart() {
    let spark = Spark::new(4);
    let run = "docker run --rm --entrypoint bash alpine -lc 'echo out; echo err >&2; exit 7'";
    let output = spark.sh(run);
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(
        (text(&output.stdout).as_str(), text(&output.stderr).as_str()),
        ("out\n", "err\n")
    );
    assert_eq!(spark.ok("docker ps -aq"), "");

    spark.ok("docker run -d --name box alpine sh -c 'for i in 1 2 3; do echo line $i; done; echo bad >&2'");
    assert_eq!(spark.ok("docker wait box"), "0");
    assert_eq!(
        spark.ok("docker logs --tail all box 2>/dev/null | tail -1"),
        "line 3"
    );
    assert_eq!(spark.ok("docker logs --tail 2 box 2>&1 | wc -l"), "2");
    assert_eq!(spark.ok("docker logs box 2>&1 >/dev/null"), "bad");
    assert!(
        spark
            .ok("docker logs -t box 2>/dev/null | head -1")
            .contains("Z line 1")
    );
    assert_eq!(
        spark.ok("docker logs -f --since 10m box 2>/dev/null | wc -l"),
        "3"
    );
    let version = format!("docker run --rm --entrypoint bash {IMAGE} -lc 'vllm --version'");
    assert_eq!(spark.ok(&version), "0.32.0");
}

#[test]
fn process_one_without_a_handler_hears_only_the_kill() {
    let spark = Spark::new(5);
    spark.ok("docker run -d --name box alpine sleep infinity");
    spark.ok("docker stop -t 1 box");
    assert_eq!(
        spark.ok("docker inspect -f '{{.State.ExitCode}}' box"),
        "137"
    );
    spark.ok("docker start box");
    spark.ok("docker exec -d box sh -c 'echo heard >> /proc/1/fd/1'");
    spark.until("docker logs box", "heard");
    assert_eq!(spark.ok("docker exec -e A=1 box sh -c 'echo $A'"), "1");
    let (code, err) = spark.fails("docker exec box nope");
    assert_eq!(code, 127);
    assert!(
        err.contains("exec: \"nope\": executable file not found in $PATH"),
        "{err}"
    );
    let (code, err) = spark.fails("docker rm box");
    assert_eq!(code, 1);
    assert!(
        err.contains("container is running: stop the container before removing"),
        "{err}"
    );
    spark
        .ok("docker rename box other && docker kill other && docker wait other && docker rm other");
}

#[test]
fn what_cannot_start_stays_created_and_says_why() {
    let spark = Spark::new(6);
    let (code, err) = spark.fails("docker run -d --name aa alpine nope");
    assert_eq!(code, 127);
    assert!(err.contains("OCI runtime create failed"), "{err}");
    assert_eq!(
        spark.ok("docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' aa"),
        "created 127"
    );
    let (code, err) =
        spark.fails("docker run -d --mount type=bind,src=/nowhere,dst=/x alpine true");
    assert_eq!(code, 125);
    assert!(
        err.contains("bind source path does not exist: /nowhere"),
        "{err}"
    );

    spark.ok("docker run -d --name web -p 8080:80 alpine sleep infinity");
    let (code, err) = spark.fails("docker run -d --name web2 -p 8080:80 alpine sleep infinity");
    assert_eq!(code, 125);
    assert!(
        err.contains("Bind for 0.0.0.0:8080 failed: port is already allocated"),
        "{err}"
    );
    spark.ok("docker rm -f web web2 aa");
}

#[test]
fn images_that_are_missing_or_foreign() {
    let spark = Spark::new(7);
    let (code, err) = spark.fails("docker run -d nobody/none:1 true");
    assert_eq!(code, 125);
    assert!(
        err.starts_with("Unable to find image 'nobody/none:1' locally\n"),
        "{err}"
    );
    assert!(
        err.contains("pull access denied for nobody/none, repository does not exist"),
        "{err}"
    );
    let output = spark.sh("docker run onerahmet/openai-whisper-asr-webservice:latest sh -c true");
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(255), "{err}");
    assert!(
        err.contains("(linux/amd64) does not match the detected host platform (linux/arm64/v8)"),
        "{err}"
    );
    assert!(err.contains("exec format error"), "{err}");
    let format =
        "docker image inspect -f '{{json .Config.Entrypoint}} {{.Architecture}}' vllm/vllm-openai";
    assert_eq!(spark.ok(format), "[\"vllm\",\"serve\"] arm64");
    spark
        .node
        .set_fault(Fault::ImageMissing {
            image: IMAGE.to_owned(),
        })
        .unwrap();
    assert_eq!(
        spark.fails(&format!("docker image inspect {IMAGE}")).1,
        format!("Error: No such image: {IMAGE}\n")
    );
}

#[test]
fn restart_policies_are_followed() {
    let spark = Spark::new(8);
    spark.ok("docker run -d --name again --restart on-failure:2 alpine sh -c 'echo try; exit 3'");
    assert_eq!(spark.ok("docker wait again"), "3");
    assert_eq!(spark.ok("docker inspect -f '{{.RestartCount}}' again"), "2");
    assert_eq!(spark.ok("docker logs again | wc -l"), "3");
}

#[test]
fn a_reboot_ends_containers_and_brings_back_those_that_want_it() {
    let spark = Spark::new(9);
    spark.ok("docker run -d --name gone alpine sleep infinity");
    spark.ok("docker run -d --name kept --restart unless-stopped alpine sleep infinity");
    spark.node.reboot(0).unwrap();
    assert_eq!(
        spark.ok("docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' gone"),
        "exited 255"
    );
    assert_eq!(
        spark.ok("docker inspect -f '{{.State.Status}}' kept"),
        "running"
    );
}

#[test]
fn an_orphan_keeps_the_memory_until_it_is_killed() {
    let spark = Spark::new(10);
    spark.serve("main", 8000);
    spark.until(
        "docker logs main 2>&1 | grep -c 'Application startup complete'",
        "1",
    );
    spark
        .node
        .set_fault(Fault::OrphanEngine {
            mib: 1000,
            on_stop: true,
        })
        .unwrap();
    spark.ok("docker rm -f main");
    assert_eq!(spark.ok("docker ps -aq"), "");
    let apps = "nvidia-smi --query-compute-apps=pid,process_name --format=csv,noheader";
    assert!(spark.ok(apps).ends_with(", VLLM::EngineCore"));
    spark.ok(&format!("kill -9 $({apps} | cut -d, -f1)"));
    spark.until(apps, "");
}

#[test]
fn the_daemon_can_be_down_or_closed_to_us() {
    let spark = Spark::new(11);
    spark.node.set_fault(Fault::DockerDown).unwrap();
    let (code, err) = spark.fails("docker ps");
    assert_eq!(code, 1);
    assert_eq!(
        err,
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n"
    );
    assert_eq!(spark.fails("docker run alpine true").0, 125);
    assert_eq!(spark.fails("systemctl is-active docker").0, 3);
    spark.node.set_fault(Fault::DockerDenied).unwrap();
    assert!(
        spark
            .fails("docker ps")
            .1
            .starts_with("permission denied while trying to connect")
    );
}

#[test]
fn logs_rotate_by_size() {
    let spark = Spark::new(12);
    spark.ok(
        "docker run -d --name big --log-opt max-size=1k --log-opt max-file=2 alpine \
         sh -c 'i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i+1)); done'",
    );
    spark.ok("docker wait big");
    let kept: usize = spark.ok("docker logs big | wc -l").parse().unwrap();
    assert!(kept > 5 && kept < 30, "{kept}");
    assert_eq!(spark.ok("docker logs big | tail -1"), "line 99");
}

#[test]
fn a_published_port_reaches_the_container() {
    let spark = Spark::new(13);
    cache::put(&spark.node, MODEL, Extent::Complete).unwrap();
    spark.ok(&format!(
        "docker run -d --name web --gpus all -p 9100:8000 -v $HOME/.cache/huggingface:/root/.cache/huggingface \
         vllm/vllm-openai {MODEL} --gpu-memory-utilization 0.4 --max-model-len 2048"
    ));
    spark.until(
        "docker logs web 2>&1 | grep -c 'Application startup complete'",
        "1",
    );
    assert_eq!(spark.ok("ss -Hltn | awk '{print $4}'"), "0.0.0.0:9100");
    let address = spark.node.config().address;
    let mut socket = std::net::TcpStream::connect((address, 9100)).unwrap();
    std::io::Write::write_all(
        &mut socket,
        b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    .unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut socket, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
