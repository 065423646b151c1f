//! Images that are pulled, saved, loaded and removed, through real shells and the built executable.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use spark_sim::faults::{Fault, RegistryFault, RegistryTrouble};
use spark_sim::node::{process, sshd_environment};
use spark_sim::ssh::keys;
use spark_sim::{Node, NodeConfig, tools};

struct Sparks {
    nodes: Vec<Node>,
    listener: TcpListener,
    _dir: tempfile::TempDir,
}

impl Sparks {
    fn new(last: u8, count: u8) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [.., high, low] = std::process::id().to_be_bytes();
        let address = |which: u8| Ipv4Addr::new(127, high.max(1), low, last + which);
        let listener = TcpListener::bind((address(count - 1), 0)).unwrap();
        let node = |which: u8| {
            let config = NodeConfig {
                address: address(which),
                ssh_port: listener.local_addr().unwrap().port(),
                speed: 3000.0,
                images: vec![
                    "debian:12".to_owned(),
                    "onerahmet/openai-whisper-asr-webservice:latest".to_owned(),
                ],
                ..NodeConfig::default()
            };
            let node = Node::create(&dir.path().join(format!("spark{which}")), config).unwrap();
            node.link_tools(Path::new(env!("CARGO_BIN_EXE_spark-sim")), tools::NAMES)
                .unwrap();
            node
        };
        let nodes: Vec<Node> = (0..count).map(node).collect();
        keys::introduce(&nodes).unwrap();
        Self {
            nodes,
            listener,
            _dir: dir,
        }
    }

    fn sh(&self, script: &str) -> Output {
        let node = &self.nodes[0];
        let mut command = Command::new("/bin/sh");
        command
            .env_clear()
            .envs(sshd_environment(node))
            .args(["-c", script]);
        let last = self.nodes.last().unwrap();
        command.env("B", last.config().address.to_string());
        command.env(
            "PORT",
            self.listener.local_addr().unwrap().port().to_string(),
        );
        command.current_dir(node.home()).output().unwrap()
    }

    fn ok(&self, script: &str) -> String {
        let output = self.sh(script);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{script}\n{out}\n{err}");
        out.trim_end().to_owned()
    }

    /// Checks the exit code of `script`, and that it says `words` on standard error.
    fn fails(&self, script: &str, code: i32, words: &str) {
        let output = self.sh(script);
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{script}: {err}");
        assert!(err.contains(words), "{script}: {err}");
    }

    fn free(&self) -> u64 {
        self.ok("df -B1 --output=avail . | tail -n 1")
            .trim()
            .parse()
            .unwrap()
    }
}

