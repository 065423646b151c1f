//! nims
