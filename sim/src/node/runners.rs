//! Which programs of the node can ask the Hub, and whose files the cache holds: what two faults change on the
//! disk itself, so that `command -v`, `find` and `rm` see it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::error::NodeError;
use super::{Faults, Node};
use crate::faults::HfRunner;

/// A user id that is not the node's user's, for a node of root's.
const STRANGER: u32 = 65534;

impl Node {
    /// Links the programs for the Hub that the node has, and removes the others.
    pub(super) fn link_runners(&self, executable: &Path) -> Result<(), NodeError> {
        let usual = || vec![HfRunner::Hf];
        let only = self.faults().hf_runners();
        // Today's package brings `huggingface-cli` too, which only says that it no longer works.
        let stub = only
            .as_ref()
            .is_none_or(|only| only.contains(&HfRunner::Hf));
        let has = only.unwrap_or_else(usual);
        let places = [
            (self.bin().join("hf"), has.contains(&HfRunner::Hf)),
            (self.bin().join("uvx"), has.contains(&HfRunner::Uvx)),
            (
                self.home().join(".local/bin/hf"),
                has.contains(&HfRunner::LocalHf),
            ),
            (
                self.bin().join("huggingface-cli"),
                stub || has.contains(&HfRunner::HuggingfaceCli),
            ),
        ];
        places
            .iter()
            .try_for_each(|(place, wanted)| set_link(place, executable, *wanted))
    }

    /// Does what a change of the faults means for programs and files.
    pub(super) fn follow_faults(&self, before: &Faults) -> Result<(), NodeError> {
        let now = self.faults();
        if before.hf_runners() != now.hf_runners()
            && let Ok(executable) = fs::read_link(self.bin().join("docker"))
        {
            self.link_runners(&executable)?;
        }
        for repo in before.root_owned_repos() {
            if !now.root_owned(repo) {
                self.give(repo, false)?;
            }
        }
        for repo in now.root_owned_repos() {
            if !before.root_owned(repo) {
                self.give(repo, true)?;
            }
        }
        Ok(())
    }

    /// Gives the files of `repo` to root, or back. Where we may not change owners, the folders can no longer be
    /// written instead, which for the user comes to the same.
    fn give(&self, repo: &str, away: bool) -> Result<(), NodeError> {
        let folder = crate::cache::repo_dir(&self.hub(), repo);
        if !folder.exists() {
            return Ok(());
        }
        let own = fs::metadata(self.dir()).map_err(NodeError::io("look at", self.dir()))?;
        let stranger = if own.uid() == 0 { STRANGER } else { 0 };
        let (user, group) = if away {
            (stranger, stranger)
        } else {
            (own.uid(), own.gid())
        };
        each(&folder, &mut |path| {
            let given = std::os::unix::fs::lchown(path, Some(user), Some(group)).is_ok();
            // To give back what never changed hands succeeds too: then the folders are still closed.
            if path.is_symlink() || !path.is_dir() || (away && given) {
                return Ok(());
            }
            let mode = if away { 0o555 } else { 0o755 };
            fs::set_permissions(path, fs::Permissions::from_mode(mode))
        })
        .map_err(NodeError::io("change the owner of", &folder))
    }
}

fn each(path: &Path, act: &mut impl FnMut(&Path) -> std::io::Result<()>) -> std::io::Result<()> {
    act(path)?;
    if path.is_symlink() || !path.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        each(&entry?.path(), act)?;
    }
    Ok(())
}

fn set_link(place: &PathBuf, executable: &Path, wanted: bool) -> Result<(), NodeError> {
    if fs::read_link(place).is_ok_and(|target| wanted && target == executable) {
        return Ok(());
    }
    if place.is_symlink() {
        fs::remove_file(place).map_err(NodeError::io("remove", place))?;
    }
    if !wanted {
        return Ok(());
    }
    let folder = place.parent().unwrap_or(place);
    fs::create_dir_all(folder)
        .and_then(|()| symlink(executable, place))
        .map_err(NodeError::io("link", place))
}
