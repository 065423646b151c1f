//! What an operation keeps others from: one operation at a time per node and lane.
//!
//! A download may take hours and touches only the disk, so it must not stand in the way of a swap. Two
//! operations conflict when they share a node and a lane; a deletion holds both, since what it takes away may
//! just be wanted by the other lane.

use spark_ipc::id::NodeId;
use spark_ipc::model::operation::{Operation, OperationKind};

/// Which parts of its nodes an operation holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lanes {
    /// Containers, GPU and memory.
    pub engine: bool,
    /// Models and images on the disk.
    pub disk: bool,
}

impl Lanes {
    const ENGINE: Self = Self {
        engine: true,
        disk: false,
    };
    const DISK: Self = Self {
        engine: false,
        disk: true,
    };
    const BOTH: Self = Self {
        engine: true,
        disk: true,
    };

    /// The lanes that an operation of this kind holds.
    pub fn of(kind: OperationKind) -> Self {
        match kind {
            OperationKind::Swap
            | OperationKind::Stop
            | OperationKind::ServiceStart
            | OperationKind::ServiceStop
            | OperationKind::ServiceRestart => Self::ENGINE,
            OperationKind::Download
            | OperationKind::Copy
            | OperationKind::Verify
            | OperationKind::ImagePull
            | OperationKind::ImageCopy => Self::DISK,
            OperationKind::Delete | OperationKind::ImageRemove => Self::BOTH,
        }
    }

    /// Whether both hold a lane in common.
    pub fn meet(self, other: Self) -> bool {
        (self.engine && other.engine) || (self.disk && other.disk)
    }
}

/// Whether `operation` keeps another of `kind` on `nodes` from beginning.
pub fn holds(operation: &Operation, kind: OperationKind, nodes: &[NodeId]) -> bool {
    Lanes::of(operation.kind).meet(Lanes::of(kind))
        && operation.nodes.iter().any(|node| nodes.contains(node))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conflict(a: OperationKind, b: OperationKind) -> bool {
        Lanes::of(a).meet(Lanes::of(b))
    }

    #[test]
    fn a_download_lets_a_swap_pass() {
        assert!(!conflict(OperationKind::Download, OperationKind::Swap));
        assert!(!conflict(
            OperationKind::ServiceStart,
            OperationKind::ImagePull
        ));
    }

    #[test]
    fn two_of_a_lane_wait_for_one_another() {
        assert!(conflict(OperationKind::Swap, OperationKind::ServiceStart));
        assert!(conflict(OperationKind::Download, OperationKind::Copy));
    }

    #[test]
    fn a_deletion_keeps_everything_away() {
        for kind in [
            OperationKind::Swap,
            OperationKind::Stop,
            OperationKind::Download,
            OperationKind::ServiceStart,
            OperationKind::Delete,
        ] {
            assert!(conflict(OperationKind::Delete, kind), "{kind:?}");
        }
    }
}
