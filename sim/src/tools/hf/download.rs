//! `hf download`: what the client asks, decides and says.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::json;

use super::fetch::{Fetch, FetchError};
use super::options::Options;
use super::{Client, Hf};
use crate::cache::hub::{HubError, Request};
use crate::cache::{RepoFile, RepoLayout, repo_dir};
use crate::tools::{Outcome, Refusal, console};

const UNAUTHENTICATED: &str = "Warning: You are sending unauthenticated requests to the HF Hub. Please set a \
                               HF_TOKEN to enable higher rate limits and faster downloads.";
const NOT_FOUND: &str = "huggingface_hub.errors.LocalEntryNotFoundError: An error happened while trying to locate \
                         the files on the Hub and we cannot find the appropriate snapshot folder for the specified \
                         revision on the local disk. Please check your internet connection and try again.";
const NO_DRY_RUN: &str = "huggingface_hub.errors.DryRunError: Dry run cannot be performed as the repository cannot \
                          be accessed. Please check your internet connection or authentication token.";
const CAUSED: &str = "\n\nThe above exception was the direct cause of the following exception:\n\n";
const TRACEBACK: &str = "Traceback (most recent call last):\n  File \"/usr/local/bin/hf\", line 10, in <module>\n    \
                         sys.exit(main())\n             ^^^^^^\n";
const HINT: &str = "Hint: set HF_DEBUG=1 as environment variable for full traceback.";

