//! Which node downloads, which ones copy, and whether there is room: the plan of a download, and of a copy.

use serde::{Deserialize, Serialize};
use spark_ipc::id::NodeId;
use spark_ipc::model::preflight::Finding;
use spark_ipc::model::transfer::{TransferLeg, TransferPreview, TransferWay};

use super::fault::Fault;
use super::manifest::Manifest;
use super::words::Target;

/// What is known of one node of a download.
#[derive(Debug, Clone)]
pub struct NodeLook {
    pub node: NodeId,
    /// The client's dry run there, or why it could not be asked.
    pub manifest: Result<Manifest, String>,
}

/// How one node reaches another.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    pub from: NodeId,
    pub to: NodeId,
    /// Where to; `None` when the two share no network of the fabric.
    pub target: Option<Target>,
    /// Why it cannot log in there.
    pub fault: Option<Fault>,
}

/// One node's part, as the executor takes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Leg {
    pub node: NodeId,
    pub way: Way,
    /// Bytes that are to come, as far as known.
    pub bytes: Option<u64>,
    /// Bytes of the model that were there before.
    pub have_bytes: u64,
}

/// How the bytes come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    Download,
    Copy { from: NodeId, target: Target },
    Nothing,
}

/// What is planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    pub legs: Vec<Leg>,
    pub preview: TransferPreview,
}

/// Plans a download to all of `looks`. The node that lacks least is the source; the others copy from it where
/// `paths` says that it can reach them, and download by themselves where not.
pub fn download(subject: &str, looks: &[NodeLook], paths: &[Path], reserve_bytes: u64) -> Planned {
    let mut plan = Planned {
        legs: Vec::new(),
        preview: TransferPreview {
            subject: subject.to_owned(),
            commit: None,
            files: None,
            total_bytes: None,
            legs: Vec::new(),
            blockers: Vec::new(),
            warnings: Vec::new(),
        },
    };
    let source = source(looks);
    if let Some((_, manifest)) = source {
        plan.preview.files = manifest.files.map(|(_, all)| all);
        let come = manifest.to_come_bytes;
        plan.preview.total_bytes = come.map(|come| come + manifest.have_bytes);
    }
    for look in looks {
        match &look.manifest {
            Err(why) => plan.block("unreachable", &look.node, why.clone(), None),
            Ok(manifest) => {
                let path = source.and_then(|(from, _)| path_of(paths, from, &look.node));
                plan.add(&look.node, manifest, source, path, reserve_bytes);
            }
        }
    }
    // The source first: the others wait for it.
    plan.legs
        .sort_by_key(|leg| matches!(leg.way, Way::Copy { .. }));
    plan
}

/// The node to download on, when there are several: the one with the least still to come.
pub fn source(looks: &[NodeLook]) -> Option<(&NodeId, &Manifest)> {
    let able = looks.iter().filter_map(|l| {
        let manifest = l.manifest.as_ref().ok()?;
        Some((&l.node, manifest)).filter(|(_, m)| m.fault.is_none())
    });
    able.min_by_key(|(_, m)| m.to_come_bytes.unwrap_or(u64::MAX))
}

fn path_of<'a>(paths: &'a [Path], from: &NodeId, to: &NodeId) -> Option<&'a Path> {
    paths.iter().find(|p| p.from == *from && p.to == *to)
}

impl Planned {
    fn block(&mut self, code: &str, node: &NodeId, message: String, fix: Option<String>) {
        self.preview.blockers.push(Finding {
            code: code.to_owned(),
            node: Some(node.clone()),
            message,
            fix,
        });
    }

    fn warn(&mut self, code: &str, node: &NodeId, message: String, fix: Option<String>) {
        self.preview.warnings.push(Finding {
            code: code.to_owned(),
            node: Some(node.clone()),
            message,
            fix,
        });
    }

