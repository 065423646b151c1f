//! Which keys count as accepted, and what the file looks like afterwards.

use super::*;

const ONE: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDw0gqm2baccUQj/7Edtb5q5vTEgqIo+wBroDAN1Gxpi";
const TWO: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILFEXSuSnplcG+XHZDXItZSJdZjs9gs771a8FnOOwmmD";

fn key(line: &str) -> PublicKey {
    PublicKey::from_openssh(line).unwrap()
}

/// The states of key one and key two for `host:port`, with `text` as the file.
fn states(text: &str, host: &str, port: u16) -> (HostKeyState, HostKeyState) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    fs::write(&path, text).unwrap();
    let keys = HostKeys::load(&path).unwrap();
    (
        keys.check(host, port, &key(ONE)).state,
        keys.check(host, port, &key(TWO)).state,
    )
}

#[test]
fn host_and_port_must_both_fit() {
    use HostKeyState::{Accepted, Changed, Unknown};
    let cases = [
        (format!("spark {ONE}"), "spark", 22, (Accepted, Changed)),
        (format!("spark {ONE}"), "SPARK", 22, (Accepted, Changed)),
        (format!("spark {ONE}"), "spark", 2222, (Unknown, Unknown)),
        (
            format!("[spark]:2222 {ONE}"),
            "spark",
            2222,
            (Accepted, Changed),
        ),
        (
            format!("[spark]:2222 {ONE}"),
            "spark",
            22,
            (Unknown, Unknown),
        ),
        (format!("other {ONE}"), "spark", 22, (Unknown, Unknown)),
        (String::new(), "spark", 22, (Unknown, Unknown)),
    ];
    for (text, host, port, expected) in cases {
        assert_eq!(states(&text, host, port), expected, "{text}");
    }
}

#[test]
fn the_forms_that_openssh_writes_are_understood() {
    use HostKeyState::{Accepted, Changed, Unknown};
    let cases = [
        (format!("a,spark,b {ONE} a comment"), (Accepted, Changed)),
        (format!("spark\t{ONE}\r"), (Accepted, Changed)),
        (format!("spark {ONE}\nspark {TWO}"), (Accepted, Accepted)),
        (format!("sp?r* {ONE}"), (Accepted, Changed)),
        (format!("!spark,s* {ONE}"), (Unknown, Unknown)),
        (
            format!("@revoked spark {ONE}\nspark {ONE}"),
            (Changed, Changed),
        ),
        (format!("@cert-authority spark {ONE}"), (Unknown, Unknown)),
        (format!("|1|aGFzaA==|aGFzaA== {ONE}"), (Unknown, Unknown)),
        (
            format!("# spark {ONE}\n\nnonsense\nspark {ONE}"),
            (Accepted, Changed),
        ),
        ("spark ssh-ed25519 AAAA".to_owned(), (Unknown, Unknown)),
    ];
    for (text, expected) in cases {
        assert_eq!(states(&text, "spark", 22), expected, "{text}");
    }
}

#[test]
fn accepting_replaces_the_keys_of_that_host_and_keeps_all_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ssh/known_hosts");
    fs::create_dir(folder.path().join("ssh")).unwrap();
    fs::write(
        &path,
        format!("# mine\nspark,other {ONE}\n[spark]:2222 {ONE}\nodd line\n"),
    )
    .unwrap();
    let keys = HostKeys::load(&path).unwrap();
    keys.accept("spark", 22, &key(TWO)).unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        format!("# mine\nother {ONE}\n[spark]:2222 {ONE}\nodd line\nspark {TWO}\n")
    );
    let again = HostKeys::load(&path).unwrap();
    assert_eq!(
        again.check("spark", 22, &key(TWO)).state,
        HostKeyState::Accepted
    );
    assert_eq!(
        again.check("spark", 22, &key(ONE)).state,
        HostKeyState::Changed
    );
}

#[test]
fn of_two_first_contacts_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let keys = HostKeys::load(&folder.path().join("new/known_hosts")).unwrap();
    let first = keys.accept_first("spark", 2222, &key(ONE)).unwrap();
    let second = keys.accept_first("spark", 2222, &key(TWO)).unwrap();
    assert_eq!(first.state, HostKeyState::Accepted);
    assert_eq!(second.state, HostKeyState::Changed);
    assert_eq!(second.accepted, fingerprint(&key(ONE)).ok());
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert!(HostKeys::load(folder.path()).is_err());
}

#[test]
fn a_key_that_cannot_be_written_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let blocker = folder.path().join("file");
    fs::write(&blocker, "").unwrap();
    let keys = HostKeys::load(&folder.path().join("known_hosts")).unwrap();
    let keys = HostKeys {
        path: blocker.join("known_hosts"),
        ..keys
    };
    assert!(keys.accept("spark", 22, &key(ONE)).is_err());
    assert_eq!(
        keys.check("spark", 22, &key(ONE)).state,
        HostKeyState::Unknown
    );
}
