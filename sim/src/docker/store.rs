//! Docker's folder of a node: `images.json` and `containers/<id>/{config,state}.json`.
//!
//! There is no daemon process. Every command reads the folder, and a container counts as running only
//! while its shim lives under the node's current boot: so a kill, a reboot or a copied folder shows
//! what Docker would show after it, without anybody having to write it down in time.

use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;

use super::container::{Container, ContainerId, Process, State, Status};
use super::image::Image;
use crate::faults::Fault;
use crate::node::{Node, NodeError, files, process};
use crate::tools::Refusal;

/// Exit code of a container whose machine went away under it.
const LOST: i32 = 255;

/// The images and containers of one node.
#[derive(Debug, Clone)]
pub(super) struct Store {
    pub(super) node: Node,
}

impl Store {
    pub(super) fn new(node: Node) -> Self {
        Self { node }
    }

    /// Images on the node; the configured ones at first use. A fault hides some or changes their
    /// architecture.
    pub(super) fn images(&self) -> Result<Vec<Image>, NodeError> {
        let mut images = self.stored_images()?;
        let faults = self.node.faults();
        images.retain(|image| !image.tags.iter().any(|tag| faults.image_missing(tag)));
        for image in &mut images {
            if image.tags.iter().any(|tag| faults.wrong_arch(tag)) {
                "amd64".clone_into(&mut image.architecture);
            }
        }
        Ok(images)
    }

    fn stored_images(&self) -> Result<Vec<Image>, NodeError> {
        let stored = files::read_json::<Vec<Image>>(&self.node.docker_dir().join("images.json"))?;
        Ok(stored.unwrap_or_else(|| self.first_images()))
    }

    /// Replaces the list of images, and notes by how much the disk is fuller than it was at first.
    pub(super) fn save_images(&self, images: &[Image]) -> Result<(), NodeError> {
        let sum = |images: &[Image]| {
            images
                .iter()
                .map(|image| i128::from(image.size_bytes))
                .sum::<i128>()
        };
        let more = sum(images) - sum(&self.first_images());
        self.node
            .note_image_bytes(i64::try_from(more).unwrap_or(0))?;
        files::write_json(&self.node.docker_dir().join("images.json"), &images)
    }

    /// Adds an image that was pulled or loaded. Its tags are taken from the images that had them; a fault that
    /// hid it ends.
    pub(super) fn add_image(&self, image: &Image) -> Result<(), NodeError> {
        let _lock = self.node.lock()?;
        let mut images = self.stored_images()?;
        for known in &mut images {
            known.tags.retain(|tag| !image.tags.contains(tag));
        }
        match images.iter_mut().find(|known| known.id == image.id) {
            Some(known) => {
                known.tags.extend(image.tags.iter().cloned());
                known.architecture.clone_from(&image.architecture);
                for digest in &image.digests {
                    if !known.digests.contains(digest) {
                        known.digests.push(digest.clone());
                    }
                }
            }
            None => images.push(image.clone()),
        }
        self.save_images(&images)?;
        self.node.end_faults(|fault| matches!(fault, Fault::ImageMissing { image: name } if image.tags.contains(name)))
    }

    /// Changes the list of images, without what the faults make of it.
    pub(super) fn edit_images<T>(
        &self,
        change: impl FnOnce(&mut Vec<Image>) -> T,
    ) -> Result<T, NodeError> {
        let _lock = self.node.lock()?;
        let mut images = self.stored_images()?;
        let result = change(&mut images);
        self.save_images(&images)?;
        Ok(result)
    }

    /// The image that `name` means.
    pub(super) fn image(&self, name: &str) -> Result<Option<Image>, NodeError> {
        Ok(self
            .images()?
            .into_iter()
            .find(|image| image.answers_to(name)))
    }

