//! Which values are older than the node: those whose tool did not answer usably.

use std::collections::BTreeMap;

use spark_ipc::Time;
use spark_ipc::model::node::Stale;

use crate::probe::Warning;

/// Sections whose values are kept when they cannot be read.
const SECTIONS: [&str; 11] = [
    "id", "cpu", "mem", "gpu", "apps", "temp", "disk", "net", "roce", "docker", "ports",
];

/// When each section was last read well, and how often it failed since.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Ages(BTreeMap<&'static str, Age>);

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Age {
    read_at: Option<Time>,
    failed_looks: u32,
}

impl Ages {
    /// Takes in one look; returns what is stale after it.
    pub(super) fn observe(&mut self, warnings: &[Warning], now: Time) -> Vec<Stale> {
        SECTIONS
            .iter()
            .filter_map(|section| {
                let age = self.0.entry(section).or_default();
                let Some(warning) = warnings.iter().find(|w| w.section == *section) else {
                    *age = Age {
                        read_at: Some(now),
                        failed_looks: 0,
                    };
                    return None;
                };
                age.failed_looks = age.failed_looks.saturating_add(1);
                Some(Stale {
                    section: (*section).to_owned(),
                    read_at: age.read_at,
                    failed_looks: age.failed_looks,
                    problem: warning.to_string(),
                })
            })
            .collect()
    }
}
