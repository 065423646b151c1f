//! What commands look like, how they split back, and how their output is told from noise.

use proptest::prelude::*;
use spark_ipc::id::ContainerName;

use super::*;

fn nonce() -> Nonce {
    Nonce::new([7; 16])
}

fn name(text: &str) -> ContainerName {
    ContainerName::new(text).unwrap()
}

#[test]
fn a_command_is_literals_and_quoted_words() {
    let remote = Remote::command("docker")
        .lit("run")
        .opt("--name", name("vllm"))
        .opt(
            "--volume",
            Arg::from(HomePath::checked("~/.cache/hf").unwrap()).then(Arg::lit(":/cache")),
        )
        .arg(RawArg::checked("it's {a,b} $(id)").unwrap());
    assert_eq!(
        remote.display(),
        r#"docker run --name=vllm --volume="$HOME"'/.cache/hf'':/cache' 'it'\''s {a,b} $(id)'"#
    );
    assert_eq!(shlex::split(&remote.display()), Some(remote.argv()));
}

#[test]
fn a_secret_is_in_the_script_and_nowhere_else() {
    let remote = Remote::command("docker").lit("pull").secret(
        EnvName::checked("HF_TOKEN").unwrap(),
        EnvValue::checked("hf_abc").unwrap(),
    );
    assert!(
        remote
            .render(&nonce())
            .contains("HF_TOKEN='hf_abc'; export HF_TOKEN\n")
    );
    assert!(!remote.display().contains("hf_abc"));
    assert!(!format!("{remote:?}").contains("hf_abc"));
    assert!(!remote.argv().concat().contains("hf_abc"));
}

#[test]
fn paths_are_read_here_and_expanded_there() {
    for (text, shown) in [
        ("~", "~"),
        ("~/a/b", "~/a/b"),
        ("$HOME/a", "~/a"),
        ("/", "/"),
        ("/a/b/", "/a/b"),
    ] {
        assert_eq!(HomePath::checked(text).unwrap().to_string(), shown);
    }
    for text in [
        "", "a", "~user/x", "$HOMEx", "$OTHER/x", "/a/../b", "/a//b", "/-x", "/a b", "/a'b", "/é",
        "~/$(id)",
    ] {
        assert!(HomePath::checked(text).is_err(), "{text:?}");
    }
}

#[test]
fn flags_follow_vllms_grammar() {
    for good in [
        "--port=8000",
        "--max_model_len=4096",
        "--enable-lora",
        "-O3",
        "--a.b_C=x y",
        "--x={\"a\":1}",
    ] {
        assert!(Flag::checked(good).is_ok(), "{good}");
    }
    for bad in [
        "", "-", "--", "-p", "--A", "--a--b", "---a", "--a b", "--a=\n", "-O", "--a.=1", "-O33",
    ] {
        assert!(Flag::checked(bad).is_err(), "{bad}");
    }
}

#[test]
fn variables_that_change_how_programs_load_are_refused() {
    for bad in [
        "PATH",
        "LD_PRELOAD",
        "PYTHONPATH",
        "DOCKER_HOST",
        "1A",
        "A-B",
        "",
        "A=B",
    ] {
        assert!(EnvName::checked(bad).is_err(), "{bad}");
    }
    assert!(EnvName::checked("VLLM_USE_V1").is_ok());
    assert!(EnvValue::checked("a\nb").is_err());
    assert!(RawArg::checked("a\0b").is_err());
}

#[test]
fn output_is_what_lies_between_the_markers() {
    let stream = format!(
        "motd\n@@{n}:begin\nline\n\n@@{n}:end 3\ntrailing",
        n = nonce()
    );
    for size in 1..stream.len() {
        let mut framing = Framing::new(&nonce());
        let mut out = Vec::new();
        stream
            .as_bytes()
            .chunks(size)
            .for_each(|piece| framing.push(piece, &mut out));
        assert_eq!(
            (out.as_slice(), framing.status()),
            (&b"line\n"[..], Some(3))
        );
    }
}

#[test]
fn a_cut_stream_has_no_status() {
    let stream = format!("@@{n}:begin\nline\n@@{n}:end 0\n", n = nonce());
    for length in 0..stream.len() {
        let mut framing = Framing::new(&nonce());
        framing.push(&stream.as_bytes()[..length], &mut Vec::new());
        assert_eq!(framing.status(), None, "cut at {length}");
    }
}

proptest! {
    #[test]
    fn every_word_splits_back(words in proptest::collection::vec("\\PC{0,40}", 0..8)) {
        let remote = Remote::command("x").args(words.iter().map(|w| RawArg::checked(w).unwrap()));
        prop_assert_eq!(shlex::split(&remote.display()), Some(remote.argv()));
    }

    #[test]
    fn framing_gives_back_any_output(output: Vec<u8>, noise in "[a-z\\n]{0,40}", size in 1usize..64, status: u8) {
        let n = nonce();
        let mut stream = format!("{noise}@@{n}:begin\n").into_bytes();
        stream.extend(&output);
        stream.extend(format!("\n@@{n}:end {status}\n").bytes());
        let (mut framing, mut out) = (Framing::new(&n), Vec::new());
        stream.chunks(size).for_each(|piece| framing.push(piece, &mut out));
        prop_assert_eq!(out, output);
        prop_assert_eq!(framing.status(), Some(status));
    }
}