impl Drop for Sparks {
    fn drop(&mut self) {
        for node in &self.nodes {
            process::kill_all(node.dir());
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_pull_brings_an_image_and_takes_room() {
    let spark = Sparks::new(70, 1);
    let before = spark.free();
    let out = spark.ok("docker pull eugr/spark-vllm");
    assert!(
        out.starts_with("Using default tag: latest\nlatest: Pulling from eugr/spark-vllm\n"),
        "{out}"
    );
    assert_eq!(
        out.matches(": Pulling fs layer").count(),
        out.matches(": Pull complete").count()
    );
    assert!(out.ends_with("Status: Downloaded newer image for eugr/spark-vllm:latest\ndocker.io/eugr/spark-vllm:latest"), "{out}");
    assert_eq!(before - spark.free(), 18_742_133_902);
    assert_eq!(
        spark.ok("docker image inspect -f '{{.Architecture}} {{.Size}}' eugr/spark-vllm"),
        "arm64 18742133902"
    );
    let again = spark.ok("docker pull --platform=linux/arm64 eugr/spark-vllm:latest");
    assert!(
        again.contains("Status: Image is up to date for eugr/spark-vllm:latest"),
        "{again}"
    );
    let digest = spark.ok("docker image inspect -f '{{index .RepoDigests 0}}' eugr/spark-vllm");
    spark.ok("docker rmi eugr/spark-vllm");
    assert_eq!(spark.free(), before);
    let by_digest = spark.ok(&format!("docker pull {digest}"));
    assert!(
        by_digest.ends_with(&format!("docker.io/{digest}")),
        "{by_digest}"
    );
    assert_eq!(
        spark.ok("docker run --rm alpine echo pulled on the way 2>/dev/null"),
        "pulled on the way"
    );
}

#[test]
fn a_registry_refuses_in_its_own_words() {
    let spark = Sparks::new(72, 1);
    spark.fails(
        "docker pull vllm-node",
        1,
        "Error response from daemon: pull access denied for vllm-node, repository does not exist",
    );
    spark.fails("docker pull eugr/spark-vllm:nope", 1, "manifest unknown");
    let foreign = "onerahmet/openai-whisper-asr-webservice:v1";
    spark.fails(
        &format!("docker pull {foreign}"),
        1,
        "no matching manifest for linux/arm64/v8 in the manifest list entries",
    );
    for (error, words) in [
        (
            RegistryTrouble::TooManyRequests,
            "toomanyrequests: You have reached",
        ),
        (RegistryTrouble::TlsTimeout, "TLS handshake timeout"),
        (
            RegistryTrouble::Unauthorized,
            "unauthorized: authentication required",
        ),
    ] {
        spark.nodes[0]
            .set_fault(Fault::Registry(RegistryFault { error, image: None }))
            .unwrap();
        spark.fails("docker pull alpine", 1, words);
        spark.fails("docker run --rm alpine true", 125, words);
    }
    spark.nodes[0].clear_faults(None).unwrap();
    spark.nodes[0]
        .set_fault(Fault::FullDisk {
            free_bytes: 9_000_000_000,
        })
        .unwrap();
    spark.fails(
        "docker pull eugr/spark-vllm",
        1,
        "failed to register layer: write /usr/local/lib/",
    );
    spark.nodes[0].set_fault(Fault::NoInternet).unwrap();
    spark.fails("docker pull alpine", 1, "no such host");
}

#[test]
fn a_manifest_tells_architectures_and_sizes() {
    let spark = Sparks::new(74, 1);
    let inspect = |name: &str| -> Value {
        serde_json::from_str(&spark.ok(&format!("docker manifest inspect {name}"))).unwrap()
    };
    let list = inspect("vllm/vllm-openai:gemma4-cu130");
    let build = list["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["platform"]["architecture"] == "arm64");
    let digest = build.unwrap()["digest"].as_str().unwrap();
    let one = inspect(&format!("vllm/vllm-openai@{digest}"));
    let bytes: u64 = one["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["size"].as_u64().unwrap())
        .sum();
    assert!(bytes > 5_000_000_000);
    assert!(inspect("eugr/spark-vllm")["layers"].is_array());
    spark.fails(
        "docker manifest inspect eugr/spark-vllm:nope",
        1,
        "no such manifest: docker.io/eugr/spark-vllm:nope",
    );
}

#[test]
fn an_image_goes_to_the_other_node_through_a_pipe() {
    let sparks = Sparks::new(76, 2);
    sparks.ok("docker pull alpine -q && docker rmi debian:12");
    let to_b = "ssh -p $PORT nvidia@$B docker";
    let out = sparks.ok(&format!(
        "docker save alpine | dd bs=1M status=progress 2>count | {to_b} load"
    ));
    assert_eq!(out, "Loaded image: alpine:latest");
    let id = "image inspect -f '{{.Id}}' alpine";
    assert_eq!(
        sparks.ok(&format!("docker {id}")),
        sparks.ok(&format!("{to_b} \"{id}\""))
    );
    let copied = sparks.ok("tr '\\r' '\\n' <count | awk '/copied/ {n = $1} END {print n}'");
    assert!(copied.parse::<u64>().unwrap() >= 8_412_331, "{copied}");
    sparks.fails("docker save nope", 1, "reference does not exist");
    sparks.fails(
        "docker save alpine | head -c 1000000 | docker load",
        1,
        "unexpected EOF",
    );
    sparks.fails("echo nonsense | docker load", 1, "invalid tar header");
    sparks.nodes[1]
        .set_fault(Fault::FullDisk { free_bytes: 1000 })
        .unwrap();
    sparks.fails(
        &format!("docker save alpine | {to_b} load"),
        1,
        "no space left on device",
    );
}

#[test]
fn nvidias_images_want_a_login() {
    let spark = Sparks::new(78, 1);
    let nim = "nvcr.io/nim/meta/llama-3.1-8b-instruct-dgx-spark:latest";
    spark.fails(
        &format!("docker pull {nim}"),
        1,
        "may require 'docker login'",
    );
    let login = |key: &str| {
        format!("echo {key} | docker login nvcr.io --username '$oauthtoken' --password-stdin")
    };
    spark.fails(
        &login("nvapi-wrong"),
        1,
        "unauthorized: authentication required",
    );
    assert_eq!(
        spark.ok(&login(&format!("nvapi-{}", "a1".repeat(32)))),
        "Login Succeeded"
    );
    let kept = std::fs::read_to_string(spark.nodes[0].home().join(".docker/config.json")).unwrap();
    assert!(kept.contains("JG9hdXRodG9rZW46bnZhcGkt"), "{kept}");
    spark.ok(&format!("docker pull -q {nim}"));
    spark.ok("docker logout nvcr.io");
    spark.fails(
        &format!("docker pull {nim}"),
        1,
        "may require 'docker login'",
    );
}

#[test]
fn names_are_taken_off_before_an_image_goes() {
    let spark = Sparks::new(80, 1);
    spark.ok("docker pull -q alpine && docker tag alpine mine:1");
    assert_eq!(spark.ok("docker rmi mine:1"), "Untagged: mine:1");
    spark.ok("docker run -d --name box alpine sleep infinity");
    spark.fails(
        "docker rmi alpine",
        1,
        "image is being used by running container",
    );
    let pruned = spark.ok("docker image prune -af");
    assert!(
        pruned.starts_with("Deleted Images:\nuntagged: debian:12"),
        "{pruned}"
    );
    assert!(pruned.contains("Total reclaimed space: "), "{pruned}");
    assert_eq!(spark.ok("docker images -q | wc -l").trim(), "1");
    std::fs::write(spark.nodes[0].home().join("file"), "text").unwrap();
    spark.ok("docker cp file box:/root/ && docker cp box:/root/file back && cmp file back");
    spark.fails(
        "docker cp box:/workspace .",
        1,
        "Could not find the file /workspace in container box",
    );
}

#[test]
fn without_the_nvidia_runtime_no_container_gets_the_gpu() {
    let spark = Sparks::new(82, 1);
    spark.nodes[0].set_fault(Fault::NoGpuRuntime).unwrap();
    spark.fails(
        "docker run --rm --gpus all debian:12 true",
        125,
        "could not select device driver \"\" with capabilities: [[gpu]]",
    );
    spark.fails(
        "docker run --rm --runtime=nvidia debian:12 true",
        125,
        "unknown or invalid runtime name: nvidia",
    );
    assert_eq!(
        spark.ok("docker info -f '{{json .Runtimes}}' | grep -c nvidia; true"),
        "0"
    );
    spark.ok("docker run --rm debian:12 true");
}
