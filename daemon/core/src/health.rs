//! What a node's readings add up to: pure folds from one observation to the next.

pub mod link;
