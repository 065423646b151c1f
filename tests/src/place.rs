//! Places in the checkout that tests use: what setup fetched, and where pictures are left to be looked at.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A path of the checkout.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Where pictures and captures of the screens are left.
pub fn screens() -> Result<PathBuf> {
    let folder = repository("target/screens");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder.canonicalize()?)
}