    /// Every container, the newest first, each as it is now.
    pub(super) fn containers(&self) -> Result<Vec<Container>, NodeError> {
        let folder = self.node.docker_dir().join("containers");
        let mut containers = Vec::new();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let id = entry.file_name().to_str().and_then(ContainerId::parse);
            if let Some(container) = id.map(|id| self.load(&id)).transpose()?.flatten() {
                containers.push(container);
            }
        }
        containers.sort_by_key(|container| std::cmp::Reverse(container.created));
        Ok(containers)
    }

    /// One container; `None` when it is gone.
    pub(super) fn load(&self, id: &ContainerId) -> Result<Option<Container>, NodeError> {
        let folder = self.folder(id);
        let Some(mut container) = files::read_json::<Container>(&folder.join("config.json"))?
        else {
            return Ok(None);
        };
        let state = files::read_json(&folder.join("state.json"))?.unwrap_or_default();
        container.state = self.observed(state)?;
        Ok(Some(container))
    }

    /// The container that `name` means: name, id, or the start of an id.
    pub(super) fn find(&self, name: &str) -> Result<Container, Refusal> {
        let bare = name.strip_prefix('/').unwrap_or(name);
        let containers = self.containers()?;
        let exact = containers
            .iter()
            .find(|c| c.name() == bare || c.id.as_str() == bare);
        let mut starting = containers
            .iter()
            .filter(|c| c.id.as_str().starts_with(bare));
        let found = exact.or_else(|| starting.next());
        if exact.is_none() && found.is_some() && starting.next().is_some() {
            return Err(daemon(format!(
                "multiple IDs found with provided prefix: {bare}"
            )));
        }
        found
            .cloned()
            .ok_or_else(|| daemon(format!("No such container: {name}")))
    }

    /// Writes a new container.
    pub(super) fn add(&self, container: &Container) -> Result<(), NodeError> {
        let folder = self.folder(&container.id);
        files::write_json(&folder.join("state.json"), &container.state)?;
        self.save(container)
    }

    /// Writes what a container was made from, after a `rename`.
    pub(super) fn save(&self, container: &Container) -> Result<(), NodeError> {
        files::write_json(&self.folder(&container.id).join("config.json"), container)
    }

    /// Changes the state of a container; does nothing for one that is gone.
    pub(super) fn update(
        &self,
        id: &ContainerId,
        change: impl FnOnce(&mut State),
    ) -> Result<State, NodeError> {
        let _lock = self.node.lock()?;
        let path = self.folder(id).join("state.json");
        let Some(stored) = files::read_json::<State>(&path)? else {
            return Ok(State::default());
        };
        let mut state = self.observed(stored)?;
        change(&mut state);
        files::write_json(&path, &state)?;
        Ok(state)
    }

    /// Removes every trace of a container.
    pub(super) fn remove(&self, id: &ContainerId) -> Result<(), NodeError> {
        let folder = self.folder(id);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(NodeError::io("remove", &folder)(error))
            }
            _ => Ok(()),
        }
    }

    /// The folder of a container.
    pub(super) fn folder(&self, id: &ContainerId) -> PathBuf {
        self.node.docker_dir().join("containers").join(id.as_str())
    }

    /// The file with a container's output.
    pub(super) fn log(&self, id: &ContainerId) -> PathBuf {
        self.folder(id).join("log.jsonl")
    }

    fn first_images(&self) -> Vec<Image> {
        let mut images: Vec<Image> = Vec::new();
        for image in self
            .node
            .config()
            .images
            .iter()
            .map(|name| Image::published(name))
        {
            match images.iter_mut().find(|known| known.id == image.id) {
                Some(known) => known.tags.extend(image.tags),
                None => images.push(image),
            }
        }
        images
    }

    /// The state as it is now: what was running under another boot, or without a shim, is not.
    fn observed(&self, mut state: State) -> Result<State, NodeError> {
        if !state.status.is_live() {
            return Ok(state);
        }
        let node = self.node.state()?;
        if state.boot_id == node.boot_id.to_string() && state.shim.is_some_and(alive) {
            return Ok(state);
        }
        state.status = Status::Exited;
        state.exit_code = LOST;
        state.main = None;
        state.finished_at = state.started_at.map(|started| started.max(node.booted_at));
        Ok(state)
    }
}

/// Whether this very process still runs.
pub(super) fn alive(process: Process) -> bool {
    process::start_ticks(process.pid) == Some(process.start_ticks)
}

/// A process by its pid, as it is now.
pub(super) fn process(pid: u32) -> Process {
    Process {
        pid,
        start_ticks: process::start_ticks(pid).unwrap_or(0),
    }
}

/// A refusal of the Docker daemon.
pub(super) fn daemon(why: impl AsRef<str>) -> Refusal {
    Refusal::new(1, format!("Error response from daemon: {}", why.as_ref()))
}

/// A time as Docker's JSON writes it; the year 1 when there is none.
pub(super) fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(
        || "0001-01-01T00:00:00Z".to_owned(),
        |at| format!("{at:.9}"),
    )
}
