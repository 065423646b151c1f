//! The models on the disks of the nodes: how they are listed, and how the lists become the menu.
//!
//! The lister runs on the node (`list.sh`): only there can links, sizes and manifests be compared without
//! copying them here. It prints one JSON object a model; this module reads those lines, believes none of them
//! blindly, and merges the lists of all nodes with recipes, units and operations.

mod disk;
mod merge;
mod traits;

pub use disk::{DiskModel, DiskState, command, is_whole, read};
pub use merge::{MergeInput, NodeList, merge};
pub use traits::{Traits, traits_of};
pub(crate) use traits::{architecture, field as traits_field};
