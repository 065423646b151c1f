//! Jobs on this machine, in a home of their own.

mod runner;

use std::path::Path;

use super::*;
use crate::transfer::testing::run;
use spark_ipc::id::OperationId;

#[expect(clippy::disallowed_methods, reason = "the files of a test")]
fn program(home: &Path, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = home.join("bin").join(name);
    std::fs::create_dir_all(home.join("bin")).unwrap();
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
}

fn job() -> JobName {
    JobName::of(&OperationId::new("0190-test-job").unwrap(), "download").unwrap()
}

fn what() -> Selection {
    Selection::checked(
        RepoId::new("a/b").unwrap(),
        Some("v1"),
        &["*.json".to_owned()],
        &[],
    )
    .unwrap()
}

/// Looks until the job is no longer `Running` or absent; every look is one round of the script, so this ends.
fn until_ended(home: &Path) -> Seen {
    for _ in 0..600 {
        let (_, said) = run(home, &follow(&job(), Some(&what().repo)).unwrap());
        let seen = read(&said).unwrap();
        if seen.state != JobState::Running {
            return seen;
        }
    }
    panic!("the job does not end");
}

#[test]
fn a_job_outlives_its_session_and_leaves_its_status() {
    let home = tempfile::tempdir().unwrap();
    let blobs = "$HOME/.cache/huggingface/hub/models--a--b/blobs";
    let client = format!(
        "#!/bin/sh\nmkdir -p {blobs}; printf 12345 >{blobs}/x; echo \"called $*\"; exit 3\n"
    );
    program(home.path(), "hf", &client);
    let access = HubAccess::default();
    let (status, said) = run(home.path(), &download(&job(), &what(), &access).unwrap());
    assert_eq!((status, said.trim()), (0, "started"));
    let seen = until_ended(home.path());
    assert_eq!(seen.state, JobState::Ended(3));
    assert_eq!(seen.bytes, Some(5));
    assert!(seen.free_bytes.is_some_and(|free| free > 0));
    assert_eq!(
        seen.log,
        ["called download a/b --revision=v1 --include=*.json"]
    );
    let (status, _) = run(home.path(), &clean(&job()).unwrap());
    assert_eq!(status, 0);
    let (_, said) = run(home.path(), &follow(&job(), None).unwrap());
    assert_eq!(read(&said).unwrap().state, JobState::Absent);
}

#[test]
fn the_token_is_in_the_environment_alone() {
    let home = tempfile::tempdir().unwrap();
    let client = "#!/bin/sh\ncat /proc/$$/cmdline /proc/$PPID/cmdline | tr '\\0' ' '; echo; \
                  [ \"$HF_TOKEN\" = hf_canary ] && echo given\n";
    program(home.path(), "hf", client);
    let access = HubAccess {
        token: Some(EnvValue::checked("hf_canary").unwrap()),
        fast: true,
    };
    let remote = download(&job(), &what(), &access).unwrap();
    assert!(!remote.display().contains("hf_canary"));
    assert!(!format!("{remote:?}").contains("hf_canary"));
    assert_eq!(run(home.path(), &remote).0, 0);
    let seen = until_ended(home.path());
    assert!(seen.log.iter().any(|l| l == "given"), "{:?}", seen.log);
    assert!(
        !seen.log.iter().any(|l| l.contains("hf_canary")),
        "{:?}",
        seen.log
    );
    #[expect(clippy::disallowed_methods, reason = "the files of a test")]
    for file in std::fs::read_dir(
        home.path()
            .join(".cache/spark-control/jobs")
            .join(job().as_str()),
    )
    .unwrap()
    {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains("hf_canary"), "{text}");
    }
}