impl Hf<'_> {
    pub(super) fn download(&self, words: &[&str]) -> Outcome {
        let options = Options::read(words, self.client)?;
        if !is_repo(&options.repo) {
            let text = format!(
                "Repo id must use alphanumeric chars, '-', '_' or '.'. The name cannot start or end with '-' or '.' \
                 and the maximum length is 96: '{}'.",
                options.repo
            );
            return Err(self.refusal(
                &format!("Invalid value. {text}"),
                &format!("huggingface_hub.errors.HFValidationError: {text}"),
            ));
        }
        if self.env.get("HF_HUB_OFFLINE").is_some_and(is_true) {
            return self.offline(&options);
        }
        let token = options.token.clone().or_else(|| self.token());
        let request = Request {
            repo: &options.repo,
            revision: &options.revision,
            token: token.as_deref(),
        };
        if token.is_none() && self.client == Client::Today && !options.quiet {
            console::err(UNAUTHENTICATED);
        }
        let layout = match request.list(self.node) {
            Ok(layout) => layout,
            Err(error) if options.dry_run => {
                return Err(uncaught(&format!(
                    "{}{CAUSED}{TRACEBACK}{NO_DRY_RUN}",
                    error.exception()
                )));
            }
            Err(error) => return self.fall_back(&options, &error),
        };
        let wanted: Vec<&RepoFile> = layout
            .files
            .iter()
            .filter(|file| options.wants(&file.path))
            .collect();
        for name in options.files.iter().filter(|name| !name.ends_with('/')) {
            if !layout.files.iter().any(|file| file.path == **name) {
                return Err(self.no_file(&options.repo, &layout, name));
            }
        }
        if let Some(file) = wanted.iter().find(|file| !self.has(&layout, file)) {
            request
                .open(self.node, &layout, file)
                .map_err(|error| self.refused(&error))?;
        }
        if options.dry_run {
            self.preview(&layout, &wanted, &options);
            return Ok(0);
        }
        let fetch = Fetch {
            node: self.node,
            env: self.env,
            hub: &self.hub,
            layout: &layout,
            options: &options,
        };
        fetch.run(&wanted).map_err(|error| self.failed(&error))?;
        self.done(
            &options,
            &layout.commit,
            options.files.first().filter(|_| wanted.len() == 1),
        );
        Ok(0)
    }

    /// What the client may use when the Hub does not answer: what is on the disk, if it is anything.
    fn fall_back(&self, options: &Options, error: &HubError) -> Outcome {
        if !error.falls_back() {
            return Err(self.refused(error));
        }
        let commit = self.commit(options);
        let snapshot = commit
            .as_deref()
            .map(|commit| self.snapshot(&options.repo, commit));
        match (snapshot, &commit) {
            (Some(path), Some(commit)) if path.is_dir() => {
                match self.is_incomplete(options, commit) {
                    Some(cause) if self.client == Client::Today => {
                        let shown = self.shown_snapshot(&options.repo, commit);
                        Err(self.refusal(
                        &format!("Local entry not found. {}\nIncomplete snapshot available at: {shown}", error.sentence()),
                        &format!("huggingface_hub.errors.IncompleteSnapshotError: {cause}"),
                    ))
                    }
                    // The real client, too, gives the folder that it has when the Hub cannot be reached.
                    _ => {
                        self.done(options, commit, None);
                        Ok(0)
                    }
                }
            }
            _ if error.is_outage() => Err(self.refusal(
                &format!("Local entry not found. {}", error.sentence()),
                &format!("{}{CAUSED}{TRACEBACK}{NOT_FOUND}", error.exception()),
            )),
            _ => Err(self.refused(error)),
        }
    }

    fn offline(&self, options: &Options) -> Outcome {
        let commit = self.commit(options);
        if let Some(commit) = commit.filter(|commit| self.snapshot(&options.repo, commit).is_dir())
        {
            self.done(options, &commit, None);
            return Ok(0);
        }
        let text = format!(
            "Cannot reach https://huggingface.co/api/models/{}/revision/{}: offline mode is enabled. To disable it, \
             please unset the `HF_HUB_OFFLINE` environment variable.",
            options.repo, options.revision
        );
        Err(self.refusal(
            &format!("Local entry not found. {text}"),
            &format!(
                "huggingface_hub.errors.OfflineModeIsEnabled: {text}{CAUSED}{TRACEBACK}{NOT_FOUND}"
            ),
        ))
    }

    /// The commit that the disk knows the revision by.
    fn commit(&self, options: &Options) -> Option<String> {
        let folder = repo_dir(&self.hub.real, &options.repo);
        let named = fs::read_to_string(folder.join("refs").join(&options.revision)).ok();
        named
            .map(|commit| commit.trim().to_owned())
            .or_else(|| Some(options.revision.clone()))
    }

    fn snapshot(&self, repo: &str, commit: &str) -> std::path::PathBuf {
        repo_dir(&self.hub.real, repo)
            .join("snapshots")
            .join(commit)
    }

    fn shown_snapshot(&self, repo: &str, commit: &str) -> String {
        let path = repo_dir(&self.hub.shown, repo)
            .join("snapshots")
            .join(commit);
        path.display().to_string()
    }

    /// What the manifest on the disk says against the snapshot, if there is one.
    fn is_incomplete(&self, options: &Options, commit: &str) -> Option<String> {
        let tree = repo_dir(&self.hub.real, &options.repo).join(format!("trees/{commit}.json"));
        let tree: serde_json::Value = serde_json::from_slice(&fs::read(tree).ok()?).ok()?;
        let snapshot = self.snapshot(&options.repo, commit);
        let files = tree.get("files")?.as_object()?;
        let missing = files
            .keys()
            .filter(|path| options.wants(path) && !snapshot.join(path).exists());
        let count = missing.count();
        (count > 0).then(|| format!("{count} files of the snapshot are missing"))
    }

    fn has(&self, layout: &RepoLayout, file: &RepoFile) -> bool {
        fs::metadata(layout.blob_path(&self.hub.real, file))
            .is_ok_and(|meta| meta.len() == file.size)
    }

    fn preview(&self, layout: &RepoLayout, wanted: &[&RepoFile], options: &Options) {
        let mut rows: Vec<(&str, u64)> = wanted
            .iter()
            .map(|file| {
                (
                    file.path.as_str(),
                    if self.has(layout, file) { 0 } else { file.size },
                )
            })
            .collect();
        rows.sort_unstable();
        if options.json {
            let files = rows
                .iter()
                .map(|(path, size)| json!({"file": path, "size": sized(*size)}));
            console::out(&files.collect::<serde_json::Value>().to_string());
            return;
        }
        let total: u64 = rows.iter().map(|(_, size)| size).sum();
        let count = rows.iter().filter(|(_, size)| *size > 0).count();
        let mut text = format!(
            "[dry-run] Will download {count} files (out of {}) totalling {}.",
            rows.len(),
            format_size(total)
        );
        let width = rows
            .iter()
            .map(|(path, _)| path.len())
            .max()
            .unwrap_or(4)
            .max(4);
        write!(
            text,
            "\n{:<width$} SIZE\n{} -----",
            "FILE",
            "-".repeat(width)
        )
        .ok();
        for (path, size) in rows {
            write!(text, "\n{path:<width$} {}", sized(size)).ok();
        }
        console::out(&text);
    }

    fn done(&self, options: &Options, commit: &str, file: Option<&String>) {
        let mut path = self.shown_snapshot(&options.repo, commit);
        if let Some(file) = file {
            path = Path::new(&path).join(file).display().to_string();
        }
        let (green, plain) = match self.env.get("NO_COLOR") {
            Some(_) => ("", ""),
            None => ("\u{1b}[32m", "\u{1b}[0m"),
        };
        console::out(&match (options.json, self.client) {
            (true, _) => json!({"path": path}).to_string(),
            _ if options.quiet || self.client == Client::Earlier => path,
            _ => format!("{green}✓ Downloaded{plain}\n  path: {path}"),
        });
    }

    fn refused(&self, error: &HubError) -> Refusal {
        self.refusal(&error.sentence(), &error.exception())
    }

    fn no_file(&self, repo: &str, layout: &RepoLayout, name: &str) -> Refusal {
        self.refused(&HubError::NoFile {
            repo: repo.to_owned(),
            url: format!(
                "https://huggingface.co/{repo}/resolve/{}/{name}",
                layout.commit
            ),
        })
    }

    fn failed(&self, error: &FetchError) -> Refusal {
        match error {
            FetchError::Hub(error) => self.refused(error),
            FetchError::Python(exception) => uncaught(exception),
        }
    }

    /// An error that the command line knows: one sentence, or the exception where somebody wants it.
    fn refusal(&self, sentence: &str, exception: &str) -> Refusal {
        let debug = self.env.get("HF_DEBUG").is_some_and(is_true);
        match self.client {
            Client::Earlier => uncaught(exception),
            Client::Today if debug => {
                Refusal::new(1, format!("Error: {sentence}\n{TRACEBACK}{exception}"))
            }
            Client::Today => Refusal::new(1, format!("Error: {sentence}\n{HINT}")),
        }
    }
}