    fn add(
        &mut self,
        node: &NodeId,
        manifest: &Manifest,
        source: Option<(&NodeId, &Manifest)>,
        path: Option<&Path>,
        reserve: u64,
    ) {
        let (way, from, bytes, reason) = self.way(node, manifest, source, path);
        if way == TransferWay::Download
            && let Some(fault) = &manifest.fault
        {
            let message = fault.sentence();
            self.block(fault.code(), node, message, Some(fault.remedy(None)));
        }
        self.check_disk(node, manifest, bytes, reserve);
        let executed = match (way, path.and_then(|p| p.target.clone()), &from) {
            (TransferWay::Nothing, _, _) => Way::Nothing,
            (TransferWay::Fabric, Some(target), Some(from)) => Way::Copy {
                from: from.clone(),
                target,
            },
            _ => Way::Download,
        };
        self.legs.push(Leg {
            node: node.clone(),
            way: executed,
            bytes,
            have_bytes: manifest.have_bytes,
        });
        self.preview.legs.push(TransferLeg {
            node: node.clone(),
            way,
            from,
            bytes,
            free_bytes: manifest.free_bytes,
            reserve_bytes: reserve,
            reason,
        });
    }

    fn way(
        &mut self,
        node: &NodeId,
        manifest: &Manifest,
        source: Option<(&NodeId, &Manifest)>,
        path: Option<&Path>,
    ) -> (TransferWay, Option<NodeId>, Option<u64>, String) {
        let own = manifest.to_come_bytes;
        if own == Some(0) && manifest.fault.is_none() {
            let reason = "every file of it is there already".to_owned();
            return (TransferWay::Nothing, None, Some(0), reason);
        }
        let Some((from, whole)) = source.filter(|(from, _)| *from != node) else {
            let reason = "from the Hub".to_owned();
            return (TransferWay::Download, None, own, reason);
        };
        match path {
            Some(Path {
                target: Some(_),
                fault: None,
                ..
            }) => {
                let all = whole.to_come_bytes.map(|come| come + whole.have_bytes);
                let bytes = own.or_else(|| all.map(|all| all.saturating_sub(manifest.have_bytes)));
                let reason = format!("over the fabric, when {from} has it");
                (TransferWay::Fabric, Some(from.clone()), bytes, reason)
            }
            Some(Path {
                target: Some(target),
                fault: Some(fault),
                ..
            }) => {
                let fix = Some(fault.remedy(Some(target)));
                let message = format!("{from} cannot send to {node}: {}", fault.sentence());
                self.warn(fault.code(), node, message, fix);
                let reason = format!("from the Hub, since {from} cannot log in to {node}");
                (TransferWay::Download, None, own, reason)
            }
            _ => {
                let reason = format!("from the Hub, since no fabric joins {from} and {node}");
                (TransferWay::Download, None, own, reason)
            }
        }
    }

    fn check_disk(&mut self, node: &NodeId, manifest: &Manifest, bytes: Option<u64>, reserve: u64) {
        if let Some((message, fix)) = no_room(bytes, manifest.free_bytes, reserve) {
            self.block("disk_full", node, message, Some(fix));
        }
        let fix = || Some("sudo chown -R $USER ~/.cache/huggingface".to_owned());
        if let Some(place) = &manifest.unwritable {
            let message = format!("{place} cannot be written by the login user");
            self.block("permission", node, message, fix());
        } else if let Some(file) = &manifest.foreign {
            let message = format!("{file} belongs to another user; writing beside it may fail");
            self.warn("foreign_files", node, message, fix());
        }
    }
}

/// Why `bytes` more do not fit, and what to do; `None` when they do, or when it cannot be told.
pub fn no_room(bytes: Option<u64>, free: Option<u64>, reserve: u64) -> Option<(String, String)> {
    let (bytes, free) = (bytes?, free?);
    let short = bytes
        .saturating_add(reserve)
        .checked_sub(free)
        .filter(|short| *short > 0 && bytes > 0)?;
    Some((
        format!(
            "{} are to come, {} are free and {} of them stay free: {} are lacking",
            gigabytes(bytes),
            gigabytes(free),
            gigabytes(reserve.min(free)),
            gigabytes(short),
        ),
        "delete models or images that are not needed, or lower DISK_RESERVE_GB".to_owned(),
    ))
}

/// `34.2 GB`, as disks are sold and as `hf` counts.
pub fn gigabytes(bytes: u64) -> String {
    let tenths = bytes / 100_000_000;
    format!("{}.{} GB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests;
