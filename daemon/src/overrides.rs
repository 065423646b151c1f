//! The files of recipes: read into the catalogue, and changed when an operator confirms a recipe.
//!
//! One task owns `MODELS_OVERRIDES`, so two changes can never mix. It reads the files again after every change,
//! its own and those of a person with an editor. A file with a mistake in it is never written to, and what was
//! there before a change stays beside it as `.bak`.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use spark_core::catalog::edit::{self, EditError};
use spark_core::catalog::{BUNDLED, Catalog};
use spark_ipc::id::RecipeId;
use spark_ipc::model::recipe::Recipe;
use spark_ipc::{ApiError, ErrorCode, FieldError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

use crate::config::Paths;
use crate::files;
use crate::tasks::Tasks;

/// How often the files are looked at for changes by somebody else.
const LOOK: Duration = Duration::from_secs(2);
/// Changes that may wait.
const QUEUE: usize = 8;

/// The handle; cheap to clone.
#[derive(Debug, Clone)]
pub struct Overrides {
    catalog: watch::Receiver<Arc<Catalog>>,
    changes: mpsc::Sender<Change>,
    file: Arc<Path>,
}

/// A change of the file, and who is told how it went.
struct Change {
    what: What,
    reply: oneshot::Sender<Result<(), ApiError>>,
}

/// What is to change.
enum What {
    Put(Box<Recipe>),
    Remove(Vec<RecipeId>),
}

impl Overrides {
    /// Reads the files and starts the task.
    pub fn start(files: RecipeFiles, tasks: &Tasks) -> Self {
        let stamps = files.stamps();
        let catalog = watch::Sender::new(Arc::new(files.load()));
        tell_errors(&catalog.borrow());
        let (changes, asked) = mpsc::channel(QUEUE);
        let handle = Self {
            catalog: catalog.subscribe(),
            changes,
            file: files.overrides.as_path().into(),
        };
        let keeper = Keeper {
            files: Arc::new(files),
            stamps,
            catalog,
        };
        tasks.spawn("recipes", keeper.run(asked, tasks.clone()));
        handle
    }

    /// The recipes in force, and their changes.
    pub fn catalog(&self) -> watch::Receiver<Arc<Catalog>> {
        self.catalog.clone()
    }

    /// The file that is written.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Stores a recipe that was found to be sound; the catalogue has it when this returns.
    pub async fn put(&self, recipe: Recipe) -> Result<(), ApiError> {
        self.ask(What::Put(Box::new(recipe))).await
    }

    /// Removes recipes; the catalogue is without them when this returns.
    pub async fn remove(&self, ids: Vec<RecipeId>) -> Result<(), ApiError> {
        self.ask(What::Remove(ids)).await
    }

    async fn ask(&self, what: What) -> Result<(), ApiError> {
        let (reply, answer) = oneshot::channel();
        let ended = || ApiError::new(ErrorCode::Internal, "the daemon is shutting down");
        let change = Change { what, reply };
        self.changes.send(change).await.map_err(|_closed| ended())?;
        answer.await.map_err(|_closed| ended())?
    }
}

fn tell_errors(catalog: &Catalog) {
    for error in catalog.errors() {
        tracing::warn!(?error, "a recipe cannot be used");
    }
}

/// Where the recipes are.
#[derive(Debug, Clone)]
pub struct RecipeFiles {
    /// `MODELS_YAML`; without it the recipes inside the program.
    pub bundle: Option<PathBuf>,
    /// `MODELS_OVERRIDES`.
    pub overrides: PathBuf,
}

impl From<&Paths> for RecipeFiles {
    fn from(paths: &Paths) -> Self {
        Self {
            bundle: paths.models_yaml.clone(),
            overrides: paths.models_overrides.clone(),
        }
    }
}

/// What tells a file from a changed one; `None` when there is none.
type Stamp = Option<(u64, i64, i64, u64)>;

impl RecipeFiles {
    /// The recipes. A file that cannot be read is an error of the catalogue; the rest works.
    pub fn load(&self) -> Catalog {
        let mut unread = Vec::new();
        let mut read = |path: &Path, may_be_absent: bool| match fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) if may_be_absent && error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                unread.push(format!("{} cannot be read: {error}", path.display()));
                None
            }
        };
        let file = self.bundle.as_deref().and_then(|path| read(path, false));
        let overrides = read(&self.overrides, true);
        let mut catalog = Catalog::load(BUNDLED, file.as_deref(), overrides.as_deref());
        for error in unread {
            catalog.note(error);
        }
        catalog
    }

    fn stamps(&self) -> [Stamp; 2] {
        let stamp = |path: &Path| {
            let facts = fs::metadata(path).ok()?;
            Some((facts.len(), facts.mtime(), facts.mtime_nsec(), facts.ino()))
        };
        [
            self.bundle.as_deref().and_then(stamp),
            stamp(&self.overrides),
        ]
    }

    fn change(&self, what: &What) -> Result<(), ApiError> {
        // A link is followed, so that the file that it names is replaced and not the link.
        let path = fs::canonicalize(&self.overrides).unwrap_or_else(|_| self.overrides.clone());
        let before = match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(unusable(&path, "read", &error)),
        };
        let text = before.as_deref().unwrap_or_default();
        let after = match what {
            What::Put(recipe) => edit::put(text, recipe),
            What::Remove(ids) => edit::remove(text, ids),
        };
        let after = after.map_err(|error| refused(&path, &error))?;
        let mode = fs::metadata(&path).ok().map(|facts| facts.permissions());
        if let Some(before) = &before {
            let kept = files::beside(&path, "bak");
            files::replace(&kept, before.as_bytes()).map_err(|e| unusable(&kept, "written", &e))?;
        }
        files::replace(&path, after.as_bytes()).map_err(|e| unusable(&path, "written", &e))?;
        if let Some(mode) = mode
            && let Err(error) = fs::set_permissions(&path, mode)
        {
            tracing::warn!(path = %path.display(), %error, "the file's rights could not be kept");
        }
        Ok(())
    }
}

