//! NVIDIA's containers.

use serde_json::json;

use crate::spark::Spark;

const LLAMA: &str = "nvcr.io/nim/meta/llama-3.1-8b-instruct-dgx-spark:latest";
const PARAKEET: &str = "nvcr.io/nim/nvidia/parakeet-1-1b-ctc-en-us:latest";
const MAGPIE: &str = "nvcr.io/nim/nvidia/magpie-tts-multilingual:latest";
const KEY: &str = "-e NGC_API_KEY=nvapi-0123456789abcdef0123456789";

fn cache(spark: &Spark) -> String {
    spark.ok("mkdir -p $HOME/.cache/nim && chmod -R a+w $HOME/.cache/nim");
    "-v \"$HOME/.cache/nim\":/opt/nim/.cache".to_owned()
}

#[test]
fn a_nim_without_a_key_or_a_gpu_or_a_writable_cache_says_so_and_ends() {
    let spark = Spark::with(&[LLAMA]);
    let cache = cache(&spark);
    for (options, words) in [
        (format!("--gpus all {cache}"), "Authentication Error"),
        (
            format!("--gpus all {cache} -e NGC_API_KEY=wrong"),
            "Authentication Error",
        ),
        (
            format!("{KEY} {cache}"),
            "The NVIDIA Driver was not detected",
        ),
        (
            format!("--gpus all {KEY} -v \"$HOME/closed\":/opt/nim/.cache"),
            "Permission denied: '/opt/nim/.cache",
        ),
    ] {
        spark.ok(&format!("docker run -d --name nim {options} {LLAMA}"));
        let (code, log) = spark.ended("nim");
        assert_eq!(code, "1", "{options}\n{log}");
        assert!(log.contains(words), "{options}\n{log}");
        spark.ok("docker rm nim");
    }
    let amd = "nvcr.io/nim/meta/llama-3.1-8b-instruct:latest";
    let other = Spark::with(&[amd]);
    let warning = other.ok(&format!("docker run -d --name nim {amd} 2>&1"));
    assert!(
        warning.contains("(linux/amd64) does not match the detected host platform"),
        "{warning}"
    );
    assert!(other.ended("nim").1.contains("exec format error"));
}

#[test]
fn a_language_nim_lists_profiles_fetches_once_and_answers() {
    let spark = Spark::at_speed(300.0, &[LLAMA]);
    let cache = cache(&spark);
    let profiles = spark.ok(&format!(
        "docker run --rm --gpus all {LLAMA} list-model-profiles"
    ));
    assert!(
        profiles.contains("Compatible with system and runnable:\n  - "),
        "{profiles}"
    );

    let run = format!("docker run -d --name nim-llama --gpus all {cache} -p 8005:8000");
    spark.ok(&format!("{run} {KEY} {LLAMA}"));
    let weights = spark
        .node
        .home()
        .join(".cache/nim/ngc/hub/models--nim--meta--llama-3.1-8b-instruct");
    let part = weights.join("model-00001-of-00001.safetensors.incomplete");
    spark.until("the cache grows", || {
        (part.metadata().ok()?.len() > 0).then_some(())
    });
    spark.ready(8005, "/v1/health/ready");
    assert!(!part.exists());
    assert_eq!(
        spark.get(8005, "/v1/models").unwrap().json()["data"][0]["id"],
        "meta/llama-3.1-8b-instruct"
    );
    let question = json!({"model": "meta/llama-3.1-8b-instruct", "temperature": 0, "messages": [{"role": "user", "content": "12*17"}]});
    let answer = spark.post(8005, "/v1/chat/completions", &question).json();
    assert_eq!(answer["choices"][0]["message"]["content"], "204");
    assert_eq!(spark.get(8005, "/v1/health/live").unwrap().status, 200);

    // The weights are there: the second start needs no key.
    spark.ok("docker rm -f nim-llama");
    spark.ok(&format!("{run} {LLAMA}"));
    spark.ready(8005, "/v1/health/ready");
    let log = spark.ok("docker logs nim-llama 2>&1");
    assert!(log.contains("Model workspace is already prepared"), "{log}");
}

#[test]
fn a_speech_nim_is_not_ready_until_its_models_are_deployed() {
    let spark = Spark::at_speed(100.0, &[MAGPIE]);
    let options = format!("--runtime=nvidia --gpus '\"device=0\"' --shm-size=8GB {KEY}");
    spark.ok(&format!(
        "docker run -d --name parakeet {options} -p 9000:9000 -p 50051:50051 {PARAKEET}"
    ));
    spark.ok(&format!(
        "docker run -d --name magpie {options} -p 9002:9000 {MAGPIE}"
    ));
    let early = spark.until("it listens", || spark.get(9000, "/v1/health/ready"));
    assert_eq!(early.status, 503);
    assert_eq!(
        spark
            .upload(9000, "/v1/audio/transcriptions", Some(b"RIFF"), &[])
            .status,
        503
    );
    spark.ready(9000, "/v1/health/ready");
    spark.ready(9002, "/v1/health/ready");
    assert!(spark.ok("ss -Hltn | awk '{print $4}'").contains(":50051"));

    let voices = spark.get(9002, "/v1/audio/list_voices").unwrap().text();
    assert!(
        voices.contains("Magpie-Multilingual.EN-US.Aria"),
        "{voices}"
    );
    let fields = [("text", "Hello from Magpie"), ("language", "en-US")];
    let spoken = spark.upload(9002, "/v1/audio/synthesize", None, &fields);
    assert_eq!((spoken.status, spoken.kind.as_str()), (200, "audio/wav"));
    assert_eq!(
        spark
            .upload(9002, "/v1/audio/synthesize", None, &fields[..1])
            .status,
        422
    );

    let transcribe = |file: &[u8], fields: &[(&str, &str)]| {
        spark.upload(9000, "/v1/audio/transcriptions", Some(file), fields)
    };
    assert_eq!(
        transcribe(&spoken.body, &[("language", "en-US")]).json(),
        json!({"text": "Hello from Magpie"})
    );
    assert_eq!(transcribe(b"ID3\x04 no wav", &[]).status, 400);
    assert_eq!(
        transcribe(&spoken.body, &[("language", "de-DE")]).status,
        400
    );
    // It gives text and no times.
    assert_eq!(
        transcribe(&spoken.body, &[("response_format", "verbose_json")]).status,
        400
    );
}

#[test]
fn a_service_that_finds_no_memory_says_what_pytorch_says() {
    let spark = Spark::with(&[]);
    spark.ok("spark_sim=$(readlink -f $(command -v docker)); \"$spark_sim\" fault \"$SPARK_SIM_NODE\" set low_memory --mib 100000");
    spark.ok(&format!(
        "docker run -d --name parakeet --gpus all {KEY} {PARAKEET}"
    ));
    let (code, log) = spark.ended("parakeet");
    assert_eq!(code, "1");
    assert!(
        log.contains("torch.OutOfMemoryError: CUDA out of memory"),
        "{log}"
    );
}
