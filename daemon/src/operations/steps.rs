//! What each kind of step does.

pub(super) mod drain;
pub(super) mod free;
pub(super) mod launch;
pub(super) mod load;
pub(super) mod probe;
pub(super) mod stop;
