//! Setting, replacing and reading faults.

use super::*;

#[test]
fn a_fault_of_the_same_kind_takes_the_place_of_the_earlier_one() {
    let mut faults = Faults::default();
    faults.set(Fault::SlowSsh { ms: 10 });
    faults.set(Fault::SlowSsh { ms: 20 });
    assert_eq!(faults.iter().count(), 1);
    assert_eq!(faults.slow_ssh(), Some(Duration::from_millis(20)));
}

#[test]
fn images_can_be_missing_side_by_side() {
    let mut faults = Faults::default();
    for image in ["a:1", "b:1", "a:1"] {
        faults.set(Fault::ImageMissing {
            image: image.to_owned(),
        });
    }
    assert_eq!(faults.iter().count(), 2);
    assert!(faults.image_missing("b:1") && !faults.image_missing("c:1"));
}

#[test]
fn clearing_by_name_leaves_the_others() {
    let mut faults = Faults::default();
    faults.set(Fault::LinkDown);
    faults.set(Fault::DockerDown);
    assert_eq!(faults.clear(Some("link_down")), [Fault::LinkDown]);
    assert!(faults.docker_down() && !faults.link_down());
    assert_eq!(faults.clear(None).len(), 1);
}

#[test]
fn an_engine_fault_applies_to_its_container_and_rank_only() {
    let mut faults = Faults::default();
    faults.set(Fault::Engine(EngineFault {
        stage: EngineStage::Weights,
        mode: EngineFailure::Hang,
        code: 1,
        lines: Vec::new(),
        container: Some("main".to_owned()),
        rank: Some(1),
    }));
    let hit = |stage, container, rank| faults.engine(stage, container, rank).is_some();
    assert!(hit(EngineStage::Weights, "sparkctl-main", 1));
    assert!(!hit(EngineStage::Weights, "sparkctl-main", 0));
    assert!(!hit(EngineStage::Weights, "other", 1));
    assert!(!hit(EngineStage::Kv, "sparkctl-main", 1));
}

#[test]
fn the_name_is_the_tag_in_the_file() {
    let fault = Fault::Engine(EngineFault {
        stage: EngineStage::Kv,
        mode: EngineFailure::Exit,
        code: 1,
        lines: Vec::new(),
        container: None,
        rank: None,
    });
    for fault in [fault, Fault::ClockSkew { seconds: -5 }, Fault::FrozenSsh] {
        let json = serde_json::to_value(&fault).unwrap();
        assert_eq!(json["fault"], fault.name());
        assert_eq!(serde_json::from_value::<Fault>(json).unwrap(), fault);
    }
}
