//! What is deleted and what is not, on real folders.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::*;
use crate::transfer::testing::run;
use spark_ipc::id::UnitId;

fn repo() -> RepoId {
    RepoId::new("a/b").unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the files of a test")]
fn hub(home: &Path) -> PathBuf {
    let hub = home.join(".cache/huggingface/hub");
    for folder in [
        "models--a--b/blobs",
        "models--a--b2/blobs",
        ".locks/models--a--b",
    ] {
        std::fs::create_dir_all(hub.join(folder)).unwrap();
    }
    std::fs::write(hub.join("models--a--b/blobs/x"), "12345").unwrap();
    std::fs::write(hub.join("models--a--b2/blobs/x"), "1").unwrap();
    hub
}

#[test]
fn exactly_the_model_and_its_locks_are_deleted() {
    let home = tempfile::tempdir().unwrap();
    let hub = hub(home.path());
    let found = read(&run(home.path(), &look(&repo()).unwrap()).1).unwrap();
    assert!(found.present && found.link.is_none());
    assert_eq!(found.size_bytes, Some(5));
    assert!(found.last_read.is_some());
    let (status, said) = run(home.path(), &remove(&repo()).unwrap());
    assert_eq!((status, said.trim()), (0, "deleted"));
    assert!(!hub.join("models--a--b").exists() && !hub.join(".locks/models--a--b").exists());
    assert!(hub.join("models--a--b2/blobs/x").exists());
    let (status, said) = run(home.path(), &remove(&repo()).unwrap());
    assert_eq!((status, said.trim()), (0, "absent"));
}

#[test]
fn a_link_is_neither_followed_nor_removed() {
    let home = tempfile::tempdir().unwrap();
    let hub = hub(home.path());
    symlink(hub.join("models--a--b2"), hub.join("models--c--d")).unwrap();
    let linked = RepoId::new("c/d").unwrap();
    let found = read(&run(home.path(), &look(&linked).unwrap()).1).unwrap();
    assert!(found.link.is_some());
    let node = on_node(&NodeId::numbered(1), Ok(found), Users::default());
    assert_eq!(node.state, DeleteState::Refused);
    assert_eq!(run(home.path(), &remove(&linked).unwrap()).0, 65);
    assert!(hub.join("models--a--b2/blobs/x").exists());
    assert!(hub.join("models--c--d").is_symlink());
}

#[test]
fn a_node_without_a_cache_has_nothing_to_delete() {
    let home = tempfile::tempdir().unwrap();
    let found = read(&run(home.path(), &look(&repo()).unwrap()).1).unwrap();
    assert!(!found.present);
    assert_eq!(
        run(home.path(), &remove(&repo()).unwrap()).1.trim(),
        "absent"
    );
}

fn found() -> OnDisk {
    OnDisk {
        path: "/h/models--a--b".to_owned(),
        present: true,
        size_bytes: Some(100),
        ..OnDisk::default()
    }
}

#[test]
fn what_uses_it_holds_it_and_a_recipe_does_not() {
    let node = NodeId::numbered(1);
    let users = |used_by| Users {
        used_by,
        ..Users::default()
    };
    let unit = ModelUser::Unit {
        unit: UnitId::new("main").unwrap(),
    };
    let recipe = ModelUser::Recipe {
        recipe: "b".to_owned(),
    };
    let state = |look: OnDisk, used_by| on_node(&node, Ok(look), users(used_by)).state;
    assert_eq!(state(found(), vec![]), DeleteState::Present);
    assert_eq!(state(found(), vec![recipe.clone()]), DeleteState::Present);
    assert_eq!(state(found(), vec![unit]), DeleteState::InUse);
    let growing = OnDisk {
        growing: true,
        ..found()
    };
    assert_eq!(state(growing, vec![]), DeleteState::InUse);
    let foreign = OnDisk {
        containers: vec!["vllm_node".to_owned()],
        ..found()
    };
    assert_eq!(state(foreign, vec![]), DeleteState::InUse);
    let locked = OnDisk {
        locked: Some("/h/models--a--b/blobs".to_owned()),
        ..found()
    };
    assert_eq!(state(locked, vec![]), DeleteState::Refused);
    let silent = on_node(&node, Err("no answer".to_owned()), users(vec![]));
    assert_eq!(
        (silent.state, silent.size_bytes),
        (DeleteState::Unknown, None)
    );
}

#[test]
fn the_preview_adds_up_what_comes_free() {
    let users = || Users {
        used_by: vec![ModelUser::Recipe {
            recipe: "b".to_owned(),
        }],
        ..Users::default()
    };
    let on = |n: u32, look: OnDisk| on_node(&NodeId::numbered(n), Ok(look), users());
    let absent = OnDisk {
        present: false,
        ..found()
    };
    let shown = preview(&repo(), vec![on(1, found()), on(2, absent)]);
    assert_eq!((shown.total_bytes, shown.warnings.len()), (100, 1));
}