#[test]
fn a_cancel_ends_the_whole_group_and_a_second_start_is_the_same_job() {
    let home = tempfile::tempdir().unwrap();
    // It works until somebody ends it, and so does its child.
    program(
        home.path(),
        "hf",
        "#!/bin/sh\necho began\nsleep 1000 &\nwait\n",
    );
    let begin = download(&job(), &what(), &HubAccess::default()).unwrap();
    assert_eq!(run(home.path(), &begin).0, 0);
    let look = || read(&run(home.path(), &follow(&job(), None).unwrap()).1).unwrap();
    assert_eq!(look().state, JobState::Running);
    assert_eq!(run(home.path(), &begin), (0, "started\n".to_owned()));
    let (status, said) = run(home.path(), &cancel(&job()).unwrap());
    assert_eq!((status, said.trim()), (0, "ended"));
    assert_eq!(look().state, JobState::Ended(143));
    let began = look().log.iter().filter(|l| *l == "began").count();
    assert_eq!(began, 1, "it was begun twice");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the files of a test")]
fn a_client_that_cannot_compare_leaves_the_blobs_and_their_names() {
    // printf whole | sha256sum
    const WHOLE: &str = "5d5766cf2d78701614200418ee1450690d9af12c84d52545e4802f001ad53099";
    let home = tempfile::tempdir().unwrap();
    program(home.path(), "hf", "#!/bin/sh\nexit 2\n");
    let model = home.path().join(".cache/huggingface/hub/models--a--b");
    std::fs::create_dir_all(model.join("blobs")).unwrap();
    std::fs::create_dir_all(model.join("snapshots/c0")).unwrap();
    std::fs::write(model.join("blobs").join(WHOLE), "whole").unwrap();
    std::os::unix::fs::symlink(
        format!("../../blobs/{WHOLE}"),
        model.join("snapshots/c0/model.safetensors"),
    )
    .unwrap();
    let begin = verify(&job(), &what(), &HubAccess::default()).unwrap();
    assert_eq!(run(home.path(), &begin).0, 0);
    let seen = until_ended(home.path());
    assert_eq!(seen.state, JobState::Ended(0), "{:?}", seen.log);

    std::fs::write(model.join("blobs").join(WHOLE), "other").unwrap();
    assert_eq!(run(home.path(), &clean(&job()).unwrap()).0, 0);
    assert_eq!(run(home.path(), &begin).0, 0);
    let seen = until_ended(home.path());
    assert_eq!(seen.state, JobState::Ended(1), "{:?}", seen.log);
    let damaged = crate::transfer::damage::damaged(&seen.log);
    assert_eq!(damaged, ["model.safetensors"], "{:?}", seen.log);
    let fault = crate::transfer::fault::of_job(1, &seen.log);
    assert_eq!(fault.id, crate::transfer::FaultId::Corrupt);
}

#[test]
fn another_process_with_the_same_number_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    program(home.path(), "hf", "#!/bin/sh\nexit 0\n");
    let begin = download(&job(), &what(), &HubAccess::default()).unwrap();
    assert_eq!(run(home.path(), &begin).0, 0);
    until_ended(home.path());
    let folder = home
        .path()
        .join(".cache/spark-control/jobs")
        .join(job().as_str());
    let pid = std::process::id();
    #[expect(clippy::disallowed_methods, reason = "the files of a test")]
    {
        std::fs::write(folder.join("pid"), format!("{pid} 1 another-boot\n")).unwrap();
        std::fs::write(folder.join("rc"), "running \n").unwrap();
    }
    let (_, said) = run(home.path(), &follow(&job(), None).unwrap());
    assert_eq!(read(&said).unwrap().state, JobState::Restarted);
    // Had it taken us for its job, this test would be gone.
    assert_eq!(run(home.path(), &cancel(&job()).unwrap()).0, 0);
}

#[test]
fn an_answer_that_was_cut_says_nothing() {
    assert!(read("state\trunning\nbytes\t5\n").is_err());
    let seen = read("state\tended\t0\nlayers\t4\t2\t3\ncopied\t77\nend\n").unwrap();
    assert_eq!(seen.state, JobState::Ended(0));
    assert_eq!(seen.layers, Some(Layers { total: 4, done: 2 }));
    assert_eq!(seen.copied_bytes, Some(77));
}

#[test]
fn no_path_of_a_cache_and_no_address_can_be_something_else() {
    let target = |hub: &str| Target {
        user: "spark".to_owned(),
        address: "192.168.100.11".to_owned(),
        port: 22,
        hub: hub.to_owned(),
    };
    let repo = RepoId::new("a/b").unwrap();
    assert!(copy(&job(), &repo, &target("/home/a b/hub")).is_err());
    assert!(copy(&job(), &repo, &target("/home/a/../b")).is_err());
    let good = copy(&job(), &repo, &target("/home/a/.cache/huggingface/hub")).unwrap();
    assert!(good.argv().ends_with(&[
        "models--a--b".to_owned(),
        "spark".to_owned(),
        "192.168.100.11".to_owned(),
        "22".to_owned(),
        "/home/a/.cache/huggingface/hub".to_owned(),
    ]));
}