/// How Python ends with an exception that nobody caught.
fn uncaught(exception: &str) -> Refusal {
    Refusal::new(1, format!("{TRACEBACK}{exception}"))
}

fn is_true(value: &str) -> bool {
    matches!(
        value.to_ascii_uppercase().as_str(),
        "1" | "ON" | "YES" | "TRUE"
    )
}

fn is_repo(name: &str) -> bool {
    let part = |part: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let edge = |c: Option<char>| c.is_some_and(|c| c != '-' && c != '.');
        part.bytes().all(plain) && edge(part.chars().next()) && edge(part.chars().last())
    };
    name.len() <= 96 && name.split('/').count() <= 2 && name.split('/').all(part)
}

fn sized(bytes: u64) -> String {
    if bytes == 0 {
        "-".to_owned()
    } else {
        format_size(bytes)
    }
}

/// As `huggingface_hub` shows sizes: one decimal, powers of 1000.
fn format_size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mut number = bytes as f64;
    for unit in ["", "K", "M", "G", "T"] {
        if number < 1000.0 {
            return format!("{number:.1}{unit}");
        }
        number /= 1000.0;
    }
    format!("{number:.1}P")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_decimal() {
        for (bytes, want) in [(0, "0.0"), (1_800, "1.8K"), (5_600_000_000, "5.6G")] {
            assert_eq!(format_size(bytes), want);
        }
    }

    #[test]
    fn repository_names_are_those_of_the_hub() {
        for good in ["gpt2", "Qwen/Qwen3-0.6B", "a/b--c"] {
            assert!(is_repo(good), "{good}");
        }
        for bad in ["a/b/c", "../x", "a/-b", "a b", ""] {
            assert!(!is_repo(bad), "{bad}");
        }
    }
}
