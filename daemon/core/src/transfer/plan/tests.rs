//! Who downloads, who copies, and what stands in the way.

use super::*;
use crate::transfer::FaultId;

const RESERVE: u64 = 50_000_000_000;

fn manifest(have: u64, come: u64) -> Manifest {
    Manifest {
        have_bytes: have,
        to_come_bytes: Some(come),
        free_bytes: Some(1_000_000_000_000),
        files: Some((5, 9)),
        ..Manifest::default()
    }
}

fn look(n: u32, manifest: Manifest) -> NodeLook {
    NodeLook {
        node: NodeId::numbered(n),
        manifest: Ok(manifest),
    }
}

fn path(from: u32, to: u32, fault: Option<FaultId>) -> Path {
    Path {
        from: NodeId::numbered(from),
        to: NodeId::numbered(to),
        target: Some(Target {
            user: "spark".to_owned(),
            address: "192.168.100.11".to_owned(),
            port: 22,
            hub: "/h".to_owned(),
        }),
        fault: fault.map(Fault::silent),
    }
}

fn ways(plan: &Planned) -> Vec<(&str, TransferWay)> {
    let legs = plan.preview.legs.iter();
    legs.map(|l| (l.node.as_str(), l.way)).collect()
}

#[test]
fn the_first_downloads_and_the_second_copies_over_the_fabric() {
    let looks = [look(1, manifest(0, 70_000)), look(2, manifest(0, 70_000))];
    let plan = download("a/b", &looks, &[path(1, 2, None)], RESERVE);
    assert_eq!(
        ways(&plan),
        [
            ("spark1", TransferWay::Download),
            ("spark2", TransferWay::Fabric)
        ]
    );
    assert!(plan.preview.blockers.is_empty());
    assert_eq!(plan.preview.total_bytes, Some(70_000));
    assert!(matches!(plan.legs[1].way, Way::Copy { .. }));
}

#[test]
fn who_has_it_already_is_the_source() {
    let looks = [look(1, manifest(0, 70_000)), look(2, manifest(70_000, 0))];
    let plan = download("a/b", &looks, &[path(2, 1, None)], RESERVE);
    assert_eq!(
        ways(&plan),
        [
            ("spark1", TransferWay::Fabric),
            ("spark2", TransferWay::Nothing)
        ]
    );
    // The source stands first for the executor.
    assert_eq!(plan.legs[0].node, NodeId::numbered(2));
}

#[test]
fn without_a_way_each_downloads_and_it_is_said_why() {
    let looks = [look(1, manifest(0, 70_000)), look(2, manifest(0, 70_000))];
    let no_fabric = download("a/b", &looks, &[], RESERVE);
    assert_eq!(no_fabric.preview.legs[1].way, TransferWay::Download);
    assert!(no_fabric.preview.legs[1].reason.contains("no fabric"));
    let no_key = download("a/b", &looks, &[path(1, 2, Some(FaultId::SshKey))], RESERVE);
    assert_eq!(no_key.preview.legs[1].way, TransferWay::Download);
    let warning = &no_key.preview.warnings[0];
    assert_eq!(warning.code, "ssh_key_missing");
    assert!(
        warning
            .fix
            .as_deref()
            .is_some_and(|f| f.contains("ssh-copy-id -p 22 spark@192.168.100.11")),
        "{warning:?}"
    );
}

#[test]
fn a_full_disk_a_refusal_and_a_silent_node_block() {
    let full = Manifest {
        free_bytes: Some(60_000_000_000),
        ..manifest(0, 20_000_000_000)
    };
    let gated = Manifest {
        to_come_bytes: None,
        fault: Some(Fault::silent(FaultId::Gated)),
        ..manifest(0, 0)
    };
    let silent = NodeLook {
        node: NodeId::numbered(3),
        manifest: Err("no answer".to_owned()),
    };
    let codes = |looks: &[NodeLook]| -> Vec<String> {
        let plan = download("a/b", looks, &[], RESERVE);
        plan.preview
            .blockers
            .iter()
            .map(|b| b.code.clone())
            .collect()
    };
    assert_eq!(codes(&[look(1, full)]), ["disk_full"]);
    assert_eq!(codes(&[look(1, gated)]), ["gated"]);
    assert_eq!(codes(&[look(1, manifest(0, 1)), silent]), ["unreachable"]);
}

#[test]
fn a_cache_of_roots_blocks_only_where_nothing_can_be_written() {
    let locked = Manifest {
        unwritable: Some("/h".to_owned()),
        ..manifest(0, 5)
    };
    let foreign = Manifest {
        foreign: Some("/h/x".to_owned()),
        ..manifest(0, 5)
    };
    let plan = download("a/b", &[look(1, locked)], &[], RESERVE);
    assert_eq!(plan.preview.blockers[0].code, "permission");
    let plan = download("a/b", &[look(1, foreign)], &[], RESERVE);
    assert!(plan.preview.blockers.is_empty());
    assert_eq!(plan.preview.warnings[0].code, "foreign_files");
}

#[test]
fn the_reserve_stays_free() {
    assert!(no_room(Some(10), Some(60), 50).is_none());
    let (message, _) = no_room(Some(11_000_000_000), Some(60_000_000_000), RESERVE).unwrap();
    assert!(message.contains("1.0 GB are lacking"), "{message}");
    assert!(no_room(Some(0), Some(0), RESERVE).is_none());
    assert!(no_room(None, Some(0), RESERVE).is_none());
}