fn unusable(path: &Path, verb: &str, error: &io::Error) -> ApiError {
    let message = format!("{} cannot be {verb}: {error}", path.display());
    ApiError::new(ErrorCode::Internal, message)
        .with_hint("see the rights of the file and of its folder, and the space on the disk")
}

fn refused(path: &Path, error: &EditError) -> ApiError {
    let name = path.display();
    match error {
        EditError::Broken(faults) => {
            let message = format!("{name} has mistakes, so nothing was written");
            let field = |fault: &String| FieldError {
                path: name.to_string(),
                message: fault.clone(),
            };
            ApiError::new(ErrorCode::Conflict, message)
                .with_hint("correct the file by hand first")
                .with_fields(faults.iter().map(field).collect())
        }
        EditError::Shape => {
            let message = format!("{name} is written in a way that cannot be changed from here");
            ApiError::new(ErrorCode::Conflict, message)
                .with_hint("write its recipes as a block list, one entry each")
        }
    }
}

/// The task's own.
struct Keeper {
    files: Arc<RecipeFiles>,
    stamps: [Stamp; 2],
    catalog: watch::Sender<Arc<Catalog>>,
}

impl Keeper {
    async fn run(mut self, mut changes: mpsc::Receiver<Change>, tasks: Tasks) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = tasks.token().cancelled() => return,
                change = changes.recv() => {
                    let Some(change) = change else { return };
                    self.change(change).await;
                }
                _ = look.tick() => self.reread().await,
            }
        }
    }

    async fn change(&mut self, change: Change) {
        let Change { what, reply } = change;
        let files = Arc::clone(&self.files);
        let done = tokio::task::spawn_blocking(move || files.change(&what)).await;
        let done = done.unwrap_or_else(|error| {
            tracing::error!(%error, "a change of the recipes ended badly");
            Err(ApiError::new(ErrorCode::Internal, "the change ended badly"))
        });
        self.reread().await;
        if reply.send(done).is_err() {
            tracing::debug!("a caller went away before its answer");
        }
    }

    /// Reads the files again when they are not those that were read last.
    async fn reread(&mut self) {
        let (files, known) = (Arc::clone(&self.files), self.stamps);
        let read = tokio::task::spawn_blocking(move || {
            let stamps = files.stamps();
            (stamps != known).then(|| (stamps, files.load()))
        });
        if let Ok(Some((stamps, catalog))) = read.await {
            self.stamps = stamps;
            tell_errors(&catalog);
            self.catalog.send_replace(Arc::new(catalog));
        }
    }
}

#[cfg(test)]
mod tests;
