//! What the quoter writes is read back unchanged by the shells that may be `/bin/sh`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test fails by panicking"
)]

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use proptest::prelude::*;
use spark_core::shell::{EnvName, EnvValue, Framing, Nonce, RawArg, Remote, quote};

/// Every shell under test, as the words that make it read a script from its standard input.
const SHELLS: [&[&str]; 4] = [
    &["sh", "-s"],
    &["dash", "-s"],
    &["bash", "-s"],
    &["busybox", "sh", "-s"],
];

/// Runs `script` in `shell` and returns its standard output.
fn run(shell: &[&str], script: &str) -> Vec<u8> {
    let mut child = Command::new(shell[0])
        .args(&shell[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{} must be installed: {error}", shell[0]));
    let mut stdin = child.stdin.take().unwrap();
    let script = script.as_bytes().to_vec();
    // A shell that stops early closes the pipe; what it printed decides then.
    let writer = std::thread::spawn(move || stdin.write_all(&script).is_ok());
    let mut out = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
    child.wait().unwrap();
    writer.join().unwrap();
    out
}

/// What each shell makes of `words`, quoted.
fn assert_read_back(words: &[String]) {
    let quoted: Vec<String> = words.iter().map(|word| quote(word)).collect();
    let script = format!("printf '%s\\0' {}\n", quoted.join(" "));
    let expected: Vec<u8> = words
        .iter()
        .flat_map(|word| word.bytes().chain([0]))
        .collect();
    for shell in SHELLS {
        assert!(
            run(shell, &script) == expected,
            "{shell:?} misread one of {words:?}"
        );
    }
}

fn nonce() -> Nonce {
    Nonce::new(*b"0123456789abcdef")
}

/// Runs `remote` as the daemon does and returns its own output and status.
fn run_remote(shell: &[&str], remote: &Remote) -> (Vec<u8>, Option<u8>) {
    let mut framing = Framing::new(&nonce());
    let mut out = Vec::new();
    framing.push(&run(shell, &remote.render(&nonce())), &mut out);
    (out, framing.status())
}

#[test]
fn every_character_up_to_u00ff_is_read_back() {
    let words: Vec<String> = ('\u{1}'..='\u{ff}').map(String::from).collect();
    assert_read_back(&words);
}

#[test]
fn every_pair_of_special_characters_is_read_back() {
    const SPECIAL: &str = "'\"\\$`!#&*()[]{}<>|;?~^=%@-+,:/ \t\n\r\u{1}\u{1b}\u{7f}\u{a0}aé";
    let words: Vec<String> = SPECIAL
        .chars()
        .flat_map(|a| SPECIAL.chars().map(move |b| format!("{a}{b}")))
        .collect();
    assert_read_back(&words);
}

#[test]
fn strings_that_have_broken_other_programs_are_read_back() {
    let words = [
        "",
        " ",
        "-rf",
        "--",
        "$(touch /tmp/x)",
        "`id`",
        "${IFS}",
        "$HOME",
        "~root",
        "{a,b}",
        "*",
        "!!",
        "a;b",
        "a&&b",
        "a|b",
        ">/dev/null",
        "'; drop table --",
        "'\\''",
        "\\",
        "\\'",
        "\"",
        "\n\n",
        "a\\\nb",
        "%s%n%d",
        "\u{feff}",
        "\u{202e}abc",
        "田中さん",
        "👩‍👩‍👧",
        "Ω≈ç√",
        "\u{a0}",
        "() { :;}; echo",
        "EOF",
        "@@x:end 0",
        "#",
        "\r\n",
        "\u{1b}[31m",
        "$'\\n'",
        "<<EOF",
        "\u{85}",
    ];
    assert_read_back(&words.map(str::to_owned));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// 24 cases of 200 words through four shells: 19 200 words.
    #[test]
    fn random_words_are_read_back(
        words in proptest::collection::vec("[\u{1}-\u{7f}é模\u{a0}'\"\\\\$`]{0,24}", 200)
    ) {
        assert_read_back(&words);
    }

    /// The same through a rendered command, where control characters are refused.
    #[test]
    fn random_arguments_of_a_command_arrive(words in proptest::collection::vec("\\PC{0,24}", 100)) {
        let remote = Remote::command("printf").lit("%s\\0").args(words.iter().map(|w| RawArg::checked(w).unwrap()));
        let expected: Vec<u8> = words.iter().flat_map(|word| word.bytes().chain([0])).collect();
        for shell in SHELLS {
            prop_assert_eq!(run_remote(shell, &remote), (expected.clone(), Some(0)), "{:?}", shell);
        }
    }
}

#[test]
fn a_script_gets_its_data_as_parameters_and_its_variables_as_environment() {
    let remote = Remote::script(
        "probe",
        "printf '%s|%s|%s' \"$0\" \"$1\" \"$TOKEN\"; exit 7",
    )
    .arg(RawArg::checked("it's $(id)").unwrap())
    .secret(
        EnvName::checked("TOKEN").unwrap(),
        EnvValue::checked("a'b\"c").unwrap(),
    )
    .timeout(20);
    for shell in SHELLS {
        let (out, status) = run_remote(shell, &remote);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "probe|it's $(id)|a'b\"c",
            "{shell:?}"
        );
        assert_eq!(status, Some(7), "{shell:?}");
    }
}

#[test]
fn a_program_on_standard_input_arrives_as_it_is() {
    const TEXT: &str = "a 'quoted' $HOME `id` \\ line\nEOF\n";
    let remote = Remote::stdin_script(&["cat"], TEXT);
    for shell in SHELLS {
        let expected = (TEXT.as_bytes().to_vec(), Some(0));
        assert_eq!(run_remote(shell, &remote), expected, "{shell:?}");
    }
}

#[test]
fn a_command_past_its_time_is_ended_on_the_node() {
    let remote = Remote::command("sleep").lit("600").timeout(1);
    for shell in SHELLS {
        assert_eq!(
            run_remote(shell, &remote),
            (Vec::new(), Some(124)),
            "{shell:?}"
        );
    }
}

/// Cuts the text at every offset: the body must run whole or not at all.
fn assert_atomic(shell: &[&str]) {
    let remote =
        Remote::script("pair", "printf first; printf second").arg(RawArg::checked("a b").unwrap());
    let script = remote.render(&nonce());
    let mut whole = 0;
    for cut in 0..=script.len() {
        let out = String::from_utf8(run(shell, script.get(..cut).unwrap())).unwrap();
        whole += usize::from(out.contains("firstsecond"));
        let rest = out.replace("firstsecond", "");
        assert!(
            !rest.contains("first") && !rest.contains("second"),
            "{shell:?} ran half of a text cut at {cut}"
        );
    }
    assert!(whole > 0, "{shell:?} never ran the body");
}

#[test]
fn a_cut_text_runs_whole_or_not_at_all_in_sh() {
    assert_atomic(SHELLS[0]);
}

#[test]
fn a_cut_text_runs_whole_or_not_at_all_in_dash() {
    assert_atomic(SHELLS[1]);
}

#[test]
fn a_cut_text_runs_whole_or_not_at_all_in_bash() {
    assert_atomic(SHELLS[2]);
}

#[test]
fn a_cut_text_runs_whole_or_not_at_all_in_busybox() {
    assert_atomic(SHELLS[3]);
}
