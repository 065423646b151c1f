//! What is removed, and what is left.

use proptest::prelude::*;

use super::*;

fn scrubbed(text: &str) -> String {
    Scrubber::default().scrub(text)
}

#[test]
fn secrets_are_removed_by_their_shape() {
    let cases = [
        (
            "using hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345 for the hub",
            "using [removed: Hugging Face token] for the hub",
        ),
        ("key nvapi-AbC_dEf-0123456789", "key [removed: NGC key]"),
        (
            "Authorization: Bearer abcDEF123.456",
            "Authorization: [removed: authorization]",
        ),
        (
            r#"{"authorization": "Basic dXNlcjpwYXNz", "x": 1}"#,
            r#"{"authorization": "[removed: authorization]", "x": 1}"#,
        ),
        (
            "sent bearer s3cr3t-value",
            "sent bearer [removed: bearer token]",
        ),
        (
            "vllm serve m --api-key tops3cret --port 8000",
            "vllm serve m --api-key [removed: secret] --port 8000",
        ),
        (
            "vllm serve m --api-key=tops3cret --port 8000",
            "vllm serve m --api-key=[removed: secret] --port 8000",
        ),
        (
            r#"["--api-key","tops3cret","--port"]"#,
            r#"["--api-key","[removed: secret]","--port"]"#,
        ),
        ("HF_TOKEN=abc123def", "HF_TOKEN=[removed: secret]"),
        ("NGC_API_KEY: abc123def", "NGC_API_KEY: [removed: secret]"),
        (
            r#"{"password":"a b\"c","user":"ada"}"#,
            r#"{"password":"[removed: secret]","user":"ada"}"#,
        ),
        (
            r#"{"log":"{\"api_key\": \"abc def\"}"}"#,
            r#"{"log":"{\"api_key\": \"[removed: secret]\"}"}"#,
        ),
        ("{'token': 'a b'}", "{'token': '[removed: secret]'}"),
        (
            "fetching https://ada:pa55@example.org/x",
            "fetching https://[removed: password in a URL]@example.org/x",
        ),
        (
            "POST https://hooks.slack.com/services/T0/B0/xyz failed",
            "POST https://hooks.slack.com/[removed: webhook] failed",
        ),
        (
            "POST https://discord.com/api/webhooks/1/abc-def failed",
            "POST https://discord.com/api/webhooks/[removed: webhook] failed",
        ),
        (
            "POST https://home.example/api/hook/abcdef",
            "POST https://home.example/api/hook/[removed: webhook]",
        ),
        (
            "GET /f?X-Amz-Signature=deadbeef&x=1",
            "GET /f?X-Amz-Signature=[removed: secret]&x=1",
        ),
        (
            "sk-proj-abcdefghijklmnop and ghp_abcdefghijklmnopqrst",
            "[removed: access key] and [removed: access key]",
        ),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
            "[removed: JSON web token]",
        ),
        (
            "Cookie: session=abc; other=def",
            "Cookie: [removed: cookie]",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(scrubbed(text), expected);
        assert_eq!(scrubbed(expected), expected, "what was scrubbed stays so");
    }
}

const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nBG5vbmUAAAAE\n-----END OPENSSH PRIVATE KEY-----";

#[test]
fn a_private_key_is_removed_whole_and_when_it_was_cut() {
    assert_eq!(
        scrubbed(&format!("before\n{KEY}\nafter")),
        "before\n[removed: private key]\nafter"
    );
    let escaped = KEY.replace('\n', "\\n");
    assert_eq!(
        scrubbed(&format!("{{\"k\":\"{escaped}\"}}")),
        "{\"k\":\"[removed: private key]\"}"
    );
    let cut = KEY.split("BG5v").next().unwrap();
    assert!(!scrubbed(cut).contains("b3Blbn"));
    let rsa = KEY.replace("OPENSSH", "RSA");
    assert_eq!(scrubbed(&rsa), "[removed: private key]");
}

#[test]
fn ordinary_text_is_left_as_it_is() {
    for text in [
        "INFO 11-23 12:00:31 [gpu_worker.py:298] Available KV cache memory: 61.20 GiB",
        "generated 128 tokens in 2.1 s, 61 tokens/s, max_tokens 64",
        "http://192.168.1.21:8000/v1/models answered 200",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ spark-control",
        "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
        "the tokenizer of Qwen/Qwen3-0.6B, model-00001-of-00002.safetensors",
        "/home/ada/.cache/huggingface/hub/models--a--b/snapshots/0123456789abcdef",
        "2026-11-23T12:00:00Z spark1 unreachable",
    ] {
        assert_eq!(scrubbed(text), text);
    }
}

#[test]
fn known_values_are_removed_wherever_they_stand() {
    let known = [
        "plain-words".to_owned(),
        "plain-words-and-more".to_owned(),
        "ab".to_owned(),
        "  ".to_owned(),
    ];
    let scrubber = Scrubber::new(known);
    assert_eq!(
        scrubber.scrub("x=plain-words-and-more; y plain-words; ab"),
        "x=[removed: known secret]; y [removed: known secret]; ab"
    );
}

#[test]
fn names_of_secrets_are_known() {
    for name in [
        "HF_TOKEN",
        "WEBHOOK_SECRET",
        "WEBHOOK_URL",
        "NGC_API_KEY",
        "DB_PASSWORD",
        "password",
    ] {
        assert!(is_secret_name(name), "{name}");
    }
    for name in ["POLL_INTERVAL_S", "ALLOWED_HOSTS", "HOST_KEY_POLICY", "LOG"] {
        assert!(!is_secret_name(name), "{name}");
    }
}

proptest! {
    #[test]
    fn no_text_panics_and_no_token_passes(before in "\\PC{0,80}", after in "[ \\n,;\"']\\PC{0,80}") {
        let canary = "hf_CanaryCanaryCanaryCanary12345678";
        let text = format!("{before} {canary}{after}");
        prop_assert!(!scrubbed(&text).contains(canary));
    }
}
