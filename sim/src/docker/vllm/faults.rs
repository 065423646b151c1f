//! The node's engine faults in the engine's own terms.

use crate::engine::{EngineFault, Stage};
use crate::faults::{EngineFailure, EngineStage, Fault, Faults, ServiceFailure, ServiceFault};

/// What is to go wrong in the engine of `container` with `rank`, if anything; its process has run for `age_s`
/// simulated seconds.
///
/// Of several, the one of the earliest stage: the engine would meet it first.
pub(super) fn of(faults: &Faults, container: &str, rank: u32, age_s: f64) -> Option<EngineFault> {
    if let Some(service) = faults.service(container, age_s) {
        return Some(running(service));
    }
    let mut mine: Vec<_> = faults
        .iter()
        .filter_map(|fault| match fault {
            Fault::Engine(engine) => faults.engine(engine.stage, container, rank),
            _ => None,
        })
        .collect();
    mine.sort_by_key(|fault| fault.stage);
    let first = mine.first()?;
    let stage = stage(first.stage);
    Some(match first.mode {
        EngineFailure::Exit => EngineFault::Die {
            stage,
            log: first.lines.clone(),
            exit_code: first.code,
        },
        EngineFailure::Hang => EngineFault::Hang { stage },
        EngineFailure::Garbage => EngineFault::Garbage,
        // A server whose every answer is an error is one whose core is gone.
        EngineFailure::Error => EngineFault::Hang {
            stage: Stage::Ready,
        },
    })
}

/// A failure of what runs, as the engine and the services know it.
fn running(fault: &ServiceFault) -> EngineFault {
    match fault.mode {
        ServiceFailure::Garbage => EngineFault::Garbage,
        ServiceFailure::Empty => EngineFault::Empty,
        ServiceFailure::Silent => EngineFault::Silent,
        ServiceFailure::WrongDimension => EngineFault::WrongDimension,
        ServiceFailure::WrongName => EngineFault::WrongName,
        ServiceFailure::Frozen => EngineFault::Frozen,
        ServiceFailure::Error => EngineFault::Error,
        ServiceFailure::Busy => EngineFault::Busy {
            requests: fault.waiting,
        },
        ServiceFailure::Exit => EngineFault::Die {
            stage: if fault.after_s == 0 {
                Stage::EngineInit
            } else {
                Stage::Ready
            },
            log: fault.lines.clone(),
            exit_code: fault.code,
        },
    }
}

fn stage(stage: EngineStage) -> Stage {
    match stage {
        EngineStage::Init => Stage::EngineInit,
        EngineStage::Ranks => Stage::RanksJoined,
        EngineStage::Weights => Stage::LoadingWeights,
        EngineStage::Kv => Stage::KvCache,
        EngineStage::Compile => Stage::Compile,
        EngineStage::Http | EngineStage::Serving => Stage::Ready,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::EngineFault as NodeFault;

    #[test]
    fn the_earliest_stage_that_is_meant_strikes() {
        let mut faults = Faults::default();
        for (stage, rank) in [(EngineStage::Kv, None), (EngineStage::Init, Some(1))] {
            faults.set(Fault::Engine(NodeFault {
                stage,
                mode: EngineFailure::Exit,
                code: 1,
                lines: vec!["boom".to_owned()],
                container: None,
                rank,
            }));
        }
        let stage = |rank| match of(&faults, "main", rank, 0.0) {
            Some(EngineFault::Die { stage, .. }) => Some(stage),
            _ => None,
        };
        assert_eq!(stage(0), Some(Stage::KvCache));
        assert_eq!(stage(1), Some(Stage::EngineInit));
        assert_eq!(of(&Faults::default(), "main", 0, 0.0), None);
    }
}
